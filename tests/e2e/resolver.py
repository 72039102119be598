#!/usr/bin/python3
"""posthaste-resolver from outside: dns.zone, forwarding, deadlines, limits, reloading.

    resolver.py [--bin build/bin]

The name server it forwards to is a thread here.  The root key is hidden from the daemon, in a mount
namespace of its own, where a test needs unsigned answers.
"""

import argparse
import contextlib
import os
import socket
import sys
import threading
import time

import dns.message
import dns.rcode
import dns.rrset

from doors import Failed, Instance, Packet, run, span, u8, u16, u64

OK, NODATA, NXDOMAIN, FAILED, NOT_HERE = range(5)
A, NS, CNAME, PTR, MX, TXT, AAAA, TLSA = 1, 2, 5, 12, 15, 16, 28, 52

ROOT_KEY = "/usr/share/dns/root.key"
ZONE = """; records of the sandbox
one.test. 60 IN MX 10 mx.one.test.
one.test 60 IN MX 20 b.mx.one.test   ; two servers
mx.one.test 30 IN A 127.0.0.1
mx.one.test 90 IN A 127.0.0.2
mx.one.test 60 IN AAAA ::1
a.b.one.test 60 IN A 127.0.0.3
s._domainkey.one.test 60 IN TXT "v=DKIM1; k=rsa; " "p=abc; x"
_25._tcp.mx.one.test 60 IN TLSA 3 1 1 00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
null.test 60 IN MX 0 .
alias.test 20 IN CNAME mx.one.test
alias2.test 60 IN CNAME alias.test
loop1.test 60 IN CNAME loop2.test
loop2.test 60 IN CNAME loop1.test
away.test 60 IN CNAME nowhere.example.net
*.wild.test 60 IN MX 5 mx.one.test
*.wild.test 60 IN A 127.0.0.9
x.deep.wild.test 60 IN A 127.0.0.8
1.0.0.127.in-addr.arpa 60 IN PTR mx.one.test
UPPER.Test 60 IN A 127.0.0.7
"""


def wire(name):
    return b"".join(bytes([len(x)]) + x.encode() for x in name.split(".") if x) + b"\0"


def ask(s, name, kind, request=1):
    s.send(u8(1) + u8(40) + u64(request) + u16(kind) + span(name.encode()))


def answer(s):
    p = Packet(s.recv(65536))
    assert p.number == 41
    request, status, secure, ttl = p.int(8), p.int(1), p.int(1), p.int(4)
    why, records = p.span().decode(), p.spans()
    p.end()
    assert secure == 0 and (status == OK) == bool(records) == (not why), (status, why, records)
    return request, status, ttl, why, sorted(records)


def resolve(i, name, kind):
    with i.connect("run/resolver/resolve") as s:
        ask(s, name, kind)
        return answer(s)[1:]


def without_root_key():
    """A command that hides the root key from what it starts."""
    if not os.path.exists(ROOT_KEY):
        return ()
    root = os.getuid() == 0
    user = "setpriv --reuid 65534 --regid 65534 --clear-groups" if root else \
        "unshare -U --map-user=%d --map-group=%d" % (os.getuid(), os.getgid())
    return ("unshare", "-m" if root else "-Urm", "sh", "-c",
            "mount --bind /dev/null %s && exec %s \"$0\"" % (ROOT_KEY, user))


@contextlib.contextmanager
def resolver(args, mode, zone=None, conf="", start=True, key=False):
    i = Instance(os.path.join(args.bin, "posthaste-resolver"), "log.level = debug\n"
                 "dns.mode = %s\n%s%s" % (mode, "dns.zone = zone\n" if zone else "", conf))
    try:
        if zone:
            i.write("zone", zone)
        i.mkdir("run/resolver")
        if start:
            i.start(prefix=() if key else without_root_key())
        yield i
    finally:
        i.close()


class Server(threading.Thread):
    """A name server: {(name, type): rrset text or rcode}; what is missing is never answered."""

    def __init__(self, table):
        super().__init__(daemon=True)
        self.table, self.seen = table, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            data, peer = self.socket.recvfrom(4096)
            q = dns.message.from_wire(data)
            name = q.question[0].name.to_text().lower()
            kind = q.question[0].rdtype
            self.seen.append((name, int(kind)))
            got = self.table.get((name, int(kind)))
            if got is None and "silent" in name:
                continue
            r = dns.message.make_response(q)
            if isinstance(got, str):
                for line in got.split("\n"):
                    owner, text = line.split(" ", 1)
                    r.answer.append(dns.rrset.from_text(owner, 60, "IN", *text.split(" ", 1)))
            elif got is not None:
                r.set_rcode(got)
            self.socket.sendto(r.to_wire(), peer)


