/*
 * spool.c - see spool.h.  The invariant: a file has mode 0644 only when it is complete, and a
 * file of mode 0600 is nobody's promise.
 */
#include "common/spool/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PENDING_MAX = 128 * 1024, PENDING_FLUSH = 64 * 1024, WRITE_BACK = 1024 * 1024 };

void spool_path_new(const char *folder, const struct qid *id, char out[SPOOL_PATH_SIZE])
{
	snprintf(out, SPOOL_PATH_SIZE, "%s/%s", folder, id->s);
}

void spool_path_cur(const struct qid *id, char out[SPOOL_PATH_SIZE])
{
	snprintf(out, SPOOL_PATH_SIZE, SPOOL_CUR "/%s/%s", id->s + QID_TEXT - 2, id->s);
}

void spool_path_kept(int64_t day, const struct qid *id, char out[SPOOL_PATH_SIZE])
{
	snprintf(out, SPOOL_PATH_SIZE, SPOOL_KEPT "/%lld/%s/%s", (long long)day,
		 id->s + QID_TEXT - 2, id->s);
}

/* END record */

void spool_end_encode(const struct spool_in *in, char out[SPOOL_END_SIZE + 1])
{
	char envelope[2 * SPOOL_HASH_SIZE + 1] = "", body[2 * SPOOL_HASH_SIZE + 1] = "";
	int n;

	hex_encode(in->envelope_hash, SPOOL_HASH_SIZE, envelope);
	hex_encode(in->body_hash, SPOOL_HASH_SIZE, body);
	n = snprintf(out, SPOOL_END_SIZE + 1, "END1 %016llx %016llx %04x %s %s\n",
		     (unsigned long long)in->envelope_size, (unsigned long long)in->body_size,
		     in->flags & 0xffff, envelope, body);
	must(n == SPOOL_END_SIZE);
}

static int hex_number(struct span s, size_t bytes, uint64_t *out)
{
	uint8_t raw[8];

	if (hex_decode(s, raw, bytes) != 0)
		return -EBADMSG;
	*out = 0;
	for (size_t i = 0; i < bytes; i++)
		*out = *out << 8 | raw[i];
	return 0;
}

int spool_end_decode(struct span s, struct spool_in *out)
{
	struct spool_in in = {.fd = -1};
	char again[SPOOL_END_SIZE + 1];
	struct span whole = s;
	uint64_t flags;

	if (s.n != SPOOL_END_SIZE || s.p[s.n - 1] != '\n')
		return -EBADMSG;
	s.n--;
	if (!span_eq_str(span_cut(&s, ' '), "END1") ||
	    hex_number(span_cut(&s, ' '), 8, &in.envelope_size) ||
	    hex_number(span_cut(&s, ' '), 8, &in.body_size) ||
	    hex_number(span_cut(&s, ' '), 2, &flags) ||
	    hex_decode(span_cut(&s, ' '), in.envelope_hash, SPOOL_HASH_SIZE) ||
	    hex_decode(s, in.body_hash, SPOOL_HASH_SIZE))
		return -EBADMSG;
	in.flags = (unsigned)flags;
	in.body_offset = in.envelope_size;
	/* hex_decode() takes capitals too; a record has one form only */
	spool_end_encode(&in, again);
	if (!span_eq(whole, span_of(again, SPOOL_END_SIZE)))
		return -EBADMSG;
	*out = in;
	return 0;
}

/* The envelope itself is in the state already. */
static void hash_record(crypto_generichash_state *envelope, const struct spool_in *in,
			uint8_t out[SPOOL_HASH_SIZE])
{
	struct spool_in blank = *in;
	char end[SPOOL_END_SIZE + 1];

	memset(blank.envelope_hash, 0, SPOOL_HASH_SIZE);
	spool_end_encode(&blank, end);
	crypto_generichash_update(envelope, (const uint8_t *)end, SPOOL_END_SIZE);
	crypto_generichash_final(envelope, out, SPOOL_HASH_SIZE);
}

/* writing */

static int write_pending(struct spool_out *o)
{
	struct span s = buf_span(&o->pending);

	while (s.n) {
		ssize_t n = write(o->fd, s.p, s.n);

		if (n < 0 && errno != EINTR)
			return -errno;
		s = span_from(s, n > 0 ? (size_t)n : 0);
	}
	buf_reset(&o->pending);
	return 0;
}

