#!/usr/bin/python3
"""What stops a copy, and what lets it go again: holds, limits, suppression, expiry, idempotency,
orders of an operator, retention.  Everything is looked at from outside, by the command."""

import os
import signal
import smtplib
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Failed, Peer, Sandbox, Tap, wait_for  # noqa: E402

SERVER = "sandbox/sandbox"
DAY_MS = 86400000


def expect(good, what):
    if not good:
        raise AssertionError(what)


def reaches(s, message, states, timeout=20):
    got = wait_for(lambda: s.state(message) == states and states, timeout)
    expect(got, "%s is %s and not %s" % (message, s.state(message), states))


def events(s, message):
    return [e["event"] for e in s.trace(message)]


def event(s, message, name):
    found = [e for e in s.trace(message) if e["event"] == name]
    expect(found, "no event %s but %s" % (name, events(s, message)))
    return found[-1]


def control(s, *args):
    s.command("server", "set", SERVER, *args)


class Mood:
    """What the peer says to RCPT: a reply, or None for the usual one."""

    def __init__(self):
        self.reply = None

    def script(self, stage, session):
        return self.reply if stage == "rcpt" else None


def development(s, peer, mood):
    control(s, "--mode", "development")
    m = s.submit("dev@peer.test")
    reaches(s, m, ["held"])
    held = event(s, m, "held")
    expect(held["reason"] == "development" and "live" in held["detail"], held)
    expect(held["until"] > time.time() * 1000, held)
    expect(peer.copies(m.ref) == 0, "it was sent")
    s.command("queue", "release", m)
    reaches(s, m, ["delivered"])
    expect(event(s, m, "released")["reason"] == "operator", events(s, m))
    control(s, "--mode", "live")
    m = s.submit("live@peer.test")
    reaches(s, m, ["delivered"])


def suspended(s, peer, mood):
    s.command("queue", "pause")
    m = s.submit("suspended@peer.test")
    s.command("server", "suspend", SERVER, "--reason", "unpaid")
    s.command("queue", "resume")
    reaches(s, m, ["held"])
    expect(event(s, m, "held")["reason"] == "suspended", s.trace(m))
    s.command("queue", "release", m)  # as long as it is suspended it stays held
    wait_for(lambda: events(s, m).count("held") == 2)
    reaches(s, m, ["held"])
    s.command("server", "unsuspend", SERVER)
    s.command("queue", "release", m)
    reaches(s, m, ["delivered"])


def credential_hold(s, peer, mood):
    s.command("credential", "create", "smtp", "holding", "--server", SERVER, "--secret",
              "holdingsecret", "--hold")
    smtp = s.session(login=False)
    smtp.login("anyone", "holdingsecret")
    m = s.submit("cred@peer.test", session=smtp)
    reaches(s, m, ["held"])
    expect(event(s, m, "held")["reason"] == "credential", s.trace(m))
    s.command("queue", "release", m)
    reaches(s, m, ["delivered"])


def send_limit(s, peer, mood):
    control(s, "--send-limit", "3")
    many = [s.submit("limit%d@peer.test" % i) for i in range(5)]
    wait_for(lambda: all(s.state(m) in (["delivered"], ["held"]) for m in many))
    states = [s.state(m)[0] for m in many]
    expect(states.count("delivered") == 3 and states.count("held") == 2, states)
    held = event(s, many[states.index("held")], "held")
    expect(held["reason"] == "send-limit", held)
    expect(0 < held["until"] - time.time() * 1000 <= 3660000, held)
    # the count outlives a restart
    s.stop()
    s.start()
    m = s.submit("limit9@peer.test")
    reaches(s, m, ["held"])
    # an operator's hold is one until he releases it
    got = s.json("queue", "hold", m)[0]
    expect(got["count"] == 1, got)
    expect(s.json("queue", "show", m)[0]["hold"] == "operator", s.json("queue", "show", m))
    control(s, "--send-limit", "none")
    s.command("queue", "release", "--state", "held")
    for m in many:
        reaches(s, m, ["delivered"])


