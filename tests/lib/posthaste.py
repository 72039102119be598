"""What end to end tests share: a sandbox, a scripted receiving server, TAP.

    import os, sys
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
    from posthaste import Sandbox, Peer, Tap, wait_for

    tap = Tap()
    with Peer() as peer, Sandbox(mx={"peer.test": peer.address}) as s:
        accepted = s.submit("a@peer.test")
        tap.ok(wait_for(lambda: s.state(accepted) == ["delivered"]), "a message is delivered")
    tap.done()

Python 3.9 or later and its standard library; python3-cryptography only for Peer(tls=True).
"""

import json
import os
import re
import select
import shutil
import signal
import smtplib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
COMMAND = os.environ.get("POSTHASTE", os.path.join(TOP, "posthaste"))
FINAL = ("delivered", "failed", "bounced", "cancelled", "expired", "suppressed")


class Failed(Exception):
    pass


def wait_for(condition, timeout=10, step=0.02):
    """The first true value of condition(), or the last false one when the time is up."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value or time.monotonic() >= end:
            return value
        time.sleep(step)


def children(pid):
    """The processes that pid has started."""
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as f:
            found += [int(p) for p in f.read().split()]
    return sorted(found)


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def start_of(pid):
    """When a process began, in clock ticks since boot."""
    with open("/proc/%d/stat" % pid) as f:
        return int(f.read().rpartition(")")[2].split()[19])


class Accepted(str):
    """A queue id, with what was submitted under it: rcpts, ref (its X-Test-Ref)."""

    rcpts = ()
    ref = ""


class Sandbox:
    """A fresh instance in a folder of its own, removed at the end unless keep is set."""

    def __init__(self, mx=None, relay=None, settings=None, folder=None, keep=False,
                 program=COMMAND, environ=None):
        self.base = folder or tempfile.mkdtemp(prefix="posthaste-")
        self.own, self.keep = folder is None, keep
        self.program, self.environ = program, dict(os.environ, **(environ or {}))
        os.chmod(self.base, 0o711)
        self.dir = os.path.join(self.base, "instance")
        self.mx, self.relay = dict(mx or {}), relay
        try:
            self.start()
            if settings:
                self.stop()
                self.set(settings)
                self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # running it

    def start(self):
        args = ["sandbox", "start", self.dir]
        if self.relay:
            args += ["--relay", self.relay]
        for domain, at in self.mx.items():
            args += ["--mx", "%s=%s" % (domain, at)]
        self.command(*args, here=False, timeout=60)
        self.env = self._env()
        self.log = self.env["LOG"]
        self.sink = self.env["SINK_DIR"]
        return self

    def stop(self, timeout=60):
        self.command("sandbox", "stop", self.dir, here=False, timeout=timeout)

    def close(self):
        if os.path.exists(os.path.join(self.dir, "run")):
            try:
                self.stop()
            except (Failed, subprocess.TimeoutExpired) as e:
                print("# stopping: %s" % e, file=sys.stderr)
                self.kill_all()
        if self.own and not self.keep:
            shutil.rmtree(self.base, ignore_errors=True)

    def kill_all(self, timeout=10):
        """Ends every process of this instance by SIGKILL, the supervisor first."""
        def kill(pids):
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        try:
            kill([self.supervisor()])
        except (OSError, ValueError):
            pass
        end = time.monotonic() + timeout
        left = self.processes()
        while left and time.monotonic() < end:
            kill(left)
            time.sleep(0.01)
            left = self.processes()
        if left:
            raise Failed("processes %s do not end" % left)

    def processes(self):
        """All processes of this instance: those that work in its folder, and those that the
        supervisor has noted (one that lets nobody look in doesn't show its folder)."""
        found = set()
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and os.readlink("/proc/%s/cwd" % name) == \
                        os.path.realpath(self.dir):
                    found.add(int(name))
            except OSError:
                pass
        found.update(self._noted())
        return sorted(p for p in found - {os.getpid()} if is_alive(p))

    def _noted(self):
        """The pids of run/supervisor/pids that are still the same processes."""
        found = []
        try:
            with open(os.path.join(self.dir, "run", "supervisor", "pids")) as f:
                rows = [line.split() for line in f]
        except OSError:
            return found
        for row in rows:
            try:
                if len(row) == 3 and start_of(int(row[1])) == int(row[2]):
                    found.append(int(row[1]))
            except (OSError, ValueError):
                pass
        return found

    def set(self, settings):
        """Keys of posthaste.conf; in force from the next start, or after hup()."""
        path = os.path.join(self.dir, "posthaste.conf")
        with open(path) as f:
            lines = [line for line in f.read().splitlines()
                     if line.split("=")[0].strip() not in settings]
        lines += ["%s = %s" % item for item in settings.items()]
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")

    def hup(self):
        os.kill(self.supervisor(), signal.SIGHUP)

    def _env(self):
        import shlex
        found = {}
        with open(os.path.join(self.dir, "env")) as f:
            for line in f:
                name, _, value = line.strip().partition("=")
                found[name] = "".join(shlex.split(value))
        return found

    # asking it

    def command(self, *args, here=True, timeout=30, check=True, stdin=None):
        """Output of `posthaste -C DIR ARGS`; a status other than 0 is Failed unless check=False,
        then the answer is (status, output, complaints)."""
        line = [self.program] + (["-C", self.dir] if here else []) + [str(a) for a in args]
        done = subprocess.run(line, stdin=subprocess.DEVNULL if stdin is None else None,
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, cwd=TOP, env=self.environ)
        out, err = done.stdout.decode(), done.stderr.decode()
        if not check:
            return done.returncode, out, err
        if done.returncode:
            raise Failed("posthaste %s: status %d: %s%s" %
                         (" ".join(line[1:]), done.returncode, out, err))
        return out

    def json(self, *args, **more):
        return [json.loads(line) for line in self.command(*args, "--json", **more).splitlines()]

    def message_list(self, after=None, raw=False):
        args = ["message", "list"] + (["--after", after] if after else [])
        return self.json(*args + (["--raw"] if raw else []))

    def trace(self, ident):
        """Events of a message or copy, oldest first."""
        return self.json("trace", ident)

    def state(self, ident):
        """The states of a message's copies; [] when it isn't known."""
        status, out, _ = self.command("message", "show", ident, "--json", check=False)
        if status:
            return []
        return [c["state"] for c in json.loads(out.splitlines()[0])["copies"]]

    def is_final(self, ident):
        states = self.state(ident)
        return bool(states) and all(s in FINAL for s in states)

    def supervisor(self):
        with open(os.path.join(self.dir, "run", "supervisor.pid")) as f:
            return int(f.read())

    def status(self):
        """{daemon: {"pid": ..., "ready": ...}}; {} when nothing runs."""
        code, out, _ = self.command("sandbox", "status", self.dir, "--json", here=False,
                                    check=False)
        rows = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return {} if code and not rows else {r["daemon"]: r for r in rows}

    def ready(self):
        status = self.status()
        return bool(status) and all(d["ready"] for d in status.values())

    def pid(self, daemon):
        return self.supervisor() if daemon == "supervisor" else self.status()[daemon]["pid"]

    def workers(self, daemon):
        return children(self.pid(daemon))

    # mail

    def submit(self, rcpts, sender=None, body="Hello.\r\n", headers=(), data=None, ref=None,
               timeout=60, session=None):
        """Submits one message by STARTTLS and AUTH; its queue id.  What smtplib raises when it is
        not accepted is passed on: without a 250 nothing is returned."""
        rcpts = [rcpts] if isinstance(rcpts, str) else list(rcpts)
        sender = sender or "sender@" + self.env["MAIL_DOMAIN"]
        ref = ref or uuid.uuid4().hex
        if data is None:
            lines = ["From: <%s>" % sender, "To: %s" % ", ".join(rcpts[:5]),
                     "Subject: test %s" % ref, "X-Test-Ref: %s" % ref,
                     "Date: Thu, 01 Jan 2026 00:00:00 +0000",
                     "Message-ID: <%s@%s>" % (ref, self.env["MAIL_DOMAIN"])] + list(headers)
            data = "\r\n".join(lines) + "\r\n\r\n" + body
        smtp = session or self.session(timeout)
        try:
            code, reply = smtp.mail(sender)
            for rcpt in rcpts if code == 250 else ():
                code, reply = smtp.rcpt(rcpt)
                if code not in (250, 251):
                    break
            if code not in (250, 251):
                raise smtplib.SMTPResponseException(code, reply)
            code, reply = smtp.data(data)
            if code != 250:
                raise smtplib.SMTPDataError(code, reply)
            found = Accepted(re.search(rb"queued as ([0-9a-z]+)", reply).group(1).decode())
            found.rcpts, found.ref = rcpts, ref
            if session is None:
                smtp.quit()
            return found
        finally:
            if session is None:
                smtp.close()

    def session(self, timeout=60, login=True):
        """An smtplib.SMTP after STARTTLS and AUTH."""
        smtp = smtplib.SMTP(self.env["SMTP_HOST"], int(self.env["SMTP_PORT"]), "client.test",
                            timeout=timeout)
        try:
            context = ssl.create_default_context(cafile=self.env["SMTP_CA"])
            context.check_hostname = False
            smtp.starttls(context=context)
            if login:
                smtp.login(self.env["SMTP_USER"], self.env["SMTP_PASS"])
        except BaseException:
            smtp.close()
            raise
        return smtp

    def sink_files(self):
        return sorted(os.path.join(self.sink, n) for n in os.listdir(self.sink)
                      if n.endswith(".eml"))

    def sink_messages(self):
        """[(file name, bytes)] of what the sandbox's own receiving end got."""
        found = []
        for path in self.sink_files():
            with open(path, "rb") as f:
                found.append((os.path.basename(path), f.read()))
        return found

    # its files

    def spool_files(self):
        """Relative names of the files below spool and kept, but for the counter."""
        found = []
        for top in ("spool", "kept"):
            for folder, _, names in os.walk(os.path.join(self.dir, top)):
                found += [os.path.relpath(os.path.join(folder, n), self.dir) for n in names
                          if n != "counter"]
        return sorted(found)

    def log_size(self):
        return os.path.getsize(self.log)

    def log_lines(self, start=0):
        with open(self.log, "rb") as f:
            f.seek(start)
            return f.read().decode("utf-8", "replace").splitlines()

    def log_find(self, pattern, start=0):
        return [line for line in self.log_lines(start) if re.search(pattern, line)]


def ref_of(data):
    """The X-Test-Ref that Sandbox.submit() gave a message."""
    found = re.search(rb"^X-Test-Ref: ([^\r\n]+)", data, re.M)
    return found.group(1).decode() if found else ""


FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:.*\r\n(?:[ \t].*\r\n)*")
REMOVED = (b"bcc", b"resent-bcc", b"return-path", b"content-length", b"x-postal-tag")


def repaired(data, ident, date, domain="sandbox.test"):
    """What is stored of a submitted message, below our Received field with that date."""
    head, names, at = b"", set(), 0
    while field := FIELD.match(data, at):
        name, at = field.group(1).lower(), field.end()
        names.add(name)
        if name not in REMOVED and (not name.startswith(b"x-posthaste-") or
                                    name == b"x-posthaste-ref"):
            head += field.group()
    if b"date" not in names:
        head += b"Date: " + date + b"\r\n"
    if b"message-id" not in names:
        head += ("Message-ID: <%s@%s>\r\n" % (ident, domain)).encode()
    return head + data[at:]


# the receiving end, scripted

class Close:
    """Step: close the connection in an orderly way."""


class Reset:
    """Step: end the connection by RST."""


class Stall:
    """Step: say nothing more, until the client goes away or the peer is closed."""


class Message:
    """A message whose final dot has come; code is None as long as no reply to it went out."""

    def __init__(self, session, sender, rcpts, data):
        self.session, self.sender, self.rcpts, self.data = session, sender, rcpts, data
        self.ref = ref_of(data)
        self.when, self.code = time.time(), None


class _Gone(Exception):
    pass


class PeerSession(threading.Thread):
    """One connection to a Peer.  For scripts: number, tls, helo, sender, rcpts, message, line."""

    def __init__(self, peer, sock, number):
        super().__init__(daemon=True)
        self.peer, self.sock, self.number = peer, sock, number
        self.tls, self.helo, self.sender, self.rcpts = False, "", None, []
        self.message, self.line, self.inbuf = None, "", b""

    def run(self):
        try:
            self.stage("connect", "220 peer.test ESMTP")
            while True:
                self.line = self.read_line()
                self.verb(self.line)
        except (_Gone, OSError):
            pass
        finally:
            try:
                self.sock.close()
            except OSError:
                pass
            self.peer._ended(self)

    def read_line(self):
        while b"\n" not in self.inbuf:
            self.fill()
        line, _, self.inbuf = self.inbuf.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def fill(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise _Gone
        self.inbuf += piece

    def send(self, text):
        self.sock.sendall(text.encode("latin-1") + b"\r\n")

    def stage(self, name, default):
        """Runs the script's steps for a stage; the first code that was sent."""
        steps = self.peer.script(name, self) if self.peer.script else None
        if steps is None:
            steps = [default]
        elif not isinstance(steps, (list, tuple)):
            steps = [steps]
        code = None
        for step in steps:
            sent = self.step(step, default)
            code = code or sent
        return code or 0

    def step(self, step, default):
        if step is None:
            step = default
        if isinstance(step, str):
            self.send(step)
            return int(step[:3])
        if isinstance(step, (int, float)):
            time.sleep(step)
        elif step is Close:
            raise _Gone
        elif step is Reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if isinstance(self.sock, ssl.SSLSocket):
                os.close(self.sock.detach())
            raise _Gone
        elif step is Stall:
            while not self.peer.closing.is_set():
                if select.select([self.sock], [], [], 0.05)[0] and not self.sock.recv(65536):
                    break
            raise _Gone
        else:
            return self.stage_of(step(self), default)
        return None

    def stage_of(self, more, default):
        return self.step(more, default) if more is not None else None

    def verb(self, line):
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        if verb in ("EHLO", "HELO"):
            self.helo = rest
            extensions = list(self.peer.extensions) if verb == "EHLO" else []
            if self.peer.context and not self.tls and verb == "EHLO":
                extensions.append("STARTTLS")
            words = ["peer.test"] + extensions
            self.stage(verb.lower(), "\r\n".join(
                "250%s%s" % ("-" if i + 1 < len(words) else " ", w)
                for i, w in enumerate(words)))
        elif verb == "STARTTLS" and self.peer.context and not self.tls:
            if self.stage("starttls", "220 2.0.0 Go ahead") == 220:
                self.sock = self.peer.context.wrap_socket(self.sock, server_side=True)
                self.tls, self.inbuf = True, b""
        elif verb == "MAIL":
            self.sender, self.rcpts, self.message = self.address(rest), [], None
            if self.stage("mail", "250 2.1.0 Ok") // 100 != 2:
                self.sender = None
        elif verb == "RCPT":
            self.rcpts.append(self.address(rest))
            if self.stage("rcpt", "250 2.1.5 Ok") // 100 != 2:
                self.rcpts.pop()
        elif verb == "DATA":
            default = "354 Go ahead" if self.rcpts else "503 5.5.1 No recipient"
            if self.stage("data", default) == 354:
                self.content()
        elif verb == "RSET":
            self.sender, self.rcpts = None, []
            self.stage("rset", "250 2.0.0 Ok")
        elif verb == "QUIT":
            self.stage("quit", "221 2.0.0 Bye")
            raise _Gone
        else:
            self.stage("noop" if verb == "NOOP" else "other",
                       "250 2.0.0 Ok" if verb == "NOOP" else "502 5.5.2 What?")

    @staticmethod
    def address(rest):
        found = re.search(r"<([^>]*)>", rest)
        return found.group(1) if found else rest

    def content(self):
        while b"\r\n.\r\n" not in b"\r\n" + self.inbuf:
            self.fill()
        raw, _, after = (b"\r\n" + self.inbuf).partition(b"\r\n.\r\n")
        self.inbuf = after
        data = (raw + b"\r\n").replace(b"\r\n..", b"\r\n.")[2:]
        self.message = Message(self, self.sender, self.rcpts, data)
        self.peer._dot(self.message)
        self.message.code = self.stage("dot", "250 2.0.0 Kept") or None
        self.sender, self.rcpts = None, []


class Peer:
    """An SMTP server in threads, at a port of its own; host "::": at every address.

    script(stage, session) says what happens at each stage (connect ehlo helo starttls mail rcpt
    data dot rset noop quit other): None for the usual reply, or one step or a list of them: a str is
    sent as the reply, a number is a delay in seconds, Close, Reset and Stall end the talk, a
    function is called with the session and may give a further step.  A list's None is the usual
    reply.  dots holds every message whose final dot has come, also those that were then refused
    or not answered; messages those that were answered by 2xx.
    """

    def __init__(self, script=None, tls=False, host="127.0.0.1",
                 extensions=("8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES"), port=0):
        self.script, self.extensions = script, extensions
        self.context = server_context() if tls is True else tls or None
        self.closing, self.lock = threading.Event(), threading.Lock()
        self.dots, self.sessions, self.count = [], [], 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port), family=family, backlog=256,
                                             dualstack_ipv6=host == "::")
        self.port = self.listener.getsockname()[1]
        self.address = "%s:%d" % (host, self.port)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.closing.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.hang_up()

    def hang_up(self):
        """Ends every connection that is open now."""
        with self.lock:
            open_now = list(self.sessions)
        for s in open_now:
            try:
                s.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while not self.closing.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.count += 1
                session = PeerSession(self, sock, self.count)
                self.sessions.append(session)
            session.start()

    def _ended(self, session):
        with self.lock:
            self.sessions.remove(session)

    def _dot(self, message):
        with self.lock:
            self.dots.append(message)

    @property
    def messages(self):
        with self.lock:
            return [m for m in self.dots if m.code and m.code // 100 == 2]

    def copies(self, ref):
        """How many messages with this ref came up to their dot."""
        with self.lock:
            return sum(m.ref == ref for m in self.dots)


def server_context(names=("peer.test", "localhost"), pem=None, days=30):
    """A TLS server's context with a self-signed certificate made now for these names and addresses,
    good for so many days; pem: a file that the certificate is written to as well."""
    import datetime
    import ipaddress
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.utcnow()
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([
                x509.IPAddress(ipaddress.ip_address(n)) if n[0].isdigit() else x509.DNSName(n)
                for n in names]), False)
            .sign(key, hashes.SHA256()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as f:
        f.write(key.private_bytes(serialization.Encoding.PEM,
                                  serialization.PrivateFormat.PKCS8,
                                  serialization.NoEncryption()))
        f.write(cert.public_bytes(serialization.Encoding.PEM))
        f.flush()
        context.load_cert_chain(f.name)
    if pem:
        with open(pem, "wb") as f:
            f.write(cert.public_bytes(serialization.Encoding.PEM))
    return context


# TAP

class Tap:
    """Results as TAP lines and, at the end, the totals that tests/run reads."""

    def __init__(self):
        self.passed = self.failed = 0

    def ok(self, good, name, detail=""):
        if good:
            self.passed += 1
        else:
            self.failed += 1
        print("%s %d - %s" % ("ok" if good else "not ok", self.passed + self.failed, name))
        if not good and detail != "":
            for line in str(detail).splitlines():
                print("  # %s" % line)
        sys.stdout.flush()
        return bool(good)

    def skip(self, name, why):
        print("ok - %s # SKIP %s" % (name, why), flush=True)

    def note(self, text):
        print("# %s" % text, flush=True)

    def run(self, name, test, *args):
        """test(*args) passes if it raises nothing."""
        try:
            test(*args)
        except (Failed, AssertionError, OSError, smtplib.SMTPException, LookupError,
                ValueError, subprocess.SubprocessError) as e:
            import traceback
            where = traceback.extract_tb(e.__traceback__)
            return self.ok(False, name, "%s: %s (%s)" % (
                type(e).__name__, e, ", ".join("line %d" % f.lineno for f in where[1:])))
        return self.ok(True, name)

    def done(self):
        print("%d passed, %d failed" % (self.passed, self.failed))
        sys.exit(1 if self.failed or not self.passed else 0)


def skip_all(why, status=0):
    """Ends a test that cannot be run here."""
    print("1..0 # SKIP %s" % why)
    print("0 passed, 0 failed")
    sys.exit(status)
