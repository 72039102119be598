/*
 * claim.c - from an accepted file to rows and jobs.
 *
 * A batch: read and check the files, write all rows in one transaction (not flushed: the files
 * are the truth), then rename each into cur and plan its copies.  Whatever is interrupted is done
 * again with the same result: a known message is only renamed.
 */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mail/token.h"
#include "common/proc.h"
#include "common/spool/ids.h"
#include "queued/queued.h"
#include "queued/store.h"

enum { BATCH = 500 };

struct claim {
	char path[SPOOL_PATH_SIZE];
	struct envelope envelope;
	struct store_new row;
	char return_domain[sizeof("rp.") + LIMIT_DOMAIN];
	enum store_claim result;
};

static struct {
	uint8_t subkey[TOKEN_KEY_SIZE];
	struct claim batch[BATCH];
	size_t count;
} self;

void claim_init(void)
{
	uint8_t master[TOKEN_KEY_SIZE];

	secret_load("queued", "token", master);
	token_subkey(master, TOKEN_RETURN_PATH, self.subkey);
	sodium_memzero(master, sizeof(master));
}

static void make_tokens(struct claim *c)
{
	const struct envelope *e = &c->envelope;

	c->row.tokens = mem_alloc(e->rcpt_count * sizeof(*c->row.tokens));
	for (size_t i = 0; i < e->rcpt_count; i++)
		token_make(self.subkey, 0, (uint8_t)conf->node, (uint16_t)wall_day(e->received),
			   e->rcpts[i].copy, c->row.tokens[i]);
}

/* Return paths are at rp.NAME where bounces to it come to us, else at the instance's domain. */
static void look_at_domain(struct claim *c)
{
	const struct domain *name = &c->envelope.domain;
	struct control_domain from = {.id = 0};

	if (!gate_domain(c->envelope.server, name, &from) || !from.return_path_ok)
		snprintf(c->return_domain, sizeof(c->return_domain), "%s",
			 conf->return_path_domain.s);
	else
		snprintf(c->return_domain, sizeof(c->return_domain), "rp.%s", name->s);
	c->row.return_domain = c->return_domain;
	c->row.dkim_unpublished =
		conf->deliver_dkim_domain.n && from.verified && !from.dkim_published;
}

static bool right_submitter(const struct envelope *e, enum submitter submitter)
{
	for (size_t i = 0; i < e->rcpt_count; i++)
		if (ids_submitter(e->rcpts[i].copy) != submitter)
			return false;
	return true;
}

/* Reads one file into the batch; what is corrupt is put aside.  -EAGAIN: it is not finished. */
static int read_one(const char *path, const char *name, enum submitter submitter)
{
	struct claim *c = &self.batch[self.count];
	char why[SPOOL_WHY_SIZE];
	struct spool_in in;
	int err = spool_in_open(path, &in, why);

	if (err == 0) {
		err = spool_in_envelope(&in, &c->envelope, why);
		c->row = (struct store_new){
			.e = &c->envelope, .size = in.body_size, .spool_flags = in.flags};
		spool_in_close(&in);
		if (err == 0 && (!span_eq_str(span_str(name), c->envelope.id.s) ||
				 !right_submitter(&c->envelope, submitter))) {
			envelope_done(&c->envelope);
			snprintf(why, sizeof(why),
				 "the envelope has another message's id, or "
				 "copy ids of another submitter");
			err = -EBADMSG;
		}
	}
	if (err == -EBADMSG)
		files_to_corrupt(path, name, why);
	else if (err && err != -EAGAIN && err != -ENOENT)
		LOG_RATED(LOG_ERROR, "claim-failed", path, KS("file", path), KERR(err));
	if (err)
		return err;
	snprintf(c->path, sizeof(c->path), "%s", path);
	make_tokens(c);
	look_at_domain(c);
	self.count++;
	return 0;
}

