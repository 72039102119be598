#!/usr/bin/python3
"""Crash points from the first byte of a message to the queue: A1, A3, A5 to A8, Q1 and Q2.

Each test says which crash point it is.  A2 and A4 are power cuts: tests/root/powercut.py.  What
happens from there to the receiver is in crash_delivery.py.

    crash_intake.py [PART OF A TEST'S NAME...]
"""

import os
import re
import sqlite3
import signal
import smtplib
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Failed, Peer, Tap  # noqa: E402
from scripted import (END_SIZE, Fault, Instance, SpoolFile, Strace, at, can_trace,  # noqa: E402
                      check, equal, every_time, first, give, kill, must_come, new_id, put_file)

SETTINGS = {"queue.retry": "200ms", "queue.scan": "300ms", "smtpd.workers": "1",
            "deliver.workers": "1"}
NEW = "spool/new/smtpd"
FILLING = "x" * 70 + "\r\n"
TESTS = []


def test(name, traces=False):
    def add(function):
        TESTS.append((name, function, traces))
        return function
    return add


class Submission:
    """A message on its way into the spool, which stops wherever the test wants."""

    def __init__(self, s, rcpt, lines=1000):
        self.smtp = s.session()
        self.ref = new_id()
        self.smtp.mail("sender@sandbox.test")
        self.smtp.rcpt(rcpt)
        self.smtp.putcmd("data")
        equal(self.smtp.getreply()[0], 354)
        self.smtp.send("From: <sender@sandbox.test>\r\nTo: <%s>\r\nX-Test-Ref: %s\r\n\r\n%s"
                       % (rcpt, self.ref, FILLING * lines))

    def finish(self):
        """Sends the dot; the reply's code, or None when the connection is lost."""
        try:
            self.smtp.send(".\r\n")
            return self.smtp.getreply()[0]
        except (smtplib.SMTPServerDisconnected, OSError):
            return None
        finally:
            self.smtp.close()

    def reset(self):
        sock = self.smtp.sock
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(sock.detach())
        self.smtp.sock = None


def half_written(s):
    """Files that are being written: mode 0600."""
    return [n for n in s.files(NEW) if os.stat(s.path(NEW, n)).st_mode & 0o777 == 0o600]


def known(s):
    return [m["id"] for m in s.message_list()]


def worker(s):
    return must_come("a worker of smtpd", lambda: s.workers("smtpd"))[0]


# A1: before the final dot

@test("A1: a client that resets in DATA leaves nothing")
def _(s, _peer):
    before = known(s)
    c = Submission(s, "a1@peer.test", 5000)
    must_come("a file that is being written", lambda: half_written(s))
    equal(known(s), before)
    c.reset()
    must_come("no file any more", lambda: not s.files("spool"))
    equal(known(s), before)


@test("A1: a worker killed in DATA leaves a file that is not visible and is removed")
def _(s, peer):
    before = known(s)
    c = Submission(s, "a1@peer.test", 5000)
    name = must_come("a file that is being written", lambda: half_written(s))[0]
    kill(worker(s))
    equal(c.finish(), None)
    must_come("the file is removed", lambda: name not in s.files("spool"))
    equal(known(s), before)
    s.delivered_once(peer, s.submit("a1.after@peer.test"))


@test("A1: what a killed smtpd was writing is removed at its start")
def _(s, _peer):
    before = known(s)
    c = Submission(s, "a1@peer.test", 5000)
    must_come("a file that is being written", lambda: half_written(s))
    pids = [s.pid("smtpd"), *s.workers("smtpd")]
    for pid in pids:
        kill(pid)
    s.deaths += 1
    equal(c.finish(), None)
    must_come("the file is removed", lambda: not s.files(NEW))
    check(s.log_find(r"smtpd\[\d+\]: warn swept .*files=1"), "no line in the log:", s.log_tail())
    equal(known(s), before)