def suppression(s, peer, mood):
    s.command("suppression", "add", "Gone@Peer.test", "--server", SERVER, "--reason", "left")
    m = s.submit(["gone@peer.test", "here@peer.test"])
    wait_for(lambda: s.is_final(m))
    expect(s.state(m) == ["suppressed", "delivered"], s.state(m))
    e = event(s, m, "suppressed")
    expect(e["reason"] == "left" and e["until"] == 0 and e["since"] > 0, e)
    expect([x.rcpts for x in peer.messages if x.ref == m.ref] == [["here@peer.test"]], "sent")
    s.command("suppression", "remove", "gone@peer.test", "--server", SERVER)
    m = s.submit("gone@peer.test")
    reaches(s, m, ["delivered"])


def suppression_of_all_servers(s, peer, mood):
    s.command("suppression", "add", "never@peer.test", "--all-servers")
    m = s.submit("never@peer.test")
    reaches(s, m, ["suppressed"])


def suppression_expires(s, peer, mood):
    s.command("suppression", "add", "soon@peer.test", "--server", SERVER, "--for", "2s")
    m = s.submit("soon@peer.test")
    reaches(s, m, ["suppressed"])
    time.sleep(2.1)
    m = s.submit("soon@peer.test")
    reaches(s, m, ["delivered"])


def suppression_is_looked_at_again(s, peer, mood):
    mood.reply = "451 4.2.0 later"
    m = s.submit("again@peer.test")
    reaches(s, m, ["deferred"])
    s.command("suppression", "add", "again@peer.test", "--server", SERVER)
    mood.reply = None
    s.command("queue", "retry", m)
    reaches(s, m, ["suppressed"])
    expect(peer.copies(m.ref) == 0, "it was sent")


def operator(s, peer, mood):
    mood.reply = "451 4.2.0 later"
    a, b = s.submit("a@peer.test"), s.submit(["b@peer.test", "c@peer.test"])
    reaches(s, a, ["deferred"])
    reaches(s, b, ["deferred", "deferred"])
    s.command("queue", "hold", a, "--reason", "let me see")
    reaches(s, a, ["held"])
    expect(event(s, a, "held")["reason"] == "operator", s.trace(a))
    mood.reply = None
    s.command("queue", "retry", b)
    reaches(s, b, ["delivered", "delivered"])
    expect("retried" in events(s, b), events(s, b))
    expect(s.state(a) == ["held"], s.state(a))
    s.command("queue", "cancel", a, "--reason", "not wanted")
    reaches(s, a, ["cancelled"])
    expect(event(s, a, "cancelled")["reason"] == "not wanted", s.trace(a))


def by_filter(s, peer, mood):
    mood.reply = "451 4.2.0 later"
    tagged = s.submit("f1@peer.test", headers=["X-Posthaste-Tag: blue"])
    other = s.submit("f2@peer.test", headers=["X-Posthaste-Tag: red"])
    elsewhere = s.submit("f3@other.test")
    for m in tagged, other, elsewhere:
        reaches(s, m, ["deferred"])
    done = s.json("queue", "hold", "--tag", "blue")[0]
    expect(done["count"] == 1, done)
    reaches(s, tagged, ["held"])
    done = s.json("queue", "cancel", "--domain", "other.test", "--state", "deferred")[0]
    expect(done["count"] == 1, done)
    reaches(s, elsewhere, ["cancelled"])
    done = s.json("queue", "cancel", "--older-than", "1h")[0]
    expect(done["count"] == 0, done)
    mood.reply = None
    s.command("queue", "release", "--server", SERVER)
    s.command("queue", "retry", "--rcpt", "f2@peer.test")
    reaches(s, tagged, ["delivered"])
    reaches(s, other, ["delivered"])
    code, _, err = s.command("queue", "cancel", check=False)
    expect(code == 64, (code, err))


