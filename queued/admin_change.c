/*
 * admin_change.c - the command's orders: to open copies, and to the suppression list.
 *
 * An order is answered when it is durable.  A copy that is with a worker cannot be called back:
 * what is wanted of it is written down, and done when its attempt has failed.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/db/db.h"
#include "common/ipc/chan.h"
#include "common/log.h"
#include "common/proc.h"
#include "queued/queued.h"
#include "queued/store.h"
#include "mail_sql.h"

enum { ANY_STATE = 255, CHUNK = 1000, IMPORT_MAX = 1 << 30 };

static const char busy[] = "mail.db cannot be written now; try again later";

static void changed(struct chan *c, uint64_t count, uint64_t later)
{
	struct ipc_msg m = {.type = IPC_CHANGED};

	m.changed.count = count;
	m.changed.later = later;
	chan_send(c, &m, -1);
}

/* copies */

struct order {
	enum queue_action action;
	char reason[JOB_WHY_MAX + 1];
	uint64_t count, later;
};

static const char *reason_or(const struct order *o, const char *other)
{
	return o->reason[0] ? o->reason : other;
}

static bool stops(const struct order *o)
{
	return o->action == QUEUE_HOLD || o->action == QUEUE_CANCEL;
}

/* A copy that a worker has, of which the order wants something: to be stopped, or that an earlier
 * order is withdrawn. */
static struct job *away(uint64_t copy, const struct order *o)
{
	struct job *j = jobs_find(copy);

	if (!j || j->done_pending || !(j->worker || j->former) || !(stops(o) || j->wanted))
		return NULL;
	return j;
}

/* The workers are asked nothing; change.c looks at what is wanted when an attempt has failed. */
static bool want(const uint64_t *copies, size_t n, struct order *o)
{
	unsigned action = stops(o) ? o->action : 0;
	size_t count = 0;
	struct job *j;

	store_begin(true);
	for (size_t i = 0; i < n; i++) {
		if (!away(copies[i], o))
			continue;
		store_put_wanted(copies[i], action, o->reason);
		count++;
	}
	if (!count)
		store_undo();
	else if (!store_commit())
		return false;
	for (size_t i = 0; count && i < n; i++)
		if ((j = away(copies[i], o)))
			jobs_want(j, action, o->reason);
	*(stops(o) ? &o->later : &o->count) += count;
	return true;
}

static bool give_order(struct job *j, const struct order *o)
{
	bool held = j->state == STATE_HELD;
	/* one that waits for its server's limit goes on by itself */
	bool stays = held && j->hold != HOLD_SEND_LIMIT;

	switch (o->action) {
	case QUEUE_HOLD:
		if (!stays)
			results_hold(j, HOLD_OPERATOR, reason_or(o, NULL));
		return !stays;
	case QUEUE_RELEASE:
		if (held)
			results_release(j, "operator");
		return held;
	case QUEUE_RETRY:
		if (!held)
			results_retry(j, o->reason);
		return !held;
	case QUEUE_CANCEL:
		results_cancel(j, reason_or(o, "an operator cancelled it"));
		return true;
	}
	return false;
}

static void change_one(uint64_t copy, struct order *o)
{
	struct job *j = jobs_find(copy);

	if (j && !j->done_pending && !j->worker && !j->former)
		o->count += give_order(j, o);
}

/* The copies that fit, all their numbers at once: what is changed must not be looked for
 * meanwhile.  False: they could not all be read. */
static bool find(const struct ipc_change *m, uint64_t **copies_out, size_t *n_out)
{
	size_t S = m->id.n ? MAIL_SQL_COPIES_FIT_MESSAGE : MAIL_SQL_COPIES_FIT;
	struct db *db = store_db();
	uint64_t *copies = NULL;
	size_t n = 0, room = 0;

	db_u64(db, S, m->state);
	db_text(db, S, m->id);
	db_text(db, S, m->domain);
	db_text(db, S, m->rcpt);
	db_u64(db, S, m->server);
	db_text(db, S, m->tag);
	/* without an age also what was accepted before the clock was set back */
	db_i64(db, S, m->older_ms ? wall_now().ms - (int64_t)m->older_ms : INT64_MAX);
	while (db_step(db, S)) {
		if (n == room) {
			room = room ? 2 * room : 64;
			copies = mem_grow(copies, room * sizeof(*copies));
		}
		copies[n++] = db_get_u64(db, S, 0);
	}
	*copies_out = copies;
	*n_out = n;
	return !db_error(db);
}

/* False: they wait in memory for mail.db. */
static bool change_all(const uint64_t *copies, size_t n, struct order *o)
{
	bool ok = true;

	for (size_t i = 0; i < n; i++) {
		change_one(copies[i], o);
		if (ok && (i + 1) % CHUNK == 0)
			ok = results_commit();
	}
	return ok && results_commit();
}

static bool known_action(unsigned action)
{
	return action >= QUEUE_HOLD && action <= QUEUE_CANCEL;
}

