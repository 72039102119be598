#!/usr/bin/python3
"""Crash points from the queue to the receiver's 250 and what is noted of it: D1 to D6; all daemons
killed at once; and what else keeps a copy from going out: keys, DNS, damage, time.

Each test says which crash point it is.  A kill of queued alone never makes a second copy; where
one is unavoidable (D2), an event says `uncertain`.

    crash_delivery.py [PART OF A TEST'S NAME...]
"""

import contextlib
import os
import re
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Close, Failed, Peer, Reset, Tap, wait_for  # noqa: E402
from scripted import (LONG, Fault, Gate, Instance, SpoolFile, at, can_trace, check,  # noqa: E402
                      equal, every_time, first, kill, must_come)

SETTINGS = {"queue.retry": "200ms 300ms 500ms", "queue.scan": "300ms", "deliver.workers": "2"}
DEFAULTS = {"deliver.dot_timeout": "10m", "queue.lifetime": "5d", "retention.content": "7d",
            "dns.timeout": "20s"}
IN_FLIGHT = 20  # queue.domain_in_flight
TESTS = []


def test(name, traces=False, rootless=False):
    def add(function):
        TESTS.append((name, function, traces, rootless))
        return function
    return add


@contextlib.contextmanager
def settings(s, **changed):
    """settings(s, queue_lifetime="1s"): restarts with it, and at the end with the default."""
    keys = {k.replace("_", ".", 1): v for k, v in changed.items()}
    s.again(keys)
    try:
        yield
    finally:
        s.again({k: DEFAULTS[k] for k in keys})


def uncertain(s, ident):
    return [e for e in s.events(ident, "deferred") if e["uncertain"]]


def worker_of(s, session):
    """The delivery worker at the other end of a peer's connection."""
    port = session.sock.getpeername()[1]
    with open("/proc/net/tcp") as f:
        inodes = [row.split()[9] for row in f if row.split()[1].endswith(":%04X" % port)]
    for pid in s.workers("deliverd"):
        for fd in os.listdir("/proc/%d/fd" % pid):
            with contextlib.suppress(OSError):
                if os.readlink("/proc/%d/fd/%s" % (pid, fd)) in ["socket:[%s]" % i for i in inodes]:
                    return pid
    raise Failed("no worker has port %d" % port)


# D1: before the dot

@test("D1: a worker killed while the receiver stalls at RCPT: tried again, one copy")
def _(s, peer):
    gate, talks = Gate(), []
    peer.script = at(rcpt=first(1, lambda ses: (talks.append(ses), gate(ses))[1]))
    i = s.submit("d1@peer.test")
    must_come("RCPT", lambda: talks)
    kill(worker_of(s, talks[0]))
    gate.open()
    s.delivered_once(peer, i)
    equal(peer.copies(i.ref), 1)
    told = s.events(i, "deferred")
    equal(len(told), 1)
    check("died" in told[0]["text"], told[0])
    check(s.log_find(r"deliverd\[\d+\]: error worker-died .*signal=9"), "no line in the log")


@test("D1: a worker killed in the middle of DATA: the receiver has no whole message, one copy")
def _(s, peer):
    talks, gate = [], Gate()
    peer.script = at(data=first(1, lambda ses: [lambda _: (talks.append(ses), gate(ses))[1], None]))
    i = s.submit("d1.data@peer.test", body="x" * 70 + "\r\n")
    must_come("DATA", lambda: talks)
    kill(worker_of(s, talks[0]))
    gate.open()
    s.delivered_once(peer, i)
    equal(peer.copies(i.ref), 1)


# D2: after the dot, no reply

def unanswered(s, peer, step, text):
    """The receiver does `step` instead of its first reply to the dot."""
    start = s.log_size()
    peer.script = at(dot=first(1, step))
    i = s.submit("d2@peer.test")
    s.delivered_once(peer, i)
    equal(peer.copies(i.ref), 2)
    told = uncertain(s, i)
    equal([(e["attempt"], e["code"], e["status"]) for e in told], [(1, 0, "4.4.2")])
    check(text in told[0]["text"], told[0])
    equal(len(s.log_find(r"deferred id=%s .*uncertain=1" % i, start)), 1, "lines in the log:")


@test("D2: closed after the dot: told as uncertain, tried again")
def _(s, peer):
    unanswered(s, peer, Close, "waiting for the reply to the end of the message")


