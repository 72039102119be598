#!/usr/bin/python3
"""Signs awkward messages with deliverd/dkim.c and lets dkimpy and libopendkim judge them.

    dkim_compare.py [--tool dkim_tool] [--judge dkim_judge] [--count 200]

Each message must verify with both; with each of several changes (a second From, an added Subject,
another body ...) it must verify with neither.  The last line is "N passed, N failed".
"""

import argparse
import base64
import os
import random
import subprocess
import sys
import tempfile

import dkim

KEY = "example.com 20261123 rsa-sha256"
NAME = b"20261123._domainkey.example.com"
BLANKS = [b" ", b"\t", b"  ", b" \t ", b"\r\n ", b"\r\n\t", b" \r\n \t"]
WORDS = [b"word", b"a:b", b"=?utf-8?q?=C3=A4?=", b"\xc3\xa4\xc3\xb6", b"\"x  y\"", b"<a@b.example>",
         b"(c)", b";", b"x" * 300, b"=", b"\xff\xfe", b","]
BODIES = [b"", b"\r\n", b"\r\n\r\n\r\n", b" \r\n", b"\t\r\n \r\n", b"a", b"a ", b"a \r\n", b" a\r\n",
          b"\r\na\r\n", b"a\r\n\r\n", b"a\r\n \r\n\t\r\n", b"a\tb  c \t d\r\n", b".\r\n..\r\n.x\r\n",
          b"From here\r\n>From there\r\n", b"x" * 998 + b"\r\n", b"From: body@example.com\r\n\r\nx\r\n",
          b" C \r\nD \t E\r\n\r\n\r\n", b"\xc3\xa4 \xff\r\n", b"a\r\n\r\n\r\n\r\nb\r\n"]
FIELDS = [b"To", b"Cc", b"Subject", b"Date", b"Reply-To", b"Message-ID", b"MIME-Version",
          b"Content-Type", b"Content-Transfer-Encoding", b"Sender", b"In-Reply-To", b"References",
          b"List-Unsubscribe", b"List-Unsubscribe-Post", b"List-Id", b"Feedback-ID", b"Resent-From",
          b"Resent-Date", b"Resent-To", b"Resent-Message-ID", b"Received", b"X-Mailer", b"X-Spam",
          b"Return-Path", b"DKIM-Filter", b"Bcc", b"Comments", b"Keywords"]


def any_case(rng, name):
    how = rng.randrange(4)
    return (name, name.lower(), name.upper(), bytes(rng.choice((c, c ^ 0x20)) if
            chr(c).isalpha() else c for c in name))[how]


def value(rng):
    out = b"" if rng.random() < 0.2 else b" "
    for _ in range(rng.randrange(8)):
        out += rng.choice(WORDS) + rng.choice(BLANKS)
    return out + (rng.choice(WORDS) if rng.random() < 0.8 else b"x \t")


def message(rng, number):
    lines = [any_case(rng, b"From") + b":" + value(rng) + b"<a@example.com>"]
    for _ in range(rng.randrange(20)):
        name = any_case(rng, rng.choice(FIELDS))
        lines.append(name + b":" + value(rng))
    rng.shuffle(lines)
    body = BODIES[number] if number < len(BODIES) else b"".join(
        rng.choice(WORDS + BLANKS[:4] + [b"\r\n", b"\r\n\r\n", b" \r\n"])
        for _ in range(rng.randrange(120)))
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"  # as SMTP would
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def changes(signed):
    """The same message, spoilt."""
    yield "second From on top", b"From: evil@example.net\r\n" + signed
    yield "second Subject on top", b"Subject: evil\r\n" + signed
    yield "Reply-To on top", b"Reply-To: evil@example.net\r\n" + signed
    yield "Content-Type on top", b"Content-Type: text/html\r\n" + signed
    yield "body longer", signed + b"more\r\n"


class Judges:
    def __init__(self, tool, judge, folder):
        self.tool, self.judge = tool, judge
        self.key = os.path.join(folder, "key.pem")
        self.keys = os.path.join(folder, "keys")
        subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt",
                        "rsa_keygen_bits:2048", "-out", self.key], check=True)
        der = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"],
                             check=True, capture_output=True).stdout
        self.record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)
        with open(self.keys, "wb") as f:
            f.write(NAME + b" " + self.record + b"\n")

    def sign(self, text):
        return subprocess.run([self.tool, self.key, KEY, "1790000000"], input=text, check=True,
                              capture_output=True).stdout

    def dkimpy(self, signed):
        def txt(name, timeout=5):
            return self.record if name.rstrip(b".") == NAME else None
        try:
            return dkim.verify(signed, dnsfunc=txt)
        except dkim.DKIMException as e:
            return str(e)

    def opendkim(self, signed):
        run = subprocess.run([self.judge, self.keys], input=signed, capture_output=True)
        return run.returncode == 0 or run.stdout.decode()


def check(judges, text, spoil):
    """Complaints about one message."""
    signed = judges.sign(text)
    if not signed.endswith(text):
        yield "the message itself was changed"
    for who in (judges.dkimpy, judges.opendkim):
        result = who(signed)
        if result is not True:
            yield "%s: %s" % (who.__name__, result)
    if spoil:
        for what, bad in changes(signed):
            for who in (judges.dkimpy, judges.opendkim):
                if who(bad) is True:
                    yield "%s accepts it with: %s" % (who.__name__, what)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--tool", default="build/release/tests/dkim_tool")
    ap.add_argument("--judge", default="build/release/tests/dkim_judge")
    ap.add_argument("--count", type=int, default=200)
    ap.add_argument("--seed", type=int, default=6376)
    args = ap.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        judges = Judges(args.tool, args.judge, folder)
        for number in range(args.count):
            rng = random.Random(args.seed * 100000 + number)
            text = message(rng, number)
            complaints = list(check(judges, text, number % 4 == 0))
            for c in complaints:
                print("message %d: %s" % (number, c))
            if complaints:
                failed += 1
            else:
                passed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
