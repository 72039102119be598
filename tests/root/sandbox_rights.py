#!/usr/bin/python3
"""As root: who runs as whom, and which folder is whose (the table of common/roles.c)."""

import grp
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
POSTHASTE = os.environ.get("POSTHASTE", TOP + "/build/bin/posthaste")

# path, owner, group, mode: the table in docs/ARCHITECTURE.md, written down a second time
PLACES = [
    ("run", "root", "posthaste", 0o755),
    ("run/supervisor", "root", "posthaste", 0o700),
    ("run/queued", "ph-queued", "posthaste", 0o750),
    ("run/signer", "ph-signer", "posthaste", 0o750),
    ("run/resolver", "ph-resolver", "posthaste", 0o750),
    ("log", "root", "posthaste", 0o755),
    ("secrets", "root", "posthaste", 0o755),
    ("secrets/smtpd", "ph-smtpd", "posthaste", 0o700),
    ("secrets/httpd", "ph-httpd", "posthaste", 0o700),
    ("secrets/queued", "ph-queued", "posthaste", 0o700),
    ("secrets/signer", "ph-signer", "posthaste", 0o700),
    ("keys", "ph-signer", "posthaste", 0o700),
    ("tls", "root", "posthaste", 0o755),
    ("control", "ph-httpd", "posthaste", 0o2750),
    ("mail", "ph-queued", "posthaste", 0o2750),
    ("spool", "root", "posthaste", 0o755),
    ("spool/new", "root", "posthaste", 0o755),
    ("spool/new/smtpd", "ph-smtpd", "ph-queued", 0o770),
    ("spool/cur", "ph-queued", "posthaste", 0o700),
    ("spool/corrupt", "ph-queued", "posthaste", 0o700),
    ("kept", "ph-queued", "posthaste", 0o700),
    ("sink", "ph-sink", "posthaste", 0o755),
    ("secrets/queued/token", "ph-queued", "posthaste", 0o400),
    ("secrets/queued/grant", "ph-queued", "posthaste", 0o400),
    ("secrets/signer/grant", "ph-signer", "posthaste", 0o400),
    ("secrets/smtpd/credential", "ph-smtpd", "posthaste", 0o400),
    ("secrets/smtpd/complaint", "ph-smtpd", "posthaste", 0o400),
    ("secrets/httpd/credential", "ph-httpd", "posthaste", 0o400),
    ("tls/key.pem", "ph-smtpd", "posthaste", 0o400),
    ("tls/cert.pem", "root", "root", 0o644),
    ("tls/ca.pem", "root", "root", 0o644),
    ("posthaste.conf", "root", "root", 0o644),
    ("run/active.conf", "root", "root", 0o644),
    ("env", "root", "root", 0o600),
    ("control/control.db", "ph-httpd", "posthaste", 0o640),
]

passed = failed = 0


def result(name, wrong):
    global passed, failed
    passed, failed = passed + (not wrong), failed + bool(wrong)
    print("%s %d - %s" % ("not ok" if wrong else "ok", passed + failed, name))
    if wrong:
        print("# " + str(wrong), flush=True)


def run(*args, cwd=None):
    return subprocess.run([POSTHASTE, *args], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120, cwd=cwd)


def place_wrong(d, path, owner, group, mode):
    st = os.lstat(os.path.join(d, path))
    got = (pwd.getpwuid(st.st_uid).pw_name, grp.getgrgid(st.st_gid).gr_name, st.st_mode & 0o7777)
    return "" if got == (owner, group, mode) else "%s %s %o" % got


