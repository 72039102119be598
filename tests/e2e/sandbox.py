#!/usr/bin/python3
"""posthaste sandbox start|stop|status|send and the supervisor behind them, with real daemons."""

import json
import os
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
POSTHASTE = os.environ.get("POSTHASTE", TOP + "/build/bin/posthaste")
DAEMONS = ["resolver", "signer", "queued", "deliverd", "smtpd", "sink"]
ENV_NAMES = ["SMTP_HOST", "SMTP_PORT", "SMTPS_PORT", "MX_PORT", "SMTP_USER", "SMTP_PASS",
             "SMTP_CA", "MAIL_DOMAIN", "SINK_DIR", "PIDFILE", "LOG"]
WAIT = 30

top = tempfile.mkdtemp(prefix="ph-sandbox-")
os.chmod(top, 0o755)
started = []


class Failed(Exception):
    pass


def check(condition, *what):
    if not condition:
        raise Failed(" ".join(str(w) for w in what))


def equal(got, want, what=""):
    check(got == want, what, "got", repr(got), "instead of", repr(want))


def run(*args, timeout=120):
    return subprocess.run([POSTHASTE, *args], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout)


def ok(*args):
    r = run(*args)
    check(r.returncode == 0, args, "exit", r.returncode, r.stdout, r.stderr)
    return r.stdout


def refuses(code, *args):
    r = run(*args)
    equal(r.returncode, code, "exit of %s (%s%s):" % (" ".join(args), r.stdout, r.stderr))
    check("posthaste: " in r.stderr or " error fatal reason=" in r.stderr, r.stderr)
    return r.stderr


def folder(name):
    d = os.path.join(top, name)
    started.append(d)
    return d


def start(d, *options):
    return ok("sandbox", "start", d, *options)


def stop(d):
    return ok("sandbox", "stop", d)


def status(d):
    return {s["daemon"]: s for s in map(json.loads, ok("sandbox", "status", d,
                                                       "--json").splitlines())}


def pids(d):
    return {name: s["pid"] for name, s in status(d).items()}


def supervisor(d):
    with open(d + "/run/supervisor.pid") as f:
        return int(f.read())


def env(d):
    """As a shell understands it."""
    out = subprocess.run(["/bin/sh", "-c", '. "$1"; for n in %s; do eval "printf \'%%s\\0\' '
                          '\\"\\$$n\\""; done' % " ".join(ENV_NAMES), "sh", d + "/env"],
                         capture_output=True, text=True, check=True).stdout
    return dict(zip(ENV_NAMES, out.split("\0")))


def log(d):
    with open(d + "/log/posthaste.log", errors="replace") as f:
        return f.read()


def until(what, condition, seconds=WAIT):
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        check(time.monotonic() < end, "after %d s still not:" % seconds, what)
        time.sleep(0.02)


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", int(port)), 2).close()
        return True
    except OSError:
        return False


def login(d, password=None):
    e = env(d)
    with smtplib.SMTP(e["SMTP_HOST"], int(e["SMTP_PORT"]), timeout=20) as s:
        s.starttls(context=ssl.create_default_context(cafile=e["SMTP_CA"]))
        s.login(e["SMTP_USER"], password or e["SMTP_PASS"])


def edit(d, old, new):
    name = d + "/posthaste.conf"
    with open(name) as f:
        text = f.read()
    check(old in text, old, "is not in", text)
    with open(name, "w") as f:
        f.write(text.replace(old, new))


def conf(d, key, file="posthaste.conf"):
    with open(os.path.join(d, file)) as f:
        m = re.search(r"^%s = (.*)$" % re.escape(key), f.read(), re.M)
    return m and m.group(1)


def hup(d, event, before):
    """SIGHUP; waits for the event of the supervisor, one more than before."""
    os.kill(supervisor(d), signal.SIGHUP)
    until(event, lambda: len(re.findall(r"supervisor\[\d+\]: \w+ %s " % event, log(d))) > before)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def nothing_left(d):
    """No process works in d."""
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink("/proc/%s/cwd" % p) == os.path.realpath(d):
                with open("/proc/%s/cmdline" % p) as f:
                    return "process %s: %s" % (p, f.read())
        except OSError:
            pass
    return ""


