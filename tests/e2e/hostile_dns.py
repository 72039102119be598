#!/usr/bin/python3
"""Name servers that lie, break or are silent: a message fails only where DNS is certain, is
deferred where it is not, and is never taken to an address that is not public.

Each row of ROWS is a domain whose answers have one fault, and one message to it.  In this network
namespace every address is ours, and one receiving server listens at all of them: it sees whatever
is connected to that should not be.
"""

import os
import re
import signal
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import netns  # noqa: E402
from hostile import (A, AAAA, FORMERR, MX, NOTIMP, REFUSED, RESPONSE, SERVFAIL,  # noqa: E402
                     TRUNCATED, TXT, Instance, NameServer, Raw, a, aaaa, cname, mx, record,
                     wire, zone)
from posthaste import Failed, Peer, Tap, wait_for  # noqa: E402
from scripted import check, equal, must_come  # noqa: E402

SETTINGS = {"dns.timeout": "6s", "smtpd.workers": 1, "deliver.idle": "0s"}
GOOD, OTHER = "11.0.1.1", "11.0.1.2"
GOOD6 = "2a00:1:1::1"
OPERATORS = "127.0.0.9"  # not public, but in deliver.mx
TAKING = {GOOD, OTHER, GOOD6, OPERATORS}
BUSY = ["11.0.4.%d" % i for i in range(1, 51)]
HOSTS_MAX, ADDRESSES_MAX = 10, 10

DELIVERED, DEFERRED, FAILED = "delivered", "deferred", "failed"
UNCERTAIN_DNS = {"state": DEFERRED, "status": "4.4.3"}
REFUSED_ADDRESS = {"state": FAILED, "status": "5.4.6", "text": "not on the public Internet"}


class Row:
    """A domain, and what must come of a message to it: the state, the status, a pattern for the
    text, and where it is delivered.  late: asked for after the others, because it is waited for,
    or because it ends TCP connections that others share."""

    def __init__(self, name, answer, state=DELIVERED, status="", text="", to=GOOD, rcpt=None,
                 late=False, questions=None):
        self.name, self.answer, self.state, self.status = name, answer, state, status
        self.text, self.to, self.late, self.questions = text, to, late, questions
        self.rcpt, self.message = rcpt, None

    def place(self, number):
        self.domain = "d%d.test" % number
        self.rcpt = self.rcpt or "to@" + self.domain

    def judge(self, s, peer, dns):
        (event,) = s.attempts(self.message)
        equal(event["event"], self.state, event["text"])
        if self.state == DELIVERED:
            equal(event["ip"], self.to)
        else:
            equal(event["status"], self.status, event["text"])
            check(re.search(self.text, event["text"]), "text", event["text"])
        equal(peer.copies(self.message.ref), int(self.state == DELIVERED), "copies:")
        if self.questions:
            check(dns.asked(self.domain, A, AAAA) <= self.questions, "questions",
                  dns.asked(self.domain, A, AAAA))


# answers

HONEST = zone(mx("@", 10, "mx.@"), a("mx.@", GOOD))


def at_mx(fault):
    """Honest but for the question for MX."""
    return lambda query: fault(query) if query.kind == MX else HONEST(query)


def good_mx(query, kind=MX, ttl=60):
    return record(query.question[:-4], kind, struct.pack("!H", 10) + wire("mx." + query.domain),
                  ttl)


def with_rdata(rdata):
    return at_mx(lambda q: q.reply([record(q.question[:-4], MX, rdata)]))


def pointer_to_itself(query):
    return struct.pack("!H", 0xc000 | 12 + len(query.question))


def owner_is(pointer):
    return at_mx(lambda q: q.reply([pointer(q) + good_mx(q)[len(q.question) - 4:]]))


def rcode(code):
    return lambda query: query.reply(rcode=code)


