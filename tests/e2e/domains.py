#!/usr/bin/python3
"""What DNS has of a sending domain, and what follows: `posthaste domain check`, return paths,
signatures of the instance.

    domains.py

DNS is the sandbox's dns.zone (dns.mode = local).  Prints TAP lines and at last "N passed, N failed".
"""

import json
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Peer, Sandbox, Tap, wait_for  # noqa: E402

import dkim  # noqa: E402

DATA, NO_INPUT, UNAVAILABLE, TEMP, CONFIG = 65, 66, 69, 75, 78
DOMAIN = "shop.example"
INSTANCE = "host.example"


class Zone:
    """dns.zone: what the sandbox began with, and for each name what was set."""

    def __init__(self, s):
        self.s, self.path = s, os.path.join(s.dir, "dns.zone")
        with open(self.path) as f:
            self.base = f.read()
        self.records = {}

    def set(self, name, *records):
        """Records like "TXT text" or "MX 10 host"; none: the name goes."""
        self.records[name] = records
        start = self.s.log_size()
        with open(self.path, "w") as f:
            f.write(self.base)
            for owner, all_of_it in self.records.items():
                for record in all_of_it:
                    f.write("%s. 60 IN %s\n" % (owner, record))
        os.kill(self.s.pid("resolver"), signal.SIGHUP)
        assert wait_for(lambda: self.s.log_find(" dns-loaded ", start)), "dns.zone is not loaded"


def txt(text):
    """In strings of at most 255 bytes."""
    return "TXT " + " ".join('"%s"' % text[i:i + 255] for i in range(0, len(text), 255))


def check(s, domain=DOMAIN):
    """The exit code, the domain, and its lines by purpose (of several keys the last)."""
    code, out, err = s.command("domain", "check", domain, "--json", check=False)
    assert code in (0, DATA), (code, out, err)
    found = json.loads(out)
    assert found["ok"] == (code == 0), found
    return code, found, {line["purpose"]: line for line in found["checks"]}


def states(lines, *purposes):
    return [lines[p]["state"] for p in purposes]


def shown(s, domain=DOMAIN):
    return s.json("domain", "show", domain)[0]


def record(s, purpose, domain=DOMAIN):
    (found,) = [r for r in shown(s, domain)["records"] if r["purpose"] == purpose]
    return found["name"], found["value"]


MAIN = ("ownership", "DKIM", "return path")


def a_new_domain_is_told_what_to_publish(s, zone):
    new = s.json("domain", "create", DOMAIN)[0]
    assert (new["verified"], new["dkim_published"], new["return_path_ok"], new["checked_at"]) == \
        (False, False, False, None), new
    assert len(new["token"]) == 32
    assert record(s, "ownership") == (DOMAIN, "posthaste-verification=" + new["token"])
    assert record(s, "return path") == ("rp." + DOMAIN, "rp.sandbox.test.")
    assert new["token"] in s.command("domain", "show", DOMAIN)
    (listed,) = [d for d in s.json("domain", "list") if d["name"] == DOMAIN]
    assert {k: new[k] for k in listed} == listed and "token" in listed, listed


def what_is_missing_is_told(s, zone):
    code, found, lines = check(s)
    assert code == DATA and not found["verified"] and found["checked_at"], found
    assert states(lines, *MAIN, "DMARC", "SPF", "return path MX", "return path SPF") == \
        ["missing"] * 5 + ["ok", "missing"], lines
    assert [p for p in lines if lines[p]["needed"]] == ["DKIM", "ownership", "return path"], lines
    assert lines["return path"]["found"] is None and lines["return path"]["to_do"], lines
    assert lines["return path MX"]["found"] == "10 mail.sandbox.test.", lines
    code, out, _ = s.command("domain", "check", DOMAIN, check=False)
    assert code == DATA and "ownership: missing" in out and "DMARC: missing (advice)" in out, out
    assert "there   nothing" in out and "to do   publish the wanted record" in out, out


def the_token_proves_ownership(s, zone):
    token = record(s, "ownership")[1]
    zone.set(DOMAIN, txt("v=spf1 -all"), txt(token + "0"))
    code, found, lines = check(s)
    assert code == DATA and not found["verified"], found
    assert states(lines, "ownership", "SPF") == ["different"] * 2, lines
    assert lines["ownership"]["found"] == token + "0", lines
    zone.set(DOMAIN, txt("v=spf1 include:rp.sandbox.test -all"), txt("other"), txt(token))
    code, found, lines = check(s)
    assert code == DATA and found["verified"] and found["verified_at"], found
    assert states(lines, *MAIN, "SPF") == ["ok", "missing", "missing", "ok"], lines
    verified_at = found["verified_at"]
    zone.set(DOMAIN)
    code, found, lines = check(s)
    assert found["verified_at"] == verified_at, "ownership stays"
    assert lines["ownership"]["state"] == "missing", lines
    assert lines["ownership"]["to_do"].startswith("nothing"), lines