# the tests: one after another, on one sandbox as far as possible

main = None


def test_start_makes_and_runs_everything():
    global main
    main = folder("main")
    out = start(main)
    check("started" in out and main in out, out)
    s = status(main)
    equal(list(s), DAEMONS)
    check(all(x["ready"] and x["pid"] > 1 for x in s.values()), s)
    equal(sorted(next(iter(s.values()))), ["daemon", "pid", "ready"])


def test_env_is_for_the_shell_and_for_its_owner():
    e = env(main)
    check(all(e.values()), e)
    equal(os.stat(main + "/env").st_mode & 0o777, 0o600)
    for name in ["SMTP_CA", "SINK_DIR", "PIDFILE", "LOG"]:
        check(os.path.isabs(e[name]) and os.path.exists(e[name]), name, e[name])
    equal(e["MAIL_DOMAIN"], "sandbox.test")
    equal(len({e["SMTP_PORT"], e["SMTPS_PORT"], e["MX_PORT"]}), 3)


def test_every_port_answers():
    e = env(main)
    for name in ["SMTP_PORT", "MX_PORT"]:
        with smtplib.SMTP("127.0.0.1", int(e[name]), timeout=20) as s:
            equal(s.ehlo()[0], 250, name)
    login(main)


def test_the_certificate_is_good_for_all_its_names():
    e = env(main)
    context = ssl.create_default_context(cafile=e["SMTP_CA"])
    for name in ["127.0.0.1", "::1", "localhost", "mail.sandbox.test"]:
        raw = socket.create_connection(("127.0.0.1", int(e["SMTPS_PORT"])), 20)
        with context.wrap_socket(raw, server_hostname=name) as s:
            check(s.recv(100).startswith(b"220 "), name)


def test_a_second_start_says_what_runs():
    before, password = pids(main), env(main)["SMTP_PASS"]
    out = start(main)
    check("running already" in out and str(supervisor(main)) in out, out)
    equal(pids(main), before)
    equal(env(main)["SMTP_PASS"], password)
    j = json.loads(start(main, "--json"))
    equal((j["state"], j["pid"]), ("running", supervisor(main)))


def test_status_for_people():
    lines = ok("sandbox", "status", main).splitlines()
    equal(len(lines), 1 + len(DAEMONS))


def test_the_defaults_exist_once():
    equal(len(ok("-C", main, "org", "list", "--json").splitlines()), 1)
    equal(len(ok("-C", main, "domain", "list", "--json").splitlines()), 1)
    equal(len(ok("-C", main, "credential", "list", "--json").splitlines()), 1)


def test_a_message_is_sent():
    out = ok("sandbox", "send", main)
    check(re.fullmatch(r"[0-9a-f]{32}\n", out), out)
    j = json.loads(ok("sandbox", "send", main, "--to", "somebody@deep.sink.test", "--json"))
    equal((len(j["id"]), j["to"]), (32, "somebody@deep.sink.test"))


def test_sending_to_nonsense_is_refused():
    err = refuses(64, "sandbox", "send", main, "--to", "nobody")
    check("--to nobody" in err, err)


def test_a_second_supervisor_is_refused():
    err = refuses(75, "supervise", main)
    check("process %d" % supervisor(main) in err, err)


def kill_and_see(name):
    before = pids(main)
    os.kill(before[name], signal.SIGKILL)

    def back():
        s = status(main)
        return all(x["ready"] for x in s.values()) and s[name]["pid"] != before[name] and s
    after = until(name + " is back", back)
    for other in DAEMONS:
        if other != name:
            equal(after[other]["pid"], before[other], other)
    check(re.search(r"error exited daemon=%s pid=%d signal=9 restart_ms=\d+" %
                    (name, before[name]), log(main)), "no log line")


def test_a_killed_resolver_comes_back():
    kill_and_see("resolver")


def test_a_killed_signer_comes_back():
    kill_and_see("signer")


def test_a_killed_queued_comes_back():
    kill_and_see("queued")


def test_a_killed_deliverd_comes_back():
    kill_and_see("deliverd")