def the_zone_file_answers(args):
    with resolver(args, "local", ZONE) as i:
        mx = [b"\0\x0a" + wire("mx.one.test"), b"\0\x14" + wire("b.mx.one.test")]
        v4 = [bytes([127, 0, 0, 1]), bytes([127, 0, 0, 2])]
        key = b"\x10v=DKIM1; k=rsa; \x08p=abc; x"
        for name, kind, want in (
                ("one.test", MX, (OK, 60, "", mx)),
                ("ONE.test.", MX, (OK, 60, "", mx)),
                ("mx.one.test", A, (OK, None, "", v4)),
                ("mx.one.test", AAAA, (OK, 60, "", [b"\0" * 15 + b"\1"])),
                ("s._domainkey.one.test", TXT, (OK, 60, "", [key])),
                ("_25._tcp.mx.one.test", TLSA, (OK, 60, "", [b"\3\1\1" + b"\0\xff" * 16])),
                ("null.test", MX, (OK, 60, "", [b"\0\0\0"])),
                ("1.0.0.127.in-addr.arpa", PTR, (OK, 60, "", [wire("mx.one.test")])),
                ("upper.test", A, (OK, 60, "", [bytes([127, 0, 0, 7])])),
                ("alias.test", A, (OK, 20, "", v4)),
                ("alias2.test", A, (OK, 20, "", v4)),
                ("alias2.test", CNAME, (OK, 60, "", [wire("alias.test")])),
                ("any.wild.test", MX, (OK, 60, "", [b"\0\5" + wire("mx.one.test")])),
                ("any.more.wild.test", A, (OK, 60, "", [bytes([127, 0, 0, 9])])),
                ("x.deep.wild.test", A, (OK, 60, "", [bytes([127, 0, 0, 8])])),
        ):
            got = resolve(i, name, kind)
            assert got[0] == want[0] and got[2:] == want[2:], (name, kind, got)
            assert want[1] is None or got[1] == want[1], (name, kind, got)
        for name, kind, status in (
                ("one.test", A, NODATA), ("mx.one.test", MX, NODATA), ("alias.test", MX, NODATA),
                ("b.one.test", A, NODATA), ("_tcp.mx.one.test", TLSA, NODATA),
                ("any.wild.test", TXT, NODATA),
                ("no.one.test", A, NXDOMAIN), ("_dmarc.one.test", TXT, NXDOMAIN),
                ("x.y.z.one.test", A, NXDOMAIN),
                ("y.deep.wild.test", A, NOT_HERE), ("test", A, NOT_HERE),
                ("two.test", MX, NOT_HERE), ("example.com", MX, NOT_HERE),
                ("localhost", A, NOT_HERE), ("away.test", A, NOT_HERE),
                ("wild.test", A, NOT_HERE),
                ("loop1.test", A, FAILED),
        ):
            got = resolve(i, name, kind)
            assert got[0] == status, (name, kind, got)
        assert "too many CNAMEs" in resolve(i, "loop1.test", A)[2]
        for name, kind in (("one.test", 255), ("one.test", 0), ("one.test", 252), ("a b", A),
                           ("", A), ("a..b", A)):
            got = resolve(i, name, kind)
            assert got[0] == FAILED and ("not asked for" in got[2] or "not a name" in got[2]), got
        i.stop()


def a_mistake_in_the_zone_file_has_a_line(args):
    for bad, want in (("one.test 60 IN MX ten mx.test\n", "zone:2: no record"),
                      ("one.test 60 IN NONSENSE x\n", "zone:2: no record"),
                      ("one..test 60 IN A 1.2.3.4\n", "zone:2: "),
                      ("  60 IN A 1.2.3.4\n", "zone:2: a line begins with the name"),
                      ("$ORIGIN x.test\n", "zone:2: ")):
        with resolver(args, "local", "ok.test 60 IN A 1.2.3.4\n" + bad, start=False) as i:
            line = i.start("fatal")
            assert want in line and "a record is: name TTL" in line, line
            assert i.process.wait(10) == 78
    for mode in ("forward", "forward nobody", "forward 1.2.3.4@x", "forward 1.2.3.4@70000",
                 "nonsense"):
        with resolver(args, mode, start=False) as i:
            line = i.start("fatal")
            assert "resolv.conf, iterate" in line or "dns.mode = " in line, line
            assert i.process.wait(10) == 78


