"""What the benchmarks measure with: a file system of their own, CPU accounts, load, a receiver.

All times are seconds, all CPU of whole process trees (by a control group, so that processes that
ended count as well).
"""

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))

from posthaste import Failed, wait_for                              # noqa: E402
from servers import environment, free_port, greets, run, unpacked   # noqa: E402

IMAGE_SIZE = 4 << 30


def postfix_root():
    """Debian's Postfix, unpacked, with the libraries it needs."""
    return unpacked("postfix", "libsasl2-modules")


def tool(name):
    """(path, environment) of a program of Postfix's package."""
    return os.path.join(postfix_root(), "usr", "sbin", name), environment(postfix_root())


@contextlib.contextmanager
def disk(kind="ext4"):
    """A folder on a fresh, journalled file system of its own (a loop image; root only)."""
    if os.getuid() != 0:
        raise SystemExit("bench: only root can mount a file system of its own")
    base = tempfile.mkdtemp(prefix="bench-")
    image, at = os.path.join(base, "image"), os.path.join(base, "fs")
    os.chmod(base, 0o711)
    os.mkdir(at)
    mounted = False
    try:
        with open(image, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, IMAGE_SIZE)
        run("mkfs." + kind, *(["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
                              if kind == "ext4" else ["-q"]), image)
        run("mount", "-o", "loop", image, at)
        mounted = True
        yield at
    finally:
        if mounted:
            wait_for(lambda: subprocess.run(["umount", at], stderr=subprocess.DEVNULL)
                     .returncode == 0, 20, 0.2)
        shutil.rmtree(base, ignore_errors=True)


class Account:
    """A control group; what is started in it, with all its children, is counted together."""

    V1, V2 = "/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup"

    def __init__(self, name):
        self.is_v1 = os.path.isdir(self.V1)
        self.at = os.path.join(self.V1 if self.is_v1 else self.V2, "bench-%d-%s" %
                               (os.getpid(), name))
        os.mkdir(self.at)

    def enter(self):
        """For preexec_fn: the process to be started, and its children."""
        with open(os.path.join(self.at, "cgroup.procs"), "w") as f:
            f.write("0")

    def cpu(self):
        """Seconds of all processors since the start."""
        if self.is_v1:
            with open(os.path.join(self.at, "cpuacct.usage")) as f:
                return int(f.read()) / 1e9
        with open(os.path.join(self.at, "cpu.stat")) as f:
            return int(re.search(r"usage_usec (\d+)", f.read()).group(1)) / 1e6

    def processes(self):
        with open(os.path.join(self.at, "cgroup.procs")) as f:
            return [int(p) for p in f.read().split()]

    def close(self):
        wait_for(lambda: not self.processes(), 10)
        with contextlib.suppress(OSError):
            os.rmdir(self.at)


class Receiver:
    """smtp-sink, which counts the messages that it took."""

    def __init__(self, delay_ms=0):
        program, env = tool("smtp-sink")
        self.port, self.count = free_port(), 0
        line = [program, "-c", "-u", "nobody", *(["-w", str(delay_ms / 1000)] if delay_ms else [])]
        self.process = subprocess.Popen([*line, "127.0.0.1:%d" % self.port, "1000"], env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not wait_for(lambda: greets(self.port), 10):
            raise Failed("smtp-sink does not start")

    def _read(self):
        tail = b""
        while got := os.read(self.process.stdout.fileno(), 65536):
            counts = re.findall(rb"mesg=(\d+)\s*\r", tail + got)
            if counts:
                self.count = int(counts[-1])
            tail = got[-64:]
            time.sleep(0.005)

    def wait_count(self, count, timeout):
        """When so many messages have come; False: they have not, in time."""
        end = time.monotonic() + timeout
        while self.count < count:
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def close(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def load(port, sender, rcpt, messages, sessions, size, more=("-d",)):
    """Submits by smtp-source, each message of an own transaction; how long it took.  More: -d is
    many messages a connection."""
    program, env = tool("smtp-source")
    begun = time.monotonic()
    done = subprocess.run([program, *more, "-s", str(sessions), "-m", str(messages), "-l", str(size),
                           "-M", "client.test", "-f", sender, "-t", rcpt, "127.0.0.1:%d" % port],
                          env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    took = time.monotonic() - begun
    if done.returncode or done.stdout:
        raise Failed("smtp-source: %d %s" % (done.returncode, done.stdout.decode()[-500:]))
    return took


class Flushes:
    """Counts the flushes of all processes that environ() is given to, and can make each slower."""

    def __init__(self, folder, delay_us=0):
        self.page, library = os.path.join(folder, "flushes"), os.path.join(folder, "flushes.so")
        self.delay_us = delay_us
        with open(self.page, "wb") as f:
            f.write(bytes(8))
        os.chmod(self.page, 0o666)
        run("gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-o", library,
            os.path.join(TOP, "bench", "flushes.c"))
        os.chmod(library, 0o755)
        self.library = library

    def environ(self):
        return {"LD_PRELOAD": self.library, "POSTHASTE_FLUSHES_PAGE": self.page,
                "POSTHASTE_FLUSHES_DELAY_US": str(self.delay_us)}

    def count(self):
        with open(self.page, "rb") as f:
            return int.from_bytes(f.read(8), sys.byteorder)


def pss(processes):
    """Memory of these processes in MiB, each shared page once."""
    total = 0
    for p in processes:
        with contextlib.suppress(OSError), open("/proc/%d/smaps_rollup" % p) as f:
            total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
    return total / 1024


def median(values):
    return statistics.median(values)