/* A large message begins to reach the disk while it comes in, so that its flush is short. */
static void start_write_back(struct spool_out *o)
{
	uint64_t written = o->envelope_size + o->body_size;

	if (written - o->started_back < WRITE_BACK)
		return;
	sync_file_range(o->fd, (off_t)o->started_back, 0, SYNC_FILE_RANGE_WRITE);
	o->started_back = written;
}

/* Locked, so that a sweep of a newly started parent leaves it alone; and still there after the
 * lock, so that a sweep was not faster. */
static int make_file(struct spool_out *o)
{
	struct stat st;

	o->fd = open(o->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (o->fd < 0)
		return -errno;
	if (flock(o->fd, LOCK_EX | LOCK_NB) == 0 && fstat(o->fd, &st) == 0 && st.st_nlink == 1)
		return 0;
	return -EAGAIN;
}

static void hash_envelope(struct spool_out *o, struct span text)
{
	crypto_generichash_init(&o->envelope, NULL, 0, SPOOL_HASH_SIZE);
	crypto_generichash_update(&o->envelope, text.p, text.n);
}

int spool_out_begin(struct spool_out *o, const char *folder, const struct envelope *e)
{
	struct buf text;
	int err;

	*o = (struct spool_out){.fd = -1};
	buf_init(&o->pending, PENDING_MAX + LIMIT_ENVELOPE);
	spool_path_new(folder, &e->id, o->path);
	buf_init(&text, LIMIT_ENVELOPE);
	envelope_encode(e, &text);
	err = buf_ok(&text) ? make_file(o) : -EMSGSIZE;
	if (!err) {
		o->envelope_size = text.n;
		hash_envelope(o, buf_span(&text));
		crypto_generichash_init(&o->body, NULL, 0, SPOOL_HASH_SIZE);
		buf_add(&o->pending, buf_span(&text));
	}
	buf_done(&text);
	if (err)
		spool_out_abort(o);
	return err;
}

/* At the beginning of what is pending, while nothing of the file was written, or of the file. */
static int overwrite(struct spool_out *o, struct span text)
{
	if (o->pending.n == o->envelope_size + o->body_size) {
		memcpy(o->pending.p, text.p, text.n);
		return 0;
	}
	for (size_t at = 0; at < text.n;) {
		ssize_t n = pwrite(o->fd, text.p + at, text.n - at, (off_t)at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int spool_out_envelope(struct spool_out *o, const struct envelope *e)
{
	struct buf text;
	int err;

	buf_init(&text, LIMIT_ENVELOPE);
	envelope_encode(e, &text);
	must(buf_ok(&text) && text.n == o->envelope_size);
	hash_envelope(o, buf_span(&text));
	err = overwrite(o, buf_span(&text));
	buf_done(&text);
	return err;
}

int spool_out_write(struct spool_out *o, struct span body)
{
	crypto_generichash_update(&o->body, body.p, body.n);
	o->body_size += body.n;
	while (body.n) {
		struct span part = span_head(body, PENDING_FLUSH);

		buf_add(&o->pending, part);
		body = span_from(body, part.n);
		if (o->pending.n >= PENDING_FLUSH) {
			int err = write_pending(o);

			if (err)
				return err;
		}
	}
	start_write_back(o);
	return 0;
}

int spool_out_end(struct spool_out *o, unsigned flags)
{
	struct spool_in in = {.flags = flags};
	char end[SPOOL_END_SIZE + 1];
	int err;

	in.envelope_size = o->envelope_size;
	in.body_size = o->body_size;
	crypto_generichash_final(&o->body, in.body_hash, SPOOL_HASH_SIZE);
	hash_record(&o->envelope, &in, in.envelope_hash);
	spool_end_encode(&in, end);
	buf_add(&o->pending, span_of(end, SPOOL_END_SIZE));
	err = write_pending(o);
	if (!err && fchmod(o->fd, 0644) < 0)
		err = -errno;
	return err;
}

void spool_out_done(struct spool_out *o)
{
	fd_close(&o->fd);
	buf_done(&o->pending);
}

void spool_out_abort(struct spool_out *o)
{
	if (o->fd >= 0)
		unlink(o->path);
	spool_out_done(o);
}

static bool sweep_one(int folder, const char *name)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    (st.st_mode & 07777) != 0600)
		return false;
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	/* its writer may have finished it in between */
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
	       (st.st_mode & 07777) == 0600 && unlinkat(folder, name, 0) == 0;
}

size_t spool_sweep(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *entry;
	struct qid id;
	size_t n = 0;

	while (d && (entry = readdir(d)))
		if (qid_parse(span_str(entry->d_name), &id) == 0)
			n += sweep_one(dirfd(d), entry->d_name);
	if (d)
		closedir(d);
	return n;
}

bool spool_is_full(const char *folder, uint64_t free_min, unsigned free_percent)
{
	struct statvfs v;

	if (statvfs(folder, &v) < 0 || v.f_blocks == 0)
		return false;
	return (uint64_t)v.f_bavail * v.f_frsize < free_min ||
	       v.f_bavail < v.f_blocks / 100 * free_percent;
}

/* reading */

static int bad(char why[SPOOL_WHY_SIZE], const char *what)
{
	snprintf(why, SPOOL_WHY_SIZE, "%s", what);
	return -EBADMSG;
}

static int read_at(int fd, uint8_t *p, size_t n, uint64_t offset)
{
	while (n) {
		ssize_t got = pread(fd, p, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EBADMSG;
		p += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

static int check_file(struct spool_in *in, char why[SPOOL_WHY_SIZE])
{
	uint8_t end[SPOOL_END_SIZE];
	struct stat st;
	int fd = in->fd, err;
	uint64_t total;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return bad(why, "not a regular file");
	if ((st.st_mode & 07777) == 0600)
		return -EAGAIN;
	if (st.st_size < SPOOL_END_SIZE)
		return bad(why, "shorter than an END record");
	err = read_at(fd, end, sizeof(end), (uint64_t)st.st_size - SPOOL_END_SIZE);
	if (err)
		return err == -EBADMSG ? bad(why, "cut while being read") : err;
	if (spool_end_decode(span_of(end, sizeof(end)), in) != 0)
		return bad(why, "no END record at the end");
	in->fd = fd;
	if (add_overflows(in->envelope_size, in->body_size, &total) ||
	    add_overflows(total, (uint64_t)SPOOL_END_SIZE, &total) || total != (uint64_t)st.st_size)
		return bad(why, "the END record's lengths do not fit the file");
	return in->envelope_size <= LIMIT_ENVELOPE ? 0 : bad(why, "the envelope is too long");
}

int spool_in_open(const char *path, struct spool_in *out, char why[SPOOL_WHY_SIZE])
{
	struct spool_in in = {.fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
	int err;

	why[0] = '\0';
	if (in.fd < 0 && errno == EACCES)
		return -EAGAIN; /* 0600 and another user's: being written */
	if (in.fd < 0 && (errno == ELOOP || errno == ENXIO))
		return bad(why, errno == ELOOP ? "a symbolic link" : "a socket");
	if (in.fd < 0)
		return -errno;
	err = check_file(&in, why);
	if (err)
		fd_close(&in.fd);
	else
		*out = in;
	return err;
}

static int decode_envelope(const struct spool_in *in, uint8_t *text, struct envelope *out,
			   char why[SPOOL_WHY_SIZE])
{
	crypto_generichash_state state;
	uint8_t hash[SPOOL_HASH_SIZE];
	const char *reason;
	int err = read_at(in->fd, text, in->envelope_size, 0);

	if (err)
		return err;
	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, text, in->envelope_size);
	hash_record(&state, in, hash);
	if (memcmp(hash, in->envelope_hash, sizeof(hash)) != 0)
		return bad(why, "the envelope does not match its checksum");
	if (envelope_decode(span_of(text, in->envelope_size), out, &reason) == 0)
		return 0;
	snprintf(why, SPOOL_WHY_SIZE, "the envelope has %s", reason);
	return -EBADMSG;
}

int spool_in_envelope(const struct spool_in *in, struct envelope *out, char why[SPOOL_WHY_SIZE])
{
	uint8_t *text = mem_alloc(in->envelope_size);
	int err = decode_envelope(in, text, out, why);

	mem_free(text);
	return err;
}

void spool_in_close(struct spool_in *in)
{
	fd_close(&in->fd);
}