def many_hosts(count, ip=None, long=""):
    hosts = ["h%d%s.@" % (i, long) for i in range(count)]
    return zone(*[mx("@", i + 1, h) for i, h in enumerate(hosts)],
                *[a(h, ip) for h in hosts if ip])


def truncated_then(by_tcp):
    return at_mx(lambda q: by_tcp(q) if q.tcp else q.reply(flags=RESPONSE | TRUNCATED))


def poison(query):
    """Answers what nobody asked for, too."""
    more = [record("victim.test", MX, struct.pack("!H", 1) + wire("evil.victim.test")),
            record("mx.victim.test", A, bytes([11, 0, 6, 6]))]
    packet = query.reply([good_mx(query)] + more)
    return packet[:6] + struct.pack("!HHH", 3, 0, 2) + packet[12:] + b"".join(more)


def name_of(octets):
    """A target of one odd label and the domain test."""
    return bytes([len(octets)]) + octets + wire("test")


def fails_for(kind, *records, code=SERVFAIL):
    """These records, but the question for this type fails."""
    honest = zone(*records)
    return lambda query: query.reply(rcode=code) if query.kind == kind else honest(query)


LONG_CHAIN = [cname("@", "c0.@")] + [cname("c%d.@" % i, "c%d.@" % (i + 1)) for i in range(40)]

