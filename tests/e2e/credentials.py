#!/usr/bin/python3
"""Each way to submit, with real clients: AUTH PLAIN, LOGIN and CRAM-MD5, networks (SMTP-IP) with and
without TLS and at the mx door, AUTH in clear where it is allowed; and what Received says of it."""

import os
import re
import smtplib
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Failed, Sandbox, Tap, wait_for  # noqa: E402

SERVER = "sandbox/sandbox"


def expect(good, what):
    if not good:
        raise AssertionError(what)


def raw(s, message):
    return s.command("message", "raw", message)


def received(s, message):
    """(from clause or "", protocol) of the topmost Received."""
    first = re.match(r"Received: (from [^\r\n]*\s+)?by \S+ \(Posthaste\)\s+with (\S+) id ",
                     raw(s, message))
    expect(first, raw(s, message)[:300])
    return first.group(1) or "", first.group(2)


def plain_session(s, port="SMTP_PORT"):
    smtp = smtplib.SMTP(s.env["SMTP_HOST"], int(s.env[port]), "client.test", timeout=30)
    smtp.ehlo()
    return smtp


def code_of(smtp, *commands):
    """The code of the last command."""
    for c in commands:
        code, text = smtp.docmd(c)
    return code, text.decode()


def login_by(mechanism, user="anyone", secret=None):
    def test(s):
        smtp = s.session(login=False)
        smtp.ehlo()
        smtp.user, smtp.password = user or s.env["SMTP_USER"], secret or s.env["SMTP_PASS"]
        call = {"PLAIN": smtp.auth_plain, "LOGIN": smtp.auth_login,
                "CRAM-MD5": smtp.auth_cram_md5}[mechanism]
        smtp.auth(mechanism, call)
        m = s.submit("a@sink.test", session=smtp)
        expect(received(s, m)[1] == "ESMTPSA", raw(s, m)[:200])
    return test


def cram_only_where_it_was_made(s):
    smtp = s.session(login=False)
    smtp.ehlo()
    expect("CRAM-MD5" not in smtp.esmtp_features["auth"], smtp.esmtp_features)
    code = code_of(smtp, "AUTH CRAM-MD5")
    expect(code[0] == 504, code)
    s.command("credential", "create", "smtp", "cram", "--server", SERVER, "--secret", "cramsecret",
              "--cram-md5")
    smtp = s.session(login=False)
    smtp.ehlo()
    expect("CRAM-MD5" in smtp.esmtp_features["auth"], smtp.esmtp_features)


def cram_wrong(s):
    smtp = s.session(login=False)
    smtp.ehlo()
    for user, secret in ((SERVER, "wrong"), ("sandbox/other", "cramsecret"),
                         (SERVER, s.env["SMTP_PASS"])):  # that one was not made for it
        smtp.user, smtp.password = user, secret
        try:
            smtp.auth("CRAM-MD5", smtp.auth_cram_md5)
            raise AssertionError("%s %s was let in" % (user, secret))
        except smtplib.SMTPAuthenticationError as e:
            expect(e.smtp_code == 535, e)


def no_network(s):
    smtp = plain_session(s)
    code = code_of(smtp, "MAIL FROM:<a@sandbox.test>")
    expect(code[0] == 530 and "STARTTLS" in code[1], code)
    mx = plain_session(s, "MX_PORT")
    code = code_of(mx, "MAIL FROM:<a@sandbox.test>", "RCPT TO:<b@sink.test>")
    expect(code[0] == 550, code)


def network(s):
    s.command("credential", "create", "smtp-ip", "here", "--server", SERVER, "--network",
              "127.0.0.0/8")
    m = s.submit("net@sink.test", session=plain_session(s))
    expect(received(s, m)[1] == "ESMTP", raw(s, m)[:200])
    smtp = s.session(login=False)
    smtp.ehlo()
    m = s.submit("net@sink.test", session=smtp)
    expect(received(s, m)[1] == "ESMTPS", raw(s, m)[:200])
    m = s.submit("net@sink.test", session=plain_session(s, "MX_PORT"))
    expect(received(s, m)[1] == "ESMTP", raw(s, m)[:200])
    expect(wait_for(lambda: s.is_final(m)), "not delivered")
    try:
        s.submit("net@sink.test", sender="a@foreign.test", session=plain_session(s))
        raise AssertionError("a foreign From was accepted")
    except smtplib.SMTPResponseException as e:
        expect((e.smtp_code, e.smtp_error) ==
               (530, b"5.7.1 From/Sender name is not valid"), e)
    s.command("credential", "delete", "smtp-ip", "here", "--server", SERVER)
    no_network(s)


