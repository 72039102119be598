#!/usr/bin/python3
"""smtpd's limits against strangers: sessions in all, at mx and from one address, failed logins,
slow clients, descriptors.

Clients come from addresses of 127.0.0.0/8, which no sandbox here trusts.  How long something takes
is nowhere asserted: only that it happens, while others are served.
"""

import base64
import contextlib
import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Failed, Sandbox, Tap, wait_for  # noqa: E402

FULL = "421 4.3.2 Too many sessions, try again later"
ADDRESS_FULL = "421 4.7.0 Too many sessions from your address, try again later"
IDLE = "421 4.4.2 Nothing came for too long, closing"
SLOW = "421 4.4.2 The message comes too slowly, closing"
LONG = "421 4.4.2 The session lasts too long, closing"
STRANGERS = {"smtpd.trusted_networks": ""}
WAIT_S = 60


class Client:
    """A connection from an address of its own; says and reads raw lines."""

    def __init__(self, box, door="MX_PORT", source="127.0.0.1"):
        self.s = socket.create_connection((box.env["SMTP_HOST"], int(box.env[door])), WAIT_S,
                                          (source, 0))
        self.got = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.s.close()

    def line(self):
        """The next line; "" when the connection is closed."""
        while b"\n" not in self.got:
            try:
                piece = self.s.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                piece = b""
            if not piece:
                return ""
            self.got += piece
        line, _, self.got = self.got.partition(b"\n")
        return line.rstrip(b"\r").decode("ascii")

    def send(self, data):
        """False when nobody takes it any more."""
        try:
            self.s.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def say(self, text):
        self.send(text.encode() + b"\r\n")
        line = self.line()
        while line[3:4] == "-":
            line = self.line()
        return line

    def is_open(self):
        return self.say("NOOP") == "250 2.0.0 Ok"


def want(got, expected):
    if got != expected:
        raise Failed("wanted %r, got %r" % (expected, got))


def enter(box, stack, source, door="MX_PORT", count=1, say="220 "):
    """Comes so many times, and stays until the end of stack; each must hear this."""
    for i in range(count):
        c = stack.enter_context(Client(box, door, source))
        line = c.line()
        if not line.startswith(say):
            raise Failed("%s, number %d: wanted %r, got %r" % (source, i + 1, say, line))
    return c


def settled(box):
    """All connections of the test before are closed, at smtpd's end as well."""
    ports = {int(box.env[p]) for p in ("SMTP_PORT", "SMTPS_PORT", "MX_PORT")}

    def none():
        with open("/proc/net/tcp", encoding="ascii") as f:
            rows = [line.split() for line in f][1:]
        return not [r for r in rows
                    if int(r[1].split(":")[1], 16) in ports and r[3] in ("01", "08")]
    if not wait_for(none, WAIT_S):
        raise Failed("connections of the test before are still open")


# how many

def mx_address(box):
    settled(box)
    with contextlib.ExitStack() as stack:
        first = enter(box, stack, "127.0.0.2")
        enter(box, stack, "127.0.0.2", count=3)
        enter(box, stack, "127.0.0.2", say=ADDRESS_FULL)
        enter(box, stack, "127.0.0.3")
        enter(box, stack, "127.0.0.2", "SMTP_PORT")
        first.close()
        if not wait_for(lambda: enter_one(box, stack, "127.0.0.2")):
            raise Failed("a place that was left is not given again")
        enter(box, stack, "127.0.0.2", say=ADDRESS_FULL)


def enter_one(box, stack, source, door="MX_PORT"):
    c = Client(box, door, source)
    if not c.line().startswith("220 "):
        c.close()
        return False
    stack.enter_context(c)
    return True


def submission_address(box):
    settled(box)
    with contextlib.ExitStack() as stack:
        enter(box, stack, "127.0.0.2", "SMTP_PORT", 8)
        enter(box, stack, "127.0.0.2", "SMTP_PORT", say=ADDRESS_FULL)
        enter(box, stack, "127.0.0.2", "SMTPS_PORT", say=ADDRESS_FULL)
        enter(box, stack, "127.0.0.3", "SMTP_PORT")


