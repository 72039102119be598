#!/usr/bin/python3
"""posthaste verify: a clean instance has nothing to tell, also under load; each thing that is made
wrong by hand is found, and only that."""

import contextlib
import os
import shutil
import sqlite3
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
    odd = path(s, "spool", "cur", "00", "README")
    with open(odd, "w") as f:
        f.write("x")
    os.mkdir(path(s, "spool", "new", "smtpd", "folder"))
    expect(codes(s) == ["foreign-file", "foreign-file"], codes(s))
    os.unlink(odd)
    os.rmdir(path(s, "spool", "new", "smtpd", "folder"))
    left = path(s, "spool", "new", "smtpd", "0" * 32)
    with open(left, "w") as f:
        f.write("x")
    os.chmod(left, 0o600)
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


def a_damaged_database(s):
    with stopped(s):
        db = path(s, "mail", "mail.db")
        with sqlite3.connect(db) as c:
            c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        c.close()
        with open(db, "rb") as f:
            good = f.read()
        with open(db, "r+b") as f:
            f.seek(len(good) // 4096 // 2 * 4096)
            f.write(b"\xff" * 4096)
        rows = verify(s)
        expect("database" in [r["code"] for r in rows], rows)
        with open(db, "r+b") as f:
            f.write(good)
        expect(verify(s) == [], verify(s))


TESTS = [clean_under_load, without_queued, a_damaged_file,
         rows_without_files_and_files_without_rows, things_that_do_not_belong_there,
         numbers_in_the_database, kept_content, folders_and_secrets, a_damaged_database]


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