static bool write_rows(void)
{
	store_begin(false);
	for (size_t i = 0; i < self.count; i++) {
		struct claim *c = &self.batch[i];

		c->result = store_put_message(&c->row);
	}
	return store_commit();
}

bool stream_is_bulk(struct span stream)
{
	struct span names = span_str(conf->queue_bulk_streams);

	while (stream.n && names.n)
		if (span_eq(span_cut(&names, ' '), stream))
			return true;
	return false;
}

static struct message *make_message(const struct claim *c)
{
	const struct envelope *e = &c->envelope;
	struct message *m = jobs_message_new(&e->id, e->server, c->row.size);

	m->n = c->row.n;
	m->credential = e->credential;
	m->domain = mem_strdup(e->domain.n ? e->domain.s : "");
	m->received = mono_of_wall(e->received);
	if (m->received.ms > mono_now().ms) /* the wall clock was set back meanwhile */
		m->received = mono_now();
	if (e->options.expires.ms)
		m->expires = mono_of_wall(e->options.expires);
	m->bulk = stream_is_bulk(span_str(e->options.stream));
	return m;
}

static void make_jobs(const struct claim *c)
{
	const struct envelope *e = &c->envelope;
	struct message *m = make_message(c);

	for (size_t i = 0; i < e->rcpt_count; i++) {
		struct job *j = jobs_new(m, e->rcpts[i].copy, &e->rcpts[i].addr);
		char path[LIMIT_ADDR + 1] = "";

		j->state = c->row.state;
		j->due = m->received;
		if (j->state == STATE_HELD) {
			j->hold = HOLD_IDEMPOTENCY;
			j->due.ms += conf->queue_hold_lifetime_ms;
		}
		if (e->sender.n)
			snprintf(path, sizeof(path), "b+%s@%s", c->row.tokens[i], c->return_domain);
		j->return_path = mem_strdup(path);
		jobs_schedule(j);
	}
}

/* The acceptor took the file back between our reading and our renaming: its flush had failed, and
 * the client was told so. */
static void take_back(const struct claim *c)
{
	struct event e = {.type = EVENT_CANCELLED};
	struct message *m = jobs_message(&c->envelope.id);

	LOG(LOG_WARN, "claim-undone", KS("id", c->envelope.id.s));
	e.cancelled.reason = span_str("it could not be made durable, and the client was told so");
	store_begin(false);
	for (size_t i = 0; i < c->envelope.rcpt_count; i++) {
		struct job *j = jobs_find(c->envelope.rcpts[i].copy);

		if (!j)
			continue;
		store_put_copy(&(struct store_copy){.copy = j->copy,
						    .state = STATE_CANCELLED,
						    .due = j->due,
						    .last = "cancelled"});
		store_put_event(&e, m->n, j->copy, wall_now().ms);
		store_close_one(m->n);
	}
	if (!store_commit())
		return; /* the jobs stay; their file is missing, and they will be held for it */
	for (size_t i = 0; i < c->envelope.rcpt_count; i++) {
		struct job *j = jobs_find(c->envelope.rcpts[i].copy);

		if (j)
			jobs_end(j);
	}
}

static void note_kept(uint64_t n, int64_t day)
{
	if (day < 0)
		return;
	store_begin(false);
	store_put_kept(n, day);
	if (!store_commit())
		LOG(LOG_WARN, "kept-not-noted", KU("messages", 1));
}

/* A message without open copies: mail.db knew it (the power cut undid only the moving of its file),
 * or its idempotency key. */
static void finish(const struct claim *c)
{
	struct store_row row;

	if (jobs_message(&c->envelope.id) || !store_message(&c->envelope.id, &row) || row.open)
		return;
	note_kept(row.n, files_finish(&c->envelope.id));
}

