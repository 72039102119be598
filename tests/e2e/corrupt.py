#!/usr/bin/python3
"""Damaged spool files and damaged databases: what is damaged is put aside with its reason, the others
are delivered, mail goes on being accepted, and nothing is lost when the database is made anew."""

import os
import random
import re
import shutil
import signal
import smtplib
import socket
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


def as_socket(name):
    os.unlink(name)
    here = os.getcwd()
    os.chdir(os.path.dirname(name))  # its name has at most 108 octets
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(os.path.basename(name))
    finally:
        os.chdir(here)


def sparse(name):
    os.truncate(name, 4 << 30)


def damages(size):
    """(what, function): samples of each part, and other things in a file's place."""
    rng = random.Random(7)
    positions = sorted(rng.sample(range(size), 25)) + [0, size - 1, size - END, size - 2]
    found = [("octet %d" % p, lambda n, p=p: flip(n, p)) for p in positions]
    found += [("cut to %d" % p, lambda n, p=p: cut(n, p)) for p in (0, 1, END, size // 2, size - 1)]
    found += [(f.__name__, f) for f in (as_folder, as_link, as_fifo, as_socket, sparse)]
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


def damaged_before_the_start(s, peer):
    """All that lies in spool/cur when queued starts without a database, which reads each file."""
    s.command("queue", "pause")
    probe = s.submit("pro@peer.test", body="x" * 70 + "\r\n")
    s.command("message", "list")
    cur = path(s, "spool", "cur", probe[-2:], probe)
    with open(cur, "rb") as f:
        body = f.read().index(b"\n\n") + 2
    size, good, bad = os.path.getsize(cur), [probe], []
    for what, damage in damages(size):
        octet = int(what[6:]) if what.startswith("octet") else 0
        if body <= octet < size - END:
            continue  # the body's checksum is compared when it is delivered
        m = s.submit("start@peer.test", body="x" * 70 + "\r\n")
        good.append(s.submit("good@peer.test"))
        bad.append((what, m, damage))
    hidden = s.submit("hidden@peer.test")
    s.command("message", "list")
    s.stop()
    hidden_path = path(s, "spool", "cur", hidden[-2:], hidden)
    os.chmod(hidden_path, 0o600)  # as a restore may do
    for what, m, damage in bad:
        damage(path(s, "spool", "cur", m[-2:], m))
    for name in os.listdir(path(s, "mail")):
        if name.startswith("mail.db"):
            os.unlink(path(s, "mail", name))
    start = os.path.getsize(s.log)
    s.start()
    expect(s.log_find("alert database-made-anew .*suppression", start), "mail.db: not told")
    expect(s.log_find("alert unreadable .*%s" % hidden, start), "mode 0600: not told")
    ends_well(s, peer, good, [(what, m) for what, m, _ in bad])
    os.chmod(hidden_path, 0o644)
    os.kill(s.pid("queued"), signal.SIGKILL)
    ends_well(s, peer, [hidden], [])
    for what, m, _ in bad:
        expect(os.path.lexists(path(s, "spool", "corrupt", m)), "%s is not put aside" % what)
        expect(s.log_find(r"alert corrupt .*%s.* reason=" % m, start), "%s is not told" % what)


def broken_database(damage, advice="restore|version"):
    """While it cannot be opened mail is accepted; made anew from the spool, nothing is missing."""
    def test(s, peer):
        s.command("queue", "pause")
        before = [s.submit("b%d@peer.test" % i) for i in range(3)]
        s.command("message", "list")
        start, pid = s.log_size(), s.pid("queued")
        os.kill(pid, signal.SIGSTOP)
        db = path(s, "mail", "mail.db")
        c = sqlite3.connect(db)
        c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        c.close()
        for suffix in "-wal", "-shm":
            if os.path.exists(db + suffix):
                os.unlink(db + suffix)
        damage(db)
        os.kill(pid, signal.SIGKILL)
        expect(wait_for(lambda: s.log_find(r"queued\[\d+\]: error fatal .*mail\.db", start), 20),
               "not told")
        told = s.log_find(r"queued\[\d+\]: error fatal .*mail\.db", start)[0]
        expect(re.search(advice, told), told)
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


def truncated(db):
    os.truncate(db, os.path.getsize(db) // 4096 // 2 * 4096)


def a_page(db):
    """The pages with the copies' rows: what a start has to read."""
    c = sqlite3.connect("file:%s?mode=ro&immutable=1" % db, uri=True)
    root = c.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'copies'").fetchone()[0]
    c.close()
    with open(db, "r+b") as f:
        f.seek((root - 1) * 4096)
        f.write(b"\xff" * 4096)


def newer(db):
    c = sqlite3.connect(db)
    c.execute("PRAGMA user_version = 99")
    c.close()


def without_its_end(lose):
    """mail.db without what was written last, or without anything: queued goes on by itself."""
    def test(s, peer):
        s.command("queue", "pause")
        before = [s.submit("b%d@peer.test" % i) for i in range(3)]
        s.command("message", "list")
        pid = s.pid("queued")
        os.kill(pid, signal.SIGSTOP)
        during = s.submit("during@peer.test")
        lose(path(s, "mail", "mail.db"))
        os.kill(pid, signal.SIGKILL)
        expect(wait_for(s.ready, 40), s.status())
        for m in before + [during]:
            expect(wait_for(lambda: s.state(m) == ["delivered"], 40), (m, s.state(m)))
            expect(peer.copies(m.ref) >= 1, "lost")
        expect(wait_for(lambda: s.command("verify", "--deep", check=False)[0] == 0, 20),
               s.command("verify", "--deep", check=False))
    return test


def lose_wal(db):
    os.unlink(db + "-wal")
    os.unlink(db + "-shm")


def empty(db):
    lose_wal(db)
    os.truncate(db, 0)


def restored(s, peer):
    """An older mail.db from a backup: what came since is taken from the spool."""
    old = s.submit("old@nowhere.test")
    expect(wait_for(lambda: s.state(old) == ["deferred"]), s.state(old))
    s.stop()
    for name in os.listdir(path(s, "mail")):
        if name.startswith("mail.db"):
            os.rename(path(s, "mail", name), path(s, name + ".backup"))
            shutil.copy2(path(s, name + ".backup"), path(s, "mail", name))
            st = os.stat(path(s, name + ".backup"))
            os.chown(path(s, "mail", name), st.st_uid, st.st_gid)
    s.start()
    s.command("queue", "pause")
    since = [s.submit("s%d@peer.test" % i) for i in range(3)]
    s.command("message", "list")
    s.stop()
    for name in os.listdir(path(s, "mail")):
        if name.startswith("mail.db"):
            os.unlink(path(s, "mail", name))
    for name in os.listdir(s.dir):
        if name.endswith(".backup"):
            os.rename(path(s, name), path(s, "mail", name[:-len(".backup")]))
    s.start()
    s.command("queue", "resume")
    for m in since:
        expect(wait_for(lambda: s.state(m) == ["delivered"], 40), (m, s.state(m)))
        expect(peer.copies(m.ref) == 1, "copies: %d" % peer.copies(m.ref))
    expect(s.state(old) == ["deferred"], s.state(old))
    expect(s.command("verify", "--deep", check=False)[0] == 0, s.command("verify", check=False))


def control_restored(s, peer):
    """With an older control.db the mail of a server that it does not know waits, and is not lost."""
    def set_aside(suffix):
        for name in os.listdir(path(s, "control")):
            if name.startswith("control.db"):
                os.rename(path(s, "control", name), path(s, name + suffix))

    def put_back(suffix):
        for name in os.listdir(s.dir):
            if name.endswith(suffix):
                os.rename(path(s, name), path(s, "control", name[:-len(suffix)]))
    s.stop()
    set_aside(".old")
    for name in os.listdir(s.dir):
        if name.endswith(".old"):
            new = path(s, "control", name[:-len(".old")])
            shutil.copy2(path(s, name), new)
            st = os.stat(path(s, name))
            os.chown(new, st.st_uid, st.st_gid)
    s.start()
    s.command("server", "create", "sandbox/later")
    s.command("domain", "create", "later.test", "--server", "sandbox/later", "--verified")
    secret = s.json("credential", "create", "smtp", "app", "--server", "sandbox/later")[0]["secret"]
    s.command("queue", "pause")
    smtp = s.session(login=False)
    smtp.login("later", secret)
    m = s.submit("waits@peer.test", sender="a@later.test", session=smtp)
    smtp.close()
    s.command("message", "list")
    s.stop()
    set_aside(".new")
    put_back(".old")
    s.start()
    s.command("queue", "resume")
    expect(wait_for(lambda: s.state(m) == ["held"]), s.state(m))
    held = [e for e in s.trace(m) if e["event"] == "held"][0]
    expect(held["reason"] == "server-unknown" and "restore" in held["detail"], held)
    s.command("queue", "release", m)
    expect(wait_for(lambda: [e["event"] for e in s.trace(m)][-1] == "held"), s.trace(m))
    s.stop()
    set_aside(".old")
    put_back(".new")
    s.start()
    s.command("queue", "release", m)
    expect(wait_for(lambda: s.state(m) == ["delivered"]), s.state(m))
    expect(peer.copies(m.ref) == 1, "copies: %d" % peer.copies(m.ref))


def locked(s, peer):
    c = sqlite3.connect(path(s, "mail", "mail.db"), isolation_level=None)
    c.execute("BEGIN EXCLUSIVE")
    m = s.submit("locked@peer.test")
    time.sleep(7)  # longer than queued waits for it
    c.execute("ROLLBACK")
    c.close()
    expect(wait_for(lambda: s.state(m) == ["delivered"], 30), s.state(m))
    expect(peer.copies(m.ref) == 1, "copies: %d" % peer.copies(m.ref))


def locked_orders(s, peer):
    """An order that cannot be written down now is carried out for all its copies when it can."""
    s.command("queue", "pause")
    smtp = s.session()
    many = [s.submit(["o%d.%d@peer.test" % (i, k) for k in range(500)], session=smtp)
            for i in range(5)]
    s.command("message", "list")
    c = sqlite3.connect(path(s, "mail", "mail.db"), isolation_level=None)
    c.execute("BEGIN IMMEDIATE")
    try:
        code, _, err = s.command("queue", "cancel", "--all", check=False, timeout=60)
        expect(code == 75 and "when it can be" in err, (code, err))
        code, _, err = s.command("trace", many[0], check=False, timeout=60)
    finally:
        c.execute("ROLLBACK")
        c.close()
    expect(wait_for(lambda: s.json("queue", "show")[0]["open"] == 0, 30), s.json("queue", "show"))
    expect(all(set(s.state(m)) == {"cancelled"} for m in many), "not all are cancelled")


def sweep(s, peer):
    """A day with many files is removed bit by bit, and mail goes on meanwhile."""
    s.stop()
    kept = path(s, "kept", str(int(time.time()) // 86400 - 1))
    owner = os.stat(path(s, "kept"))
    made = [kept] + [os.path.join(kept, "%02x" % i) for i in range(50)]
    for name in made:
        os.mkdir(name)
        os.chown(name, owner.st_uid, owner.st_gid)
    for name in made[1:]:
        for i in range(150):
            open(os.path.join(name, "%d" % i), "w").close()
    s.start()
    m = s.submit("meanwhile@peer.test")
    expect(wait_for(lambda: s.state(m) == ["delivered"], 30), s.state(m))
    expect(wait_for(lambda: not os.path.exists(kept), 30), "it stays")
    expect(s.log_find("kept-removed"), "not told")


def folders_missing(s, peer):
    """A restored spool has no empty folders: they are made as they are needed."""
    for i in range(256):
        try:
            os.rmdir(path(s, "spool/cur", "%02x" % i))
        except OSError:
            pass
    many = [s.submit("folder%d@peer.test" % i) for i in range(5)]
    expect(wait_for(lambda: all(s.state(m) == ["delivered"] for m in many), 30),
           [s.state(m) for m in many])
    expect(all(peer.copies(m.ref) == 1 for m in many), "once each")


def folders_unwritable(s, peer):
    """More new files than one look takes, and none can be moved: orders are answered, and later
    all is delivered."""
    folders = [path(s, "spool/cur", "%02x" % i) for i in range(256)]
    s.command("queue", "pause")
    for f in folders:
        os.chmod(f, 0o500)
    try:
        many = [s.submit("stuck%d@peer.test" % i) for i in range(520)]
        expect(s.json("queue", "show")[0]["paused"] is True, "an order")
    finally:
        for f in folders:
            os.chmod(f, 0o700)
    s.command("queue", "resume")
    expect(wait_for(lambda: s.json("queue", "show")[0]["open"] == 0, 60), s.json("queue", "show"))
    expect([s.state(m) for m in many if s.state(m) != ["delivered"]] == [], "not delivered")


def control_locked(s, peer):
    """Who writes control.db stops neither logins nor deliveries."""
    c = sqlite3.connect(path(s, "control", "control.db"), isolation_level=None)
    c.execute("BEGIN EXCLUSIVE")
    c.execute("UPDATE orgs SET name = name")
    m = s.submit("control@peer.test")
    expect(wait_for(lambda: s.state(m) == ["delivered"], 30), s.state(m))
    c.execute("ROLLBACK")
    c.close()


def control_damaged(s, peer):
    """Logins are put off, what is in the queue waits, a start is refused; restored, all goes on."""
    s.command("queue", "pause")
    before = s.submit("before@peer.test")
    s.command("message", "list")
    db = path(s, "control", "control.db")
    c = sqlite3.connect(db)
    c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    c.close()
    with open(db, "rb") as f:
        good = f.read()
    start = s.log_size()
    garbage(db)
    for pid in s.workers("smtpd"):
        os.kill(pid, signal.SIGKILL)
    os.kill(s.pid("queued"), signal.SIGKILL)
    expect(wait_for(lambda: s.ready() and s.workers("smtpd"), 20), s.status())
    try:
        s.session().close()
        expect(False, "a login was taken")
    except smtplib.SMTPAuthenticationError as e:
        expect(e.smtp_code == 454, e)
    s.command("queue", "resume")
    expect(wait_for(lambda: s.log_find("queued.* error control-unavailable .*control.db", start)),
           "not told")
    expect(s.state(before)[0] in ("queued", "deferred") and not peer.copies(before.ref),
           s.state(before))
    expect("control/control.db" in s.command("verify", check=False)[1], "verify")
    s.stop()
    code, _, err = s.command("sandbox", "start", s.dir, here=False, check=False, timeout=60)
    expect(code != 0 and "control.db" in err, (code, err))
    with open(db, "r+b") as f:
        f.write(good)
    s.start()
    expect(wait_for(lambda: s.state(before) == ["delivered"], 40), s.state(before))
    m = s.submit("after@peer.test")
    expect(wait_for(lambda: s.state(m) == ["delivered"], 40), s.state(m))


TESTS = [
    ("files damaged before they are claimed", damaged_before_they_are_claimed),
    ("files damaged in the queue", damaged_in_the_queue),
    ("files damaged before the start", damaged_before_the_start),
    ("mail.db with a wrong beginning", broken_database(garbage)),
    ("mail.db that is no database", broken_database(empty_garbage)),
    ("mail.db of a newer release", broken_database(newer)),
    ("mail.db cut in half", broken_database(truncated)),
    ("mail.db with a damaged page", broken_database(a_page)),
    ("mail.db that lost its -wal", without_its_end(lose_wal)),
    ("mail.db of 0 octets", without_its_end(empty)),
    ("mail.db restored from a backup", restored),
    ("control.db restored from a backup", control_restored),
    ("mail.db locked by somebody else", locked),
    ("orders while mail.db is locked", locked_orders),
    ("a day of many kept files", sweep),
    ("the folders of spool/cur are missing", folders_missing),
    ("the folders of spool/cur are not writable", folders_unwritable),
    ("control.db locked by somebody else", control_locked),
    ("control.db damaged", control_damaged),
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
