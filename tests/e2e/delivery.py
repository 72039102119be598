#!/usr/bin/python3
"""How connections to receiving servers are used: reuse, TLS levels, relays with a password, the name
and address we come from, and the conversation that is kept of each attempt."""

import os
import re
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Close, Failed, Peer, Sandbox, Stall, Tap, server_context, wait_for  # noqa: E402

ONE = {"deliver.workers": "1", "queue.domain_in_flight": "1", "queue.retry": "1s 1h"}
TESTS = []


def expect(good, what):
    if not good:
        raise AssertionError(what)


def test(name, tls=None, extensions=(), **settings):
    """A test of its own instance and peer; the settings have _ where their names have a dot."""
    def add(fn):
        TESTS.append((name, tls, extensions,
                      {k.replace("_", ".", 1): v for k, v in settings.items()}, fn))
        return fn
    return add


def run(tap, folder):
    for name, tls, extensions, settings, fn in TESTS:
        if sys.argv[1:] and not any(a in name for a in sys.argv[1:]):
            continue
        pem = os.path.join(folder, "ca.pem")
        context = server_context(("127.0.0.1", "peer.test"), pem) if tls else None
        os.chmod(pem, 0o644) if tls else None
        settings = {k: v.replace("PEM", pem) for k, v in dict(ONE, **settings).items()}
        base = ("8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES")
        with Peer(tls=context, extensions=base + tuple(extensions)) as peer:
            settings = {k: v.replace("PEER", peer.address) for k, v in settings.items()}
            with Sandbox(mx={"peer.test": peer.address}, settings=settings) as s:
                tap.run(name, fn, s, peer)


def submit(s, n, rcpt="r@peer.test"):
    """So many messages that become due at once."""
    s.command("queue", "pause")
    found = [s.submit(rcpt) for _ in range(n)]
    s.command("queue", "resume")
    return found


def reach(s, messages, state="delivered"):
    got = wait_for(lambda: all(s.state(m) == [state] for m in messages), 30)
    expect(got, [s.state(m) for m in messages])


def last(s, message, *more):
    return s.json("trace", message, *more)[-1]


def attempts(s, messages):
    return [sum("stage" in e for e in s.trace(m)) for m in messages]


def at(stage_wanted, step):
    return lambda stage, session: step(session) if stage == stage_wanted else None


# reuse

@test("one connection takes many messages")
def _(s, peer):
    many = submit(s, 20)
    reach(s, many)
    expect(peer.count == 1, "%d connections" % peer.count)
    expect(all(peer.copies(m.ref) == 1 for m in many), "once each")
    said = last(s, many[-1], "--smtp")["smtp"]
    expect(re.search(r"by the connection to .* that \d+ messages have used", said[0]), said)


@test("no more than deliver.reuse go over a connection", deliver_reuse="5")
def _(s, peer):
    reach(s, submit(s, 20))
    expect(peer.count == 4, "%d connections" % peer.count)


@test("deliver.idle = 0s: a connection for each", deliver_idle="0s")
def _(s, peer):
    reach(s, submit(s, 5))
    expect(peer.count == 5, "%d connections" % peer.count)


@test("an idle connection is ended with QUIT", deliver_idle="100ms")
def _(s, peer):
    quits = []
    peer.script = at("quit", lambda session: quits.append(session))
    reach(s, submit(s, 3))
    expect(wait_for(lambda: quits and not peer.sessions, 10), "%d open" % len(peer.sessions))


@test("a refused recipient does not end the connection")
def _(s, peer):
    peer.script = at("rcpt", lambda ses: "550 5.1.1 no" if "bad" in ses.rcpts[-1] else None)
    s.command("queue", "pause")
    mixed = [s.submit(("bad%d@peer.test" if i % 2 else "good%d@peer.test") % i) for i in range(10)]
    s.command("queue", "resume")
    reach(s, mixed[0::2])
    reach(s, mixed[1::2], "failed")
    expect(peer.count == 1, "%d connections" % peer.count)
    expect(all(peer.copies(m.ref) == 1 for m in mixed[0::2]), "once each")


@test("a connection that the server closed meanwhile costs no attempt")
def _(s, peer):
    peer.script = at("dot", lambda _: [None, Close])
    many = submit(s, 5)
    reach(s, many)
    expect(attempts(s, many) == [1] * 5, attempts(s, many))
    expect(all(peer.copies(m.ref) == 1 for m in many), "once each")


