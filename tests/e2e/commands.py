#!/usr/bin/python3
"""The posthaste command from outside, against a sandbox of its own.

    commands.py [--bin build/bin] [NAME...]

Prints TAP lines and at last "N passed, N failed".  Started as root, everything runs as nobody.
"""

import argparse
import base64
import json
import os
import re
import shutil
import smtplib
import ssl
import subprocess
import sys
import tempfile
import time
import traceback

from cryptography.hazmat.primitives import serialization

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
NOBODY = 65534
OK, USAGE, DATA, NO_INPUT, UNAVAILABLE, EXISTS, IO, TEMP, CONFIG = 0, 64, 65, 66, 69, 73, 74, 75, 78
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Result:
    def __init__(self, args, done):
        self.args, self.code = args, done.returncode
        self.raw, self.err = done.stdout, done.stderr.decode(errors="replace")
        self.out = done.stdout.decode(errors="replace")

    def expect(self, code, *texts):
        """The exit code, and texts that stdout or stderr holds."""
        where = "%s: exit %d, out %r, err %r" % (self.args, self.code, self.out[-800:],
                                                 self.err[-800:])
        assert self.code == code, where
        for text in texts:
            assert text in self.out + self.err, "no %r in %s" % (text, where)
        if code:
            assert re.match(r"posthaste: \S", self.err), where
        else:
            assert self.err == "", where
        return self

    def objects(self):
        return [json.loads(line) for line in self.out.splitlines()]


class Sandbox:
    def __init__(self, bin_folder):
        self.top = tempfile.mkdtemp(prefix="posthaste-commands-")
        self.bin = shutil.copytree(bin_folder, os.path.join(self.top, "bin"))
        self.dir = os.path.join(self.top, "instance")
        self.user = {}
        self.env = {}
        if os.getuid() == 0:
            self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            os.chown(self.top, NOBODY, NOBODY)
            os.chmod(self.top, 0o755)

    def run(self, *args, cwd=None, stdout=subprocess.PIPE, **env):
        environ = {"PATH": os.environ["PATH"], **env}
        done = subprocess.run([os.path.join(self.bin, "posthaste"), *args], cwd=cwd or self.top,
                              stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                              timeout=60, env=environ, check=False, **self.user)
        if done.stdout is None:
            done.stdout = b""
        return Result(args, done)

    def __call__(self, *args, **more):
        return self.run("-C", self.dir, *args, **more)

    def start(self):
        self.run("sandbox", "start", self.dir).expect(OK)
        with open(os.path.join(self.dir, "env"), encoding="utf-8") as f:
            self.env = dict(re.findall(r"^([A-Z_]+)='(.*)'$", f.read(), re.M))

    def stop(self):
        return self.run("sandbox", "stop", self.dir)

    def close(self):
        self.stop()
        shutil.rmtree(self.top, ignore_errors=True)

    def smtp(self, user=None, secret=None):
        context = ssl.create_default_context(cafile=self.env["SMTP_CA"])
        s = smtplib.SMTP("localhost", int(self.env["SMTP_PORT"]), timeout=20)
        s.starttls(context=context)
        s.login(user or self.env["SMTP_USER"], secret or self.env["SMTP_PASS"])
        return s

    def send(self, to, subject="test", sender="a@sandbox.test", session=None):
        """The queue id of a message to these recipients."""
        text = ("From: <a@sandbox.test>\r\nTo: <%s>\r\nSubject: %s\r\n"
                "Message-ID: <%d@sandbox.test>\r\nDate: Mon, 23 Nov 2026 18:44:32 +0000\r\n\r\n"
                "Hello.\r\n.dot\r\n" % (to[0], subject, time.monotonic_ns()))
        s = session or self.smtp()
        s.mail(sender)
        for rcpt in to:
            code, reply = s.rcpt(rcpt)
            assert code == 250, reply
        code, reply = s.data(text)
        assert code == 250, reply
        if session is None:
            s.quit()
        return re.search(rb"[0-9a-f]{32}", reply).group().decode(), text


def commands_listed(s):
    """All but sink and sendmail, which have options of their own."""
    listed = [line[2:22].strip() for line in s.run("help").expect(OK).out.splitlines()
              if line.startswith("  ")]
    assert len(listed) >= 30, listed
    return [words for words in listed if words not in ("sink", "sendmail")]


