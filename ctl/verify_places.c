/*
 * verify_places.c - folders of the instance, secrets, and smtpd's counter of copy ids.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

#include "ctl/verify.h"

enum { SECRET_SIZE = 32 };

static void check_place(struct verify *f, const struct role_place *p, bool owned)
{
	struct stat st;
	char detail[96] = "";

	if (lstat(p->path, &st) < 0) {
		verify_add(f, FINDING_FOLDER, strerror(errno), "%s", p->path);
		return;
	}
	if (!S_ISDIR(st.st_mode))
		snprintf(detail, sizeof(detail), "it is no folder");
	else if ((st.st_mode & 07777) != p->mode)
		snprintf(detail, sizeof(detail), "mode %04o instead of %04o", st.st_mode & 07777,
			 p->mode);
	else if (owned && p->owner != ROLE_ROOT && st.st_uid != role_uid(p->owner))
		snprintf(detail, sizeof(detail), "owner %u instead of %u", st.st_uid,
			 role_uid(p->owner));
	if (detail[0])
		verify_add(f, FINDING_FOLDER, detail, "%s", p->path);
}

/* secrets/<role>/<name>, and where the other role keeps the same bytes. */
static const struct {
	const char *path, *twin;
} secrets[] = {
	{"secrets/queued/token", NULL},
	{"secrets/queued/grant", "secrets/signer/grant"},
	{"secrets/smtpd/credential", "secrets/httpd/credential"},
	{"secrets/smtpd/complaint", NULL},
};

static bool read_secret(struct verify *f, const char *path, struct buf *out)
{
	int err = file_read(path, SECRET_SIZE, out);

	if (err == -EACCES) /* another user's; only root sees them all */
		return false;
	if (err || out->n != SECRET_SIZE)
		verify_add(f, FINDING_SECRET, err ? strerror(-err) : "not 32 bytes", "%s", path);
	if (err)
		return false;
	if (out->n == SECRET_SIZE)
		return true;
	buf_done(out);
	return false;
}

static void check_secret(struct verify *f, const char *path, const char *twin)
{
	struct buf a, b;

	if (!read_secret(f, path, &a))
		return;
	if (twin && read_secret(f, twin, &b)) {
		if (sodium_memcmp(a.p, b.p, SECRET_SIZE) != 0)
			verify_add(f, FINDING_SECRET, "they differ", "%s, %s", path, twin);
		sodium_memzero(b.p, b.n);
		buf_done(&b);
	}
	sodium_memzero(a.p, a.n);
	buf_done(&a);
}

static void read_counter(struct verify *f)
{
	struct buf text;

	if (file_read(SPOOL_NEW_SMTPD "/counter", 64, &text) != 0)
		return;
	if (span_u64(span_head(buf_span(&text), text.n ? text.n - 1 : 0), INT64_MAX, &f->counter) !=
	    0)
		verify_add(f, FINDING_COUNTER, "it holds no number", SPOOL_NEW_SMTPD "/counter");
	buf_done(&text);
}

void verify_places(struct verify *f)
{
	struct stat st;
	/* started by root, each daemon has its user; else all belongs to one */
	bool owned = stat(".", &st) == 0 && st.st_uid == 0;

	for (size_t i = 0; i < role_place_count; i++)
		check_place(f, &role_places[i], owned);
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		check_secret(f, secrets[i].path, secrets[i].twin);
	read_counter(f);
}
