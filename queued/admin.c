/*
 * admin.c - the ADMIN door: what the command asks of the queue.  Its orders are in
 * admin_change.c.
 */
#include <stdio.h>

#include "common/ipc/chan.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/roles.h"
#include "queued/queued.h"
#include "queued/store.h"

static struct chan_listener *listener;

void admin_done(struct chan *c, int code, const char *text)
{
	struct ipc_msg m = {.type = IPC_DONE};

	m.done.code = (uint16_t)code;
	m.done.text = span_str(text);
	chan_send(c, &m, -1);
}

static void fetch(struct chan *c, struct span text)
{
	struct ipc_msg m = {.type = IPC_MESSAGE};
	struct spool_in in;
	struct qid id;
	int err;

	if (qid_parse(text, &id) != 0) {
		admin_done(c, EX_USAGE, "that is not a queue id");
		return;
	}
	err = files_open(&id, &in);
	if (err == -ENOENT) {
		admin_done(c, EX_NOINPUT, "the message's content is no longer kept");
	} else if (err) {
		admin_done(c, EX_IOERR, strerror(-err));
	} else {
		m.message.body_offset = in.body_offset;
		m.message.body_size = in.body_size;
		chan_send(c, &m, in.fd);
		spool_in_close(&in);
	}
}

static void claim(struct chan *c)
{
	enum claimed done;

	do
		done = claim_some();
	while (done == CLAIMED_PART);
	if (done == CLAIMED_NOT)
		admin_done(c, EX_TEMPFAIL, "mail.db cannot be written now; try again later");
	else
		admin_done(c, EX_OK, "");
}

static void pause_queue(struct chan *c, bool on)
{
	store_begin(true);
	store_put_setting("paused", span_str(on ? "yes" : "no"));
	if (!store_commit()) {
		admin_done(c, EX_TEMPFAIL, "mail.db cannot be written now; nothing was changed");
		return;
	}
	deliver_pause(on);
	LOG(LOG_WARN, on ? "paused" : "resumed");
	admin_done(c, EX_OK, "");
}

/* usage: "name value" lines */

enum { LINES_MAX = 32, LINE_SIZE = 64 };

struct lines {
	size_t n;
	char text[LINES_MAX][LINE_SIZE];
	struct span at[LINES_MAX];
};

static void add_line(struct lines *l, const char *name, uint64_t value)
{
	must(l->n < LINES_MAX);
	snprintf(l->text[l->n], LINE_SIZE, "%s %llu", name, (unsigned long long)value);
	l->at[l->n] = span_str(l->text[l->n]);
	l->n++;
}

static void instance_lines(struct lines *l)
{
	int64_t oldest = 0;
	size_t waiting;

	plan_waiting(&jobs_plan, mono_now().ms, &waiting, &oldest);
	add_line(l, "open", jobs_count());
	add_line(l, "in_flight", plan_in_flight(&jobs_plan));
	add_line(l, "waiting", waiting);
	add_line(l, "oldest_due_ms", waiting ? (uint64_t)(mono_now().ms - oldest) : 0);
	add_line(l, "workers", workers_ready());
	add_line(l, "paused", deliver_paused());
	add_line(l, "pressure", flow_level());
}

static void server_lines(struct lines *l, uint64_t server)
{
	struct usage *u = usage_of(server);

	if (gate_ready())
		gate_note_limits(u);
	add_line(l, "open_bytes", u->open_bytes);
	add_line(l, "bytes_limit", u->bytes_limit);
	add_line(l, "sent_hour", usage_sent(u, mono_now()));
	add_line(l, "send_limit", u->send_limit);
}

static void usage(struct chan *c, uint64_t server)
{
	struct ipc_msg m = {.type = IPC_USAGES};
	struct lines l = {.n = 0};

	if (server)
		server_lines(&l, server);
	else
		instance_lines(&l);
	m.usages.lines = (struct ipc_spans){.n = (uint16_t)l.n, .items = l.at};
	chan_send(c, &m, -1);
}

static void message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	(void)arg;
	switch ((unsigned)m->type) {
	case IPC_FETCH:
		fetch(c, m->fetch.id);
		break;
	case IPC_CLAIM:
		claim(c);
		break;
	case IPC_CHANGE:
		admin_change(c, &m->change);
		break;
	case IPC_SUPPRESS:
		admin_suppress(c, &m->suppress);
		break;
	case IPC_IMPORT:
		admin_import(c, &m->import, *fd);
		break;
	case IPC_PAUSE:
		pause_queue(c, m->pause.on != 0);
		break;
	case IPC_USAGE:
		usage(c, m->usage.server);
		break;
	default:
		break;
	}
}

static void closed(struct chan *c, void *arg)
{
	(void)c;
	(void)arg;
}

static const struct chan_ops ops = {.message = message, .closed = closed};

static void accepted(int fd, void *arg)
{
	(void)arg;
	chan_new(fd, IPC_DOOR_ADMIN, IPC_LISTENER, &ops, NULL);
}

void admin_init(void)
{
	uid_t httpd = role_uid(ROLE_HTTPD);
	int err = chan_listen(IPC_DOOR_ADMIN, &httpd, 1, accepted, NULL, &listener);

	if (err)
		die(EX_CANTCREAT, "%s: %s", ipc_door_path(IPC_DOOR_ADMIN), strerror(-err));
}