@test
def help_explains_every_command(s):
    for words in commands_listed(s):
        out = s.run(*words.split(), "--help").expect(OK, "usage: posthaste").out
        assert words in out and s.run("help", *words.split()).expect(OK).out == out
    s.run("org", "--help").expect(OK, "org create", "org delete")
    s.run("domain", "key", "--help").expect(OK, "domain key add", "domain key remove")
    assert "domain create" not in s.run("help", "domain", "key").expect(OK).out
    s.run("--help").expect(OK, "POSTHASTE_DIR")
    with open(os.path.join(TOP, "VERSION"), encoding="utf-8") as f:
        version = f.read().strip()
    assert s.run("version").expect(OK).out == "posthaste %s\n" % version
    assert s.run("--version").expect(OK).out == "posthaste %s\n" % version
    assert s.run("version", "--json").expect(OK).objects() == [{"version": version}]


@test
def wrong_words_are_told_with_the_right_ones(s):
    for args, text in (
            (("ogr", "list"), 'did you mean "org"?'),
            (("org", "lsit"), 'did you mean "org list"?'),
            (("org", "frobnicate"), "unknown command"),
            (("xyzzy",), "posthaste help"),
            (("org",), "org create"),
            (("domain", "key"), "domain key activate"),
            (("domain", "kye"), 'did you mean "domain key"?'),
            (("domain", "key", "activte"), 'did you mean "domain key activate"?'),
            (("domain", "key", "frobnicate"), 'unknown command "domain key frobnicate"'),
            (("-X", "org", "list"), "unknown option -X"),
            (("-C",), "-C needs a folder")):
        s.run(*args).expect(USAGE, text)
    assert s.run().code == USAGE
    for args, text in (
            (("org", "create"), "argument is missing"),
            (("org", "create", "a", "b"), 'unexpected argument "b"'),
            (("domain", "create", "a.example", "--verifed"), "did you mean --verified?"),
            (("domain", "create", "a.example", "--verified=yes"), "takes no value"),
            (("message", "list", "--limit"), "needs a value"),
            (("message", "list", "--limit", "x"), "not a number"),
            (("message", "list", "--raw"), "--json"),
            (("trace", "x", "--wait=soon"), "not a number"),
            (("trace", "no such id!"), "no queue id")):
        s(*args).expect(USAGE, text)


@test
def the_value_of_an_option_is_its_value(s):
    s("org", "create", "values").expect(OK)
    for value in ("-h", "--help", "--json", "--", "--reason"):
        s("org", "suspend", "values", "--reason", value).expect(OK)
        shown = s("org", "show", "values", "--json").expect(OK).objects()[0]
        assert shown["suspend_reason"] == value, shown
        s("org", "unsuspend", "values").expect(OK)
    s("org", "suspend", "values", "--reason", "x", "--help").expect(OK, "usage: posthaste")
    s("org", "suspend", "values", "--reason=x", "--json").expect(OK, "{")
    s("org", "delete", "values").expect(OK)
    # "nowhere" holds no instance, so nothing is done
    for words in commands_listed(s):
        usage = s.run("help", *words.split()).expect(OK).out.splitlines()[0]
        for option in re.findall(r"(--[a-z-]+) [A-Za-z]", usage):
            out = s.run("-C", "nowhere", *words.split(), option, "--help").out
            assert "usage:" not in out, (words, option, out)


@test
def without_an_instance_commands_say_what_to_start(s):
    for args in (("org", "list"), ("message", "list"), ("trace", "1"), ("config", "show"),
                 ("domain", "create", "a.example"), ("config", "check")):
        s.run("-C", "nowhere", *args).expect(UNAVAILABLE, "sandbox start nowhere")
    os.mkdir(os.path.join(s.top, "empty"), 0o755)
    s.run("-C", "empty", "org", "list").expect(UNAVAILABLE, "holds no instance")


@test
def an_instance_is_found(s):
    work = os.path.join(s.top, "work")
    os.makedirs(work)
    os.symlink(s.dir, os.path.join(work, "sandbox"))
    s.run("org", "list", cwd=work).expect(OK, "sandbox")
    s.run("org", "list", POSTHASTE_DIR=s.dir).expect(OK, "sandbox")
    s.run("org", "list", POSTHASTE_DIR="nowhere", cwd=work).expect(UNAVAILABLE, "nowhere")
    s.run("-C" + s.dir, "org", "list", POSTHASTE_DIR="nowhere").expect(OK, "sandbox")


