#!/usr/bin/python3
"""What servers are set to, whom their credentials let in, and databases of an older release.

    tenants.py

Prints TAP lines and at last "N passed, N failed".
"""

import json
import os
import smtplib
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import COMMAND, TOP, Peer, Sandbox, Tap, wait_for  # noqa: E402

SERVER = "sandbox/sandbox"
USAGE, DATA, NO_INPUT, EXISTS, IO = 64, 65, 66, 73, 74
REFUSED = "5.7.1 From/Sender name is not valid"


def refused(s, code, text, *args):
    """The command fails with that exit code and says text."""
    status, out, err = s.command(*args, check=False)
    assert status == code and text in err and not out, (args, status, out, err)


def server(s, name=SERVER):
    return s.json("server", "show", name)[0]


def settings_are_set_and_shown(s):
    new = server(s)
    assert (new["mode"], new["send_limit"], new["bytes_limit"], new["allow_sender"],
            new["privacy"], new["relay"], new["suspended"], new["suspended_at"],
            new["suspended_by"]) == \
        ("live", None, None, False, False, None, False, None, None), new
    done = s.json("server", "create", "sandbox/two", "--mode", "development", "--send-limit", "10",
                  "--bytes-limit=20M", "--allow-sender", "yes", "--privacy", "yes",
                  "--relay", "[2001:DB8::1]:25")[0]
    assert (done["mode"], done["send_limit"], done["bytes_limit"], done["allow_sender"],
            done["privacy"], done["relay"]) == ("development", 10, 20 << 20, True, True,
                                                "[2001:db8::1]:25"), done
    assert server(s, "sandbox/two") == done
    listed = {row["name"]: row for row in s.json("server", "list")}
    assert listed == {SERVER: new, "sandbox/two": done}, listed
    done = s.json("server", "set", "sandbox/two", "--send-limit=none", "--privacy=no")[0]
    assert (done["mode"], done["send_limit"], done["bytes_limit"], done["allow_sender"],
            done["privacy"], done["relay"]) == ("development", None, 20 << 20, True, False,
                                                "[2001:db8::1]:25"), done
    shown = s.command("server", "show", "sandbox/two")
    for line in ("mode          development", "send limit    none", "bytes limit   20971520 bytes",
                 "allow sender  yes", "privacy       no", "relay         [2001:db8::1]:25", "suspended     no"):
        assert line in shown, shown
    assert s.json("server", "set", "sandbox/two", "--relay=none")[0]["relay"] is None
    assert "relay         none" in s.command("server", "show", "sandbox/two")
    assert "development" in s.command("server", "list")
    s.command("server", "delete", "sandbox/two")


def wrong_settings_are_told(s):
    for text, *args in (
            ("--mode test: it is live or development", "--mode", "test"),
            ("--send-limit x", "--send-limit", "x"),
            ("1 or more, or none", "--send-limit", "0"),
            ("--bytes-limit 5X", "--bytes-limit", "5X"),
            ("out of range", "--bytes-limit", "0"),
            ("--allow-sender maybe: it is yes or no", "--allow-sender", "maybe"),
            ("--privacy 1: it is yes or no", "--privacy", "1"),
            ("--relay mail.example: no port", "--relay", "mail.example"),
            ("it is HOST:PORT, or none", "--relay", "[mail.example]:25"),
            ("nothing to set",),
            ("did you mean --privacy", "--privcy", "yes")):
        refused(s, USAGE, text, "server", "set", SERVER, *args)
    refused(s, NO_INPUT, "server list", "server", "set", "sandbox/no", "--privacy", "yes")
    refused(s, USAGE, "--mode", "server", "create", "sandbox/bad", "--mode", "test")
    refused(s, NO_INPUT, "sandbox/bad", "server", "show", "sandbox/bad")


def suspension_is_shown_with_its_reason(s):
    s.command("server", "suspend", SERVER, "--reason", "spam, call them")
    row = server(s)
    assert row["suspended"] and row["suspended_by"] == "server", row
    assert row["suspend_reason"] == "spam, call them" and row["suspended_at"], row
    assert ": spam, call them" in s.command("server", "show", SERVER)
    assert "suspended" in s.command("server", "list")
    org = s.json("org", "suspend", "sandbox", "--reason", "unpaid")[0]
    assert org["suspended"] and org["suspend_reason"] == "unpaid", org
    row = s.json("server", "unsuspend", SERVER)[0]
    assert row["suspended"] and row["suspended_by"] == "org", row
    assert row["suspend_reason"] == "unpaid", row
    assert "with its organisation: unpaid" in s.command("server", "show", SERVER)
    assert not s.json("org", "unsuspend", "sandbox")[0]["suspended"]
    assert not server(s)["suspended"]
    refused(s, NO_INPUT, "org list", "org", "suspend", "nobody")
    refused(s, DATA, "a reason", "server", "suspend", SERVER, "--reason", "a\tb")
    assert not server(s)["suspended"]