ROWS = [
    # what is certain
    Row("an honest domain", HONEST),
    Row("null MX", zone(mx("@", 0, ".")), FAILED, "5.1.10", "does not accept mail"),
    Row("null MX with a preference", zone(mx("@", 10, ".")), FAILED, "5.1.10"),
    Row("null MX beside another", zone(mx("@", 0, "."), mx("@", 10, "mx.@"), a("mx.@", GOOD))),
    Row("no MX but an address", zone(a("@", GOOD))),
    Row("no MX but an IPv6 address", zone(aaaa("@", GOOD6)), to=GOOD6),
    Row("neither MX nor address", zone(("@", TXT, b"\1x", 60)), FAILED, "5.4.4"),
    Row("NXDOMAIN", zone(), FAILED, "5.1.2", "does not exist"),
    Row("answers without any record", lambda q: q.reply(), FAILED, "5.4.4"),
    # aliases
    Row("CNAME to a domain with MX", zone(cname("@", "r.@"), mx("r.@", 10, "m.@"), a("m.@", GOOD))),
    Row("MX to a CNAME", zone(mx("@", 10, "c.@"), cname("c.@", "m.@"), a("m.@", GOOD))),
    Row("CNAME to nowhere", zone(cname("@", "no.@")), FAILED, "5.1.2"),
    Row("a loop of CNAMEs", zone(cname("@", "x.@"), cname("x.@", "@")), **UNCERTAIN_DNS),
    Row("a CNAME to itself", zone(cname("@", "@")), **UNCERTAIN_DNS),
    Row("forty CNAMEs one after another", zone(*LONG_CHAIN), **UNCERTAIN_DNS),
    Row("MX to a loop of CNAMEs", zone(
        mx("@", 10, "x.@"), cname("x.@", "y.@"), cname("y.@", "x.@")), **UNCERTAIN_DNS),
    # many
    Row("500 MX, all with an address", many_hosts(500, GOOD), questions=2 * HOSTS_MAX),
    Row("500 MX, none with an address", many_hosts(500), DEFERRED, "4.4.4",
        questions=2 * HOSTS_MAX),
    Row("64 kB by TCP", many_hosts(320, GOOD, "x" * 55 + ".y" + "z" * 55 + ".w" + "v" * 45)),
    Row("fifty addresses", zone(mx("@", 10, "m.@"), *[a("m.@", ip) for ip in BUSY]), DEFERRED,
        "4.3.2", "busy"),
    # TTL
    Row("TTL 0", zone(mx("@", 10, "m.@", 0), a("m.@", GOOD, 0))),
    Row("TTL 2^31", zone(mx("@", 10, "m.@", 1 << 31), a("m.@", GOOD, 1 << 31))),
    Row("TTL 2^32-1", zone(mx("@", 10, "m.@", (1 << 32) - 1), a("m.@", GOOD, (1 << 32) - 1))),
    # failures
    Row("SERVFAIL", rcode(SERVFAIL), **UNCERTAIN_DNS),
    Row("REFUSED", rcode(REFUSED), **UNCERTAIN_DNS),
    Row("FORMERR", rcode(FORMERR), **UNCERTAIN_DNS),
    Row("NOTIMP", rcode(NOTIMP), **UNCERTAIN_DNS),
    Row("an unknown rcode", rcode(12), **UNCERTAIN_DNS),
    Row("SERVFAIL for A, no AAAA", fails_for(A, mx("@", 10, "m.@"), a("m.@", GOOD)),
        **UNCERTAIN_DNS),
    Row("SERVFAIL for AAAA, an A", fails_for(AAAA, mx("@", 10, "m.@"), a("m.@", GOOD))),
    Row("SERVFAIL for MX, an address", fails_for(MX, a("@", GOOD)), **UNCERTAIN_DNS),
    Row("NXDOMAIN for the MX host", zone(mx("@", 10, "no.@")), DEFERRED, "4.4.4"),
    Row("the first MX host does not exist", zone(mx("@", 10, "no.@"), mx("@", 20, "m.@"),
                                                 a("m.@", GOOD))),
    # packets that answer something else
    Row("wrong id", at_mx(lambda q: q.reply([good_mx(q)], ident=q.ident ^ 1)), late=True,
        **UNCERTAIN_DNS),
    Row("two hundred wrong ids, then the right one", at_mx(lambda q: [
        q.reply([good_mx(q)], ident=(q.ident + i) % 65536) for i in range(200, -1, -1)])),
    Row("wrong question", at_mx(lambda q: q.reply(
        [good_mx(q)], question=wire("other.test") + q.question[-4:])), late=True,
        **UNCERTAIN_DNS),
    Row("wrong type in the question", at_mx(lambda q: q.reply(
        [good_mx(q)], question=q.question[:-4] + struct.pack("!HH", A, 1))), late=True,
        **UNCERTAIN_DNS),
    Row("the question as the answer", at_mx(lambda q: q.data), late=True, **UNCERTAIN_DNS),
    Row("records that were not asked for", at_mx(poison)),
    Row("an MX of another class alone", at_mx(lambda q: q.reply(
        [good_mx(q)[:len(q.question) - 2] + b"\0\3" + good_mx(q)[len(q.question):]])), FAILED,
        "5.4.4"),
    # packets that are none
    Row("an empty packet", at_mx(lambda q: b""), late=True, **UNCERTAIN_DNS),
    Row("the header alone", at_mx(lambda q: q.reply(question=b"")), late=True, **UNCERTAIN_DNS),
    Row("a name that points at itself", owner_is(pointer_to_itself), **UNCERTAIN_DNS),
    Row("a name that points out of the packet", owner_is(lambda q: b"\xff\xff"), **UNCERTAIN_DNS),
    Row("a name of 300 octets", owner_is(lambda q: (b"\x3f" + b"x" * 63) * 5 + b"\0"),
        **UNCERTAIN_DNS),
    Row("an unknown kind of label", owner_is(lambda q: b"\x80x\0"), **UNCERTAIN_DNS),
    Row("more records counted than there are", at_mx(lambda q: q.reply([good_mx(q)], count=9)),
        **UNCERTAIN_DNS),
    Row("record data longer than the packet", at_mx(
        lambda q: q.reply([good_mx(q)[:len(q.question) + 4] + b"\xff\xff\0\1"])), **UNCERTAIN_DNS),
    Row("an MX without data", with_rdata(b""), **UNCERTAIN_DNS),
    Row("an MX of one octet", with_rdata(b"\0"), **UNCERTAIN_DNS),
    Row("an MX without a name", with_rdata(b"\0\1"), **UNCERTAIN_DNS),
    Row("an MX whose name does not end", with_rdata(b"\0\1\3abc"), **UNCERTAIN_DNS),
    Row("an MX with octets behind its name", with_rdata(b"\0\1\0junk"), **UNCERTAIN_DNS),
    # odd names
    Row("a dot in a label", zone(mx("@", 10, name_of(b"a.b"))), DEFERRED, "4.4.4", "malformed"),
    Row("NUL in a label", zone(mx("@", 10, name_of(b"a\0b"))), DEFERRED, "4.4.4", "malformed"),
    Row("CR LF in a label", zone(mx("@", 10, name_of(b"a\r\nb"))), DEFERRED, "4.4.4",
        "malformed"),
    Row("a dot in a label, and another MX", zone(mx("@", 10, name_of(b"a.b")), mx("@", 20, "m.@"),
                                                 a("m.@", GOOD))),
    Row("an address for a name", zone(mx("@", 10, "127.0.0.1")), DEFERRED, "4.4.4"),
    # TCP
    Row("truncated, and no answer by TCP", truncated_then(lambda q: []), late=True,
        **UNCERTAIN_DNS),
    Row("truncated, and half an answer by TCP", truncated_then(
        lambda q: Raw(b"\2\0" + q.reply([good_mx(q)]))), late=True, **UNCERTAIN_DNS),
    Row("truncated, also by TCP", truncated_then(lambda q: q.reply(flags=RESPONSE | TRUNCATED)),
        **UNCERTAIN_DNS),
    Row("truncated, an answer by TCP", truncated_then(lambda q: q.reply([good_mx(q)]))),
    # silence
    Row("silence", lambda q: None, late=True, **UNCERTAIN_DNS),
    Row("silence for A and AAAA", lambda q: HONEST(q) if q.kind == MX else None, late=True,
        **UNCERTAIN_DNS),
    Row("silence for AAAA alone", lambda q: None if q.kind == AAAA else HONEST(q), late=True),
    # ourselves
    Row("MX is our own name", zone(mx("@", 10, "mail.sandbox.test")), FAILED, "5.4.6",
        "loops back"),
    Row("MX is our own name, others are worse", zone(
        mx("@", 10, "mail.sandbox.test"), mx("@", 20, "m.@"), a("m.@", GOOD)), FAILED, "5.4.6",
        "loops back"),
    Row("MX is our own name, others are better", zone(
        mx("@", 10, "m.@"), mx("@", 20, "mail.sandbox.test"), a("m.@", GOOD))),
    Row("MX has our own address", zone(mx("@", 10, "m.@"), a("m.@", netns.OWN)), FAILED, "5.4.6",
        "loops back"),
    Row("MX has our own address, others are worse", zone(
        mx("@", 10, "m.@"), a("m.@", netns.OWN), mx("@", 20, "n.@"), a("n.@", GOOD)), FAILED,
        "5.4.6", "loops back"),
    Row("MX has our own address, others are better", zone(
        mx("@", 10, "n.@"), a("n.@", GOOD), mx("@", 20, "m.@"), a("m.@", netns.OWN))),
    # addresses
    Row("MX is localhost", zone(mx("@", 10, "localhost")), **REFUSED_ADDRESS),
    Row("one address is private, another is not", zone(
        mx("@", 10, "m.@"), a("m.@", "10.0.0.1"), a("m.@", GOOD))),
    Row("the better MX is private", zone(mx("@", 10, "p.@"), a("p.@", "192.168.1.1"),
                                         mx("@", 20, "m.@"), a("m.@", GOOD))),
    Row("no MX and a private address", zone(a("@", "10.0.0.1")), **REFUSED_ADDRESS),
    Row("a private address, and doubt", fails_for(AAAA, mx("@", 10, "m.@"), a("m.@", "10.0.0.1")),
        **UNCERTAIN_DNS),
    Row("a private address in deliver.mx", None, rcpt="to@operators.test", to=OPERATORS),
    Row("a literal of loopback", None, rcpt="to@[127.0.0.1]", **REFUSED_ADDRESS),
    Row("a literal of IPv6 loopback", None, rcpt="to@[IPv6:::1]", **REFUSED_ADDRESS),
    Row("a literal of mapped loopback", None, rcpt="to@[IPv6:::ffff:127.0.0.1]",
        **REFUSED_ADDRESS),
]

