"""torture.py [--every N] - one fault at a time, at every system call that can lose mail, and at every
allocation of memory.

The deterministic form of an out-of-memory loop, for system calls too.  For each daemon, each phase
of its life and each system call that it makes there, one run each with the N-th of these calls
answered by SIGKILL, by ENOSPC (once, or from then on), by EIO, and where a call makes a descriptor
by EMFILE (once, or from then on), for N = 1, 2, 3 and so on until a run has no fault left.  strace
injects them.  Likewise the N-th malloc, calloc or realloc finds no memory (lib/nomemory.py).  Of what
comes by the hundred, N goes on in larger steps (steps() below).  After each run all is left to
settle, and then:

  a  what got a 250 is known, has one event accepted, ends as delivered with one event, and the
     receiver has it
  b  the receiver has it once; twice only if its trace has an attempt with uncertain set, of a
     delivery process that was killed
  c  what got no 250 is at the receiver once at most (the 250 may be what was lost)
  d  nothing is left in spool/new, spool/cur, spool/corrupt; each finished message has its file in
     kept (a restart may be needed where the sweep is a matter of starting: it is made, then)
  e  all daemons are ready again, by themselves; if the supervisor was killed, after a start
  f  no daemon has found a bug in itself (must(), an alert)
  g  no process ended by a signal that nobody sent; one that ended without memory has said so (but
     in libraries that are known to crash then: FRAGILE)

Phases: message: a running process, one message goes through.  worker: a parent, whose worker is
killed.  daemon: the supervisor, while queued is killed.  start: a daemon from its exec on, with a
message waiting for it and one that comes while it starts.

  --every N       only every N-th fault of the whole list (which is counted in a run without faults)
  --offset K      begin with the K-th
  --only TEXT     only runs whose name contains TEXT, such as queued/message/pwrite64/kill/7
  --jobs J        sandboxes side by side (default 4: they mostly wait)
  --seconds S     begin no new run after S seconds
  --keep          keep the folders of sandboxes where something failed

Exit status 77 and the reason if strace is missing or may not trace.  The last line is totals.
"""

import argparse
import itertools
import os
import queue
import re
import shutil
import signal
import smtplib
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from nomemory import Memory  # noqa: E402
from posthaste import (TOP, Failed, Peer, Sandbox, Tap, children, is_alive,  # noqa: E402
                       skip_all, wait_for)

SYSCALLS = ("write", "pwrite64", "writev", "fsync", "fdatasync", "syncfs", "rename", "renameat",
            "renameat2", "unlink", "unlinkat", "sendto", "sendmsg", "openat", "mkdir", "ftruncate",
            "fallocate", "fchmod", "linkat")
MAKES_FD = ("open", "openat", "socket", "socketpair", "accept", "accept4", "dup", "eventfd2", "pipe2",
            "pipe", "epoll_create1", "timerfd_create", "signalfd4", "memfd_create")
SOCKET_ONLY = ("sendto", "sendmsg")  # no disk to be full there
TRACED = SYSCALLS + tuple(c for c in MAKES_FD if c not in SYSCALLS)
MALLOC = "malloc"  # stands for calloc and realloc too
KILL, FULL, IO, STAYS_FULL = "kill", "ENOSPC", "EIO", "ENOSPC+"
NO_FD, STAYS_NO_FD, NO_MEMORY = "EMFILE", "EMFILE+", "ENOMEM"
INJECT = {KILL: "signal=SIGKILL:when=%d", FULL: "error=ENOSPC:when=%d", IO: "error=EIO:when=%d",
          STAYS_FULL: "error=ENOSPC:when=%d+", NO_FD: "error=EMFILE:when=%d",
          STAYS_NO_FD: "error=EMFILE:when=%d+"}
TARGETS = (("smtpd", "message"), ("queued", "message"), ("deliverd", "message"),
           ("signer", "message"), ("resolver", "message"),
           ("smtpd", "worker"), ("deliverd", "worker"), ("supervisor", "daemon"),
           ("smtpd", "start"), ("queued", "start"), ("deliverd", "start"), ("signer", "start"),
           ("resolver", "start"))