def test_a_killed_smtpd_comes_back_and_connections_wait_for_it():
    port, pid = int(env(main)["SMTP_PORT"]), pids(main)["smtpd"]
    os.killpg(pid, signal.SIGKILL)  # with its workers: there is nobody to accept
    for _ in range(20):
        with smtplib.SMTP("127.0.0.1", port, timeout=20) as s:
            equal(s.noop()[0], 250)
        time.sleep(0.02)
    kill_and_see("smtpd")


def test_a_killed_sink_comes_back():
    kill_and_see("sink")


def test_a_daemon_that_keeps_dying_is_started_ever_more_slowly():
    delays = []
    for _ in range(3):
        pid = until("sink runs", lambda: pids(main).get("sink"))
        os.kill(pid, signal.SIGKILL)
        until("its death", lambda p=pid: "daemon=sink pid=%d signal=9" % p in log(main))
        delays.append(int(re.findall(r"daemon=sink pid=%d signal=9 restart_ms=(\d+)" % pid,
                                     log(main))[0]))
    check(delays[0] < delays[1] < delays[2] <= 5000, delays)
    until("all ready", lambda: all(x["ready"] for x in status(main).values()))


def test_a_broken_configuration_is_refused_at_sighup():
    before, active = pids(main), conf(main, "log.level", "run/active.conf")
    edit(main, "spool.free = 64M", "spool.fre = 64M")
    hup(main, "config-refused", log(main).count("config-refused"))
    check("posthaste.conf:" in log(main) and "spool.free" in log(main).split("did you mean")[1],
          "no reason in the log")
    equal(pids(main), before)
    equal(conf(main, "log.level", "run/active.conf"), active)
    equal(conf(main, "spool.free", "run/active.conf"), "64M")
    err = refuses(78, "sandbox", "start", main)
    check(re.search(r"posthaste\.conf:\d+:\d+: ", err), err)
    login(main)


def test_a_mended_configuration_is_loaded_without_restarts():
    before = pids(main)
    edit(main, "spool.fre = 64M", "spool.free = 65M")
    hup(main, "config-loaded", len(re.findall(r"supervisor\[\d+\]: info config-loaded", log(main))))
    equal(conf(main, "spool.free", "run/active.conf"), "65M")
    until("smtpd has it too", lambda: re.search(r"smtpd\[%d\]: info config-loaded" %
                                                before["smtpd"], log(main)))
    equal(pids(main), before)


def test_a_new_listener_is_opened_at_sighup():
    e, before, port = env(main), pids(main), free_port()
    edit(main, "listen.submission = 127.0.0.1:" + e["SMTP_PORT"],
         "listen.submission = 127.0.0.1:%d" % port)
    start(main)  # reloads, and writes env anew
    equal(env(main)["SMTP_PORT"], str(port))
    login(main)
    check(not listens(e["SMTP_PORT"]), "the old port still listens")
    after = pids(main)
    check(after.pop("smtpd") != before.pop("smtpd"), "smtpd was not restarted")
    equal(after, before)


