#!/usr/bin/python3
"""Receiving servers that break every rule: delivery defers, fails or goes on as RFC 5321 wants, in
bounded memory, and other mail never notices.

Each row of ROWS is a server with an address of its own, at port 25 of a network namespace, and one
message to it.  Deferred ones are tried again when all servers behave: each is taken exactly once.
"""

import os
import re
import socket
import ssl
import sys
import time
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import netns  # noqa: E402
from hostile import Instance, NameServer, a, mx, resident, zone  # noqa: E402
from posthaste import (Close, Failed, Peer, Reset, Stall, Tap, is_alive,  # noqa: E402
                       server_context, wait_for)
from scripted import Gate, check, equal  # noqa: E402

LOW = {"deliver.connect_timeout": "5s", "deliver.reply_timeout": "5s", "deliver.dot_timeout": "5s",
       "deliver.data_timeout": "5s", "deliver.block_timeout": "5s",
       "dns.timeout": "20s"}
USUAL = {"deliver.connect_timeout": "30s", "deliver.reply_timeout": "5m",
         "deliver.data_timeout": "2m", "deliver.block_timeout": "3m",
         "deliver.dot_timeout": "10m"}
GROWTH_MAX = 4 << 20
FLOODS = 60  # messages to each server that floods
BODY = "." * 60 + "\r\n"
EXTENSIONS = ("8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES")


# what a server does: steps of a Peer's script

def raw(data):
    """Octets as they are."""
    return lambda session: session.sock.sendall(data)