def lingering(box):
    """Who was told 221 and does not go holds its place until it is closed."""
    def refused():
        settled(box)
        for _ in range(4):
            want(enter(box, stack, "127.0.0.2").say("QUIT"), "221 2.0.0 Bye")
        return Client(box, "MX_PORT", "127.0.0.2").line() == ADDRESS_FULL
    with contextlib.ExitStack() as stack:
        # they are not waited for very long: a slow machine may need more than one try
        if not wait_for(refused, WAIT_S):
            raise Failed("it does not")
        if not wait_for(lambda: enter_one(box, stack, "127.0.0.2"), WAIT_S):
            raise Failed("it holds it for ever")


def mx_part(box):
    settled(box)
    with contextlib.ExitStack() as stack:
        for i in range(3):
            enter(box, stack, "127.0.1.%d" % i, count=4)
        enter(box, stack, "127.0.1.9", say=FULL)
        enter(box, stack, "127.0.1.9", "SMTP_PORT")
        box.submit("a@sink.test")


def all_sessions(box):
    settled(box)
    with contextlib.ExitStack() as stack:
        for i in range(3):
            enter(box, stack, "127.0.1.%d" % i, count=4)
        for i in range(18):
            enter(box, stack, "127.0.2.%d" % i, "SMTP_PORT")
        enter(box, stack, "127.0.1.9", "SMTP_PORT", say=FULL)
        enter(box, stack, "127.0.1.9", say=FULL)
        if not box.log_find("turned-away client=127.0.1.9 reason=sessions"):
            raise Failed("the log does not say so")


def killed_worker(box):
    """Its sessions are gone; so are their places."""
    settled(box)
    with contextlib.ExitStack() as stack:
        enter(box, stack, "127.0.0.2", count=4)
        for i in range(18):
            enter(box, stack, "127.0.2.%d" % i, "SMTP_PORT")
        before = box.workers("smtpd")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        if not wait_for(lambda: len(set(box.workers("smtpd")) - set(before)) == 2, WAIT_S):
            raise Failed("no new workers")
        enter(box, stack, "127.0.0.2", count=4)
        enter(box, stack, "127.0.0.2", say=ADDRESS_FULL)
        for i in range(26):
            enter(box, stack, "127.0.2.%d" % i, "SMTP_PORT")
        enter(box, stack, "127.0.2.99", "SMTP_PORT", say=FULL)
    settled(box)
    box.submit("a@sink.test")


# failed logins

def login(box, source):
    smtp = smtplib.SMTP(box.env["SMTP_HOST"], int(box.env["SMTP_PORT"]), "client.test", WAIT_S,
                        (source, 0))
    smtp.starttls(context=tls_context(box))
    smtp.ehlo()
    return smtp


def tls_context(box):
    context = ssl.create_default_context(cafile=box.env["SMTP_CA"])
    context.check_hostname = False
    return context


def auth(smtp, user, secret):
    code, text = smtp.docmd("AUTH", "PLAIN " + base64.b64encode(
        ("\0%s\0%s" % (user, secret)).encode()).decode())
    return "%d %s" % (code, text.decode())


def auth_right(box, smtp):
    return auth(smtp, box.env["SMTP_USER"], box.env["SMTP_PASS"])


def secret(box):
    text = "\0%s\0%s" % (box.env["SMTP_USER"], box.env["SMTP_PASS"])
    return base64.b64encode(text.encode()).decode()


def session_failures(box):
    smtp = login(box, "127.0.3.1")
    for i in range(4):
        want(auth(smtp, "u%d" % i, "wrong"), "535 5.7.8 Wrong user name or password")
    want(auth(smtp, "u4", "wrong"), "421 4.7.0 Too many failed logins, closing")
    smtp.close()


THROTTLED = "454 4.7.0 Too many failed logins, try again later"


def user_failures(box):
    """The right secret from there: not now.  Elsewhere: nothing has happened."""
    user = box.env["SMTP_USER"]
    smtp = login(box, "127.0.3.2")
    for _ in range(3):
        want(auth(smtp, user, "wrong"), "535 5.7.8 Wrong user name or password")
    want(auth_right(box, smtp), THROTTLED)
    other = login(box, "127.0.3.3")
    want(auth_right(box, other)[:4], "235 ")
    other.quit()
    again = login(box, "127.0.3.2")
    want(auth_right(box, again), THROTTLED)
    if not box.log_find("auth-throttled client=127.0.3.2 user=%s" % user):
        raise Failed("the log does not say so")
    again.quit()
    smtp.close()

    def forgiven():
        one = login(box, "127.0.3.2")
        said = auth_right(box, one)
        one.close()
        return said.startswith("235 ")
    if not wait_for(forgiven, WAIT_S, 0.5):
        raise Failed("failures are never forgiven")


