"""What the tests of single daemons share: an instance's folder, a daemon in it, its doors.

The packets are put together here by hand, from the page of common/ipc/ipc.def and not from its code,
so that both can be wrong only separately.
"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import traceback

NOBODY = 65534


class Failed(Exception):
    pass


def u8(v):
    return struct.pack("<B", v)


def u16(v):
    return struct.pack("<H", v)


def u64(v):
    return struct.pack("<Q", v)


def span(b):
    return struct.pack("<H", len(b)) + b


def spans(items):
    return struct.pack("<H", len(items)) + b"".join(span(i) for i in items)


class Packet:
    """Reads the fields of an answer one after another; end() wants that all were."""

    def __init__(self, data):
        self.data, self.at = data, 2
        self.version, self.number = data[0], data[1]

    def int(self, size):
        v = int.from_bytes(self.take(size), "little")
        return v

    def take(self, n):
        if self.at + n > len(self.data):
            raise Failed("a packet is too short")
        self.at += n
        return self.data[self.at - n:self.at]

    def span(self):
        return self.take(self.int(2))

    def spans(self):
        return [self.span() for _ in range(self.int(2))]

    def end(self):
        if self.at != len(self.data):
            raise Failed("a packet is too long")


class Instance:
    """A folder with configuration and secrets, and one daemon of it."""

    def __init__(self, program, conf=""):
        self.folder = tempfile.mkdtemp(prefix="posthaste-")
        os.chmod(self.folder, 0o755)
        self.program = shutil.copy(program, self.folder)
        self.write("posthaste.conf", "hostname = mx.posthaste.test\n"
                   "return_path.domain = rp.posthaste.test\n" + conf)
        self.process = None
        self.log = os.path.join(self.folder, "log")

    def path(self, name):
        return os.path.join(self.folder, name)

    def mkdir(self, name):
        os.makedirs(self.path(name), exist_ok=True)

    def write(self, name, content):
        self.mkdir(os.path.dirname(name))
        with open(self.path(name), "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())

    def start(self, wait_for="ready", prefix=()):
        """prefix: a command that starts the program as another user itself."""
        user = {}
        if os.getuid() == 0:
            if not prefix:
                user = {"user": NOBODY, "group": NOBODY}
            for at, _, files in os.walk(self.folder):
                for name in [at] + [os.path.join(at, f) for f in files]:
                    os.chown(name, NOBODY, NOBODY, follow_symlinks=False)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*prefix, self.program], cwd=self.folder, stderr=log,
                                            stdout=log, stdin=subprocess.DEVNULL, **user)
        return self.wait_log(wait_for)

    def lines(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()

    def wait_log(self, text, seconds=10, times=1):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = [line for line in self.lines() if text in line]
            if len(found) >= times:
                return found[-1]
            time.sleep(0.01)
        raise Failed("no %r in the log:\n%s" % (text, "\n".join(self.lines()[-20:])))

    def hup(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self, want=0):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(10)
        if code != want:
            raise Failed("ended with %s:\n%s" % (code, "\n".join(self.lines()[-20:])))

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, door):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(30)
        here = os.getcwd()
        os.chdir(self.folder)
        try:
            s.connect(door)
        finally:
            os.chdir(here)
        return s


def run(tests, arguments):
    """Runs each test(arguments); prints what failed and the count; returns the exit code."""
    passed = failed = 0
    for test in tests:
        try:
            test(arguments)
            passed += 1
        except (Failed, AssertionError, OSError) as e:
            failed += 1
            where = traceback.extract_tb(e.__traceback__)
            print("%s: %s: %s (%s)" % (test.__name__.replace("_", " "), type(e).__name__, e,
                                       ", ".join("line %d" % f.lineno for f in where[1:])))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0