def test_a_listener_that_cannot_be_opened_leaves_the_old_in_force():
    port = env(main)["SMTP_PORT"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other = taken.getsockname()[1]
        edit(main, "127.0.0.1:" + port, "127.0.0.1:%d" % other)
        err = refuses(78, "sandbox", "start", main)
        check("listen.submission" in err and "in use" in err, err)
    equal(conf(main, "listen.submission", "run/active.conf"), "127.0.0.1:" + port)
    edit(main, "127.0.0.1:%d" % other, "127.0.0.1:" + port)
    check("running already" in start(main))
    login(main)


def test_relay_and_mx_are_set_and_taken_out():
    out = start(main, "--relay", "127.0.0.1:9", "--mx", "a.test=127.0.0.1:8", "--mx=b.test=[::1]:7")
    check("reloaded" in out, out)
    equal(conf(main, "deliver.relay", "run/active.conf"), "127.0.0.1:9")
    equal(conf(main, "deliver.mx", "run/active.conf"), "a.test=127.0.0.1:8 b.test=[::1]:7")
    check("running already" in start(main, "--relay", "127.0.0.1:9", "--mx", "a.test=127.0.0.1:8",
                                     "--mx", "b.test=[::1]:7"))
    check("reloaded" in start(main))
    equal(conf(main, "deliver.relay"), None)
    equal(conf(main, "deliver.mx"), None)


def test_a_wrong_relay_is_refused_and_changes_nothing():
    with open(main + "/posthaste.conf") as f:
        before = f.read()
    for bad in ["127.0.0.1", "a b:25", "h:0", "h:25\nnode = 3"]:
        check("--relay" in refuses(64, "sandbox", "start", main, "--relay", bad))
    check("--mx" in refuses(64, "sandbox", "start", main, "--mx", "127.0.0.1:25"))
    check("no_such" in refuses(78, "sandbox", "start", main, "--relay", "no_such:25"))
    with open(main + "/posthaste.conf") as f:
        equal(f.read(), before)


def test_stop_ends_all_of_it():
    e, p, s = env(main), pids(main), supervisor(main)
    check("stopped" in stop(main))
    for pid in [s, *p.values()]:
        check(not alive(pid), "process", pid, "still runs")
    equal(nothing_left(main), "")
    check(not os.path.exists(e["PIDFILE"]), "the pid file is still there")
    for name in ["SMTP_PORT", "SMTPS_PORT", "MX_PORT"]:
        check(not listens(e[name]), name, "still listens")


def test_stop_says_that_nothing_runs():
    check("nothing runs" in stop(main))


def test_status_says_that_nothing_runs():
    err = refuses(69, "sandbox", "status", main)
    check("sandbox start" in err, err)


def test_send_says_what_to_start():
    err = refuses(69, "sandbox", "send", main)
    check("sandbox start" in err, err)


def test_a_restart_keeps_ports_and_password():
    before = env(main)
    start(main)
    equal(env(main), before)
    login(main)


def test_a_lost_env_gets_a_new_password():
    old = env(main)["SMTP_PASS"]
    os.unlink(main + "/env")
    start(main)
    check(env(main)["SMTP_PASS"] != old, "the same password")
    login(main)
    try:
        login(main, old)
        raise Failed("the old password is still good")
    except smtplib.SMTPAuthenticationError:
        pass


def test_a_deleted_credential_is_replaced():
    ok("-C", main, "credential", "delete", "smtp", "default")
    start(main)
    login(main)


def test_a_start_after_the_supervisor_was_killed():
    before, s = pids(main), supervisor(main)
    os.kill(s, signal.SIGKILL)
    until("its death", lambda: not alive(s))
    refuses(69, "sandbox", "status", main)
    check(all(alive(p) for p in before.values()), "a daemon died with the supervisor")
    login(main)  # mail is still accepted
    start(main)
    check(not any(alive(p) for p in before.values()), "a leftover still runs")
    check(not set(before.values()) & set(pids(main).values()), "a leftover was kept")
    login(main)


def test_a_start_after_supervisor_and_daemons_were_killed():
    """Workers without their daemon may hold its sockets still."""
    victims = [supervisor(main), *pids(main).values()]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    until("their death", lambda: not any(map(alive, victims)))
    start(main)
    login(main)


def test_a_stop_after_the_supervisor_was_killed():
    before, s = pids(main), supervisor(main)
    os.kill(s, signal.SIGKILL)
    until("its death", lambda: not alive(s))
    check("stopped" in stop(main))
    check(not any(alive(p) for p in before.values()), "a leftover still runs")


def test_a_record_of_strangers_harms_nobody():
    start(main)
    name = main + "/run/supervisor/pids"
    with open(name) as f:
        lines = f.read().splitlines()
    os.kill(supervisor(main), signal.SIGKILL)
    stop(main)
    stranger = subprocess.Popen(["sleep", "100"], start_new_session=True)
    try:
        with open(name, "w") as f:
            f.write("\n".join(lines[:2] + ["smtpd %d 12345" % stranger.pid]) + "\n")
        start(main)
        equal(stranger.poll(), None)
        stop(main)
    finally:
        stranger.kill()
        stranger.wait()


def test_stop_waits_for_the_reply_to_the_final_dot():
    """A relay that replies to the dot after 7 s; meanwhile stop tells what it waits for."""
    dot, done = threading.Event(), []

    def relay(server):
        c, _ = server.accept()
        f = c.makefile("rwb", 0)
        f.write(b"220 relay.test\r\n")
        data = False
        for line in f:
            if data:
                if line == b".\r\n":
                    dot.set()
                    time.sleep(7)
                    f.write(b"250 2.0.0 kept\r\n")
                    done.append(True)
                    data = False
            elif line.upper().startswith(b"DATA"):
                data = True
                f.write(b"354 go on\r\n")
            elif line.upper().startswith(b"QUIT"):
                f.write(b"221 bye\r\n")
                return
            else:
                f.write(b"250 ok\r\n")

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        start(main, "--relay", "127.0.0.1:%d" % server.getsockname()[1])
        threading.Thread(target=relay, args=(server,), daemon=True).start()
        ident = ok("sandbox", "send", main).strip()
        check(dot.wait(WAIT), "the relay got no message")
        r = run("sandbox", "stop", main)
        equal((r.returncode, done), (0, [True]))
        check("waiting for deliverd" in r.stderr, r.stderr)
    start(main)
    check("delivered" in ok("-C", main, "trace", ident), "the result was lost")
    stop(main)


def test_two_starts_at_once():
    d = folder("twice")
    both = [subprocess.Popen([POSTHASTE, "sandbox", "start", d, "--json"], stdout=subprocess.PIPE,
                             text=True) for _ in range(2)]
    got = [json.loads(p.communicate(timeout=120)[0]) for p in both]
    equal([p.returncode for p in both], [0, 0])
    equal(sorted(g["state"] for g in got), ["running", "started"])
    equal(got[0]["pid"], got[1]["pid"])
    login(d)
    stop(d)


def test_a_deep_and_long_path():
    d = folder("deep") + "/" + "/".join(["a" * 60, "it's a quote", "b" * 60, "c" * 60, "d" * 60])
    started.append(d)
    check(len(d) > 230)
    start(d)
    equal(env(d)["SINK_DIR"], d + "/sink")
    login(d)
    ok("sandbox", "send", d)
    stop(d)


def test_a_relative_path():
    d = folder("relative")
    cwd = os.getcwd()
    os.chdir(top)
    try:
        start("relative")
        equal(env(d)["SINK_DIR"], os.path.realpath(d) + "/sink")
        stop("relative")
    finally:
        os.chdir(cwd)


def test_the_supervisor_in_the_foreground():
    p = subprocess.Popen([POSTHASTE, "supervise", main], stderr=subprocess.PIPE, text=True)
    until("all ready", lambda: run("sandbox", "status", main).returncode == 0 and
          all(x["ready"] for x in status(main).values()))
    login(main)
    p.send_signal(signal.SIGINT)
    err = p.communicate(timeout=60)[1]
    equal(p.returncode, 0)
    check(re.search(r"supervisor\[%d\]: info down" % p.pid, err), err)
    equal(nothing_left(main), "")


def test_a_supervisor_without_an_instance():
    check("sandbox start" in refuses(66, "supervise", top))
    refuses(66, "supervise", top + "/nowhere")


def test_a_wrong_configuration_is_refused_at_the_start():
    d = folder("wrong")
    start(d)
    stop(d)
    edit(d, "dns.mode = local", "dns.mode = lokal")
    err = refuses(78, "sandbox", "start", d)
    check(re.search(r"posthaste\.conf:\d+:\d+: .*did you mean \"local\"", err), err)
    equal(nothing_left(d), "")
    err = refuses(78, "supervise", d)
    check("did you mean" in err, err)
    edit(d, "dns.mode = lokal", "dns.mode = local")


def test_a_port_in_use_is_named():
    d = folder("wrong")
    port = env(d)["SMTP_PORT"]
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(port)))
        taken.listen()
        err = refuses(78, "sandbox", "start", d)
    check("listen.submission" in err and port in err and "in use" in err, err)
    equal(nothing_left(d), "")