for ip in ("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.1.1",
           "169.254.169.254", "172.16.0.1", "192.168.0.1", "198.18.0.1", "224.0.0.1",
           "255.255.255.255"):
    ROWS.append(Row("MX to " + ip, zone(mx("@", 10, "m.@"), a("m.@", ip)), **REFUSED_ADDRESS))
for ip in ("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
           "64:ff9b:1::7f00:1", "2001:db8::1", "2002:7f00:1::1", "fc00::1", "fe80::1", "fec0::1",
           "ff02::1"):
    ROWS.append(Row("MX to " + ip, zone(mx("@", 10, "m.@"), aaaa("m.@", ip)), **REFUSED_ADDRESS))

for number, row in enumerate(ROWS, 1):
    row.place(number)

EQUAL = zone(mx("@", 10, "m.@"), mx("@", 10, "n.@"), a("m.@", GOOD), a("n.@", OTHER))


class Everywhere:
    """The script of the server at all addresses: takes mail at a few, notes who comes elsewhere."""

    def __init__(self):
        self.seen = []

    def __call__(self, stage, session):
        if stage != "connect":
            return None
        ip = session.sock.getsockname()[0].replace("::ffff:", "")
        self.seen.append(ip)
        return None if ip in TAKING else "421 4.3.2 busy"


