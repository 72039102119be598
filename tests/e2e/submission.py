#!/usr/bin/python3
"""What is done to submitted mail: repaired, marked, its options read, loops ended.

Messages go the whole way from submission to the sandbox's sink, and what came there is compared
byte for byte with what was sent.
"""

import glob
import hashlib
import os
import re
import smtplib
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Sandbox, Tap, repaired, wait_for  # noqa: E402

import dkim  # noqa: E402

SENDER = "sender@sandbox.test"
FROM = b"From: Sender <sender@sandbox.test>\r\n"
WHOLE = FROM + b"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <a@sandbox.test>\r\n"
RECEIVED = re.compile(
    rb"^Received: from client\.test \(\[127\.0\.0\.1\]\)\r\n\tby mail\.sandbox\.test "
    rb"\(Posthaste\) with (\w+) id ([0-9a-f]{32})\r\n\t\(using TLSv1\.[23] [A-Z0-9_-]+\);\r\n"
    rb"\t(\w{3}, \d+ \w{3} \d{4} [0-9:]{8} \+0000)\r\n", re.M)
LIMIT_HEADER = 262144
LOOP = b"554 5.4.6 This message was sent from here before: it goes in a circle"
EIGHT_BIT, LONG_LINES = 1, 4
number = 0


def check(good, *what):
    if not good:
        raise AssertionError(" ".join(str(w)[:600] for w in what))


def equal(got, want):
    check(got == want, "got", repr(got), "wanted", repr(want))


def send(s, data, count=1):
    """Submits to that many recipients of its own; (queue id, recipients)."""
    global number
    rcpts = []
    for _ in range(count):
        number += 1
        rcpts.append("r%d@sink.test" % number)
    return s.submit(rcpts, sender=SENDER, data=data), rcpts


def refused(s, data):
    """The reply to a message that must be refused, and leave nothing."""
    before = s.message_list()
    try:
        send(s, data)
    except smtplib.SMTPDataError as e:
        equal([s.message_list(), glob.glob(s.dir + "/spool/new/smtpd/0*")], [before, []])
        return b"%d %s" % (e.smtp_code, e.smtp_error)
    raise AssertionError("accepted: %r" % data[:200])


def delivered(s, rcpt):
    """What came to one recipient: (all of it, from our Received field on)."""
    def find():
        for _, data in s.sink_messages():
            if ("Delivered-To: %s\r\n" % rcpt).encode() in data.split(b"\r\n\r\n")[0] + b"\r\n":
                return data
        return None
    data = wait_for(find, 30)
    check(data, "not delivered:", rcpt)
    return data, data[RECEIVED.search(data).start():]


def sent_and_got(s, data, count=1):
    ident, rcpts = send(s, data, count)
    return ident, [delivered(s, rcpt) for rcpt in rcpts]


def as_delivered(message, data, ident):
    """Checks that data arrived as it was sent, repaired."""
    head = RECEIVED.match(message)
    equal(head.group(2).decode(), ident)
    equal(message[head.end():], repaired(data, ident, head.group(3)))
    return head


def stored(s, ident):
    """Of the file, once it has come to rest in kept/: ({key: value}, flags)."""
    def found():
        return [p for p in s.spool_files() if p.endswith("/" + ident)]
    check(wait_for(lambda: [p.split("/")[0] for p in found()] == ["kept"]), ident, found())
    ends = found()
    with open(os.path.join(s.dir, ends[0]), "rb") as f:
        data = f.read()
    lines = data.partition(b"\n\n")[0].decode("ascii").split("\n")
    pairs = [line.split("=", 1) for line in lines if not line.startswith("rcpt=")]
    flags = int(data[-174:].split(b" ")[3], 16)
    return {k: urllib.parse.unquote(v) for k, v in pairs}, flags


# repairs

def two_recipients_see_one_message_id(s):
    data = FROM + b"To: x@sink.test\r\nSubject: a\r\n\r\nhello\r\n"
    ident, copies = sent_and_got(s, data, 2)
    for _, message in copies:
        head = as_delivered(message, data, ident)
        equal(head.group(1), b"ESMTPSA")
        equal(message.count(b"\r\nMessage-ID: <%s@sandbox.test>\r\n\r\n" % ident.encode()), 1)
        equal(message.count(b"\r\nDate: " + head.group(3) + b"\r\n"), 1)
    equal(copies[0][1], copies[1][1])


def bcc_is_never_seen(s):
    data = (b"bcc: hidden1@secret.test,\r\n hidden2@secret.test\r\n" + WHOLE +
            b"Resent-BCC: hidden3@secret.test\r\nTo: x@sink.test\r\nBCC\t: hidden4@secret.test\r\n"
            b"Return-Path: <hidden5@secret.test>\r\nContent-Length: 77777\r\n\r\nBcc: body\r\n")
    ident, copies = sent_and_got(s, data, 2)
    for whole, message in copies:
        as_delivered(message, data, ident)
        check(b"hidden" not in whole and b"77777" not in whole, whole)
        check(message.endswith(WHOLE + b"To: x@sink.test\r\n\r\nBcc: body\r\n"), message)


