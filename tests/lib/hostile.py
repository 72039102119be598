"""What the tests with hostile servers share: a name server that may say anything, an instance that
delivers as in production, and what came of a message.

A zone is a list of (owner, type, rdata, ttl); "@" in an owner or target is the zone's domain:

    with NameServer({"a.test": zone(mx("@", 10, "mx.@"), a("mx.@", "11.0.1.1"))}) as dns

A domain's answer may also be a function of the Query: it gives one packet, several, or None for
silence.  Use it inside netns.enter().
"""

import os
import socket
import struct
import threading

from posthaste import Sandbox, wait_for

A, CNAME, MX, TXT, AAAA = 1, 5, 15, 16, 28
OK, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
RESPONSE, TRUNCATED = 0x8180, 0x0200
UDP_MAX = 1232

DNS_ADDRESS = "11.0.0.53"
SETTINGS = {"deliver.networks": "public", "deliver.port": 25, "dns.zone": "",
            "dns.mode": "forward %s" % DNS_ADDRESS, "queue.retry": "1h"}


# packets

def wire(name):
    """A name's octets; bytes are taken as they are."""
    if isinstance(name, bytes):
        return name
    return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".") if x) + b"\0"


def record(owner, kind, rdata, ttl=60):
    return wire(owner) + struct.pack("!HHIH", kind, 1, ttl, len(rdata)) + rdata


def a(owner, ip, ttl=60):
    return (owner, A, socket.inet_aton(ip), ttl)


def aaaa(owner, ip, ttl=60):
    return (owner, AAAA, socket.inet_pton(socket.AF_INET6, ip), ttl)


def cname(owner, target, ttl=60):
    return (owner, CNAME, target, ttl)


def mx(owner, preference, target, ttl=60):
    return (owner, MX, (preference, target), ttl)


class Query:
    """A question as it came: ident, name, kind, domain, question (its octets), tcp."""

    def __init__(self, data, tcp):
        self.data, self.tcp = data, tcp
        self.ident = struct.unpack("!H", data[:2])[0]
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1").lower())
            at += 1 + data[at]
        self.name = ".".join(labels)
        self.domain = ".".join(labels[-2:])
        self.kind = struct.unpack("!H", data[at + 1:at + 3])[0]
        self.question = data[12:at + 5]

    def reply(self, records=(), rcode=OK, flags=RESPONSE, count=None, question=None, ident=None):
        """An answer with these records (octets); what is not given is as it should be."""
        question = self.question if question is None else question
        return struct.pack("!HHHHHH", self.ident if ident is None else ident, flags | rcode, 1,
                           len(records) if count is None else count, 0, 0) + \
            question + b"".join(records)


def rdata(kind, value, at):
    if kind == CNAME:
        return wire(at(value))
    if kind == MX:
        return struct.pack("!H", value[0]) + wire(at(value[1]))
    return value


def zone(*records):
    """The honest answers of these records: truncated for UDP where they are too long."""
    def answer(query):
        def at(name):
            return name if isinstance(name, bytes) else name.replace("@", query.domain)
        names = [at(r[0]) for r in records]
        found = [record(query.question[:-4], kind, rdata(kind, value, at), ttl)
                 for name, (_, kind, value, ttl) in zip(names, records)
                 if name == query.name and kind in (query.kind, CNAME)]
        if query.name not in names:
            return query.reply(rcode=NXDOMAIN)
        whole = query.reply(found)
        if len(whole) > UDP_MAX and not query.tcp:
            return query.reply(flags=RESPONSE | TRUNCATED)
        return whole
    return answer


# the server

class NameServer:
    """Answers by UDP and TCP at DNS_ADDRESS: {domain of two labels: zone or function}.  A query is
    kept in seen before it is answered.  silent: nobody gets an answer; nothing: no
    name exists."""

    def __init__(self, answers):
        self.answers, self.seen, self.silent, self.nothing = answers, [], False, False
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((DNS_ADDRESS, 53))
        self.tcp = socket.create_server((DNS_ADDRESS, 53), backlog=64)
        self.threads = [threading.Thread(target=t, daemon=True)
                        for t in (self._serve_udp, self._serve_tcp)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def asked(self, domain, *kinds):
        """How many different questions of these types came for a domain."""
        return len({(q.name, q.kind) for q in self.seen if q.domain == domain and q.kind in kinds})

    def packets(self, data, tcp):
        query = Query(data, tcp)
        self.seen.append(query)
        if self.silent:
            return []
        answer = None if self.nothing else self.answers.get(query.domain)
        found = answer(query) if answer else query.reply(rcode=NXDOMAIN)
        return [] if found is None else [found] if isinstance(found, bytes) else found

    def _serve_udp(self):
        while True:
            try:
                data, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            for packet in self.packets(data, False):
                self.udp.sendto(packet, peer)

    def _serve_tcp(self):
        while True:
            try:
                sock, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._tcp_session, args=(sock,), daemon=True).start()

    def _tcp_session(self, sock):
        """Several questions may come; a packet is sent behind its length, Raw as it is."""
        with sock, sock.makefile("rb") as f:
            try:
                while len(size := f.read(2)) == 2:
                    data = f.read(struct.unpack("!H", size)[0])
                    packets = self.packets(data, True)
                    for p in packets:
                        sock.sendall(p if isinstance(p, Raw) else struct.pack("!H", len(p)) + p)
                    if not packets or isinstance(packets[-1], Raw):
                        return
            except OSError:
                pass


class Raw(bytes):
    """A packet for TCP that has its length before it already; the connection is closed after it."""


# the instance

class Instance(Sandbox):
    """A sandbox whose mail goes where the name server says, and its events as they come."""

    def __init__(self, settings=None, **more):
        self.last, self.seen = 0, {}
        super().__init__(settings=dict(SETTINGS, **(settings or {})), **more)

    def attempts(self, ident):
        """What came of the attempts of a message of one copy: its deferred, delivered and failed
        events, oldest first."""
        for e in self.json("events", "--after", self.last, "--limit", 100000):
            self.last = e["seq"]
            if e["event"] in ("deferred", "delivered", "failed"):
                self.seen.setdefault(e["message"], []).append(e)
        return self.seen.get(ident, [])

    def after_attempts(self, idents, number=1, timeout=60):
        """Waits until each message has had so many attempts; those that have not."""
        def missing():
            self.attempts("")
            return [i for i in idents if len(self.seen.get(i, [])) < number]
        wait_for(lambda: not missing(), timeout, 0.1)
        return missing()

    def submit_all(self, rcpts, **more):
        """One message for each recipient, in one session: {recipient: queue id}."""
        with self.session() as smtp:
            return {rcpt: self.submit(rcpt, session=smtp, **more) for rcpt in rcpts}

    def delivered(self, ident, timeout=30):
        wait_for(lambda: self.is_final(ident), timeout, 0.1)
        return self.state(ident) == ["delivered"]

    def worker_memory(self):
        """{pid: resident octets} of the delivery workers."""
        return {pid: resident(pid) for pid in self.workers("deliverd")}


def resident(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