@test
def organisations_and_servers_come_and_go(s):
    s("org", "create", "acme").expect(OK, "acme")
    s("org", "create", "acme").expect(EXISTS, "exists already")
    for name in ("Acme", "a_b", "", "x" * 64, "server", "a/b"):
        s("org", "create", name).expect(DATA, "posthaste: ")
    s("org", "create", "--", "-a").expect(OK)
    s("org", "delete", "--", "-a").expect(OK)
    s("org", "show", "nobody").expect(NO_INPUT, "org list")
    assert s("org", "show", "acme", "--json").expect(OK).objects()[0]["servers"] == 0
    s("server", "create", "acme/mail").expect(OK, "acme/mail")
    s("server", "create", "acme/mail").expect(EXISTS)
    s("server", "create", "acme").expect(DATA, "ORG/NAME")
    s("server", "create", "acme/all").expect(DATA, "reserved")
    s("server", "create", "nobody/mail").expect(NO_INPUT, "org create nobody")
    s("server", "show", "acme/mail").expect(OK, "credentials   0")
    names = [o["name"] for o in s("server", "list", "--json").expect(OK).objects()]
    assert names == ["acme/mail", "sandbox/sandbox"], names
    s("org", "delete", "acme").expect(EXISTS, "server delete acme/NAME")
    s("credential", "create", "api", "x", "--server", "acme/mail").expect(OK)
    s("server", "delete", "acme/mail").expect(EXISTS, "1 credential")
    s("credential", "delete", "api", "x", "--server", "acme/mail").expect(OK)
    s("server", "delete", "acme/mail").expect(OK)
    assert s("org", "delete", "acme", "--json").expect(OK).objects() == [{"deleted": "acme"}]
    s("org", "show", "acme").expect(NO_INPUT)


@test
def domains_have_a_key_and_records(s):
    o = s("domain", "create", "Example.COM.", "--json").expect(OK).objects()[0]
    assert o["name"] == "example.com" and o["verified"] is False, o
    records = {(r["type"], r["name"]): r["value"] for r in o["records"]}
    dkim = records["TXT", o["selector"] + "._domainkey.example.com"]
    key = re.fullmatch(r"v=DKIM1; k=rsa; p=([A-Za-z0-9+/=]+)", dkim).group(1)
    assert serialization.load_der_public_key(base64.b64decode(key)).key_size == 2048
    assert records["TXT", "example.com"].startswith("v=spf1 ")
    assert records["TXT", "_dmarc.example.com"].startswith("v=DMARC1; ")
    assert s("domain", "show", "example.com", "--json").expect(OK).objects() == [o]
    s("domain", "show", "example.com").expect(OK, dkim, "mail from it is refused")
    s("domain", "create", "example.com").expect(EXISTS, "already")
    for name in ("a..b", "-a.example", "a b.example", "\u2603.example", "192.0.2.1"):
        s("domain", "create", "--", name).expect(DATA, "not a domain")
    s("domain", "create", "exa\u00f6.example").expect(OK, "_dmarc.xn--exa-una.example")
    s("domain", "delete", "xn--exa-una.example").expect(OK)
    s("domain", "show", "example.net").expect(NO_INPUT, "domain list")
    s("domain", "show", "example.net", "--server", "no/body").expect(NO_INPUT, "server list")
    s("domain", "verify", "example.com").expect(OK)
    assert s("domain", "show", "example.com", "--json").objects()[0]["verified"] is True
    s("domain", "list").expect(OK, "example.com", "sandbox.test")
    s("domain", "delete", "example.com").expect(OK)
    s("domain", "delete", "example.com").expect(NO_INPUT)


def keys_of(s, domain):
    keys = s("domain", "key", "list", domain, "--json").expect(OK).objects()
    return [(k["selector"], k["algorithm"], k["state"]) for k in keys]