def nothing_else_changes(s):
    odd = (b"Subject:\ta \r\n\t b\t\r\n \r\n\tc\r\nTo :d\r\nCc:\r\nX:  \r\n"
           b"X-Eight: Gr\xc3\xbc\xff\xfe\x7f\r\nTo: again\r\nSUBJECT: again\r\n"
           b"X-Postal-MsgID: a\r\nX-Posthaste-Ref: foreign\r\nX-Long: " + b"y" * 5000 + b"\r\n")
    for data in (WHOLE + odd + b"\r\n\x01\xff\r\n..\r\n", odd + FROM + b"\r\n", FROM,
                 FROM + b"no field\r\nCc: stays\r\n\r\nbody\r\n"):
        ident, ((_, message),) = sent_and_got(s, data)
        # a header that no empty line ends gets one where it is signed
        message = message.replace(b"\r\n\r\nno field", b"\r\nno field")
        as_delivered(message if b"\r\n\r\n" in data else message[:-2], data, ident)


def odd_date_and_message_id_stay(s):
    data = FROM + b"DATE:\r\nDate: yesterday\r\nmessage-id: a b\r\nMessage-ID:\r\n\r\n"
    ident, ((_, message),) = sent_and_got(s, data)
    as_delivered(message, data, ident)
    check(message.endswith(data), message)


def the_signature_holds(s):
    (domain,) = s.json("domain", "show", "sandbox.test")
    keys = {r["name"].encode() + b".": r["value"].encode() for r in domain["records"]
            if "_domainkey" in r["name"]}
    keys.update({name.rstrip(b"."): value for name, value in keys.items()})
    for data in (FROM + b"Bcc: a@b.test\r\nX-Postal-Tag: a\r\nSubject: s\r\n\r\nhello\r\n", FROM,
                 FROM + b"To: x\r\nno field\r\n\r\nbody\r\n"):
        _, ((whole, _),) = sent_and_got(s, data)
        check(dkim.verify(whole, dnsfunc=lambda name, timeout=5: keys[name]), whole)
        for name in (b"date", b"message-id"):
            check(re.search(rb"[:=]\s*" + name + rb"\b", whole.lower()), name, whole)


def long_lines_are_kept_and_noted(s):
    for body, flags in ((b"x" * 998, 0), (b"x" * 999, LONG_LINES), (b"\xff" * 100000, 5),
                        ("\u00fc".encode(), EIGHT_BIT)):
        data = WHOLE + b"\r\n" + body + b"\r\n"
        ident, ((_, message),) = sent_and_got(s, data)
        as_delivered(message, data, ident)
        equal(stored(s, ident)[1], flags)


def a_header_that_is_just_small_enough_is_delivered(s):
    room = LIMIT_HEADER - len(FROM) - len(b"X: \r\n\r\n")
    equal(refused(s, FROM + b"X: " + b"y" * room + b"\r\n\r\n"),
          b"552 5.3.4 Header section is too large")
    data = FROM + b"X: " + b"y" * (room - 600) + b"\r\n\r\nhello\r\n"
    ident, ((_, message),) = sent_and_got(s, data)
    as_delivered(message, data, ident)


# options

def options_come_into_the_envelope(s):
    data = (b"X-Postal-Tag: not this\r\n" + FROM + b"X-Posthaste-Tag: old\r\n"
            b"x-posthaste-tag: Gr\xc3\xbc\xc3\x9fe,\r\n\tFritz \r\nX-Posthaste-Stream: News.Letter\r\n"
            b"X-Posthaste-Metadata: { \"b\": 1.10, \r\n \"a\": \"x y\" }\r\n"
            b"X-Posthaste-Track: opens, clicks\r\nX-Posthaste-Expires: 36h\r\n\r\nhello\r\n")
    ident, ((whole, message),) = sent_and_got(s, data)
    as_delivered(message, data, ident)
    check(b"Fritz" not in whole and b"Postal" not in whole, whole)
    envelope, _ = stored(s, ident)
    equal(envelope["tag"], "Gr\u00fc\u00dfe, Fritz")
    equal(envelope["stream"], "news.letter")
    equal(envelope["metadata"], '{"b":1.10,"a":"x y"}')
    equal(envelope["track"], "6")
    equal(int(envelope["expires"]), int(envelope["received"]) + 36 * 3600 * 1000)
    check("digest" not in envelope and "idempotency" not in envelope, envelope)
    ident, _ = sent_and_got(s, b"X-Postal-Tag: this\r\n" + FROM + b"\r\n")
    equal(stored(s, ident)[0]["tag"], "this")
    ident, _ = sent_and_got(s, WHOLE + b"\r\n")
    check(not {"tag", "stream", "metadata", "track", "expires"} & set(stored(s, ident)[0]))


