#!/usr/bin/python3
"""Signs awkward messages with deliverd/dkim.c and lets dkimpy and libopendkim judge them.

    dkim_compare.py [--tool dkim_tool] [--judge dkim_judge] [--count 400] [--seed N]

Each message gets a signature by an RSA and one by an Ed25519 key, with each canonicalisation in
turn.  Both must verify with both judges, also after what the canonicalisation lets pass; after
other changes (a second From, an added Subject, another body ...) neither may.  A long run:
--count 5000.  The last line is "N passed, N failed".
"""

import argparse
import base64
import os
import random
import re
import subprocess
import sys
import tempfile
import time

import dkim

DOMAIN = "example.com"
ALGORITHMS = {"rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "ed25519": ["ED25519"]}
CANONS = ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"]
BLANKS = [b" ", b"\t", b"  ", b" \t ", b"\r\n ", b"\r\n\t", b" \r\n \t"]
WORDS = [b"word", b"a:b", b"=?utf-8?q?=C3=A4?=", b"\xc3\xa4\xc3\xb6", b"\"x  y\"", b"<a@b.example>",
         b"(c)", b";", b"x" * 300, b"=", b"\xff\xfe", b","]
BODIES = [b"", b"\r\n", b"\r\n\r\n\r\n", b" \r\n", b"\t\r\n \r\n", b"a", b"a ", b"a \r\n", b" a\r\n",
          b"\r\na\r\n", b"a\r\n\r\n", b"a\r\n \r\n\t\r\n", b"a\tb  c \t d\r\n", b".\r\n..\r\n.x\r\n",
          b"From here\r\n>From there\r\n", b"x" * 998 + b"\r\n", b"From: body@example.com\r\n\r\nx\r\n",
          b" C \r\nD \t E\r\n\r\n\r\n", b"\xc3\xa4 \xff\r\n", b"a\r\n\r\n\r\n\r\nb\r\n", b" \t ",
          b"a\r\n ", b"x" * 100000, b"." * 5000]
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
    kind = rng.random()
    if kind < 0.05:
        return rng.choice((b"", b" ", b"\t ", b"\r\n ", b" \r\n\t"))
    if kind < 0.08:
        return b" " + b"y" * rng.choice((990, 3000, 20000))
    out = b"" if rng.random() < 0.2 else b" "
    for _ in range(rng.randrange(8)):
        out += rng.choice(WORDS) + rng.choice(BLANKS)
    return out + (rng.choice(WORDS) if rng.random() < 0.8 else b"x \t")


def message(rng, number):
    """A message, and whether a name has a blank before its colon."""
    odd = rng.random() < 0.1
    lines = [any_case(rng, b"From") + b":" + value(rng) + b"<a@example.com>"]
    for _ in range(rng.randrange(20)):
        name = any_case(rng, rng.choice(FIELDS))
        colon = rng.choice((b":", b" :", b"  :")) if odd else b":"  # no tab: libopendkim
        lines.append(name + colon + value(rng))
    rng.shuffle(lines)
    text = b"\r\n".join(lines) + b"\r\n"
    odd = re.search(rb"(?m)^[!-9;-~]+[ \t]+:", text) is not None
    which = number // len(CANONS)  # each body with each canonicalisation
    body = BODIES[which] if which < len(BODIES) else b"".join(
        rng.choice(WORDS + BLANKS[:4] + [b"\r\n", b"\r\n\r\n", b" \r\n", b"."])
        for _ in range(rng.randrange(120)))
    return text + b"\r\n" + body, odd


def forgeries(signed):
    yield "second From on top", b"From: evil@example.net\r\n" + signed
    yield "second Subject on top", b"Subject: evil\r\n" + signed
    yield "Reply-To on top", b"Reply-To: evil@example.net\r\n" + signed
    yield "Content-Type on top", b"Content-Type: text/html\r\n" + signed
    yield "body longer", signed + b"more\r\n"


def blanks(signed, canon):
    """(what, message, whether it must still verify): blanks were added on the way."""
    header, _, body = signed.partition(b"\r\n\r\n")
    canon_header, canon_body = canon.split("/")
    yield ("a blank in From", re.sub(rb"(?im)^(from[ \t]*:)", rb"\1 ", signed, count=1),
           canon_header == "relaxed")
    yield "empty lines at the end", signed + b"\r\n\r\n", True
    if body.startswith(b"word"):
        yield ("blanks in the body", header + b"\r\n\r\nword \t\r\n" + body[4:].lstrip(b"\r\n"),
               False)
    spread, n = re.subn(rb"[ \t]+\r\n", rb"\t \t\r\n", body)
    if n and spread != body:
        yield ("blanks in the body", header + b"\r\n\r\n" + spread, canon_body == "relaxed")


class Judges:
    def __init__(self, tool, judge, folder):
        self.tool, self.judge, self.folder = tool, judge, folder
        self.keys = os.path.join(folder, "keys")
        self.records = {}
        for selector, how in ALGORITHMS.items():
            pem = os.path.join(folder, "%s,%s.pem" % (DOMAIN, selector))
            subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm"] + how + ["-out", pem],
                           check=True)
            der = subprocess.run(["openssl", "pkey", "-in", pem, "-pubout", "-outform", "DER"],
                                 check=True, capture_output=True).stdout
            public = base64.b64encode(der[-32:] if selector == "ed25519" else der).decode()
            self.records["%s._domainkey.%s" % (selector, DOMAIN)] = (
                "v=DKIM1; k=%s; p=%s" % (selector, public))
        with open(self.keys, "w") as f:
            for name, record in self.records.items():
                f.write("%s %s\n" % (name, record))

    def sign(self, text, canon, expire):
        keys = ["%s %s %s-sha256" % (DOMAIN, a, a) for a in ALGORITHMS]
        signed = subprocess.run(
            [self.tool, self.folder, canon, str(int(time.time())), str(expire)] + keys,
            input=text, check=True, capture_output=True).stdout
        return signed if signed.endswith(b"\r\n") else signed + b"\r\n"  # as SMTP has it

    def dkimpy(self, signed):
        """A word for each signature: "good", or why not."""
        def txt(name, timeout=5):
            return self.records[name.decode().rstrip(".")].encode()
        words = []
        for i in range(len(ALGORITHMS)):
            try:
                words.append("good" if dkim.DKIM(signed).verify(i, dnsfunc=txt) else "bad")
            except dkim.DKIMException as e:
                words.append(str(e))
        return words

    def opendkim(self, signed):
        run = subprocess.run([self.judge, self.keys], input=signed, stdout=subprocess.PIPE)
        words = run.stdout.decode().splitlines()
        if (run.returncode == 0) != (set(words) == {"good"}):
            raise AssertionError("dkim_judge ends with %d and says %s" % (run.returncode, words))
        return words


