#!/usr/bin/python3
"""The commands that list and follow: suppression, events, trace -f, queue list; forms, pages, errors."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import COMMAND, TOP, Failed, Peer, Sandbox, Tap, wait_for  # noqa: E402

SERVER = "sandbox/sandbox"


def expect(good, what):
    if not good:
        raise AssertionError(what)


def refused(s, code, text, *args, **more):
    status, out, err = s.command(*args, check=False, **more)
    expect(status == code and text in err, (args, status, out, err))


class Follow:
    """A command that goes on, and its lines of JSON so far."""

    def __init__(self, s, *args):
        self.out = tempfile.TemporaryFile()
        self.p = subprocess.Popen([COMMAND, "-C", s.dir, *args, "--json"], stdout=self.out, cwd=TOP)

    def rows(self):
        self.out.seek(0)
        return [json.loads(line) for line in self.out.read().decode().splitlines(True)
                if line.endswith("\n")]

    def stop(self):
        self.p.send_signal(signal.SIGINT)
        return self.p.wait(20)


def suppressions(s, *args):
    return s.json("suppression", "list", *args)


def add_and_remove(s, peer):
    s.command("suppression", "add", "One@Example.test", "--reason", "they asked")
    s.command("suppression", "add", "two@example.test", "--all-servers", "--for", "30d")
    rows = {r["address"]: r for r in suppressions(s)}
    expect(set(rows) == {"one@example.test", "two@example.test"}, rows)
    expect(rows["one@example.test"]["server"] == SERVER and rows["one@example.test"]["until"] is None
           and rows["one@example.test"]["reason"] == "they asked", rows)
    expect(rows["two@example.test"]["server"] == "all servers" and rows["two@example.test"]["until"],
           rows)
    shown = s.json("suppression", "show", "ONE@example.test")
    expect([r["address"] for r in shown] == ["one@example.test"], shown)
    expect("one@example.test" in s.command("suppression", "list"), "text")
    s.command("suppression", "remove", "one@EXAMPLE.test")
    s.command("suppression", "remove", "two@example.test", "--all-servers")
    expect(suppressions(s) == [], suppressions(s))


def suppression_errors(s, peer):
    refused(s, 65, "no address", "suppression", "add", "nobody")
    refused(s, 64, "--for", "suppression", "add", "a@b.test", "--for", "soon")
    refused(s, 64, "is over already", "suppression", "add", "a@b.test", "--until",
            "2020-01-01T00:00:00Z")
    refused(s, 66, "not on the suppression list", "suppression", "remove", "a@b.test")
    refused(s, 66, "not on the suppression list", "suppression", "show", "a@b.test")
    refused(s, 64, "one of them", "suppression", "add", "a@b.test", "--for", "1d", "--until",
            "2099-01-01T00:00:00Z")


def export_and_import(s, peer):
    for form in "csv", "json":
        s.command("suppression", "import", "-", stdin=(
            'address,reason,expires\n"a@b.test","x, ""y""",\nc@d.test,gone,2099-01-01\n'.encode()))
        before = suppressions(s)
        expect(len(before) == 2 and before[0]["reason"] == 'x, "y"', before)
        exported = s.command("suppression", "export", "--format", form)
        for row in before:
            s.command("suppression", "remove", row["address"])
        s.command("suppression", "import", "-", "--server", SERVER, stdin=exported.encode())
        expect(suppressions(s) == before, (before, suppressions(s)))
        for row in before:
            s.command("suppression", "remove", row["address"])


SEVERAL = ("a@b.test,sandbox/sandbox\nc@d.test,sandbox/second\ne@f.test,*\ng@h.test,\n"
           "i@j.test,sandbox/sandbox\n")


def places(s):
    return {(r["address"], r["server"]) for r in suppressions(s)}


def remove_all(s):
    for address, server in places(s):
        to = ["--all-servers"] if server == "all servers" else ["--server", server]
        s.command("suppression", "remove", address, *to)


def several_servers_in_one_list(s, peer):
    text = ("email,server\n" + SEVERAL).encode()
    done = s.json("suppression", "import", "-", stdin=text)[0]
    expect(done["imported"] == 5 and done["servers"] == [
        {"server": "sandbox/sandbox", "imported": 2}, {"server": "sandbox/second", "imported": 1},
        {"server": "all servers", "imported": 2}], done)
    want = {("a@b.test", SERVER), ("c@d.test", "sandbox/second"), ("e@f.test", "all servers"),
            ("g@h.test", "all servers"), ("i@j.test", SERVER)}
    expect(places(s) == want, places(s))
    for form in "csv", "json":
        before, exported = suppressions(s), s.command("suppression", "export", "--format", form)
        remove_all(s)
        s.command("suppression", "import", "-", stdin=exported.encode())
        expect(suppressions(s) == before, (before, suppressions(s)))
    remove_all(s)
    refused(s, 65, "-:3: it is for sandbox/second, and the option names sandbox/sandbox",
            "suppression", "import", "-", "--server", SERVER, stdin=text)
    refused(s, 65, "-:2: it is for sandbox/sandbox, and the option names all servers",
            "suppression", "import", "-", "--all-servers", stdin=text)
    refused(s, 65, '-:7: there is no server "sandbox/none"', "suppression", "import", "-",
            stdin=text + b"k@l.test,sandbox/none\n")
    expect(places(s) == set(), places(s))