@test
def keys_of_a_domain_are_replaced(s):
    first = s("domain", "create", "keys.example", "--json").expect(OK).objects()[0]["selector"]
    assert keys_of(s, "keys.example") == [(first, "rsa-sha256", "active")]
    added = s("domain", "key", "add", "keys.example", "--algorithm", "ed25519-sha256",
              "--selector", "ED.2026", "--json").expect(OK).objects()[0]
    assert (added["selector"], added["algorithm"], added["state"]) == (
        "ed.2026", "ed25519-sha256", "new"), added
    assert added["record"]["name"] == "ed.2026._domainkey.keys.example"
    value = re.fullmatch(r"v=DKIM1; k=ed25519; p=([A-Za-z0-9+/=]+)", added["record"]["value"])
    assert len(base64.b64decode(value.group(1))) == 32
    out = s("domain", "key", "add", "keys.example").expect(OK, "is new", "v=DKIM1; k=rsa; p=").out
    second = re.search(r"(ph[a-z]{6})\._domainkey", out).group(1)
    s("domain", "key", "activate", "keys.example", second).expect(OK, "is active")
    s("domain", "key", "activate", "keys.example", "ed.2026").expect(OK, "is active")
    assert keys_of(s, "keys.example") == [(first, "rsa-sha256", "retired"),
                                          ("ed.2026", "ed25519-sha256", "active"),
                                          (second, "rsa-sha256", "active")]
    shown = s("domain", "show", "keys.example", "--json").expect(OK).objects()[0]
    assert shown["selector"] == second
    assert [r["name"].split(".")[0] for r in shown["records"] if r["purpose"] == "DKIM"] == [
        first, "ed", second]
    s("domain", "key", "list", "keys.example").expect(OK, first, "retired")
    removed = s("domain", "key", "remove", "keys.example", first, "--json").expect(OK).objects()[0]
    assert removed["removed"] == first
    s("domain", "key", "remove", "keys.example", second).expect(OK, "is removed")
    s("domain", "key", "remove", "keys.example", "ed.2026").expect(EXISTS, "only active key")
    # the signer has kept its key
    s("domain", "key", "add", "keys.example", "--selector", first).expect(EXISTS, "already")
    s("domain", "key", "add", "keys.example", "--selector", "ed.2026").expect(EXISTS, "already")
    assert len(keys_of(s, "keys.example")) == 1
    s("domain", "delete", "keys.example").expect(OK)


@test
def wrong_keys_of_a_domain_are_told(s):
    s("domain", "key", "list", "no.example").expect(NO_INPUT, "domain list")
    s("domain", "key", "add", "no.example").expect(NO_INPUT, "domain list")
    s("domain", "key", "add", "sandbox.test", "--algorithm", "rsa-sha1").expect(
        USAGE, "rsa-sha256 or ed25519-sha256")
    for selector in ("a..b", "../x", "a_b", "x" * 64, ""):
        s("domain", "key", "add", "sandbox.test", "--selector=" + selector).expect(
            DATA, "not a selector")
        s("domain", "key", "remove", "sandbox.test", selector).expect(DATA, "not a selector")
    s("domain", "key", "activate", "sandbox.test", "nothing").expect(NO_INPUT, "key list")
    s("domain", "key", "remove", "sandbox.test", "nothing").expect(NO_INPUT, "key list")
    assert len(keys_of(s, "sandbox.test")) == 1


@test
def a_server_must_be_named_where_there_are_several(s):
    s("org", "create", "acme").expect(OK)
    s("server", "create", "acme/one").expect(OK)
    found = s("domain", "create", "both.example", "--verified", "--json").objects()[0]
    assert found["server"] == "sandbox/sandbox" and found["verified"] is True, found
    other = s("domain", "create", "both.example", "--server=acme/one", "--json").objects()[0]
    assert other["selector"] != found["selector"]
    s("domain", "delete", "both.example").expect(OK)
    s("domain", "delete", "both.example", "--server", "acme/one").expect(OK)
    s("server", "delete", "acme/one").expect(OK)
    s("org", "delete", "acme").expect(OK)


def stored_anywhere(s, secret):
    for at, _, files in os.walk(s.dir):
        for name in files:
            path = os.path.join(at, name)
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as f:
                if secret.encode() in f.read():
                    return path
    return None


def logs_in(s, secret):
    try:
        s.smtp(secret=secret).quit()
        return True
    except smtplib.SMTPAuthenticationError:
        return False


