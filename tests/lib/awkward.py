"""Messages that tell a careful mail server from a careless one, and what judges their fate."""

import re

import dkim

SENDER = "sender@sandbox.test"
FROM = b"From: Sender <sender@sandbox.test>\r\n"
BODIES = {
    "plain": b"Hello.\r\n",
    "empty body": b"",
    "blank lines at the end": b"a\r\n\r\n\r\n",
    "only blank lines": b"\r\n\r\n\r\n",
    "no line end at the end": b"last line",
    "dots": b".\r\n..\r\n.x\r\n...\r\na.\r\n",
    "blanks and tabs": b" a  b\t\tc \r\n\t\r\n x\t \r\n",
    "8-bit": "Gr\u00fc\u00dfe \u2713\r\n".encode() + b"\xff\xfe\r\n",
    "a line of 998": b"x" * 998 + b"\r\n",
    "a line of 5000": b"y" * 5000 + b"\r\n",
    "From at the start of a line": b"From here\r\n>From there\r\n",
    "200 KB": b"0123456789abcdef\r\n" * 12000,
}
HEADERS = {
    "folded and long subject": b"Subject: a\r\n b\r\n\tc " + b"long " * 60 + b"\r\n",
    "raw UTF-8 subject": "Subject: Gr\u00fc\u00dfe\r\n".encode(),
    "two Subjects": b"Subject: one\r\nSubject: two\r\n",
    "odd case and blanks": b"SUBJECT:  x\r\nmessage-ID:<a@b>\r\nTO: \"x  y\" <a@sink.test>\r\n",
    "a colon-rich header": b"X-A: b: c: d;e=f\r\nDate: Mon, 23 Nov 2026 00:00:00 +0000\r\n",
    "empty fields": b"Subject:\r\nCc: \r\n",
}


def messages():
    for name, body in BODIES.items():
        yield "body: " + name, FROM + b"To: <a@sink.test>\r\nSubject: x\r\n\r\n" + body
    for name, fields in HEADERS.items():
        yield "header: " + name, fields + FROM + b"\r\nHello.\r\n"
    yield "no body and no empty line", FROM + b"To: <a@sink.test>\r\n"


def keys_of(sandbox):
    (domain,) = sandbox.json("domain", "show", "sandbox.test")
    return {r["name"]: r["value"] for r in domain["records"] if "_domainkey" in r["name"]}


def signatures(data):
    """The tags of each of our signatures, the upper one first."""
    fields = re.findall(rb"(?m)^DKIM-Signature:((?:[^\r]|\r\n[ \t])*)\r\n", data)
    return [dict(tag.strip().split("=", 1) for tag in re.sub(r"\s", "", f.decode()).split(";"))
            for f in fields]


def judged_by_dkimpy(data, keys):
    """Are all its signatures good?"""
    def lookup(name, timeout=5):
        return keys[name.decode().rstrip(".")].encode()
    return all(dkim.DKIM(data).verify(i, dnsfunc=lookup) for i in range(len(signatures(data))))


def check(good, *what):
    if not good:
        raise AssertionError(" ".join(str(w)[:600] for w in what))


def equal(got, want):
    check(got == want, "got", repr(got), "wanted", repr(want))


def field_names(data):
    """The names of the fields that data has, in their order."""
    return re.findall(rb"^([!-9;-~]+):", data, re.M)
