#!/usr/bin/python3
"""posthaste sendmail as cron, PHP and people call it."""

import os
import re
import subprocess
import sys
import tempfile
from email.header import decode_header, make_header

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import COMMAND, TOP, Failed, Peer, Sandbox, Tap, wait_for  # noqa: E402

SERVER = "sandbox/sandbox"


def expect(good, what):
    if not good:
        raise AssertionError(what)


def sendmail(s, args, text, code=0, environ=None, program=None, cwd=TOP):
    """The answer's text; fails unless the exit code is the one that is wanted (None: any error)."""
    line = [program] if program else [COMMAND, "-C", s.dir, "sendmail"]
    done = subprocess.run(line + list(args), input=text.encode() if isinstance(text, str) else text,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, timeout=60,
                          env=dict(os.environ, **(environ or {})))
    out, err = done.stdout.decode(), done.stderr.decode()
    expect(done.returncode == code or (code is None and done.returncode > 0), "%s: %d, %s%s" % (args, done.returncode, out, err))
    return out + err


def arrived(peer, before, n=1):
    """The messages that came since, n of them."""
    expect(wait_for(lambda: len(peer.messages) >= before + n), "%d came" % (
        len(peer.messages) - before))
    return peer.messages[before:]


def field(message, name):
    head = message.data.split(b"\r\n\r\n")[0] + b"\r\n"
    found = re.search(rb"(?im)^%s:[ \t]*((?:[^\r]|\r\n[ \t])*)\r\n" % name.encode(), head)
    return found.group(1).decode() if found else None


def recipients_from_the_header(s, peer):
    n = len(peer.messages)
    sendmail(s, ["-t", "-i", "-f", "app@sandbox.test"],
             "From: App <app@sandbox.test>\nTo: One <one@peer.test>, (x) two@peer.test\n"
             "Cc: three@peer.test\nBcc: four@peer.test,\n five@peer.test\nSubject: hi\n\nHello\n")
    got = arrived(peer, n, 5)
    expect({r for m in got for r in m.rcpts} == {
        x + "@peer.test" for x in ("one", "two", "three", "four", "five")}, got)
    for m in got:
        expect(field(m, "Bcc") is None and field(m, "To") == "One <one@peer.test>, (x) two@peer.test",
               m.data)
        expect(m.data.endswith(b"\r\n\r\nHello\r\n"), m.data)
        expect(field(m, "Date") and field(m, "Message-ID"), m.data)


def as_php_calls_it(s, peer):
    n = len(peer.messages)
    sendmail(s, ["-t", "-i"], "To: php@peer.test\r\nSubject: from PHP\r\nFrom: web@sandbox.test\r\n"
             "X-PHP: 1\r\n\r\nbody\r\n")
    expect(field(arrived(peer, n)[0], "X-PHP") == "1", "header")