@test
def credentials_work_and_are_stored_hashed(s):
    o = s("credential", "create", "smtp", "app one", "--json").expect(OK).objects()[0]
    assert re.fullmatch("[A-Za-z0-9]{24}", o["secret"]), o
    assert o["user"] == "sandbox/sandbox", o
    assert logs_in(s, o["secret"])
    assert stored_anywhere(s, o["secret"]) is None
    shown = s("credential", "show", "smtp", "app one").expect(OK, "sandbox/sandbox").out
    assert o["secret"] not in shown
    s("credential", "create", "smtp", "app one").expect(EXISTS, "already")
    s("credential", "create", "smtp", "own", "--secret", "my own secret").expect(OK)
    assert logs_in(s, "my own secret")
    s("credential", "create", "smtp", "again", "--secret", "my own secret").expect(EXISTS)
    s("credential", "create", "smtp", "bad", "--secret", "a\tb").expect(DATA, "control")
    s("credential", "create", "ftp", "x").expect(DATA, "smtp or api")
    api = s("credential", "create", "api", "app one", "--json").expect(OK).objects()[0]
    assert "user" not in api and not logs_in(s, api["secret"])
    assert len(s("credential", "list", "--json").expect(OK).objects()) == 4
    for kind, name in (("smtp", "app one"), ("smtp", "own"), ("api", "app one")):
        s("credential", "delete", kind, name).expect(OK, "deleted")
    assert not logs_in(s, o["secret"]) and not logs_in(s, "my own secret")
    s("credential", "delete", "smtp", "own").expect(NO_INPUT)


@test
def what_was_just_accepted_is_listed_as_it_was_stored(s):
    qid, text = s.send(["b@sink.test", "c@x.sink.test"], sender="bounce+1@sandbox.test")
    found = [m for m in s("message", "list", "--json", "--raw").expect(OK).objects()
             if m["id"] == qid]
    assert len(found) == 1
    m = found[0]
    assert m["from"] == "bounce+1@sandbox.test" and m["direction"] == "outgoing"
    assert m["rcpt"] == ["b@sink.test", "c@x.sink.test"]
    assert [c["recipient"] for c in m["copies"]] == m["rcpt"]
    for c in m["copies"]:
        assert c["state"] in ("queued", "deferred", "delivered"), c
        assert re.fullmatch("[a-z2-7]{34}", c["token"]) and c["token"] in c["return_path"], c
        assert isinstance(c["id"], int)
    data = base64.b64decode(m["data"])
    assert data.startswith(b"Received: ") and qid.encode() in data.split(b"Date:")[0]
    assert data.endswith(text.encode()), data
    assert len(data) == m["size"]
    s("trace", qid, "--wait").expect(OK)
    assert s("message", "raw", qid).expect(OK).raw == data
    assert s("message", "raw", str(m["copies"][1]["id"])).raw == data
    shown = s("message", "show", qid, "--json").expect(OK).objects()[0]
    assert [c["state"] for c in shown["copies"]] == ["delivered", "delivered"], shown
    s("message", "show", qid).expect(OK, qid, "c@x.sink.test", "delivered")
    s("message", "show", "0" * 32).expect(NO_INPUT, "message list")
    s("message", "raw", "0" * 32).expect(NO_INPUT)


@test
def long_lists_come_whole_and_in_pages(s):
    session = s.smtp()
    sent = [s.send(["b@sink.test"], session=session)[0] for _ in range(230)]
    session.quit()
    listed = [m["id"] for m in s("message", "list", "--json").expect(OK).objects()]
    assert [i for i in listed if i in set(sent)] and len(set(listed)) == len(listed)
    assert set(sent) <= set(listed)
    assert len(s("message", "list").expect(OK).out.splitlines()) == len(listed)
    paged, after = [], []
    while True:
        page = [m["id"] for m in
                s("message", "list", "--json", "--limit=110", *after).expect(OK).objects()]
        if not page:
            break
        paged += page
        after = ["--after", page[-1]]
    assert paged == listed
    assert s("message", "list", "--limit", "0").expect(OK).out == ""
    s("message", "list", "--after", "0" * 32).expect(NO_INPUT)


@test
def a_trace_tells_everything_under_each_of_its_names(s):
    qid, _ = s.send(["b@sink.test", "c@sink.test"])
    text = s("trace", qid, "--wait=20").expect(OK, "accepted", "delivered", "dns ", "+").out
    assert "b@sink.test" in text and "c@sink.test" in text
    events = s("trace", qid.upper(), "--json").expect(OK).objects()
    assert [e["event"] for e in events] == ["accepted", "delivered", "delivered"], events
    assert all(e["message"] == qid for e in events)
    seqs = [e["seq"] for e in events]
    assert seqs == sorted(set(seqs))
    assert events[0]["from"] == "a@sandbox.test" and "copy" not in events[0]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", e["at"]) for e in events)
    for e in events[1:]:
        assert e["code"] == 250 and e["attempt"] == 1 and e["tls"] and e["signed_by"], e
    copy = s("message", "show", qid, "--json").objects()[0]["copies"][1]
    for name in (str(copy["id"]), copy["token"], copy["token"].upper()):
        own = s("trace", name, "--json").expect(OK).objects()
        assert [e.get("rcpt") for e in own] == [None, "c@sink.test"], own
    forged = copy["token"][:-5] + ("aaaaa" if copy["token"][-5:] != "aaaaa" else "bbbbb")
    assert s("trace", forged).code in (NO_INPUT, USAGE)
    s("trace", "9007199254740000").expect(NO_INPUT)