def keys_are_compared(s, zone):
    name, value = record(s, "DKIM")
    other = value[:-9] + ("B" if value[-9] == "A" else "A") + value[-8:]
    for text, want in ((other, "different"), ("v=DKIM1; k=rsa; p=", "different"),
                       (value.replace("v=DKIM1; k=rsa; p=", "p=") + ";", "ok"), (value, "ok")):
        zone.set(name, txt(text))
        code, found, lines = check(s)
        assert lines["DKIM"]["state"] == want, (text, lines)
        assert lines["DKIM"]["found"] == text, lines
        assert found["dkim_published"] == (want == "ok") and code == DATA, found
    zone.set(name)
    code, found, lines = check(s)
    assert lines["DKIM"]["to_do"].startswith("it was fine at the last check"), lines
    assert not found["dkim_published"] and not shown(s)["dkim_published"], found
    zone.set(name, txt(value))
    assert check(s)[1]["dkim_published"]


def a_published_key_proves_ownership(s, zone):
    new = s.json("domain", "create", "key.example")[0]
    assert not check(s, "key.example")[1]["verified"]
    name, value = record(s, "DKIM", "key.example")
    zone.set(name, txt(value))
    code, found, lines = check(s, "key.example")
    assert found["verified"] and found["dkim_published"] and code == DATA, found
    assert states(lines, *MAIN) == ["missing", "ok", "missing"], lines
    s.command("domain", "key", "add", "key.example", "--selector", "next")
    assert check(s, "key.example")[1]["dkim_published"], "a key that does not sign yet"
    s.command("domain", "key", "activate", "key.example", "next")
    found, lines = check(s, "key.example")[1:]
    assert not found["dkim_published"] and lines["DKIM"]["name"].startswith("next."), lines
    assert new["selector"] not in str(found["checks"]), "retired keys are not asked for"
    s.command("domain", "delete", "key.example")


def the_return_path_is_a_cname_or_has_the_same_mx(s, zone):
    for records, want, found_text in (
            (("CNAME rp.sandbox.test.",), "ok", "rp.sandbox.test."),
            (("CNAME mail.sandbox.test.",), "different", "mail.sandbox.test."),
            (("CNAME nothing.example.",), "different", "nothing.example."),
            (("MX 5 mail.sandbox.test.",), "ok", "5 mail.sandbox.test."),
            (("MX 10 mail.sandbox.test.", "MX 20 mx.other.example."), "different", None),
            (("MX 10 mx.other.example.",), "different", "10 mx.other.example."),
            (("A 127.0.0.1",), "missing", None)):
        zone.set("rp." + DOMAIN, *records)
        code, found, lines = check(s)
        assert lines["return path"]["state"] == want, (records, lines["return path"])
        assert found["return_path_ok"] == (want == "ok") and code == (0 if want == "ok" else DATA)
        if found_text:
            assert lines["return path"]["found"] == found_text, lines["return path"]
    zone.set("rp." + DOMAIN, "CNAME rp.sandbox.test.")
    code, found, _ = check(s)
    assert code == 0 and found["return_path_ok"] and shown(s)["return_path_ok"], found
    assert "rp." + DOMAIN in s.command("domain", "show", DOMAIN)
    zone.set("rp." + DOMAIN)
    code, found, lines = check(s)
    assert lines["return path"]["to_do"].startswith("it was fine at the last check"), lines
    assert code == DATA and not found["return_path_ok"], found


def the_return_path_domain_needs_no_alias_of_itself(s, zone):
    """return_path.domain is rp.sandbox.test."""
    name, value = record(s, "DKIM", "sandbox.test")
    zone.set(name, txt(value))
    code, found, lines = check(s, "sandbox.test")
    assert code == 0 and found["return_path_ok"] and "return path" not in lines, found


def advice_needs_nothing(s, zone):
    zone.set("rp." + DOMAIN, "CNAME rp.sandbox.test.")
    zone.set("_dmarc." + DOMAIN, txt("v=DMARC1; p=reject"))
    code, _, lines = check(s)
    assert code == 0 and states(lines, "DMARC", "SPF") == ["ok", "missing"], lines
    assert not lines["SPF"]["needed"], lines


