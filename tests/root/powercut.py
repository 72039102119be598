#!/usr/bin/python3
"""As root: the power goes, again and again, while mail comes in and goes out.

An instance lies in an ext4 (and xfs, where mkfs.xfs of the package xfsprogs is installed) of its
own, in a file that is mounted by a loop device.  Several clients submit as fast as they can; then the file system is shut
down by ioctl without a flush of its journal, everything is killed, the file system mounted again
and the instance started.  What was answered 250 must then be known, end as delivered, and be at
the receiver, which lies outside.  Copies that came twice are counted: a power cut between the
receiver's 250 and our commit makes one, and nothing else may.

Layouts: whole (all in one file system) and spool (spool/ has its own, so that messages which end
together share one syncfs; both go down at the same moment).

That the cut cuts is proved by a last run in which fsync and its kin do nothing (a preloaded
library): it must lose mail.

  --cuts N        of ext4, in each layout (default 5); `make torture` makes 100
  --xfs-cuts N    of xfs, in each layout (default 2); `make torture` makes 25
  --clients N     submitters (default 6)
  --seconds S     begin no cut after S seconds (each file system and layout has its share of them)
  --seed N        of the moments of the cuts (default: another one each time; it is printed)

The lines "# total" have the figures of each file system.
"""

import argparse
import ctypes
import fcntl
import os
import random
import shutil
import smtplib
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from disk import Disk, own_mounts, run  # noqa: E402
from posthaste import Failed, Peer, Sandbox, Tap, skip_all, wait_for  # noqa: E402

FS_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NOLOGFLUSH = 2
IMAGE_SIZE = 640 * 1024 * 1024  # xfs wants 300 MB
SETTLE_S = 60
DOMAIN = "sink.test"
SETTINGS = {"queue.retry": "300ms", "queue.scan": "500ms", "spool.free": "16M",
            "spool.free_percent": "0"}
CONTROL_CUTS = 2
CUTS_A_STAGE = 25  # then new disks, and an instance that has no past
LAYOUTS = ("whole", "spool")