@test("D2: reset after the dot: told as uncertain, tried again")
def _(s, peer):
    unanswered(s, peer, Reset, "waiting for the reply to the end of the message")


@test("D2: half a reply to the dot: told as uncertain, tried again")
def _(s, peer):
    def half(session):
        session.sock.sendall(b"250 2.0")
        return Close
    unanswered(s, peer, half, "waiting for the reply to the end of the message")


@test("D2: a receiver that sleeps past deliver.dot_timeout: told as uncertain, tried again")
def _(s, peer):
    gate = Gate()
    with settings(s, deliver_dot_timeout="700ms"):
        unanswered(s, peer, gate, "timed out")
    gate.open()


@test("D2: a worker killed after the dot: told as uncertain, tried again")
def _(s, peer):
    unanswered(s, peer, lambda ses: (kill(worker_of(s, ses)), Close)[1],
               "the delivery worker died")


@test("D2: killed between the receiver's 250 and saying so: told as uncertain", traces=True)
def _(s, peer):
    def before_result(session):
        Fault(worker_of(s, session), "sendmsg", "signal=SIGKILL", when=1)
    peer.script = at(dot=first(1, before_result))
    i = s.submit("d2.result@peer.test")
    s.wait_final(i)
    equal([peer.copies(i.ref), len(uncertain(s, i)), len(s.events(i, "delivered"))], [2, 1, 1])
    s.attempts_add_up(i)


@test("D2: sandbox stop waits for the reply after the dot, and nothing is sent again")
def _(s, peer):
    gate = Gate()
    peer.script = at(dot=first(1, gate))
    ids = [s.submit("d2.stop.%d@peer.test" % n) for n in range(4)]
    must_come("four dots", lambda: gate.waiting == 4)
    stopping = threading.Thread(target=s.stop)
    start = s.log_size()
    stopping.start()
    must_come("the stop has begun", lambda: s.log_find("supervisor.* stopping ", start))
    stopping.join(1)
    check(stopping.is_alive(), "it did not wait")
    gate.open()
    stopping.join(LONG)
    check(not stopping.is_alive(), "it does not end")
    s.start()
    for i in ids:
        s.delivered_once(peer, i)
        equal([peer.copies(i.ref), len(s.events(i, "deferred"))], [1, 0])


@test("D2: what is before its dot at a stop is given back, and goes out after the start")
def _(s, peer):
    gate = Gate()
    peer.script = at(rcpt=first(1, gate))
    i = s.submit("d2.back@peer.test")
    must_come("RCPT", lambda: gate.waiting)
    s.stop()
    gate.open()
    s.start()
    s.delivered_once(peer, i)
    equal([peer.copies(i.ref), len(s.events(i, "deferred"))], [1, 0])


@test("D2: over TLS it is the same: closed and reset after the dot, and closed after the 250")
def _(s, peer):
    with Peer(tls=True) as tls:
        s.mx["tls.test"] = tls.address
        s.again()
        try:
            for step, copies, name in ((Close, 2, "close"), (Reset, 2, "reset"),
                                       ([None, Close], 1, "late")):
                tls.script = at(dot=first(1, step))
                i = s.submit(name + "@tls.test")
                s.wait_final(i)
                equal([s.state(i), tls.copies(i.ref), len(uncertain(s, i))],
                      [["delivered"], copies, copies - 1], name)
                check(s.events(i, "delivered")[0]["tls"].startswith("TLSv1."), name)
        finally:
            del s.mx["tls.test"]
            s.again()


@test("D2: a receiver that closes right after its 250: delivered")
def _(s, peer):
    peer.script = at(dot=first(1, [None, Close]))
    i = s.submit("d2.late@peer.test")
    s.wait_final(i)
    equal([peer.copies(i.ref), [e["event"] for e in s.events(i)]], [1, ["accepted", "delivered"]])


# D3: the receiver has said 250