def dns_that_fails_changes_nothing(s, zone):
    before = shown(s)
    s.set({"dns.mode": "forward 127.0.0.1@1", "dns.timeout": "2s"})
    start = s.log_size()
    s.hup()
    assert wait_for(lambda: s.log_find(" dns-loaded .*forward", start))
    code, out, err = s.command("domain", "check", "elsewhere.example", check=False)
    assert code == NO_INPUT, (code, err)
    s.command("domain", "create", "elsewhere.example")
    code, out, err = s.command("domain", "check", "elsewhere.example", check=False)
    assert code == TEMP and "nothing is changed" in err and not out, (code, out, err)
    assert shown(s, "elsewhere.example")["checked_at"] is None
    name = "_dmarc." + DOMAIN  # one question that fails is enough
    zone.set(name)
    zone.set(DOMAIN, txt("other"))
    code, out, err = s.command("domain", "check", DOMAIN, check=False)
    assert code == TEMP and not out, (code, out, err)
    assert shown(s) == before
    s.command("domain", "delete", "elsewhere.example")
    s.set({"dns.mode": "local"})
    start = s.log_size()
    s.hup()
    assert wait_for(lambda: s.log_find(" dns-loaded .*local", start))


def what_is_believed_is_not_asked_for(s, zone):
    s.command("domain", "create", "sure.example")
    done = s.json("domain", "check", "sure.example", "--verified")[0]
    assert done["verified"] and done["dkim_published"] and done["return_path_ok"], done
    assert done["checked_at"] and "checks" not in done, done
    code, found, _ = check(s, "sure.example")
    assert code == DATA and found["verified"] and not found["dkim_published"], found
    s.command("domain", "delete", "sure.example")
    trusted = s.json("domain", "create", "sure.example", "--verified")[0]
    assert trusted["verified"] and trusted["dkim_published"], trusted
    assert not trusted["return_path_ok"] and trusted["checked_at"] is None, trusted
    s.command("domain", "delete", "sure.example")


# what follows from it

def delivered(s, peer, sender="sender@" + DOMAIN, rcpts=("a@peer.test",)):
    """The messages that the receiver got of a new one, and its events."""
    ident = s.submit(rcpts, sender=sender)
    assert wait_for(lambda: s.state(ident) == ["delivered"] * len(rcpts)), s.trace(ident)
    return [m for m in peer.messages if m.ref == ident.ref], s.trace(ident)


def return_paths_follow_the_check(s, zone, peer):
    for good in (False, True, False):
        zone.set("rp." + DOMAIN, *(["CNAME rp.sandbox.test."] if good else []))
        assert check(s)[1]["return_path_ok"] == good
        got, _ = delivered(s, peer, rcpts=("a@peer.test", "b@peer.test"))
        at = {m.sender.partition("@")[2] for m in got}
        assert at == {"rp." + DOMAIN if good else "rp.sandbox.test"}, at
        assert len({m.sender for m in got}) == 2, "a token for each copy"
        assert all(re.match("b[+][a-z2-7]{34}@", m.sender) for m in got), got
    zone.set("rp." + DOMAIN, "CNAME rp.sandbox.test.")
    check(s)
    got, _ = delivered(s, peer, sender="sender@sandbox.test")
    assert got[0].sender.endswith("@rp.sandbox.test"), "of another domain"


def a_return_path_is_the_same_after_a_restart(s, zone, peer):
    s.command("queue", "pause")
    ident = s.submit("held@peer.test", sender="sender@" + DOMAIN)
    assert wait_for(lambda: s.state(ident) == ["queued"])
    s.stop()
    s.start()
    s.command("queue", "resume")
    assert wait_for(lambda: s.state(ident) == ["delivered"])
    (got,) = [m for m in peer.messages if m.ref == ident.ref]
    (copy,) = s.json("message", "show", ident)[0]["copies"]
    assert got.sender == copy["return_path"] and got.sender.endswith("@rp." + DOMAIN), got.sender


def keys(s):
    """By name, what DNS is to have: of the domains and the instance."""
    found = {}
    for domain in s.json("domain", "list"):
        for r in shown(s, domain["name"])["records"]:
            if r["purpose"] == "DKIM":
                found[r["name"]] = r["value"]
    (instance,) = s.json("domain", "key", "instance")
    found[instance["record"]["name"]] = instance["record"]["value"]
    return found


def signed_by(data):
    fields = re.findall(rb"(?m)^DKIM-Signature:(?:[^\r]|\r\n[ \t])*\r\n", data)
    return [re.search(rb"[ ;\t]d=([^;\s]+)", f).group(1).decode() for f in fields]


