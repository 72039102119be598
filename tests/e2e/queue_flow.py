#!/usr/bin/python3
"""Who goes first, and what happens when delivery cannot keep pace: fairness between mail servers,
bulk and transactional mail, the room of a server, pressure.  Orders and counts, no durations."""

import os
import smtplib
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Failed, Peer, Sandbox, Tap, wait_for  # noqa: E402

MANY = 300


def expect(good, what):
    if not good:
        raise AssertionError(what)


def slow(stage, session):
    if stage != "dot":
        return None
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


def room(s, peer):
    """A server that has used up its room is answered 452, others are not, and it passes."""
    full, other = tenant(s, "full"), tenant(s, "other")
    s.command("server", "set", "full/mail", "--bytes-limit", "64K")
    s.command("queue", "pause")
    smtp, answer = full(), None
    for i in range(200):
        try:
            s.submit("r%d@peer.test" % i, sender="a@full.test", session=smtp,
                     body="x" * 70 + "\r\n" * 200)
        except smtplib.SMTPResponseException as e:
            answer = e
            break
        if i > 20:  # what is over is known a moment later
            time.sleep(0.1)
    expect(answer is not None and answer.smtp_code == 452, answer)
    expect(b"4.3.1" in answer.smtp_error, answer.smtp_error)
    m = fill(s, other, "other.test", 1)[0]
    s.command("queue", "resume")
    arrives(peer, m)

    def accepted():
        try:
            return s.submit("late@peer.test", sender="a@full.test", session=full())
        except smtplib.SMTPResponseException:
            return None
    expect(wait_for(accepted, 30, 0.3), "it is still refused")


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
    domains = ["peer.test"] + ["d%d.press.test" % i for i in range(50)]
    with Peer(slow) as peer, Sandbox(mx={d: peer.address for d in domains},
                                     settings={"queue.domain_in_flight": "4",
                                               "queue.in_flight": "5",
                                               "deliver.workers": "2"}) as s:
        for test in fairness, classes, room, pressure:
            tap.run(test.__doc__.split("\n")[0], test, s, peer)
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - the sandbox: %s" % e)
    sys.exit(1)
