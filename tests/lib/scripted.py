"""What the crash tests share beside posthaste.py: faults made by strace, files of the spool made
by hand, and short words for what a receiving server does.

    with Fault(s.pid("queued"), "/^rename", "signal=SIGKILL", when=1) as fault:
        accepted = s.submit("a@peer.test")
        wait_for(fault.over)

No test looks at a clock to decide: each waits for what has to come.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from posthaste import Failed, Sandbox, is_alive, wait_for

LONG = 30  # seconds: more than anything here takes
RESTARTS = 3  # deaths after which the supervisor's pauses are felt: then start anew
END_SIZE = 174


def check(good, *what):
    if not good:
        raise Failed(" ".join(str(w) for w in what))


def equal(got, want, what=""):
    check(got == want, what, "got", repr(got), "instead of", repr(want))


def must_come(what, condition, timeout=LONG):
    value = wait_for(condition, timeout)
    check(value, "this did not come in %d s:" % timeout, what)
    return value


def kill(pid, signo=signal.SIGKILL):
    try:
        os.kill(pid, signo)
    except ProcessLookupError:
        pass


class Instance(Sandbox):
    """A sandbox whose daemons die often, and what was seen of its mail."""

    deaths = 0

    def fresh(self):
        """Called before a test: pauses between restarts begin from the shortest again."""
        if self.deaths >= RESTARTS or not self.ready():
            self.again()

    def again(self, settings=None):
        self.stop()
        if settings:
            self.set(settings)
        self.start()
        self.deaths = 0

    def kill(self, *daemons):
        """SIGKILL; for deliverd-worker and smtpd-worker all of them.  Does not wait."""
        pids = []
        for name in daemons:
            daemon, _, worker = name.partition("-")
            pids += must_come(name, lambda d=daemon, w=worker: self.workers(d) if w else
                              [self.pid(d)] if self.pid(d) else None)
        for pid in pids:
            kill(pid)
        self.deaths += 1
        return pids

    def kill_all(self, timeout=10):
        """As SIGKILL to all at one moment: supervisor, daemons, workers; also those (the signer)
        whose folder cannot be looked at."""
        daemons = [d["pid"] for d in self.status().values() if d["pid"]]
        everybody = [self.supervisor(), *daemons]
        for name in ("deliverd", "smtpd"):
            everybody += self.workers(name)
        for pid in everybody:
            kill(pid)
        must_come("all are dead", lambda: not any(map(is_alive, everybody)), timeout)

    def messages(self):
        """message list; queued may be about to be started again."""
        try:
            return self.message_list()
        except (Failed, subprocess.TimeoutExpired):
            return []

    def all_ready(self):
        must_come("all daemons are ready", self.ready)

    def events(self, ident, *kinds):
        """Events of a message; queued may be about to be started again."""
        found = []

        def ask():
            try:
                found[:] = self.trace(ident)
                return True
            except (Failed, subprocess.TimeoutExpired):
                return False
        must_come("an answer to trace %s" % ident, ask)
        return [e for e in found if not kinds or e["event"] in kinds]

    def copies(self, ident):
        """{recipient: copy} of a message."""
        for m in self.json("message", "show", ident):
            return {c["recipient"]: c for c in m["copies"]}
        return {}

    def wait_final(self, *idents, timeout=LONG):
        for ident in idents:
            if not wait_for(lambda i=ident: self.is_final(i), timeout):
                raise Failed("%s is not final: %s; %s" % (ident, self.state(ident),
                                                          self.log_tail()))

    def wait_event(self, ident, kind):
        return must_come("%s of %s" % (kind, ident), lambda: self.events(ident, kind))

    def log_tail(self, lines=8):
        return " | ".join(self.log_lines()[-lines:])

    def delivered_once(self, peer, accepted):
        """Exactly one copy for each recipient got its 250, and one event says so."""
        self.wait_final(accepted)
        equal(self.state(accepted), ["delivered"] * len(accepted.rcpts))
        for rcpt, copy in self.copies(accepted).items():
            got = [m for m in peer.messages if m.ref == accepted.ref and m.rcpts == [rcpt]]
            equal(len(got), 1, "copies at the receiver of %s:" % rcpt)
            told = [e for e in self.events(accepted, "delivered") if e["copy"] == copy["id"]]
            equal(len(told), 1, "delivered events of %s:" % rcpt)
        self.attempts_add_up(accepted)

    def attempts_add_up(self, ident):
        """Attempts of each copy are 1, 2, 3 ... in its events, each once; accepted once."""
        seen = {}
        for e in self.events(ident):
            if "attempt" in e:
                seen.setdefault(e["copy"], []).append(e["attempt"])
        for copy, numbers in seen.items():
            equal(numbers, list(range(1, len(numbers) + 1)), "attempts of copy %s:" % copy)
        equal(len(self.events(ident, "accepted")), 1, "accepted events:")

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def files(self, folder):
        """Names of the files below a folder of the instance, but for the counter."""
        found = []
        for _, _, names in os.walk(self.path(folder)):
            found += [n for n in names if n != "counter"]
        return sorted(found)

    def idle(self):
        """Nothing is on its way, nothing is left to be moved."""
        must_come("an empty queue", lambda: not self.files("spool/cur") and
                  not self.files("spool/new"))

    def file_of(self, ident):
        """Where in spool or kept a message's file is; None: nowhere."""
        def look():  # it may be moved while we look
            found.append([n for n in self.spool_files() if os.path.basename(n) == ident])
            return len(found[-1]) < 2
        found = []
        check(wait_for(look), "at several places:", found[-1:])
        return (found[-1] or [None])[0]