def address_failures(box):
    """Six users: it is the address that has had its tries."""
    smtp = login(box, "127.0.3.4")
    for i in range(3):
        auth(smtp, "a%d" % i, "wrong")
    smtp.close()
    smtp = login(box, "127.0.3.4")
    for i in range(3):
        auth(smtp, "b%d" % i, "wrong")
    for _ in range(4):
        want(auth_right(box, smtp), THROTTLED)
    want(auth_right(box, smtp), "421 4.7.0 Too many failed logins, closing")
    smtp.close()
    other = login(box, "127.0.3.5")
    want(auth_right(box, other)[:4], "235 ")
    other.quit()


def stop_while_waiting(box):
    """smtpd does not stay for an answer that it holds back."""
    smtp = login(box, "127.0.3.6")
    smtp.send(b"AUTH PLAIN " + base64.b64encode(b"\0u\0wrong") + b"\r\nNOOP\r\n")
    if not wait_for(lambda: box.log_find("auth-failed client=127.0.3.6"), WAIT_S):
        raise Failed("it was not looked at")
    box.stop()
    code, text = smtp.getreply()
    want("%d %s" % (code, text.decode()), "421 4.3.2 Service is being restarted, try again")
    smtp.close()
    if box.log_find("sessions-cut"):
        raise Failed("it was waited for")


# slow ones

def drip(c, data, every=0.2):
    """Sends byte after byte until nobody takes them or something is said; the line, or ""."""
    c.s.settimeout(every)
    for byte in data:
        if not c.send(bytes([byte])):
            break
        try:
            c.got += c.s.recv(1000)
            break
        except socket.timeout:
            pass
        except ConnectionResetError:
            break
    else:
        raise Failed("all was taken: nobody minds")
    c.s.settimeout(WAIT_S)
    return c.line()


def drip_ehlo(box):
    with Client(box, source="127.0.4.1") as c:
        c.line()
        want(drip(c, b"EHLO " + b"x" * 1000), IDLE)
        want(c.line(), "")


def drip_long_line(box):
    """Bytes that are thrown away are no sign of life."""
    with Client(box, source="127.0.4.2") as c:
        c.line()
        c.send(b"x" * 3000)
        want(drip(c, b"x" * 1000), IDLE)


def drip_data(box):
    """Never silent for long, and far too slow."""
    smtp = login(box, "127.0.4.3")
    auth_right(box, smtp)
    smtp.mail("sender@" + box.env["MAIL_DOMAIN"])
    smtp.rcpt("a@sink.test")
    want(smtp.docmd("DATA")[0], 354)
    c = Client.__new__(Client)
    c.s, c.got = smtp.sock, b""
    with c:
        want(drip(c, b"From: x\r\n\r\n" + b"x" * 1000), SLOW)
    if not wait_for(lambda: not [f for f in box.spool_files() if "new/smtpd" in f]):
        raise Failed("the file is still there")


def drip_handshake(box):
    hello = ssl.MemoryBIO()
    tls = tls_context(box).wrap_bio(ssl.MemoryBIO(), hello, server_hostname="mail.sandbox.test")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    with Client(box, "SMTPS_PORT", "127.0.4.4") as c:
        want(drip(c, hello.read()), "")
    with Client(box, "SMTP_PORT", "127.0.4.4") as c:
        c.line()
        c.say("EHLO a")
        want(c.say("STARTTLS")[:4], "220 ")
        want(c.line(), "")
    if not box.log_find("timed-out client=127.0.4.4 reason=idle"):
        raise Failed("the log does not say so")


def session_time(box):
    """It ends between two commands, though something comes all the time."""
    with Client(box, source="127.0.4.5") as c:
        c.line()
        said = c.say("NOOP")
        while said == "250 2.0.0 Ok":
            time.sleep(0.2)
            said = c.say("NOOP")
        want(said, LONG)


