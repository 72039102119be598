#!/usr/bin/python3
"""posthaste-signer from outside: keys, grants, refusals, its confinement.

    signer.py [--bin build/bin]
"""

import argparse
import contextlib
import hashlib
import os
import stat
import struct
import sys
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.exceptions import InvalidSignature

from doors import Failed, Instance, Packet, run, span, spans, u64, u8

SECRET = bytes(range(32))
KEY = b"example.com s1 rsa-sha256"
OTHER = b"example.net 20261123 rsa-sha256"
EDWARDS = b"example.com ed ed25519-sha256"


def grant(copy, keys, uses=5, seconds=60, secret=SECRET):
    expires = int(time.time()) + seconds
    mac = hashlib.blake2b(digest_size=32, key=secret)
    mac.update(struct.pack("<QQIH", copy, expires, uses, len(keys)))
    for k in keys:
        mac.update(span(k))
    return struct.pack("<QI", expires, uses) + mac.digest()


@contextlib.contextmanager
def signer(args):
    i = Instance(os.path.join(args.bin, "posthaste-signer"), "log.level = debug\n")
    try:
        i.write("secrets/signer/grant", SECRET)
        i.mkdir("run/signer")
        i.start()
        yield i
    finally:
        i.close()


def keygen_made(i, key):
    with i.connect("run/signer/keys") as s:
        s.send(u8(1) + u8(35) + span(key))
        p = Packet(s.recv(65536))
        assert p.number == 36
        error, made, public = p.span().decode(), p.int(1), p.span()
        p.end()
        return error, made, public


def keygen(i, key):
    error, _, public = keygen_made(i, key)
    return error, public


def ask(s, copy, keys, permission, digests, request=7):
    s.send(u8(1) + u8(30) + u64(request) + u64(copy) + spans(keys) + span(permission) +
           spans(digests))


def answer(s, request=7):
    p = Packet(s.recv(65536))
    assert p.number == 31 and p.int(8) == request
    error, values = p.span().decode(), p.spans()
    p.end()
    return error, values


def sign(i, copy, keys, permission, digests):
    with i.connect("run/signer/sign") as s:
        ask(s, copy, keys, permission, digests)
        return answer(s)


def verify(der, value, digest):
    key = serialization.load_der_public_key(der)
    assert key.key_size == 2048
    key.verify(value, digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))


def digest(text):
    return hashlib.sha256(text).digest()


def a_key_is_made_once_and_signs(args):
    with signer(args) as i:
        error, made, der = keygen_made(i, KEY)
        assert (error, made) == ("", 1), error
        path = i.path("keys/example.com,s1.pem")
        st = os.stat(path)
        assert stat.S_IMODE(st.st_mode) == 0o400 and st.st_nlink == 1
        assert os.listdir(i.path("keys")) == ["example.com,s1.pem"]
        assert keygen_made(i, KEY) == ("", 0, der)
        assert keygen(i, b"EXAMPLE.com S1 rsa-sha256") == ("", der)
        _, der2 = keygen(i, OTHER)
        both, d = [KEY, OTHER], [digest(b"a"), digest(b"b")]
        error, values = sign(i, 1, both, grant(1, both), d)
        assert error == "", error
        verify(der, values[0], d[0])
        verify(der2, values[1], d[1])
        try:
            verify(der, values[0], d[1])
            raise Failed("a signature of something else")
        except InvalidSignature:
            pass
        i.hup()
        i.wait_log("config-loaded")
        error, values = sign(i, 1, [KEY], grant(1, [KEY]), [d[0]])
        verify(der, values[0], d[0])
        i.stop()


def an_ed25519_key_signs_beside_an_rsa_key(args):
    with signer(args) as i:
        _, der = keygen(i, KEY)
        error, raw = keygen(i, EDWARDS)
        assert error == "" and len(raw) == 32, (error, raw)
        assert keygen(i, EDWARDS) == ("", raw)
        both, d = [KEY, EDWARDS], [digest(b"a"), digest(b"b")]
        for reread in (False, True):
            error, values = sign(i, 1, both, grant(1, both), d)
            assert error == "", error
            verify(der, values[0], d[0])
            ed25519.Ed25519PublicKey.from_public_bytes(raw).verify(values[1], d[1])
            if not reread:
                i.hup()
                i.wait_log("config-loaded")
        i.stop()


def a_key_signs_only_by_its_own_algorithm(args):
    with signer(args) as i:
        for key, other in ((KEY, b"ed25519-sha256"), (EDWARDS, b"rsa-sha256")):
            assert keygen(i, key)[0] == ""
            wrong = key.rsplit(b" ", 1)[0] + b" " + other
            want = "is not one for " + other.decode()
            error, values = sign(i, 1, [wrong], grant(1, [wrong]), [digest(b"x")])
            assert want in error and values == [], error
            error, public = keygen(i, wrong)
            assert want in error and public == b"", error
        i.stop()


