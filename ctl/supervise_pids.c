#include "ctl/supervise_pids.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/proc.h"

enum { FILE_MAX = 8192, STAT_MAX = 4096, POLL_MS = 20, GRACE_MS = 20000, DOT_MARGIN_MS = 10000 };

static const char pids_file[] = "run/supervisor/pids";

const enum role sup_stop_order[] = {ROLE_HTTPD,	 ROLE_SMTPD,	ROLE_DELIVERD, ROLE_QUEUED,
				    ROLE_SIGNER, ROLE_RESOLVER, ROLE_SINK};
const size_t sup_stop_count = ARRAY_LEN(sup_stop_order);
_Static_assert(ARRAY_LEN(sup_stop_order) == ROLE_COUNT, "each daemon has its place");

int64_t sup_grace_ms(enum role r, int64_t dot_timeout_ms)
{
	return r == ROLE_DELIVERD ? dot_timeout_ms + DOT_MARGIN_MS : GRACE_MS;
}

/* the record as text */

void sup_pids_print(const struct sup_pids *p, struct buf *out)
{
	buf_fmt(out, "boot %s\nsession %d\n", p->boot, (int)p->session);
	for (size_t i = 0; i < p->n; i++)
		buf_fmt(out, "%s %d %llu\n", role_name(p->at[i].role), (int)p->at[i].pid,
			(unsigned long long)p->at[i].start);
}

static int number_parse(struct span s, pid_t least, pid_t *out)
{
	uint64_t n;

	if (span_u64(s, INT32_MAX, &n) || (pid_t)n < least)
		return -EINVAL;
	*out = (pid_t)n;
	return 0;
}

static int role_parse(struct span name, enum role *out)
{
	for (int r = 0; r < ROLE_COUNT; r++)
		if (span_eq_str(name, role_name((enum role)r))) {
			*out = (enum role)r;
			return 0;
		}
	return -EINVAL;
}

static int line_parse(struct span line, struct sup_pids *p)
{
	struct span key = span_cut(&line, ' '), pid = span_cut(&line, ' ');
	struct sup_pid one;

	if (span_eq_str(key, "boot"))
		return span_cstr(pid, p->boot, sizeof(p->boot));
	if (span_eq_str(key, "session"))
		return number_parse(pid, 0,
				    &p->session); /* 0: its leader is in an outer container */
	/* kill(2) gives 0 and -1 a wider meaning */
	if (role_parse(key, &one.role) || number_parse(pid, 2, &one.pid) ||
	    span_u64(line, UINT64_MAX, &one.start) || p->n == SUP_PIDS_MAX)
		return -EINVAL;
	p->at[p->n++] = one;
	return 0;
}

int sup_pids_parse(struct span text, struct sup_pids *out)
{
	struct sup_pids p = {.session = -1};

	while (text.n)
		if (line_parse(span_cut(&text, '\n'), &p))
			return -EINVAL;
	if (p.boot[0] == '\0' || p.session < 0)
		return -EINVAL;
	*out = p;
	return 0;
}

/* pid (name) state ppid pgrp session tty ... start at the 20th after the name */
int sup_stat_parse(struct span text, struct sup_stat *out)
{
	enum { STATE = 0, GROUP = 2, SESSION = 3, START = 19 };
	size_t close = text.n;
	struct sup_stat s = {.start = 0};
	uint64_t v[START + 1] = {0};

	while (close && text.p[close - 1] != ')')
		close--;
	if (close == 0 || close + 1 >= text.n)
		return -EINVAL;
	text = span_from(text, close + 1);
	for (size_t i = 0; i <= START; i++) {
		struct span field = span_cut(&text, ' ');

		if (i == STATE)
			s.zombie = span_eq_str(field, "Z") || span_eq_str(field, "X");
		else if ((i == GROUP || i == SESSION || i == START) &&
			 span_u64(field, UINT64_MAX, &v[i]))
			return -EINVAL;
	}
	s.group = (pid_t)v[GROUP];
	s.session = (pid_t)v[SESSION];
	s.start = v[START];
	*out = s;
	return 0;
}

/* the record on disk */

static int stat_of(const char *pid, struct sup_stat *out)
{
	char path[64];
	struct buf b;
	int err;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	err = file_read(path, STAT_MAX, &b);
	if (err)
		return err;
	err = sup_stat_parse(buf_span(&b), out);
	buf_done(&b);
	return err;
}

