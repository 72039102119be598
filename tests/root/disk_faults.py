#!/usr/bin/python3
"""As root: the disk is full, or can only be read, in the middle of the load.

The instance lies in an ext4 of its own.  Nothing that was answered 250 is lost or comes twice
(but for what was on its way as the disk became read-only), what is answered otherwise is 4xx, no daemon ends, and when there is room again each client is served
again within AGAIN_S, by itself.  After a disk that became read-only the instance is started on the
repaired one.

  --seconds S     how long each lasts (default 5; `make torture`: 60)

The lines "# total" have the figures.
"""

import argparse
import os
import smtplib
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from disk import Disk, own_mounts  # noqa: E402
from posthaste import Failed, Peer, Sandbox, Tap, skip_all, wait_for  # noqa: E402

SIZE = 96 * 1024 * 1024
SETTINGS = {"queue.retry": "300ms", "queue.scan": "500ms", "spool.free": "0",
            "spool.free_percent": "0", "retention.content": "0s"}
IN_FLIGHT = 20  # copies to one domain; what of them was delivered cannot be noted on a dead disk
AGAIN_S = 5  # seconds; clients wait for a free moment of the machine, too
CLIENTS = 4
A_CLIENT = 50  # messages that each submits before the trouble, and after it


def expect(good, what):
    if not good:
        raise AssertionError(what)


class Client(threading.Thread):
    """Submits until it is stopped; what was accepted and when, and the codes of what was not."""

    def __init__(self, box):
        super().__init__(daemon=True)
        self.box, self.stop = box, threading.Event()
        self.accepted, self.codes = [], []

    def run(self):
        n = 0
        while not self.stop.is_set():
            n += 1
            try:
                m = self.box.submit("r%d@sink.test" % n, timeout=20, body="x" * 70 + "\r\n" * 300)
                self.accepted.append((time.monotonic(), m))
            except smtplib.SMTPResponseException as e:
                self.codes.append(e.smtp_code)
                time.sleep(0.02)
            except (OSError, smtplib.SMTPException):
                self.codes.append(0)
                time.sleep(0.02)


class Load:
    """Clients that submit while there is trouble."""

    def __init__(self, box):
        self.box, self.before = box, pids(box)
        self.crowd = [Client(box) for _ in range(CLIENTS)]

    def __enter__(self):
        for c in self.crowd:
            c.start()
        expect(wait_for(lambda: all(len(c.accepted) >= A_CLIENT for c in self.crowd), 60),
               "accepted: %s" % [len(c.accepted) for c in self.crowd])
        return self

    def __exit__(self, *_):
        for c in self.crowd:
            c.stop.set()
        for c in self.crowd:
            c.join(60)

    def refused(self, codes):
        """All clients have been answered so."""
        return wait_for(lambda: all(codes & set(c.codes) for c in self.crowd), 30)

    def again(self):
        """The seconds until each client is served again."""
        since = time.monotonic()
        expect(wait_for(lambda: all(c.accepted[-1][0] > since for c in self.crowd), 30),
               "accepting does not go on: %s" % [c.codes[-3:] for c in self.crowd])
        seconds = max(next(when for when, _ in c.accepted if when > since)
                      for c in self.crowd) - since
        expect(seconds < AGAIN_S, "accepting went on after %.1f s" % seconds)
        counts = [len(c.accepted) + A_CLIENT for c in self.crowd]
        expect(wait_for(lambda: all(len(c.accepted) >= n for c, n in zip(self.crowd, counts)), 60),
               "accepting does not go on")
        return seconds

    def accepted(self):
        return [pair for c in self.crowd for pair in c.accepted]

    def check(self):
        codes = {code for c in self.crowd for code in c.codes}
        expect(codes <= {421, 450, 451, 452}, "answers were %s" % codes)
        expect(pids(self.box) == self.before, "a daemon ended: %s, %s" % (
            self.before, pids(self.box)))


def pids(box):
    return {name: d["pid"] for name, d in box.status().items()}


def arrive(tap, box, peer, messages, what, doubles_max=0):
    """All of them did, once but for some."""
    missing = []

    def none_missing():
        got = {m.ref for m in peer.messages}
        missing[:] = [m for m in messages if m.ref not in got]
        return not missing
    wait_for(none_missing, 60)
    times = {}
    for m in peer.dots:
        times[m.ref] = times.get(m.ref, 0) + 1
    double = [m for m in messages if times.get(m.ref, 0) > 1]
    tap.note("total %s, %d accepted, %d lost, %d duplicates" % (
        what, len(messages), len(missing), len(double)))
    expect(not missing, "%d of %d did not arrive: %s" % (len(missing), len(messages), missing[:3]))
    expect(len(double) <= doubles_max, "%d came twice: %s" % (len(double), double[:3]))
    expect(wait_for(lambda: all(box.is_final(m) for m in messages[-5:]), 30), "not final")
    bad = box.log_find(r"^\S+ \S+ alert bug")
    expect(not bad, bad)


def fill(name):
    with open(name, "ab") as f:
        try:
            while True:
                f.write(b"0" * 65536)
                f.flush()
        except OSError:
            pass


def full(tap, box, disk, peer, seconds):
    name = os.path.join(disk.at, "ballast")
    with Load(box) as load:
        fill(name)
        expect(load.refused({452}), "no 452: %s" % [c.codes[-3:] for c in load.crowd])
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.5)
            fill(name)  # what has become free meanwhile
        os.unlink(name)
        again = load.again()
    load.check()
    arrive(tap, box, peer, [m for _, m in load.accepted()],
           "full disk: full for %d s, each client served again after %.2f s" % (seconds, again))


def read_only(tap, box, disk, peer, seconds):
    """The kernel finds an error and makes the file system read-only, as it does on real ones."""
    with Load(box) as load:
        since = time.monotonic()  # of what is flushed while it happens the kernel may give up some
        disk.remount("abort")
        expect(load.refused({451, 452}), "answers were %s" % [c.codes[-3:] for c in load.crowd])
        after = time.monotonic()
        time.sleep(seconds)
    load.check()
    late = [m for when, m in load.accepted() if when > after]
    expect(not late, "%d were accepted by a disk that can only be read" % len(late))
    box.kill_all()
    disk.umount()
    disk.mount()
    box.start()
    begun = time.monotonic()
    accepted = [m for when, m in load.accepted() if when < since] + [box.submit("after@sink.test")]
    arrive(tap, box, peer, accepted,
           "read-only disk: for %d s, accepting %.2f s after the start on the repaired one" % (
               seconds, time.monotonic() - begun), IN_FLIGHT)


def main():
    if os.geteuid():
        skip_all("only root can mount")
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=5)
    seconds = parser.parse_args().seconds
    own_mounts()
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="posthaste-disk-") as base:
        os.chmod(base, 0o711)
        mnt = os.path.join(base, "mnt")
        os.mkdir(mnt)
        disk = Disk(os.path.join(base, "disk"), mnt, "ext4", SIZE)
        disk.mount()
        os.chmod(mnt, 0o755)
        box = None
        try:
            with Peer() as peer:
                box = Sandbox(folder=mnt, settings=dict(SETTINGS, **{
                    "deliver.port": str(peer.port)}))
                tap.run("a full disk under load: 452, nothing lost, on again by itself", full,
                        tap, box, disk, peer, seconds)
                tap.run("a disk that becomes read-only: 451, daemons stay, all is there after it",
                        read_only, tap, box, disk, peer, seconds)
        finally:
            if box:
                box.kill_all()
            disk.umount()
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - %s" % e)
    sys.exit(1)