@test("D3: queued killed around the receiver's 250, from before it to 50 ms after: one copy")
def _(s, peer):
    for number, wait_ms in enumerate((None, 0, 2, 5, 10, 20, 35, 50)):
        s.fresh()
        queued = s.pid("queued")

        def now(_, pid=queued):
            kill(pid)
        steps = [now, None] if wait_ms is None else [None, wait_ms / 1000, now]
        peer.script = at(dot=first(1, lambda _, steps=steps: steps))
        i = s.submit("d3.%d@peer.test" % number)
        must_come("queued was killed", lambda pid=queued: s.pid("queued") not in (pid, 0, None))
        s.deaths += 1
        s.delivered_once(peer, i)
        equal([peer.copies(i.ref), len(s.events(i, "deferred"))], [1, 0], "after %s ms:" % wait_ms)


@test("D3: deliverd killed after the dot: its workers finish, one copy")
def _(s, peer):
    gate = Gate()
    peer.script = at(dot=first(1, gate))
    ids = [s.submit("d3.parent.%d@peer.test" % n) for n in range(4)]
    must_come("four dots", lambda: gate.waiting == 4)
    old = s.kill("deliverd")
    time.sleep(0.2)
    gate.open()
    must_come("another deliverd", lambda: s.pid("deliverd") not in (0, None, *old))
    for i in ids:
        s.delivered_once(peer, i)
        equal([peer.copies(i.ref), len(s.events(i, "deferred"))], [1, 0])


@test("D3: queued and deliverd killed together after the dot: the workers come by themselves, one copy")
def _(s, peer):
    for first_answer in (True, False):
        s.fresh()
        gate = Gate()
        peer.script = at(dot=first(1, gate))
        ids = [s.submit("d3.both.%d.%d@peer.test" % (first_answer, n)) for n in range(4)]
        must_come("four dots", lambda: gate.waiting == 4)
        queued, deliverd = s.pid("queued"), s.pid("deliverd")
        kill(queued)
        kill(deliverd)
        s.deaths += 2
        if first_answer:
            gate.open()
        must_come("others", lambda: s.pid("queued") not in (0, None, queued) and
                  s.pid("deliverd") not in (0, None, deliverd))
        s.all_ready()
        must_come("it plans", lambda: s.log_find(
            r"queued\[%d\]: info planning" % s.pid("queued")))
        gate.open()
        for i in ids:
            s.delivered_once(peer, i)
            equal([peer.copies(i.ref), len(s.events(i, "deferred"))], [1, 0])


@test("D3: queued killed while 20 copies are after their dot: nothing is delivered twice")
def _(s, peer):
    gates = [Gate(), Gate()]
    lock, count = threading.Lock(), []

    def half(session):
        with lock:
            count.append(1)
            gate = gates[len(count) % 2]
        return gate(session)
    peer.script = at(dot=first(1, half))
    ids = [s.submit("d3b.%d@peer.test" % n) for n in range(IN_FLIGHT + 5)]
    must_come("20 dots", lambda: len(count) == IN_FLIGHT)
    old = s.kill("queued")
    gates[0].open()  # these are answered while there is no queued, or a new one
    must_come("another queued", lambda: s.pid("queued") not in (0, None, *old))
    old = s.kill("queued")
    s.all_ready()
    must_come("it knows what is in flight", lambda: s.log_find(
        r"queued\[%d\]: info planning" % s.pid("queued")))
    gates[1].open()  # these while it knows them in flight
    for i in ids:
        s.delivered_once(peer, i)
        equal([peer.copies(i.ref), len(s.events(i, "deferred"))], [1, 0])


@test("D3: a stopped queued that is killed: results wait for the next one")
def _(s, peer):
    queued = s.pid("queued")
    peer.script = at(dot=first(1, lambda _: os.kill(queued, signal.SIGSTOP)))
    ids = [s.submit("d3.stop@peer.test")]
    must_come("its copy", lambda: peer.copies(ids[0].ref))
    time.sleep(0.3)
    kill(queued)
    s.deaths += 1
    s.delivered_once(peer, ids[0])
    equal(peer.copies(ids[0].ref), 1)


# D4: several recipients, several outcomes