def flood(first, unit):
    """This for ever, as fast as it is taken."""
    def step(session):
        session.sock.sendall(first)
        while True:
            session.sock.sendall(unit * (65536 // len(unit)))
    return step


def drip(first, unit=b"x"):
    """An octet now and then, for ever."""
    def step(session):
        session.sock.sendall(first)
        while not session.peer.closing.wait(0.1):
            session.sock.sendall(unit)
    return step


def talks(pieces):
    """From here on each reply is sent as the pieces that this makes of its text."""
    def step(session):
        def send(text):
            for piece in pieces(text):
                session.sock.sendall(piece.encode("latin-1"))
        session.send = send
    return step


def deaf(session):
    """Reads nothing at all."""
    session.peer.closing.wait()


def hard_of_hearing(session):
    """Reads a little now and then."""
    while session.sock.recv(1000):
        time.sleep(0.2)


def small_window(session):
    session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


def hears(session):
    """Reads what comes next, a handshake's first record."""
    session.sock.recv(65536)


def half_closes(session):
    session.sock.shutdown(socket.SHUT_WR)


def old_tls():
    context = server_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    return context


class Row:
    """A server and what must come of a message to it: the state, the beginning of the status, a
    pattern for the text, the number of MAIL commands that it saw."""

    def __init__(self, name, state, status="", text="", mails=1, uncertain=False,
                 extensions=EXTENSIONS, tls=False, secured=None, body=BODY, **stages):
        self.name, self.state, self.status, self.text = name, state, status, text
        self.mails, self.uncertain, self.stages, self.body = mails, uncertain, stages, body
        self.extensions, self.tls = extensions, tls
        self.secured = secured or ("^TLSv1.3" if tls else "^$")
        self.behaves, self.mail_seen, self.peer, self.message = False, 0, None, None

    def place(self, number):
        self.domain = "s%d.test" % number
        self.ip = "11.0.1.%d" % number

    def listen(self):
        tls = self.tls() if callable(self.tls) else self.tls
        self.peer = Peer(self.script, tls=tls, host=self.ip, port=25, extensions=self.extensions)

    def script(self, stage, session):
        if self.behaves:
            return None
        self.mail_seen += stage == "mail"
        return self.stages.get(stage)

    def judge(self, events):
        check(len(events) == 1, "attempts:", events)
        event = events[0]
        equal(event["event"], self.state, event["text"])
        check(event["status"].startswith(self.status), "status", event["status"], event["text"])
        check(re.search(self.text, event["text"]), "text", event["text"])
        check(not re.search("[\x00-\x1f\x7f-\x9f]", event["text"]), "controls", event["text"])
        check(self.uncertain in (event.get("uncertain", False), None), "uncertain", event)
        check(self.mails in (self.mail_seen, None), "transactions", self.mail_seen)
        if self.state == DELIVERED:
            check(re.search(self.secured, event["tls"]), "TLS", event["tls"])

    def accepted(self):
        return sum(m.ref == self.message.ref for m in self.peer.messages)


DELIVERED, DEFERRED, FAILED = "delivered", "deferred", "failed"
BAD_REPLY = {"state": DEFERRED, "status": "4.5.0"}
LOST = {"state": DEFERRED, "status": "4.4.2"}
BIG = "x" * 998 + "\r\n"

ROWS = [
    # replies that are none
    Row("a greeting without end", text="too long", mails=0, **BAD_REPLY,
        connect=[flood(b"220 ", b"x")]),
    Row("a greeting of NULs without end", text="no valid code", mails=0, **BAD_REPLY,
        connect=[flood(b"", b"\0")]),
    Row("lines of EHLO without end", text="too many lines", mails=0, **BAD_REPLY,
        ehlo=[flood(b"", b"250-x\r\n")]),
    Row("long lines of EHLO without end", text="too long", mails=0, **BAD_REPLY,
        ehlo=[flood(b"", b"250-" + b"x" * 3000 + b"\r\n")]),
    Row("a refusal without end", text="too long", **BAD_REPLY, rcpt=[flood(b"550 ", b"x")]),
    Row("a reply to the dot without end", text="too long", uncertain=True, **BAD_REPLY,
        dot=[flood(b"250 ", b"x")]),
    Row("an empty line as greeting", text="no valid code", mails=0, **BAD_REPLY,
        connect=[raw(b"\r\n")]),
    Row("code 99", text="no valid code", **BAD_REPLY, mail=[raw(b"99 no\r\n")]),
    Row("code 2500", text="no blank or hyphen", **BAD_REPLY, mail=[raw(b"2500 Ok\r\n")]),
    Row("code 600", text="no valid code", **BAD_REPLY, rcpt=[raw(b"600 no\r\n")]),
    Row("code 199", text="no valid code", **BAD_REPLY, rcpt=[raw(b"199 no\r\n")]),
    Row("letters", text="no valid code", **BAD_REPLY, rcpt=[raw(b"Ok, go on\r\n")]),
    Row("a code with letters", text="no valid code", **BAD_REPLY, data=[raw(b"3x4 go\r\n")]),
    Row("codes that differ within a reply", text="different codes", **BAD_REPLY,
        rcpt=[raw(b"250-one\r\n550 two\r\n")]),
    Row("letters after the dot", text="no valid code", uncertain=True, **BAD_REPLY,
        dot=[raw(b"Kept\r\n")]),
    Row("codes alone", DELIVERED, "2.0.0", connect=[talks(lambda t: [t[:3] + "\r\n"]), None]),
    Row("replies octet by octet", DELIVERED, "2.0.0",
        connect=[talks(lambda t: t + "\r\n"), None]),
    Row("bare LF at the ends of lines", DELIVERED, "2.0.0",
        connect=[talks(lambda t: [t.replace("\r\n", "\n") + "\n"]), None]),
    # texts
    Row("NUL, ESC and DEL in a refusal", FAILED, "5.1.1", r"no\\x00\\x1b\[2J\\x7f such",
        rcpt=[raw(b"550 5.1.1 no\0\x1b[2J\x7f such user\r\n")]),
    Row("a lone CR in a refusal", FAILED, "5.1.1", r"one\\x0dstate=delivered",
        rcpt=[raw(b"550 5.1.1 one\rstate=delivered\r\n")]),
    Row("8-bit octets in a refusal", FAILED, "5.1.1", r"\\xff\\xfe \\xc3",
        rcpt=[raw(b"550 5.1.1 \xff\xfe \xc3\r\n")]),
    Row("control characters of Unicode in a refusal", FAILED, "5.1.1", r"a\\xc2\\x9b31mb",
        rcpt=[raw(b"550 5.1.1 a\xc2\x9b31mb\r\n")]),
    Row("escapes in a refusal", FAILED, "5.1.1", r"%0a\\nstate=delivered",
        rcpt=[raw(b"550 5.1.1 %0a\\nstate=delivered\r\n")]),
    Row("a refusal of 60,000 octets", FAILED, "5.1.1", "^5.1.1 y",
        rcpt=[raw(b"550-5.1.1 " + b"y" * 600 + b"\r\n" + (b"550-" + b"y" * 600 + b"\r\n") * 90 +
                  b"550 end\r\n")]),
    Row("a refusal with a status of success", FAILED, "5.", "2.1.5",
        rcpt="550 2.1.5 Recipient ok"),
    Row("a greeting with controls", DELIVERED, "2.0.0", connect=[raw(b"220 \0\x1b[31m\xff\r\n")]),
    # slow ones
    Row("a greeting drop by drop", text="timed out", mails=0, **LOST, connect=[drip(b"220 ")]),
    Row("EHLO drop by drop", text="timed out", mails=0, **LOST, ehlo=[drip(b"250-")]),
    Row("a reply to the dot drop by drop", text="timed out", uncertain=True, **LOST,
        dot=[drip(b"250-")]),
    Row("no greeting", text="timed out", mails=0, **LOST, connect=[Stall]),
    Row("no reply to RCPT", text="timed out", **LOST, rcpt=[Stall]),
    Row("no reply to the dot", text="timed out", uncertain=True, **LOST, dot=[Stall]),
    Row("nothing read of the content", text="timed out while sending", **LOST, body=BIG * 8000,
        connect=[small_window, None], data=["354 go on", deaf]),
    Row("the content read drop by drop", text="timed out while sending", **LOST, body=BIG * 8000,
        connect=[small_window, None], data=["354 go on", hard_of_hearing]),
    # answers out of turn
    Row("all replies with the greeting", text="before it was asked", mails=0, **BAD_REPLY,
        connect=[raw(b"220 hello\r\n250 ok\r\n250 ok\r\n354 go\r\n250 kept\r\n")]),
    Row("all replies with that to EHLO", text="before it was asked", mails=None, **BAD_REPLY,
        ehlo=[raw(b"250 hello\r\n250 ok\r\n250 ok\r\n354 go\r\n250 kept\r\n")]),
    Row("all replies at MAIL", text="before it was asked", **BAD_REPLY,
        mail=[raw(b"250 ok\r\n250 ok\r\n354 go\r\n250 kept\r\n")]),
    Row("one reply too many", text="does not fit", **BAD_REPLY,
        mail=[raw(b"250 ok\r\n250 again\r\n")]),
    Row("one reply too many, without PIPELINING", text="before it was asked", extensions=(),
        **BAD_REPLY, mail=[raw(b"250 ok\r\n250 again\r\n")]),
    Row("the reply to the dot with the 354", text="before it was asked", **BAD_REPLY,
        data=[raw(b"354 go\r\n250 kept\r\n")]),
    Row("354 to RCPT", text="does not fit", **BAD_REPLY, rcpt="354 go"),
    Row("250 to DATA", text="does not fit", **BAD_REPLY, data="250 ok"),
    Row("354 to the dot", text="does not fit", uncertain=True, **BAD_REPLY, dot="354 go"),
    # mixed replies belong each to its own command
    Row("RCPT taken, DATA refused", FAILED, "5.7.1", data="554 5.7.1 no"),
    Row("RCPT taken, the message refused", FAILED, "5.7.1", dot="554 5.7.1 no"),
    Row("RCPT refused, DATA begun", FAILED, "5.1.1", rcpt="550 5.1.1 no", data="354 go"),
    Row("MAIL refused, RCPT taken, DATA begun", FAILED, "5.7.1", mail="550 5.7.1 no",
        rcpt="250 ok", data="354 go"),
    Row("MAIL deferred, RCPT refused", DEFERRED, "4.7.1", mail="450 4.7.1 later",
        rcpt="550 5.1.1 no", data="503 no"),
    Row("421 after the 250 to the dot", DELIVERED, "2.0.0",
        dot=["250 2.0.0 kept", "421 4.3.2 bye", Close]),
    Row("a flood after the 250 to the dot", DELIVERED, "2.0.0",
        dot=["250 2.0.0 kept", flood(b"", b"250 x\r\n")]),
    Row("closed after the 250 to the dot", DELIVERED, "2.0.0", dot=["250 2.0.0 kept", Reset]),
    Row("closed with the 354", uncertain=None, **LOST, data=["354 go", Close]),
    Row("closed in one direction in the content", uncertain=None, **LOST, body=BIG * 3000,
        data=["354 go", half_closes, Stall]),
    # little is offered
    Row("EHLO refused, HELO taken", DELIVERED, "2.0.0", ehlo="502 5.5.1 what?"),
    Row("EHLO and HELO refused", DEFERRED, "4.", mails=0, ehlo="554 5.5.1 no", helo="554 no"),
    Row("EHLO that offers nothing", DELIVERED, "2.0.0", extensions=()),
    Row("EHLO with a hundred unknown words", text="too many lines", mails=0, **BAD_REPLY,
        extensions=["X-%d" % i for i in range(100)]),
    Row("SIZE too small, and MAIL refused", FAILED, "5.3.4", extensions=("SIZE 10",),
        mail="552 5.3.4 too big"),
    Row("SIZE that is no number", DELIVERED, "2.0.0", extensions=("SIZE -1 x", "SIZE")),
    # TLS
    Row("octets ahead of the handshake", text="more than its reply to STARTTLS", mails=0,
        tls=True, **BAD_REPLY, starttls=[raw(b"220 go\r\n250 injected\r\n"), Stall]),
    Row("STARTTLS refused", DELIVERED, "2.0.0", tls=True, secured="^$",
        starttls="454 4.7.0 not now"),
    Row("421 at STARTTLS", DEFERRED, "4.3.2", mails=0, tls=True, starttls=["421 4.3.2 bye", Close]),
    Row("closed at STARTTLS", mails=0, tls=True, **LOST, starttls=[Close]),
    Row("reset at STARTTLS", mails=0, tls=True, **LOST, starttls=[Reset]),
    Row("TLS 1.0 alone", DELIVERED, "2.0.0", tls=old_tls, secured="^TLSv1 "),
    Row("an expired certificate", DELIVERED, "2.0.0", tls=lambda: server_context(days=-1)),
    Row("a certificate for another name", DELIVERED, "2.0.0",
        tls=lambda: server_context(names=("other.example",))),
    Row("STARTTLS offered again inside TLS", DELIVERED, "2.0.0", tls=True,
        extensions=("STARTTLS", "PIPELINING")),
]

TLS_BROKEN = {
    "no TLS but text": ["220 go", hears, raw(b"500 what?\r\n"), Close],
    "random octets for a handshake": ["220 go", hears, raw(bytes(range(256)) * 4), Close],
    "closed in the handshake": ["220 go", hears, Close],
    "reset in the handshake": ["220 go", hears, Reset],
}
ROWS += [Row("TLS: " + name, DELIVERED, "2.0.0", tls=True, secured="^$", starttls=steps)
         for name, steps in TLS_BROKEN.items()]  # in clear
ROWS.append(Row("TLS: a handshake that stalls", DELIVERED, "2.0.0", tls=True, secured="^$",
                starttls=["220 go", Stall]))
ROWS.append(Row("TLS: a certificate of 1 MB", DELIVERED, "2.0.0", secured="^$",
                tls=lambda: server_context(names=["n%d.%s.example" % (i, "x" * 30)
                                                  for i in range(25000)])))

STAGES = ("connect", "ehlo", "mail", "rcpt", "data", "dot")
RESET_STATUS = {"connect": "4.4."}  # it may come before we know that we are connected: 4.4.1
for stage in STAGES:
    after_mail = int(stage not in ("connect", "ehlo"))
    ROWS += [
        Row("421 at " + stage, DEFERRED, "4.3.2", "421|bye", mails=after_mail,
            **{stage: ["421 4.3.2 bye", Close]}),
        Row("451 at " + stage, DEFERRED, "4.3.0", mails=after_mail, **{stage: "451 4.3.0 later"}),
        Row("closed at " + stage, text="closed|lost", mails=after_mail, uncertain=stage == "dot",
            **LOST, **{stage: [Close]}),
        Row("reset at " + stage, DEFERRED, RESET_STATUS.get(stage, "4.4.2"), "reset|lost",
            mails=after_mail, uncertain=stage == "dot", **{stage: [Reset]}),
    ]
    if stage == "connect":
        ROWS.append(Row("554 at connect", DEFERRED, "4.", mails=0, connect="554 5.7.1 no"))
    elif stage in ("mail", "rcpt"):
        ROWS.append(Row("554 at " + stage, FAILED, "5.7.1", **{stage: "554 5.7.1 no"}))

FLOODING = [r for r in ROWS if "without end" in r.name]
for number, row in enumerate(ROWS, 1):
    row.place(number)

# domains with two servers, the first of which is not there or turns everybody away
GOOD_IP, SECOND_IP, REFUSING_IP = "11.0.2.1", "11.0.2.2", "11.0.2.3"
TURNED_AWAY_IP = "11.0.2.4"
CAPTOR_IPS = {stage: "11.0.3.%d" % i for i, stage in enumerate(STAGES, 1)}


def one_server(ip):
    return zone(mx("@", 10, "mx.@"), a("mx.@", ip))


def two_servers(first, second=SECOND_IP):
    return zone(mx("@", 10, "a.@"), mx("@", 20, "b.@"), a("a.@", first), a("b.@", second))


def answers():
    found = {row.domain: one_server(row.ip) for row in ROWS}
    found.update({"good.test": one_server(GOOD_IP), "refusing.test": one_server(REFUSING_IP),
                  "unreachable.test": one_server(netns.UNREACHABLE),
                  "first-refuses.test": two_servers(REFUSING_IP),
                  "first-unreachable.test": two_servers(netns.UNREACHABLE),
                  "first-turns-away.test": two_servers(TURNED_AWAY_IP),
                  "first-takes-no-rcpt.test": two_servers(ROW["554 at rcpt"].ip)})
    found.update({"held-at-%s.test" % stage: one_server(ip) for stage, ip in CAPTOR_IPS.items()})
    return found


ROW = {row.name: row for row in ROWS}


# tests

def submit_rows(s):
    """The large ones last: they take a while to come in."""
    for row in sorted(ROWS, key=lambda r: len(r.body)):
        with s.session() as smtp:
            row.message = s.submit("to@" + row.domain, body=row.body, session=smtp)


def good_mail_arrives(s, good, number):
    sent = s.submit_all("g%d@good.test" % i for i in range(number)).values()
    for ident in sent:
        check(s.delivered(ident), s.trace(ident))
        equal(good.copies(ident.ref), 1, "copies:")


def trace_is_printable(s):
    for row in ROWS:
        if "refusal" in row.name:
            shown = s.command("trace", row.message)
            check(not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown), row.name, repr(shown))


def another_address_is_tried(s, second):
    sent = s.submit_all("to@%s.test" % d for d in
                        ("first-refuses", "first-unreachable", "first-turns-away"))
    for ident in sent.values():
        check(s.delivered(ident), s.trace(ident))
        equal(second.copies(ident.ref), 1, "copies:")


def after_mail_no_other_address_is_tried(s, second):
    ident = s.submit("to@first-takes-no-rcpt.test")
    equal(s.after_attempts([ident]), [])
    equal(s.state(ident), ["failed"])
    equal(second.copies(ident.ref), 0, "copies:")


def nobody_there_is_deferred(s):
    sent = s.submit_all(["to@refusing.test", "to@unreachable.test"])
    equal(s.after_attempts(sent.values()), [])
    for ident in sent.values():
        (event,) = s.attempts(ident)
        equal((event["event"], event["status"], event["stage"]), (DEFERRED, "4.4.1", "connect"))


def they_behave_and_all_is_taken_once(s):
    for row in ROWS:
        row.behaves = True
    s.command("queue", "retry", "--all")
    for row in ROWS:
        if row.state == FAILED:
            equal(s.state(row.message), ["failed"], row.name)
            equal(row.accepted(), 0, row.name)
        elif row.name in NEVER:
            equal(s.after_attempts([row.message], 2), [], row.name)
        else:
            check(s.delivered(row.message), row.name, s.attempts(row.message))
            equal(row.accepted() if row.state == DEFERRED else row.peer.copies(row.message.ref),
                  1, row.name)


# these stay as they are: it is not their script
NEVER = ("EHLO with a hundred unknown words",)


def memory_stays(s, before):
    for row in FLOODING:
        row.behaves = False
    sent = [s.submit("f%d@%s" % (i, row.domain)) for row in FLOODING for i in range(FLOODS)]
    equal(s.after_attempts(sent), [])
    for pid, size in before.items():
        check(is_alive(pid), "worker %d is gone" % pid)
        check(resident(pid) - size < GROWTH_MAX, "worker", pid, size, "has become",
              resident(pid))


def nothing_unexpected_is_logged(s):
    found = s.log_find("^[^ ]+ (alert|error|warn) ")
    check(not [x for x in found if "dnssec-off" not in x], found[:5])


class Captors:
    """Servers that hold everybody at one stage until they are let go."""

    def __init__(self):
        self.gate = {stage: Gate() for stage in STAGES}
        self.peer = {stage: Peer(self.script(stage), host=ip, port=25)
                     for stage, ip in CAPTOR_IPS.items()}

    def script(self, held):
        return lambda stage, session: [self.gate[held], None] if stage == held else None

    def let_go(self):
        for gate in self.gate.values():
            gate.open()


def held_ones_hold_up_nobody(s, good):
    captors = Captors()
    try:
        sent = {stage: s.submit_all("h%d@held-at-%s.test" % (i, stage) for i in range(30))
                for stage in STAGES}
        for stage, gate in captors.gate.items():
            check(wait_for(lambda g=gate: g.waiting == 20, 30), stage, gate.waiting)
        good_mail_arrives(s, good, 20)
        for stage, gate in captors.gate.items():
            equal(gate.waiting, 20, stage)
        captors.let_go()
        for stage, messages in sent.items():
            for ident in messages.values():
                check(s.delivered(ident), stage, s.trace(ident))
                equal(captors.peer[stage].copies(ident.ref), 1, stage)
    finally:
        captors.let_go()
        for peer in captors.peer.values():
            peer.close()


def rows(tap, s, good):
    submit_rows(s)
    tap.run("good mail arrives beside %d hostile servers" % len(ROWS), good_mail_arrives, s, good,
            20)
    missing = s.after_attempts([row.message for row in ROWS], timeout=90)
    tap.ok(not missing, "every message has had an attempt",
           [row.name for row in ROWS if row.message in missing])
    for row in ROWS:
        tap.run("%s: %s %s" % (row.name, row.state, row.status), row.judge,
                s.attempts(row.message))


def run(tap, s, good, second):
    workers = set(s.workers("deliverd"))
    rows(tap, s, good)
    tap.run("trace shows no control character", trace_is_printable, s)
    tap.run("no server at an address: the next one is tried", another_address_is_tried, s, second)
    tap.run("after MAIL no other address is tried", after_mail_no_other_address_is_tried, s,
            second)
    tap.run("nobody at any address: deferred", nobody_there_is_deferred, s)
    before = s.worker_memory()
    tap.run("they behave, and every deferred message is taken exactly once",
            they_behave_and_all_is_taken_once, s)
    tap.run("the workers' memory does not grow by floods", memory_stays, s, before)
    tap.ok(workers == set(s.workers("deliverd")), "no worker has died")
    tap.run("nothing unexpected is logged", nothing_unexpected_is_logged, s)
    s.stop()
    s.set(USUAL)
    s.start()
    tap.run("servers that hold connections hold up nobody else", held_ones_hold_up_nobody, s, good)


def main():
    netns.enter()
    tap = Tap()
    for row in ROWS:
        row.listen()
    with Peer(host=GOOD_IP, port=25) as good, Peer(host=SECOND_IP, port=25) as second, \
            Peer(lambda *_: "554 5.3.2 no", host=TURNED_AWAY_IP, port=25), \
            NameServer(answers()), Instance(LOW) as s:
        run(tap, s, good, second)
    for row in ROWS:
        row.peer.close()
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - the sandbox: %s" % e)
    sys.exit(1)
