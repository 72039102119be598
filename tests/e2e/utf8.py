#!/usr/bin/python3
"""Internationalised addresses and chunks, from submission to the receiving end.

A UTF-8 address goes only to a server that offers SMTPUTF8, and its domain as A-labels; elsewhere
the copy ends as 5.6.7, visibly.  What came in chunks is delivered as what comes by DATA.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Failed, Peer, Sandbox, Tap, wait_for  # noqa: E402

LOCAL = "\u7528\u6237"
U_DOMAIN, A_DOMAIN = "m\u00fcnchen.test", "xn--mnchen-3ya.test"
DATA = "From: <sender@sandbox.test>\r\nSubject: x\r\n\r\n"
EXTENSIONS = ("8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES")


class Lines:
    """The script of a Peer: remembers MAIL and RCPT as octets."""

    def __init__(self):
        self.lines = []

    def __call__(self, stage, session):
        if stage in ("mail", "rcpt"):
            self.lines.append(session.line.encode("latin-1"))


def check(condition, text):
    if not condition:
        raise Failed(text)


def submit(sandbox, rcpt, text, sender="sender@sandbox.test"):
    smtp = sandbox.session()
    smtp.command_encoding = "utf-8"
    try:
        for reply in (smtp.mail(sender, ["SMTPUTF8"]), smtp.rcpt(rcpt), smtp.data(text.encode())):
            check(reply[0] == 250, reply)
        return re.search(rb"queued as ([0-9a-z]+)", reply[1]).group(1).decode()
    finally:
        smtp.close()


def ended(sandbox, ident):
    check(wait_for(lambda: sandbox.is_final(ident)), "no end: %s" % sandbox.trace(ident))
    return sandbox.trace(ident)


def delivered_with_smtputf8(sandbox, seen):
    ident = submit(sandbox, "%s@%s" % (LOCAL, U_DOMAIN), DATA + "one\r\n")
    ended(sandbox, ident)
    check(sandbox.state(ident) == ["delivered"], sandbox.trace(ident))
    mail, rcpt = seen.lines
    check(mail.split()[-1] == b"SMTPUTF8", mail)
    check(rcpt == ("RCPT TO:<%s@%s>" % (LOCAL, A_DOMAIN)).encode(), rcpt)


def the_events_tell_the_address(sandbox):
    ident = submit(sandbox, "\u00f6@sink.test", DATA + "two\r\n", "j\u00f6rg@sandbox.test")
    ended(sandbox, ident)
    check(sandbox.state(ident) == ["delivered"], sandbox.trace(ident))
    (shown,) = [m for m in sandbox.message_list() if m["id"] == ident]
    check(shown["from"] == "j\u00f6rg@sandbox.test", shown)
    check(shown["rcpt"] == ["\u00f6@sink.test"], shown)


def sink_has_it(sandbox):
    want = "Delivered-To: \u00f6@sink.test\r\n".encode()
    check(any(want in data for _, data in sandbox.sink_messages()), "not in the sink")


def ended_without_smtputf8(sandbox, seen):
    ident = submit(sandbox, "\u00f6@plain.test", DATA + "three\r\n")
    events = ended(sandbox, ident)
    check(sandbox.state(ident) == ["failed"], events)
    check("5.6.7" in str(events) and "SMTPUTF8" in str(events), events)
    check(not seen.lines, seen.lines)


def a_domain_alone_needs_none(sandbox, seen):
    ident = submit(sandbox, "a@\u00f6.plain.test", DATA + "four\r\n")
    ended(sandbox, ident)
    check(sandbox.state(ident) == ["delivered"], sandbox.trace(ident))
    check(seen.lines[-1] == b"RCPT TO:<a@xn--nda.plain.test>", seen.lines)
    check(b"SMTPUTF8" not in seen.lines[0], seen.lines)


def chunks_are_a_message(sandbox):
    text = (DATA + "chunks\r\n.\r\n..\r\nlast").encode()
    smtp = sandbox.session()
    try:
        smtp.mail("sender@sandbox.test")
        smtp.rcpt("chunks@sink.test")
        for i in range(0, len(text), 10):
            piece = text[i:i + 10]
            last = " LAST" if i + 10 >= len(text) else ""
            smtp.send(b"BDAT %d%s\r\n%s" % (len(piece), last.encode(), piece))
            reply = smtp.getreply()
            check(reply[0] == 250, reply)
    finally:
        smtp.close()
    want = text[text.index(b"chunks"):] + b"\r\n"
    check(wait_for(lambda: any(data.endswith(want) for _, data in sandbox.sink_messages())),
          "not in the sink")


def main():
    tap = Tap()
    able, plain = Lines(), Lines()
    with Peer(able, extensions=EXTENSIONS + ("SMTPUTF8",)) as one, \
            Peer(plain, extensions=EXTENSIONS) as other, \
            Sandbox(mx={A_DOMAIN: one.address, "plain.test": other.address,
                        "xn--nda.plain.test": other.address}) as s:
        tap.run("a UTF-8 address goes to a server that offers SMTPUTF8",
                delivered_with_smtputf8, s, able)
        tap.run("a UTF-8 sender and recipient are told as they are",
                the_events_tell_the_address, s)
        tap.run("the sink took such a message", sink_has_it, s)
        tap.run("a server without SMTPUTF8 ends the copy as 5.6.7, before MAIL",
                ended_without_smtputf8, s, plain)
        tap.run("a domain with U-labels alone needs no SMTPUTF8",
                a_domain_alone_needs_none, s, plain)
        tap.run("a message in chunks is delivered, its dots untouched", chunks_are_a_message, s)
    tap.done()


if __name__ == "__main__":
    main()
