#!/usr/bin/python3
"""torture_kill.py - daemons are killed at random moments under load, and nothing accepted is lost.

Many sessions submit by SMTP, the load coming in bursts.  Meanwhile one process after another gets
SIGKILL: smtpd, queued, deliverd, workers of smtpd and deliverd, signer, resolver and the supervisor
(which is started again by `posthaste sandbox start`; all others must come back by themselves).  The
receiver is in this program; it has every tenth recipient come again, and now and then holds back
its answer.  Each recipient is a marker of its own, in the envelope and in the text.  In the end

  a  each recipient of a message that got a 250 was received, with the text that belongs to it
  b  one more copy than that only where the timeline has an uncertain attempt for it, or the client
     got no answer to its final dot and sent the message again; at most 1 in 1,000 of all
  c  the queue is empty, each queue id is known and its copies are delivered, spool/new and
     spool/cur are empty, all daemons are ready, and `posthaste verify` finds nothing
  d  no daemon has found a bug in itself (must(), an alert)

  --kills N       (default 12)
  --messages N    (default 3000)
  --seconds S     over which both are spread (default 40)
  --sessions N    (default 40)
  --seed N        of victims and moments (default: another one each time; it is printed)
  --keep          keep the folder if something failed

The line "# total" has the figures.  tests/e2e/kills.py is the short form.
"""

import argparse
import asyncio
import itertools
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from posthaste import Failed, Sandbox, Tap, children, wait_for  # noqa: E402

SERVER = "sandbox/sandbox"
DOMAIN = "peer.test"
SETTINGS = {"smtpd.auth_clear": "yes", "queue.retry": "500ms 1s 2s", "queue.scan": "1s"}
VICTIMS = ("smtpd", "queued", "deliverd", "smtpd worker", "deliverd worker", "signer", "resolver",
           "supervisor")
BURST_S = 0.5  # the load of so long comes at once
A_SESSION = 50  # messages, at most
ANSWER_S = 20
SETTLE_S = 120
DUPLICATES_MAX = 0.001
FILLING = "x" * 70 + "\r\n"


class Gone(Exception):
    """A connection that ended, or said nothing for too long."""


class Message:
    """One message: what was sent, and what is known of it."""

    def __init__(self, number):
        self.number = number
        self.rcpts = ["m%d-%d@%s" % (number, i, DOMAIN) for i in range(3 if number % 20 == 0 else 1)]
        self.ident, self.unanswered = None, 0

    def text(self, sender):
        return ("From: <%s>\r\nTo: <%s>\r\nSubject: kill\r\nX-Test-Ref: m%d\r\n\r\n%sEnd of m%d\r\n"
                % (sender, self.rcpts[0], self.number,
                   FILLING * (1500 if self.number % 97 == 0 else 20), self.number))


# the client

class Client:
    """One session after another; takes messages that are due from the load."""

    def __init__(self, load):
        self.load, self.reader, self.writer = load, None, None

    async def reply(self):
        """(code, text) of a reply."""
        lines = []
        while not lines or lines[-1][3:4] == b"-":
            try:
                line = await asyncio.wait_for(self.reader.readline(), ANSWER_S)
            except (asyncio.TimeoutError, OSError, ValueError) as e:
                raise Gone(e) from None
            if not line.endswith(b"\n"):
                raise Gone("closed")
            lines.append(line)
        return int(lines[-1][:3]), b"".join(lines).decode()

    def write(self, text):
        try:
            self.writer.write(text.encode())
        except OSError as e:
            raise Gone(e) from None

    async def connect(self):
        try:
            self.reader, self.writer = await asyncio.wait_for(
                asyncio.open_connection(self.load.host, self.load.port), ANSWER_S)
        except (asyncio.TimeoutError, OSError) as e:
            raise Gone(e) from None
        if (await self.reply())[0] != 220:
            raise Gone("no welcome")
        self.write("EHLO client.test\r\n")
        if (await self.reply())[0] != 250:
            raise Gone("no EHLO")

    async def submit(self, m):
        """True if it was accepted."""
        self.write("MAIL FROM:<%s>\r\n%sDATA\r\n" % (self.load.sender, "".join(
            "RCPT TO:<%s>\r\n" % r for r in m.rcpts)))
        codes = [(await self.reply())[0] for _ in range(len(m.rcpts) + 2)]
        if codes[-1] != 354 or set(codes[:-1]) != {250}:
            raise Gone("answers were %s" % codes)  # a 4xx; the session is not used again
        m.unanswered += 1  # from here on it may have been accepted
        self.write(m.text(self.load.sender) + ".\r\n")
        code, text = await self.reply()
        m.unanswered -= 1
        if code != 250:
            raise Gone("answer was %d" % code)
        m.ident = re.search(r"queued as ([0-9a-z]+)", text).group(1)

    async def session(self):
        await self.connect()
        for _ in range(random.randrange(1, A_SESSION)):
            m = await self.load.next()
            if not m:
                return
            try:
                await self.submit(m)
            except Gone:
                self.load.again.append(m)
                raise
            self.load.accept(m)

    async def run(self):
        while not self.load.is_done():
            try:
                await self.session()
            except Gone as e:
                self.load.failures[str(e)[:60]] = self.load.failures.get(str(e)[:60], 0) + 1
                await asyncio.sleep(0.05)
            finally:
                if self.writer:
                    self.writer.close()
                self.writer = None


