#!/usr/bin/python3
"""Who goes first, and what happens when delivery cannot keep pace: fairness between mail servers,
bulk and transactional mail, the room of a server, pressure.  Orders and counts, no durations."""

import os
import smtplib
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Failed, Peer, Sandbox, Tap, wait_for  # noqa: E402

MANY = 300


def expect(good, what):
    if not good:
        raise AssertionError(what)


SLOW = ["t%d.tar.test" % i for i in range(5)]
let_go = threading.Event()


def slow(stage, session):
    if stage != "dot":
        return None
    if session.rcpts[-1].endswith(".tar.test"):
        return [lambda _: let_go.wait(60) and None, None]
    return [0.2 if session.rcpts[-1].endswith(".press.test") else 0.02, None]


def tenant(s, name):
    """A mail server of its own; how to submit as it."""
    s.command("org", "create", name)
    s.command("server", "create", name + "/mail")
    s.command("domain", "create", name + ".test", "--server", name + "/mail", "--verified")
    secret = s.json("credential", "create", "smtp", "app", "--server", name + "/mail")[0]["secret"]

    def session():
        smtp = s.session(login=False)
        smtp.login(name, secret)
        return smtp
    return session


def fill(s, session, domain, n, headers=()):
    smtp = session()
    found = [s.submit("r%d@peer.test" % i, sender="a@" + domain, session=smtp, headers=headers)
             for i in range(n)]
    smtp.quit()
    return found


def position(peer, message):
    """How many messages came before it."""
    refs = [m.ref for m in peer.dots]
    return refs.index(message.ref) if message.ref in refs else None


def arrives(peer, message, timeout=60):
    expect(wait_for(lambda: position(peer, message) is not None, timeout), "it did not arrive")
    return position(peer, message)


def all_arrive(peer, before, n):
    expect(wait_for(lambda: len(peer.dots) >= before + n, 120), "%d of %d" % (
        len(peer.dots) - before, n))


def fairness(s, peer):
    """One message of a small server does not wait behind the many of a large one."""
    large, small = tenant(s, "large"), tenant(s, "small")
    before = len(peer.dots)
    s.command("queue", "pause")
    fill(s, large, "large.test", MANY)
    one = fill(s, small, "small.test", 1)[0]
    s.command("queue", "resume")
    place = arrives(peer, one) - before
    all_arrive(peer, before, MANY + 1)
    expect(place < MANY / 4, "it was number %d" % place)


def shares(s, peer):
    """A server whose destinations are slow does not take the places of the others."""
    stuck, quick = tenant(s, "stuck"), tenant(s, "quick")
    smtp = stuck()
    for i in range(60):
        s.submit("r%d@%s" % (i, SLOW[i % len(SLOW)]), sender="a@stuck.test", session=smtp)

    def in_flight():
        return s.json("queue", "show")[0]["in_flight"]
    try:
        expect(wait_for(lambda: in_flight() >= 8, 20, 0.1), "%s in flight" % in_flight())
        for m in fill(s, quick, "quick.test", 20):
            arrives(peer, m)
        expect(wait_for(lambda: in_flight() == 8, 10), "%s in flight" % in_flight())
    finally:
        let_go.set()
    expect(wait_for(lambda: not s.json("queue", "list", "--server", "stuck/mail"), 60), "queued")


def classes(s, peer):
    """Transactional mail overtakes bulk, and bulk is not starved by it."""
    session = tenant(s, "both")
    before = len(peer.dots)
    s.command("queue", "pause")
    bulk = fill(s, session, "both.test", MANY, ["X-Posthaste-Stream: newsletter"])
    fast = fill(s, session, "both.test", 40)
    s.command("queue", "resume")
    all_arrive(peer, before, MANY + 40)
    last = max(position(peer, m) for m in fast) - before
    expect(last < MANY / 2, "the last transactional one was number %d" % last)
    early = [m for m in bulk if position(peer, m) - before < last]
    expect(early, "no bulk message went before the last transactional one")


