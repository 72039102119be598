/*
 * signer_keys.c - key files and the cache of parsed keys.
 *
 * A new file is written under a temporary name, flushed, and given its name by link(2), which
 * never replaces: two makers cannot lose each other's key.  Names of keys are LDH labels, so a
 * file name has neither a slash nor a second comma.  The cache is a hash table with a list in the
 * order of use; it owns the parsed keys.
 */
#include "deliverd/signer_keys.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_SIZE_MAX = 16384, NAME_SIZE = 256, BUCKETS = 16384, NEW_BITS = 2048 };
enum { BITS_MIN = 1024, BITS_MAX = 8 * KEYS_SIGNATURE_MAX };

static const char temp_name[] = ".new";

struct entry {
	TAILQ_ENTRY(entry) used;
	struct entry *next; /* in its bucket */
	size_t bucket;
	EVP_PKEY *key;
	EVP_PKEY_CTX *rsa; /* ready to sign; NULL: the key is Ed25519 */
	char name[NAME_SIZE];
};

static struct {
	int folder;
	char folder_name[NAME_SIZE];
	struct entry *buckets[BUCKETS];
	TAILQ_HEAD(entries, entry) used; /* the last used first */
	size_t count;
} keys = {.folder = -1, .used = TAILQ_HEAD_INITIALIZER(keys.used)};

PRINTF(3, 4)
static int fail(char error[KEYS_ERROR_SIZE], int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, KEYS_ERROR_SIZE, fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return err;
}

/* the folder */

int keys_open(const char *folder)
{
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (snprintf(keys.folder_name, NAME_SIZE, "%s", folder) >= NAME_SIZE)
		return -ENAMETOOLONG;
	keys.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (keys.folder < 0)
		return -errno;
	unlinkat(keys.folder, temp_name, 0); /* left by a crash */
	return 0;
}

void keys_close(void)
{
	keys_forget();
	fd_close(&keys.folder);
}

static int file_name(const struct signkey *key, char out[NAME_SIZE], char error[KEYS_ERROR_SIZE])
{
	int n = snprintf(out, NAME_SIZE, "%s,%s.pem", key->domain.s, key->selector);

	if (n < 0 || n >= NAME_SIZE)
		return fail(error, -ENAMETOOLONG,
			    "domain and selector are too long for a file name together; choose a "
			    "shorter selector");
	return 0;
}

/* the cache */

static size_t bucket_of(const char *name)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a; names come from our own commands */

	for (const char *s = name; *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3;
	return (h ^ h >> 32) % BUCKETS;
}

static void entry_free(struct entry *e)
{
	EVP_PKEY_CTX_free(e->rsa);
	EVP_PKEY_free(e->key);
	mem_free(e);
}

static void entry_drop(struct entry *e)
{
	struct entry **at = &keys.buckets[e->bucket];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	TAILQ_REMOVE(&keys.used, e, used);
	keys.count--;
	entry_free(e);
}

void keys_forget(void)
{
	while (!TAILQ_EMPTY(&keys.used))
		entry_drop(TAILQ_FIRST(&keys.used));
}

static struct entry *cache_find(const char *name)
{
	struct entry *e = keys.buckets[bucket_of(name)];

	while (e && strcmp(e->name, name) != 0)
		e = e->next;
	if (e) {
		TAILQ_REMOVE(&keys.used, e, used);
		TAILQ_INSERT_HEAD(&keys.used, e, used);
	}
	return e;
}

static void cache_add(struct entry *e)
{
	if (keys.count == KEYS_CACHED)
		entry_drop(TAILQ_LAST(&keys.used, entries));
	e->bucket = bucket_of(e->name);
	e->next = keys.buckets[e->bucket];
	keys.buckets[e->bucket] = e;
	TAILQ_INSERT_HEAD(&keys.used, e, used);
	keys.count++;
}

/* reading */

/* A file with a pass phrase is not asked for one: it is refused. */
static int no_pass_phrase(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int read_text(int fd, uint8_t text[FILE_SIZE_MAX], size_t *n_out)
{
	struct stat st;
	size_t n = 0;
	ssize_t got = 1;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size >= FILE_SIZE_MAX)
		return -EINVAL;
	while (got > 0 && n < FILE_SIZE_MAX) {
		got = read(fd, text + n, FILE_SIZE_MAX - n);
		if (got < 0 && errno != EINTR)
			return -errno;
		n += got > 0 ? (size_t)got : 0;
	}
	*n_out = n;
	return 0;
}

