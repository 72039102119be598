#!/usr/bin/python3
"""What the receiving end gets: what was submitted, repaired, below our Received field, signed.

Awkward messages go the whole way from submission to the sandbox's sink.  Of each, what is there
must equal the stored bytes (message list --raw) and what was submitted with the Date and
Message-ID that it lacked, and its signature must verify
with dkimpy and with libopendkim, with the key that `domain show` says to publish.
"""

import base64
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from awkward import FROM, judged_by_dkimpy, keys_of, messages  # noqa: E402
from posthaste import TOP, Sandbox, Tap, repaired, wait_for  # noqa: E402


def judged_by_opendkim(data, keys):
    judge = os.path.join(TOP, "build/release/tests/dkim_judge")
    with tempfile.NamedTemporaryFile("w") as f:
        for name, value in keys.items():
            f.write("%s %s\n" % (name, value))
        f.flush()
        return subprocess.run([judge, f.name], input=data, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0


def main():
    subprocess.run(["make", "-s", "build/release/tests/dkim_judge"], cwd=TOP, check=True,
                   stdout=subprocess.DEVNULL)
    tap = Tap()
    with Sandbox() as s:
        keys = keys_of(s)
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
        stored = {m["id"]: base64.b64decode(m["data"]) for m in s.message_list(raw=True)}
        got = {d.split(b"Delivered-To: ")[1].split(b"\r\n")[0].decode(): d
               for _, d in s.sink_messages()}
        for ident, (name, data, rcpt) in sent.items():
            received, _, rest = stored[ident].partition(b"+0000\r\n")
            tap.ok(received.startswith(b"Received: from ") and ident.encode() in received,
                   "%s: our Received field is above it" % name)
            date = received.rpartition(b"\t")[2] + b"+0000"
            tap.ok(rest == repaired(data, ident, date), "%s: stored as submitted" % name)
            delivered = got.get(rcpt, b"")
            # a header that nothing ends gets its empty line, or receivers would see another body
            whole = stored[ident] + (b"" if b"\r\n\r\n" in rest else b"\r\n")
            tap.ok(delivered.endswith(whole), "%s: delivered as stored" % name)
            tap.ok(judged_by_dkimpy(delivered, keys), "%s: dkimpy verifies it" % name)
            tap.ok(judged_by_opendkim(delivered, keys), "%s: libopendkim verifies it" % name)
            forged = delivered.replace(FROM, b"From: Sender <other@sandbox.test>\r\n")
            tap.ok(not judged_by_dkimpy(forged, keys) and not judged_by_opendkim(forged, keys),
                   "%s: with another From neither does" % name)
    tap.done()


main()