def credentials_of_each_type_are_made_and_shown(s):
    smtp = s.json("credential", "create", "smtp", "printer", "--cram-md5", "--hold")[0]
    assert smtp["cram_md5"] and smtp["hold"] and smtp["network"] is None and smtp["secret"], smtp
    net = s.json("credential", "create", "smtp-ip", "office", "--network", "2001:DB8::/32")[0]
    assert net["network"] == "2001:db8::/32" and "secret" not in net and "user" not in net, net
    assert not net["hold"] and not net["cram_md5"], net
    alone = s.json("credential", "create", "smtp-ip", "host", "--network", "192.0.2.1")[0]
    assert alone["network"] == "192.0.2.1/32", alone
    shown = s.command("credential", "show", "smtp", "printer")
    assert "cram-md5    yes" in shown and "hold        yes" in shown, shown
    assert not s.json("credential", "set", "smtp", "printer", "--hold", "no")[0]["hold"]
    listed = {row["name"]: row for row in s.json("credential", "list")}
    assert listed["printer"]["cram_md5"] and not listed["printer"]["hold"], listed
    assert listed["office"] == net and not listed["default"]["cram_md5"], listed
    assert "2001:db8::/32" in s.command("credential", "list")
    session = s.session(login=False)
    session.login(SERVER, smtp["secret"])
    session.close()
    for name in ("office", "host"):
        s.command("credential", "delete", "smtp-ip", name)
    s.command("credential", "delete", "smtp", "printer")


def wrong_credentials_are_told(s):
    create = ("credential", "create")
    s.command(*create, "smtp-ip", "there", "--network", "198.51.100.0/24")
    for code, text, *args in (
            (USAGE, "needs --network", "smtp-ip", "x"),
            (USAGE, "--network is for type smtp-ip", "smtp", "x", "--network", "192.0.2.1"),
            (USAGE, "--secret", "smtp-ip", "x", "--network", "192.0.2.1", "--secret", "s"),
            (USAGE, "--cram-md5", "api", "x", "--cram-md5"),
            (USAGE, "--cram-md5", "smtp-ip", "x", "--network", "192.0.2.1", "--cram-md5"),
            (DATA, "did you mean 192.0.2.0/24", "smtp-ip", "x", "--network", "192.0.2.1/24"),
            (DATA, "did you mean 192.0.2.0/24", "smtp-ip", "x", "--network",
             "::ffff:192.0.2.0/120"),
            (DATA, "no such prefix length", "smtp-ip", "x", "--network", "192.0.2.0/33"),
            (DATA, "not a network", "smtp-ip", "x", "--network", "office"),
            (DATA, "everybody could submit", "smtp-ip", "x", "--network", "0.0.0.0/0"),
            (DATA, "everybody could submit", "smtp-ip", "x", "--network", "::/0"),
            (EXISTS, "network 198.51.100.0/24 already", "smtp-ip", "x", "--network",
             "198.51.100.0/24"),
            (DATA, "smtp or api, or smtp-ip", "ftp", "x")):
        refused(s, code, text, *create, *args)
    refused(s, USAGE, "--hold yes or --hold no", "credential", "set", "smtp", "default")
    refused(s, USAGE, "yes or no", "credential", "set", "smtp", "default", "--hold", "on")
    refused(s, NO_INPUT, "credential list", "credential", "set", "smtp", "x", "--hold", "yes")
    s.command("credential", "delete", "smtp-ip", "there")


def sent(s, *headers, sender=None):
    """The reply to a message with these headers: None, or why it was refused."""
    data = "".join(h + "\r\n" for h in headers) + \
        "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@sandbox.test>\r\n\r\nHello.\r\n"
    smtp = s.session()
    try:
        smtp.mail("a@sandbox.test" if sender is None else sender)
        smtp.rcpt("b@sink.test")
        code, reply = smtp.data(data)
        return None if code == 250 else "%d %s" % (code, reply.decode())
    finally:
        smtp.close()


