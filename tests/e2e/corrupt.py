#!/usr/bin/python3
"""Damaged spool files and damaged databases: what is damaged is put aside with its reason, the others
are delivered, mail goes on being accepted, and nothing is lost when the database is made anew."""

import os
import random
import signal
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Failed, Peer, Sandbox, Tap, wait_for  # noqa: E402

END = 174


def expect(good, what):
    if not good:
        raise AssertionError(what)


def path(s, *parts):
    return os.path.join(s.dir, *parts)


def flip(name, at):
    with open(name, "r+b") as f:
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 1]))


def cut(name, n):
    os.truncate(name, n)


def as_folder(name):
    os.unlink(name)
    os.mkdir(name)
    os.chmod(name, 0o777)  # else another user cannot move it, whoever owns the folder above


def as_link(name):
    os.unlink(name)
    os.symlink("/etc/passwd", name)


def as_fifo(name):
    os.unlink(name)
    os.mkfifo(name)


def sparse(name):
    os.truncate(name, 4 << 30)


def damages(size):
    """(what, function): samples of each part, and other things in a file's place."""
    rng = random.Random(7)
    positions = sorted(rng.sample(range(size), 25)) + [0, size - 1, size - END, size - 2]
    found = [("octet %d" % p, lambda n, p=p: flip(n, p)) for p in positions]
    found += [("cut to %d" % p, lambda n, p=p: cut(n, p)) for p in (0, 1, END, size // 2, size - 1)]
    found += [(f.__name__, f) for f in (as_folder, as_link, as_fifo, sparse)]
    return found


def ends_well(s, peer, good, bad):
    """All that is good arrives, nothing that is bad does, and queued lives."""
    expect(wait_for(lambda: all(s.state(m) == ["delivered"] for m in good), 40),
           [s.state(m) for m in good])
    for what, m in bad:
        expect(peer.copies(m.ref) == 0, "%s was sent" % what)


def damaged_before_they_are_claimed(s, peer):
    pid = s.pid("queued")
    os.kill(pid, signal.SIGSTOP)
    try:
        probe = s.submit("pro@peer.test", body="x" * 70 + "\r\n")
        folder = path(s, "spool", "new", "smtpd")
        todo, good, bad = damages(os.path.getsize(os.path.join(folder, probe))), [probe], []
        for what, damage in todo:
            m = s.submit("new@peer.test", body="x" * 70 + "\r\n")
            damage(os.path.join(folder, m))
            bad.append((what, m))
            good.append(s.submit("good@peer.test"))
    finally:
        os.kill(pid, signal.SIGCONT)
    expect(wait_for(lambda: s.state(good[-1]) == ["delivered"], 40), s.state(good[-1]))

    def is_aside(m):
        return os.path.lexists(path(s, "spool", "corrupt", m)) or s.state(m) == ["held"]
    for what, m in bad:
        expect(wait_for(lambda: is_aside(m), 20), "%s is not put aside: %s" % (what, s.state(m)))
        expect(s.log_find(r"alert corrupt .*%s.* reason=" % m), "%s is not in the log" % what)
    ends_well(s, peer, good, bad)
    expect(s.pid("queued") == pid, "queued ended")


def damaged_in_the_queue(s, peer):
    s.command("queue", "pause")
    m = s.submit("pro@peer.test", body="x" * 70 + "\r\n")
    s.command("message", "list")
    cur = path(s, "spool", "cur", m[-2:], m)
    size, good, bad = os.path.getsize(cur), [m], []
    with open(cur, "rb") as f:
        body = f.read().index(b"\n\n") + 2
    todo = [(w, d) for w, d in damages(size) if not w.startswith("octet")]
    todo += [("octet %d" % p, lambda n, p=p: flip(n, p))
             for p in (body, (body + size - END) // 2, size - END - 1, size - END, size - 1)]
    for what, damage in todo:
        m = s.submit("cur@peer.test", body="x" * 70 + "\r\n")
        good.append(s.submit("good@peer.test"))
        s.command("message", "list")
        damage(path(s, "spool", "cur", m[-2:], m))
        bad.append((what, m))
    s.command("queue", "resume")
    for what, m in bad:
        expect(wait_for(lambda: s.state(m) == ["held"], 30), "%s: %s" % (what, s.state(m)))
        expect([e["event"] for e in s.trace(m)][-1] == "corrupt", s.trace(m))
    ends_well(s, peer, good, bad)
    # what is restored from a backup goes on when it is released
    m = s.submit("restored@nowhere.test")
    expect(wait_for(lambda: s.state(m) == ["deferred"]), s.state(m))
    cur = path(s, "spool", "cur", m[-2:], m)
    os.rename(cur, path(s, "backup"))
    s.command("queue", "retry", m)
    expect(wait_for(lambda: s.state(m) == ["held"]), s.state(m))
    os.rename(path(s, "backup"), cur)
    s.command("queue", "release", m)
    expect(wait_for(lambda: s.state(m) == ["deferred"]), s.state(m))
    s.command("queue", "cancel", m)


def broken_database(damage):
    """While it cannot be opened mail is accepted; made anew from the spool, nothing is missing."""
    def test(s, peer):
        s.command("queue", "pause")
        before = [s.submit("b%d@peer.test" % i) for i in range(3)]
        s.command("message", "list")
        start, pid = s.log_size(), s.pid("queued")
        os.kill(pid, signal.SIGSTOP)
        db = path(s, "mail", "mail.db")
        for suffix in "-wal", "-shm":
            if os.path.exists(db + suffix):
                os.unlink(db + suffix)
        damage(db)
        os.kill(pid, signal.SIGKILL)
        expect(wait_for(lambda: s.log_find(r"queued\[\d+\]: error fatal .*mail\.db", start), 20),
               "not told")
        told = s.log_find(r"queued\[\d+\]: error fatal .*mail\.db", start)[0]
        expect("nothing is lost" in told or "restore" in told or "version" in told, told)
        during = s.submit("during@peer.test")
        for name in os.listdir(path(s, "mail")):
            if name.startswith("mail.db"):
                os.rename(path(s, "mail", name), path(s, name + ".broken"))
        expect(wait_for(s.ready, 40), s.status())
        for m in before + [during]:
            expect(wait_for(lambda: s.state(m) == ["delivered"], 40), (m, s.state(m)))
            expect(peer.copies(m.ref) >= 1, "lost")
    return test


def garbage(db):
    with open(db, "r+b") as f:
        f.write(b"\xff" * 8192)


def empty_garbage(db):
    with open(db, "wb") as f:
        f.write(b"no database at all, but long enough to be looked at\n" * 100)


def newer(db):
    c = sqlite3.connect(db)
    c.execute("PRAGMA user_version = 99")
    c.close()


def locked(s, peer):
    c = sqlite3.connect(path(s, "mail", "mail.db"), isolation_level=None)
    c.execute("BEGIN IMMEDIATE")
    m = s.submit("locked@peer.test")
    time.sleep(7)  # longer than queued waits for it
    c.execute("ROLLBACK")
    c.close()
    expect(wait_for(lambda: s.state(m) == ["delivered"], 30), s.state(m))
    expect(peer.copies(m.ref) == 1, "copies: %d" % peer.copies(m.ref))


TESTS = [
    ("files damaged before they are claimed", damaged_before_they_are_claimed),
    ("files damaged in the queue", damaged_in_the_queue),
    ("mail.db with a wrong beginning", broken_database(garbage)),
    ("mail.db that is no database", broken_database(empty_garbage)),
    ("mail.db of a newer release", broken_database(newer)),
    ("mail.db locked by somebody else", locked),
]


def main():
    tap, names = Tap(), sys.argv[1:]
    for i, (name, test) in enumerate(TESTS):
        if names and not any(n in name for n in names):
            continue
        with Peer() as peer, Sandbox(mx={"peer.test": peer.address},
                                     settings={"queue.scan": "500ms", "queue.retry": "1s"}) as s:
            tap.run(name, test, s, peer)
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - the sandbox: %s" % e)
    sys.exit(1)