def a_reload_takes_the_new_zone_or_keeps_the_old(args):
    with resolver(args, "local", ZONE) as i:
        i.write("zone", "new.test 60 IN A 1.2.3.4\n")
        i.hup()
        i.wait_log("dns-loaded")
        assert resolve(i, "new.test", A)[0] == OK and resolve(i, "one.test", MX)[0] == NOT_HERE
        i.write("zone", "new.test 60 IN\n")
        i.hup()
        i.wait_log("dns-refused")
        assert resolve(i, "new.test", A)[0] == OK
        i.stop()


def local_mode_opens_no_socket(args):
    with resolver(args, "local", ZONE) as i:
        for name in ("one.test", "example.com", "x.one.test", "away.test", "any.wild.test"):
            for kind in (A, AAAA, MX, TXT):
                resolve(i, name, kind)
        sockets = set()
        for fd in os.listdir("/proc/%d/fd" % i.process.pid):
            with contextlib.suppress(FileNotFoundError):  # an asker's, closed just now
                sockets.add(os.readlink("/proc/%d/fd/%s" % (i.process.pid, fd)))
        for table in ("udp", "udp6", "tcp", "tcp6"):
            with open("/proc/net/" + table) as f:
                for line in f.read().splitlines()[1:]:
                    assert "socket:[%s]" % line.split()[9] not in sockets, line
        i.stop()


def a_forwarder_is_asked(args):
    server = Server({
        ("mx.example.com.", A): "mx.example.com. A 192.0.2.1",
        ("example.com.", MX): "example.com. MX 10 mx.example.com.",
        ("c.example.com.", A): "c.example.com. CNAME mx.example.com.\n"
                               "mx.example.com. A 192.0.2.1",
        ("nx.example.com.", A): dns.rcode.NXDOMAIN,
        ("broken.example.com.", A): dns.rcode.SERVFAIL,
        ("refused.example.com.", A): dns.rcode.REFUSED,
        ("big.example.com.", TXT): "big.example.com. TXT " + " ".join(['"%s"' % ("x" * 250)] * 3),
        ("private.test.", A): "private.test. A 10.0.0.1",
        ("nowhere.example.net.", A): "nowhere.example.net. A 192.0.2.7",
        ("1.0.0.10.in-addr.arpa.", PTR): "1.0.0.10.in-addr.arpa. PTR in.example.com.",
    })
    with resolver(args, "forward 127.0.0.1@%d" % server.port, ZONE) as i:
        for name, kind, status, records in (
                ("example.com", MX, OK, [b"\0\x0a" + wire("mx.example.com")]),
                ("mx.example.com", A, OK, [bytes([192, 0, 2, 1])]),
                ("c.example.com", A, OK, [bytes([192, 0, 2, 1])]),
                ("c.example.com", A, OK, [bytes([192, 0, 2, 1])]),
                ("mx.example.com", MX, NODATA, []),
                ("nx.example.com", A, NXDOMAIN, []),
                ("broken.example.com", A, FAILED, []),
                ("refused.example.com", A, FAILED, []),
                ("big.example.com", TXT, FAILED, []),
                ("private.test", A, OK, [bytes([10, 0, 0, 1])]),
                ("1.0.0.10.in-addr.arpa", PTR, OK, [wire("in.example.com")]),
                ("one.test", A, NODATA, []),
                ("any.wild.test", A, OK, [bytes([127, 0, 0, 9])]),
                ("away.test", A, OK, [bytes([192, 0, 2, 7])]),
        ):
            got = resolve(i, name, kind)
            assert got[0] == status and got[3] == records, (name, kind, got)
        assert not any(n in ("one.test.", "any.wild.test.") for n, _ in server.seen)
        i.stop()