def status_of(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def instance_processes(d):
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink("/proc/%s/cwd" % p) == os.path.realpath(d):
                yield int(p)
        except OSError:
            pass


def daemons_wrong(d):
    out = run("sandbox", "status", d, "--json").stdout.splitlines()
    for s in map(json.loads, out):
        st, user = status_of(s["pid"]), pwd.getpwnam("ph-" + s["daemon"])
        if set(st["Uid"].split()) != {str(user.pw_uid)}:
            return "%s has the uids %s" % (s["daemon"], st["Uid"])
        if set(st["Gid"].split()) != {str(user.pw_gid)} or "0" in st["Groups"].split():
            return "%s has the groups %s %s" % (s["daemon"], st["Gid"], st["Groups"])
        if int(st["CapEff"], 16) or int(st["CapPrm"], 16) or st["NoNewPrivs"] != "1":
            return "%s has capabilities, or may get some" % s["daemon"]
    return "" if len(out) == 6 else "%d daemons" % len(out)


def root_processes(d):
    with open(d + "/run/supervisor.pid") as f:
        supervisor = int(f.read())
    wrong = [p for p in instance_processes(d)
             if p != supervisor and "0" in status_of(p)["Uid"].split()]
    return "as root: %s" % wrong if wrong else ""


def readable_wrong(d):
    """What each user can read of the others' secrets and mail: nothing."""
    files = [p for p, _, _, mode in PLACES if mode == 0o400] + ["env", "run/supervisor/pids"]
    for user in ["smtpd", "httpd", "queued", "deliverd", "signer", "resolver", "sink"]:
        for path in files:
            r = subprocess.run(["setpriv", "--reuid=ph-" + user, "--regid=posthaste",
                                "--init-groups", "cat", path], cwd=d, capture_output=True)
            own = os.stat(os.path.join(d, path)).st_uid == pwd.getpwnam("ph-" + user).pw_uid
            if (r.returncode == 0) != own:
                return "%s %s read %s" % (user, "cannot" if own else "can", path)
    return ""


def without_users(top):
    """In a name space of its own, where /etc/passwd has none of our users."""
    with open("/etc/passwd") as f, open(top + "/passwd", "w") as out:
        out.writelines(line for line in f if not line.startswith("ph-"))
    script = 'mount --bind "$1" /etc/passwd && exec "$2" sandbox start "$3"'
    r = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", top + "/passwd", POSTHASTE,
                        top + "/none"], capture_output=True, text=True, timeout=120)
    good = r.returncode == 67 and "quickstart deps" in r.stderr and not os.path.exists(top + "/none")
    return "" if good else "%d %s" % (r.returncode, r.stderr)


def planted_wrong(top):
    """An instance in the working directory is anybody's."""
    os.mkdir(top + "/sandbox")
    with open(top + "/sandbox/posthaste.conf", "w") as f:
        f.write("planted = 1\n")
    told = [run("config", word, cwd=top).stderr for word in ("check", "show")]
    return told if "planted" in str(told) else ""


def import_wrong(top, d):
    """What only root may read, by its name from where root is."""
    with open(top + "/list", "w") as f:
        f.write("one@example.test\n")
    r = run("-C", d, "suppression", "import", "list", cwd=top)
    return "" if r.stdout.startswith("1 address is imported") else r.stdout + r.stderr


def main():
    if os.geteuid() != 0:
        print("ok 1 - # SKIP only root can start daemons as other users")
        return 0
    # nobody but root can come here from /
    top = tempfile.mkdtemp(prefix="ph-rights-")
    d = top + "/sb"
    try:
        os.umask(0o077)
        r = run("sandbox", "start", d)
        result("a sandbox starts as root, below a folder that only root may enter",
               r.returncode and r.stderr)
        r = run("sandbox", "send", d)
        result("it takes a message", r.returncode and r.stderr)
        end = time.monotonic() + 30
        while time.monotonic() < end and "delivered" not in run("-C", d, "trace",
                                                                r.stdout.strip()).stdout:
            time.sleep(0.1)
        result("it delivers it", time.monotonic() >= end and
               run("-C", d, "trace", r.stdout.strip()).stdout)
        for place in PLACES:
            result("%s is %s's and %s's with mode %o" % place, place_wrong(d, *place))
        result("each daemon is its user, without capabilities", daemons_wrong(d))
        result("nothing but the supervisor runs as root", root_processes(d))
        result("nobody reads another one's secrets", readable_wrong(d))
        result("root imports a file that only he may read", import_wrong(top, d))
        os.chown(d + "/keys", 0, 0)
        os.chmod(d + "/secrets/signer", 0o755)
        run("sandbox", "stop", d)
        r = run("sandbox", "start", d)
        result("rights that were changed are put right at the next start",
               r.stderr or place_wrong(d, "keys", "ph-signer", "posthaste", 0o700) or
               place_wrong(d, "secrets/signer", "ph-signer", "posthaste", 0o700))
        run("sandbox", "stop", d)
        result("after a stop nothing is left", list(instance_processes(d)))
        result("without the users it says how to make them", without_users(top))
        result("root does not take the instance of the working directory", planted_wrong(top))
        os.chown(d, 65534, 65534)
        r = run("sandbox", "start", d)
        result("root does not start what belongs to somebody else",
               r.returncode != 77 or "belongs to user 65534" not in r.stderr)
    finally:
        run("sandbox", "stop", d)
        shutil.rmtree(top, ignore_errors=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
