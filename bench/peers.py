"""The two servers that are compared: Posthaste and Debian's Postfix, same load, same receiver.

Each has: port, sender, cpu() (seconds so far), pause(), resume(), close().
"""

import contextlib
import os
import shutil
import subprocess

from machine import TOP, Account, Failed, environment, greets, run, unpacked, wait_for
from posthaste import Sandbox
from servers import Server


class Posthaste:
    """A sandbox that hands everything to the receiver; its mail comes in clear from loopback."""

    name = "posthaste"

    def __init__(self, folder, receiver_port, signed=False, settings=None, environ=None):
        self.base = os.path.join(folder, "posthaste")
        os.mkdir(self.base)
        self.account = Account(self.name)
        self.sandbox = AccountedSandbox(self.account, folder=self.base,
                                        relay="127.0.0.1:%d" % receiver_port, environ=environ,
                                        settings={"deliver.dkim": "yes" if signed else "no",
                                                  "smtpd.auth_clear": "yes", "log.level": "warn",
                                                  "retention.content": "0s", **(settings or {})})
        try:
            self.prepare()
        except BaseException:
            self.close()
            raise

    def prepare(self):
        s = self.sandbox
        s.command("credential", "create", "smtp-ip", "bench", "--server", "sandbox/sandbox",
                  "--network", "127.0.0.0/8")
        self.port, self.sender = int(s.env["SMTP_PORT"]), "sender@" + s.env["MAIL_DOMAIN"]

    def cpu(self):
        return self.account.cpu()

    def processes(self):
        return self.sandbox.processes()

    def pause(self):
        self.sandbox.command("queue", "pause")

    def resume(self):
        self.sandbox.command("queue", "resume")

    def close(self):
        self.sandbox.close()
        self.account.close()
        shutil.rmtree(self.base, ignore_errors=True)


class AccountedSandbox(Sandbox):
    """Whose processes are in a control group."""

    def __init__(self, account, **more):
        self.account = account
        super().__init__(**more)

    def start(self):
        before = self.program
        wrapper = os.path.join(self.base, "posthaste")
        with open(wrapper, "w") as f:
            f.write('#!/bin/sh\necho 0 >"%s/cgroup.procs"\nexec "%s" "$@"\n' %
                    (self.account.at, before))
        os.chmod(wrapper, 0o755)
        self.program = wrapper
        try:
            return super().start()
        finally:
            self.program = before


class Postfix(Server):
    """As it comes, but for what a relay without local users needs, and without a log."""

    name, packages, users = "postfix", ("postfix", "libsasl2-modules"), {
        "postfix": 101, "postdrop": 102, "mail": 103}
    conf = os.path.join(TOP, "bench", "conf")
    queues = ("active bounce corrupt defer deferred flush hold incoming maildrop pid private "
              "public saved trace")
    sender = "sender@sandbox.test"

    def __init__(self, folder, receiver_port, signed=False):
        self.receiver_port, self.signed, self.milter = receiver_port, signed, None
        self.account = Account(self.name)
        self.before_exec = self.account.enter
        super().__init__(folder=folder)

    def configure(self):
        for name in self.queues.split():
            os.makedirs(self.path("spool", name))
        os.mkdir(self.path("data"))
        milters = self.start_opendkim() if self.signed else ""
        self.fill_in("main.cf", receiver_port=self.receiver_port, milters=milters)
        self.fill_in("master.cf", qmgr="qmgr unix n - n 300 1 qmgr")

    def command(self):
        return [self.root + "/usr/lib/postfix/sbin/master", "-c", self.base, "-d"]

    def start_opendkim(self):
        """Its Unix socket, for smtpd_milters."""
        root = unpacked("opendkim")
        run("openssl", "genrsa", "-traditional", "-out", self.path("dkim.key"), "2048")
        os.chmod(self.path("dkim.key"), 0o600)
        self.fill_in("opendkim.conf", socket=self.path("milter"))
        self.milter = subprocess.Popen(
            [root + "/usr/sbin/opendkim", "-f", "-x", self.path("opendkim.conf")],
            env=environment(root), stdin=subprocess.DEVNULL, preexec_fn=self.account.enter)
        if not wait_for(lambda: os.path.exists(self.path("milter")), 10):
            raise Failed("opendkim does not start")
        return "unix:" + self.path("milter")

    def cpu(self):
        return self.account.cpu()

    def processes(self):
        return self.account.processes()

    def pause(self):
        """No delivery, nor anything else behind the acceptance: the least that it can do."""
        self.fill_in("master.cf", qmgr="")
        self.restart()

    def resume(self):
        self.fill_in("master.cf", qmgr="qmgr unix n - n 300 1 qmgr")
        self.restart()

    def restart(self):
        self.process.kill()
        self.process.wait()
        wait_for(lambda: not greets(self.port), 10)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path("data", "master.lock"))
        self.start()

    def close(self):
        super().close()
        if self.milter:
            self.milter.kill()
            self.milter.wait()
        self.account.close()