class Load:
    """The messages, which are due in bursts, and those that were accepted."""

    def __init__(self, box, count, seconds):
        self.host, self.port = box.env["SMTP_HOST"], int(box.env["SMTP_PORT"])
        self.sender = "sender@" + box.env["MAIL_DOMAIN"]
        self.count, self.seconds, self.begun = count, seconds, time.monotonic()
        self.made, self.again, self.accepted, self.failures = 0, [], [], {}
        self.last, self.pause = time.monotonic(), 0.0

    def is_done(self):
        return len(self.accepted) >= self.count

    def due(self):
        bursts = int((time.monotonic() - self.begun) / BURST_S) + 1
        return min(self.count, int(bursts * BURST_S * self.count / self.seconds) + 1)

    async def next(self):
        while not self.is_done():
            if self.again:
                return self.again.pop()
            if self.made < self.due():
                self.made += 1
                return Message(self.made)
            await asyncio.sleep(0.02)
        return None

    def accept(self, m):
        now = time.monotonic()
        self.pause = max(self.pause, now - self.last)
        self.last = now
        self.accepted.append(m)


# the receiver

class Receiver(asyncio.Protocol):
    """A small SMTP server.  copies: {recipient: how often it came}; wrong: texts of others."""

    copies, wrong, seen = {}, [], set()

    def connection_made(self, transport):
        self.transport, self.buffer, self.in_data, self.rcpt = transport, bytearray(), False, None
        self.say("220 peer.test ESMTP")

    def say(self, text):
        self.transport.write(text.encode() + b"\r\n")

    def data_received(self, data):
        self.buffer += data
        while not self.transport.is_closing():
            if self.in_data:
                end = self.buffer.find(b"\r\n.\r\n")
                if end < 0:
                    return
                text, self.in_data = bytes(self.buffer[:end + 2]), False
                del self.buffer[:end + 5]
                self.message(text)
            else:
                end = self.buffer.find(b"\r\n")
                if end < 0:
                    return
                line = bytes(self.buffer[:end]).decode("latin-1")
                del self.buffer[:end + 2]
                self.verb(line)

    def verb(self, line):
        word = line[:4].upper()
        if word == "EHLO":
            self.say("250-peer.test\r\n250-PIPELINING\r\n250 8BITMIME")
        elif word == "RCPT":
            self.rcpt = line[line.index("<") + 1:line.index(">")]
            late = self.rcpt not in self.seen and int(re.search(r"\d+", self.rcpt).group()) % 10 == 5
            self.seen.add(self.rcpt)
            self.say("451 4.2.1 Come back" if late else "250 2.1.5 Ok")
            self.rcpt = None if late else self.rcpt
        elif word == "DATA":
            self.in_data = self.rcpt is not None
            self.say("354 Go ahead" if self.in_data else "503 5.5.1 No recipient")
        elif word == "QUIT":
            self.say("221 2.0.0 Bye")
            self.transport.close()
        else:
            self.say("250 2.0.0 Ok")

    def message(self, text):
        marker = self.rcpt.partition("-")[0].encode()
        if b"\r\nX-Test-Ref: " + marker + b"\r\n" not in text or \
                not text.endswith(b"\r\nEnd of " + marker + b"\r\n"):
            self.wrong.append(self.rcpt)
        n = self.copies[self.rcpt] = self.copies.get(self.rcpt, 0) + 1
        if n == 1 and marker.endswith(b"7"):  # a window in which a kill makes a second copy
            asyncio.get_running_loop().call_later(0.01, self.say, "250 2.0.0 Kept")
        else:
            self.say("250 2.0.0 Kept")
        self.rcpt = None