def long_message(box):
    """A message that comes as fast as it must is not cut off by the session's time."""
    smtp = login(box, "127.0.4.6")
    auth_right(box, smtp)
    smtp.mail("sender@" + box.env["MAIL_DOMAIN"])
    smtp.rcpt("a@sink.test")
    want(smtp.docmd("DATA")[0], 354)
    smtp.send("From: sender@%s\r\n\r\n" % box.env["MAIL_DOMAIN"])
    end = time.monotonic() + 2 * SESSION_S
    while time.monotonic() < end:
        smtp.send("x" * 500 + "\r\n")
        time.sleep(0.2)
    code, text = smtp.docmd(".")
    want(code, 250)
    want(smtp.getreply()[0], 421)
    smtp.close()


def unread_replies(box):
    """Who sends commands and reads no replies is gone in the end."""
    with Client(box, "SMTP_PORT", "127.0.4.7") as c:
        c.line()
        c.say("EHLO a")
        want(c.say("AUTH PLAIN " + secret(box))[:4], "235 ")
        c.say("MAIL FROM:<sender@%s>" % box.env["MAIL_DOMAIN"])
        c.s.settimeout(1)
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            try:
                if not c.send(b"RCPT TO:<b@sink.test>\r\n" * 1000):
                    return
            except socket.timeout:
                pass
        raise Failed("it is still there")


def served_meanwhile(box, done, tap):
    count = 0
    while not done.is_set() or not count:
        box.submit("a@sink.test")
        count += 1
    tap.note("%d messages of a good client meanwhile" % count)


SESSION_S = 6
TIMES = dict(STRANGERS, **{"smtpd.command_timeout": "2s", "smtpd.session_time": "%ds" % SESSION_S,
                           "smtpd.workers": 2, "smtpd.auth_clear": "yes"})


def slow_ones(box, tap):
    """All at the same time, and a good client beside them."""
    tests = [(drip_ehlo, "A command that drips is ended"),
             (drip_long_line, "So is a line without end"),
             (drip_data, "A message that drips is ended"),
             (drip_handshake, "A handshake that drips, or does not come, is ended"),
             (session_time, "A session that lasts too long is ended"),
             (long_message, "But not within a message"),
             (unread_replies, "Who reads no replies counts as idle")]
    done, results = threading.Event(), {}

    def one(test):
        try:
            test(box)
        except Exception as e:  # told by the main thread
            results[test] = "%s: %s" % (type(e).__name__, e)
    threads = [threading.Thread(target=one, args=(test,)) for test, _ in tests]
    for t in threads:
        t.start()
    good = threading.Thread(target=lambda: tap.run("A good client is served meanwhile",
                                                   served_meanwhile, box, done, tap))
    good.start()
    for t in threads:
        t.join()
    done.set()
    good.join()
    for test, name in tests:
        tap.ok(test not in results, name, results.get(test, ""))


def crowd(box):
    """300 of 340 places held by clients that drip: who comes is served, and they are not suffered
    for the five minutes that a command may take otherwise."""
    with contextlib.ExitStack() as stack:
        slow = []
        for i in range(300):
            c = stack.enter_context(Client(box, ("MX_PORT", "SMTP_PORT")[i % 2],
                                           "127.0.5.%d" % (1 + i % 100)))
            want(c.line()[:4], "220 ")
            c.send(b"EHLO ")
            slow.append(c)
        left, crowded = list(slow), 340 * 80 // 100
        end = time.monotonic() + WAIT_S
        while len(left) > crowded and time.monotonic() < end:
            for c in left:
                c.send(b"x")
            box.submit("a@sink.test")
            left = [c for c in left if not has_ended(c)]
            time.sleep(0.3)
        if len(left) > crowded:
            raise Failed("%d are still there" % len(left))


def has_ended(c):
    c.s.setblocking(False)
    try:
        return c.s.recv(1, socket.MSG_PEEK) is not None
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    finally:
        c.s.settimeout(WAIT_S)


# descriptors

def limit(box, soft):
    """As the daemon's user: so it needs no capability."""
    for pid in box.workers("smtpd"):
        with open("/proc/%d/status" % pid, encoding="ascii") as f:
            ids = {line.split()[0]: int(line.split()[1]) for line in f if line[1:4] == "id:"}
        more = {"user": ids["Uid:"], "group": ids["Gid:"], "extra_groups": []}
        subprocess.run(["prlimit", "--pid", str(pid), "--nofile=%s:" % soft], check=True,
                       **(more if os.geteuid() == 0 else {}))


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spins(box):
    """Does the worker use a processor up while nothing is going on?"""
    pid = box.workers("smtpd")[0]
    before, begun = cpu_s(pid), time.monotonic()
    time.sleep(1)
    return cpu_s(pid) - before > (time.monotonic() - begun) / 2


