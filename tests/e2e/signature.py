#!/usr/bin/python3
"""What the receiving end gets: what was submitted, repaired, below our Received field, signed.

Awkward messages go the whole way from submission to the sandbox's sink.  Of each, what is there
must equal the stored bytes (message list --raw) and what was submitted with the Date and
Message-ID that it lacked, and its signatures must verify
with dkimpy and with libopendkim, with the keys that `domain show` says to publish.
"""

import base64
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from awkward import FROM, judged_by_dkimpy, keys_of, messages, signatures  # noqa: E402
from posthaste import TOP, Sandbox, Tap, repaired, wait_for  # noqa: E402


def judged_by_opendkim(data, keys):
    judge = os.path.join(TOP, "build/release/tests/dkim_judge")
    with tempfile.NamedTemporaryFile("w") as f:
        for name, value in keys.items():
            f.write("%s %s\n" % (name, value))
        f.flush()
        return subprocess.run([judge, f.name], input=data, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0


def send_all(tap, s):
    """By queue id: what it is, what was submitted, to whom."""
    sent = {}
    session = s.session()
    for name, data in messages():
        session.mail("sender@sandbox.test", ["BODY=8BITMIME"])
        session.rcpt("%d@sink.test" % len(sent))
        stuffed = data if data.endswith(b"\r\n") or not data else data + b"\r\n"
        code, reply = session.data(data)
        tap.ok(code == 250, "%s: accepted" % name)
        sent[reply.split()[-1].decode()] = (name, stuffed, "%d@sink.test" % len(sent))
    session.quit()
    tap.ok(wait_for(lambda: len(s.sink_files()) >= len(sent), 30), "all are delivered")
    return sent


def check_stored(tap, name, ident, submitted, stored):
    received, _, rest = stored.partition(b"+0000\r\n")
    tap.ok(received.startswith(b"Received: from ") and ident.encode() in received,
           "%s: our Received field is above it" % name)
    date = received.rpartition(b"\t")[2] + b"+0000"
    tap.ok(rest == repaired(submitted, ident, date), "%s: stored as submitted" % name)
    # a header that nothing ends gets its empty line, or receivers would see another body
    return stored + (b"" if b"\r\n\r\n" in rest else b"\r\n")


def check_signed(tap, name, delivered, keys, canon, expire):
    tags = signatures(delivered)
    tap.ok([t["c"] for t in tags] == [canon], "%s: signed %s" % (name, canon), tags)
    tap.ok(all((int(t["x"]) - int(t["t"]) if "x" in t else 0) == expire for t in tags),
           "%s: x= is as configured" % name, tags)
    tap.ok(judged_by_dkimpy(delivered, keys), "%s: dkimpy verifies it" % name)
    tap.ok(judged_by_opendkim(delivered, keys), "%s: libopendkim verifies it" % name)
    forged = delivered.replace(FROM, b"From: Sender <other@sandbox.test>\r\n")
    tap.ok(not judged_by_dkimpy(forged, keys) and not judged_by_opendkim(forged, keys),
           "%s: with another From neither does" % name)


def check_all(tap, canon, expire, settings):
    with Sandbox(settings=settings) as s:
        keys = keys_of(s)
        sent = send_all(tap, s)
        stored = {m["id"]: base64.b64decode(m["data"]) for m in s.message_list(raw=True)}
        got = {d.split(b"Delivered-To: ")[1].split(b"\r\n")[0].decode(): d
               for _, d in s.sink_messages()}
        for ident, (name, data, rcpt) in sent.items():
            whole = check_stored(tap, name, ident, data, stored[ident])
            delivered = got.get(rcpt, b"")
            tap.ok(delivered.endswith(whole), "%s: delivered as stored" % name)
            check_signed(tap, name, delivered, keys, canon, expire)


def selectors(s, state):
    return [(k["selector"], k["algorithm"])
            for k in s.json("domain", "key", "list", "sandbox.test") if k["state"] == state]


def deliver_one(s, rcpt):
    """What the receiver gets of a new message, and which domains its event names."""
    ident = s.submit(rcpt)
    assert wait_for(lambda: s.state(ident) == ["delivered"])
    (data,) = [d for _, d in s.sink_messages() if b"Delivered-To: " + rcpt.encode() in d]
    (event,) = [e for e in s.trace(ident) if e["event"] == "delivered"]
    return data, event["signed_by"]


def check_rotation(tap):
    """Each active key signs, a new or retired one does not; what is under way stays good."""
    with Sandbox() as s:
        ((old, _),) = selectors(s, "active")
        before, _ = deliver_one(s, "before@sink.test")
        for new, algorithm in (("ed", "ed25519-sha256"), ("rsa2", "rsa-sha256")):
            s.command("domain", "key", "add", "sandbox.test", "--algorithm", algorithm,
                      "--selector", new)
        added, _ = deliver_one(s, "added@sink.test")
        s.command("domain", "key", "activate", "sandbox.test", "ed")
        both, by = deliver_one(s, "both@sink.test")
        s.command("domain", "key", "activate", "sandbox.test", "rsa2")
        after, _ = deliver_one(s, "after@sink.test")
        tap.ok(by == "sandbox.test", "a domain with two keys is named once", by)
        tap.ok(selectors(s, "retired") == [(old, "rsa-sha256")], "the former key is retired")
        keys = keys_of(s)
        for what, data, want in (("before", before, [(old, "rsa-sha256")]),
                                 ("with new keys", added, [(old, "rsa-sha256")]),
                                 ("with two active", both, [(old, "rsa-sha256"),
                                                            ("ed", "ed25519-sha256")]),
                                 ("afterwards", after, [("rsa2", "rsa-sha256"),
                                                        ("ed", "ed25519-sha256")])):
            found = [(t["s"], t["a"]) for t in signatures(data)]
            tap.ok(found == want, "%s: signed by what was active" % what, found)
            tap.ok(judged_by_dkimpy(data, keys), "%s: dkimpy verifies it at the end" % what)
            tap.ok(judged_by_opendkim(data, keys), "%s: so does libopendkim" % what)
        s.command("domain", "key", "remove", "sandbox.test", "rsa2")
        last, _ = deliver_one(s, "last@sink.test")
        tap.ok([t["s"] for t in signatures(last)] == ["ed"], "a removed key signs no more")


def main():
    subprocess.run(["make", "-s", "build/release/tests/dkim_judge"], cwd=TOP, check=True,
                   stdout=subprocess.DEVNULL)
    tap = Tap()
    check_all(tap, "relaxed/relaxed", 0, {})
    for canon, expire in (("relaxed/simple", 3600), ("simple/relaxed", 7200),
                          ("simple/simple", 86400)):
        check_all(tap, canon, expire, {"deliver.dkim_canonicalization": canon,
                                       "deliver.dkim_expire": "%ds" % expire})
    check_rotation(tap)
    tap.done()


main()
