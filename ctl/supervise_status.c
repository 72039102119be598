#include "ctl/supervise_status.h"

#include <stdio.h>

#include "common/ipc/chan.h"

enum { LINE_SIZE = 64, ASK_TIMEOUT_MS = 5000 };

static const struct daemon *daemons;
static struct chan_listener *listener;

/* the supervisor's side */

static void on_message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	struct ipc_msg answer = {.type = IPC_DAEMONS};
	char line[ROLE_COUNT][LINE_SIZE];
	struct span items[ROLE_COUNT];
	uint16_t n = 0;

	(void)m; /* STATUS is all that this side may be sent */
	(void)fd;
	(void)arg;
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		const struct daemon *d = &daemons[i];

		if (!d->wanted && !d->pid)
			continue;
		snprintf(line[n], LINE_SIZE, "%s %d %d", role_name(d->role), (int)d->pid, d->ready);
		items[n] = span_str(line[n]);
		n++;
	}
	answer.daemons.lines = (struct ipc_spans){.n = n, .items = items};
	chan_send(c, &answer, -1);
}

static void on_closed(struct chan *c, void *arg)
{
	(void)c;
	(void)arg;
}

static void on_accepted(int fd, void *arg)
{
	static const struct chan_ops ops = {on_message, on_closed};

	chan_new(fd, IPC_DOOR_SUPERVISE, IPC_LISTENER, &ops, arg);
}

int sup_status_listen(const struct daemon *of)
{
	daemons = of;
	return chan_listen(IPC_DOOR_SUPERVISE, NULL, 0, on_accepted, NULL, &listener);
}

void sup_status_done(void)
{
	chan_listener_free(&listener);
}

/* the command's side */

static int line_read(struct span line, struct sup_status *out)
{
	struct span name = span_cut(&line, ' '), pid = span_cut(&line, ' ');
	uint64_t number, ready;

	if (span_cstr(name, out->name, sizeof(out->name)) || span_u64(pid, INT32_MAX, &number) ||
	    span_u64(line, 1, &ready))
		return -EPROTO;
	out->pid = (pid_t)number;
	out->ready = ready == 1;
	return 0;
}

int sup_status_ask(struct sup_status *out, size_t max)
{
	struct ipc_msg question = {.type = IPC_STATUS}, answer;
	struct buf packet;
	int fd = -1, err;
	size_t n = 0;

	buf_init(&packet, LIMIT_IPC);
	err = chan_call(IPC_DOOR_SUPERVISE, &question, ASK_TIMEOUT_MS, &packet, &answer, &fd);
	if (!err && answer.type != IPC_DAEMONS)
		err = -EPROTO;
	for (; !err && n < answer.daemons.lines.n && n < max; n++)
		err = line_read(ipc_spans_at(&answer.daemons.lines, n), &out[n]);
	buf_done(&packet);
	return err ? err : (int)n;
}