# the kills

class Killer(threading.Thread):
    """One victim after another, at moments that are spread over the time, every second one within
    the first tenth of a second of a burst."""

    def __init__(self, box, rng, kills, seconds):
        super().__init__(daemon=True)
        self.box, self.rng = box, rng
        self.pauses = [rng.random() + 0.1 for _ in range(kills)]
        self.pauses = [p * seconds * 0.97 / sum(self.pauses) for p in self.pauses]
        self.done, self.error = {}, None
        self.stop = threading.Event()

    def victims(self):
        while True:
            some = list(VICTIMS)
            self.rng.shuffle(some)
            yield from some

    def run(self):
        try:
            begun = time.monotonic()
            for n, victim in enumerate(itertools.islice(self.victims(), len(self.pauses))):
                at = sum(self.pauses[:n + 1])
                if n % 2:
                    at = at // BURST_S * BURST_S + self.rng.random() * 0.1
                if self.stop.wait(max(0, begun + at - time.monotonic())):
                    return
                self.kill(victim)
        except (Failed, OSError, ValueError, subprocess.SubprocessError) as e:
            self.error = e

    def kill(self, victim):
        name, _, worker = victim.partition(" ")
        if not wait_for(lambda: self.hit(name, worker), 30):
            raise Failed("there is no %s to be killed" % victim)
        self.done[victim] = self.done.get(victim, 0) + 1
        if victim == "supervisor":
            time.sleep(self.rng.random() * 0.5)
            self.box.start()

    def hit(self, name, worker):
        pid = self.find(name, worker)
        try:
            if pid:
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return bool(pid)

    def find(self, name, worker):
        if name == "supervisor":
            return self.box.supervisor()
        try:
            pid = self.box.noted().get(name)
            some = children(pid) if pid and worker else []
        except OSError:
            return None
        return self.rng.choice(some) if some else None if worker else pid


class Box(Sandbox):
    def noted(self):
        """{daemon: pid}, as the supervisor has noted them; no command is started for it."""
        alive = set(self._noted())
        with open(os.path.join(self.dir, "run", "supervisor", "pids")) as f:
            rows = [line.split() for line in f]
        return {r[0]: int(r[1]) for r in rows if len(r) == 3 and int(r[1]) in alive}


# all of it

async def under_load(load, killer, afterwards, sessions):
    clients = [asyncio.ensure_future(Client(load).run()) for _ in range(sessions)]
    load.begun = load.last = time.monotonic()
    killer.start()
    end = time.monotonic() + load.seconds + SETTLE_S
    while (killer.is_alive() or not load.is_done()) and time.monotonic() < end:
        await asyncio.sleep(0.2)
        for c in clients:
            if c.done() and c.exception():
                raise c.exception()
    killer.stop.set()
    for c in clients:
        c.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    await asyncio.get_running_loop().run_in_executor(None, killer.join, 90)
    await asyncio.get_running_loop().run_in_executor(None, afterwards)


