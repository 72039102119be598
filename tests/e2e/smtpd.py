#!/usr/bin/python3
"""smtpd over sockets: the transcripts of tests/transcripts/smtpd against a sandbox's daemon, with
real TLS, and what only sockets show.

    smtpd.py [--keep DIR] [NAME ...]     NAME: only these transcripts

Starts a sandbox of its own.  At the end the stored messages must be exactly those that were
answered 250, byte for byte below our Received field but for what is repaired.  Of a build with
sanitizers memory can only be measured with ASAN_OPTIONS=quarantine_size_mb=1.
"""

import argparse
import base64
import concurrent.futures
import glob
import json
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import repaired  # noqa: E402

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
TRANSCRIPTS = os.path.join(TOP, "tests/transcripts/smtpd")
POSTHASTE = os.environ.get("POSTHASTE", os.path.join(TOP, "posthaste"))
# the limits that the transcripts are written for
CONF = """
smtpd.workers = 2
smtpd.sessions = 600
smtpd.mx_sessions = 600
smtpd.command_timeout = 5s
smtpd.data_rate = 0
smtpd.auth_delay = 10ms
message.size = 400K
message.recipients = 100
"""
# what "conf" in a transcript stands for
OTHER_CONF = {"auth_clear": "smtpd.auth_clear = yes\n", "mx_auth": "smtpd.mx_auth = yes\n"}
WAIT_S = 30
LEVELS = ["clear", "ehlo", "tls", "auth", "mail", "rcpt", "data"]


class Failed(Exception):
    pass