class OneOrder:
    """In the place of queued's ADMIN door: hands the first order on, and answers no other one."""

    def __init__(self, s):
        self.door = os.path.join(s.dir, "run", "queued", "admin")
        os.rename(self.door, self.door + ".real")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.door)
        self.listener.listen()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with self.listener.accept()[0] as caller, \
                socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as queued:
            queued.connect(self.door + ".real")
            order, fds, _, _ = socket.recv_fds(caller, 65536, 1)
            socket.send_fds(queued, [order], fds)
            caller.send(queued.recv(65536))
        self.listener.close()

    def close(self):
        self.thread.join(20)
        os.rename(self.door + ".real", self.door)


def an_import_that_ends_in_the_middle(s, peer):
    door = OneOrder(s)
    status, out, err = s.command("suppression", "import", "-", check=False,
                                 stdin=("email,server\n" + SEVERAL).encode())
    door.close()
    expect(status == 69 and "1 of 3 lists were imported, that of sandbox/second and" in err, err)
    expect(out == "2 addresses are imported into the suppression list of sandbox/sandbox\n", out)
    expect(places(s) == {("a@b.test", SERVER), ("i@j.test", SERVER)}, places(s))
    remove_all(s)


def a_list_is_read_where_the_caller_is(s, peer):
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, "list"), "w") as f:
            f.write("near@b.test\n")
        subprocess.run([COMMAND, "-C", s.dir, "suppression", "import", "list", "--server", SERVER],
                       cwd=d, check=True, stdout=subprocess.DEVNULL)
    expect(places(s) == {("near@b.test", SERVER)}, places(s))
    remove_all(s)


def import_is_all_or_nothing(s, peer):
    text = b"email\na@b.test\nnobody\nc@d.test\n"
    refused(s, 65, "-:3: its address is none", "suppression", "import", "-", stdin=text)
    expect(suppressions(s) == [], suppressions(s))
    done = s.json("suppression", "import", "-", "--skip-bad", stdin=text)[0]
    expect((done["imported"], done["bad"]) == (2, 1), done)
    done = s.json("suppression", "import", "-", stdin=b"email,until\nold@b.test,2020-01-01\n")[0]
    expect((done["imported"], done["expired"]) == (0, 1), done)
    for a in "a@b.test", "c@d.test":
        s.command("suppression", "remove", a)


def a_long_list(s, peer):
    text = "".join("r%05d@long.test\n" % i for i in range(20000))
    done = s.json("suppression", "import", "-", "--reason", "moved", stdin=text.encode())[0]
    expect(done["imported"] == 20000, done)
    rows = suppressions(s)
    expect(len(rows) == 20000 and rows[-1]["address"] == "r19999@long.test", len(rows))
    page = suppressions(s, "--server", SERVER, "--after", "r00099@long.test", "--limit", "3")
    expect([r["address"] for r in page] == ["r%05d@long.test" % i for i in (100, 101, 102)], page)
    m = s.submit(["r12345@long.test", "fine@peer.test"])
    expect(wait_for(lambda: s.is_final(m)) and s.state(m) == ["suppressed", "delivered"],
           s.state(m))


def a_list_larger_than_a_table(s, peer):
    domain = ".".join(["d" * 60] * 3) + ".test"
    text = "".join("u%06d@%s\n" % (i, domain) for i in range(150000))
    s.command("suppression", "import", "-", "--reason", "r" * 255, "--all-servers",
              stdin=text.encode(), timeout=120)
    listed = s.command("suppression", "list", "--all-servers", timeout=120)
    expect(listed.count("\n") == 150001, listed.count("\n"))