@test("D4: ten recipients, 250, 4xx and 5xx, queued killed: each copy its own outcome, none twice")
def _(s, peer):
    for after in (1, 5, 9):
        s.fresh()
        queued = s.pid("queued")
        answered, lock = [], threading.Lock()

        def count(_, pid=queued, limit=after):
            with lock:
                answered.append(1)
                if len(answered) == limit:
                    kill(pid)
        later = first(1, lambda ses: [count, "451 4.2.0 Later"])

        def rcpt(session):
            rcpt_to = session.rcpts[-1]
            if rcpt_to.startswith("perm"):
                return [count, "550 5.1.1 Nobody"]
            return later(session) if rcpt_to.startswith("temp") else None
        peer.script = at(rcpt=rcpt, dot=lambda _: [None, count])
        rcpts = (["ok%d.%d@peer.test" % (after, n) for n in range(4)] +
                 ["temp%d.%d@peer.test" % (after, n) for n in range(3)] +
                 ["perm%d.%d@peer.test" % (after, n) for n in range(3)])
        i = s.submit(rcpts)
        s.wait_final(i)
        s.deaths += 1
        for rcpt_to, copy in s.copies(i).items():
            got = [m for m in peer.dots if m.ref == i.ref and m.rcpts == [rcpt_to]]
            told = [e["event"] for e in s.events(i) if e.get("copy") == copy["id"]]
            want = {"ok": [["delivered"]], "pe": [["failed"]],
                    # without queued a worker gives up what is before its dot, refused or not
                    "te": [["deferred", "delivered"], ["delivered"]]}
            check(told in want[rcpt_to[:2]], "events of", rcpt_to, told)
            equal(len(got), 0 if rcpt_to.startswith("perm") else 1, "copies of " + rcpt_to)
            equal(copy["state"], told[-1])
        s.attempts_add_up(i)


# D5 and D6: the result is written down, the file is moved

def killed_at_results(s, peer, calls, limit, again=True):
    """queued killed at the nth of these calls after the receiver's 250; how often it was."""
    def one(n):
        s.fresh()
        queued, faults = s.pid("queued"), []

        def attach(_):
            faults.append(Fault(queued, calls, "signal=SIGKILL", when=n))
        peer.script = at(dot=first(1, attach))
        i = s.submit("d5.%d@peer.test" % n)
        must_come("its 250", lambda: [m for m in peer.messages if m.ref == i.ref])
        s.wait_final(i)
        wait_for(lambda: faults[0].over() or file_is_away(s, i))
        struck = faults[0].over()
        s.deaths += struck
        s.delivered_once(peer, i)
        faults[0].close()
        equal([peer.copies(i.ref), len(s.events(i))], [1, 2])
        must_come("its file is away", lambda: file_is_away(s, i))
        return struck
    return every_time(limit, one) if again else one(limit)


def file_is_away(s, ident):
    return not (s.file_of(ident) or "").startswith("spool")


@test("D5: queued killed at each write of a result's commit: one copy, one event", traces=True)
def _(s, peer):
    check(killed_at_results(s, peer, "pwrite64,fdatasync", 90) >= 4, "too few writes")


@test("D5: queued killed between the commit and its acknowledgement: the same", traces=True)
def _(s, peer):
    check(killed_at_results(s, peer, "sendmsg", 1, again=False), "no kill")


@test("D6: queued killed at the rename of the finished file: no second copy or event, and it is "
      "moved at the start", traces=True)
def _(s, peer):
    check(killed_at_results(s, peer, "/^rename", 3) >= 1, "no kill")


@test("D6: queued killed at the unlink of the finished file (nothing is kept): the same",
      traces=True)
def _(s, peer):
    with settings(s, retention_content="0s"):
        check(killed_at_results(s, peer, "/^unlink", 3) >= 1, "no kill")
        equal(s.files("spool/cur"), [])


# everything at once

def fifty(s, peer, disturb):
    """Fifty messages on their way when it happens; how many copies came twice."""
    peer.script = at(dot=lambda _: [0.02, None])
    ids = [s.submit("all.%d@peer.test" % n) for n in range(25)]
    smtp = s.session()
    for n in range(25, 50):
        ids.append(s.submit("all.%d@peer.test" % n, session=smtp))
    with contextlib.suppress(OSError):
        smtp.close()
    must_come("some copies", lambda: len([m for m in peer.messages if m.ref in
                                          {i.ref for i in ids}]) >= 5)
    disturb()
    must_come("all fifty are delivered", lambda: sum(
        m["id"] in ids and m["copies"][0]["state"] == "delivered" for m in s.messages()) == 50)
    twice = 0
    for i in ids:
        equal(len(s.events(i, "delivered")), 1)
        check(peer.copies(i.ref) >= 1, "lost:", i)
        twice += peer.copies(i.ref) - 1
        s.attempts_add_up(i)
    return ids, twice