def use_up(s, session, sender):
    """Submits until the server has no room; the refusal."""
    smtp = session()
    for i in range(200):
        try:
            s.submit("r%d@peer.test" % i, sender=sender, session=smtp,
                     body="x" * 70 + "\r\n" * 200)
        except smtplib.SMTPResponseException as e:
            return e
        if i > 20:  # what is over is known a moment later
            time.sleep(0.1)
    raise AssertionError("its room is never used up")


def room(s, peer):
    """A server that has used up its room is answered 452, others are not, and it passes."""
    full, other = tenant(s, "full"), tenant(s, "other")
    s.command("server", "set", "full/mail", "--bytes-limit", "64K")
    s.command("queue", "pause")
    answer = use_up(s, full, "a@full.test")
    expect(answer.smtp_code == 452 and b"4.3.1" in answer.smtp_error, answer)
    m = fill(s, other, "other.test", 1)[0]
    s.command("queue", "resume")
    arrives(peer, m)

    def accepted():
        try:
            return s.submit("late@peer.test", sender="a@full.test", session=full())
        except smtplib.SMTPResponseException:
            return None
    expect(wait_for(accepted, 30, 0.3), "it is still refused")


def room_meanwhile(s, peer):
    """A message that began while its server had room is refused when others have used it up."""
    session = tenant(s, "crowd")
    s.command("server", "set", "crowd/mail", "--bytes-limit", "64K")
    s.command("queue", "pause")
    begun = []
    for _ in range(2):
        smtp = session()
        smtp.mail("a@crowd.test")
        smtp.rcpt("late@peer.test")
        expect(smtp.docmd("DATA")[0] == 354, "DATA")
        smtp.send(b"From: <a@crowd.test>\r\nX-Test-Ref: late\r\n\r\n")
        begun.append(smtp)
    use_up(s, session, "a@crowd.test")
    begun[0].send(b"short\r\n.\r\n")
    begun[1].send(b"a longer one\r\n" * 150000 + b".\r\n")
    for smtp in begun:
        code, text = smtp.getreply()
        expect(code == 452 and b"4.3.1" in text, (code, text))
        expect(smtp.noop()[0] == 250, "the session does not go on")
    s.command("queue", "resume")
    expect(wait_for(lambda: not s.json("queue", "list", "--server", "crowd/mail"), 60), "queued")
    expect(peer.copies("late") == 0, "a refused one was delivered")


def pressure(s, peer):
    """When all workers are busy the level rises; mail is accepted all the while."""
    session = tenant(s, "eager")
    before, levels = len(peer.dots), []
    smtp = session()
    for i in range(MANY):
        s.submit("r%d@d%d.press.test" % (i, i % 50), sender="a@eager.test", session=smtp)
        if i % 50 == 49:
            levels.append(s.json("queue", "show")[0]["pressure"])

    def behind():
        levels.append(s.json("queue", "show")[0]["pressure"])
        return levels[-1] > 0
    wait_for(behind, 20, 0.1)
    expect(max(levels) > 0, levels)
    expect(s.log_find("delivery-behind"), "not told")
    all_arrive(peer, before, MANY)
    expect(wait_for(lambda: s.json("queue", "show")[0]["pressure"] == 0), "it stays")


def main():
    tap = Tap()
    domains = ["peer.test"] + SLOW + ["d%d.press.test" % i for i in range(50)]
    with Peer(slow) as peer, Sandbox(mx={d: peer.address for d in domains},
                                     settings={"queue.domain_in_flight": "4",
                                               "queue.in_flight": "5",
                                               "deliver.workers": "2"}) as s:
        for test in fairness, shares, classes, room, room_meanwhile, pressure:
            tap.run(test.__doc__.split("\n")[0], test, s, peer)
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - the sandbox: %s" % e)
    sys.exit(1)