HAS_WORKERS = ("smtpd", "deliverd")
DELIVERS = ("deliverd", "supervisor")
# openat and mkdir by the hundred are all alike; of allocations a start makes thousands
SINGLE_STEPS, LONG_STEP, STEP_SHARE = 40, 10, 20
SETTLE_S, ATTACH_S, CLIENT_S, ONE_MORE_S = 40, 10, 5, 15
DOMAIN = "sink.test"  # in the sandbox's dns.zone
SETTINGS = {"queue.retry": "150ms", "queue.scan": "250ms", "smtpd.workers": "1",
            "deliver.workers": "1"}
FRAGILE = ("libunbound", "libseccomp")  # crash at some of their own allocations
ONLY_MAX = 20000  # where --only looks for a number
KILLS_A_LIFE = 3  # then a new start, because the supervisor starts what dies often ever later


class Fault:
    """What one run injects."""

    def __init__(self, daemon, phase, call, kind, n, path=None):
        self.daemon, self.phase, self.call, self.kind, self.n = daemon, phase, call, kind, n
        self.path = path  # only calls that concern this file

    def __str__(self):
        return "%s/%s/%s/%s/%d%s" % (self.daemon, self.phase, self.call, self.kind, self.n,
                                     "@" + self.path if self.path else "")

    def strace(self):
        """Arguments of strace; without a number to count with: it counts."""
        calls = ["-y", "-e", "trace=" + (self.call or ",".join(TRACED))]
        if self.call:
            calls += ["-e", "inject=%s:%s" % (self.call, INJECT[self.kind] % self.n)]
        return calls + (["-P", self.path] if self.path else [])


class Counting(Fault):
    def __init__(self, daemon, phase):
        super().__init__(daemon, phase, None, "count", 0)


# What has failed once; part of every run.
ALWAYS = (
    # the ACK of a temporary failure was lost: the copy was never tried again
    Fault("queued", "message", "sendmsg", KILL, 2),
    # known from before a kill, but not moved while the disk was full: held for a missing file
    Fault("queued", "start", "pwrite64", STAYS_FULL, 12),
    Fault("queued", "message", "rename", IO, 1),
    # SQLite took the file for read-only, and no transaction succeeded any more
    Fault("queued", "start", "openat", IO, 1, "mail/mail.db-shm"),
    Fault("queued", "start", "openat", IO, 1, "mail/mail.db"),
    # the other daemons' users were not found, and all that they said was refused for ever
    Fault("queued", "start", "openat", IO, 1, "/etc/passwd"),
    Fault("signer", "start", "openat", IO, 1, "/etc/nsswitch.conf"),
    # OpenSSL went on without what it could not load: no handshake, no key any more
    Fault("smtpd", "worker", MALLOC, NO_MEMORY, 723),
    Fault("signer", "start", MALLOC, NO_MEMORY, 28),
    # SQLite could not start, and what it didn't give was read
    Fault("queued", "start", MALLOC, NO_MEMORY, 40),
    # taken for a bug
    Fault("smtpd", "start", "eventfd2", STAYS_NO_FD, 1),
)