def the_digest_is_of_what_was_submitted(s):
    for size in (0, 10, 16000, 17000, 300000):
        key = "order %d" % size
        data = FROM + b"Bcc: a@b.test\r\nX-Posthaste-Idempotency-Key: %s\r\n\r\n" % key.encode()
        data += (b"0123456789abcde\r\n" * (size // 17 + 1))[:size] + b"\r\n"
        ident, rcpts = send(s, data, 2)
        for rcpt in rcpts:
            as_delivered(delivered(s, rcpt)[1], data, ident)
        envelope, _ = stored(s, ident)
        equal(envelope["idempotency"], key)
        submitted = "\0".join([SENDER] + rcpts).encode() + b"\0\0" + data
        equal(envelope["digest"], hashlib.blake2b(submitted, digest_size=32).hexdigest())


def what_is_wrong_is_refused_by_name(s):
    for field, reply in (
            (b"X-Posthaste-Expires: 0s", b"550 5.6.0 X-Posthaste-Expires: is over already; at "
             b"least 1s from now is needed"),
            (b"X-Posthaste-Metadata: {\"a\":{}}", b"550 5.6.0 X-Posthaste-Metadata: has a value "
             b"that is no string, number or boolean; nested values go as a string"),
            (b"X-Posthaste-Expire: 5m", b"550 5.6.0 X-Posthaste-Expire: there is no such option; "
             b"did you mean X-Posthaste-Expires?")):
        equal(refused(s, WHOLE + field + b"\r\n\r\nhello\r\n"), reply)


# loops

def what_was_delivered_is_not_taken_again(s):
    _, ((whole, _),) = sent_and_got(s, WHOLE + b"Subject: round\r\n\r\nhello\r\n")
    equal(refused(s, whole), LOOP)
    mark = re.search(rb"^X-Posthaste-Ref: ([a-z2-7]{34})\r\n", whole, re.M)
    equal(refused(s, b"x-posthaste-REF:\r\n\t" + mark.group(1).upper() + b"\r\n" + WHOLE + b"\r\n"),
          LOOP)
    forged = mark.group().replace(mark.group(1)[-1:] + b"\r", b"\r")
    flipped = bytearray(mark.group())
    flipped[40] = ord("a") if flipped[40] != ord("a") else ord("b")
    for data in (WHOLE + b"X-Posthaste-Ref: nothing\r\n\r\n", WHOLE + forged + b"\r\n",
                 WHOLE + bytes(flipped) + b"\r\n", WHOLE + b"\r\n" + mark.group()):
        ident, ((_, message),) = sent_and_got(s, data)
        as_delivered(message, data, ident)


def fifty_hops_are_a_loop(s):
    hops = b"Received: by a; Thu, 01 Jan 2026 00:00:00 +0000\r\n"
    equal(refused(s, 50 * hops + WHOLE + b"\r\n"),
          b"554 5.4.6 Too many hops: the message goes in a circle")
    data = 49 * hops + WHOLE + b"\r\n"
    ident, ((_, message),) = sent_and_got(s, data)
    as_delivered(message, data, ident)


def the_key_for_it_is_made_again(s):
    """Last: it stops and starts the sandbox."""
    _, ((whole, _),) = sent_and_got(s, WHOLE + b"\r\nhello\r\n")
    path = s.dir + "/secrets/smtpd/complaint"
    with open(s.dir + "/secrets/queued/token", "rb") as f:
        key = hashlib.blake2b(key=f.read(), digest_size=32, person=b"phtoken1",
                              salt=(2).to_bytes(8, "little")).digest()
    for spoil in (os.unlink, lambda p: rewrite(p, b"x" * 32), lambda p: rewrite(p, b"short")):
        s.stop()
        spoil(path)
        s.start()
        with open(path, "rb") as f:
            equal(f.read(), key)
        equal(os.stat(path).st_mode & 0o777, 0o400)
        equal(refused(s, whole), LOOP)


def rewrite(path, data):
    os.chmod(path, 0o600)
    with open(path, "wb") as f:
        f.write(data)


TESTS = [
    two_recipients_see_one_message_id, bcc_is_never_seen, nothing_else_changes,
    odd_date_and_message_id_stay, the_signature_holds, long_lines_are_kept_and_noted,
    a_header_that_is_just_small_enough_is_delivered, options_come_into_the_envelope,
    the_digest_is_of_what_was_submitted, what_is_wrong_is_refused_by_name,
    what_was_delivered_is_not_taken_again, fifty_hops_are_a_loop, the_key_for_it_is_made_again,
]


def main():
    tap = Tap()
    with Sandbox() as s:
        for test in TESTS:
            tap.run(test.__name__.replace("_", " "), test, s)
        tap.ok(not s.log_find(" (alert|error) "), "the log has no error",
               "\n".join(s.log_find(" (alert|error) ")[:5]))
    tap.done()


main()
