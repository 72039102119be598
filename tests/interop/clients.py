#!/usr/bin/python3
"""What others submit by STARTTLS and AUTH arrives as they were given it: Postfix, Exim and
OpenSMTPD with Posthaste as their smart host, msmtp and swaks.

A satellite gets each message by SMTP, as from an application, and hands it on; between our Received
field and the message stands its own Received field, and nothing else.  What msmtp and swaks send is
below our Received field at once.
"""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from awkward import (BODIES, FROM, SENDER, check, equal, field_names,  # noqa: E402
                     judged_by_dkimpy, keys_of)
from posthaste import Sandbox, Tap, wait_for  # noqa: E402
from servers import Exim, OpenSMTPD, Postfix, Unavailable, client, started  # noqa: E402

HEAD = (FROM + b"To: <a@sink.test>\r\nSubject: x\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
        b"Message-ID: <a@sandbox.test>\r\n")
MESSAGES = {name: HEAD + b"\r\n" + body + (b"" if body.endswith(b"\r\n") or not body else b"\r\n")
            for name, body in BODIES.items() if name != "a line of 5000"}


def delivered(box, rcpt):
    """What came to one recipient."""
    def find():
        for _, data in box.sink_messages():
            if ("\r\nDelivered-To: %s\r\n" % rcpt).encode() in data:
                return data
        return None
    data = wait_for(find, 20)
    check(data, "nothing came")
    return data


def arrives_as_sent(box, rcpt, data, keys, received):
    """Checks a delivered message: so many Received fields on top, then the data."""
    got = delivered(box, rcpt)
    check(got.endswith(data), "sent:", data, "got:", got)
    names = field_names(got[:-len(data)])
    equal(names[names.index(b"DKIM-Signature") + 1:], [b"Received"] * received)
    ours = got[got.index(b"\r\nReceived: ", got.index(b"DKIM-Signature:")):]
    check(re.match(rb"\r\nReceived: from [^\r]+\r\n\tby mail\.sandbox\.test \(Posthaste\) "
                   rb"with (UTF8SMTP|E?SMTP)SA id ", ours), ours)
    check(judged_by_dkimpy(got, keys), "no valid signature:", got)


def a_satellite_hands_on(tap, box, server):
    keys = keys_of(box)
    sent = {}
    with server.session() as session:
        for n, (name, data) in enumerate(MESSAGES.items()):
            sent[name] = "%s.%d@sink.test" % (server.name, n)
            session.sendmail(SENDER, [sent[name]], data, ["BODY=8BITMIME"])
    for name, rcpt in sent.items():
        tap.run("%s as satellite: %s" % (server.name, name), arrives_as_sent, box, rcpt,
                MESSAGES[name], keys, 2)


def msmtp(rcpt, env, text):
    """(its arguments, its input) for a message with bare line feeds."""
    return ["--host=" + env["SMTP_HOST"], "--port=" + env["SMTP_PORT"], "--tls=on",
            "--tls-starttls=on", "--tls-trust-file=" + env["SMTP_CA"], "--auth=plain",
            "--user=" + env["SMTP_USER"], "--passwordeval=echo " + env["SMTP_PASS"],
            "--from=" + SENDER, rcpt], text


def swaks(rcpt, env, text):
    """The same; swaks puts a line end behind what it is given."""
    return ["--server", env["SMTP_HOST"] + ":" + env["SMTP_PORT"], "--tls", "--tls-verify",
            "--tls-ca-path", env["SMTP_CA"], "--auth", "PLAIN", "--auth-user", env["SMTP_USER"],
            "--auth-password", env["SMTP_PASS"], "--from", SENDER, "--to", rcpt,
            "--data", "-"], text[:-1]


def submitted(path, environ, arguments, text):
    done = subprocess.run([path, *arguments], input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, env=environ)
    check(done.returncode == 0, done.stdout.decode(errors="replace")[-600:])


def a_message_by(box, how, rcpt, data, keys):
    path, environ = client(how.__name__)
    submitted(path, environ, *how(rcpt, box.env, data.replace(b"\r\n", b"\n")))
    arrives_as_sent(box, rcpt, data, keys, 1)


def a_client_submits(tap, box, how, messages):
    program = how.__name__
    try:
        client(program)
    except Unavailable as e:
        tap.skip(program, e)
        return
    keys = keys_of(box)
    for n, (name, data) in enumerate(messages.items()):
        tap.run("%s: %s" % (program, name), a_message_by, box, how,
                "%s.%d@sink.test" % (program, n), data, keys)


def main():
    tap = Tap()
    with Sandbox() as box, started(tap, Postfix, Exim, OpenSMTPD, smart_host=box.env) as servers:
        for server in servers:
            a_satellite_hands_on(tap, box, server)
        a_client_submits(tap, box, msmtp, MESSAGES)
        # swaks cannot send an empty body: it makes a line of it
        a_client_submits(tap, box, swaks,
                         {name: MESSAGES[name] for name in MESSAGES if name != "empty body"})
        tap.ok(not box.log_find(" (alert|error) "), "the log has no error",
               "\n".join(box.log_find(" (alert|error) ")[:5]))
    tap.done()


main()