def few_descriptors(box):
    """64: those who are let in can send their messages, all at once; the others are told."""
    start = box.log_size()
    limit(box, 64)
    with contextlib.ExitStack() as stack:
        inside, away = [], 0
        for _ in range(100):
            c = stack.enter_context(Client(box, "SMTP_PORT"))
            line = c.line()
            away += line == FULL
            if line.startswith("220 "):
                inside.append(c)
        if away + len(inside) != 100 or len(inside) < 5 or away < 20:
            raise Failed("%d let in, %d turned away" % (len(inside), away))
        if spins(box):
            raise Failed("it spins")
        if not all(c.is_open() for c in inside):
            raise Failed("who was let in was thrown out")
        messages_at_once(box, inside)
    bad = box.log_find("accept-paused|spool-failed", start)
    if bad:
        raise Failed("\n".join(bad[:5]))
    if not box.log_find("turned-away client=127.0.0.1 reason=descriptors", start):
        raise Failed("the log does not say so")


def messages_at_once(box, clients):
    sender = "sender@" + box.env["MAIL_DOMAIN"]
    for c in clients:
        c.say("EHLO client.test")
        want(c.say("STARTTLS")[:4], "220 ")
        c.s = tls_context(box).wrap_socket(c.s, server_hostname="mail.sandbox.test")
        c.say("EHLO client.test")
        want(c.say("AUTH PLAIN " + secret(box))[:4], "235 ")
        c.say("MAIL FROM:<%s>" % sender)
        c.say("RCPT TO:<a@sink.test>")
        want(c.say("DATA")[:4], "354 ")
        c.send(b"From: %s\r\n\r\nhello\r\n" % sender.encode())
    for c in clients:
        want(c.say(".")[:4], "250 ")


def no_descriptors(box):
    """Fewer than it has: nobody is let in, it waits, and goes on when there are more."""
    start = box.log_size()
    limit(box, 8)
    with Client(box, "SMTP_PORT") as c:
        if not wait_for(lambda: box.log_find("accept-paused", start), WAIT_S):
            raise Failed("accepting went on")
        if spins(box):
            raise Failed("it spins")
        limit(box, 1024)
        want(c.line()[:4], "220 ")
    box.submit("a@sink.test")


def main():
    tap = Tap()
    with Sandbox(settings=dict(STRANGERS, **{
            "smtpd.workers": 2, "smtpd.sessions": 30, "smtpd.mx_sessions": 12,
            "smtpd.address_sessions": 8, "smtpd.mx_address_sessions": 4})) as box:
        tap.run("An address has so many sessions at mx, others notice nothing", mx_address, box)
        tap.run("and so many at submission", submission_address, box)
        tap.run("Nobody gets around that by ending sessions and staying", lingering, box)
        tap.run("mx leaves room for submission", mx_part, box)
        tap.run("All together have so many", all_sessions, box)
        tap.run("Killed workers give their places back", killed_worker, box)
    with Sandbox(settings=dict(STRANGERS, **{
            "smtpd.auth_delay": "20ms", "smtpd.auth_address_failures": 6,
            "smtpd.auth_user_failures": 3, "smtpd.auth_refill": "5s"})) as box:
        tap.run("Five failed logins end the session", session_failures, box)
        tap.run("A user is locked for one address, for a time", user_failures, box)
        tap.run("An address is locked whatever user it tries", address_failures, box)
    with Sandbox(settings={"smtpd.auth_delay": "1m"}) as box:
        tap.run("Stopping does not wait for it", stop_while_waiting, box)
    with Sandbox(settings=TIMES) as box:
        slow_ones(box, tap)
    with Sandbox(settings=dict(STRANGERS, **{"smtpd.sessions": 340})) as box:
        tap.run("300 slow clients and a good one", crowd, box)
    with Sandbox(settings={"smtpd.workers": 1}) as box:
        tap.run("With few descriptors nothing is promised that cannot be kept", few_descriptors,
                box)
        tap.run("and with none it waits for better times", no_descriptors, box)
    tap.done()


if __name__ == "__main__":
    main()