# Stands in the folder of programs for each daemon: with a line of faults in FAULTS it has itself
# traced from the exec on, and keeps its process id.
WRAPPER = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    static char from[4096], to[4096], real[4096], text[4096];
    char *args[32] = {0};
    const char *name = strrchr(argv[0], '/');
    int n = 0, fd;

    name = name ? name + 1 : argv[0];
    snprintf(real, sizeof(real), "%s/real/%s", getenv("POSTHASTE_TORTURE"), name);
    snprintf(from, sizeof(from), "%s/faults/%s", getenv("POSTHASTE_TORTURE"), name);
    snprintf(to, sizeof(to), "%s.taken", from);
    if (rename(from, to) < 0 || (fd = open(to, O_RDONLY | O_CLOEXEC)) < 0)
        execv(real, argv);
    else if (read(fd, text, sizeof(text) - 1) > 0)
        for (char *at = strtok(text, "\n"); at && n < 30; at = strtok(NULL, "\n"))
            args[n++] = at;
    args[n++] = real;
    execvp("strace", args);
    return argc ? 70 : 0;
}
"""


class Box:
    """A sandbox of its own copy of the programs, its receiver, and what was submitted to it."""

    def __init__(self, number, keep):
        self.number, self.keep, self.kills, self.failed = number, keep, 0, False
        self.base = tempfile.mkdtemp(prefix="posthaste-torture-")
        os.chmod(self.base, 0o711)
        self.peer = Peer(self.script, tls=True)
        self.box, self.seen_known = None, set()
        self.make_programs()
        try:
            self.open()
        except BaseException:
            self.close()
            raise

    def make_programs(self):
        bin_dir, real = os.path.join(self.base, "bin"), os.path.join(self.base, "real")
        self.faults = os.path.join(self.base, "faults")
        for folder in (bin_dir, real, self.faults):
            os.mkdir(folder)
            os.chmod(folder, 0o755)
        os.chmod(self.faults, 0o777)
        built = os.path.join(TOP, "build", "bin")
        for name in os.listdir(built):
            shutil.copy2(os.path.join(built, name), os.path.join(real, name))
            os.chmod(os.path.join(real, name), 0o755)
        source = os.path.join(self.base, "wrapper.c")
        with open(source, "w") as f:
            f.write(WRAPPER)
        wrapper = os.path.join(self.base, "wrapper")
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-o", wrapper, source], check=True)
        os.chmod(wrapper, 0o755)
        for name in os.listdir(real):
            if name != "posthaste":
                shutil.copy2(wrapper, os.path.join(bin_dir, name))
        self.memory = Memory(self.base, os.listdir(real))

    def open(self):
        self.box = Sandbox(
            folder=self.base, settings=dict(SETTINGS, **{"deliver.port": str(self.peer.port)}),
            program=os.path.join(self.base, "real", "posthaste"),
            environ=dict(self.memory.environ, POSTHASTE_LIBEXEC=os.path.join(self.base, "bin"),
                         POSTHASTE_TORTURE=self.base))
        self.accepted = self.submit_until_accepted()[0]
        self.wait_final([self.accepted])
        self.kills = 0

    def close(self):
        if self.box:
            self.box.close()
        self.peer.close()
        if not (self.keep and self.failed):
            shutil.rmtree(self.base, ignore_errors=True)

    def script(self, stage, session):
        if stage == "rcpt" and session.rcpts[-1].startswith("late") and \
                self.first_time(session.rcpts[-1]):
            return "451 4.2.1 Come back"
        return None

    def first_time(self, rcpt):
        with self.peer.lock:
            if rcpt in self.seen_known:
                return False
            self.seen_known.add(rcpt)
            return True

    # tracing

    def trace_running(self, pid, fault, follow):
        out = os.path.join(self.base, "trace")
        line = ["strace", "-o", out] + (["-f"] if follow else []) + fault.strace() + \
            ["-p", str(pid)]
        traced = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE)
        if not wait_for(lambda: traced.poll() is not None or is_traced(pid), ATTACH_S):
            raise Failed("strace does not attach to %d" % pid)
        if traced.poll() is not None and is_alive(pid):
            raise Failed("strace: %s" % traced.stderr.read().decode())
        return traced

    def trace_start(self, fault):
        """The next start of the daemon is traced."""
        out = os.path.join(self.base, "trace")
        for name in (out,):
            with open(name, "w"):
                os.chmod(name, 0o666)
        name = os.path.join(self.faults, "posthaste-" + fault.daemon)
        with open(name + ".new", "w") as f:
            f.write("\n".join(["strace", "-DDD", "-I", "1", "-f", "-o", out] + fault.strace()) + "\n")
        os.chmod(name + ".new", 0o644)
        if os.path.exists(name + ".taken"):
            os.unlink(name + ".taken")
        os.rename(name + ".new", name)
        return name

    def page(self, daemon):
        return self.memory.pages["posthaste" if daemon == "supervisor" else "posthaste-" + daemon]

    def trace_text(self):
        with open(os.path.join(self.base, "trace"), "r", errors="replace") as f:
            return f.read()

    # mail

    def submit(self, local="a"):
        """A queue id, or None and the reference of what may have been accepted all the same."""
        ref = "%s-%d-%d" % (local, self.number, time.monotonic_ns())
        try:
            return self.box.submit("%s-%s@%s" % (local, ref, DOMAIN), ref=ref,
                                   timeout=CLIENT_S), ref
        except (OSError, smtplib.SMTPException, ssl.SSLError, ValueError):
            return None, ref

    def submit_until_accepted(self, local="a", seconds=SETTLE_S):
        """The accepted one, and the references of those before that were not."""
        refused, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            found, ref = self.submit(local)
            if found:
                return found, refused
            refused.append(ref)
            time.sleep(0.05)
        raise Failed("no message is accepted any more")

    def wait_final(self, accepted, seconds=SETTLE_S):
        return wait_for(lambda: all(self.box.is_final(a) for a in accepted), seconds, 0.05)

    def restart(self):
        self.box.stop()
        self.box.start()
        self.kills = 0


def is_traced(pid):
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/status" % (pid, task)) as f:
                if re.search(r"^TracerPid:\t0$", f.read(), re.M):
                    return False
    except OSError:
        return True
    return True


def tracer_of(pid):
    try:
        with open("/proc/%d/status" % pid) as f:
            return int(re.search(r"^TracerPid:\t(\d+)$", f.read(), re.M).group(1))
    except OSError:
        return 0


class Run:
    """One fault in one box, from the stimulus to the checks."""

    def __init__(self, b, fault):
        self.b, self.box, self.fault = b, b.box, fault
        self.accepted, self.refused = [], []
        self.fragile = False
        self.pid = self.hungry = self.allocations = self.victim = 0
        self.page = b.page(fault.daemon)
        self.problems, self.notes, self.lost = [], [], 0
        self.log_from = self.box.log_size()
        self.dead = False

    def wrong(self, text, *args):
        self.problems.append(text % args if args else text)

    # the four phases: each submits, and ends when the fault has had its chance

    def play(self):
        getattr(self, self.fault.phase)()

    def send(self, local="a"):
        found, ref = self.b.submit(local)
        if found:
            self.accepted.append(found)
        else:
            self.refused.append(ref)
        return found

    def until_accepted(self, seconds=SETTLE_S):
        found, refused = self.b.submit_until_accepted(seconds=seconds)
        self.accepted.append(found)
        self.refused += refused

    def arrived(self):
        return self.accepted and all(self.b.peer.copies(a.ref) for a in self.accepted)

    def watch(self, seconds):
        """Until all has arrived or the traced process is dead, and a little longer.  No command is
        asked meanwhile: it would make calls of its own there."""
        wait_for(lambda: not is_alive(self.pid) or self.arrived(), seconds, 0.02)
        # the checkpoint thread of queued works once a second
        slow = self.fault.daemon == "queued" and self.fault.call in (None, "pwrite64", "fdatasync",
                                                                     "ftruncate")
        wait_for(lambda: not is_alive(self.pid), 1.3 if slow else 0.2)

    def persistent(self):
        return self.fault.kind in (STAYS_FULL, STAYS_NO_FD)

    def traced(self, pid, stimulus, follow):
        self.pid = pid
        strace = self.inject(pid, follow)
        try:
            stimulus()
            if not self.persistent() and not self.accepted and self.fault.daemon != "supervisor":
                self.until_accepted(ONE_MORE_S)
            self.watch(1.5 if self.persistent() else 4)
        except Failed:
            if not self.impossible():
                raise
        finally:
            self.dead = not is_alive(pid)
            self.memory_over()
            if strace:
                self.end_strace(strace)

    def inject(self, pid, follow):
        """The strace that injects, if it does it."""
        if self.fault.call in (None, MALLOC):
            self.page.arm(pid, self.fault.n)
        return None if self.fault.call == MALLOC else \
            self.b.trace_running(pid, self.fault, follow)

    def memory_over(self):
        """Who got no memory, and how many allocations there were."""
        self.allocations, self.hungry = self.page.count, self.page.hit
        self.fragile = any(name in self.page.library for name in FRAGILE)
        self.page.disarm()

    @staticmethod
    def end_strace(strace):
        strace.terminate()
        try:
            strace.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            # a process that dies while its second thread is being attached can hold strace
            strace.kill()
            strace.communicate()

    def message(self):
        workers = self.box.workers(self.fault.daemon) if self.fault.daemon in HAS_WORKERS else []
        pid = workers[0] if workers else self.box.pid(self.fault.daemon)
        # of queued also a temporary failure is wanted
        self.traced(pid, lambda: self.send("late" if self.fault.daemon == "queued" else "a"), True)

    def worker(self):
        self.victim = self.box.workers(self.fault.daemon)[0]

        def stimulus():
            try:
                os.kill(self.victim, 9)
            except ProcessLookupError:
                pass  # it was the one that got no memory
            self.send()
        self.traced(self.box.pid(self.fault.daemon), stimulus, False)

    def daemon(self):
        queued = self.box.pid("queued")  # asked now: the supervisor must have no other work then

        def stimulus():
            os.kill(queued, 9)
            self.send()
            time.sleep(0.3)
        self.traced(self.box.pid("supervisor"), stimulus, False)

    def start(self):
        old = self.box.pid(self.fault.daemon)
        name = self.inject_start()
        self.send("late")
        os.kill(old, 9)
        self.b.kills += 1
        self.send()
        wait_for(lambda: not self.page.start and not os.path.exists(name), SETTLE_S)
        self.pid = self.page.hit or wait_for(self.new_pid(old), 3) or 0
        if self.pid:
            if not self.persistent() and not self.accepted:
                self.until_accepted()
            self.watch(1.5 if self.persistent() else 4)
        self.dead = not self.pid or not is_alive(self.pid)
        self.memory_over()
        self.end_tracers()

    def inject_start(self):
        """The file that is gone when strace has begun, if it is strace that injects."""
        if self.fault.call in (None, MALLOC):
            self.page.arm_next_start(self.fault.n)
        return "" if self.fault.call == MALLOC else self.b.trace_start(self.fault)

    def new_pid(self, old):
        def look():
            pid = self.box.status().get(self.fault.daemon, {}).get("pid")
            return pid if pid and pid != old else None
        return look

    def end_tracers(self):
        """All strace processes of this box; the traced go on untraced."""
        pids = set()
        for pid in self.box.processes():
            pids.add(tracer_of(pid))
        for pid in pids - {0}:
            try:
                os.kill(pid, 15)
            except ProcessLookupError:
                pass
        wait_for(lambda: not any(tracer_of(p) for p in self.box.processes()), 5)

    # then

    def settle(self):
        supervised = is_alive(self.supervisor_was)
        if not supervised:
            self.b.kills = 0
            self.box.start()
        if supervised and self.impossible():
            self.box.kill_all()
            self.box.start()
            self.b.kills = 0
        if not wait_for(self.box.ready, SETTLE_S, 0.05):
            self.wrong("e: not all are ready again: %s",
                       [n for n, d in self.box.status().items() if not d["ready"]])
        if not self.accepted:
            self.until_accepted()
        if not self.b.wait_final(self.accepted):
            self.wrong("a: after %d s %s", SETTLE_S,
                       {str(a): self.box.state(a) for a in self.accepted})

    def check(self):
        known = {m["id"]: m for m in self.box.message_list(after=self.b.accepted)}
        for a in self.accepted:
            self.check_accepted(a, known.pop(a, None))
        for m in known.values():
            self.check_unacknowledged(m)
        for ref in self.refused:
            n = self.b.peer.copies(ref)
            if n > 1:
                self.wrong("c: a message without a 250 came %d times: %s", n, ref)
            elif n:
                self.notes.append("unacknowledged")
        self.check_files()
        for line in self.box.log_find(r"^\S+ \S+ (alert|emerg) ", self.log_from):
            self.wrong("f: %s", line)
        self.check_ends()
        self.b.accepted = max([self.b.accepted] + self.accepted + list(known))

    def check_ends(self):
        if self.fragile and self.hungry != self.victim and not is_alive(self.hungry):
            self.notes.append("library")
            return
        for line in self.box.log_find(r" (exited|worker-died) .* signal=\d", self.log_from):
            if int(re.search(r" signal=(\d+)", line).group(1)) not in (0, signal.SIGKILL):
                self.wrong("g: %s", line)
        if self.hungry not in (0, self.victim) and not is_alive(self.hungry):
            self.notes.append("ended")
            if not self.box.log_find(r"\[%d\]: (error|alert) " % self.hungry, self.log_from):
                self.wrong("g: %d ended without a word", self.hungry)

    def check_accepted(self, a, m):
        if not m:
            self.wrong("a: %s got a 250 and is not known", a)
            self.lost += 1
            return
        events = self.box.trace(a)
        kinds = [e["event"] for e in events]
        shown = "%s ... %s" % (kinds[:4], kinds[-4:]) if len(kinds) > 8 else kinds
        if [c["state"] for c in m["copies"]] != ["delivered"]:
            self.wrong("a: %s is %s", a, [c["state"] for c in m["copies"]])
        if kinds.count("accepted") != 1 or kinds.count("delivered") != 1 or \
                kinds[0] != "accepted" or kinds[-1] != "delivered":
            self.wrong("a: the events of %s are %s", a, shown)
        attempts = [e["attempt"] for e in events if "attempt" in e]
        if attempts != sorted(set(attempts)):
            self.wrong("a: the attempts of %s are %s", a, attempts[:9])
        n = self.b.peer.copies(a.ref)
        if n == 0:
            self.wrong("a: %s did not come", a)
            self.lost += 1
        elif n > 1:
            self.check_duplicate(a, n, events)

    def check_duplicate(self, a, n, events):
        uncertain = sum(bool(e.get("uncertain")) for e in events)
        if uncertain >= n - 1 and self.fault.daemon in DELIVERS and \
                (self.was_killed() or self.hungry):
            self.notes.append("duplicate")
        else:
            self.wrong("b: %s came %d times, %d attempts were uncertain", a, n, uncertain)

    def was_killed(self):
        return "killed by SIGKILL" in self.trace

    def impossible(self):
        """No disk is full in a pipe, a socket, an eventfd: what such a fault broke may need a new
        start, but nothing may be lost."""
        return self.fault.kind in (FULL, STAYS_FULL, IO) and \
            re.search(r"^(\d+ +)?\w+\(\d+<(pipe|socket|anon_inode|UNIX|TCP)[^>]*>.*\(INJECTED\)",
                         self.trace, re.M) is not None

    def was_hit(self):
        return bool(self.hungry) or self.was_killed() or "(INJECTED)" in self.trace

    def check_unacknowledged(self, m):
        states = [c["state"] for c in m["copies"]]
        if states not in (["delivered"], ["cancelled"]):
            self.wrong("c: %s, never acknowledged, is %s", m["id"], states)
        self.notes.append("unacknowledged-known")

    def left_over(self):
        files = self.box.spool_files()
        return [f for f in files if not f.startswith("kept/")]

    def check_files(self):
        if self.left_over():
            self.notes.append("restarted")
            self.b.restart()
            if not wait_for(lambda: not self.left_over(), 5):
                self.wrong("d: left over: %s", self.left_over())
        kept = {os.path.basename(f) for f in self.box.spool_files() if f.startswith("kept/")}
        for a in self.accepted:
            if a not in kept:
                self.wrong("d: %s has no file in kept", a)

    def run(self):
        self.supervisor_was = self.box.supervisor()
        self.play()
        self.settle()
        self.check()
        self.hit = self.was_hit()
        if self.dead or self.fault.phase in ("worker", "daemon"):
            self.b.kills += 1
        if self.b.kills >= KILLS_A_LIFE:
            self.b.restart()
        return self

    @property
    def trace(self):
        return "" if self.fault.call == MALLOC else self.b.trace_text()


# all of them

class Totals:
    def __init__(self, options):
        self.options, self.lock = options, threading.Lock()
        self.runs = self.hits = self.accepted = self.lost = 0
        self.stop = False
        self.kinds, self.notes, self.failures = {}, {}, []
        self.begun = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.begun

    def late(self):
        return self.stop or self.options.seconds and self.seconds() > self.options.seconds

    def add(self, fault, run, problems):
        with self.lock:
            self.runs += 1
            if run and run.hit:
                self.hits += 1
                self.kinds[fault.kind] = self.kinds.get(fault.kind, 0) + 1
            if run:
                self.accepted += len(run.accepted)
                self.lost += run.lost
            for note in run.notes if run else ():
                self.notes[note] = self.notes.get(note, 0) + 1
            if problems:
                self.failures.append((str(fault), problems))
            if problems or self.runs % 25 == 0:
                print("# %5.0f s  %4d runs, %4d faults, %d failed  %s%s" %
                      (self.seconds(), self.runs, self.hits, len(self.failures), fault,
                       "".join("\n#     " + p for p in problems)), flush=True)


def one(box, fault, totals):
    """Runs a fault; None if the box is of no further use."""
    run, problems = None, []
    try:
        run = Run(box, fault)
        run.run()
        problems = run.problems
    except (Failed, OSError, smtplib.SMTPException, ValueError, LookupError,
            subprocess.SubprocessError) as e:
        import traceback
        where = traceback.extract_tb(e.__traceback__)
        problems = (run.problems if run else []) + ["%s: %s (%s)" % (
            type(e).__name__, e, ", ".join("line %d" % f.lineno for f in where[1:]))]
    if run:
        run.hit = run.was_hit()
    totals.add(fault, run, problems)
    box.failed = box.failed or bool(problems)
    return None if problems else run


def kinds_of(call):
    if call == MALLOC:
        return (NO_MEMORY,)
    kinds = (KILL,) if call in SOCKET_ONLY else (KILL, FULL, IO, STAYS_FULL) \
        if call in SYSCALLS else ()
    return kinds + ((NO_FD, STAYS_NO_FD) if call in MAKES_FD else ())


def count(box, daemon, phase):
    """{system call: how often at most one thread makes it, malloc: how often all make it} in a run
    without faults."""
    run = Run(box, Counting(daemon, phase))
    run.run()
    if run.problems:
        raise Failed("without a fault %s/%s has: %s" % (daemon, phase, "; ".join(run.problems)))
    counts = {}
    for line in run.trace.splitlines():
        found = re.match(r"(\d+ +)?(\w+)\(", line)
        if found and found.group(2) in TRACED:
            key = (found.group(1), found.group(2))
            counts[key] = counts.get(key, 0) + 1
    most = {}
    for (_, call), n in counts.items():
        most[call] = max(most.get(call, 0), n)
    if run.allocations:
        most[MALLOC] = run.allocations
    return most


def steps(call):
    """1, 2, 3 to 40, then every tenth; of allocations every tenth to 200, then a twentieth more."""
    n = 1
    while True:
        yield n
        n += 1 if n < SINGLE_STEPS else \
            max(LONG_STEP, n // STEP_SHARE if call == MALLOC else 0)


def all_of_a_kind(make, daemon, phase, call, kind, totals):
    """N = 1, 2, 3 ... until nothing is hit any more; make() gives a usable box."""
    for n in steps(call):
        fault = Fault(daemon, phase, call, kind, n)
        if totals.late() or (totals.options.only and totals.options.only not in str(fault)
                             and n > ONLY_MAX):
            return
        if totals.options.only and not wanted(str(fault), totals.options.only):
            if n > ONLY_MAX:
                return
            continue
        run = one(make(), fault, totals)
        if run and not run.hit:
            return


def wanted(name, only):
    return not only or (name + "/").startswith(only.rstrip("/") + "/") or "/" not in only \
        and only in name


def sampled(counts, options):
    faults = [Fault(d, p, call, kind, n)
              for (d, p), calls in counts.items() for call in TRACED + (MALLOC,) if call in calls
              for kind in kinds_of(call)
              for n in itertools.takewhile(lambda n: n <= calls[call], steps(call))]
    chosen = faults[options.offset % options.every::options.every]
    names = {str(f) for f in chosen}
    return chosen + [f for f in ALWAYS if str(f) not in names], len(faults)


def work(number, jobs, totals, options):
    box = None

    def usable():
        nonlocal box
        if box and box.failed:
            box.close()
            box = None
        if not box:
            box = Box(number, options.keep)
        return box

    try:
        while not totals.late():
            try:
                job = jobs.get_nowait()
            except queue.Empty:
                break
            if isinstance(job, Fault):
                one(usable(), job, totals)
            else:
                all_of_a_kind(usable, *job, totals)
    finally:
        if box:
            box.close()


def guarded(number, jobs, totals, options):
    try:
        work(number, jobs, totals, options)
    except Exception as e:  # a thread's end must not pass for success
        with totals.lock:
            totals.failures.append(("sandbox %d" % number, [repr(e)]))
        print("# sandbox %d: %r" % (number, e), flush=True)


def may_trace():
    """None, or why strace can't be used."""
    if not shutil.which("strace"):
        return "strace is not installed"
    if not shutil.which(os.environ.get("CC", "cc")):
        return "there is no C compiler"
    sleeper = subprocess.Popen(["sleep", "20"])
    try:
        done = subprocess.run(["timeout", "1", "strace", "-o", "/dev/null", "-p",
                               str(sleeper.pid)], stderr=subprocess.PIPE)
        text = done.stderr.decode()
        return None if "attached" in text and "denied" not in text and "not permitted" not in text \
            else "strace may not trace (kernel.yama.ptrace_scope?): " + text.strip()
    finally:
        sleeper.kill()
        sleeper.wait()