/* True: its file has left the folder of new ones. */
static bool settle(const struct claim *c)
{
	int err;

	if (c->result == CLAIM_CONFLICT) {
		files_to_corrupt(c->path, c->envelope.id.s,
				 "one of its copy ids belongs to another message");
		return false;
	}
	err = files_to_cur(c->path, &c->envelope.id);
	if (c->result == CLAIM_NEW && c->row.state != STATE_CANCELLED)
		make_jobs(c);
	if (err == -ENOENT && c->result == CLAIM_NEW)
		take_back(c);
	if (err && err != -ENOENT)
		LOG_RATED(LOG_ERROR, "claim-failed", SPOOL_CUR, KS("file", c->path), KERR(err));
	else
		finish(c);
	if (c->result == CLAIM_NEW && !err)
		LOG(LOG_INFO, "claimed", KS("id", c->envelope.id.s),
		    KU("copies", c->envelope.rcpt_count), KS("state", state_name(c->row.state)));
	return !err || err == -ENOENT;
}

/* *moved: how many files have left the folder of new ones. */
static bool end_batch(size_t *moved)
{
	bool ok = !self.count || write_rows();

	*moved = 0;
	if (ok)
		for (size_t i = 0; i < self.count; i++)
			*moved += settle(&self.batch[i]);
	for (size_t i = 0; i < self.count; i++) {
		envelope_done(&self.batch[i].envelope);
		mem_free(self.batch[i].row.tokens);
	}
	self.count = 0;
	return ok;
}

/* Reads a folder until the batch is full. */
static bool read_folder(const char *folder, enum submitter submitter)
{
	DIR *d = opendir(folder);
	struct dirent *entry;
	struct qid id;

	if (!d)
		LOG(LOG_ERROR, "claim-failed", KS("file", folder), KERR(errno));
	while (d && self.count < BATCH && (entry = readdir(d))) {
		char path[SPOOL_PATH_SIZE];

		if (qid_parse(span_str(entry->d_name), &id) != 0)
			continue;
		spool_path_new(folder, &id, path);
		(void)read_one(path, entry->d_name, submitter);
	}
	if (d)
		closedir(d);
	return self.count == BATCH;
}

enum claimed claim_some(void)
{
	bool more = read_folder(SPOOL_NEW_SMTPD, SUBMITTER_SMTPD);
	size_t moved;

	if (!end_batch(&moved))
		return CLAIMED_NOT;
	/* where none can be moved, reading them again at once would never end */
	return more && moved ? CLAIMED_PART : CLAIMED_ALL;
}

static void recover_one(const char *folder, const char *name)
{
	char path[SPOOL_PATH_SIZE];
	struct store_row row;
	struct qid id;
	size_t moved;

	if (qid_parse(span_str(name), &id) != 0 || jobs_message(&id))
		return;
	if (store_message(&id, &row) && row.has_kept) {
		/* the power cut undid its moving: if it stayed, it would be new mail one day */
		note_kept(row.n, files_finish(&id));
		return;
	}
	spool_path_new(folder, &id, path);
	if (read_one(path, name, SUBMITTER_SMTPD) == -EAGAIN) /* nobody writes there */
		LOG(LOG_ALERT, "unreadable", KS("file", path),
		    KS("reason", "its owner or mode was changed: give it to queued's user with "
				 "mode 0644 and restart queued"));
	if (self.count == BATCH && !end_batch(&moved))
		die(EX_IOERR, "the spool could not be read into mail/mail.db; see above");
}

void claim_recover(void)
{
	size_t moved;

	for (int i = 0; i < 256; i++) {
		char folder[SPOOL_PATH_SIZE];
		struct dirent *entry;
		DIR *d;

		snprintf(folder, sizeof(folder), SPOOL_CUR "/%02x", i);
		d = opendir(folder);
		while (d && (entry = readdir(d)))
			recover_one(folder, entry->d_name);
		if (d)
			closedir(d);
	}
	if (!end_batch(&moved))
		die(EX_IOERR, "the spool could not be read into mail/mail.db; see above");
}