@test
def waiting_ends_with_the_time(s):
    qid, _ = s.send(["b@nowhere.invalid"])
    begun = time.monotonic()
    r = s("trace", qid, "--wait=1")
    assert r.code == TEMP and "not final" in r.err and "accepted" in r.out, (r.code, r.out, r.err)
    assert 0.9 < time.monotonic() - begun < 10


@test
def the_configuration_is_checked_and_shown(s):
    with open(os.path.join(TOP, "common/conf/conf.def"), encoding="utf-8") as f:
        keys = re.findall(r'^CONF_[A-Z]+\([a-z0-9_]+, *"([^"]*)"', f.read(), re.M)
    shown = s("config", "show", "--json").expect(OK).objects()
    assert [o["key"] for o in shown] == keys
    by_key = {o["key"]: o for o in shown}
    assert by_key["hostname"]["is_default"] is False
    assert by_key["queue.lifetime"] == {**by_key["queue.lifetime"], "value": "5d",
                                        "default": "5d", "is_default": True}
    s("config", "show").expect(OK, "# default", "queue.lifetime")
    s("config", "check").expect(OK, "valid")
    bad = os.path.join(s.top, "bad.conf")
    with open(bad, "w", encoding="utf-8") as f:
        f.write("hostname = mx.example\nqueue.lifetme = 5d\n")
    s.run("config", "check", bad).expect(CONFIG, bad + ":2:1: ", "queue.lifetime")
    s.run("config", "check", "bad.conf").expect(CONFIG, "bad.conf:2:1: ")
    s.run("config", "check", bad + ".no").expect(CONFIG, "No such file")


@test
def output_that_cannot_be_written_is_an_error(s):
    with open("/dev/full", "wb") as full:
        s("config", "show", stdout=full).expect(IO, "could not be written")


@test
def a_stopped_instance_is_told(s):
    qid = s("message", "list", "--json", "--limit", "1").expect(OK).objects()[0]["id"]
    s.stop().expect(OK)
    for args in (("message", "list"), ("message", "raw", qid), ("trace", qid)):
        s(*args).expect(UNAVAILABLE, "queued", "sandbox start " + s.dir)
    s("domain", "create", "late.example").expect(UNAVAILABLE, "the signer", "sandbox start")
    s.run("sandbox", "send", s.dir).expect(UNAVAILABLE, "sandbox start " + s.dir)
    sendmail = ("sendmail", "-f", "a@sandbox.test", "b@sink.test")
    s(*sendmail).expect(TEMP, "sandbox start " + s.dir)
    zone = os.path.join(s.dir, "dns.zone")
    os.rename(zone, zone + ".away")  # then it is no sandbox
    for args, code in ((("message", "list"), UNAVAILABLE), (sendmail, TEMP)):
        told = s(*args).expect(code, "`systemctl start posthaste`").err
        assert "sandbox start" not in told, told
    os.rename(zone + ".away", zone)
    s("domain", "show", "late.example").expect(NO_INPUT)
    s("org", "list").expect(OK, "sandbox")
    s("config", "show").expect(OK, "hostname")
    shown = s("limits", "show")
    assert (shown.code, shown.err) == (OK, "posthaste: queued does not answer: what is used of the "
                                       "limits is not known\n"), (shown.code, shown.err)
    assert "queue.in_flight" in shown.out, shown.out
    s("limits", "show", "--server", "sandbox/sandbox").expect(UNAVAILABLE, "queued")


def run_one(function, s):
    try:
        function(s)
        return True
    except Exception:  # a test must not end the others
        traceback.print_exc(file=sys.stdout)
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default=os.path.join(TOP, "build/bin"))
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    s = Sandbox(args.bin)
    passed = failed = 0
    try:
        s.start()
        for function in TESTS:
            name = function.__name__.replace("_", " ")
            if args.names and not any(n in function.__name__ for n in args.names):
                continue
            good = run_one(function, s)
            passed, failed = passed + good, failed + (not good)
            print("%s %d - %s" % ("ok" if good else "not ok", passed + failed, name), flush=True)
    finally:
        s.close()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