def events_in_order(s, peer):
    m = s.submit("e@peer.test", headers=["X-Posthaste-Tag: blue",
                                         'X-Posthaste-Metadata: {"order":"17"}'])
    expect(wait_for(lambda: s.is_final(m)), "not final")
    rows = s.json("events")
    seqs = [r["seq"] for r in rows]
    expect(seqs == sorted(set(seqs)), seqs)
    own = [r for r in rows if r["message"] == m]
    expect([r["event"] for r in own] == ["accepted", "delivered"], own)
    expect(all(r["tag"] == "blue" and r["metadata"] == {"order": "17"} for r in own), own)
    later = s.json("events", "--after", str(own[0]["seq"]))
    expect(later[0]["seq"] > own[0]["seq"] and len(later) < len(rows), later[0])
    expect(len(s.json("events", "--limit", "2")) == 2, "limit")
    only = s.json("events", "--type", "delivered")
    expect({r["event"] for r in only} == {"delivered"}, only)
    refused(s, 64, "no such event", "events", "--type", "arrived")
    s.command("server", "create", "sandbox/other")
    expect(s.json("events", "--server", "sandbox/other") == [], "--server")
    expect(s.json("events", "--server", SERVER, "--limit", "3") == rows[:3], "--server")
    expect(s.command("events", "--limit", "1").count("\n") == 1, "text")


def events_that_are_missed(s, peer):
    def warned(after):
        status, out, err = s.command("events", "--after", after, check=False)
        expect(status == 0, (status, out, err))
        return err

    for m in s.submit("one@peer.test"), s.submit("two@peer.test"):
        expect(wait_for(lambda: s.is_final(m)), "not final")
    last = s.json("events")[-1]["seq"]
    expect(warned(last) == "" and warned(last - 1) == "", "nothing is missed")
    expect("the last event is %d; either mail.db was made anew" % last in warned(last + 1), "anew")
    s.stop()
    with contextlib.closing(sqlite3.connect(os.path.join(s.dir, "mail", "mail.db"))) as db, db:
        db.execute("DELETE FROM events WHERE seq < ?", (last,))
    s.start()
    expect(warned(last - 1) == "", "nothing is missed")
    expect("events behind %d are no longer kept" % (last - 2) in warned(last - 2), "no longer kept")


def events_follow(s, peer):
    last = s.json("events")[-1]["seq"]
    f = Follow(s, "events", "-f", "--after", str(last))
    m = s.submit("follow@peer.test")
    expect(wait_for(lambda: [r["event"] for r in f.rows() if r["message"] == m] ==
                    ["accepted", "delivered"]), f.rows())
    expect(f.stop() == 0, f.p.returncode)


def trace_follow(s, peer):
    s.command("queue", "pause")
    m = s.submit("traced@peer.test")
    f = Follow(s, "trace", str(m), "-f")
    expect(wait_for(lambda: [r["event"] for r in f.rows()] == ["accepted"]), f.rows())
    s.command("queue", "resume")
    expect(f.p.wait(20) == 0, "it goes on though the message is finished")
    expect([r["event"] for r in f.rows()] == ["accepted", "delivered"], f.rows())


def trace_follow_of_a_copy(s, peer):
    s.command("queue", "pause")
    m = s.submit(["one@peer.test", "two@peer.test"])
    one, two = [r["copy"] for r in s.json("queue", "list")]
    f = Follow(s, "trace", str(one), "-f")
    expect(wait_for(lambda: [r["event"] for r in f.rows()] == ["accepted"]), f.rows())
    s.command("queue", "cancel", str(one))
    expect(f.p.wait(20) == 0, "it goes on though the copy is finished")
    expect([r["event"] for r in f.rows()] == ["accepted", "cancelled"], f.rows())
    s.command("queue", "cancel", str(two))
    s.command("queue", "resume")
    expect(s.state(m) == ["cancelled"] * 2, s.state(m))