def in_flight(s, mood):
    """A message whose only copy a worker has; what to append to for its attempt to fail."""
    go = []
    mood.reply = lambda session: "451 4.2.0 later" if wait_for(lambda: go, 20) else "451 slow"
    m = s.submit("flying@peer.test")
    expect(wait_for(lambda: s.json("queue", "show")[0]["in_flight"] == 1), "not in flight")
    return m, go


def cancelled_in_flight(s, peer, mood):
    """A copy that a worker has is stopped when its attempt has failed."""
    m, go = in_flight(s, mood)
    done = s.json("queue", "cancel", m)[0]
    expect(done["count"] == 0 and done["later"] == 1, done)
    go.append(1)
    reaches(s, m, ["cancelled"])
    expect(events(s, m)[-2:] == ["deferred", "cancelled"], events(s, m))
    mood.reply = None


def held_in_flight(s, peer, mood):
    """The same with hold, and its reason; release withdraws it."""
    m, go = in_flight(s, mood)
    done = s.json("queue", "hold", m, "--reason", "asked: by phone")[0]
    expect((done["count"], done["later"]) == (0, 1), done)
    go.append(1)
    reaches(s, m, ["held"])
    expect(event(s, m, "held")["detail"] == "asked: by phone", s.trace(m))
    s.command("queue", "cancel", m)
    m, go = in_flight(s, mood)
    s.command("queue", "cancel", m)
    done = s.json("queue", "release", m)[0]
    expect((done["count"], done["later"]) == (1, 0), done)
    go.append(1)
    reaches(s, m, ["deferred"])
    mood.reply = None
    s.command("queue", "retry", m)
    reaches(s, m, ["delivered"])


def suspended_in_development(s, peer, mood):
    """A release after a suspension does not let go what was never looked at for development."""
    control(s, "--mode", "development")
    s.command("server", "suspend", SERVER, "--reason", "test")
    m = None
    try:
        m = s.submit("both@peer.test")
    except smtplib.SMTPException:
        s.command("server", "unsuspend", SERVER)
        s.command("queue", "pause")
        m = s.submit("both@peer.test")
        s.command("server", "suspend", SERVER, "--reason", "test")
        s.command("queue", "resume")
    reaches(s, m, ["held"])
    expect(event(s, m, "held")["reason"] == "suspended", s.trace(m))
    s.command("server", "unsuspend", SERVER)
    s.command("queue", "release", m)
    expect(wait_for(lambda: event(s, m, "held")["reason"] == "development"), s.trace(m))
    s.command("queue", "release", m)
    reaches(s, m, ["delivered"])
    control(s, "--mode", "live")


def held_and_the_clock_ahead(s, peer, mood):
    """A clock that is ahead at a start does not end what is held."""
    s.command("queue", "pause")
    m = s.submit("held@peer.test")
    s.command("queue", "hold", m)
    s.command("queue", "resume")
    s.stop()
    db = sqlite3.connect(os.path.join(s.dir, "mail", "mail.db"))
    with db:
        db.execute("UPDATE copies SET next = next - ? WHERE state = 2", [8 * DAY_MS])
    db.close()
    s.start()
    other = s.submit("other@peer.test")
    reaches(s, other, ["delivered"])
    expect(s.state(m) == ["held"], s.trace(m))
    s.command("queue", "release", m)
    reaches(s, m, ["delivered"])


def later_over_a_restart(s, peer, mood):
    """What is wanted of a copy in flight is not forgotten by queued, nor by the whole instance."""
    m, go = in_flight(s, mood)
    s.command("queue", "cancel", m, "--reason", "by phone")
    os.kill(s.pid("queued"), signal.SIGKILL)
    expect(wait_for(s.ready, 20), "queued is not back")
    go.append(1)
    reaches(s, m, ["cancelled"])
    expect(event(s, m, "cancelled")["reason"] == "by phone", s.trace(m))
    m, go = in_flight(s, mood)
    s.command("queue", "hold", m, "--reason", "by mail")
    s.kill_all()
    go.append(1)
    mood.reply = None
    s.start()
    reaches(s, m, ["held"])
    expect(event(s, m, "held")["detail"] == "by mail", s.trace(m))
    expect(peer.copies(m.ref) == 0, "it was sent")
    s.command("queue", "release", m)
    reaches(s, m, ["delivered"])