@test("A1: a file of a living writer is left alone when smtpd sweeps")
def _(s, peer):
    c = Submission(s, "a1.slow@peer.test", 5000)
    name = must_come("a file that is being written", lambda: half_written(s))[0]
    parent, old = s.pid("smtpd"), worker(s)
    os.kill(old, signal.SIGSTOP)  # alive, and unable to hear of its parent's death
    kill(parent)
    s.deaths += 1
    s.all_ready()
    check(name in half_written(s), "it is gone")
    os.kill(old, signal.SIGCONT)
    equal(c.finish(), 250)
    s.wait_final(name)
    equal(len([m for m in peer.messages if m.ref == c.ref]), 1)


# A3: written, not in place or not flushed

def killed_before_the_answer(s, peer, calls):
    """What is left of a message whose acceptor was killed at one of these calls."""
    before = known(s)
    c = Submission(s, "a3@peer.test")
    with Fault(worker(s), calls, "signal=SIGKILL", when=1, threads=True) as fault:
        code = c.finish()
        must_come("the worker is dead", fault.over)
    equal(code, None)
    s.all_ready()
    must_come("nothing in new", lambda: not s.files(NEW))
    new = [i for i in known(s) if i not in before]
    s.wait_final(*new)
    return new, [m for m in peer.messages if m.ref == c.ref]


@test("A3: killed before the file is in place (fchmod): no 250, and nothing is left", traces=True)
def _(s, peer):
    equal(killed_before_the_answer(s, peer, "fchmod"), ([], []))


@test("A3: killed before the flush: no 250, and at most a copy nobody was told of", traces=True)
def _(s, peer):
    new, got = killed_before_the_answer(s, peer, "fsync,syncfs")
    check(len(new) <= 1 and len(got) == len(new), new, got)
    for i in new:
        equal(len(s.events(i, "delivered")), 1)


# A5: durable, and the client does not know

def socket_write(s):
    """A worker's system call that sends the 250, and the how-many-eth of its kind after the dot."""
    c = Submission(s, "a5.dry@peer.test", 1)
    with Strace(worker(s), "-yy", "-e", "trace=write,writev,sendto,sendmsg") as trace:
        equal(c.finish(), 250)
        must_come("a write to the client", lambda: any("<TCP" in x for x in trace.lines()))
        calls = [line.split("(")[0] for line in trace.lines()]
        at_socket = next(n for n, line in enumerate(trace.lines()) if "<TCP" in line)
    return calls[at_socket], calls[:at_socket + 1].count(calls[at_socket])


def killed_after_the_flush(s, peer, call, when):
    c = Submission(s, "a5@peer.test", 1)
    with Fault(worker(s), call, "signal=SIGKILL", when=when) as fault:
        equal(c.finish(), None)
        must_come("the worker is dead", fault.over)
    must_come("a copy at the receiver", lambda: peer.copies(c.ref))
    s.all_ready()
    last = known(s)[-1]
    s.wait_final(last)
    equal([len(s.events(last, "delivered")), peer.copies(c.ref)], [1, 1])


@test("A5: killed at the 250: delivered once although the client heard nothing", traces=True)
def _(s, peer):
    killed_after_the_flush(s, peer, *socket_write(s))


@test("A5: killed before the queue is told: delivered once", traces=True)
def _(s, peer):
    killed_after_the_flush(s, peer, "sendto", 1)


# A6: the queue is not told

@test("A6: with queued stopped mail is accepted, and found afterwards")
def _(s, peer):
    pid = s.pid("queued")
    os.kill(pid, signal.SIGSTOP)
    ids = [s.submit("a6.%d@peer.test" % i) for i in range(20)]
    equal(len(s.files(NEW)), 20)
    equal([peer.copies(i.ref) for i in ids], [0] * 20)
    kill(pid)  # what was told it is lost with it
    s.deaths += 1
    for i in ids:
        s.delivered_once(peer, i)
    equal(s.files(NEW), [])


