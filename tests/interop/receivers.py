#!/usr/bin/python3
"""Postfix, Exim and OpenSMTPD as they come from Debian receive what Posthaste delivers.

Of each awkward message the mailbox must have what is stored and what was submitted, with the Date
and Message-ID that it lacked, below our mark and signature and the fields that the server itself
writes; and the signature must verify.  Then what they refuse, greylisting, internationalised
addresses, and one of them as smart host.
"""

import base64
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from awkward import (FROM, SENDER, check, equal, field_names, judged_by_dkimpy,  # noqa: E402
                     keys_of, messages)
from posthaste import Sandbox, Tap, repaired, skip_all, wait_for  # noqa: E402
from servers import LIMIT_SIZE, Exim, OpenSMTPD, Postfix, started  # noqa: E402

MEGABYTE = "body: 1 MB", FROM + b"Subject: x\r\n\r\n" + b"0123456789 abcde\r\n" * 58000
ADDED = {
    "postfix": [b"Return-Path", b"X-Original-To", b"Delivered-To", b"Received"],
    "exim": [b"Return-path", b"Received"],
    "opensmtpd": [b"Return-Path", b"Delivered-To", b"Received"],
}
OURS = [b"X-Posthaste-Ref", b"DKIM-Signature"]


def submit(session, rcpts, data, options=("BODY=8BITMIME",)):
    """One message to these recipients; its queue id."""
    code, reply = session.mail(SENDER, options)
    for rcpt in rcpts:
        check(code == 250, reply)
        code, reply = session.rcpt(rcpt)
    code, reply = session.data(data)
    check(code == 250, reply)
    return reply.split()[-1].decode()


def end_of(box, ident):
    """The last event of a message with one copy, which must come."""
    check(wait_for(lambda: box.is_final(ident), 10), "not ended:", box.trace(ident))
    return box.trace(ident)[-1]


def received(server, mailbox):
    data = wait_for(lambda: server.received(mailbox), 10)
    check(data, "nothing came:", server.log_text()[-600:])
    return data


def arrived_whole(server, mailbox, data, stored, ident, keys):
    """Checks what is in a mailbox: the server's fields, ours, and then what is stored."""
    got = received(server, mailbox)
    below = stored if b"\r\n\r\n" in stored else stored + b"\r\n"
    check(got.endswith(below), "stored:", below, "got:", got)
    equal(field_names(got[:-len(below)]), ADDED[server.name] + OURS)
    head, _, rest = stored.partition(b"+0000\r\n")
    equal(rest, repaired(data, ident, head.rpartition(b"\t")[2] + b"+0000"))
    check(judged_by_dkimpy(got, keys), "no valid signature:", got)


def awkward_messages(tap, box, servers):
    keys = keys_of(box)
    session = box.session()
    sent = {}
    for n, (name, data) in enumerate([*messages(), MEGABYTE]):
        ident = submit(session, ["r%d@%s" % (n, s.domain) for s in servers], data)
        sent[ident] = (name, "r%d" % n, data if data.endswith(b"\r\n") else data + b"\r\n")
    session.quit()
    wait_for(lambda: all(box.is_final(ident) for ident in sent), 30)
    stored = {m["id"]: base64.b64decode(m["data"]) for m in box.message_list(raw=True)}
    for ident, (name, mailbox, data) in sent.items():
        for server in servers:
            tap.run("%s: %s" % (server.name, name), arrived_whole, server, mailbox, data,
                    stored[ident], ident, keys)


def a_refusal_is_told(box, server, rcpt, data, code, stage):
    session = box.session()
    event = end_of(box, submit(session, [rcpt], data))
    session.quit()
    equal((event["event"], event["code"], event["stage"]), ("failed", code, stage))
    check(event["text"] and event["tls"].startswith("TLSv1.3") == server.has_tls, event)


def refusals(tap, box, server):
    small = FROM + b"\r\nHello.\r\n"
    large = small + b"0123456789abcdef\r\n" * (LIMIT_SIZE // 15)
    for name, rcpt, data, code, stage in (
            ("an unknown user is told", "nobody", small, server.unknown_user, "rcpt"),
            ("a full mailbox is told", "full", small, 552, "rcpt"),
            ("a message that is too large is told", "r30", large, *server.too_large)):
        tap.run("%s: %s" % (server.name, name), a_refusal_is_told, box, server,
                "%s@%s" % (rcpt, server.domain), data, code, stage)


def greylisting_is_waited_out(box, server, rcpt):
    ident = box.submit(rcpt)
    end_of(box, ident)
    events = [(e["event"], e["code"] // 100) for e in box.trace(ident)[1:]]
    equal((events[0], events[-1]), (("deferred", 4), ("delivered", 2)))
    received(server, "grey")


def an_international_address(box, server):
    session = box.session()
    session.ehlo()
    session.command_encoding = "utf-8"
    ident = submit(session, ["gr\u00fcn@" + server.domain], FROM + b"\r\nHello.\r\n",
                   ["SMTPUTF8", "BODY=8BITMIME"])
    session.quit()
    event = end_of(box, ident)
    if server.has_smtputf8:
        equal(event["event"], "delivered")
        received(server, "gr\u00fcn")
    else:
        equal((event["event"], event["status"]), ("failed", "5.6.7"))


def the_smart_host_takes_the_rest(box, server):
    equal(end_of(box, box.submit("r31@relayed.test"))["event"], "delivered")
    received(server, "r31")


def all_tests(tap, servers):
    by_name = {s.name: s for s in servers}
    postfix, exim = by_name.get("postfix"), by_name.get("exim")
    mx = {s.domain: s.address for s in servers}
    if postfix:
        mx["screened.test"] = "127.0.0.1:%d" % postfix.screened_port
    with Sandbox(mx=mx, relay=postfix and postfix.address,
                 settings={"queue.retry": "500ms"}) as box:
        awkward_messages(tap, box, servers)
        for server in servers:
            refusals(tap, box, server)
            tap.run("%s: an internationalised address" % server.name, an_international_address,
                    box, server)
        if postfix:
            tap.run("postfix: greylisting by its postscreen", greylisting_is_waited_out, box,
                    postfix, "grey@screened.test")
            tap.run("postfix: as smart host", the_smart_host_takes_the_rest, box, postfix)
        if exim:
            tap.run("exim: greylisting by its ACL", greylisting_is_waited_out, box, exim,
                    "grey@exim.test")
        tap.ok(not box.log_find(" (alert|error) "), "the log has no error",
               "\n".join(box.log_find(" (alert|error) ")[:5]))


def main():
    tap = Tap()
    with started(tap, Postfix, Exim, OpenSMTPD) as servers:
        if not servers:
            skip_all("no server runs here")
        all_tests(tap, servers)
    tap.done()


main()