# tests

def submit(s, rows):
    with s.session() as smtp:
        for row in rows:
            row.message = s.submit(row.rcpt, session=smtp)


def good_mail_arrives(s, domains):
    for ident in s.submit_all("to@" + d for d in domains).values():
        check(s.delivered(ident), s.trace(ident))


def at_most_ten_addresses_are_tried(s, seen):
    tried = [ip for ip in seen if ip in BUSY]
    equal((len(tried), len(set(tried))), (ADDRESSES_MAX, ADDRESSES_MAX), "connections:")


def nobody_comes_where_nobody_may(s, seen):
    equal([ip for ip in seen if ip not in TAKING and ip not in BUSY], [])


def a_null_mx_is_not_asked_for_addresses(s, dns):
    equal(dns.asked(ROW["null MX"].domain, A, AAAA), 0)


def another_domain_is_not_poisoned(s):
    ident = s.submit("to@victim.test")
    check(s.delivered(ident), s.trace(ident))
    equal(s.attempts(ident)[0]["ip"], GOOD)


def equal_ones_share(s):
    sent = s.submit_all("e%d@equal.test" % i for i in range(30)).values()
    equal(s.after_attempts(sent), [])
    equal({s.attempts(ident)[0]["ip"] for ident in sent}, {GOOD, OTHER})


def deferred_by_dns(s, sent):
    equal(s.after_attempts(sent), [])
    for ident in sent:
        (event,) = s.attempts(ident)
        equal((event["event"], event["status"], event["stage"]), (DEFERRED, "4.4.3", "resolve"))


def delivered_when_tried_again(s, sent):
    """The resolver asks a server that was silent the less often the longer it was: after two
    minutes at the latest."""
    def again():
        s.command("queue", "retry", "--all", check=False)
        return all(s.state(ident) == ["delivered"] for ident in sent)
    must_come("delivery of %s" % sent, lambda: wait_for(again, 150, 0.5), 150)


