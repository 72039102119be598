"""What bench/run measures beside speed: flushes, a lone message's way, memory."""

import socket
import threading
import time

from machine import Flushes, Receiver, disk, free_port, load, median, pss, wait_for
from peers import Postfix, Posthaste

RCPT = "to@receiver.test"


def flushes(_):
    """Flushes of all daemons for each 250, and acceptance where each flush takes 2 ms more."""
    rows = []
    for sessions, delay_us in (20, 0), (100, 0), (100, 2000):
        with disk() as folder, Receiver() as receiver:
            shim = Flushes(folder, delay_us)
            peer = Posthaste(folder, receiver.port, environ=shim.environ())
            try:
                peer.pause()
                load(peer.port, peer.sender, RCPT, 500, sessions, 2048)
                before, messages = shim.count(), 10000
                took = load(peer.port, peer.sender, RCPT, messages, sessions, 2048)
                rows.append({"kind": "flushes", "sessions": sessions, "delay_us": delay_us,
                             "flushes_per_message": round((shim.count() - before) / messages, 3),
                             "per_second": round(messages / took)})
                print(rows[-1], flush=True)
            finally:
                peer.close()
    return rows


class Clock(threading.Thread):
    """A receiver that notes when it has answered each message."""

    def __init__(self):
        super().__init__(daemon=True)
        self.port, self.times = free_port(), []
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.start()

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        f = s.makefile("rb")
        s.sendall(b"220 receiver.test ESMTP\r\n")
        for line in f:
            verb = line[:4].upper()
            if verb == b"EHLO":
                s.sendall(b"250-receiver.test\r\n250 PIPELINING\r\n")
            elif verb == b"DATA":
                s.sendall(b"354 go\r\n")
                while f.readline() != b".\r\n":
                    pass
                self.times.append(time.monotonic())
                s.sendall(b"250 ok\r\n")
            elif verb == b"QUIT":
                s.sendall(b"221 bye\r\n")
                return
            else:
                s.sendall(b"250 ok\r\n")

    def close(self):
        self.listener.close()