@test("all processes killed at once with 50 messages on their way: all arrive; twice only what was "
      "after its dot, and told as uncertain")
def _(s, peer):
    at_kill = []

    def disturb():
        s.kill_all()
        at_kill.extend(peer.dots)
        s.start()
    ids, twice = fifty(s, peer, disturb)
    open_then = {m.ref for m in at_kill}
    check(twice <= IN_FLIGHT, twice, "copies twice")
    for i in ids:
        check(peer.copies(i.ref) == 1 or i.ref in open_then, "twice, though it had no dot:", i)
        check(peer.copies(i.ref) == 1 or uncertain(s, i), "twice, untold:", i)


@test("every daemon killed, each by itself, with 50 messages on their way: all arrive, none twice "
      "but as uncertain")
def _(s, peer):
    def disturb():
        for name in ("signer", "resolver", "smtpd", "queued", "deliverd-worker"):
            s.kill(name)
            s.all_ready()
    ids, twice = fifty(s, peer, disturb)
    equal([i for i in ids if peer.copies(i.ref) > 1 + len(uncertain(s, i))], [], "twice, untold:")
    check(twice <= IN_FLIGHT, twice, "copies twice")


@test("the supervisor killed with 50 messages on their way: all arrive, none twice")
def _(s, peer):
    def disturb():
        kill(s.supervisor())
        s.submit("all.orphan@peer.test")  # the daemons go on
        s.start()
    _, twice = fifty(s, peer, disturb)
    equal(twice, 0)


# keys

@test("a key that cannot be read: mail waits with a reason that says what to do, then goes out",
      rootless=True)
def _(s, peer):
    key = [s.path("keys", n) for n in os.listdir(s.path("keys")) if n.endswith(".pem")][0]
    os.chmod(key, 0)
    s.again()
    i = s.submit("key@peer.test")
    e = s.wait_event(i, "deferred")[0]
    equal([e["stage"], e["status"]], ["sign", "4.7.0"])
    check("keys/" in e["text"] and "must belong to the signer" in e["text"], e["text"])
    check(not e["uncertain"] and not peer.copies(i.ref), e)
    os.chmod(key, 0o400)
    s.delivered_once(peer, i)


@test("a key that is damaged or gone: mail waits, and goes out when it is restored")
def _(s, peer):
    name = [n for n in os.listdir(s.path("keys")) if n.endswith(".pem")][0]
    for damage, words in ((lambda p: open(p, "w").close(), "no private key"),
                          (os.unlink, "restore it from a backup")):
        os.rename(s.path("keys", name), s.path("saved.pem"))
        with open(s.path("keys", name), "w"):
            pass
        damage(s.path("keys", name))
        s.again()
        i = s.submit("key.gone@peer.test")
        e = s.wait_event(i, "deferred")[0]
        check(words in e["text"], e["text"])
        os.rename(s.path("saved.pem"), s.path("keys", name))
        s.delivered_once(peer, i)


@test("a signer that is killed while mail goes out: no message goes unsigned")
def _(s, peer):
    ids = []
    for n in range(3):
        ids += [s.submit("signer.%d.%d@peer.test" % (n, k)) for k in range(5)]
        s.kill("signer")
    for i in ids:
        s.delivered_once(peer, i)
    for m in peer.messages:
        check(m.data.count(b"\r\nDKIM-Signature: ") == 1, m.data[:200])


# DNS

def zone(s, *lines):
    with open(s.path("dns.zone"), "a") as f:
        f.write("".join(line + "\n" for line in lines))
    s.again()


@test("a resolver that does not answer: mail waits, and goes out when it does")
def _(s, _peer):
    with settings(s, dns_timeout="200ms"):
        resolver = s.pid("resolver")
        os.kill(resolver, signal.SIGSTOP)
        i = s.submit("dns@x.sink.test")
        e = s.wait_event(i, "deferred")[0]
        equal([e["stage"], e["status"]], ["resolve", "4.4.3"])
        check("resolver" in e["text"], e["text"])
        os.kill(resolver, signal.SIGCONT)
        s.wait_final(i)
    equal(s.state(i), ["delivered"])
    equal(len([d for _, d in s.sink_messages() if i.ref.encode() in d]), 1)


