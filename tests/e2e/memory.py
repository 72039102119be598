#!/usr/bin/python3
"""No memory: a daemon that gets none ends, is started again, and nothing that was accepted is lost."""

import os
import resource
import signal
import smtplib
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Failed, Peer, Sandbox, Tap, is_alive, skip_all, wait_for  # noqa: E402

LIMIT = 1 << 20  # less than any daemon has: what it frees it may use again, more it does not get


def expect(good, what):
    if not good:
        raise AssertionError(what)


class Load(threading.Thread):
    """Submits messages with many recipients and large headers until it is stopped."""

    def __init__(self, s, number):
        super().__init__(daemon=True)
        self.s, self.number, self.stop = s, number, threading.Event()
        self.accepted = []

    def run(self):
        n = 0
        while not self.stop.is_set():
            n += 1
            try:
                self.accepted.append(self.s.submit(
                    ["m%d.%d.%d@peer.test" % (self.number, n, i) for i in range(20)],
                    headers=["X-Large: " + "y" * 900] * 100, timeout=20))
            except (OSError, smtplib.SMTPException):
                pass
            self.stop.wait(0.2)     # each is 2 MB for the receiver, which keeps them


def starve(pids):
    for pid in pids:
        try:
            resource.prlimit(pid, resource.RLIMIT_AS, (LIMIT, LIMIT))
        except ProcessLookupError:
            pass


def push(s, accepted):
    """What needs more memory than there was: many sessions, many recipients."""
    socks = []
    try:
        for _ in range(400):
            socks.append(socket.create_connection((s.env["SMTP_HOST"], int(s.env["SMTP_PORT"])), 5))
    except OSError:
        pass
    for n in range(3):
        try:
            accepted.append(s.submit(["p%d.%d@peer.test" % (n, i) for i in range(900)], timeout=20))
        except (OSError, smtplib.SMTPException):
            pass
    for c in socks:
        c.close()


def processes(s, daemon):
    return [s.pid("queued")] if daemon == "queued" else s.workers(daemon)


def missing(peer, accepted):
    """Pairs of a message and a recipient that the peer has not answered by 250."""
    got = {(m.ref, rcpt) for m in peer.messages for rcpt in m.rcpts}
    return [(m.ref, rcpt) for m in accepted for rcpt in m.rcpts if (m.ref, rcpt) not in got]


def without_memory(daemon):
    def test(s, peer):
        crowd, pushed = [Load(s, i) for i in range(4)], []
        if daemon == "deliverd":
            s.command("queue", "pause")     # workers that have not asked for any yet
            expect(wait_for(lambda: s.json("queue", "show")[0]["in_flight"] == 0, 30), "it waits")
            old = processes(s, daemon)
            for pid in old:
                os.kill(pid, signal.SIGKILL)
            expect(wait_for(lambda: s.ready() and len(set(processes(s, daemon)) - set(old)) ==
                            len(old), 30), "no new workers")
        for c in crowd:
            c.start()
        try:
            expect(wait_for(lambda: all(c.accepted for c in crowd), 30), "nothing was accepted")
            pids = processes(s, daemon)
            starve(pids)
            if daemon == "deliverd":
                s.command("queue", "resume")

            def ended():
                push(s, pushed)
                return any(not is_alive(pid) for pid in pids)
            expect(wait_for(ended, 60), "it has memory enough")
            expect(wait_for(s.ready, 40), s.status())
            counts = [len(c.accepted) for c in crowd]
            expect(wait_for(lambda: all(len(c.accepted) > n for c, n in zip(crowd, counts)), 30),
                   "accepting does not go on")
        finally:
            for c in crowd:
                c.stop.set()
            for c in crowd:
                c.join(60)
        everything = [m for c in crowd for m in c.accepted] + pushed
        expect(wait_for(lambda: all(s.is_final(m) for m in everything[-20:]) and
                        s.json("queue", "show")[0]["open"] == 0, 90), s.json("queue", "show"))
        expect(wait_for(lambda: not missing(peer, everything), 10),
               "did not arrive: %s" % missing(peer, everything)[:5])
    return test


def main():
    if os.getuid() == 0:
        skip_all("root's daemons have users of their own, whose limits it may not set everywhere")
    tap = Tap()
    with Peer() as peer, Sandbox(mx={"peer.test": peer.address},
                                 settings={"queue.retry": "300ms", "queue.scan": "500ms"}) as s:
        for daemon in sys.argv[1:] or ("smtpd", "queued", "deliverd"):
            tap.run("%s without memory: it ends, comes back, and nothing is lost" % daemon,
                    without_memory(daemon), s, peer)
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - the sandbox: %s" % e)
    sys.exit(1)