void admin_change(struct chan *c, const struct ipc_change *m)
{
	struct order o = {.action = (enum queue_action)m->action};
	uint64_t *copies = NULL;
	uint64_t one = m->copy;
	size_t n = 1;
	bool ok;

	if (!known_action(m->action) || span_cstr(m->reason, o.reason, sizeof(o.reason)) != 0 ||
	    (m->state != ANY_STATE && m->state > STATE_HELD) || m->older_ms > INT64_MAX ||
	    m->server > INT64_MAX || m->copy > INT64_MAX) {
		admin_done(c, EX_USAGE, "that is not an order");
		return;
	}
	/* what waits to be written comes first, so that each copy is what it seems to be */
	if (!results_commit()) {
		admin_done(c, EX_TEMPFAIL, busy);
		return;
	}
	if (!one && !find(m, &copies, &n)) {
		mem_free(copies);
		store_failed();
		admin_done(c, EX_TEMPFAIL, "mail.db cannot be read now; nothing was changed");
		return;
	}
	if (!want(one ? &one : copies, n, &o)) {
		mem_free(copies);
		admin_done(c, EX_TEMPFAIL, busy);
		return;
	}
	ok = change_all(one ? &one : copies, n, &o);
	mem_free(copies);
	if (ok)
		changed(c, o.count, o.later);
	else
		admin_done(
			c, EX_TEMPFAIL,
			"mail.db cannot be written now; the change is made when it can be, unless "
			"queued ends before");
}

/* the suppression list */

void admin_suppress(struct chan *c, const struct ipc_suppress *m)
{
	struct suppression s = {.created = wall_now(), .expires = {(int64_t)m->until_ms}};
	struct addr address;
	bool was = true;

	if (addr_parse(m->address, &address) != 0 || m->until_ms > INT64_MAX ||
	    m->server > INT64_MAX || span_cstr(m->reason, s.reason, sizeof(s.reason)) != 0) {
		admin_done(c, EX_DATAERR, "the address, its reason or its time is none");
		return;
	}
	store_begin(true);
	if (m->remove)
		was = suppress_remove(m->server, addr_span(&address));
	else
		suppress_put(m->server, addr_span(&address), &s);
	if (!store_commit()) {
		admin_done(c, EX_TEMPFAIL, busy);
		return;
	}
	LOG(LOG_INFO, m->remove ? "suppression-removed" : "suppression-added",
	    KU("server", m->server), KS("address", address.s), KS("reason", s.reason),
	    KU("found", was));
	changed(c, was, 0);
}

/* One line of an import: address TAB reason TAB since TAB until. */
static bool read_line(struct span line, struct addr *address, struct suppression *s)
{
	struct span a = span_cut(&line, '\t'), reason = span_cut(&line, '\t');
	struct span since = span_cut(&line, '\t');
	uint64_t created, expires;

	if (addr_parse(a, address) != 0 || span_u64(since, INT64_MAX, &created) != 0 ||
	    span_u64(line, INT64_MAX, &expires) != 0 ||
	    span_cstr(reason, s->reason, sizeof(s->reason)) != 0)
		return false;
	s->created.ms = created ? (int64_t)created : wall_now().ms;
	s->expires.ms = (int64_t)expires;
	return true;
}

/* Inside a transaction.  The number of the first line that is none; 0: all are good. */
static uint64_t import_lines(uint64_t server, struct span text, uint64_t *count)
{
	struct suppression s;
	struct addr address;

	while (text.n) {
		struct span line = span_cut(&text, '\n');

		(*count)++;
		if (!read_line(line, &address, &s))
			return *count;
		suppress_put(server, addr_span(&address), &s);
	}
	return 0;
}

static int read_all(int fd, struct buf *out)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size < 0 || st.st_size > IMPORT_MAX)
		return -EFBIG;
	while (out->n < (size_t)st.st_size) {
		uint8_t *room = buf_room(out, (size_t)st.st_size - out->n);
		ssize_t n = room ? pread(fd, room, (size_t)st.st_size - out->n, (off_t)out->n) : -1;

		if (n <= 0)
			return -EIO;
		buf_used(out, (size_t)n);
	}
	return 0;
}

void admin_import(struct chan *c, const struct ipc_import *m, int fd)
{
	uint64_t count = 0, bad;
	char text[128];
	struct buf all;

	if (m->server > INT64_MAX) {
		admin_done(c, EX_DATAERR, "there is no such server");
		return;
	}
	buf_init(&all, IMPORT_MAX);
	if (read_all(fd, &all) != 0) {
		buf_done(&all);
		admin_done(c, EX_IOERR, "the list cannot be read, or is larger than 1 GiB");
		return;
	}
	store_begin(true);
	bad = import_lines(m->server, buf_span(&all), &count);
	buf_done(&all);
	snprintf(text, sizeof(text), "line %llu is no entry; nothing was imported",
		 (unsigned long long)bad);
	if (bad) {
		store_undo();
		admin_done(c, EX_DATAERR, text);
	} else if (!store_commit()) {
		admin_done(c, EX_TEMPFAIL, busy);
	} else {
		LOG(LOG_INFO, "suppressions-imported", KU("server", m->server), KU("lines", count));
		changed(c, count, 0);
	}
}