@test("a resolver that is killed: mail waits at most, nothing fails")
def _(s, _peer):
    s.kill("resolver")
    i = s.submit(["dns.%d@y.sink.test" % n for n in range(5)])
    s.wait_final(i)
    equal(s.state(i), ["delivered"] * 5)


@test("what DNS says: no such domain, null MX and no address fail; the rest waits")
def _(s, _peer):
    zone(s, "null.test. 300 IN MX 0 .", "text.test. 300 IN TXT \"nothing else\"",
         "hole.test. 300 IN MX 10 mx.hole.test.", "mx.hole.test. 300 IN TXT \"no address\"",
         "far.test. 300 IN MX 10 mx.far.test.", "mx.far.test. 300 IN A 192.0.2.1",
         "dead.test. 300 IN MX 10 mx.dead.test.", "mx.dead.test. 300 IN A 127.0.0.9",
         "loop.test. 300 IN MX 10 mail.sandbox.test.")
    expected = {
        "a@nobody.null.test": ("failed", "5.1.2", "does not exist"),
        "a@null.test": ("failed", "5.1.10", "does not accept mail"),
        "a@text.test": ("failed", "5.4.4", "neither a mail server nor an address"),
        "a@loop.test": ("failed", "5.4.6", "loops back"),
        "a@hole.test": ("deferred", "4.4.4", "has an address"),
        "a@far.test": ("deferred", "4.4.0", "--relay and --mx"),
        "a@[192.0.2.1]": ("deferred", "4.4.0", "--relay and --mx"),
        "a@dead.test": ("deferred", "4.4.1", "cannot connect"),
        "a@elsewhere.example": ("deferred", "4.4.3", "--mx elsewhere.example="),
    }
    i = s.submit(list(expected))
    must_come("an event of each", lambda: len({e["copy"] for e in s.events(
        i, "deferred", "failed")}) == len(expected))
    for rcpt, copy in s.copies(i).items():
        kind, status, words = expected[rcpt]
        e = [e for e in s.events(i) if e.get("copy") == copy["id"]][0]
        equal([e["event"], e["status"]], [kind, status], rcpt)
        check(words in e["text"] and e["code"] == 0, e)
        equal(copy["state"], kind)


# damage in the queue

def waiting_message(s, peer, rcpts):
    """A message that the receiver puts off; where its file is."""
    peer.script = at(rcpt=lambda ses: "451 4.3.0 Not now" if ses.rcpts[-1] in rcpts else None)
    i = s.submit(rcpts)
    s.wait_event(i, "deferred")
    name = must_come("its file", lambda: s.file_of(i))
    check(name.startswith("spool/cur/"), name)
    return i, s.path(name)


def held_as_corrupt(s, peer, damage, words):
    rcpts = ["damage.1@peer.test", "damage.2@peer.test"]
    i, path = waiting_message(s, peer, rcpts)
    damage(path)
    peer.script = None
    must_come("all copies are held", lambda: s.state(i) == ["held"] * 2)
    told = s.events(i, "corrupt")
    equal(len({e["copy"] for e in told}), 2, "copies that were told of:")
    equal(len(told), 2, "events:")
    check(words in told[0]["reason"], told[0])
    equal(peer.copies(i.ref), 0)
    s.delivered_once(peer, s.submit("damage.other@peer.test"))
    return i


def flip(path, offset):
    with open(path, "r+b") as f:
        f.seek(offset)
        byte = f.read(1)
        f.seek(offset)
        f.write(bytes([byte[0] ^ 1]))


@test("a bit flipped in a waiting message: held, told, put aside; the others go on; also after a "
      "restart")
def _(s, peer):
    def damage(path):
        with open(path, "rb") as f:
            good = SpoolFile(f.read())
        flip(path, len(good.envelope) + len(good.body) - 4)
    i = held_as_corrupt(s, peer, damage, "its hash differs")
    equal(s.file_of(i), "spool/corrupt/" + i)
    s.again()
    equal(s.state(i), ["held"] * 2)
    equal(len(s.events(i, "corrupt")), 2)
    s.delivered_once(peer, s.submit("damage.after@peer.test"))