def until(what, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Sandbox:
    def __init__(self, folder):
        self.dir = folder
        self.accepted = {}  # id: (envelope, content)
        self.lock = threading.Lock()
        self.env = {}

    def run(self, *args):
        p = subprocess.run([POSTHASTE, *args], capture_output=True, timeout=120, check=False)
        if p.returncode:
            raise Failed("posthaste %s: status %d: %s" % (" ".join(args), p.returncode,
                                                          p.stderr.decode(errors="replace")))
        return p.stdout.decode()

    def start(self):
        self.run("sandbox", "start", self.dir)
        self.run("sandbox", "stop", self.dir)
        self.configure(CONF)
        self.run("sandbox", "start", self.dir)
        with open(os.path.join(self.dir, "env"), encoding="ascii") as f:
            for word in shlex.split(f.read()):
                name, _, value = word.partition("=")
                self.env[name] = value
        self.tls = ssl.create_default_context(cafile=self.env["SMTP_CA"])
        self.tls.check_hostname = False

    def configure(self, text):
        """Adds to the configuration; returns what it was."""
        name = os.path.join(self.dir, "posthaste.conf")
        with open(name, "r+", encoding="ascii") as f:
            before = f.read()
            f.write(text)
        return before

    def reconfigure(self, text):
        with open(os.path.join(self.dir, "posthaste.conf"), "w", encoding="ascii") as f:
            f.write(text)

    def stop(self):
        self.run("sandbox", "stop", self.dir)

    def address(self, kind):
        name = {"submission": "SMTP_PORT", "submissions": "SMTPS_PORT", "mx": "MX_PORT"}[kind]
        return (self.env["SMTP_HOST"], int(self.env[name]))

    def smtpd(self):
        """The parent's process id; 0 when it is not ready."""
        for line in self.run("sandbox", "status", self.dir, "--json").splitlines():
            d = json.loads(line)
            if d["daemon"] == "smtpd":
                return d["pid"] if d["ready"] else 0
        raise Failed("status names no smtpd")

    def restart_done(self, old):
        if not until(lambda: self.smtpd() not in (0, old)):
            raise Failed("smtpd was not started again")

    def log_lines(self):
        with open(self.env["LOG"], encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()

    def new_files(self):
        return [n for n in os.listdir(os.path.join(self.dir, "spool/new/smtpd"))
                if n != "counter" and not n.startswith(".")]

    def macros(self):
        user, secret = self.env["SMTP_USER"].encode(), self.env["SMTP_PASS"].encode()
        return {"plain": base64.b64encode(b"\0" + user + b"\0" + secret).decode(),
                "user": base64.b64encode(user).decode(),
                "secret": base64.b64encode(secret).decode()}

    def text(self, line):
        """What a line of a transcript stands for."""
        def braces(m):
            times, star, text = m.group(1).partition("*")
            return text * int(times) if star and times.isdigit() else self.macros()[m.group(1)]

        def escape(m):
            c = m.group(1)
            return {"r": "\r", "n": "\n", "0": "\0"}.get(c) or (
                chr(int(c[1:], 16)) if c[0] == "x" and len(c) == 3 else c)

        line = re.sub(r"\{([^}]*)\}", braces, line)
        return re.sub(r"\\(x[0-9a-fA-F]{2}|.)", escape, line).encode("latin-1")


class Session:
    """One connection, as a client that looks at every octet."""

    def __init__(self, box, kind="submission"):
        self.box, self.kind = box, kind
        self.s = socket.create_connection(box.address(kind), WAIT_S)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""
        self.ids = []
        if kind == "submissions":
            self.secure()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.s.close()

    def secure(self):
        if self.got:
            raise Failed("octets ahead of the handshake: %r" % self.got)
        self.s = self.box.tls.wrap_socket(self.s, server_hostname=self.box.env["SMTP_HOST"])

    def send(self, data):
        try:
            self.s.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # its last words are still to be read

    def more(self):
        try:
            data = self.s.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            data = b""
        self.got += data
        return bool(data)

    def line(self):
        while b"\n" not in self.got:
            try:
                if not self.more():
                    raise Failed("closed, having said %r" % self.got)
            except socket.timeout:
                raise Failed("silent, having said %r" % self.got) from None
        line, _, self.got = self.got.partition(b"\n")
        if line[-1:] != b"\r" or b"\r" in line[:-1]:
            raise Failed("a reply line that does not end in CRLF: %r" % line)
        line = line[:-1].decode("ascii")
        m = re.match("250 2.0.0 Ok: queued as (.+)", line)
        if m:
            self.ids.append(m.group(1))
        return line

    def expect(self, want):
        line = self.line()
        if line != want and not (want.endswith("*") and line.startswith(want[:-1])):
            raise Failed("wanted %r, got %r" % (want, line))
        return line

    def reply(self):
        while True:
            line = self.line()
            if line[3:4] != "-":
                return line

    def say(self, text):
        self.send(text.encode("latin-1") + b"\r\n")
        return self.reply()

    def good(self, text):
        line = self.say(text)
        if line[0] not in "23":
            raise Failed("%s: %s" % (text, line))
        return line

    def go(self, level):
        """From a fresh connection to this level; see the README of the transcripts."""
        if level == "clear":
            return self
        if not self.reply().startswith("220 "):
            raise Failed("no greeting")
        for at in LEVELS[1:LEVELS.index(level) + 1]:
            if at == "ehlo":
                self.good("EHLO client.test")
            elif at == "tls" and self.kind == "submission":
                self.good("STARTTLS")
                self.secure()
                self.good("EHLO client.test")
            elif at == "auth" and self.kind != "mx":
                self.good("AUTH PLAIN " + self.box.macros()["plain"])
            elif at == "mail":
                self.good("MAIL FROM:<a@sandbox.test>")
            elif at == "rcpt":
                self.good("RCPT TO:<b@to.test>")
            elif at == "data":
                self.good("DATA")
        return self

    def take(self, envelope, content):
        """The next message that was answered 250 was this one."""
        if not self.ids:
            raise Failed("no message was accepted")
        with self.box.lock:
            self.box.accepted[self.ids.pop(0)] = (envelope, content)

    def submit(self, text):
        content = b"From: a@sandbox.test\r\n\r\n" + text + b"\r\n"
        self.send(content + b".\r\n")
        self.expect("250 2.0.0 Ok: queued as *")
        self.take(b"<a@sandbox.test> <b@to.test>", content)

    def reset(self):
        raw = self.s
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(raw.detach())  # without TLS's farewell

    def half_close(self):
        """Says by TCP alone that no more comes; reads on."""
        socket.socket.shutdown(self.s, socket.SHUT_WR)

    def closed(self):
        while self.more():
            pass
        if self.got:
            raise Failed("more was said: %r" % self.got)

    def open(self):
        self.send(b"NOOP\r\n")
        self.expect("250 2.0.0 Ok")


class Transcript:
    def __init__(self, path):
        self.name = os.path.basename(path)[:-2]
        with open(path, encoding="ascii") as f:
            self.lines = f.read().splitlines()
        self.text = self.lines[0].lstrip("# ").rstrip(".")

    def has(self, line):
        return any(one.startswith(line) for one in self.lines)

    def directive(self, word, default):
        return next((one.split(" ", 1)[1] for one in self.lines if one.startswith(word + " ")),
                    default)

    def play(self, box):
        player = Player(box, self)
        with player.session:
            for number, line in enumerate(self.lines, 1):
                try:
                    player.line(line)
                except (Failed, AssertionError, OSError) as e:
                    raise Failed("%s.t:%d: %s" % (self.name, number, e)) from e
            player.finish()


class Player:
    def __init__(self, box, transcript):
        self.box = box
        self.session = Session(box, transcript.directive("kind", "submission"))
        self.session.go(transcript.directive("at", "clear"))
        self.out = b""
        self.envelope = None
        self.content = b""
        self.over = self.garbled = False
        self.stopped = 0
        self.others = []

    def line(self, line):
        what, mark, text = line[:1], line[1:2], line[3:]
        if self.envelope is not None and what != ">":
            self.session.take(self.envelope, self.content)
            self.envelope, self.content = None, b""
        if what == "C" and mark in (":", "-"):
            self.out += self.box.text(text) + (b"\r\n" if mark == ":" else b"")
            return
        if self.out:
            self.session.send(self.out)
            self.out = b""
        if what == "S" and mark in (":", "*"):
            head, _, text = line.partition(":")
            for _ in range(int(head[2:] or 1)):
                self.session.expect(text[1:])
        elif what == "M" and mark == ":":
            self.envelope = self.box.text(text)
        elif what == ">":
            self.content += (self.box.text(text) if mark == "-" else
                             self.box.text(line[2:]) + b"\r\n")
        elif what == "!":
            self.event(line[2:])
        elif what == "=":
            self.end(line[2:])

    def event(self, what):
        if what == "tls":
            self.session.secure()
        elif what == "tls-failed":
            self.session.send(b"MAIL FROM:<evil@sandbox.test>\r\n" * 20)
            self.garbled = True
        elif what == "lost":
            self.session.reset()
            self.over = True
        elif what == "stop":
            self.stopped = self.box.smtpd()
            os.kill(self.stopped, signal.SIGTERM)
            time.sleep(0.2)
        elif what == "crowd":
            self.crowd()

    def crowd(self):
        for _ in range(1300):
            other = Session(self.box, "mx")
            self.others.append(other)
            line = other.line()
            if line.startswith("421 "):
                self.session.got += line.encode() + b"\r\n"
                other.closed()
                return
        raise Failed("all others were let in")

    def end(self, how):
        s = self.session
        if s.ids:
            raise Failed("accepted, but not shown: %s" % s.ids)
        if how == "open":
            s.open()
        elif self.garbled:
            while s.more():
                pass
            if re.search(rb"[2-5][0-9][0-9][ -]", s.got):
                raise Failed("it answered to clear text: %r" % s.got)
        elif not self.over:
            s.closed()
        self.over = True

    def finish(self):
        if not self.over:
            raise Failed("no line says how it ends")
        for other in self.others:
            other.s.close()
        if self.stopped:
            self.box.restart_done(self.stopped)


# what no transcript can say

def reset_leaves_no_file(box):
    """A connection reset in the middle of DATA leaves no file"""
    before = set(box.new_files())
    with Session(box).go("data") as s:
        s.send(b"From: a@sandbox.test\r\n\r\n" + b"x" * 70 * 1024 + b"\r\n")
        if not until(lambda: set(box.new_files()) - before, 5):
            raise Failed("no file appeared: this tests nothing")
        written = set(box.new_files()) - before
        s.reset()
    if not until(lambda: not written & set(box.new_files()), 5):
        raise Failed("%s is still there" % written)


def idle_ones_stop_nobody(box):
    """500 idle connections do not keep a good client from submitting"""
    idle = []
    try:
        for i in range(500):
            idle.append(Session(box, ("submission", "mx", "mx", "mx")[i % 4]))
            if i % 3 == 0:
                idle[-1].send(b"EHLO")
        for i in range(20):
            begun = time.monotonic()
            with Session(box, ("submission", "submissions")[i % 2]).go("data") as s:
                s.submit(b"idle %d" % i)
            if time.monotonic() - begun > 1:
                raise Failed("a submission took %.1f s" % (time.monotonic() - begun))
    finally:
        for s in idle:
            s.s.close()


def resident(box):
    """KiB of smtpd and its workers"""
    parent, total = box.smtpd(), 0
    for entry in glob.glob("/proc/[0-9]*/status"):
        try:
            with open(entry, encoding="ascii", errors="replace") as f:
                text = f.read()
        except OSError:
            continue
        fields = dict(re.findall(r"^(Pid|PPid|VmRSS):\s+(\d+)", text, re.M))
        if parent in (int(fields.get("Pid", 0)), int(fields.get("PPid", 0))):
            total += int(fields.get("VmRSS", 0))
    return total


def read_replies(s):
    """Their number, until nothing comes for a second."""
    count = 0
    try:
        while s.more():
            *lines, s.got = s.got.split(b"\r\n")
            count += sum(line[3:4] == b" " for line in lines)
    except socket.timeout:
        pass
    return count


def replies_unread_cost_nothing(box):
    """Who sends commands and reads no replies is stopped, and every command is answered once"""
    commands = b"RCPT TO:<b@to.test>\r\n" * 2000
    before, sent = resident(box), 0
    with Session(box).go("ehlo") as s:
        s.good("AUTH PLAIN " + box.macros()["plain"])
        s.good("MAIL FROM:<a@sandbox.test>")
        s.s.settimeout(1)
        try:
            while sent < 200 << 20:
                sent += s.s.send(commands[sent % len(commands):])
            raise Failed("%d MiB were taken" % (sent >> 20))
        except socket.timeout:
            pass
        grown = resident(box) - before
        if grown > 16 * 1024:
            raise Failed("memory grew by %d KiB" % grown)
        answered = read_replies(s)
        s.send(commands[sent % len(commands):])  # the rest of the last block
        answered += read_replies(s)
        want = (sent // len(commands) + 1) * commands.count(b"\r\n")
        if answered != want:
            raise Failed("%d commands, %d replies" % (want, answered))


def half_closed(box, door, level):
    content = b"From: a@sandbox.test\r\n\r\nhalf\r\n"
    with Session(box, door).go(level) as s:
        if level == "ehlo":
            s.good("AUTH PLAIN " + box.macros()["plain"])
        s.send(b"MAIL FROM:<a@sandbox.test>\r\nRCPT TO:<b@to.test>\r\nDATA\r\n")
        for code in ("250", "250", "354"):
            s.expect(code + " *")
        s.send(content + b".\r\n")
        s.half_close()
        s.expect("250 2.0.0 Ok: queued as *")
        s.take(b"<a@sandbox.test> <b@to.test>", content)
        s.closed()


def half_closed_is_answered(box):
    """Who sends no more and reads on hears what becomes of the message"""
    for _ in range(20):
        half_closed(box, "submission", "auth")
        half_closed(box, "submissions", "auth")
    with Session(box, "mx").go("ehlo") as s:
        s.send(b"HELP\r\n" * 40)
        s.half_close()
        for _ in range(40):
            s.expect("214 *")
        s.closed()


def half_closed_in_clear(box):
    """So it is without TLS"""
    for _ in range(20):
        half_closed(box, "submission", "ehlo")


def many_unread_cost_little(box):
    """40 of them hold 64 KiB each at most"""
    commands, before, clients = b"RCPT TO:<b@to.test>\r\n" * 2000, resident(box), []
    try:
        for _ in range(40):
            s = Session(box).go("ehlo")
            clients.append(s)
            s.good("AUTH PLAIN " + box.macros()["plain"])
            s.good("MAIL FROM:<a@sandbox.test>")
            s.s.settimeout(0.2)
            try:
                while True:
                    s.s.send(commands)
            except socket.timeout:
                pass
        grown = resident(box) - before
        if grown > 40 * 64:
            raise Failed("memory grew by %d KiB" % grown)
    finally:
        for s in clients:
            s.s.close()


def full_disk_is_said(box):
    """No room: 452 before the data, and mail again when there is room"""
    before = box.configure("")
    box.reconfigure(re.sub("(?m)^spool.free = .*$", "spool.free = 1024T", before))
    try:
        with Session(box).go("rcpt") as s:
            def refused():
                line = s.say("DATA")
                if line.startswith("452 4.3.1 "):
                    return True
                s.send(b"From: nobody\r\n\r\n.\r\n")
                s.expect("530 *")
                s.good("MAIL FROM:<a@sandbox.test>")
                s.good("RCPT TO:<b@to.test>")
                return False
            hup(box)
            if not until(refused, 4):
                raise Failed("not refused")
    finally:
        box.reconfigure(before)
        hup(box)

    def taken():
        with Session(box).go("rcpt") as s:
            if s.say("DATA")[:3] != "354":
                return False
            s.submit(b"room")
            return True
    if not until(taken):
        raise Failed("still refused")
    time.sleep(1.2)  # the other worker, too, looks again after a second


def hup(box):
    with open(box.env["PIDFILE"], encoding="ascii") as f:
        os.kill(int(f.read().split()[0]), signal.SIGHUP)
    time.sleep(0.3)


def with_conf(box, name, fn):
    before = box.configure(OTHER_CONF[name])
    hup(box)
    try:
        fn()
    finally:
        box.reconfigure(before)
        hup(box)


def wrong_configuration_changes_nothing(box):
    """A certificate that cannot be read is refused, the old one stays in force"""
    before = box.configure("")
    box.reconfigure(re.sub("(?m)^tls.cert = .*$", "tls.cert = tls/none.pem", before))
    try:
        hup(box)
        with Session(box, "submissions").go("auth") as s:
            s.open()
    finally:
        box.reconfigure(before)
        hup(box)
    with Session(box, "submissions").go("data") as s:
        s.submit(b"again")


def stored_is_what_was_accepted(box):
    """Stored are exactly the messages that were answered 250, byte for byte as repaired"""
    stored = {}
    for line in box.run("-C", box.dir, "message", "list", "--json", "--raw", "--limit",
                        "100000").splitlines():
        m = json.loads(line)
        envelope = "<%s>" % m["from"] + "".join(" <%s>" % r for r in m["rcpt"])
        stored[m["id"]] = (envelope.encode(), base64.b64decode(m["data"]))
    if set(stored) != set(box.accepted):
        raise Failed("not stored: %s; stored without a 250: %s" % (
            set(box.accepted) - set(stored), [stored[i] for i in set(stored) - set(box.accepted)]))
    for i, (envelope, content) in box.accepted.items():
        received = re.match(rb"Received: from client\.test \(\[127\.0\.0\.1\]\)\r\n"
                            rb"\tby mail\.sandbox\.test \(Posthaste\) with (?:UTF8SMTPSA|ESMTPS?A) id "
                            + i.encode() +
                            rb"(?:\r\n\t\(using TLSv1\.[23] [A-Z0-9_-]+\))?;\r\n"
                            rb"\t([^\r\n]+ \+0000)\r\n", stored[i][1])
        if not received:
            raise Failed("Received is malformed: %r" % stored[i][1][:300])
        want = repaired(content, i, received.group(1))
        if stored[i][1][received.end():] != want:
            raise Failed("%s: stored %r, sent %r" % (i, stored[i][1][:500], want[:500]))
        if stored[i][0] != envelope:
            raise Failed("%s: stored %r, sent %r" % (i, stored[i][0], envelope))
    if len(stored) < 20:
        raise Failed("only %d messages: this tests nothing" % len(stored))


def nothing_is_left(box):
    """Every file of spool/new/smtpd was claimed"""
    if not until(lambda: not box.new_files(), 10):
        raise Failed("left: %s" % box.new_files())


def log_has_no_surprise(box):
    """No alarm, no dead worker, no spool failure in the log"""
    bad = [one for one in box.log_lines() if re.search(
        r" alert |worker-died|spool-failed|control-unavailable|accept-paused|sessions-cut|"
        r"tls-failed.* eof", one)]
    if bad:
        raise Failed("\n".join(bad[:10]))


class Tap:
    def __init__(self):
        self.passed = self.failed = 0
        self.lock = threading.Lock()

    def test(self, name, fn, *args):
        error = None
        try:
            fn(*args)
        except Failed as e:
            error = str(e)
        except Exception:  # a bug here is a failure of this test alone
            error = traceback.format_exc()
        with self.lock:
            self.passed += error is None
            self.failed += error is not None
            print("%sok %d - %s" % ("not " if error else "", self.passed + self.failed, name))
            for line in (error or "")[:3000].splitlines():
                print("# " + line)
            sys.stdout.flush()


def run(box, names, tap):
    found = [Transcript(p) for p in sorted(glob.glob(TRANSCRIPTS + "/*.t"))]
    if names:
        found = [t for t in found if t.name in names]
    found = [t for t in found if not t.has("only pure")]
    slow = [t for t in found if t.has("! timeout")]
    last = [t for t in found if t.has("! stop") or t.has("! crowd")]
    other = {c: [t for t in found if t.has("conf " + c)] for c in OTHER_CONF}
    found = [t for t in found if not t.has("conf ")]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for t in slow:
            pool.submit(tap.test, "%s: %s" % (t.name, t.text), t.play, box)
        for t in found:
            if t not in slow and t not in last:
                tap.test("%s: %s" % (t.name, t.text), t.play, box)
    if not names:
        for fn in (reset_leaves_no_file, idle_ones_stop_nobody, half_closed_is_answered, full_disk_is_said,
                   wrong_configuration_changes_nothing):
            tap.test(fn.__doc__, fn, box)
        with_conf(box, "auth_clear", lambda: [
            tap.test(fn.__doc__, fn, box) for fn in (
                half_closed_in_clear, replies_unread_cost_nothing, many_unread_cost_little)])
    for conf, those in other.items():
        if those:
            with_conf(box, conf, lambda those=those: [
                tap.test("%s: %s" % (t.name, t.text), t.play, box) for t in those])
    for t in last:
        tap.test("%s: %s" % (t.name, t.text), t.play, box)
    if not names:
        for fn in (nothing_is_left, stored_is_what_was_accepted, log_has_no_surprise):
            tap.test(fn.__doc__, fn, box)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", metavar="DIR", help="use this folder, and leave it")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192) if hard > 0 else 8192, hard))
    folder = args.keep or tempfile.mkdtemp(prefix="posthaste-smtpd-")
    os.chmod(folder, 0o755) if not args.keep else None
    box, tap = Sandbox(folder), Tap()
    try:
        tap.test("A sandbox starts", box.start)
        if not tap.failed:
            run(box, args.names, tap)
    finally:
        tap.test("It stops", box.stop)
        if not args.keep and not tap.failed:
            shutil.rmtree(folder, ignore_errors=True)
        elif tap.failed:
            print("# left for you to look at: %s" % folder)
    print("%d passed, %d failed" % (tap.passed, tap.failed))
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