void sup_pids_init(struct sup_pids *p)
{
	struct buf b;

	*p = (struct sup_pids){.session = getsid(0)};
	if (file_read("/proc/sys/kernel/random/boot_id", 64, &b) == 0) {
		if (span_cstr(span_head(buf_span(&b), 36), p->boot, sizeof(p->boot)))
			p->boot[0] = '\0';
		buf_done(&b);
	}
	if (p->boot[0] == '\0')
		snprintf(p->boot, sizeof(p->boot), "unknown");
}

int sup_pids_add(struct sup_pids *p, enum role r, pid_t pid)
{
	char text[16];
	struct sup_stat s;
	int err;

	must(p->n < SUP_PIDS_MAX);
	snprintf(text, sizeof(text), "%d", (int)pid);
	err = stat_of(text, &s);
	if (!err)
		p->at[p->n++] = (struct sup_pid){r, pid, s.start};
	return err;
}

void sup_pids_remove(struct sup_pids *p, pid_t pid)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->at[i].pid == pid) {
			p->at[i] = p->at[--p->n];
			return;
		}
}

int sup_pids_write(const struct sup_pids *p)
{
	struct buf b;
	int err;

	buf_init(&b, FILE_MAX);
	sup_pids_print(p, &b);
	err = file_replace(pids_file, buf_span(&b), 0600);
	buf_done(&b);
	return err;
}

void sup_pids_forget(void)
{
	unlink(pids_file);
}

/* leftovers */

static void sleep_ms(int64_t ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};

	nanosleep(&ts, NULL);
}

static bool leader_alive(const struct sup_pid *one)
{
	char text[16];
	struct sup_stat s;

	snprintf(text, sizeof(text), "%d", (int)one->pid);
	return stat_of(text, &s) == 0 && s.start == one->start && !s.zombie;
}

static bool in_group(const char *pid, const struct sup_pids *p, const struct sup_pid *one)
{
	struct sup_stat s;

	return isdigit((unsigned char)pid[0]) && stat_of(pid, &s) == 0 && s.group == one->pid &&
	       s.session == p->session && s.start >= one->start && !s.zombie;
}

/* Workers that outlive their parent are in its group still. */
static bool group_alive(const struct sup_pids *p, const struct sup_pid *one)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	bool alive = false;

	while (proc && !alive && (e = readdir(proc)))
		alive = in_group(e->d_name, p, one);
	if (proc)
		closedir(proc);
	return alive;
}

static bool stop_one(const struct sup_pids *p, const struct sup_pid *one, int64_t grace_ms,
		     void (*waiting)(enum role r, pid_t pid))
{
	struct mono begin = mono_now();
	bool killed = false;

	if (!leader_alive(one) && !group_alive(p, one))
		return false;
	LOG(LOG_WARN, "leftover", KS("daemon", role_name(one->role)), KI("pid", one->pid));
	if (waiting)
		waiting(one->role, one->pid);
	if (leader_alive(one))
		kill(one->pid, SIGTERM);
	else
		kill(-one->pid, SIGTERM);
	while (leader_alive(one) || group_alive(p, one)) {
		if (!killed && mono_now().ms - begin.ms > grace_ms) {
			LOG(LOG_ERROR, "killed", KS("daemon", role_name(one->role)),
			    KI("pid", one->pid));
			kill(-one->pid, SIGKILL);
			killed = true;
		}
		sleep_ms(POLL_MS);
	}
	return true;
}

static size_t stop_all(const struct sup_pids *p, int64_t dot_timeout_ms,
		       void (*waiting)(enum role r, pid_t pid))
{
	size_t found = 0;

	for (size_t k = 0; k < sup_stop_count; k++)
		for (size_t i = 0; i < p->n; i++)
			if (p->at[i].role == sup_stop_order[k])
				found += stop_one(p, &p->at[i],
						  sup_grace_ms(p->at[i].role, dot_timeout_ms),
						  waiting);
	return found;
}

size_t sup_leftovers_stop(int64_t dot_timeout_ms, void (*waiting)(enum role r, pid_t pid))
{
	struct sup_pids now, before;
	size_t found = 0;
	struct buf b;

	if (file_read(pids_file, FILE_MAX, &b))
		return 0;
	sup_pids_init(&now);
	if (sup_pids_parse(buf_span(&b), &before))
		LOG(LOG_WARN, "pids-unreadable", KS("file", pids_file));
	else if (strcmp(before.boot, now.boot) == 0)
		found = stop_all(&before, dot_timeout_ms, waiting);
	buf_done(&b);
	sup_pids_forget();
	return found;
}