static EVP_PKEY *parse_pem(const uint8_t *text, size_t n)
{
	BIO *bio = BIO_new_mem_buf(text, (int)n);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) : NULL;

	BIO_free(bio);
	return key;
}

static int check_key(EVP_PKEY *key, const char *name, char error[KEYS_ERROR_SIZE])
{
	if (!key)
		return fail(error, -EINVAL,
			    "%.20s/%.150s holds no private key that can be read (PEM without pass "
			    "phrase); restore it",
			    keys.folder_name, name);
	if (EVP_PKEY_is_a(key, "ED25519"))
		return 0;
	if (!EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) < BITS_MIN ||
	    EVP_PKEY_get_bits(key) > BITS_MAX)
		return fail(error, -EINVAL,
			    "%.20s/%.120s is no RSA key of %d to %d bits and no Ed25519 key; "
			    "replace it",
			    keys.folder_name, name, BITS_MIN, BITS_MAX);
	return 0;
}

static int read_failed(int err, const char *name, char error[KEYS_ERROR_SIZE])
{
	if (err == -ENOENT)
		return fail(error, err, "no key %.20s/%.150s; make it or restore it from a backup",
			    keys.folder_name, name);
	if (err == -ELOOP || err == -EINVAL)
		return fail(error, err, "%.20s/%.150s is no regular file below %d bytes; remove it",
			    keys.folder_name, name, FILE_SIZE_MAX);
	return fail(error, err, "%.20s/%.120s: %.40s; it must belong to the signer's user",
		    keys.folder_name, name, strerror(-err));
}

static int load(const char *name, EVP_PKEY **out, char error[KEYS_ERROR_SIZE])
{
	uint8_t text[FILE_SIZE_MAX];
	EVP_PKEY *key = NULL;
	size_t n = 0;
	AUTO_CLOSE int fd =
		openat(keys.folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int err = fd < 0 ? -errno : read_text(fd, text, &n);

	if (err)
		return read_failed(err, name, error);
	key = parse_pem(text, n);
	OPENSSL_cleanse(text, n);
	err = check_key(key, name, error);
	if (err)
		EVP_PKEY_free(key);
	else
		*out = key;
	return err;
}

/* signing */

static EVP_PKEY_CTX *rsa_new(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	must(ctx && EVP_PKEY_sign_init(ctx) == 1);
	must(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1);
	must(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1);
	return ctx;
}

static int entry_load(const char name[NAME_SIZE], struct entry **out, char error[KEYS_ERROR_SIZE])
{
	EVP_PKEY *parsed;
	struct entry *e;
	int err = load(name, &parsed, error);

	if (err)
		return err;
	e = mem_alloc(sizeof(*e));
	memcpy(e->name, name, NAME_SIZE);
	e->key = parsed;
	e->rsa = EVP_PKEY_is_a(parsed, "RSA") ? rsa_new(parsed) : NULL;
	cache_add(e);
	*out = e;
	return 0;
}

static int entry_get(const struct signkey *key, struct entry **out, char error[KEYS_ERROR_SIZE])
{
	char name[NAME_SIZE];
	struct entry *e = NULL;
	int err = file_name(key, name, error);

	if (err)
		return err;
	e = cache_find(name);
	if (!e)
		err = entry_load(name, &e, error);
	if (err)
		return err;
	if ((key->algorithm == SIGNKEY_RSA) != (e->rsa != NULL))
		return fail(error, -EINVAL, "the key in %.20s/%.150s is not one for %s",
			    keys.folder_name, name, signkey_algorithm_name(key->algorithm));
	*out = e;
	return 0;
}

/* A context serves for one signature (RFC 8032 hashes what is signed twice). */
static bool ed25519_sign(EVP_PKEY *key, const uint8_t hash[32], uint8_t *out, size_t *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
		  EVP_DigestSign(ctx, out, n, hash, 32) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

int keys_sign(const struct signkey *key, const uint8_t hash[32], uint8_t out[KEYS_SIGNATURE_MAX],
	      size_t *n_out, char error[KEYS_ERROR_SIZE])
{
	struct entry *e;
	size_t n = KEYS_SIGNATURE_MAX;
	int err = entry_get(key, &e, error);
	bool ok;

	if (err)
		return err;
	ok = e->rsa ? EVP_PKEY_sign(e->rsa, out, &n, hash, 32) == 1
		    : ed25519_sign(e->key, hash, out, &n);
	if (!ok)
		return fail(error, -EIO, "OpenSSL cannot sign with %.20s/%.150s; replace it",
			    keys.folder_name, e->name);
	*n_out = n;
	return 0;
}

/* making */

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t did = write(fd, p, n);

		if (did < 0 && errno != EINTR)
			return -errno;
		if (did > 0) {
			p += did;
			n -= (size_t)did;
		}
	}
	return 0;
}

