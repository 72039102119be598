/*
 * sandbox_secrets.c - the keys of an instance: 32 random bytes each, readable by one role only,
 * and the certificate with its key.
 *
 * Two roles may share a key: then each has a copy, and a missing copy is made from the other one.
 * A key that is missing although there is a database is not made anew: what was hashed or signed
 * with it would silently be worth nothing.  A key derived from another one is made from it at each
 * start, so it is never missing and never an old one.
 *
 * As root, folders that belong to a daemon's user are entered: what lies there is taken only if
 * it is a plain file with one name.
 */
#include <fcntl.h>
#include <grp.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mail/token.h"
#include "common/proc.h"
#include "common/roles.h"
#include "ctl/ctl.h"
#include "ctl/sandbox_cert.h"
#include "ctl/sandbox_make.h"

enum { KEY_SIZE = 32, PEM_MAX = 65536 };

static const struct secret {
	const char *path;
	enum role role;
	const char *copy; /* the same bytes for another role; NULL: none */
	enum role copy_role;
} secrets[] = {
	{"secrets/queued/token", ROLE_QUEUED, NULL, ROLE_ROOT},
	{"secrets/queued/grant", ROLE_QUEUED, "secrets/signer/grant", ROLE_SIGNER},
	{"secrets/httpd/credential", ROLE_HTTPD, "secrets/smtpd/credential", ROLE_SMTPD},
};

static const struct derived {
	const char *path;
	enum role role;
	const char *master;
	enum token_purpose purpose;
} derived[] = {
	{"secrets/smtpd/complaint", ROLE_SMTPD, "secrets/queued/token", TOKEN_COMPLAINT},
};

static const char ca_file[] = "tls/ca.pem";
static const char cert_file[] = "tls/cert.pem";
static const char key_file[] = "tls/key.pem";

/* -errno; -EMLINK when it is no plain file with one name. */
static int plain_open(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_nlink == 1)
		return fd;
	fd_close(&fd);
	return -EMLINK;
}

/* Gives a file to its role, for reading by that alone. */
static int give(const char *path, enum role r)
{
	struct stat st;
	struct group *gr = getgrnam("posthaste");
	int fd = plain_open(path, &st), err = 0;

	if (fd < 0)
		return fd;
	if (geteuid() == 0 && gr && st.st_uid != role_uid(r) &&
	    fchown(fd, role_uid(r), gr->gr_gid) < 0)
		err = -errno;
	if (!err && (st.st_mode & 07777) != 0400 && fchmod(fd, 0400) < 0)
		err = -errno;
	fd_close(&fd);
	return err;
}

static int fail(const char *path, int err)
{
	if (err == -EMLINK)
		return ctl_fail(EX_NOPERM,
				"%s: is no plain file with one name; find out who made it, "
				"and remove it",
				path);
	return ctl_fail(EX_CANTCREAT, "%s: %s; it must be possible to write there as this user",
			path, strerror(-err));
}

/* secrets */

static int key_read(const char *path, uint8_t key[KEY_SIZE])
{
	struct stat st;
	int fd = plain_open(path, &st);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = st.st_size == KEY_SIZE ? read(fd, key, KEY_SIZE) : -1;
	fd_close(&fd);
	return n == KEY_SIZE ? 0 : -EBADMSG;
}

static int key_write(const char *path, enum role r, const uint8_t key[KEY_SIZE])
{
	int err = 0;

	if (access(path, F_OK) < 0)
		err = file_replace(path, span_of(key, KEY_SIZE), 0400);
	return err ? err : give(path, r);
}

/* Reads one of the copies, or makes a new key while there is nothing that depends on it. */
static int key_find(const struct secret *s, uint8_t key[KEY_SIZE])
{
	int err = key_read(s->path, key);

	if (err == -ENOENT && s->copy)
		err = key_read(s->copy, key);
	if (err == -EBADMSG)
		return ctl_fail(EX_DATAERR,
				"%s (or its copy) has not %d bytes; restore it from a "
				"backup",
				s->path, KEY_SIZE);
	if (err && err != -ENOENT)
		return fail(s->path, err);
	if (err && access(CONTROL_PATH, F_OK) == 0)
		return ctl_fail(EX_NOINPUT,
				"%s is missing, and what is in the databases needs it; "
				"restore it from a backup, or begin with a new folder",
				s->path);
	if (err)
		randombytes_buf(key, KEY_SIZE);
	return 0;
}

static int secret_make(const struct secret *s)
{
	uint8_t key[KEY_SIZE];
	const char *path = s->path;
	int err = 0, code = key_find(s, key);

	if (!code)
		err = key_write(path, s->role, key);
	if (!code && !err && s->copy)
		err = key_write(path = s->copy, s->copy_role, key);
	sodium_memzero(key, sizeof(key));
	return err ? fail(path, err) : code;
}

static int derived_make(const struct derived *d)
{
	uint8_t master[TOKEN_KEY_SIZE], key[TOKEN_KEY_SIZE], there[KEY_SIZE];
	const char *path = d->master;
	int err = key_read(path, master);

	if (!err) {
		token_subkey(master, d->purpose, key);
		err = key_read(path = d->path, there);
		if (err == -ENOENT || err == -EBADMSG ||
		    (!err && sodium_memcmp(there, key, sizeof(key)) != 0))
			err = file_replace(path, span_of(key, sizeof(key)), 0400);
		if (!err)
			err = give(path, d->role);
	}
	sodium_memzero(master, sizeof(master));
	sodium_memzero(key, sizeof(key));
	sodium_memzero(there, sizeof(there));
	return err ? fail(path, err) : 0;
}

int sandbox_secrets(void)
{
	int code = 0;

	for (size_t i = 0; i < ARRAY_LEN(secrets) && !code; i++)
		code = secret_make(&secrets[i]);
	for (size_t i = 0; i < ARRAY_LEN(derived) && !code; i++)
		code = derived_make(&derived[i]);
	return code;
}

/* certificate */

/* The key comes last: while it is missing all three are made again. */
static int tls_write(struct span ca, struct span cert, struct span key)
{
	const char *path = key_file;
	int err = unlink(key_file) < 0 && errno != ENOENT ? -errno : 0;

	if (!err)
		err = file_replace(path = ca_file, ca, 0644);
	if (!err)
		err = file_replace(path = cert_file, cert, 0644);
	if (!err)
		err = file_replace(path = key_file, key, 0400);
	return err ? fail(path, err) : 0;
}

static int tls_make(void)
{
	struct buf ca, cert, key;
	int code;

	buf_init(&ca, PEM_MAX);
	buf_init(&cert, PEM_MAX);
	buf_init(&key, PEM_MAX);
	if (sandbox_cert_make(&ca, &cert, &key))
		code = tls_write(buf_span(&ca), buf_span(&cert), buf_span(&key));
	else
		code = ctl_fail(EX_SOFTWARE, "OpenSSL cannot make a certificate; is its "
					     "configuration (openssl.cnf) sound?");
	if (key.p)
		sodium_memzero(key.p, key.cap);
	buf_done(&ca);
	buf_done(&cert);
	buf_done(&key);
	return code;
}

int sandbox_tls(void)
{
	int err, code = 0;

	if (access(ca_file, F_OK) < 0 || access(cert_file, F_OK) < 0 || access(key_file, F_OK) < 0)
		code = tls_make();
	if (code)
		return code;
	err = give(key_file, ROLE_SMTPD);
	return err ? fail(key_file, err) : 0;
}