@test("a waiting message cut short: held, told, put aside")
def _(s, peer):
    i = held_as_corrupt(s, peer, lambda p: os.truncate(p, os.path.getsize(p) - 10), "END record")
    equal(s.file_of(i), "spool/corrupt/" + i)


@test("a waiting message whose file was removed: held and told")
def _(s, peer):
    held_as_corrupt(s, peer, os.unlink, "missing")


@test("mail.db lost: made anew from the spool, and what waited goes out")
def _(s, peer):
    i, _ = waiting_message(s, peer, ["rebuild@peer.test"])
    s.stop()
    for name in os.listdir(s.path("mail")):
        os.unlink(s.path("mail", name))
    peer.script = None
    s.start()
    s.delivered_once(peer, i)


# addresses on the wire

@test("a null sender stays null on the wire")
def _(s, peer):
    smtp = s.session()
    equal(smtp.mail("")[0], 250)
    equal(smtp.rcpt("null@peer.test")[0], 250)
    code, reply = smtp.data("From: <sender@sandbox.test>\r\nX-Test-Ref: null\r\n\r\nHello.\r\n")
    smtp.close()
    equal(code, 250)
    i = re.search(rb"[0-9a-f]{32}", reply).group().decode()
    s.wait_final(i)
    equal([m.sender for m in peer.messages if m.ref == "null"], [""])
    equal([m["from"] for m in s.message_list() if m["id"] == i], [""])
    equal(s.copies(i)["null@peer.test"]["return_path"], "")


@test("each copy has a return path and a reference of its own")
def _(s, peer):
    rcpts = ["verp.%d@peer.test" % n for n in range(5)]
    i = s.submit(rcpts)
    s.delivered_once(peer, i)
    got = {m.rcpts[0]: m for m in peer.messages if m.ref == i.ref}
    copies = s.copies(i)
    refs = set()
    for rcpt in rcpts:
        equal(got[rcpt].sender, copies[rcpt]["return_path"])
        equal(got[rcpt].sender, "b+%s@rp.sandbox.test" % copies[rcpt]["token"])
        found = re.findall(rb"^X-Posthaste-Ref: ([a-z2-7]{34})\r$", got[rcpt].data, re.M)
        equal(len(found), 1, "references:")
        refs.add(found[0])
    equal([len(refs), len({m.sender for m in got.values()})], [5, 5])


@test("--relay takes what --mx does not, and without both other domains wait with the reason")
def _(s, peer):
    i = s.submit("relay@elsewhere.example")
    e = s.wait_event(i, "deferred")[0]
    check("--relay" in e["text"] and "dns.zone" in e["text"], e["text"])
    with Peer() as relay:
        s.stop()
        s.relay = relay.address
        s.start()
        try:
            s.delivered_once(relay, i)
            both = s.submit(["a@peer.test", "b@sub.peer.test"])
            s.wait_final(both)
            equal([m.rcpts for m in peer.messages if m.ref == both.ref], [["a@peer.test"]])
            equal([m.rcpts for m in relay.messages if m.ref == both.ref], [["b@sub.peer.test"]])
        finally:
            s.stop()
            s.relay = None
            s.start()


# time

@test("a copy that cannot be delivered within queue.lifetime expires, with what was said last")
def _(s, peer):
    with settings(s, queue_lifetime="1s"):
        peer.script = at(rcpt="451 4.2.2 Mailbox full today")
        i = s.submit("late@peer.test")
        s.wait_final(i)
    equal(s.state(i), ["expired"])
    told = s.events(i, "expired")
    equal(len(told), 1)
    check("Mailbox full today" in told[0]["last"], told[0])
    equal(told[0]["attempts"], len(s.events(i, "deferred")) + 1)
    check(told[0]["attempts"] >= 2, told[0])
    check(file_is_away(s, i), s.file_of(i))


def main():
    tap = Tap()
    cannot = can_trace()
    with Peer() as peer, Instance(mx={"peer.test": peer.address}, settings=SETTINGS) as s:
        for name, function, traces, rootless in TESTS:
            if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
                continue
            if traces and cannot:
                tap.skip(name, cannot)
                continue
            if rootless and os.geteuid() == 0:
                tap.skip(name, "started as root, which may read everything")
                continue
            peer.script = None
            s.fresh()
            tap.run(name, function, s, peer)
    tap.done()


if __name__ == "__main__":
    main()
