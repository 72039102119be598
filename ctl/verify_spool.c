/*
 * verify_spool.c - everything that lies in the spool and in kept, and the row of each message.
 *
 * Folders are walked one level after the other; what a level is not meant to hold is foreign.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/db/db.h"
#include "mail_sql.h"

#include "ctl/verify.h"

enum { CHUNK = 65536, PATH_SIZE = 512 };

/* Called with each name of a folder and its path. */
typedef void entry_fn(struct verify *f, const char *path, const char *name);

DIR *verify_folder(struct verify *f, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d)
		return d;
	if (errno == ENOTDIR || errno == ELOOP)
		verify_add(f, FINDING_FOREIGN, "it is no folder", "%s", path);
	else if (errno != ENOENT)
		verify_unread(f, path, errno);
	fd_close(&fd);
	return NULL;
}

static void walk(struct verify *f, const char *folder, entry_fn *fn)
{
	DIR *d = verify_folder(f, folder);
	struct dirent *entry;
	char path[PATH_SIZE];

	while (d && (entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		fn(f, path, entry->d_name);
	}
	if (d)
		closedir(d);
}

/* a message's file */

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

/* 0 and an envelope, or -errno and why. */
static int check_content(const struct verify *f, const struct spool_in *in, const char *name,
			 struct envelope *out, char why[SPOOL_WHY_SIZE])
{
	int err = spool_in_envelope(in, out, why);

	if (err)
		return err;
	if (strcmp(out->id.s, name) != 0)
		snprintf(why, SPOOL_WHY_SIZE, "its envelope has another id");
	else if (f->deep && !body_is_good(in))
		snprintf(why, SPOOL_WHY_SIZE, "its body does not match its checksum");
	else
		return 0;
	envelope_done(out);
	return -EBADMSG;
}

/* The body's size; -1: told as damaged, or gone, or unfinished where that is no wonder. */
static int64_t read_file(struct verify *f, enum finding damaged, bool unfinished, const char *path,
			 const char *name, struct envelope *out)
{
	char why[SPOOL_WHY_SIZE];
	struct spool_in in;
	int err = spool_in_open(path, &in, why);

	if (err == -ENOENT || (err == -EAGAIN && unfinished))
		return -1;
	if (!err) {
		err = check_content(f, &in, name, out, why);
		spool_in_close(&in);
	}
	if (!err)
		return (int64_t)in.body_size;
	if (err == -EAGAIN)
		snprintf(why, sizeof(why), "it has mode 0600, or may not be read");
	verify_add(f, damaged, err == -EBADMSG || err == -EAGAIN ? why : strerror(-err), "%s",
		   path);
	return -1;
}

/* spool/new/smtpd */

static void check_new(struct verify *f, const char *path, const char *name)
{
	struct envelope e;
	struct qid id;

	if (strcmp(name, "counter") == 0)
		return;
	if (qid_parse(span_str(name), &id) != 0)
		verify_add(f, FINDING_FOREIGN, "", "%s", path);
	else if (read_file(f, FINDING_BAD_FILE, true, path, name, &e) >= 0)
		envelope_done(&e); /* accepted, and claimed in a moment */
}

/* spool/cur */

struct row {
	bool found;
	uint64_t n, open;
	const char *differs; /* from the envelope: NULL or in what */
};

static bool text_is(struct db *d, int column, struct span want)
{
	return span_eq(db_get_text(d, MAIL_SQL_VERIFY_MESSAGE, column), want);
}

/* Columns of verify_message. */
enum { VM_N, VM_OPEN, VM_KEPT, VM_SERVER, VM_CREDENTIAL, VM_SENDER, VM_DOMAIN, VM_SIZE, VM_COPIES };

static const char *message_differs(struct db *d, const struct envelope *e, uint64_t size)
{
	enum { S = MAIL_SQL_VERIFY_MESSAGE };

	if (db_get_u64(d, S, VM_SERVER) != e->server)
		return "server";
	if (db_get_u64(d, S, VM_CREDENTIAL) != e->credential)
		return "credential";
	if (!text_is(d, VM_SENDER, addr_span(&e->sender)))
		return "sender";
	if (!text_is(d, VM_DOMAIN, domain_span(&e->domain)))
		return "domain";
	if (db_get_u64(d, S, VM_SIZE) != size)
		return "size";
	return db_get_u64(d, S, VM_COPIES) == e->rcpt_count ? NULL : "number of recipients";
}

static void read_row(struct verify *f, const struct envelope *e, uint64_t size, struct row *out)
{
	enum { S = MAIL_SQL_VERIFY_MESSAGE };
	struct db *d = mailview_db(f->v);

	do {
		*out = (struct row){.found = false};
		db_text(d, S, span_str(e->id.s));
		if (db_step(d, S))
			*out = (struct row){.found = true,
					    .n = db_get_u64(d, S, VM_N),
					    .open = db_get_u64(d, S, VM_OPEN),
					    .differs = message_differs(d, e, size)};
		db_reset(d, S);
	} while (mailview_again(f->v));
}

static bool copy_differs(struct db *d, const struct envelope_rcpt *rcpt, uint64_t message)
{
	enum { S = MAIL_SQL_VERIFY_COPY };
	bool differs = true;

	db_u64(d, S, rcpt->copy);
	if (db_step(d, S))
		differs = db_get_u64(d, S, 0) != message ||
			  !span_eq(db_get_text(d, S, 1), addr_span(&rcpt->addr));
	db_reset(d, S);
	return differs && !db_error(d);
}

static void check_row(struct verify *f, const char *path, const struct envelope *e, uint64_t size)
{
	struct db *d = mailview_db(f->v);
	struct row row;

	read_row(f, e, size, &row);
	if (db_error(d)) {
		verify_add(f, FINDING_DATABASE, db_error_text(d), "mail/mail.db");
		db_rollback(d);
		return;
	}
	if (!row.found)
		verify_add(f, FINDING_NO_ROW, "", "%s", path);
	else if (row.open == 0)
		verify_add(f, FINDING_NOT_MOVED, "", "%s", path);
	for (size_t i = 0; row.open && !row.differs && i < e->rcpt_count; i++)
		if (copy_differs(d, &e->rcpts[i], row.n))
			row.differs = "recipient or copy";
	if (row.open && row.differs)
		verify_add(f, FINDING_ROW_DIFFERS, row.differs, "%s", path);
}

static bool is_in_its_folder(const char *path, const char *name)
{
	size_t n = strlen(path) - QID_TEXT - 3; /* of what is before "12/0193...12" */

	return strncmp(path + n, name + QID_TEXT - 2, 2) == 0;
}

static bool is_message(struct verify *f, const char *path, const char *name)
{
	struct qid id;

	if (qid_parse(span_str(name), &id) != 0)
		verify_add(f, FINDING_FOREIGN, "", "%s", path);
	else if (!is_in_its_folder(path, name))
		verify_add(f, FINDING_FOREIGN, "its name ends with another folder's digits", "%s",
			   path);
	else
		return true;
	return false;
}

static void check_cur(struct verify *f, const char *path, const char *name)
{
	struct envelope e;
	int64_t size;

	if (!is_message(f, path, name))
		return;
	size = read_file(f, FINDING_BAD_FILE, false, path, name, &e);
	if (size < 0)
		return;
	if (f->v)
		check_row(f, path, &e, (uint64_t)size);
	envelope_done(&e);
}

static bool is_hex_folder(const char *name)
{
	uint8_t byte;
	char again[3] = "";

	if (hex_decode(span_str(name), &byte, 1) != 0)
		return false;
	hex_encode(&byte, 1, again);
	return strcmp(name, again) == 0; /* no capitals */
}

static void check_cur_folder(struct verify *f, const char *path, const char *name)
{
	if (is_hex_folder(name))
		walk(f, path, check_cur);
	else
		verify_add(f, FINDING_FOREIGN, "", "%s", path);
}

/* kept/<day>/<2 hex>/<id> */

static uint64_t day_of(const char *path)
{
	struct span rest = span_from(span_str(path), sizeof(SPOOL_KEPT));
	uint64_t day;

	return span_u64(span_cut(&rest, '/'), INT32_MAX, &day) == 0 ? day : 0;
}

/* Is it the content of a message, and of that day?  Else told. */
static bool has_kept_row(struct verify *f, const char *path, const char *name)
{
	enum { S = MAIL_SQL_VERIFY_MESSAGE };
	struct db *d = mailview_db(f->v);
	const char *detail;

	do {
		detail = "";
		db_text(d, S, span_str(name));
		if (db_step(d, S))
			detail = (uint64_t)db_get_i64(d, S, VM_KEPT) == day_of(path)
					 ? NULL
					 : "its row has another day";
		db_reset(d, S);
	} while (mailview_again(f->v));
	if (db_error(d)) {
		verify_add(f, FINDING_DATABASE, db_error_text(d), "mail/mail.db");
		db_rollback(d);
	} else if (detail) {
		verify_add(f, FINDING_KEPT_UNKNOWN, detail, "%s", path);
	}
	return !detail;
}

static void check_kept(struct verify *f, const char *path, const char *name)
{
	struct envelope e;

	if (is_message(f, path, name) && (!f->v || has_kept_row(f, path, name)) &&
	    read_file(f, FINDING_BAD_KEPT, false, path, name, &e) >= 0)
		envelope_done(&e);
}

static void check_kept_hex(struct verify *f, const char *path, const char *name)
{
	if (is_hex_folder(name))
		walk(f, path, check_kept);
	else
		verify_add(f, FINDING_FOREIGN, "", "%s", path);
}

/* Days that have passed are removed by queued as a whole, within the hour. */
static void check_day(struct verify *f, const char *path, const char *name)
{
	uint64_t day;

	if (span_u64(span_str(name), INT32_MAX, &day) != 0)
		verify_add(f, FINDING_FOREIGN, "", "%s", path);
	else if ((int64_t)day > wall_day(wall_now()))
		walk(f, path, check_kept_hex);
}

/* spool/corrupt */

/* What the log line said, as far as it is in the log's end. */
static void reason_of(const struct verify *f, const char *path, char detail[256])
{
	char mark[PATH_SIZE + 16];
	int n = snprintf(mark, sizeof(mark), " file=%s reason=", path);
	struct span log = buf_span(&f->log), rest;
	const uint8_t *at = log.n ? memmem(log.p, log.n, mark, (size_t)n) : NULL;

	detail[0] = '\0';
	if (!at)
		return;
	rest = span_of(at + n, log.n - (size_t)(at + n - log.p));
	rest = span_head(rest, span_find(rest, '\n'));
	snprintf(detail, 256, "%.*s", SPAN_FMT(span_head(rest, 200)));
}

static void check_corrupt(struct verify *f, const char *path, const char *name)
{
	char detail[256];

	(void)name;
	reason_of(f, path, detail);
	verify_add(f, FINDING_IN_CORRUPT, detail, "%s", path);
}

/* the levels above: only the folders of the table in common/roles.c */

static void check_above(struct verify *f, const char *path, const char *name)
{
	(void)name;
	for (size_t i = 0; i < role_place_count; i++)
		if (strcmp(role_places[i].path, path) == 0)
			return;
	verify_add(f, FINDING_FOREIGN, "", "%s", path);
}

void verify_spool(struct verify *f)
{
	walk(f, "spool", check_above);
	walk(f, "spool/new", check_above);
	walk(f, SPOOL_NEW_SMTPD, check_new);
	walk(f, SPOOL_CUR, check_cur_folder);
	walk(f, SPOOL_CORRUPT, check_corrupt);
	walk(f, SPOOL_KEPT, check_day);
}