# faults

def can_trace():
    """Why strace cannot be used here; "" when it can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    with subprocess.Popen(["sleep", "30"]) as other:
        try:
            Fault(other.pid, "read", "error=EIO", when=1).close()
            return ""
        except Failed as e:
            return "strace may not attach to other processes here: %s" % e
        finally:
            other.kill()


class Strace:
    """strace attached to a process, from the return of this on; its lines."""

    def __init__(self, pid, *options, threads=False):
        self.pid = pid
        self.out = tempfile.NamedTemporaryFile(prefix="strace-")
        self.process = subprocess.Popen(
            ["strace", "-o", self.out.name, *(["-f"] if threads else []), *options,
             "-p", str(pid)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        said = b""
        for line in self.process.stderr:
            said += line
            if b"attached" in line:
                break
        else:
            self.process.wait()
            self.out.close()
            raise Failed("strace: %s" % said.decode(errors="replace").strip())
        self.drain = threading.Thread(target=self.process.stderr.read, daemon=True)
        self.drain.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:  # it may miss the end of one of several threads
            self.process.kill()
            self.process.wait()
        self.drain.join()
        self.process.stderr.close()

    def lines(self):
        with open(self.out.name, errors="replace") as f:
            return f.read().splitlines()


class Fault(Strace):
    """The when-th of each of these system calls gets what is said: a signal before it is done, or
    an error instead; counted by thread.  when=None: all of them."""

    def __init__(self, pid, calls, what, when=None, threads=False, also=()):
        rule = "inject=%s:%s%s" % (calls, what, ":when=%d" % when if when else "")
        traced = ",".join([calls, *also]) if also else calls
        super().__init__(pid, "-e", "trace=" + traced, "-e", rule, threads=threads)

    def over(self):
        """The process was killed by it."""
        return not is_alive(self.pid)

    def struck(self):
        return self.over() or any("(INJECTED)" in line for line in self.lines())


def every_time(limit, one):
    """one(1), one(2) ... until it says that its fault was no longer met; how often it was."""
    for n in range(1, limit + 1):
        if not one(n):
            return n - 1
    raise Failed("still a fault at the %dth" % limit)


# files of the spool

def new_id():
    """A queue id as of now: 32 digits that sort by time."""
    return "%012x7%s" % (int(time.time() * 1000), os.urandom(10).hex()[:19])


class SpoolFile:
    """One message's file: envelope lines, body, END record."""

    def __init__(self, data):
        end = data[-END_SIZE:].decode().split()
        equal(end[0], "END1")
        size = int(end[1], 16)
        self.envelope, self.body = data[:size], data[size:-END_SIZE]
        self.flags = int(end[3], 16)
        equal(len(self.body), int(end[2], 16))

    def bytes(self):
        def blake(b):
            return hashlib.blake2b(b, digest_size=32).hexdigest()

        def end(envelope_hash):
            return ("END1 %016x %016x %04x %s %s\n" % (
                len(self.envelope), len(self.body), self.flags, envelope_hash,
                blake(self.body))).encode()
        return self.envelope + self.body + end(blake(self.envelope + end("0" * 64)))

    def value(self, key):
        return re.search(rb"^%s=(.*)$" % key.encode(), self.envelope, re.M).group(1).decode()

    def set(self, key, value):
        self.envelope = re.sub(rb"(?m)^%s=.*$" % key.encode(),
                               ("%s=%s" % (key, value)).encode(), self.envelope)
        return self


def put_file(path, data, mode=0o644):
    """As an acceptor that is done with it: never visible half-written."""
    folder, name = os.path.split(path)
    temp = os.path.join(folder, ".test-" + name)
    with open(temp, "wb") as f:
        f.write(data)
    os.chmod(temp, mode)
    give(temp)
    os.rename(temp, path)


def give(path):
    """To the owner of its folder: where root runs the test, daemons have users of their own."""
    if os.geteuid() == 0:
        owner = os.stat(os.path.dirname(path))
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


# what a receiving server does

def at(**stages):
    """A Peer's script: at(rcpt="451 later") answers that to each RCPT; a function is called with
    the session and says what comes."""
    def script(stage, session):
        step = stages.get(stage)
        return step(session) if callable(step) and not isinstance(step, type) else step
    return script


def first(times, step, then=None):
    """step for the first so many of each X-Test-Ref or recipient, then what usually comes."""
    seen, lock = {}, threading.Lock()

    def choose(session):
        key = session.message.ref if session.message else session.rcpts[-1]
        with lock:
            seen[key] = seen.get(key, 0) + 1
            now = seen[key] <= times
        chosen = step if now else then
        return chosen(session) if callable(chosen) and not isinstance(chosen, type) else chosen
    return choose


class Gate:
    """Sessions that come here wait until it is opened: a script's step."""

    def __init__(self):
        self.opened, self.lock, self.waiting = threading.Event(), threading.Lock(), 0

    def __call__(self, _session):
        with self.lock:
            self.waiting += 1
        self.opened.wait(LONG)

    def open(self):
        self.opened.set()