def silent_name_server(s, dns):
    dns.silent = True
    sent = list(s.submit_all("to@out%d.test" % i for i in range(5)).values())
    deferred_by_dns(s, sent)
    dns.silent = False
    delivered_when_tried_again(s, sent)


def name_server_that_knows_nothing(s, dns):
    """NXDOMAIN for every name, those that existed before as well: nothing fails for it."""
    dns.nothing = True
    sent = list(s.submit_all("to@lie%d.test" % i for i in range(5)).values())
    deferred_by_dns(s, sent)
    check(s.log_find("dns-broken"), "not told")
    dns.nothing = False
    delivered_when_tried_again(s, sent)


def stopped_resolver(s):
    pid = s.pid("resolver")
    os.kill(pid, signal.SIGSTOP)
    try:
        sent = list(s.submit_all("to@stop%d.test" % i for i in range(5)).values())
        deferred_by_dns(s, sent)
    finally:
        os.kill(pid, signal.SIGCONT)
    delivered_when_tried_again(s, sent)


def killed_resolver(s, dns):
    """Its questions are asked anew."""
    pid, waiting = s.pid("resolver"), len(dns.seen)
    dns.silent = True
    sent = list(s.submit_all("to@kill%d.test" % i for i in range(5)).values())
    must_come("a question", lambda: len(dns.seen) > waiting)
    os.kill(pid, signal.SIGKILL)
    dns.silent = False
    for ident in sent:
        check(s.delivered(ident), s.trace(ident))
        equal(len(s.attempts(ident)), 1, "attempts:")


def rows(tap, s, chosen, peer, dns):
    missing = s.after_attempts([row.message for row in chosen], timeout=90)
    tap.ok(not missing, "every message has had an attempt",
           [row.name for row in chosen if row.message in missing])
    for row in chosen:
        tap.run("%s: %s %s" % (row.name, row.state, row.status), row.judge, s, peer, dns)


def run(tap, s, peer, dns):
    seen, quick = peer.script.seen, [row for row in ROWS if not row.late]
    slow = [row for row in ROWS if row.late]
    workers, resolver = s.workers("deliverd"), s.pid("resolver")
    submit(s, quick)
    rows(tap, s, quick, peer, dns)
    submit(s, slow)
    tap.run("good mail arrives beside silence", good_mail_arrives, s,
            ["good%d.test" % i for i in range(10)])
    rows(tap, s, slow, peer, dns)
    tap.run("at most ten addresses are tried", at_most_ten_addresses_are_tried, s, seen)
    tap.run("a null MX is not asked for addresses", a_null_mx_is_not_asked_for_addresses, s, dns)
    tap.run("another domain is not poisoned", another_domain_is_not_poisoned, s)
    tap.run("equally preferred servers share", equal_ones_share, s)
    tap.ok((workers, resolver) == (s.workers("deliverd"), s.pid("resolver")), "nobody has died")
    tap.run("a silent name server defers", silent_name_server, s, dns)
    tap.run("one that knows no name at all defers", name_server_that_knows_nothing, s, dns)
    tap.run("a stopped resolver defers", stopped_resolver, s)
    tap.run("a killed resolver's questions are asked again", killed_resolver, s, dns)
    tap.run("nobody is connected to that may not be", nobody_comes_where_nobody_may, s, seen)


ROW = {row.name: row for row in ROWS}


def answers():
    found = {row.domain: row.answer for row in ROWS if row.answer}
    found.update({"%s%d.test" % (name, i): HONEST for name in ("good", "out", "lie", "stop", "kill")
                  for i in range(10)})
    found.update({"victim.test": HONEST, "equal.test": EQUAL})
    return found


def main():
    netns.enter()
    tap = Tap()
    with Peer(Everywhere(), host="::", port=25) as peer, NameServer(answers()) as dns, \
            Instance(SETTINGS, mx={"operators.test": OPERATORS + ":25"}) as s:
        run(tap, s, peer, dns)
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - the sandbox: %s" % e)
    sys.exit(1)