def the_most_specific_network(s):
    s.command("org", "create", "net")
    s.command("server", "create", "net/mail")
    s.command("domain", "create", "net.test", "--server", "net/mail", "--verified")
    s.command("credential", "create", "smtp-ip", "wide", "--server", SERVER, "--network",
              "127.0.0.0/8")
    s.command("credential", "create", "smtp-ip", "narrow", "--server", "net/mail", "--network",
              "127.0.0.1/32")
    s.submit("net@sink.test", sender="a@net.test", session=plain_session(s))
    s.command("credential", "delete", "smtp-ip", "narrow", "--server", "net/mail")
    s.command("credential", "delete", "smtp-ip", "wide", "--server", SERVER)


def privacy(s):
    m = s.submit("priv@sink.test")
    expect("127.0.0.1" in received(s, m)[0], raw(s, m)[:200])
    s.command("server", "set", SERVER, "--privacy", "yes")
    m = s.submit("priv@sink.test")
    expect(received(s, m)[0] == "" and "127.0.0.1" not in raw(s, m).split("\r\n\r\n")[0],
           raw(s, m)[:200])
    s.command("server", "set", SERVER, "--privacy", "no")


def suspended(s):
    s.command("server", "suspend", SERVER)
    try:
        s.submit("susp@sink.test")
        raise AssertionError("accepted")
    except smtplib.SMTPResponseException as e:
        expect((e.smtp_code, e.smtp_error) == (550, b"5.7.1 Mail server has been suspended"), e)
    s.command("server", "unsuspend", SERVER)
    s.submit("susp@sink.test")


def sender_instead_of_from(s):
    data = "From: boss@elsewhere.test\r\nSender: app@sandbox.test\r\nTo: x@sink.test\r\n\r\nHi\r\n"
    try:
        s.submit("x@sink.test", data=data)
        raise AssertionError("accepted")
    except smtplib.SMTPResponseException as e:
        expect(e.smtp_code == 530, e)
    s.command("server", "set", SERVER, "--allow-sender", "yes")
    m = s.submit("x@sink.test", data=data)
    expect(wait_for(lambda: s.state(m) == ["delivered"]), s.state(m))
    expect(s.trace(m)[-1]["signed_by"] == "sandbox.test", s.trace(m)[-1])
    s.command("server", "set", SERVER, "--allow-sender", "no")


def auth_at_mx_and_in_clear(s):
    mx = plain_session(s, "MX_PORT")
    expect("auth" not in mx.esmtp_features, mx.esmtp_features)
    smtp = plain_session(s)
    expect("auth" not in smtp.esmtp_features, smtp.esmtp_features)
    code = code_of(smtp, "AUTH PLAIN AGEAYg==")
    expect(code[0] == 538, code)
    s.stop()
    s.set({"smtpd.mx_auth": "yes", "smtpd.auth_clear": "yes"})
    s.start()
    smtp = plain_session(s)
    smtp.login(s.env["SMTP_USER"], s.env["SMTP_PASS"])
    m = s.submit("clear@sink.test", session=smtp)
    expect(received(s, m)[1] == "ESMTPA", raw(s, m)[:200])
    mx = plain_session(s, "MX_PORT")
    expect("auth" not in mx.esmtp_features, mx.esmtp_features)
    import ssl
    context = ssl.create_default_context(cafile=s.env["SMTP_CA"])
    context.check_hostname = False
    mx.starttls(context=context)
    mx.ehlo()
    mx.login(s.env["SMTP_USER"], s.env["SMTP_PASS"])
    m = s.submit("mx@sink.test", session=mx)
    expect(received(s, m)[1] == "ESMTPSA", raw(s, m)[:200])
    stranger = plain_session(s, "MX_PORT")
    code = code_of(stranger, "MAIL FROM:<a@b.test>", "RCPT TO:<b@sink.test>")
    expect(code[0] == 550, code)


TESTS = [
    ("CRAM-MD5 is offered where a credential was made for it", cram_only_where_it_was_made),
    ("AUTH PLAIN, the user's name does not matter", login_by("PLAIN")),
    ("AUTH LOGIN", login_by("LOGIN")),
    ("AUTH CRAM-MD5 as org/server", login_by("CRAM-MD5", SERVER, "cramsecret")),
    ("AUTH CRAM-MD5 as org_server", login_by("CRAM-MD5", "sandbox_sandbox", "cramsecret")),
    ("a credential for CRAM-MD5 is good for PLAIN", login_by("PLAIN", secret="cramsecret")),
    ("AUTH CRAM-MD5 with a wrong user, secret, or credential", cram_wrong),
    ("no credential, no network: nothing is taken", no_network),
    ("SMTP-IP: the network may submit, at each door, and no other From", network),
    ("SMTP-IP: the most specific network counts", the_most_specific_network),
    ("privacy leaves the client out of Received", privacy),
    ("a suspended server's message is refused", suspended),
    ("with allow_sender a verified Sender is enough, and signs", sender_instead_of_from),
    ("AUTH at mx and in clear only where the configuration says so", auth_at_mx_and_in_clear),
]


def main():
    tap = Tap()
    with Sandbox() as s:
        for name, test in TESTS:
            tap.run(name, test, s)
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - the sandbox: %s" % e)
    sys.exit(1)