@test("a connection that refuses RSET costs the next message no attempt", deliver_idle="30s")
def _(s, peer):
    refused = []
    peer.script = lambda stage, ses: "550 5.1.1 no" if stage == "rcpt" and "bad" in ses.rcpts[-1] \
        else refused.append(ses) or "502 5.5.1 not here" if stage == "rset" else None
    reach(s, [s.submit("bad@peer.test")], "failed")
    good = s.submit("good@peer.test")
    reach(s, [good])
    expect(refused, "no RSET came")
    expect(attempts(s, [good]) == [1], s.trace(good))


@test("what was cut off by 421 within the message goes again as a whole", deliver_idle="30s")
def _(s, peer):
    def cut_off(session):
        session.send("354 go")
        time.sleep(0.5)     # by then it waits for us to take more
        session.send("421 4.3.2 shutting down")
        session.sock.settimeout(0.2)
        try:
            while session.sock.recv(1 << 16):
                pass
        except OSError:
            pass

    reach(s, [s.submit("first@peer.test")])
    peer.script = lambda stage, ses: [cut_off, Close] if stage == "data" and ses.number == 1 \
        else None
    large = s.submit("second@peer.test", body="0123456789012345678901234567890123456789\r\n" * 150000)
    reach(s, [large])
    expect(attempts(s, [large]) == [2], s.trace(large))
    got = peer.dots[-1]
    expect(got.ref == large.ref and len(got.data) > 6300000 and b"DKIM-Signature:" in got.data,
           "%d bytes: %r" % (len(got.data), got.data[:200]))


@test("a byte that nobody asked for does not stop the clock", deliver_reply_timeout="2s")
def _(s, peer):
    def early(session):
        session.send("250-peer.test\r\n250-8BITMIME\r\n250 PIPELINING")
        time.sleep(0.004)
        session.sock.sendall(b"2")

    peer.script = at("ehlo", lambda _: [early, Stall])
    ends = [s.submit("r@peer.test", body="0123456789012345678901234567890123456789\r\n" * 150000)
            for _ in range(3)]
    reach(s, ends, "deferred")


@test("one that closes while the next message is being signed has delivered nothing of it",
      deliver_idle="30s")
def _(s, peer):
    reach(s, [s.submit("first@peer.test")])
    signer = s.pid("signer")
    os.kill(signer, signal.SIGSTOP)
    try:
        m = s.submit("second@peer.test")
        expect(wait_for(lambda: s.json("queue", "show")[0]["in_flight"] == 1), "not in flight")
        time.sleep(0.5)
        peer.hang_up()
        expect(wait_for(lambda: not peer.sessions or peer.count > 1), "not closed")
    finally:
        os.kill(signer, signal.SIGCONT)
    reach(s, [m])
    expect(peer.copies(m.ref) == 1 and attempts(s, [m]) == [1], s.trace(m))


@test("what a server says behind its reply to the dot delays nothing")
def _(s, peer):
    peer.script = at("dot", lambda _: [
        lambda ses: ses.sock.sendall(b"250 2.0.0 Ok\r\n4"), Stall])
    m = s.submit("r@peer.test")
    reach(s, [m])
    expect(last(s, m)["code"] == 250, last(s, m))


@test("nor does a 421 to the next MAIL")
def _(s, peer):
    peer.script = at("mail", lambda ses: ["421 4.7.0 enough", Close] if ses.message else None)
    many = submit(s, 5)
    for m in many:
        reach(s, [m])
    expect(attempts(s, many) == [1] * 5, attempts(s, many))
    expect(all(peer.copies(m.ref) == 1 for m in many), "once each")


@test("a 421 to the first MAIL is an answer")
def _(s, peer):
    peer.script = at("mail", lambda _: "421 4.7.0 not you")
    m = s.submit("r@peer.test")
    reach(s, [m], "deferred")
    expect(last(s, m)["code"] == 421, last(s, m))


@test("a message is signed once for all its copies", log_level="debug")
def _(s, peer):
    m = s.submit(["r%d@peer.test" % i for i in range(20)])
    expect(wait_for(lambda: s.state(m) == ["delivered"] * 20, 30), s.state(m))
    expect(len(s.log_find(" signer.* signed copy=")) == 1, s.log_find("signed"))
    expect(len({re.search(rb"(?s)DKIM-Signature:.*?\r\n(?=\S)", d.data).group()
                for d in peer.dots}) == 1, "different signatures")
    expect({e["signed_by"] for e in s.trace(m) if "stage" in e} == {"sandbox.test"}, s.trace(m))
    other = s.submit(["r@peer.test"])
    reach(s, [other])
    expect(len(s.log_find(" signer.* signed copy=")) == 2, "another message")