def as_cron_calls_it(s, peer):
    n = len(peer.messages)
    sendmail(s, ["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "admin@peer.test"],
             "From: root (Cron Daemon)\nTo: admin\nSubject: Cron <root@host> true\n"
             "Auto-Submitted: auto-generated\n\noutput\n")
    m = arrived(peer, n)[0]
    expect(field(m, "From") == "root@sandbox.test (Cron Daemon)", field(m, "From"))
    expect(field(m, "To") == "admin@sandbox.test", field(m, "To"))


def a_body_without_a_header(s, peer):
    n = len(peer.messages)
    sendmail(s, ["-F", 'A "quoted" Name', "-f", "me@sandbox.test", "bob@peer.test"], "just text\n")
    m = arrived(peer, n)[0]
    expect(field(m, "From") == '"A quoted Name" <me@sandbox.test>', m.data)
    expect(m.data.endswith(b"\r\n\r\njust text\r\n"), m.data)


def a_name_outside_of_ascii(s, peer):
    n, name = len(peer.messages), "Jos\u00e9 Garc\u00eda, " + 30 * "\u0416\u20ac"
    sendmail(s, ["-F", name, "-f", "me@sandbox.test", "bob@peer.test"], "text\n")
    m = arrived(peer, n)[0]
    words, _, address = field(m, "From").rpartition(" ")
    expect(str(make_header(decode_header(words))) == name, m.data)
    expect(address == "<me@sandbox.test>", m.data)
    expect(all(len(line) <= 76 for line in m.data.split(b"\r\n") if b"=?UTF-8" in line), m.data)


def dots(s, peer):
    n = len(peer.messages)
    text = "From: a@sandbox.test\nSubject: dots\n\none\n.\ntwo\n..three\n"
    sendmail(s, ["-i", "d@peer.test"], text)
    expect(arrived(peer, n)[0].data.endswith(b"one\r\n.\r\ntwo\r\n..three\r\n"), "with -i")
    sendmail(s, ["-oi", "d@peer.test"], text)
    expect(arrived(peer, n, 2)[1].data.endswith(b"..three\r\n"), "with -oi")
    sendmail(s, ["d@peer.test"], text)
    expect(arrived(peer, n, 3)[2].data.endswith(b"\r\n\r\none\r\n"), "without")


def null_sender(s, peer):
    for arg in "", "<>":
        n = len(peer.messages)
        sendmail(s, ["-f", arg, "x@peer.test"], "From: a@sandbox.test\n\nbounce\n")
        expect(arrived(peer, n)[0].sender == "", "sender")


def eight_bit_and_long_lines(s, peer):
    n = len(peer.messages)
    sendmail(s, ["x@peer.test"], b"From: a@sandbox.test\nSubject: Gr\xc3\xbc\xc3\x9fe\n\n" +
             b"\xe4" * 2000 + b"\n")
    expect(b"\xe4" * 2000 in arrived(peer, n)[0].data, "bytes")


def many_recipients(s, peer):
    n = len(peer.messages)
    out = sendmail(s, ["-v", "-i", "-f", "a@sandbox.test"] +
                   ["m%d@peer.test" % i for i in range(230)], "From: a@sandbox.test\n\nall\n")
    expect(out.count("queued as") == 3, out)
    expect(len({m.rcpts[0] for m in arrived(peer, n, 230)}) == 230, "each one")


def link(folder):
    """The program by the name sendmail."""
    name = os.path.join(folder, "sendmail")
    binary = os.path.join(TOP, "build", "bin", "posthaste")
    os.symlink(os.environ.get("POSTHASTE_BIN", binary), name)
    return name


def under_the_name_sendmail(s, peer):
    n = len(peer.messages)
    with tempfile.TemporaryDirectory() as d:
        sendmail(s, ["-t"], "From: a@sandbox.test\nTo: link@peer.test\n\nx\n", program=link(d),
                 environ={"POSTHASTE_DIR": s.dir})
    arrived(peer, n)


def the_working_directory_does_not_matter(s, peer):
    with tempfile.TemporaryDirectory() as d:
        os.mkdir(os.path.join(d, "sandbox"))
        with open(os.path.join(d, "sandbox", "posthaste.conf"), "w") as f:
            f.write("planted = 1\n")
        told = sendmail(s, ["a@@b"], "", None, {"POSTHASTE_DIR": ""}, link(d), d)
        expect("planted" not in told, told)


def options_of_other_sendmails(s, peer):
    n = len(peer.messages)
    ignored = ["-Am", "-Ac", "-em", "-eq", "-q30m", "-p", "HTTP:host", "-pX", "-odb", "-d0.1",
               "-B", "8BITMIME", "-N", "never", "-R", "hdrs", "-V", "id", "-L", "tag", "-X", "log",
               "-C", "file", "-O", "Timeout=1h", "-h", "3", "-n", "-m", "-G", "-U", "-bm", "-ep"]
    sendmail(s, ignored + ["-it"], "From: a@sandbox.test\nTo: x@peer.test\n\nx\n")
    expect(arrived(peer, n)[0].rcpts == ["x@peer.test"], peer.messages[n].rcpts)


def running_the_queue_reads_nothing(s, peer):
    for args in ["-q"], ["-qf"], ["-qRhost"], ["-q", "-v"]:
        line = [COMMAND, "-C", s.dir, "sendmail", *args]
        with subprocess.Popen(line, stdin=subprocess.PIPE, cwd=TOP) as p:
            expect(p.wait(10) == 0, args)


def errors(s, peer):
    good = "From: a@sandbox.test\nTo: x@peer.test\n\nx\n"
    expect("unknown option -Z" in sendmail(s, ["-Z"], good, 64), "unknown")
    expect("no recipient" in sendmail(s, [], good, 64), "nobody")
    expect("name nobody" in sendmail(s, ["-t"], "From: a@sandbox.test\n\nx\n", 64), "nobody by -t")
    expect("recipient a@@b" in sendmail(s, ["a@@b"], good, 65), "bad recipient")
    expect("To: " in sendmail(s, ["-t"], good.replace("x@peer", "x@pe..er"), 65), "bad To")
    expect("NUL" in sendmail(s, ["x@peer.test"], "From: a@sandbox.test\n\na\0b\n", 65), "NUL")
    expect("530 5.7.1" in sendmail(s, ["x@peer.test"], "From: a@foreign.test\n\nx\n", 69), "From")
    expect("535" in sendmail(s, ["x@peer.test"], good, 77, {"POSTHASTE_SMTP_PASS": "wrong"}), "AUTH")
    expect("-bp" in sendmail(s, ["-bp"], "", 64), "queue")
    expect("queue list" in sendmail(s, ["-bp"], "", 64), "queue")


def without_a_login(s, peer):
    text = "From: a@sandbox.test\nTo: x@peer.test\n\nno login\n"
    env = os.path.join(s.dir, "env")
    os.rename(env, env + ".away")
    try:
        expect("smtp-ip" in sendmail(s, ["-t"], text, 77), "advice")
        s.command("credential", "create", "smtp-ip", "local", "--server", SERVER, "--network",
                  "127.0.0.0/8")
        n = len(peer.messages)
        sendmail(s, ["-t"], text)
        arrived(peer, n)
    finally:
        os.rename(env + ".away", env)


def no_password_in_clear(s, peer):
    heard = []

    def script(stage, session):
        heard.append(session.line)

    with Peer(script) as other, tempfile.TemporaryDirectory() as d:
        with open(os.path.join(s.dir, "posthaste.conf")) as f:
            conf = re.sub(r"(?m)^listen.submission = .*$", "listen.submission = " + other.address,
                          f.read())
        with open(os.path.join(d, "posthaste.conf"), "w") as f:
            f.write(conf)
        login = {"POSTHASTE_DIR": d, "POSTHASTE_SMTP_USER": SERVER, "POSTHASTE_SMTP_PASS": "secret"}
        told = sendmail(s, ["x@peer.test"], "x\n", 75, login, link(d))
        expect("offers no STARTTLS" in told and not any("AUTH" in line for line in heard),
               (told, heard))
        expect(any(line.startswith("EHLO") for line in heard), heard)


def nobody_listens(s, peer):
    s.stop()
    text = "From: a@sandbox.test\nTo: x@peer.test\n\nx\n"
    sendmail(s, ["-t"], text, 75)


TESTS = [recipients_from_the_header, as_php_calls_it, as_cron_calls_it, a_body_without_a_header,
         a_name_outside_of_ascii, dots, null_sender, eight_bit_and_long_lines, many_recipients,
         under_the_name_sendmail, the_working_directory_does_not_matter, options_of_other_sendmails,
         running_the_queue_reads_nothing, errors, without_a_login, no_password_in_clear,
         nobody_listens]


def main():
    tap, names = Tap(), sys.argv[1:]
    with Peer() as peer, Sandbox(mx={"peer.test": peer.address},
                                 settings={"message.recipients": "100"}) as s:
        for test in TESTS:
            if not names or test.__name__ in names:
                tap.run(test.__name__.replace("_", " "), test, s, peer)
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - the sandbox: %s" % e)
    sys.exit(1)