class Proof:
    """What has become of all that was accepted."""

    def __init__(self, tap, box, load):
        self.tap, self.box, self.load = tap, box, load
        self.lost = self.uncertain = self.resent = self.unexplained = 0

    def settled(self):
        def empty():
            return self.box.json("queue", "show", timeout=60)[0]["open"] == 0
        try:
            return wait_for(empty, SETTLE_S, 0.5)
        except (Failed, subprocess.TimeoutExpired):
            return False

    def check_lost(self):
        lost = [r for m in self.load.accepted for r in m.rcpts if not Receiver.copies.get(r)]
        self.lost = len(lost)
        self.tap.ok(not lost, "all that got a 250 was received", "%d: %s" % (len(lost), lost[:9]))
        self.tap.ok(not Receiver.wrong, "each with its own text", Receiver.wrong[:9])

    def check_doubles(self):
        bad = []
        for m in self.load.accepted:
            twice = [(r, Receiver.copies[r] - 1) for r in m.rcpts if Receiver.copies.get(r, 0) > 1]
            for rcpt, n in twice:
                more = max(0, n - m.unanswered)
                self.resent += n - more
                self.uncertain += more
                if more and more > self.uncertain_attempts(m, rcpt):
                    bad.append("%s (%s): %d" % (rcpt, m.ident, n + 1))
        self.unexplained = len(bad)
        self.tap.ok(not bad, "each second copy is explained", "\n".join(bad[:9]))
        total = len(self.load.accepted)
        doubles = self.uncertain + self.resent
        # a few kills at the wrong moment prove nothing against a rate
        self.tap.ok(doubles <= max(10, DUPLICATES_MAX * total), "at most 1 in 1,000 came twice",
                    "%d of %d" % (doubles, total))

    def uncertain_attempts(self, m, rcpt):
        events = self.box.trace(m.ident)
        copies = {e["copy"] for e in events if e.get("rcpt") == rcpt and "copy" in e}
        return sum(bool(e.get("uncertain")) for e in events if e.get("copy") in copies)

    def check_known(self):
        known = {m["id"]: m for m in self.box.json("message", "list", timeout=300)}
        bad = [m.ident for m in self.load.accepted if m.ident not in known or
               {c["state"] for c in known[m.ident]["copies"]} != {"delivered"}]
        self.tap.ok(not bad, "all are known, and delivered", "%d: %s" % (len(bad), bad[:9]))
        ids = [m.ident for m in self.load.accepted]
        self.tap.ok(len(set(ids)) == len(ids), "no queue id was given twice")

    def check_instance(self):
        self.tap.ok(wait_for(self.box.ready, 30), "all daemons are ready", self.box.status())
        left = [f for f in self.box.spool_files() if not f.startswith("kept/")]
        self.tap.ok(not left, "nothing is left in the spool", left[:9])
        code, out, err = self.box.command("verify", check=False, timeout=300)
        self.tap.ok(code == 0, "verify finds nothing", (out + err)[-2000:])
        bad = self.box.log_find(r"^\S+ \S+ (alert|emerg) ")
        self.tap.ok(not bad, "no daemon has found a bug", "\n".join(bad[:9]))

    def check(self):
        self.tap.ok(self.settled(), "the queue is empty in the end", self.box.command(
            "queue", "show", check=False)[1][-2000:])


async def play(tap, box, options, rng):
    server = await asyncio.get_running_loop().create_server(Receiver, sock=options.sock)
    load = Load(box, options.messages, options.seconds)
    killer = Killer(box, rng, options.kills, options.seconds)
    proof = Proof(tap, box, load)
    # the receiver goes on while the queue is emptied
    await under_load(load, killer, proof.check, options.sessions)
    server.close()
    return load, killer, proof


def report(tap, options, load, killer, proof, seconds):
    kills = sum(killer.done.values())
    tap.ok(not killer.error and kills == options.kills, "all kills took place",
           "%s: %d of %d" % (killer.error, kills, options.kills))
    tap.ok(load.is_done(), "all messages were accepted", "%d of %d; %s" % (
        len(load.accepted), load.count, load.failures))
    proof.check_lost()
    proof.check_doubles()
    proof.check_known()
    proof.check_instance()
    tap.note("what clients met: %s" % ", ".join("%s %d" % f for f in sorted(load.failures.items())))
    tap.note("total kills: %d kills (%s), %d accepted, %d lost, %d duplicates (%d uncertain, %d "
             "sent again by the client, %d unexplained), longest pause in accepting %.1f s, %.0f s" %
             (kills, ", ".join("%s %d" % k for k in sorted(killer.done.items())),
              len(load.accepted), proof.lost, proof.uncertain + proof.resent,
              proof.uncertain - proof.unexplained, proof.resent, proof.unexplained, load.pause,
              seconds))


def main():
    parser = argparse.ArgumentParser(description="kills at random moments under load")
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    tap, rng, begun = Tap(), random.Random(options.seed), time.monotonic()
    tap.note("seed %d" % options.seed)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    options.sock = socket.create_server(("127.0.0.1", 0), backlog=512)
    box = Box(mx={DOMAIN: "127.0.0.1:%d" % options.sock.getsockname()[1]}, settings=SETTINGS)
    try:
        box.command("credential", "create", "smtp-ip", "load", "--server", SERVER, "--network",
                    "127.0.0.0/8")
        load, killer, proof = asyncio.run(play(tap, box, options, rng))
        report(tap, options, load, killer, proof, time.monotonic() - begun)
    finally:
        box.keep = options.keep and tap.failed > 0
        if box.keep:
            tap.note("kept: %s" % box.base)
        box.close()
    tap.done()


if __name__ == "__main__":
    main()