# TLS

@test("any certificate will do where TLS is welcome", tls=True)
def _(s, peer):
    m = s.submit("r@peer.test")
    reach(s, [m])
    e = last(s, m)
    expect(e["tls"].startswith("TLSv1.") and e["tls_note"].startswith("not verified: "), e)


@test("a handshake that fails: the message goes in clear, and so do the next", tls=True)
def _(s, peer):
    peer.script = at("starttls", lambda _: ["220 go", Close])
    m = s.submit("r@peer.test")
    reach(s, [m])
    e = last(s, m)
    expect(e["tls"] == "" and e["tls_note"].startswith("in clear: "), e)
    before = peer.count
    expect(before == 2, "%d connections" % before)
    expect(wait_for(lambda: not peer.sessions, 10), "still idle")
    m = s.submit("r@peer.test")
    reach(s, [m])
    expect(peer.count == before + 1 and "failed before" in last(s, m)["tls_note"], last(s, m))
    m = s.submit("r@peer.test")
    reach(s, [m])
    expect(peer.count == before + 1 and "failed before" in last(s, m)["tls_note"], last(s, m))


@test("the next message over a connection tells its TLS as well", tls=True)
def _(s, peer):
    many = submit(s, 3)
    reach(s, many)
    expect(peer.count == 1 and all(last(s, m)["tls"].startswith("TLSv1.") for m in many), many)


@test("encrypt: never in clear", deliver_tls="encrypt")
def _(s, peer):
    m = s.submit("r@peer.test")
    reach(s, [m], "deferred")
    expect(last(s, m)["status"] == "4.7.4" and not peer.dots, last(s, m))


@test("encrypt for one domain: not even after a failed handshake", tls=True,
      deliver_tls_policy="other.test=none peer.test=encrypt")
def _(s, peer):
    peer.script = at("starttls", lambda _: ["220 go", Close])
    m = s.submit("r@peer.test")
    reach(s, [m], "deferred")
    expect(last(s, m)["status"] == "4.7.0" and not peer.dots, last(s, m))
    peer.script = None
    s.command("queue", "retry", m)
    reach(s, [m])
    expect(last(s, m)["tls"], last(s, m))


@test("verify: a certificate that nobody knows", tls=True, deliver_tls="verify")
def _(s, peer):
    m = s.submit("r@peer.test")
    reach(s, [m], "deferred")
    e = last(s, m)
    expect(e["status"] == "4.7.5" and "certificate" in e["text"] and not peer.dots, e)


@test("verify: one that is known", tls=True, deliver_tls="verify", deliver_tls_ca="PEM")
def _(s, peer):
    m = s.submit("r@peer.test")
    reach(s, [m])
    expect(last(s, m)["tls_note"] == "verified", last(s, m))


@test("verify: known, for another name", deliver_tls="verify", deliver_tls_ca="PEM")
def _(s, peer):
    ca = os.path.join(os.path.dirname(s.dir), "other.pem")
    peer.context = server_context(("192.0.2.7", "peer.test"), ca)
    os.chmod(ca, 0o644)
    s.stop()
    s.set({"deliver.tls_ca": ca})
    s.start()
    m = s.submit("r@peer.test")
    reach(s, [m], "deferred")
    e = last(s, m)
    expect(e["status"] == "4.7.5" and "IP address mismatch" in e["text"], e)


@test("none: TLS is not used", tls=True, deliver_tls="none")
def _(s, peer):
    m = s.submit("r@peer.test")
    reach(s, [m])
    expect(not last(s, m)["tls"], last(s, m))


# relays

@test("deliver.dkim = no: it goes out unsigned", deliver_dkim="no")
def _(s, peer):
    m = s.submit("r@peer.test")
    reach(s, [m])
    expect(b"DKIM-Signature" not in peer.dots[-1].data, peer.dots[-1].data)
    expect(last(s, m)["signed_by"] == "", last(s, m))


def with_logins(s, peer, text):
    name = os.path.join(s.dir, "logins")
    with open(name, "w") as f:
        f.write("# relays\n\n" + text.replace("PEER", peer.address))
    os.chmod(name, 0o644)
    s.stop()
    s.set({"deliver.logins": "logins"})
    s.start()