def refusals_say_why(args):
    with signer(args) as i:
        keygen(i, KEY)
        d = digest(b"x")
        good = grant(1, [KEY])
        for what, want, call in (
                ("another copy", "wrong grant", (2, [KEY], good, [d])),
                ("another key", "wrong grant", (1, [OTHER], good, [d])),
                ("more keys", "wrong grant", (1, [KEY, OTHER], good, [d, d])),
                ("another secret", "wrong grant", (1, [KEY], grant(1, [KEY], secret=b"x" * 32),
                                                   [d])),
                ("expired", "has expired", (1, [KEY], grant(1, [KEY], seconds=-1), [d])),
                ("no uses", "used up", (1, [KEY], grant(1, [KEY], uses=0), [d])),
                ("no grant", "malformed", (1, [KEY], b"", [d])),
                ("no keys", "as many hashes", (1, [], grant(1, []), [])),
                ("too few hashes", "as many hashes", (1, [KEY], good, [])),
                ("a short hash", "32 bytes", (1, [KEY], good, [d[:31]])),
                ("no key's name", "not a sign list", (1, [b"../x s rsa-sha256"],
                                                      grant(1, [b"../x s rsa-sha256"]), [d])),
                ("a missing key", "no key keys/example.net,20261123.pem",
                 (1, [OTHER], grant(1, [OTHER]), [d])),
        ):
            error, values = sign(i, *call)
            assert want in error and values == [], (what, error, values)
        assert len([x for x in i.lines() if "sign-refused" in x]) == 12
        i.stop()


def uses_are_counted(args):
    with signer(args) as i:
        keygen(i, KEY)
        g = grant(3, [KEY], uses=2)
        d = digest(b"x")
        results = [sign(i, 3, [KEY], g, [d])[0] for _ in range(4)]
        assert results[:2] == ["", ""] and all("used up" in r for r in results[2:]), results
        assert sign(i, 3, [KEY], grant(3, [KEY], uses=2, seconds=61), [d])[0] == ""
        i.stop()


def bad_key_files_are_named(args):
    with signer(args) as i:
        i.mkdir("keys")
        weak = rsa.generate_private_key(65537, 512)
        pem = weak.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())
        old = rsa.generate_private_key(65537, 1024)
        locked = old.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                   serialization.BestAvailableEncryption(b"secret"))
        i.write("keys/weak.test,s.pem", pem)
        i.write("keys/curve.test,s.pem", ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        i.write("keys/junk.test,s.pem", b"junk\n")
        i.write("keys/empty.test,s.pem", b"")
        i.write("keys/long.test,s.pem", b"x" * 20000)
        i.write("keys/locked.test,s.pem", locked)
        i.mkdir("keys/folder.test,s.pem")
        os.symlink("weak.test,s.pem", i.path("keys/link.test,s.pem"))
        os.mkfifo(i.path("keys/fifo.test,s.pem"), 0o644)
        i.write("keys/old.test,s.pem", old.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption()))
        for name, want in (("weak", "no RSA key of"), ("curve", "no Ed25519 key"), ("junk", "no private key"),
                           ("empty", "no private key"), ("long", "no regular file"),
                           ("locked", "no private key"), ("folder", "no regular file"),
                           ("link", "no regular file"), ("fifo", "no regular file"),
                           ("old", "")):
            key = name.encode() + b".test s rsa-sha256"
            error, _ = sign(i, 1, [key], grant(1, [key]), [digest(b"x")])
            assert want in error and bool(error) == bool(want), (name, error)
            assert not error or "keys/%s.test,s.pem" % name in error, error
            error, der = keygen(i, key)
            assert bool(error) == bool(want) and bool(der) != bool(error), (name, error)
        i.stop()


def long_names_are_refused(args):
    with signer(args) as i:
        domain = b".".join([b"a" * 60] * 4)
        error, _ = keygen(i, domain + b" selector rsa-sha256")
        assert "too long" in error, error
        error, _ = keygen(i, domain + b" se rsa-sha256")
        assert error == "", error
        error, _ = keygen(i, b"example.com s1 rsa-sha1")
        assert "not a key's name" in error, error
        i.stop()


def junk_closes_only_its_connection(args):
    with signer(args) as i:
        keygen(i, KEY)
        with i.connect("run/signer/sign") as good:
            for junk in (b"x", b"\x01\x1e", u8(1) + u8(35) + span(KEY), u8(2) + u8(30)):
                with i.connect("run/signer/sign") as s:
                    s.send(junk)
                    assert s.recv(100) == b""
            ask(good, 1, [KEY], grant(1, [KEY]), [digest(b"x")])
            assert answer(good)[0] == ""
        i.stop()


def many_at_once_are_all_answered(args):
    with signer(args) as i:
        keygen(i, KEY)
        keygen(i, OTHER)
        d = digest(b"x")
        g = grant(1, [KEY, OTHER], uses=300)
        with i.connect("run/signer/sign") as s:
            for n in range(100):
                ask(s, 1, [KEY, OTHER], g, [d, d], request=n)
            for n in range(100):
                error, values = answer(s, request=n)
                assert error == "" and len(values) == 2
        i.stop()


def it_is_confined(args):
    with signer(args) as i:
        with open("/proc/%d/status" % i.process.pid) as f:
            status = dict(x.split(":\t", 1) for x in f.read().splitlines() if ":\t" in x)
        assert status["NoNewPrivs"] == "1"
        if not args.sanitized:
            assert status["Seccomp"] == "2"
        keygen(i, KEY)
        i.stop()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--bin", default="build/bin")
    args = ap.parse_args()
    args.sanitized = "san" in args.bin
    return run([a_key_is_made_once_and_signs, an_ed25519_key_signs_beside_an_rsa_key,
                a_key_signs_only_by_its_own_algorithm, refusals_say_why, uses_are_counted,
                bad_key_files_are_named, long_names_are_refused, junk_closes_only_its_connection,
                many_at_once_are_all_answered, it_is_confined], args)


if __name__ == "__main__":
    sys.exit(main())