NO_FLUSH = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
int fsync(int fd) { return fd < 0 ? -1 : 0; }
int fdatasync(int fd) { return fd < 0 ? -1 : 0; }
int syncfs(int fd) { return fd < 0 ? -1 : 0; }
int msync(void *p, size_t n, int flags) { return p || n || flags ? 0 : -1; }
int sync_file_range(int fd, off64_t at, off64_t n, unsigned flags)
{
    return fd < 0 || at < 0 || n < 0 || flags == ~0U ? -1 : 0;
}
"""


def cut(handles):
    for fd in handles:
        fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))


class Client(threading.Thread):
    """Submits one message after another until it is told to stop or the power is gone."""

    def __init__(self, box, number, stop):
        super().__init__(daemon=True)
        self.box, self.number, self.stop = box, number, stop
        self.accepted, self.unsure = [], []

    def run(self):
        n = 0
        while not self.stop.is_set():
            try:
                session = self.box.session(10)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.01)
                continue
            try:
                while not self.stop.is_set():
                    n += 1
                    self.one(session, n)
            except (OSError, smtplib.SMTPException, ValueError):
                pass
            finally:
                session.close()

    def one(self, session, n):
        # now and then a large one, and one that is not taken at the first attempt
        body = ("x" * 70 + "\r\n") * (3000 if n % 37 == 0 else 25)
        local = "%s-%d-%d-%d" % ("late" if n % 5 == 0 else "a", self.number, n,
                                 time.monotonic_ns())
        self.unsure.append(local)
        accepted = self.box.submit("%s@%s" % (local, DOMAIN), body=body, ref=local,
                                   session=session)
        self.unsure.pop()
        self.accepted.append((time.monotonic(), accepted))


class Stage:
    """Disks, receiver and instance of one file system and layout."""

    def __init__(self, base, kind, layout, preload=None):
        self.base, self.random = base, random.Random()
        self.refused, self.lock = set(), threading.Lock()
        self.mnt = os.path.join(base, "mnt")
        os.mkdir(self.mnt)
        self.disks = [Disk(os.path.join(base, "disk"), self.mnt, kind, IMAGE_SIZE)]
        self.peer = Peer(self.script, tls=True)
        self.box = None
        self.environ = {"LD_PRELOAD": preload} if preload else {}
        try:
            self.disks[0].mount()
            os.chmod(self.mnt, 0o755)
            self.box = Sandbox(folder=self.mnt, environ=self.environ,
                               settings=dict(SETTINGS, **{"deliver.port": str(self.peer.port)}))
            if layout == "spool":
                self.part_spool(kind)
        except BaseException:
            self.close()
            raise

    def part_spool(self, kind):
        self.box.stop()
        spool, before = self.box.dir + "/spool", self.box.dir + "/run/before"
        os.rename(spool, before)
        os.mkdir(spool)
        self.disks.append(Disk(os.path.join(self.base, "disk2"), spool, kind, IMAGE_SIZE))
        self.disks[-1].mount()
        run("cp", "-a", before + "/.", spool)
        shutil.rmtree(before)
        os.sync()
        self.box.start()

    def script(self, stage, session):
        if stage == "rcpt" and session.rcpts[-1].startswith("late"):
            with self.lock:
                first = session.rcpts[-1] not in self.refused
                self.refused.add(session.rcpts[-1])
            if first:
                return "451 4.2.1 Come back"
        return [0.01, None] if stage == "dot" else None

    def close(self):
        if self.box:
            self.box.kill_all()
        self.peer.close()
        for disk in reversed(self.disks):
            disk.umount()

    def cycle(self, clients, seconds):
        """Load, cut, start; what was accepted, and what perhaps was."""
        handles = [d.hold() for d in self.disks]
        stop = threading.Event()
        crowd = [Client(self.box, i, stop) for i in range(clients)]
        for c in crowd:
            c.start()
        time.sleep(seconds)
        # what is answered later could not have left a machine without power; the ioctl takes a
        # while, and an fsync in it may end well although its journal entry is given up
        gone = time.monotonic()
        cut(handles)
        stop.set()
        self.box.kill_all()
        for c in crowd:
            c.join(20)
        for fd in handles:
            os.close(fd)
        for disk in reversed(self.disks):
            disk.umount()
        for disk in self.disks:
            disk.mount()
        self.box.start()
        answers = [pair for c in crowd for pair in c.accepted]
        return ([a for when, a in answers if when < gone],
                [u for c in crowd for u in c.unsure] + [a.ref for when, a in answers
                                                        if when >= gone])

    def settle(self, accepted):
        """(lost, late, corrupt): not known; known and not delivered; ids put aside."""
        known, wanted = {}, set(accepted)

        def done():
            known.clear()
            known.update((m["id"], m) for m in self.box.message_list())
            return all(self.is_done(m) for a, m in known.items() if a in wanted)

        wait_for(done, SETTLE_S, 0.2)
        lost = [a for a in accepted if a not in known]
        late = [a for a in accepted if a in known and
                not (self.is_done(known[a]) and self.peer.copies(a.ref))]
        corrupt = [n for n in os.listdir(os.path.join(self.box.dir, "spool", "corrupt"))]
        return lost, late, corrupt

    @staticmethod
    def is_done(m):
        return all(c["state"] == "delivered" for c in m["copies"])

    def copies(self):
        """{reference: how often it came}"""
        found = {}
        for m in list(self.peer.dots):
            found[m.ref] = found.get(m.ref, 0) + 1
        return found


class Figures:
    """Of one file system, in all layouts."""

    def __init__(self, kind):
        self.kind, self.begun = kind, time.monotonic()
        self.cuts = self.accepted = self.lost = self.doubles = self.unanswered = self.aside = 0

    def __str__(self):
        return ("power cuts, %s: %d cuts, %d accepted, %d lost, %d duplicates (cut between the "
                "receiver's 250 and our commit), %d came without a 250, %d put aside, %.0f s" % (
                    self.kind, self.cuts, self.accepted, self.lost, self.doubles,
                    self.unanswered, self.aside, time.monotonic() - self.begun))


def one_cut(tap, stage, name, options, rng, sums):
    accepted, unsure = stage.cycle(options.clients, 0.3 + rng.random() * 1.2)
    lost, late, corrupt = stage.settle(accepted)
    bad = [a for a in accepted if a in corrupt]
    copies = stage.copies()
    sums.cuts += 1
    sums.accepted += len(accepted)
    sums.lost += len(set(lost + late + bad))
    sums.unanswered += sum(u in copies for u in unsure)
    tap.ok(not lost and not late and not bad, "%s: cut %d, %d accepted" %
           (name, sums.cuts, len(accepted)),
           "lost %s\nnot delivered %s\nin corrupt %s" % (lost[:9], late[:9], bad[:9]))


def cuts_of_a_stage(tap, base, kind, layout, count, end, options, rng, sums):
    """How many there were: fewer than count when the time is up."""
    name, done, before = "%s, %s" % (kind, layout), 0, sums.accepted
    with tempfile.TemporaryDirectory(dir=base) as below:
        os.chmod(below, 0o755)
        stage = Stage(below, kind, layout)
        try:
            while done < count and (not end or time.monotonic() < end):
                one_cut(tap, stage, name, options, rng, sums)
                done += 1
            sums.doubles += sum(n - 1 for n in stage.copies().values())
            sums.aside += len(os.listdir(os.path.join(stage.box.dir, "spool", "corrupt")))
            bad = stage.box.log_find(r"^\S+ \S+ alert bug")
            tap.ok(not bad, "%s: no bug in the log" % name, "\n".join(bad))
        finally:
            stage.close()
    tap.ok(sums.accepted - before > done * 10, "%s: there was load" % name,
           "%d messages in %d cuts" % (sums.accepted - before, done))
    return done


def cuts(tap, base, kind, layout, count, options, rng, sums):
    end = time.monotonic() + options.seconds / options.shares if options.seconds else 0
    left = count
    while left and (not end or time.monotonic() < end):
        left -= cuts_of_a_stage(tap, base, kind, layout, min(left, CUTS_A_STAGE), end, options,
                                rng, sums)
    if left:
        tap.note("%s, %s: time is up, %d of %d cuts left out" % (kind, layout, left, count))


def control(tap, base, options, rng):
    """The same without flushes: if nothing is lost, the cut is none."""
    library, source = os.path.join(base, "noflush.so"), os.path.join(base, "noflush.c")
    with open(source, "w") as f:
        f.write(NO_FLUSH)
    run(os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source)
    os.chmod(library, 0o755)
    ctypes.CDLL(library)
    total = lost_n = 0
    for _ in range(CONTROL_CUTS):
        with tempfile.TemporaryDirectory(dir=base) as below:
            os.chmod(below, 0o755)
            stage = Stage(below, "ext4", "whole", library)
            try:
                os.sync()  # what was there before the load survives
                try:
                    accepted, _ = stage.cycle(options.clients, 0.5 + rng.random())
                    lost, late, _ = stage.settle(accepted)
                    lost_n += len(lost) + len(late)
                except Failed as e:
                    tap.note("the instance without flushes does not start any more: %s" %
                             str(e).strip().splitlines()[-1])
                    accepted, lost_n = [], lost_n + 1
                total += len(accepted)
            finally:
                stage.close()
    tap.ok(lost_n > 0, "control: without flushes a cut loses mail",
           "%d accepted, none lost: the cut does not cut" % total)
    tap.note("total power cuts, control without flushes: %d cuts, %d accepted, %d lost" % (
        CONTROL_CUTS, total, lost_n))


def possible(base):
    """None, or why not."""
    if os.geteuid() != 0:
        return "only root can mount"
    for program, package in (("mkfs.ext4", "e2fsprogs"), ("mount", "mount"), ("umount", "mount")):
        if not shutil.which(program):
            return "there is no %s (package %s)" % (program, package)
    at = os.path.join(base, "probe")
    os.mkdir(at)
    try:
        disk = Disk(os.path.join(base, "probe.disk"), at, "ext4", IMAGE_SIZE)
        disk.mount()
    except Failed as e:
        return "loop mounts are not possible: %s" % e
    try:
        fd = disk.hold()
        try:
            cut([fd])
        finally:
            os.close(fd)
    except OSError as e:
        return "the file system cannot be shut down: %s" % e
    finally:
        disk.umount()
        os.unlink(disk.image)
    return None


def all_cuts(tap, base, options, rng):
    wanted = {"ext4": options.cuts, "xfs": options.xfs_cuts}
    if not shutil.which("mkfs.xfs"):
        del wanted["xfs"]
        tap.skip("power cuts, xfs", "there is no mkfs.xfs (package xfsprogs)")
    options.shares = len(wanted) * len(LAYOUTS)
    for kind, count in wanted.items():
        sums = Figures(kind)
        for layout in LAYOUTS:
            tap.run("%s, %s" % (kind, layout), cuts, tap, base, kind, layout, count, options, rng,
                    sums)
        tap.note("total %s" % sums)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--xfs-cuts", type=int, default=2)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    options = parser.parse_args()
    own_mounts()
    base = tempfile.mkdtemp(prefix="posthaste-powercut-")
    os.chmod(base, 0o755)
    tap, rng = Tap(), random.Random(options.seed)
    tap.note("seed %d" % options.seed)
    try:
        why = possible(base)
        if why:
            skip_all(why)
        all_cuts(tap, base, options, rng)
        control(tap, base, options, rng)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    tap.done()


if __name__ == "__main__":
    main()