def from_is_verified_or_sender_where_it_is_allowed(s):
    ours, foreign = "From: <a@sandbox.test>", "From: <a@elsewhere.example>"
    sender = "Sender: <c@sandbox.test>"
    assert sent(s, ours) is None
    assert sent(s, ours, sender="") is None
    assert sent(s, foreign, sender="") == "530 " + REFUSED
    assert sent(s, foreign, sender) == "530 " + REFUSED
    s.command("server", "set", SERVER, "--allow-sender", "yes")
    for headers, good in (
            ((foreign, sender), True),
            ((ours, foreign), False),
            ((ours, ours), False),
            ((ours, foreign, sender), False),
            ((foreign, sender, sender), False),
            ((foreign, "Sender: <c@elsewhere.example>"), False),
            ((foreign, "Sender: <c@sandbox.test>, <d@sandbox.test>"), False),
            ((sender,), False)):
        answer = sent(s, *headers)
        assert answer == (None if good else "530 " + REFUSED), (headers, answer)
    s.command("server", "set", SERVER, "--allow-sender", "no")
    assert sent(s, foreign, sender) == "530 " + REFUSED


def arrived(s, rcpt, *peers):
    """At which of them a new message to rcpt arrived."""
    ident = s.submit(rcpt)
    assert wait_for(lambda: s.state(ident) == ["delivered"]), s.trace(ident)
    return [any(m.ref == ident.ref for m in p.messages) for p in peers]


def a_relay_takes_the_mail_of_its_server():
    with Peer() as mx, Peer() as relay, Peer() as own, \
            Sandbox(mx={"mx.test": mx.address}, relay=relay.address) as s:
        peers = mx, relay, own
        assert arrived(s, "a@far.test", *peers) == [False, True, False]
        s.command("server", "create", "sandbox/other", "--relay", mx.address)
        assert arrived(s, "a@far.test", *peers) == [False, True, False], "another server's"
        s.command("server", "set", SERVER, "--relay", own.address)
        assert arrived(s, "a@far.test", *peers) == [False, False, True]
        assert arrived(s, "a@mx.test", *peers) == [True, False, False]
        s.command("server", "set", SERVER, "--relay=none")
        assert arrived(s, "a@far.test", *peers) == [False, True, False]


# what version 1 of control.db lacked
NEW_COLUMNS = {
    "orgs": ("suspended", "suspend_reason"),
    "servers": ("mode", "send_limit", "bytes_limit", "allow_sender", "privacy", "suspended",
                "suspend_reason", "relay"),
    "credentials": ("hold", "cram", "network"),
}
MAIL_COLUMNS = {
    "messages": ("tag", "stream", "metadata", "idempotency", "digest", "expires"),
    "copies": ("hold", "flags", "wanted"),
}


# the keys of domains were columns of theirs, and DNS was not looked at
KEY_COLUMNS = """
    ALTER TABLE domains ADD COLUMN selector TEXT NOT NULL DEFAULT '';
    ALTER TABLE domains ADD COLUMN public_key BLOB NOT NULL DEFAULT x'';
    UPDATE domains SET (selector, public_key) = (
        SELECT selector, public_key FROM domain_keys k
        WHERE k.domain = domains.id AND k.state = 'active');
    DROP TABLE domain_keys;
    ALTER TABLE domains DROP COLUMN token;
    ALTER TABLE domains DROP COLUMN checked;
    ALTER TABLE domains DROP COLUMN dkim_published;
    ALTER TABLE domains DROP COLUMN return_path_ok;
"""


def make_older(path, columns, indexes, tables=(), script=""):
    """This version made version 1, by SQL."""
    with sqlite3.connect(path) as db:
        db.executescript(script)
        for name in indexes:
            db.execute("DROP INDEX " + name)
        for name in tables:
            db.execute("DROP TABLE " + name)
        for table, names in columns.items():
            for name in names:
                db.execute("ALTER TABLE %s DROP COLUMN %s" % (table, name))
        db.execute("PRAGMA user_version = 1")
    db.close()


def make_control_older(path):
    make_older(path, NEW_COLUMNS, ("credentials_cram", "credentials_network"), script=KEY_COLUMNS)


