/*
 * admin.c - the ADMIN door: what the command asks of the queue.
 */
#include <stdio.h>

#include "common/ipc/chan.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/roles.h"
#include "queued/queued.h"

static struct chan_listener *listener;

static void done(struct chan *c, int code, const char *text)
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
		done(c, EX_USAGE, "that is not a queue id");
		return;
	}
	err = files_open(&id, &in);
	if (err == -ENOENT) {
		done(c, EX_NOINPUT, "the message's content is no longer kept");
	} else if (err) {
		done(c, EX_IOERR, strerror(-err));
	} else {
		m.message.body_offset = in.body_offset;
		m.message.body_size = in.body_size;
		chan_send(c, &m, in.fd);
		spool_in_close(&in);
	}
}

static void message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	(void)fd;
	(void)arg;
	if (m->type == IPC_FETCH) {
		fetch(c, m->fetch.id);
		return;
	}
	while (claim_some())
		;
	done(c, EX_OK, "");
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