def one_by_one(peer, clock, messages):
    """Medians in ms: from the final dot to 250, from 250 until the receiver has it."""
    s = socket.create_connection(("127.0.0.1", peer.port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    f = s.makefile("rb")

    def say(line):
        s.sendall(line)
        reply = f.readline()
        while reply[3:4] == b"-":
            reply = f.readline()
        if reply[:1] not in b"23":
            raise SystemExit("bench: %s: %r" % (peer.name, reply))
    f.readline()
    say(b"EHLO client.test\r\n")
    accepted, delivered = [], []
    for n in range(messages):
        say(b"MAIL FROM:<%s>\r\n" % peer.sender.encode())
        say(b"RCPT TO:<%s>\r\n" % RCPT.encode())
        say(b"DATA\r\n")
        s.sendall(b"From: <%s>\r\nTo: <%s>\r\nSubject: %d\r\n\r\n%s" %
                  (peer.sender.encode(), RCPT.encode(), n, b"x" * 70 + b"\r\n" * 30))
        count, begun = len(clock.times), time.monotonic()
        say(b".\r\n")
        ended = time.monotonic()
        if not wait_for(lambda: len(clock.times) > count, 10, 0.001):
            raise SystemExit("bench: %s does not deliver" % peer.name)
        accepted.append(1000 * (ended - begun))
        delivered.append(1000 * (clock.times[-1] - ended))
        time.sleep(0.02)
    s.close()
    return median(accepted[messages // 10:]), median(delivered[messages // 10:])


def lone(_):
    """A message that nothing else is beside."""
    row = {"kind": "lone"}
    for kind in Postfix, Posthaste:
        with disk() as folder:
            clock = Clock()
            peer = kind(folder, clock.port)
            try:
                accepted, delivered = one_by_one(peer, clock, 200)
            finally:
                peer.close()
                clock.close()
            row[peer.name] = {"dot_to_250_ms": round(accepted, 2),
                              "250_to_remote_ms": round(delivered, 2)}
    print(row, flush=True)
    return [row]


def memory(_):
    """PSS of all daemons: idle, with 1,000 open sessions, with 100,000 queued copies."""
    row = {"kind": "memory"}
    with disk() as folder, Receiver() as receiver:
        peer = Posthaste(folder, receiver.port)
        try:
            row["idle_mib"] = round(pss(peer.processes()), 1)
            held = [socket.create_connection(("127.0.0.1", peer.port)) for _ in range(1000)]
            for s in held:
                s.recv(512)
                s.sendall(b"EHLO client.test\r\n")
                s.recv(4096)
            row["sessions_1000_mib"] = round(pss(peer.processes()), 1)
            for s in held:
                s.close()
            peer.pause()
            load(peer.port, peer.sender, RCPT, 100000, 100, 512)
            wait_for(lambda: peer.sandbox.json("queue", "show")[0]["open"] == 100000, 60, 0.5)
            row["queued_100000_mib"] = round(pss(peer.processes()), 1)
            peer.sandbox.stop()
            begun = time.monotonic()
            peer.sandbox.start()
            row["start_s"] = round(time.monotonic() - begun, 2)
            row["after_start_mib"] = round(pss(peer.processes()), 1)
            count, begun = receiver.count, time.monotonic()
            peer.resume()
            if not receiver.wait_count(count + 100000, 300):
                raise SystemExit("bench: not drained")
            row["drain_per_second"] = round(100000 / (time.monotonic() - begun))
        finally:
            peer.close()
    print(row, flush=True)
    return [row]


def send_all(peer, rcpts, sessions):
    """One message to each address, pipelined, by so many sessions."""
    def send(part):
        s = socket.create_connection(("127.0.0.1", peer.port))
        f = s.makefile("rb")
        f.readline()
        s.sendall(b"EHLO client.test\r\n")
        while f.readline()[3:4] == b"-":
            pass
        sender, body = peer.sender.encode(), b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 27
        for rcpt in part:
            s.sendall(b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n" % (sender, rcpt))
            if [f.readline()[:3] for _ in range(3)] != [b"250", b"250", b"354"]:
                failed.append("refused")
                return
            s.sendall(b"From: <%s>\r\nTo: <%s>\r\nSubject: flat\r\n\r\n%s.\r\n" %
                      (sender, rcpt, body))
            if f.readline()[:3] != b"250":
                failed.append("not accepted")
                return
        s.close()
    failed = []
    threads = [threading.Thread(target=send, args=(rcpts[i::sessions],)) for i in range(sessions)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise SystemExit("bench: %s: %s" % (peer.name, failed[0]))


def flat(_):
    """CPU of a relayed message with 1 and with 10,000 recipient domains, in turns."""
    found, messages = {1: [], 10000: []}, 10000
    for _ in range(3):
        for domains, costs in found.items():
            with disk() as folder, Receiver() as receiver:
                peer = Posthaste(folder, receiver.port)
                try:
                    rcpts = [b"to@d%d.test" % (i % domains) for i in range(messages)]
                    send_all(peer, rcpts[:500], 20)
                    receiver.wait_count(500, 60)
                    cpu = peer.cpu()
                    send_all(peer, rcpts, 20)
                    if not receiver.wait_count(500 + messages, 120):
                        raise SystemExit("bench: not delivered")
                    costs.append(1e6 * (peer.cpu() - cpu) / messages)
                finally:
                    peer.close()
    row = {"kind": "flat", "cpu_us_1_domain": round(median(found[1])),
           "cpu_us_10000_domains": round(median(found[10000])),
           "ratio": round(median(found[10000]) / median(found[1]), 2)}
    print(row, flush=True)
    return [row]


def drain(_):
    """20,000 messages that wait: how fast they go, beside Postfix."""
    row, messages = {"kind": "drain"}, 20000
    for kind in Postfix, Posthaste:
        with disk() as folder, Receiver() as receiver:
            peer = kind(folder, receiver.port)
            try:
                peer.pause()
                load(peer.port, peer.sender, RCPT, messages, 100, 2048)
                begun = time.monotonic()
                peer.resume()
                if not receiver.wait_count(messages, 200):
                    raise SystemExit("bench: %s: not drained" % peer.name)
                row[peer.name] = round(messages / (time.monotonic() - begun))
            finally:
                peer.close()
    row["ratio"] = round(row["posthaste"] / row["postfix"], 2)
    print(row, flush=True)
    return [row]


KINDS = {"drain": drain, "flat": flat, "flushes": flushes, "lone": lone, "memory": memory}