def expires(s, peer, mood):
    mood.reply = "451 4.2.0 later"
    m = s.submit("otp@peer.test", headers=["X-Posthaste-Expires: 2s"])
    reaches(s, m, ["deferred"])
    reaches(s, m, ["expired"])
    mood.reply = None
    expect(peer.copies(m.ref) == 0, "it was sent")


def idempotency(s, peer, mood):
    data = ("From: sender@sandbox.test\r\nTo: i@peer.test\r\nX-Posthaste-Idempotency-Key: k1\r\n"
            "X-Test-Ref: idem\r\nSubject: once\r\n\r\nHello.\r\n")
    first = s.submit("i@peer.test", data=data)
    reaches(s, first, ["delivered"])
    again = s.submit("i@peer.test", data=data)
    reaches(s, again, ["cancelled"])
    expect(str(first) in event(s, again, "cancelled")["reason"], s.trace(again))
    other = s.submit("i@peer.test", data=data.replace("Hello", "Good bye"))
    reaches(s, other, ["held"])
    expect(event(s, other, "held")["reason"] == "idempotency", s.trace(other))
    s.command("queue", "release", other)
    reaches(s, other, ["delivered"])
    expect(peer.copies("idem") == 2, "%d were sent" % peer.copies("idem"))
    # no file of theirs is left behind
    expect(wait_for(lambda: not [f for f in s.spool_files() if str(again) in f and
                                 f.startswith("spool/")]), s.spool_files())


def delayed(s, peer, mood):
    mood.reply = "451 4.2.0 later"
    m = s.submit("delayed@peer.test")
    expect(wait_for(lambda: "delayed" in events(s, m), 20), events(s, m))
    e = event(s, m, "delayed")
    expect("later" in e["last"] and e["until"] > time.time() * 1000, e)
    s.command("queue", "retry", m)
    wait_for(lambda: events(s, m)[-1] == "deferred")
    expect(events(s, m).count("delayed") == 1, events(s, m))
    mood.reply = None
    s.command("queue", "retry", m)
    reaches(s, m, ["delivered"])


def paused(s, peer, mood):
    s.command("queue", "pause")
    m = s.submit("paused@peer.test")
    s.stop()
    s.start()
    s.command("message", "list")
    time.sleep(1)
    expect(s.state(m) == ["queued"], s.state(m))
    expect(s.json("queue", "show")[0]["paused"], s.json("queue", "show"))
    s.command("queue", "resume")
    reaches(s, m, ["delivered"])


def jump_of_the_clock(s, peer, mood):
    """After a restart at a time ten years on, a copy that was tried once is not expired."""
    mood.reply = "451 4.2.0 later"
    m = s.submit("jump@peer.test")
    reaches(s, m, ["deferred"])
    s.stop()
    with sqlite3.connect(os.path.join(s.dir, "mail", "mail.db")) as db:
        db.execute("UPDATE messages SET received = received - ? WHERE id = ?",
                   (3650 * DAY_MS, str(m)))
        db.execute("UPDATE copies SET next = next - ?", (3650 * DAY_MS,))
    s.start()
    expect(wait_for(lambda: events(s, m).count("deferred") >= 2), events(s, m))
    expect(s.state(m) == ["deferred"], s.state(m))
    mood.reply = None
    # and one that was set back waits no longer than the longest retry time
    s.stop()
    with sqlite3.connect(os.path.join(s.dir, "mail", "mail.db")) as db:
        db.execute("UPDATE messages SET received = received + ? WHERE id = ?",
                   (7300 * DAY_MS, str(m)))
        db.execute("UPDATE copies SET next = next + ?", (7300 * DAY_MS,))
    s.start()
    reaches(s, m, ["delivered"])


