"""Real mail servers and clients of Debian's packages, for tests: fetched, unpacked, run as anybody.

    with Postfix() as server:
        server.address          HOST:PORT, takes mail for server.domain
        server.received("r1")   what its mailbox got, as bytes with CRLF

With smart_host=SANDBOX.env it hands mail for any other domain to that sandbox, as a client that
logs in.

Nothing is installed: packages are unpacked into build/interop.  A server runs in namespaces of its
own (user, mounts, processes), in which it is root, finds its users in /etc/passwd, and may write
where it is used to; oneuser.c lets it become users which that namespace doesn't have.  Its
ports are of the host's loopback.  All of its processes end with close().
"""

import contextlib
import glob
import os
import re
import shutil
import smtplib
import socket
import subprocess
import tempfile

from posthaste import TOP, Failed, wait_for

CACHE = os.path.join(TOP, "build", "interop")
LIMIT_SIZE = 2000000    # largest message that each server takes
NO_HOST = dict.fromkeys(("SMTP_PORT", "SMTP_USER", "SMTP_PASS", "SMTP_CA"), "none")
MAILBOXES = ["r%d" % n for n in range(40)] + ["gr\u00fcn", "grey"]


class Unavailable(Exception):
    """A server cannot be had or run here; the text says why."""


def run(*line, **more):
    """The output of a program that must succeed."""
    done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **more)
    if done.returncode:
        raise Unavailable("%s: %s" % (" ".join(line[:2]), " ".join(done.stderr.split())[-300:]))
    return done.stdout


# packages

def is_installed(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout == b"installed"


def with_libraries(packages):
    """The packages and all libraries that they need and that are not installed."""
    found, todo = [], list(packages)
    while todo:
        found += todo
        needed = re.findall(r"Depends: (lib\S+)", run("apt-cache", "depends", *todo))
        todo = [p for p in sorted(set(needed)) if p not in found and not is_installed(p)]
    return found


def unpacked(*packages):
    """The folder with the packages' files; fetched at the first call."""
    folder = os.path.join(CACHE, packages[0])
    if os.path.isdir(folder):
        return folder
    os.makedirs(CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        run("apt-get", "download", "-o", "Acquire::http::Timeout=20",
            *with_libraries(packages), cwd=work)
        for package in glob.glob(work + "/*.deb"):
            run("dpkg-deb", "-x", package, work + "/root")
        os.rename(work + "/root", folder)
    return folder


def environment(folder):
    """What programs in such a folder need to find their libraries."""
    libraries = ["usr/lib/postfix", "usr/lib"] + [os.path.relpath(p, folder) for p in glob.glob(
        folder + "/usr/lib/*-linux-gnu*")]
    return dict(os.environ, LD_LIBRARY_PATH=":".join(os.path.join(folder, p) for p in libraries),
                SASL_PATH=":".join(glob.glob(folder + "/usr/lib/*/sasl2")))


def client(name):
    """(path, environment) of a client program, the one that is installed or that of the package."""
    installed = shutil.which(name)
    if installed:
        return installed, None
    folder = unpacked(name)
    return os.path.join(folder, "usr", "bin", name), environment(folder)


# servers

def one_user():
    """The library that a server needs where there is one user only: oneuser.c."""
    library = os.path.join(CACHE, "oneuser.so")
    source = os.path.join(TOP, "tests", "lib", "oneuser.c")
    if not os.path.exists(library) or os.path.getmtime(library) < os.path.getmtime(source):
        run("gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-o", library, source)
    return library


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def greets(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            return s.recv(3) == b"220"
    except OSError:
        return False


NAMESPACES = ["unshare", "-Urmp", "--fork", "--kill-child"]
CAGE = """
for at in "$BASE"/over/*; do
	mount --bind "$at" "/$(basename "$at" | tr + /)" || exit 71
done
export LD_PRELOAD="$ONEUSER"
"$@"
exit $?
"""


class Server:
    """One server.  A class of it says: name, packages, users (uid of each), configure(), command().

    over/ has what is to be seen in the place of files and folders of the host, + for each /.
    """

    name, packages, users = "", (), {}
    has_tls = has_smtputf8 = True
    conf = os.path.join(TOP, "tests", "interop", "conf")
    unknown_user = 550  # its reply to RCPT for one
    too_large = 552, "mail"     # its reply to more than LIMIT_SIZE, and when

    def __init__(self, smart_host=None, folder=None):
        self.base = tempfile.mkdtemp(prefix="server-", dir=folder)
        self.domain, self.smart_host = self.name + ".test", smart_host or NO_HOST
        self.port, self.process = free_port(), None
        self.address = "127.0.0.1:%d" % self.port
        self.mail, self.log = self.path("mail"), self.path("log")
        try:
            self.root = unpacked(*self.packages)
            run(*NAMESPACES, "true")
            for name in MAILBOXES:
                os.makedirs(os.path.join(self.mail, name, "new"))
            self.write("over/etc+passwd", "".join(
                "%s:x:%d:%d::/:/bin/sh\n" % (n, u, u) for n, u in self.all_users()))
            self.write("over/etc+group", "".join(
                "%s:x:%d:\n" % (n, u) for n, u in self.all_users()))
            run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                "-subj", "/CN=" + self.domain, "-addext", "subjectAltName=DNS:" + self.domain,
                "-keyout", self.path("key.pem"), "-out", self.path("cert.pem"))
            self.configure()
            self.start()
        except BaseException:
            self.close()
            raise

    def fill_in(self, name, **more):
        """Writes a configuration of the folder conf, in which %(...)s is one of these."""
        values = dict(more, base=self.base, root=self.root, mail=self.mail, domain=self.domain,
                      port=self.port, size=LIMIT_SIZE, **self.smart_host)
        with open(os.path.join(self.conf, name)) as f:
            self.write(name, f.read() % values)

    def all_users(self):
        return [("root", 0), ("nobody", 65534), *self.users.items()]

    def path(self, *names):
        return os.path.join(self.base, *names)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    before_exec = None  # called in the new process

    def start(self):
        environ = dict(environment(self.root), BASE=self.base, ONEUSER=one_user())
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*NAMESPACES, "sh", "-c", CAGE, "cage", *self.command()], env=environ,
                cwd=self.base, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=self.before_exec)
        wait_for(lambda: self.process.poll() is not None or greets(self.port), 20)
        if not greets(self.port):
            raise Failed("%s does not start: %s" % (self.name, self.log_text()[-2000:]))

    def session(self):
        return smtplib.SMTP("127.0.0.1", self.port, "client.test", timeout=60)

    def log_text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.base, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def received(self, local_part):
        """The one message in a mailbox, or None."""
        found = glob.glob(os.path.join(self.mail, local_part, "new", "*"))
        if len(found) > 1:
            raise Failed("%s has %d messages" % (local_part, len(found)))
        if not found:
            return None
        with open(found[0], "rb") as f:
            return f.read().replace(b"\n", b"\r\n")