@test("A6: mail accepted while queued is killed again and again is found")
def _(s, peer):
    ids = []
    for i in range(3):
        pid = must_come("queued", lambda: s.pid("queued"))
        ids.append(s.submit("a6.%d@peer.test" % i))
        kill(pid)
        s.deaths += 1
        ids.append(s.submit("a6.%d@peer.test" % (10 + i)))
        must_come("another queued", lambda p=pid: s.pid("queued") not in (None, 0, p))
    for i in ids:
        s.delivered_once(peer, i)


@test("A6: a message that the queue was never told of is found by its scan")
def _(s, peer):
    os.unlink(s.path("run/queued/poke"))
    try:
        s.delivered_once(peer, s.submit("a6.scan@peer.test"))
    finally:
        s.again()


# A7: one file is one message

def damaged(s, good):
    """[(what, bytes)]: a message's file cut and altered in every way, each with its own id."""
    whole = good.bytes()
    n, e = len(whole), len(good.envelope)
    cuts = {0, 1, e - 1, e, e + 1, n - END_SIZE - 1, n - END_SIZE, n - END_SIZE + 1, n - 2, n - 1}
    cuts |= set(range(0, n, max(1, n // 60)))

    def own(data):
        return data.replace(good.value("id").encode(), new_id().encode())
    found = [("cut at %d" % c, own(whole)[:c]) for c in sorted(cuts) if 0 <= c < n]
    found += [("too long by 1", own(whole) + b"\n"),
              ("twice", own(whole) * 2),
              ("another's END record", whole[:-END_SIZE] + b"\x00" * END_SIZE)]
    for offset in (0, 3, e // 2, e - 1):  # in the envelope: its checksum tells
        found.append(("envelope bit %d" % offset, whole[:offset] + bytes([whole[offset] ^ 1]) +
                      whole[offset + 1:]))
    return found


@test("A7: a torn or altered file goes to corrupt, the mail beside it does not wait")
def _(s, peer):
    one = s.submit("a7@peer.test")
    s.wait_final(one)
    with open(s.path(s.file_of(one)), "rb") as f:
        good = SpoolFile(f.read())
    bad = {new_id(): (what, data) for what, data in damaged(s, good)}
    start = s.log_size()
    between = []
    for n, (name, (_, data)) in enumerate(bad.items()):
        put_file(s.path(NEW, name), data)
        if n % 10 == 0:
            between.append(s.submit("a7.%d@peer.test" % n))
    for i in between:
        s.delivered_once(peer, i)
    must_come("no damaged file in new", lambda: not s.files(NEW))
    equal(set(bad) - set(s.files("spool/corrupt")), set(), "not in corrupt:")
    told = s.log_find(r"queued\[\d+\]: alert corrupt file=spool/corrupt/\w+ reason=\S.* moved=yes",
                      start)
    equal(len(told), len(bad), "alarms:")
    equal(peer.copies(one.ref), 1)


@test("A7: what is no file at all in spool/new goes to corrupt")
def _(s, peer):
    names = [new_id() for _ in range(3)]
    os.mkdir(s.path(NEW, names[0]))
    os.chmod(s.path(NEW, names[0]), 0o777)  # moving a folder takes the right to write into it
    os.symlink("/etc/passwd", s.path(NEW, names[1]))
    os.mkfifo(s.path(NEW, names[2]), 0o644)
    os.chmod(s.path(NEW, names[2]), 0o644)
    for name in names:
        give(s.path(NEW, name))
    must_come("all are in corrupt", lambda: all(
        os.path.lexists(s.path("spool/corrupt", n)) for n in names))
    s.delivered_once(peer, s.submit("a7.other@peer.test"))


@test("A7: a file under another's name, with another's copies or of no submitter goes to corrupt")
def _(s, peer):
    one = s.submit("a7.dup@peer.test")
    s.wait_final(one)
    with open(s.path(s.file_of(one)), "rb") as f:
        data = f.read()
    number = int(SpoolFile(data).value("rcpt").split(":")[0])
    wrong_name, twin, stranger = new_id(), new_id(), new_id()
    put_file(s.path(NEW, wrong_name), data)
    put_file(s.path(NEW, twin), SpoolFile(data).set("id", twin).bytes())
    put_file(s.path(NEW, stranger), SpoolFile(data).set("id", stranger)
             .set("rcpt", "%d:a@peer.test" % (number + 400001)).bytes())
    for name, reason in ((wrong_name, "another message's id"), (stranger, "of another submitter"),
                         (twin, "belongs to another message")):
        must_come("alarm: " + reason, lambda n=name, r=reason: s.log_find(
            "alert corrupt file=spool/corrupt/%s reason=.*%s" % (n, r)))
        check(name in s.files("spool/corrupt"), name)
    equal(s.files(NEW), [])
    equal(peer.copies(one.ref), 1)


@test("A7: a message's file that comes a second time is only moved")
def _(s, peer):
    one = s.submit("a7.again@peer.test")
    s.wait_final(one)
    must_come("its file in kept", lambda: (s.file_of(one) or "").startswith("kept/"))
    with open(s.path(s.file_of(one)), "rb") as f:
        data = f.read()
    os.unlink(s.path(s.file_of(one)))
    put_file(s.path(NEW, one), data)  # as a power cut may undo the moves
    must_come("its file in kept again", lambda: (s.file_of(one) or "").startswith("kept/"))
    s.delivered_once(peer, one)
    equal(peer.copies(one.ref), 1)


# A8: the disk fails

@test("A8: a flush that fails once is answered 451, and later mail is fine", traces=True)
def _(s, peer):
    before = known(s)
    with Fault(worker(s), "fsync,syncfs", "error=EIO", when=1, threads=True) as fault:
        c = Submission(s, "a8@peer.test")
        equal(c.finish(), 451)
        check(fault.struck(), "no fault")
        equal(s.files(NEW), [])
        s.delivered_once(peer, s.submit("a8.after@peer.test"))
    equal(len(known(s)), len(before) + 1)
    equal(peer.copies(c.ref), 0)


@test("A8: flushes that fail for ever: nothing is accepted, no descriptor is flushed twice",
      traces=True)
def _(s, peer):
    before = known(s)
    with Fault(worker(s), "fsync,syncfs", "error=EIO", threads=True, also=("close",)) as fault:
        refs = []
        for _ in range(5):
            c = Submission(s, "a8@peer.test")
            refs.append(c.ref)
            equal(c.finish(), 451)
        lines = fault.lines()
    failed, count = set(), 0
    for line in lines:
        call = re.search(r"\b(fsync|syncfs|close)\((\d+)\)?", line)
        if not call:
            continue
        if call.group(1) == "close":
            failed.discard(call.group(2))
        else:
            check(call.group(2) not in failed, "flushed again:", line)
            failed.add(call.group(2))
            count += 1
    equal(count, 5, "flushes:")
    equal(s.files("spool/new"), [])
    equal(known(s), before)
    equal([peer.copies(r) for r in refs], [0] * 5)
    s.delivered_once(peer, s.submit("a8.after@peer.test"))


@test("A8: no room at the flush is answered 452", traces=True)
def _(s, peer):
    with Fault(worker(s), "fsync,syncfs", "error=ENOSPC", when=1, threads=True):
        equal(Submission(s, "a8@peer.test").finish(), 452)
    equal(s.files(NEW), [])
    s.delivered_once(peer, s.submit("a8.after@peer.test"))


@test("A8: copy ids whose counter cannot be flushed are not dealt", traces=True)
def _(s, peer):
    old = worker(s)
    kill(old)  # its successor needs a new block
    must_come("another worker", lambda: s.workers("smtpd") not in ([], [old]))
    with Fault(worker(s), "fdatasync", "error=EIO", when=1, threads=True) as fault:
        equal(Submission(s, "a8@peer.test").finish(), 451)
        check(fault.struck(), "no fault")
        s.delivered_once(peer, s.submit("a8.after@peer.test"))
    equal(s.files(NEW), [])


@test("A8: a flush that fails after the claim: 451, and the copy is delivered once, not lost",
      traces=True)
def _(s, peer):
    with Fault(worker(s), "fsync,syncfs", "error=EIO:delay_enter=1000000", when=1, threads=True):
        c = Submission(s, "a8.late@peer.test")
        equal(c.finish(), 451)  # meanwhile the scan has found it
    last = known(s)[-1]
    s.wait_final(last)
    equal([s.state(last), peer.copies(c.ref)], [["delivered"], 1])


@test("A8: a flush that fails while the file is being claimed: 451, and the copy is cancelled",
      traces=True)
def _(s, peer):
    s.idle()
    with Fault(s.pid("queued"), "/^rename", "delay_enter=3000000", when=1), \
            Fault(worker(s), "fsync,syncfs", "error=EIO:delay_enter=1500000", when=1, threads=True):
        c = Submission(s, "a8.cancelled@peer.test")
        equal(c.finish(), 451)
        last = must_come("the message", lambda: s.messages())[-1]["id"]
        s.wait_final(last)
    equal([s.state(last), peer.copies(c.ref)], [["cancelled"], 0])
    equal([e["event"] for e in s.events(last)], ["accepted", "cancelled"])
    db = sqlite3.connect("file:%s?mode=ro" % s.path("mail/mail.db"), uri=True)
    kept = db.execute("SELECT kept FROM messages WHERE id = ?", [str(last)]).fetchone()[0]
    db.close()
    equal(kept, 0, "kept until day")
    equal(s.files("spool/new"), [])


# a full disk

@test("a full disk: 452 that says so, an error in the log, and mail again when there is room")
def _(s, peer):
    start = s.log_size()
    s.again({"spool.free": "1024T"})
    try:
        s.submit("full@peer.test")
        raise Failed("it was accepted")
    except smtplib.SMTPDataError as e:
        equal(e.smtp_code, 452)
        check(b"room" in e.smtp_error, e.smtp_error)
    check(s.log_find(r"smtpd\[\d+\]: error spool-full reason=.*spool\.free", start), s.log_tail())
    equal(s.files(NEW), [])
    s.again({"spool.free": "1M"})
    s.delivered_once(peer, s.submit("full@peer.test"))


@test("a full disk under mail.db: mail is accepted, nothing is begun or lost, all goes on alone",
      traces=True)
def _(s, peer):
    started = s.submit("full.1@peer.test")
    s.wait_final(started)
    start = s.log_size()
    with Fault(s.pid("queued"), "pwrite64", "error=ENOSPC") as fault:
        ids = [s.submit("full.%d@peer.test" % n) for n in range(2, 5)]
        must_come("queued says so", lambda: s.log_find("error database-failed .*full", start))
        check(not fault.over(), "queued died")
        equal([peer.copies(i.ref) for i in ids], [0] * 3)
    for i in ids:
        s.delivered_once(peer, i)


@test("a full disk under a result: it waits for its commit, and no second copy goes out",
      traces=True)
def _(s, peer):
    faults = []
    start = s.log_size()
    peer.script = at(dot=lambda _: faults.append(Fault(queued, "pwrite64", "error=ENOSPC")))
    queued = s.pid("queued")
    one = s.submit("full.result@peer.test")
    must_come("queued says so", lambda: s.log_find("error database-failed", start))
    two = s.submit("full.other@peer.test")
    must_come("it says so again", lambda: len(s.log_find("error database-failed", start)) > 1)
    equal([peer.copies(one.ref), peer.copies(two.ref)], [1, 0])
    peer.script = None
    faults[0].close()
    s.delivered_once(peer, one)
    s.delivered_once(peer, two)


# a second instance

@test("a second instance on the same folder is refused by the name of the first")
def _(s, peer):
    code, _, err = s.command("supervise", s.dir, here=False, check=False)
    equal(code, 75)
    check("already run by process %d" % s.supervisor() in err and "stop" in err, err)
    s.delivered_once(peer, s.submit("second@peer.test"))


# Q1: claiming

def killed_claims(s, peer, calls, limit):
    """One message for each kill of queued at the nth of these calls of its main thread."""
    def one(n):
        s.fresh()
        s.idle()
        queued = s.pid("queued")
        with Fault(queued, calls, "signal=SIGKILL", when=n) as fault:
            i = s.submit("q1.%d@peer.test" % n)
            must_come("its end or queued's", lambda: fault.over() or peer.copies(i.ref))
            struck = fault.over() and not peer.copies(i.ref)
        s.deaths += struck
        s.delivered_once(peer, i)
        return struck
    return every_time(limit, one)


@test("Q1: queued killed at the renames of a claim: claimed once", traces=True)
def _(s, peer):
    equal(killed_claims(s, peer, "/^rename", 3), 1, "kills:")


@test("Q1: a claim whose rename fails: delivered from where the file is, which is moved later",
      traces=True)
def _(s, peer):
    s.idle()
    with Fault(s.pid("queued"), "/^rename", "error=ENOSPC", when=1) as fault:
        i = s.submit("q1.rename@peer.test")
        s.delivered_once(peer, i)
        check(fault.struck(), "no fault")
    must_come("its file in kept", lambda: (s.file_of(i) or "").startswith("kept/"))


@test("Q1: queued killed at each write of a claim's commit: claimed once", traces=True)
def _(s, peer):
    check(killed_claims(s, peer, "pwrite64", 60) >= 4, "too few writes")


@test("Q1: workers and deliverd killed in turn with a copy in hand: delivered once")
def _(s, peer):
    for name in ("deliverd", "deliverd-worker", "deliverd"):
        s.fresh()
        held = []
        peer.script = at(rcpt=first(1, lambda ses: (held.append(ses), 3)[1]))
        i = s.submit("q1.%d@peer.test" % s.deaths)
        must_come("the copy is in hand", lambda h=held: h)
        s.kill(name)
        s.delivered_once(peer, i)
        equal(peer.copies(i.ref), 1)


@test("Q1: queued and deliverd killed together with a copy in hand: delivered once")
def _(s, peer):
    held = []
    peer.script = at(rcpt=first(1, lambda ses: (held.append(ses), 3)[1]))
    i = s.submit("q1.both@peer.test")
    must_come("the copy is in hand", lambda: held)
    s.kill("queued", "deliverd")
    s.delivered_once(peer, i)
    equal(peer.copies(i.ref), 1)


# Q2: the retry is being stored

def killed_retries(s, peer, calls, limit, again=True):
    def one(n):
        s.fresh()
        faults = []
        queued = s.pid("queued")

        def later(_):
            faults.append(Fault(queued, calls, "signal=SIGKILL", when=n))
            return "451 4.3.0 Not now"
        peer.script = at(rcpt=first(1, later))
        i = s.submit("q2.%d@peer.test" % n)
        must_come("the retry", lambda: peer.copies(i.ref))
        struck = faults[0].over()
        s.delivered_once(peer, i)
        faults[0].close()
        s.deaths += struck
        told = s.events(i, "deferred")
        equal([(e["attempt"], e["code"], e["uncertain"]) for e in told], [(1, 451, False)])
        return struck
    return every_time(limit, one) if again else one(limit)


@test("Q2: queued killed at each write while a retry is stored: retried, told once", traces=True)
def _(s, peer):
    check(killed_retries(s, peer, "pwrite64,fdatasync", 90) >= 4, "too few writes")


@test("Q2: queued killed between a retry's commit and its acknowledgement: retried, told once",
      traces=True)
def _(s, peer):
    check(killed_retries(s, peer, "sendmsg", 1, again=False), "no kill")


def main():
    tap = Tap()
    cannot = can_trace()
    with Peer() as peer, Instance(mx={"peer.test": peer.address}, settings=SETTINGS) as s:
        for name, function, traces in TESTS:
            if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
                continue
            if traces and cannot:
                tap.skip(name, cannot)
                continue
            peer.script = None
            s.fresh()
            tap.run(name, function, s, peer)
    tap.done()


if __name__ == "__main__":
    main()
