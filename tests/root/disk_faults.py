#!/usr/bin/python3
"""As root: the disk is full, or can only be read, in the middle of the load.

The instance lies in an ext4 of its own.  Nothing that was answered 250 is lost, what is answered
otherwise is 4xx, no daemon ends, and when there is room again everything goes on by itself.
"""

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


def expect(good, what):
    if not good:
        raise AssertionError(what)


class Client(threading.Thread):
    """Submits until it is stopped; what was accepted, and the codes of what was not."""

    def __init__(self, box):
        super().__init__(daemon=True)
        self.box, self.stop = box, threading.Event()
        self.accepted, self.codes = [], []

    def run(self):
        n = 0
        while not self.stop.is_set():
            n += 1
            try:
                self.accepted.append(self.box.submit("r%d@sink.test" % n, timeout=20,
                                                     body="x" * 70 + "\r\n" * 300))
            except smtplib.SMTPResponseException as e:
                self.codes.append(e.smtp_code)
                time.sleep(0.02)
            except (OSError, smtplib.SMTPException):
                self.codes.append(0)
                time.sleep(0.02)


def pids(box):
    return {name: d["pid"] for name, d in box.status().items()}


def load(box, trouble):
    """Clients submit while trouble() happens and is over; all that was accepted must arrive."""
    before, crowd = pids(box), [Client(box) for _ in range(4)]
    for c in crowd:
        c.start()
    try:
        expect(wait_for(lambda: all(c.accepted for c in crowd), 20), "nothing was accepted")
        trouble(crowd)
        counts = [len(c.accepted) for c in crowd]
        expect(wait_for(lambda: all(len(c.accepted) > n for c, n in zip(crowd, counts)), 30),
               "accepting does not go on: %s" % [c.codes[-3:] for c in crowd])
    finally:
        for c in crowd:
            c.stop.set()
        for c in crowd:
            c.join(60)
    codes = {code for c in crowd for code in c.codes}
    expect(codes <= {421, 450, 451, 452}, "answers were %s" % codes)
    expect(pids(box) == before, "a daemon ended: %s, %s" % (before, pids(box)))
    return [m for c in crowd for m in c.accepted], codes


def arrive(box, peer, messages):
    missing = []

    def none_missing():
        got = {m.ref for m in peer.messages}
        missing[:] = [m for m in messages if m.ref not in got]
        return not missing
    expect(wait_for(none_missing, 60), "%d of %d did not arrive: %s" % (
        len(missing), len(messages), missing[:3]))
    expect(wait_for(lambda: all(box.is_final(m) for m in messages[-5:]), 30), "not final")


def full(box, disk, peer):
    def trouble(crowd):
        name = os.path.join(disk.at, "ballast")
        with open(name, "wb") as f:
            try:
                while True:
                    f.write(b"0" * 65536)
                    f.flush()
            except OSError:
                pass
        expect(wait_for(lambda: all(452 in c.codes for c in crowd), 30), [
            c.codes[-3:] for c in crowd])
        time.sleep(2)
        os.unlink(name)
    messages, codes = load(box, trouble)
    expect(452 in codes, codes)
    arrive(box, peer, messages)


def read_only(box, disk, peer):
    """The kernel finds an error and makes the file system read-only, as it does on real ones."""
    accepted = [box.submit("before%d@sink.test" % n) for n in range(5)]
    before = pids(box)
    disk.remount("abort")
    refused = []
    for _ in range(3):
        try:
            accepted.append(box.submit("during@sink.test"))
        except smtplib.SMTPResponseException as e:
            refused.append(e.smtp_code)
    expect(refused and set(refused) <= {451, 452}, "answers were %s" % refused)
    expect(pids(box) == before, "a daemon ended: %s, %s" % (before, pids(box)))
    box.kill_all()
    disk.umount()
    disk.mount()
    box.start()
    accepted.append(box.submit("after@sink.test"))
    arrive(box, peer, accepted)


def main():
    if os.geteuid():
        skip_all("only root can mount")
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
                        box, disk, peer)
                tap.run("a disk that becomes read-only: 451, daemons stay, all is there after it",
                        read_only, box, disk, peer)
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