def check(judges, text, odd, canon, rng, forge):
    """Complaints about one message."""
    signed = judges.sign(text, canon, rng.choice((0, 3600)))
    whole = text if text.endswith(b"\r\n") else text + b"\r\n"
    if not signed.endswith(whole):
        yield "the message itself was changed"
    # dkimpy reads no name with a blank behind it
    all_judges = (judges.opendkim,) if odd else (judges.opendkim, judges.dkimpy)
    good = ["good"] * len(ALGORITHMS)
    for who in all_judges:
        words = who(signed)
        if words != good:
            yield "%s: %s" % (who.__name__, words)
        if not forge:
            continue
        for what, bad in forgeries(signed):
            if "good" in who(bad):
                yield "%s accepts it with: %s" % (who.__name__, what)
        for what, changed, fine in blanks(signed, canon):
            words = who(changed)
            if words != good if fine else "good" in words:
                yield "%s says %s with: %s" % (who.__name__, words, what)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--tool", default="build/release/tests/dkim_tool")
    ap.add_argument("--judge", default="build/release/tests/dkim_judge")
    ap.add_argument("--count", type=int, default=400)
    ap.add_argument("--seed", type=int, default=6376)
    args = ap.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        judges = Judges(args.tool, args.judge, folder)
        for number in range(args.count):
            rng = random.Random(args.seed * 100000 + number)
            text, odd = message(rng, number)
            canon = CANONS[number % len(CANONS)]
            complaints = list(check(judges, text, odd, canon, rng, number % 5 == 0))
            for c in complaints:
                print("message %d, %s: %s" % (number, canon, c))
            if complaints:
                failed += 1
            else:
                passed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