def expect_signers(s, peer, sender, *domains):
    (got,), events = delivered(s, peer, sender=sender)
    found = keys(s)
    assert signed_by(got.data) == list(domains), (signed_by(got.data), domains)
    for i in range(len(domains)):
        assert dkim.DKIM(got.data).verify(
            i, dnsfunc=lambda name, timeout=5: found[name.decode().rstrip(".")].encode()), i
    (last,) = [e for e in events if e["event"] == "delivered"]
    assert last["signed_by"] == ",".join(dict.fromkeys(domains)), last
    return [e for e in events if e["event"] == "warning"]


def without_a_domain_of_the_instance_the_own_key_signs(s, zone, peer):
    code, out, err = s.command("domain", "key", "instance", check=False)
    assert code == CONFIG and "deliver.dkim_domain is not set" in err, (code, err)
    zone.set(record(s, "DKIM")[0])
    assert not check(s)[1]["dkim_published"]
    ident = s.submit("a@peer.test", sender="sender@" + DOMAIN)
    assert wait_for(lambda: s.state(ident) == ["delivered"])
    events = s.trace(ident)
    assert [e["signed_by"] for e in events if e["event"] == "delivered"] == [DOMAIN], events
    assert not [e for e in events if e["event"] == "warning"], events


def the_key_of_the_instance_is_made_once(s, zone, peer):
    s.set({"deliver.dkim_domain": INSTANCE, "deliver.dkim_selector": "own"})
    (made,) = s.json("domain", "key", "instance")
    assert made["made"] and made["record"]["name"] == "own._domainkey." + INSTANCE, made
    (again,) = s.json("domain", "key", "instance")
    assert not again["made"] and again["record"] == made["record"], again
    assert made["record"]["value"] in s.command("domain", "key", "instance")
    s.stop()
    s.start()


def the_instance_signs_beside_the_domain_or_alone(s, zone, peer):
    assert expect_signers(s, peer, "a@sandbox.test", "sandbox.test", INSTANCE) == []
    ident = s.submit(["a@peer.test", "b@peer.test"], sender="a@" + DOMAIN)
    (warning,) = expect_signers(s, peer, "a@" + DOMAIN, INSTANCE)
    assert warning["what"] == "dkim-unpublished" and "domain check" in warning["detail"], warning
    assert "copy" not in warning, warning
    assert wait_for(lambda: s.state(ident) == ["delivered"] * 2)
    assert len([e for e in s.trace(ident) if e["event"] == "warning"]) == 1, "one for two copies"
    zone.set(record(s, "DKIM")[0], txt(record(s, "DKIM")[1]))
    assert check(s)[1]["dkim_published"]
    assert expect_signers(s, peer, "a@" + DOMAIN, DOMAIN, INSTANCE) == []
    s.command("domain", "key", "add", DOMAIN, "--algorithm", "ed25519-sha256", "--selector", "ed")
    s.command("domain", "key", "activate", DOMAIN, "ed")
    assert expect_signers(s, peer, "a@" + DOMAIN, DOMAIN, DOMAIN, INSTANCE) == [], "one is enough"


def the_domain_of_the_instance_signs_its_own_mail_once(s, zone, peer):
    s.command("domain", "create", INSTANCE, "--verified")
    (got,), _ = delivered(s, peer, sender="a@" + INSTANCE)
    assert signed_by(got.data) == [INSTANCE], signed_by(got.data)
    assert b"s=own" not in got.data, "its own key signs"


def main():
    tap = Tap()
    with Peer() as peer, Sandbox(mx={"peer.test": peer.address}) as s:
        zone = Zone(s)
        for test in (a_new_domain_is_told_what_to_publish,
                     what_is_missing_is_told,
                     the_token_proves_ownership,
                     keys_are_compared,
                     a_published_key_proves_ownership,
                     the_return_path_is_a_cname_or_has_the_same_mx,
                     the_return_path_domain_needs_no_alias_of_itself,
                     advice_needs_nothing,
                     dns_that_fails_changes_nothing,
                     what_is_believed_is_not_asked_for):
            tap.run(test.__name__.replace("_", " "), test, s, zone)
        for test in (return_paths_follow_the_check,
                     a_return_path_is_the_same_after_a_restart,
                     without_a_domain_of_the_instance_the_own_key_signs,
                     the_key_of_the_instance_is_made_once,
                     the_instance_signs_beside_the_domain_or_alone,
                     the_domain_of_the_instance_signs_its_own_mail_once):
            tap.run(test.__name__.replace("_", " "), test, s, zone, peer)
    tap.done()


if __name__ == "__main__":
    main()