def nothing_is_believed_of_broken_name_servers(args):
    """They say of every name that it does not exist: doubt, until they know the canary again."""
    names = {("nx%d.example.com." % n, A): dns.rcode.NXDOMAIN for n in range(4)}
    server = Server(names)
    server.table[(".", NS)] = dns.rcode.NXDOMAIN
    with resolver(args, "forward 127.0.0.1@%d" % server.port, ZONE) as i:
        for n in range(2):
            got = resolve(i, "nx%d.example.com" % n, A)
            assert got[0] == FAILED and "every name" in got[2], got
        assert (".", NS) in server.seen
        i.wait_log("dns-broken")
        server.table[(".", NS)] = dns.rcode.SERVFAIL
        assert resolve(i, "nx2.example.com", A)[0] == FAILED
        server.table[(".", NS)] = ". NS a.root-servers.net."
        for _ in range(200):  # libunbound remembers a failure for 5 seconds
            if resolve(i, "nx0.example.com", A)[0] == NXDOMAIN:
                break
            time.sleep(0.1)
        for n in range(4):
            assert resolve(i, "nx%d.example.com" % n, A)[0] == NXDOMAIN, n
        assert server.seen.count((".", NS)) < 50, server.seen
        i.stop()
    server.table[(".", NS)] = dns.rcode.NXDOMAIN
    with resolver(args, "forward 127.0.0.1@%d" % server.port, conf="dns.canary = none\n") as i:
        assert resolve(i, "nx0.example.com", A)[0] == NXDOMAIN
        i.stop()


def silence_ends_at_the_deadline(args):
    server = Server({("fast.example.com.", A): "fast.example.com. A 192.0.2.1"})
    with resolver(args, "forward 127.0.0.1@%d" % server.port, conf="dns.timeout = 2s\n") as i:
        begin = time.monotonic()
        with i.connect("run/resolver/resolve") as s, i.connect("run/resolver/resolve") as gone:
            for n in range(20):
                ask(s, "silent%d.example.com" % n, A, n)
                ask(gone, "silent%d.example.com" % (n + 50), A, n)
            gone.close()
            ask(s, "fast.example.com", A, 100)
            assert answer(s)[:2] == (100, OK)
            assert time.monotonic() - begin < 1.5
            i.hup()
            i.wait_log("dns-loaded")
            ask(s, "fast.example.com", A, 101)
            assert answer(s)[:2] == (101, OK)
            late = [answer(s) for n in range(20)]
            assert {a[0] for a in late} == set(range(20)), late
            assert all(a[1] == FAILED and "2000 ms" in a[3] for a in late), late
            assert 1.9 < time.monotonic() - begin < 4
        assert i.process.poll() is None
        with i.connect("run/resolver/resolve") as s:
            for n in range(20):  # running when it ends
                ask(s, "silent%d.example.com" % n, A, n)
            time.sleep(0.2)
            i.stop()


def too_many_questions_are_refused(args):
    server = Server({})
    with resolver(args, "forward 127.0.0.1@%d" % server.port, conf="dns.timeout = 3s\n") as i:
        with i.connect("run/resolver/resolve") as s:
            results = []
            for n in range(1300):
                ask(s, "silent%d.example.com" % n, A, n)
            for n in range(1300):
                results.append(answer(s))
            assert {r[0] for r in results} == set(range(1300))
            refused = [r for r in results if "too many" in r[3]]
            assert len(refused) == 1300 - 1128, len(refused)
            assert all("3000 ms" in r[3] for r in results if r not in refused)
            ask(s, "quick.example.com", A, 7)
            assert answer(s)[:2] == (7, NODATA)
        i.stop()


def unsigned_answers_of_signed_zones_fail(args):
    if not os.path.exists(ROOT_KEY):
        return
    server = Server({("example.com.", A): "example.com. A 192.0.2.1"})
    with resolver(args, "forward 127.0.0.1@%d" % server.port, key=True) as i:
        status, _, why, records = resolve(i, "example.com", A)
        assert status == FAILED and records == [] and "validation failure" in why, why
        i.stop()


def junk_closes_only_its_connection(args):
    with resolver(args, "local", ZONE) as i:
        with i.connect("run/resolver/resolve") as good:
            for junk in (b"x", u8(1) + u8(40), u8(1) + u8(30) + b"\0" * 30):
                with i.connect("run/resolver/resolve") as s:
                    s.send(junk)
                    assert s.recv(100) == b""
            ask(good, "one.test", MX)
            assert answer(good)[1] == OK
        i.stop()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default="build/bin")
    args = ap.parse_args()
    return run([the_zone_file_answers, a_mistake_in_the_zone_file_has_a_line,
                a_reload_takes_the_new_zone_or_keeps_the_old, local_mode_opens_no_socket,
                a_forwarder_is_asked, nothing_is_believed_of_broken_name_servers,
                silence_ends_at_the_deadline,
                too_many_questions_are_refused, unsigned_answers_of_signed_zones_fail,
                junk_closes_only_its_connection], args)


if __name__ == "__main__":
    sys.exit(main())