def test_a_daemon_that_cannot_start_is_named():
    d = folder("wrong")
    os.chmod(d + "/tls/cert.pem", 0o644)
    with open(d + "/tls/cert.pem", "w") as f:
        f.write("no certificate\n")
    err = refuses(69, "sandbox", "start", d)
    check("smtpd is not ready" in err and "tls/cert.pem" in err, err)
    equal(nothing_left(d), "")
    os.unlink(d + "/tls/cert.pem")
    start(d)  # a missing one is made again
    login(d)
    stop(d)


def test_a_missing_secret_is_not_made_anew():
    d = folder("wrong")
    os.rename(d + "/secrets/queued/token", d + "/token")
    err = refuses(66, "sandbox", "start", d)
    check("secrets/queued/token" in err and "backup" in err, err)
    os.rename(d + "/token", d + "/secrets/queued/token")
    os.unlink(d + "/secrets/signer/grant")  # of this there is a copy
    start(d)
    stop(d)


def test_a_folder_with_something_else_is_refused():
    d = folder("other")
    os.mkdir(d)
    with open(d + "/thesis.tex", "w") as f:
        f.write("x")
    err = refuses(73, "sandbox", "start", d)
    check("thesis.tex" in err, err)
    equal(os.listdir(d), ["thesis.tex"])


