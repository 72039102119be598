/*
 * verify_control.c - control.db: its own consistency, and the DKIM key of each domain.
 *
 * Done in a child that becomes ph-httpd, the owner: after a power cut nobody else may open the
 * file (SQLite has to recover the -wal first, for which it writes the -shm).  Its findings come
 * back by a pipe, as lines "number TAB place TAB detail".
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/verify.h"

enum { ANSWER_MAX = 4 * 1024 * 1024 };

static void add_damage(struct span text, void *arg)
{
	char detail[256];

	snprintf(detail, sizeof(detail), "%.*s", SPAN_FMT(span_head(text, 200)));
	verify_add(arg, FINDING_DATABASE, detail, CONTROL_PATH);
}

static void add_orphan(struct span text, void *arg)
{
	verify_add(arg, FINDING_DATABASE, "a row belongs to nothing", CONTROL_PATH ": %.*s",
		   SPAN_FMT(text));
}

static void check_key(const struct control_key *row, void *arg)
{
	struct verify *f = arg;
	char name[sizeof(row->key.domain.s) + sizeof(row->key.selector) + 8];
	int n = snprintf(name, sizeof(name), "%s,%s.pem", row->key.domain.s, row->key.selector);

	if (!hash_find(&f->keys, span_of(name, (size_t)n)))
		verify_add(f, FINDING_KEY, row->server, "keys/%s", name);
}

static void check(struct verify *f)
{
	char error[CONTROL_ERROR_SIZE] = "";
	struct control *c = control_open(DB_READ, error, sizeof(error));
	int err;

	if (!c) {
		verify_add(f, FINDING_DATABASE, error, CONTROL_PATH);
		return;
	}
	err = control_check(c, f->deep, add_damage, add_orphan, f);
	if (!err && f->keys_known)
		err = control_key_each(c, span_str(""), NULL, check_key, f);
	if (err)
		verify_add(f, FINDING_DATABASE, control_error(c), CONTROL_PATH);
	control_close(&c);
}

/* the child */

static void send_text(const char *s, char end, FILE *to)
{
	for (; *s; s++)
		putc((unsigned char)*s < ' ' ? ' ' : *s, to);
	putc(end, to);
}

static void send_one(const struct found *one, void *arg)
{
	FILE *to = arg;

	fprintf(to, "%d\t", (int)one->what);
	send_text(one->where, '\t', to);
	send_text(one->detail, '\n', to);
}

static int answer(const struct verify *parent, int fd)
{
	struct verify f = {
		.deep = parent->deep, .keys = parent->keys, .keys_known = parent->keys_known};
	FILE *to = fdopen(fd, "w");
	int code = ctl_drop_root(ROLE_HTTPD);

	if (!to || code)
		return code ? code : EX_OSERR;
	check(&f);
	findings_settle(&f.found);
	findings_each(&f.found, send_one, to);
	return fclose(to) == 0 ? 0 : EX_IOERR;
}

/* the parent */

static void take_line(struct verify *f, struct span line)
{
	struct span number = span_cut(&line, '\t'), where = span_cut(&line, '\t');
	uint64_t what;
	char detail[256];

	if (span_u64(number, FINDING_COUNT - 1, &what) != 0)
		return;
	snprintf(detail, sizeof(detail), "%.*s", SPAN_FMT(line));
	verify_add(f, (enum finding)what, detail, "%.*s", SPAN_FMT(where));
}

static void take_answer(struct verify *f, int fd)
{
	struct buf text;
	struct span rest;
	uint8_t *room;
	ssize_t n;

	buf_init(&text, ANSWER_MAX);
	while ((room = buf_room(&text, 4096)) && (n = read(fd, room, 4096)) > 0)
		buf_used(&text, (size_t)n);
	for (rest = buf_span(&text); rest.n;)
		take_line(f, span_cut(&rest, '\n'));
	buf_done(&text);
}

void verify_control(struct verify *f)
{
	int fds[2], status = -1;
	pid_t pid;

	if (!verify_may_open(f, CONTROL_PATH, "mail/mail.db"))
		return;
	must(pipe2(fds, O_CLOEXEC) == 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		_exit(answer(f, fds[1]));
	}
	fd_close(&fds[1]);
	take_answer(f, fds[0]);
	fd_close(&fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		verify_unread(f, CONTROL_PATH, pid < 0 ? EAGAIN : EIO);
}