def queue_pages(s, peer):
    s.command("queue", "pause")
    m = s.submit(["q%d@peer.test" % i for i in range(7)])
    rows = s.json("queue", "list")
    expect([r["recipient"] for r in rows] == ["q%d@peer.test" % i for i in range(7)], rows)
    expect(all(r["id"] == m and r["state"] == "queued" for r in rows), rows)
    page = s.json("queue", "list", "--after", str(rows[3]["copy"]), "--limit", "2")
    expect(page == rows[4:6], page)
    expect(s.json("queue", "show", str(rows[2]["copy"])) == [rows[2]], "one copy")
    expect(len(s.json("queue", "show", m)) == 7, "one message")
    summary = s.json("queue", "show")[0]
    expect(summary["open"] == 7 and summary["due"] == 7 and summary["paused"] is True, summary)
    expect(summary["domains"] == [{"domain": "peer.test", "copies": 7}], summary)
    expect("paused" in s.command("queue", "show"), "text")
    refused(s, 64, "--state", "queue", "list", "--state", "delivered")
    refused(s, 64, "not both", "queue", "hold", m, "--all")
    refused(s, 66, "there is no message", "queue", "hold", "0" * 32)
    refused(s, 64, "no queue id", "queue", "retry", "what")
    refused(s, 64, "--tag: a tag has at most", "queue", "hold", "--tag", "x" * 256)
    refused(s, 64, "--tag: it is empty", "queue", "cancel", "--tag", "")
    refused(s, 64, "--rcpt", "queue", "cancel", "--rcpt", "")
    refused(s, 64, "--domain", "queue", "cancel", "--domain", "")
    refused(s, 64, "--rcpt x: that is no address", "queue", "list", "--rcpt", "x")
    refused(s, 64, "--domain a..b: that is no domain", "queue", "list", "--domain", "a..b")
    expect(s.json("queue", "list", "--rcpt", "Q3@PEER.test") == [rows[3]], "--rcpt")
    expect(s.json("queue", "list", "--domain", "b\u00fccher.test") == [], "--domain with U-labels")
    refused(s, 66, "there is no message", "queue", "cancel", str(rows[0]["copy"]), "0" * 32)
    expect(len(s.json("queue", "list")) == 7, "an unknown one among those named changes nothing")
    held = s.json("queue", "hold", m, str(rows[0]["copy"]), "--reason", "incident 42")[0]
    expect((held["action"], held["count"], held["later"]) == ("hold", 7, 0), held)
    expect({(r["state"], r["hold"]) for r in s.json("queue", "show", m)} == {("held", "operator")},
           "held")
    expect({e["detail"] for e in s.trace(m) if e["event"] == "held"} == {"incident 42"}, s.trace(m))
    expect(s.json("queue", "release", m)[0]["count"] == 7, "release")
    expect(s.json("queue", "show")[0]["oldest"] == rows[0]["received"], "oldest")
    expect(s.json("queue", "show")[0]["servers"][0]["name"] == SERVER, "the server's name")
    s.command("queue", "cancel", str(rows[0]["copy"]))
    s.command("queue", "resume")
    expect(wait_for(lambda: s.is_final(m)), s.state(m))
    expect(s.state(m) == ["cancelled"] + 6 * ["delivered"], s.state(m))
    refused(s, 66, "has no open copies", "queue", "show", m)


def a_long_queue_has_one_heading(s, peer):
    s.command("queue", "pause")
    for k in range(3):
        s.submit(["long%d%s@peer.test" % (i, k * "x") for i in range(700)])
    expect(wait_for(lambda: len(s.json("queue", "list")) == 2100), "not all are there")
    lines = s.command("queue", "list").splitlines()
    expect(len(lines) == 2101 and [n for n, line in enumerate(lines) if "RECIPIENT" in line] == [0],
           (len(lines), lines[:3]))
    expect({line.index("queued") for line in lines[1:700]} == {lines[0].index("STATE")}, lines[:2])
    s.command("queue", "cancel", "--all")
    s.command("queue", "resume")


def limits(s, peer):
    rows = {r["name"]: r for r in s.json("limits", "show")}
    expect(rows["smtpd.sessions"]["value"] == "3000" and rows["smtpd.sessions"]["from"] == "default",
           rows["smtpd.sessions"])
    expect(rows["hops"]["value"] == "50" and rows["hops"]["from"] == "fixed", rows["hops"])
    expect(rows["queue.in_flight"]["used"] == 0, rows["queue.in_flight"])
    own = {r["name"]: r for r in s.json("limits", "show", "--server", SERVER)}
    expect(own["bytes_limit"]["from"] == "queue.server_bytes" and own["send_limit"]["value"] == "none",
           own)
    s.command("server", "set", SERVER, "--send-limit", "1000", "--bytes-limit", "1G")
    s.submit("limits@peer.test")
    own = {r["name"]: r for r in s.json("limits", "show", "--server", SERVER)}
    expect({r["from"] for r in own.values()} == {"server"}, own)
    expect(own["send_limit"]["value"] == "1000" and own["bytes_limit"]["value"] == str(1 << 30), own)
    expect(wait_for(lambda: [r["used"] for r in s.json("limits", "show", "--server", SERVER)
                             if r["name"] == "send_limit"] == [1]), own)
    expect("smtpd.sessions" in s.command("limits", "show"), "text")


TESTS = [add_and_remove, suppression_errors, export_and_import, several_servers_in_one_list,
         an_import_that_ends_in_the_middle, a_list_is_read_where_the_caller_is,
         import_is_all_or_nothing, a_long_list, events_in_order, events_follow, trace_follow,
         trace_follow_of_a_copy, queue_pages, a_long_queue_has_one_heading,
         limits, events_that_are_missed, a_list_larger_than_a_table]


def main():
    tap, names = Tap(), sys.argv[1:]
    with Peer() as peer, Sandbox(mx={"peer.test": peer.address}) as s:
        s.command("server", "create", "sandbox/second")
        for test in TESTS:
            if not names or test.__name__ in names:
                tap.run(test.__name__.replace("_", " "), test, s, peer)
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - the sandbox: %s" % e)
    sys.exit(1)