def retention(s, peer, mood):
    """Rows and events that are older than what is to be kept go; younger ones stay."""
    old = s.submit("old@peer.test")
    reaches(s, old, ["delivered"])
    new = s.submit("new@peer.test")
    reaches(s, new, ["delivered"])
    s.stop()
    path = os.path.join(s.dir, "mail", "mail.db")
    with sqlite3.connect(path) as db:
        n = db.execute("SELECT n FROM messages WHERE id = ?", (str(old),)).fetchone()[0]
        db.execute("UPDATE messages SET received = received - ?, kept = 1 WHERE n <= ?",
                   (70 * DAY_MS, n))
        db.execute("UPDATE events SET at = at - ? WHERE message <= ?", (70 * DAY_MS, n))
    s.start()
    with sqlite3.connect(path) as db:
        def rows():
            return [r[0] for r in db.execute("SELECT id FROM messages")]
        expect(wait_for(lambda: str(old) not in rows()), "the old row stays")
        expect(str(new) in rows(), "the new row went")
        expect(db.execute("SELECT count(*) FROM events WHERE message = ?", (n,)).fetchone()[0]
               == 0, "events of the old one stay")
        expect(db.execute("SELECT count(*) FROM copies WHERE message = ?", (n,)).fetchone()[0]
               == 0, "copies of the old one stay")
    expect(s.trace(new), "the new one has no events")


def metadata_goes_before_events(s, peer, mood):
    m = s.submit("secret@peer.test", headers=["X-Posthaste-Tag: private"])
    reaches(s, m, ["delivered"])
    s.stop()
    s.set({"retention.metadata": "0s"})
    s.start()
    path = os.path.join(s.dir, "mail", "mail.db")
    with sqlite3.connect(path) as db:
        def row():
            return db.execute("SELECT sender, tag, (SELECT max(rcpt) FROM copies c WHERE "
                              "c.message = m.n) FROM messages m WHERE id = ?",
                              (str(m),)).fetchone()
        expect(wait_for(lambda: row() == ("", "", "")), row())
    expect("delivered" in events(s, m), events(s, m))


TESTS = [
    ("development mode holds, a release lets go", development),
    ("a suspended server's mail is held until it is released after the suspension", suspended),
    ("a credential's hold holds its mail", credential_hold),
    ("a send limit holds what is over it, also after a restart", send_limit),
    ("a suppressed recipient ends so, whatever its case; the others get theirs", suppression),
    ("a suppression may be for all servers", suppression_of_all_servers),
    ("a suppression really expires", suppression_expires),
    ("the suppression list is looked at before each attempt", suppression_is_looked_at_again),
    ("an operator holds, retries and cancels", operator),
    ("orders by tag, domain, state, age, server and recipient", by_filter),
    ("an order to a copy in flight is carried out when its attempt has failed",
     cancelled_in_flight),
    ("hold in flight, with its reason, and withdrawn", held_in_flight),
    ("an order for a copy in flight outlives queued and a kill of all", later_over_a_restart),
    ("a release after a suspension looks at the rest", suspended_in_development),
    ("a clock that is ahead at a start ends no hold", held_and_the_clock_ahead),
    ("X-Posthaste-Expires ends a copy", expires),
    ("an idempotency key sends once; another content under it is held", idempotency),
    ("a delayed copy says so once", delayed),
    ("a pause outlives a restart", paused),
    ("a jump of the clock expires nothing and delays nothing for long", jump_of_the_clock),
    ("what is too old goes, what is not stays", retention),
    ("addresses may go before events", metadata_goes_before_events),
]


def main():
    tap, mood, names = Tap(), Mood(), sys.argv[1:]
    with Peer(mood.script) as peer, Sandbox(
            mx={"peer.test": peer.address, "other.test": peer.address},
            settings={"queue.retry": "1s 1s 1s 2s", "queue.delay_event": "3s",
                      "retention.events": "30d"}) as s:
        for name, test in TESTS:
            if names and test.__name__ not in names:
                continue
            try:
                tap.run(name, test, s, peer, mood)
            finally:
                mood.reply = None
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - the sandbox: %s" % e)
    sys.exit(1)