def auth(seen):
    def other(session):
        seen.append(session.line)
        return "235 2.7.0 ok" if session.line.startswith("AUTH") else None
    return at("other", other)


@test("a relay gets user and password, and nobody reads them", tls=True, extensions=["AUTH PLAIN"])
def _(s, peer):
    seen = []
    peer.script = auth(seen)
    with_logins(s, peer, "PEER me se cret\n")
    m = s.submit("r@peer.test")
    reach(s, [m])
    expect(seen == ["AUTH PLAIN AG1lAHNlIGNyZXQ="], seen)
    said = "\n".join(last(s, m, "--smtp")["smtp"])
    expect("AG1lA" not in said and "password are sent" in said, said)
    expect(not s.log_find("AG1lA"), "in the log")


@test("without TLS a password is not sent", extensions=["AUTH PLAIN"])
def _(s, peer):
    seen = []
    peer.script = auth(seen)
    with_logins(s, peer, "PEER me secret\n")
    m = s.submit("r@peer.test")
    reach(s, [m], "deferred")
    expect(not seen and last(s, m)["status"] == "4.7.4", last(s, m))


@test("nor after a handshake that failed", tls=True, extensions=["AUTH PLAIN"])
def _(s, peer):
    seen = []

    def script(stage, session):
        return ["220 go", Close] if stage == "starttls" else auth(seen)(stage, session)
    peer.script = script
    with_logins(s, peer, "PEER me secret\n")
    m = s.submit("r@peer.test")
    reach(s, [m], "deferred")
    expect(not seen and not peer.dots and last(s, m)["status"] == "4.7.0", last(s, m))


@test("a relay that repeats the password tells nobody", tls=True, extensions=["AUTH PLAIN"])
def _(s, peer):
    peer.script = at("other", lambda ses: "535 5.7.8 no: " + ses.line)
    with_logins(s, peer, "PEER me secret\n")
    m = s.submit("r@peer.test")
    reach(s, [m], "deferred")
    expect("AG1l" not in str(s.json("trace", m, "--smtp")) and not s.log_find("AG1l"), s.trace(m))


@test("a line of deliver.logins that makes no sense is named")
def _(s, peer):
    with_logins(s, peer, "PEER me\n")
    m = s.submit("r@peer.test")
    reach(s, [m], "deferred")
    expect("logins: line 3 is not HOST:PORT USER PASSWORD" in last(s, m)["text"], last(s, m))


# who we are

@test("the name in EHLO and the address are those that are set", deliver_helo="out.example.test",
      deliver_source="127.0.0.2")
def _(s, peer):
    seen = []
    peer.script = at("ehlo", lambda ses: seen.append((ses.helo, ses.sock.getpeername()[0])))
    reach(s, [s.submit("r@peer.test")])
    expect(seen == [("out.example.test", "127.0.0.2")], seen)


@test("a family that is excluded is not used", deliver_family="ipv6")
def _(s, peer):
    m = s.submit("r@peer.test")
    reach(s, [m], "deferred")
    expect("deliver.family" in last(s, m)["text"] and not peer.count, last(s, m))


# the conversation

@test("the conversation of an attempt can be read")
def _(s, peer):
    peer.script = at("rcpt", lambda _: "450-4.2.1 later\x1b\r\n450 4.2.1 \xff")
    m = s.submit("r@peer.test")
    reach(s, [m], "deferred")
    said = [line.split(" ", 2)[1:] for line in last(s, m, "--smtp")["smtp"]]
    expect(["<", "220 peer.test ESMTP"] in said and [">", "RCPT TO:<r@peer.test>"] in said, said)
    expect(["<", "450-4.2.1 later\\x1b"] in said and ["<", "450 4.2.1 \\xff"] in said, said)
    text = s.command("trace", m, "--smtp")
    expect("> EHLO " in text and "\x1b" not in text, text)
    expect("smtp" not in last(s, m), "without being asked for")


@test("retention.smtp = 0s keeps none", retention_smtp="0s")
def _(s, peer):
    m = s.submit("r@peer.test")
    reach(s, [m])
    expect("smtp" not in last(s, m, "--smtp"), last(s, m, "--smtp"))


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        run(tap, folder)
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - the sandbox: %s" % e)
    sys.exit(1)