def version(path):
    db = sqlite3.connect(path)
    found = db.execute("PRAGMA user_version").fetchone()[0]
    db.close()
    return found


LISTS = (("server", "list"), ("credential", "list"), ("domain", "show", "sandbox.test"),
         ("domain", "key", "list", "sandbox.test"))


def lists(s):
    """What they show, but for the domain's token: an upgrade makes a new one."""
    found = [s.json(*args) for args in LISTS]
    token = found[2][0].pop("token")
    assert len(token) == 32
    found[2][0]["records"] = [r for r in found[2][0]["records"] if token not in r["value"]]
    return found


def an_older_instance_is_upgraded_when_it_is_started(s):
    control = os.path.join(s.dir, "control", "control.db")
    mail = os.path.join(s.dir, "mail", "mail.db")
    accepted = s.submit("old@sink.test")
    assert wait_for(lambda: s.state(accepted) == ["delivered"])
    before = lists(s), s.trace(accepted)
    s.stop()
    make_control_older(control)
    make_older(mail, MAIL_COLUMNS, ("messages_unkept", "messages_idempotency"),
               ("suppressions", "settings", "conversations"))
    for args in (("server", "list"), ("credential", "list")):
        refused(s, IO, "version 1, this program needs 3; start the instance", *args)
    assert version(control) == version(mail) == 1
    s.start()
    assert (version(control), version(mail)) == (3, 3)
    after = lists(s), s.trace(accepted)
    assert after == before, (before, after)
    accepted = s.submit("new@sink.test")
    assert wait_for(lambda: s.state(accepted) == ["delivered"])


def supervise_alone_upgrades_too(s):
    """As a service manager starts it, without the command that makes sandboxes."""
    control = os.path.join(s.dir, "control", "control.db")
    s.stop()
    make_control_older(control)
    p = subprocess.Popen([COMMAND, "supervise", s.dir], stderr=subprocess.DEVNULL, cwd=TOP)
    try:
        assert wait_for(s.ready, 30)
        assert version(control) == 3
        accepted = s.submit("supervised@sink.test")
        assert wait_for(lambda: s.state(accepted) == ["delivered"])
    finally:
        p.terminate()
        p.wait(60)
    s.start()


def a_command_that_writes_upgrades_too(s):
    control = os.path.join(s.dir, "control", "control.db")
    make_control_older(control)
    start = s.log_size()
    for _ in range(2):  # in the middle of its work, and at its next opening
        try:
            s.session().close()
            raise AssertionError("AUTH with an older control.db")
        except smtplib.SMTPAuthenticationError as e:
            assert e.smtp_code == 454, e
    s.command("server", "set", SERVER, "--privacy", "yes")
    assert version(control) == 3 and server(s)["privacy"]

    def login():  # a worker does not open it again at once
        try:
            s.session().close()
        except smtplib.SMTPAuthenticationError:
            return None
        return True
    assert wait_for(login)
    assert s.log_find(" control-unavailable .*needs 3; start the instance", start)
    s.command("server", "set", SERVER, "--privacy", "no")


def a_database_of_a_newer_release_is_left_alone(s):
    control = os.path.join(s.dir, "control", "control.db")
    with sqlite3.connect(control) as db:
        db.execute("PRAGMA user_version = 4")
    db.close()
    for args in (("server", "list"), ("server", "set", SERVER, "--privacy", "yes")):
        refused(s, IO, "version 4, this program knows 3: a newer release has upgraded it", *args)
    with sqlite3.connect(control) as db:
        db.execute("PRAGMA user_version = 3")
    db.close()
    assert json.loads(s.command("server", "show", SERVER, "--json"))["privacy"] is False


def main():
    tap = Tap()
    with Sandbox() as s:
        for test in (settings_are_set_and_shown,
                     wrong_settings_are_told,
                     suspension_is_shown_with_its_reason,
                     credentials_of_each_type_are_made_and_shown,
                     wrong_credentials_are_told,
                     from_is_verified_or_sender_where_it_is_allowed,
                     an_older_instance_is_upgraded_when_it_is_started,
                     supervise_alone_upgrades_too,
                     a_command_that_writes_upgrades_too,
                     a_database_of_a_newer_release_is_left_alone):
            tap.run(test.__name__.replace("_", " "), test, s)
    tap.run("a relay takes the mail of its server", a_relay_takes_the_mail_of_its_server)
    tap.done()


if __name__ == "__main__":
    main()
