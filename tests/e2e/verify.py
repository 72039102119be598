#!/usr/bin/python3
"""posthaste verify: a clean instance has nothing to tell, also under load; each thing that is made
wrong by hand is found, and only that."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from posthaste import Failed, Sandbox, Tap, wait_for  # noqa: E402


def expect(good, what):
    if not good:
        raise AssertionError(what)


def verify(s, *args):
    code, out, err = s.command("verify", *args, "--json", check=False, timeout=120)
    import json
    rows = [json.loads(line) for line in out.splitlines()]
    expect(code == (65 if rows else 0), (code, out, err))
    return rows


def codes(s, *args):
    return sorted(r["code"] for r in verify(s, *args))


@contextlib.contextmanager
def stopped(s):
    s.stop()
    try:
        yield
    finally:
        s.start()


def sql(s, text, *args):
    with sqlite3.connect(os.path.join(s.dir, "mail", "mail.db")) as db:
        rows = db.execute(text, args).fetchall()
    db.close()
    return rows


def path(s, *parts):
    return os.path.join(s.dir, *parts)


def files(s, top):
    found = []
    for folder, _, names in os.walk(path(s, top)):
        found += [os.path.join(folder, n) for n in names if n != "counter"]
    return sorted(found)


def waiting(s):
    """A message that stays in the queue."""
    m = s.submit("w@nowhere.test")
    expect(wait_for(lambda: s.state(m) == ["deferred"]), s.state(m))
    return m


def cur(s, m):
    return path(s, "spool", "cur", str(m)[-2:], str(m))


def clean_under_load(s):
    expect(verify(s) == [], verify(s))
    stop = threading.Event()

    def load():
        smtp = s.session()
        while not stop.is_set():
            s.submit(["l@sink.test", "m@nowhere.test"], session=smtp)
    t = threading.Thread(target=load)
    t.start()
    try:
        for _ in range(3):
            rows = verify(s, "--deep")
            expect(rows == [], rows)
    finally:
        stop.set()
        t.join()
    s.command("queue", "cancel", "--all")
    expect("fits together" in s.command("verify"), "text")


def without_queued(s):
    m = waiting(s)
    with stopped(s):
        expect(verify(s, "--deep") == [], verify(s))
        os.rename(cur(s, m), path(s, "away"))
        rows = verify(s)
        expect([r["code"] for r in rows] == ["message-without-file"] and str(m) in rows[0]["where"]
               and "cancel" in rows[0]["mend"], rows)
        os.rename(path(s, "away"), cur(s, m))
        expect(verify(s) == [], verify(s))


def a_damaged_file(s):
    m = waiting(s)
    with stopped(s):
        with open(cur(s, m), "rb") as f:
            good = f.read()
        at = good.index(b"Hello.")
        with open(cur(s, m), "r+b") as f:
            f.seek(at)
            f.write(b"J")
        expect(codes(s) == [], codes(s))
        rows = verify(s, "--deep")
        expect([r["code"] for r in rows] == ["bad-file"] and "body" in rows[0]["detail"], rows)
        with open(cur(s, m), "r+b") as f:
            f.write(b"V")
        rows = verify(s)
        expect([r["code"] for r in rows] == ["bad-file"], rows)
        with open(cur(s, m), "wb") as f:
            f.write(good[:100])
        rows = verify(s)
        expect([r["code"] for r in rows] == ["bad-file"], rows)
        with open(cur(s, m), "wb") as f:
            f.write(good)
        expect(verify(s, "--deep") == [], verify(s, "--deep"))


def rows_without_files_and_files_without_rows(s):
    m = waiting(s)
    with stopped(s):
        n = sql(s, "SELECT n FROM messages WHERE id = ?", str(m))[0][0]
        sql(s, "DELETE FROM copies WHERE message = ?", n)
        sql(s, "DELETE FROM events WHERE message = ?", n)
        sql(s, "DELETE FROM messages WHERE n = ?", n)
        expect(codes(s) == ["file-without-row"], codes(s))
    # the start takes it up, as the advice says
    expect(wait_for(lambda: s.state(m) == ["deferred"]), s.state(m))
    expect(verify(s) == [], verify(s))


def things_that_do_not_belong_there(s):
    odd = ["spool/README", "spool/new/other", "spool/new/smtpd/.hidden", "spool/cur/0A",
           "spool/cur/00/README", "kept/README", "kept/99999/zz"]
    for name in odd:
        os.makedirs(path(s, name))
    rows = verify(s)
    expect({r["code"] for r in rows} == {"foreign-file"} and
           sorted(r["where"] for r in rows) == sorted(odd), rows)
    for name in odd:
        os.rmdir(path(s, name))
    os.rmdir(path(s, "kept/99999"))
    os.rename(path(s, "spool", "cur", "00"), path(s, "away"))
    os.symlink("01", path(s, "spool", "cur", "00"))
    rows = verify(s)
    expect([(r["code"], r["where"]) for r in rows] == [("foreign-file", "spool/cur/00")], rows)
    os.unlink(path(s, "spool", "cur", "00"))
    os.rename(path(s, "away"), path(s, "spool", "cur", "00"))
    left = path(s, "spool", "new", "smtpd", "0" * 32)
    with open(left, "w") as f:
        f.write("x")
    os.chmod(left, 0o600)
    expect(codes(s) == [], codes(s))  # somebody may be about to lock it
    os.utime(left, (0, 0))
    expect(codes(s) == ["unfinished-file"], codes(s))
    os.unlink(left)
    aside = path(s, "spool", "corrupt", "1" * 32)
    with open(aside, "w") as f:
        f.write("x")
    expect(codes(s) == ["in-corrupt"], codes(s))
    os.unlink(aside)


def numbers_in_the_database(s):
    m = waiting(s)
    with stopped(s):
        sql(s, "UPDATE messages SET open = 7 WHERE id = ?", str(m))
        expect(codes(s) == ["open-count"], codes(s))
        sql(s, "UPDATE messages SET open = 1 WHERE id = ?", str(m))
        sql(s, "UPDATE messages SET server = 99 WHERE id = ?", str(m))
        expect(codes(s) == ["row-differs"], codes(s))
        sql(s, "UPDATE messages SET server = 1 WHERE id = ?", str(m))
        sql(s, "INSERT INTO events(at, type, message, data) VALUES (1, 1, 999999, '{}')")
        expect(codes(s) == ["orphan"], codes(s))
        sql(s, "DELETE FROM events WHERE message = 999999")
        sql(s, "UPDATE copies SET state = 77 WHERE message = (SELECT n FROM messages WHERE id = ?)",
            str(m))
        expect("state" in codes(s), codes(s))
        sql(s, "UPDATE copies SET state = 1 WHERE message = (SELECT n FROM messages WHERE id = ?)",
            str(m))
        with open(path(s, "spool", "new", "smtpd", "counter"), "r+") as f:
            before = f.read()
            f.seek(0)
            f.write("%020d\n" % 1)
        expect(codes(s) == ["counter"], codes(s))
        with open(path(s, "spool", "new", "smtpd", "counter"), "r+") as f:
            f.write(before)
        expect(verify(s) == [], verify(s))


def kept_content(s):
    m = s.submit("kept@sink.test")
    expect(wait_for(lambda: s.state(m) == ["delivered"]), s.state(m))
    name = [f for f in files(s, "kept") if f.endswith(str(m))]
    expect(len(name) == 1, name)
    os.rename(name[0], path(s, "away"))
    expect(codes(s) == ["content-missing"], codes(s))
    other = name[0].rsplit("/", 1)[0] + "/" + "2" * 30 + str(m)[-2:]
    shutil.copy(path(s, "away"), other)
    expect(codes(s) == ["content-missing", "kept-without-row"], codes(s))
    os.unlink(other)
    os.rename(path(s, "away"), name[0])
    expect(verify(s) == [], verify(s))


def folders_and_secrets(s):
    os.chmod(path(s, "spool", "cur"), 0o777)
    expect(codes(s) == ["folder"], codes(s))
    os.chmod(path(s, "spool", "cur"), 0o700)
    token = path(s, "secrets", "queued", "token")
    os.rename(token, token + ".away")
    expect(codes(s) == ["secret"], codes(s))
    os.rename(token + ".away", token)
    expect(verify(s) == [], verify(s))


def secrets_and_keys(s):
    credential, twin = path(s, "secrets/smtpd/credential"), path(s, "secrets/httpd/credential")
    os.chmod(credential, 0o644)
    expect(codes(s) == ["secret"], codes(s))
    os.chmod(credential, 0o400)
    os.rename(twin, twin + ".away")
    with open(twin, "wb") as f:
        f.write(b"x" * 32)
    st = os.stat(twin + ".away")
    os.chown(twin, st.st_uid, st.st_gid)
    os.chmod(twin, 0o400)
    rows = verify(s)
    expect([r["detail"] for r in rows] == ["they differ"], rows)
    os.unlink(twin)
    for make in (lambda: os.symlink("httpd", twin), lambda: os.mkfifo(twin, 0o400)):
        make()
        rows = verify(s)
        expect([r["code"] for r in rows] == ["secret"] and "plain" in rows[0]["detail"], rows)
        os.unlink(twin)
    os.rename(twin + ".away", twin)
    keys = [n for n in os.listdir(path(s, "keys")) if n.startswith("sandbox.test,")]
    expect(len(keys) == 1, keys)
    key = path(s, "keys", keys[0])
    os.chmod(key, 0o444)
    expect(codes(s) == ["dkim-key"], codes(s))
    os.chmod(key, 0o400)
    os.rename(key, path(s, "away"))
    rows = verify(s)
    expect([(r["code"], r["where"]) for r in rows] == [("dkim-key", "keys/" + keys[0])], rows)
    os.rename(path(s, "away"), key)
    expect(verify(s) == [], verify(s))


@contextlib.contextmanager
def as_it_was(s, *names):
    """What is done to these files is undone at the end; a missing one is missing then."""
    saved = {}
    for name in names:
        if os.path.exists(path(s, name)):
            saved[name] = path(s, name.replace("/", "-") + ".saved")
            shutil.copy2(path(s, name), saved[name])
            st = os.stat(path(s, name))
            os.chown(saved[name], st.st_uid, st.st_gid)
    try:
        yield
    finally:
        for name in names:
            if os.path.exists(path(s, name)):
                os.unlink(path(s, name))
            if name in saved:
                os.rename(saved[name], path(s, name))


def checkpoint(s, name):
    with sqlite3.connect(path(s, name)) as c:
        c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    c.close()


def overwrite(s, name, at, data):
    with open(path(s, name), "r+b") as f:
        f.seek(at)
        f.write(data)


def a_damaged_database(s):
    for name in "mail/mail.db", "control/control.db":
        with stopped(s):
            checkpoint(s, name)
            pages = os.path.getsize(path(s, name)) // 4096
            for at, data in ((pages // 2 * 4096, b"\xff" * 4096), (0, b"\xff" * 8192)):
                with as_it_was(s, name, name + "-wal", name + "-shm"):
                    overwrite(s, name, at, data)
                    rows = verify(s)
                    expect({(r["code"], r["where"].partition(":")[0]) for r in rows} ==
                           {("database", name)}, rows)
            with as_it_was(s, name, name + "-wal", name + "-shm"):
                c = sqlite3.connect(path(s, name))
                c.execute("PRAGMA user_version = 99")
                c.close()
                rows = verify(s)
                expect([r["code"] for r in rows] == ["database"] and "99" in rows[0]["detail"],
                       rows)
            expect(verify(s, "--deep") == [], verify(s))


def the_rest_is_looked_at_without_a_database(s):
    m = waiting(s)
    with stopped(s):
        checkpoint(s, "mail/mail.db")
        with as_it_was(s, "mail/mail.db", "mail/mail.db-wal", "mail/mail.db-shm"):
            for name in "mail.db", "mail.db-wal", "mail.db-shm":
                if os.path.exists(path(s, "mail", name)):
                    os.unlink(path(s, "mail", name))
            with as_it_was(s, cur(s, m)[len(s.dir) + 1:]):
                overwrite(s, cur(s, m), 0, b"V")
                expect(codes(s) == ["bad-file", "database"], codes(s))
        c = sqlite3.connect(path(s, "control/control.db"))
        with c:
            c.execute("UPDATE domains SET server = server + 1000")
        rows = verify(s)
        expect({r["code"] for r in rows} == {"database"} and
               all("domains" in r["where"] for r in rows), rows)
        with c:
            c.execute("UPDATE domains SET server = server - 1000")
        c.close()
        expect(verify(s) == [], verify(s))


def what_queued_cannot_read(s):
    m = waiting(s)
    with stopped(s):
        os.chmod(cur(s, m), 0o600)
        rows = verify(s)
        expect([r["code"] for r in rows] == ["bad-file"] and "0600" in rows[0]["detail"], rows)
        os.chmod(cur(s, m), 0o644)
        other = path(s, "spool/cur", "%02x" % (int(str(m)[-2:], 16) ^ 1), str(m))
        os.rename(cur(s, m), other)
        expect(codes(s) == ["foreign-file", "message-without-file"], codes(s))
        os.rename(other, cur(s, m))
        expect(verify(s) == [], verify(s))


def each_field_of_a_row(s):
    m = waiting(s)
    message = "UPDATE messages SET %s = ? WHERE id = ?"
    copy = "UPDATE copies SET %s = ? WHERE message = (SELECT n FROM messages WHERE id = ?)"
    with stopped(s):
        for text, column, value in ((message, "server", 99), (message, "credential", 99),
                                    (message, "sender", "x@y.test"), (message, "domain", "y.test"),
                                    (message, "size", 1), (copy, "rcpt", "x@y.test")):
            before = sql(s, "SELECT %s FROM messages m JOIN copies c ON c.message = m.n "
                         "WHERE m.id = ?" % (("c." if text == copy else "m.") + column),
                         str(m))[0][0]
            sql(s, text % column, value, str(m))
            rows = verify(s)
            expect([r["code"] for r in rows] == ["row-differs"] and
                   ("recipient" if text == copy else column) in rows[0]["detail"], (column, rows))
            sql(s, text % column, before, str(m))
        expect(verify(s) == [], verify(s))


def suppressions(s):
    for address in "no address", "Capital@peer.test":
        sql(s, "INSERT INTO suppressions VALUES (0, ?, 'x', 1, 0)", address)
        rows = verify(s)
        expect([r["code"] for r in rows] == ["suppression"] and address in rows[0]["where"], rows)
        sql(s, "DELETE FROM suppressions WHERE address = ?", address)
    s.command("suppression", "add", "good@peer.test", "--all-servers")
    expect(verify(s) == [], verify(s))
    s.command("suppression", "remove", "good@peer.test", "--all-servers")


def advice_that_is_followed(s):
    # not-moved, file-without-row: the start does it
    m = s.submit("kept@sink.test")
    expect(wait_for(lambda: s.state(m) == ["delivered"]), s.state(m))
    lost = waiting(s)
    with stopped(s):
        kept = [f for f in files(s, "kept") if f.endswith(str(m))][0]
        os.rename(kept, cur(s, m))
        sql(s, "UPDATE messages SET kept = NULL WHERE id = ?", str(m))
        expect(codes(s) == ["not-moved"], codes(s))
        counter = path(s, "spool/new/smtpd/counter")
        with open(counter, "r+") as f:
            f.write("%020d\n" % 1)
        expect(codes(s) == ["counter", "not-moved"], codes(s))
        os.unlink(counter)
        os.unlink(cur(s, lost))
    expect(codes(s) == ["message-without-file"], codes(s))
    s.command("queue", "cancel", str(lost))
    expect(verify(s) == [], verify(s))
    expect(wait_for(lambda: s.state(waiting(s)) == ["deferred"]), "mail goes on")


def mail_db_made_anew(s):
    s.command("queue", "cancel", "--all")
    m = waiting(s)
    s.command("suppression", "add", "never@peer.test", "--all-servers")
    with stopped(s):
        sql(s, "UPDATE messages SET open = 3 WHERE id = ?", str(m))
        rows = verify(s)
        expect([r["code"] for r in rows] == ["open-count"], rows)
        expect("suppression export" in rows[0]["mend"], rows)
        saved = s.command("suppression", "export")
        for folder, _, names in os.walk(path(s, "kept")):
            for name in names:  # of messages whose history goes
                os.unlink(os.path.join(folder, name))
        os.mkdir(path(s, "old"))
        for name in "mail.db", "mail.db-wal", "mail.db-shm":
            if os.path.exists(path(s, "mail", name)):
                os.rename(path(s, "mail", name), path(s, "old", name))
    expect(wait_for(lambda: s.state(m) == ["deferred"]), s.state(m))
    list_file = path(s, "list")
    with open(list_file, "w") as f:
        f.write(saved)
    os.chmod(list_file, 0o644)
    s.command("suppression", "import", list_file, "--all-servers")
    expect("never@peer.test" in s.command("suppression", "list", "--all-servers"), "the list")
    expect(verify(s) == [], verify(s))


def a_damaged_message_and_its_backup(s):
    m = waiting(s)
    shutil.copy(cur(s, m), path(s, "backup"))
    overwrite(s, cur(s, m), os.path.getsize(cur(s, m)) - 1, b"V")
    s.command("queue", "retry", str(m))
    expect(wait_for(lambda: s.state(m) == ["held"]), s.state(m))
    rows = verify(s)
    expect([r["code"] for r in rows] == ["in-corrupt"] and str(m) in rows[0]["where"] and
           "END record" in rows[0]["detail"], rows)
    shutil.copy(path(s, "backup"), cur(s, m))
    os.chmod(cur(s, m), 0o644)
    os.unlink(path(s, "spool/corrupt", str(m)))
    s.command("queue", "release", str(m))
    expect(wait_for(lambda: s.state(m) == ["deferred"]), s.state(m))
    expect(verify(s, "--deep") == [], verify(s))


def every_octet_counts(s):
    """A flipped octet anywhere, a length that is another one."""
    m = waiting(s)
    with stopped(s):
        with open(cur(s, m), "rb") as f:
            good = f.read()
        changed = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1:]
                   for at in sorted({*range(0, len(good), 29), *range(len(good) - 174, len(good), 7)})]
        changed += [good[:n] for n in (0, 1, 173, 174, len(good) - 1)] + [good + b"\n"]
        for data in changed:
            with open(cur(s, m), "wb") as f:
                f.write(data)
            rows = verify(s, "--deep")
            expect([r["code"] for r in rows] == ["bad-file"], (data, rows))
        with open(cur(s, m), "wb") as f:
            f.write(good)
        expect(verify(s, "--deep") == [], verify(s, "--deep"))


def more_than_can_be_told(s):
    for i in range(1005):
        with open(path(s, "spool/corrupt/%032x" % i), "w") as f:
            f.write("x")
    rows = [r for r in verify(s) if r["code"] == "in-corrupt"]
    expect(len(rows) == 1001 and rows[-1]["more"] == 5, rows[-2:])
    for i in range(1005):
        os.unlink(path(s, "spool/corrupt/%032x" % i))


def a_user_who_may_not_look(s):
    done = subprocess.run([s.program, "-C", s.dir, "verify"], user="nobody", group="nogroup",
                          extra_groups=[], cwd="/", stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    expect(done.returncode == 74 and b"could not be looked at" in done.stderr, done)
    expect(b"fits together" not in done.stdout, done)


TESTS = [clean_under_load, without_queued, a_damaged_file,
         rows_without_files_and_files_without_rows, things_that_do_not_belong_there,
         numbers_in_the_database, kept_content, folders_and_secrets, secrets_and_keys,
         a_damaged_database, the_rest_is_looked_at_without_a_database, what_queued_cannot_read,
         each_field_of_a_row, suppressions, advice_that_is_followed,
         a_damaged_message_and_its_backup, every_octet_counts, more_than_can_be_told, mail_db_made_anew]
if os.geteuid() == 0:
    TESTS.append(a_user_who_may_not_look)


def main():
    tap, names = Tap(), sys.argv[1:]
    with Sandbox(settings={"queue.retry": "1h"}) as s:
        for test in TESTS:
            if not names or test.__name__ in names:
                tap.run(test.__name__.replace("_", " "), test, s)
    tap.done()


try:
    main()
except Failed as e:
    print("not ok - the sandbox: %s" % e)
    sys.exit(1)
