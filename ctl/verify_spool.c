/*
 * verify_spool.c - each file of spool/new, spool/cur, spool/corrupt and kept, and its row.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/db/db.h"
#include "mail_sql.h"

#include "ctl/verify.h"

enum { CHUNK = 65536 };

struct row {
	bool found;
	uint64_t server, open, copies;
	bool has_kept;
	int64_t kept;
};

static void read_row(struct verify *f, const char *id, struct row *out)
{
	enum { S = MAIL_SQL_VERIFY_MESSAGE };
	struct db *d = mailview_db(f->v);

	do {
		*out = (struct row){.found = false};
		db_text(d, S, span_str(id));
		if (db_step(d, S))
			*out = (struct row){.found = true,
					    .server = db_get_u64(d, S, 1),
					    .open = db_get_u64(d, S, 2),
					    .has_kept = !db_get_is_null(d, S, 3),
					    .kept = db_get_i64(d, S, 3),
					    .copies = db_get_u64(d, S, 4)};
		db_reset(d, S);
	} while (mailview_again(f->v));
}

static bool body_is_good(const struct spool_in *in)
{
	static uint8_t chunk[CHUNK];
	uint8_t hash[SPOOL_HASH_SIZE];
	crypto_generichash_state state;
	uint64_t done = 0;

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	while (done < in->body_size) {
		size_t want = in->body_size - done < CHUNK ? (size_t)(in->body_size - done) : CHUNK;
		ssize_t n = pread(in->fd, chunk, want, (off_t)(in->body_offset + done));

		if (n <= 0)
			return false;
		crypto_generichash_update(&state, chunk, (size_t)n);
		done += (uint64_t)n;
	}
	crypto_generichash_final(&state, hash, sizeof(hash));
	return memcmp(hash, in->body_hash, sizeof(hash)) == 0;
}

static void compare(struct verify *f, const char *path, const struct envelope *e,
		    const struct row *row)
{
	if (row->server != e->server)
		verify_add(f, FINDING_ROW_DIFFERS, "server", "%s", path);
	else if (row->copies != e->rcpt_count)
		verify_add(f, FINDING_ROW_DIFFERS, "number of recipients", "%s", path);
}

/* Reads a message's file; false: it is damaged, or being written. */
static bool read_file(struct verify *f, const char *path, const char *name, struct envelope *out)
{
	char why[SPOOL_WHY_SIZE];
	struct spool_in in;
	int err = spool_in_open(path, &in, why);

	if (err == -EAGAIN || err == -ENOENT)
		return false;
	if (!err) {
		err = spool_in_envelope(&in, out, why);
		if (!err && strcmp(out->id.s, name) != 0) {
			envelope_done(out);
			err = -EBADMSG;
			snprintf(why, sizeof(why), "its envelope has another id");
		} else if (!err && f->deep && !body_is_good(&in)) {
			envelope_done(out);
			err = -EBADMSG;
			snprintf(why, sizeof(why), "its body does not match its checksum");
		}
		spool_in_close(&in);
	}
	if (err)
		verify_add(f, FINDING_BAD_FILE, err == -EBADMSG ? why : strerror(-err), "%s", path);
	return !err;
}

static void check_new(struct verify *f, const char *path, const char *name)
{
	struct envelope e;

	if (read_file(f, path, name, &e))
		envelope_done(&e); /* accepted, and claimed in a moment */
}

static void check_cur(struct verify *f, const char *path, const char *name)
{
	struct envelope e;
	struct row row;

	if (!read_file(f, path, name, &e))
		return;
	read_row(f, name, &row);
	if (!row.found)
		verify_add(f, FINDING_NO_ROW, "", "%s", path);
	else if (row.open == 0)
		verify_add(f, FINDING_NOT_MOVED, "", "%s", path);
	else
		compare(f, path, &e, &row);
	envelope_done(&e);
}

static void check_kept(struct verify *f, const char *path, const char *name)
{
	struct row row;
	uint64_t day = 0;
	struct span rest = span_from(span_str(path), sizeof(SPOOL_KEPT));

	read_row(f, name, &row);
	if (span_u64(span_cut(&rest, '/'), INT32_MAX, &day) != 0 || !row.found || !row.has_kept ||
	    (uint64_t)row.kept != day)
		verify_add(f, FINDING_KEPT_UNKNOWN, row.found ? "its row has another day" : "",
			   "%s", path);
}

static void check_corrupt(struct verify *f, const char *path, const char *name)
{
	(void)name;
	verify_add(f, FINDING_IN_CORRUPT, "", "%s", path);
}

/* Mode 0600: it is being written, or was left behind. */
static bool is_unfinished(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600;
}

/* Nobody has locked it: its writer is dead. */
static void check_unfinished(struct verify *f, const char *path, const char *name)
{
	AUTO_CLOSE int fd = -1;

	(void)name;
	if (!is_unfinished(path))
		return;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		verify_add(f, FINDING_UNFINISHED, "", "%s", path);
}

static void walk(struct verify *f, const char *folder, const char *ignored,
		 void (*check)(struct verify *f, const char *path, const char *name))
{
	DIR *d = opendir(folder);
	struct dirent *entry;
	struct qid id;

	while (d && (entry = readdir(d))) {
		char path[SPOOL_PATH_SIZE + 256];

		if (entry->d_name[0] == '.' || (ignored && strcmp(entry->d_name, ignored) == 0))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (check == check_unfinished)
			check(f, path, entry->d_name);
		else if (check != check_corrupt && qid_parse(span_str(entry->d_name), &id) != 0)
			verify_add(f, FINDING_FOREIGN, "", "%s", path);
		else if (!is_unfinished(path))
			check(f, path, entry->d_name);
	}
	if (d)
		closedir(d);
}

static void walk_hex(struct verify *f, const char *above,
		     void (*check)(struct verify *f, const char *path, const char *name))
{
	for (int i = 0; i < 256; i++) {
		char folder[SPOOL_PATH_SIZE + 8];

		snprintf(folder, sizeof(folder), "%s/%02x", above, i);
		walk(f, folder, NULL, check);
	}
}

static void walk_kept(struct verify *f)
{
	DIR *d = opendir(SPOOL_KEPT);
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		char folder[SPOOL_PATH_SIZE];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(folder, sizeof(folder), SPOOL_KEPT "/%.32s", entry->d_name);
		walk_hex(f, folder, check_kept);
	}
	if (d)
		closedir(d);
}

void verify_unfinished(struct verify *f)
{
	walk(f, SPOOL_NEW_SMTPD, "counter", check_unfinished);
}

void verify_spool(struct verify *f)
{
	walk(f, SPOOL_NEW_SMTPD, "counter", check_new);
	walk_hex(f, SPOOL_CUR, check_cur);
	walk(f, SPOOL_CORRUPT, NULL, check_corrupt);
	walk_kept(f);
}