@contextlib.contextmanager
def started(tap, *kinds, **more):
    """Those of the servers that can be had and run here; for each other one a SKIP."""
    with contextlib.ExitStack() as stack:
        servers = []
        for kind in kinds:
            try:
                servers.append(stack.enter_context(kind(**more)))
            except Unavailable as e:
                tap.skip(kind.name, e)
        yield servers


class Postfix(Server):
    name, packages, users = "postfix", ("postfix", "libsasl2-modules"), {
        "postfix": 101, "postdrop": 102, "mail": 103}
    queues = ("active bounce corrupt defer deferred flush hold incoming maildrop pid private "
              "public saved trace")

    def configure(self):
        self.domains = self.domain, "relayed.test", "screened.test"
        self.screened_port = free_port()
        for name in self.queues.split():
            os.makedirs(self.path("spool", name))
        os.mkdir(self.path("data"))
        self.write("mailboxes", "".join("%s@%s %s/\n" % (box, domain, box) for box in MAILBOXES
                                        for domain in self.domains))
        self.write("access", "full@%s 552 5.2.2 Mailbox full\n" % self.domain)
        self.write("secrets", "[127.0.0.1]:%(SMTP_PORT)s %(SMTP_USER)s:%(SMTP_PASS)s\n" %
                   self.smart_host)
        self.fill_in("main.cf", domains=", ".join(self.domains))
        self.fill_in("master.cf", screened_port=self.screened_port)

    def command(self):
        return [self.root + "/usr/lib/postfix/sbin/master", "-c", self.base, "-d"]


class Exim(Server):
    name, packages, users = "exim", ("exim4-daemon-light",), {"Debian-exim": 101}

    def configure(self):
        self.log = self.path("mainlog")
        self.fill_in("exim.conf")

    def command(self):
        return [self.root + "/usr/sbin/exim4", "-C", self.path("exim.conf"), "-bdf"]


class OpenSMTPD(Server):
    """Debian 12's offers STARTTLS and breaks off each handshake (OpenSMTPD issue 1171): its mail goes
    in clear."""

    has_tls = has_smtputf8 = False
    unknown_user = 524
    too_large = 554, "dot"
    name, packages, users = "opensmtpd", ("opensmtpd",), {
        "opensmtpd": 0, "opensmtpq": 0, "mailbox": 104}

    def configure(self):
        for folder in "over/var+spool", "over/run", "over/var+lib/opensmtpd/empty":
            os.makedirs(self.path(folder))
        # its own mail.mda refuses to work for root, which everybody is here after an exec
        program = self.write("over/usr+libexec/opensmtpd/mail.mda", """#!/bin/sh
cat >"%(mail)s/$1/$$" && mv "%(mail)s/$1/$$" "%(mail)s/$1/new/"
""" % {"mail": self.mail})
        os.chmod(program, 0o755)
        self.fill_in("smtpd.conf", boxes=", ".join(
            '"%s@%s" = mailbox' % (box, self.domain) for box in MAILBOXES))
        os.chmod(self.path("smtpd.conf"), 0o600)

    def command(self):
        return [self.root + "/usr/sbin/smtpd", "-d", "-f", self.path("smtpd.conf")]