/* 0, -EEXIST when somebody was faster, or -errno. */
static int store(const char *name, const char *pem, size_t n)
{
	AUTO_CLOSE int fd = -1;
	int err;

	unlinkat(keys.folder, temp_name, 0);
	fd = openat(keys.folder, temp_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0400);
	if (fd < 0)
		return -errno;
	err = write_all(fd, pem, n);
	if (!err && (fchmod(fd, 0400) < 0 || fsync(fd) < 0 ||
		     linkat(keys.folder, temp_name, keys.folder, name, 0) < 0))
		err = -errno;
	unlinkat(keys.folder, temp_name, 0);
	return err;
}

static EVP_PKEY *generate(enum signkey_algorithm a)
{
	return a == SIGNKEY_RSA ? EVP_RSA_gen(NEW_BITS) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static int make_and_store(const char *name, enum signkey_algorithm a, char error[KEYS_ERROR_SIZE])
{
	EVP_PKEY *key = generate(a);
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;
	long n;
	int err;

	must(key && bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	n = BIO_get_mem_data(bio, &pem);
	must(pem && n > 0);
	err = store(name, pem, (size_t)n);
	OPENSSL_cleanse(pem, (size_t)n);
	BIO_free(bio);
	EVP_PKEY_free(key);
	if (err && err != -EEXIST)
		return fail(error, err, "%.20s/%.120s cannot be written: %.40s", keys.folder_name,
			    name, strerror(-err));
	return 0;
}

static int public_half(const struct entry *e, struct buf *out)
{
	uint8_t raw[32];
	size_t raw_n = sizeof(raw);
	unsigned char *der = NULL;
	int n;

	if (!e->rsa) {
		must(EVP_PKEY_get_raw_public_key(e->key, raw, &raw_n) == 1);
		buf_add(out, span_of(raw, raw_n));
	} else {
		n = i2d_PUBKEY(e->key, &der);
		must(n > 0);
		buf_add(out, span_of(der, (size_t)n));
		OPENSSL_free(der);
	}
	return buf_ok(out) ? 0 : -EMSGSIZE;
}

/* Also after a crash or a failed flush the name of a key that is told must last. */
static int settle(const char *name, enum signkey_algorithm a, bool *made_out,
		  char error[KEYS_ERROR_SIZE])
{
	int err = 0;

	*made_out = false;
	if (faccessat(keys.folder, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
		err = make_and_store(name, a, error);
		*made_out = err == 0;
	}
	if (!err && fsync(keys.folder) < 0)
		err = fail(error, -errno, "%.20s cannot be flushed: %.40s", keys.folder_name,
			   strerror(errno));
	return err;
}

int keys_make(const struct signkey *key, struct buf *out, bool *made_out,
	      char error[KEYS_ERROR_SIZE])
{
	char name[NAME_SIZE];
	struct entry *e;
	bool made;
	int err = file_name(key, name, error);

	if (err)
		return err;
	e = cache_find(name);
	if (e)
		entry_drop(e); /* what is told is what the file holds */
	err = settle(name, key->algorithm, &made, error);
	if (!err)
		err = entry_get(key, &e, error);
	if (err)
		return err;
	err = public_half(e, out);
	if (err)
		return fail(error, err, "the public key is too long");
	*made_out = made;
	return 0;
}