def test_an_interrupted_first_start_is_finished():
    d = folder("torn")
    start(d)
    stop(d)
    for name in ["env", "control/control.db", "secrets/smtpd/credential", "tls/key.pem"]:
        os.unlink(os.path.join(d, name))
    for name in ["control.db-wal", "control.db-shm"]:
        if os.path.exists(d + "/control/" + name):
            os.unlink(d + "/control/" + name)
    shutil.rmtree(d + "/mail")
    start(d)
    login(d)
    stop(d)


def test_an_unwritable_folder_is_named():
    if os.geteuid() == 0:
        return "SKIP root may write everywhere"
    d = folder("unwritable")
    os.mkdir(d, 0o555)
    err = refuses(73, "sandbox", "start", d)
    check(d in err and "Permission denied" in err, err)
    refuses(73, "sandbox", "start", d + "/below")
    return None


def test_folders_that_are_none():
    nowhere = top + "/nowhere"
    for command in ["stop", "status", "send"]:
        check("nowhere" in refuses(66, "sandbox", command, nowhere))
    check("nothing runs" in stop(top))
    refuses(69, "sandbox", "status", top)
    refuses(66, "sandbox", "send", top)
    with open(top + "/file", "w"):
        pass
    refuses(73, "sandbox", "start", top + "/file")


def test_wrong_usage():
    refuses(64, "sandbox", "start", "a", "b")
    refuses(64, "sandbox", "stop", "--force", main)


def test_the_sink_is_found():
    r = run("sink", "--no-such-option")
    check("posthaste-sink" in r.stderr or "sink" in r.stderr, r.stderr)
    check(r.returncode not in (0, 69), "exit", r.returncode)


def test_programs_that_are_missing_are_named():
    os.environ["POSTHASTE_LIBEXEC"] = top
    try:
        r = run("sandbox", "start", folder("wrong"))
    finally:
        del os.environ["POSTHASTE_LIBEXEC"]
    equal(r.returncode, 69, r.stderr)
    equal(nothing_left(folder("wrong")), "")


def main_():
    tests = [(n[5:].replace("_", " "), f) for n, f in globals().items() if n.startswith("test_")]
    only = sys.argv[1:]
    passed = failed = 0
    try:
        for number, (name, f) in enumerate(tests, 1):
            if only and not any(o in name for o in only) and number > 1:
                continue  # the first one makes what others use
            try:
                skip = f()
                print("ok %d - %s%s" % (number, name, " # " + skip if skip else ""), flush=True)
                passed += 0 if skip else 1
            except Exception as e:  # pylint: disable=broad-except
                failed += 1
                print("not ok %d - %s" % (number, name))
                print("# %s: %s" % (type(e).__name__, e), flush=True)
                print("# at line %d" % e.__traceback__.tb_next.tb_lineno
                      if e.__traceback__.tb_next else "#", flush=True)
    finally:
        for d in dict.fromkeys(started):
            if os.path.isdir(d):
                run("sandbox", "stop", d)
        shutil.rmtree(top, ignore_errors=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main_())