def targets():
    """A process that lets nobody of its own user look in can be traced by root, or from its start
    on."""
    return [(d, p) for d, p in TARGETS if (d, p) != ("signer", "message") or os.getuid() == 0]


def main():
    parser = argparse.ArgumentParser(description="one fault at every system call")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    why = may_trace()
    if why:
        skip_all(why, 77)
    totals, tap = Totals(options), Tap()
    counts = {}
    box = Box(0, True)
    try:
        for d, p in targets():
            if not options.only or wanted("%s/%s" % (d, p), "/".join(
                    options.only.split("/")[:2])) or "/" not in options.only:
                counts[d, p] = count(box, d, p)
                print("# %s/%s: %s" % (d, p, " ".join(
                    "%s %d" % c for c in sorted(counts[d, p].items())) or "nothing"), flush=True)
    finally:
        box.close()
    jobs = queue.Queue()
    if options.every > 1:
        faults, all_n = sampled(counts, options)
        faults = [f for f in faults if wanted(str(f), options.only)]
        print("# %d of %d faults" % (len(faults), all_n), flush=True)
        for f in faults:
            jobs.put(f)
    else:
        for f in ALWAYS:
            if f.path and wanted(str(f), options.only):
                jobs.put(f)
        for (d, p), calls in counts.items():
            for call in calls:
                for kind in kinds_of(call):
                    jobs.put((d, p, call, kind))
    def stop(_signo, _frame):
        totals.stop = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    threads = [threading.Thread(target=guarded, args=(i + 1, jobs, totals, options))
               for i in range(options.jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    finish(totals, tap, jobs)


def finish(totals, tap, jobs):
    print("# total faults: %d runs, %d faults (%s), %d accepted, %d lost, %d duplicates with an "
          "uncertain attempt, %d runs failed, %.0f s" % (
              totals.runs, totals.hits, ", ".join("%s %d" % k for k in sorted(totals.kinds.items())),
              totals.accepted, totals.lost, totals.notes.get("duplicate", 0),
              len(totals.failures), totals.seconds()))
    print("# allowed: %d delivered without a 250, %d restarts to sweep; %d processes ended for "
          "want of memory, and %d in libraries" % (totals.notes.get("unacknowledged", 0),
                              totals.notes.get("restarted", 0), totals.notes.get("ended", 0),
                              totals.notes.get("library", 0)))
    if not jobs.empty():
        print("# time is up: %d left out" % jobs.qsize())
    for name, problems in totals.failures:
        tap.ok(False, name, "\n".join(problems + [
            "again: /usr/bin/python3 tests/torture.py --every 1 --only %s" % name]))
    tap.passed += totals.runs - len(totals.failures)
    tap.done()


if __name__ == "__main__":
    main()
