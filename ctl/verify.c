#include "ctl/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ctl/output.h"

enum { SETTLE_S = 2, WHERE_SIZE = 512 };

void verify_add(struct verify *f, enum finding what, const char *detail, const char *fmt, ...)
{
	char where[WHERE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(where, sizeof(where), fmt, ap);
	va_end(ap);
	findings_add(&f->found, what, where, detail);
}

void verify_unread(struct verify *f, const char *path, int err)
{
	if (f->unread++ == 0)
		snprintf(f->unread_why, sizeof(f->unread_why), "%s: %s", path,
			 strerror(err < 0 ? -err : err));
}

/* telling */

static void print_json(const struct found *one, void *arg)
{
	(void)arg;
	out_json(json_pack("{s:s, s:s, s:o, s:o, s:s}", "code", finding_code(one->what), "what",
			   finding_what(one->what), "where", out_str(one->where), "detail",
			   out_str(one->detail), "mend", finding_mend(one->what)));
}

static void print_text(const struct found *one, void *arg)
{
	struct buf b;

	(void)arg;
	buf_init(&b, 16384);
	buf_fmt(&b, "%s: ", finding_code(one->what));
	out_text(&b, span_str(one->where));
	buf_fmt(&b, ": %s", finding_what(one->what));
	if (one->detail[0]) {
		buf_str(&b, " (");
		out_text(&b, span_str(one->detail));
		buf_byte(&b, ')');
	}
	buf_fmt(&b, "\n  to mend it: %s\n", finding_mend(one->what));
	out_print(&b);
}

static void print_more(enum finding what, uint64_t more, bool json)
{
	if (more && json)
		out_json(json_pack("{s:s, s:s, s:o}", "code", finding_code(what), "what",
				   finding_what(what), "more", out_uint(more)));
	else if (more)
		printf("%s: %llu more of these\n", finding_code(what), (unsigned long long)more);
}

static int tell(const struct verify *f, bool json)
{
	size_t n = findings_each(&f->found, json ? print_json : print_text, NULL);

	for (unsigned what = 0; what < FINDING_COUNT; what++)
		print_more((enum finding)what, findings_more(&f->found, (enum finding)what), json);
	if (f->unread)
		return ctl_fail(EX_IOERR,
				"%s; %zu place(s) could not be looked at: run this as root, or as "
				"the user who started the instance",
				f->unread_why, f->unread);
	if (n == 0 && !json)
		puts("everything fits together");
	return n ? EX_DATAERR : 0;
}

/* looking */

/* Is queued at work?  Then files move.  Connecting a datagram socket tells, and sends nothing. */
static bool is_running(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX, .sun_path = "run/queued/poke"};
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ||
	       (errno != ENOENT && errno != ECONNREFUSED);
}

bool verify_may_open(struct verify *f, const char *path, const char *other)
{
	if (access(path, R_OK) == 0)
		return true;
	if (errno != ENOENT)
		verify_unread(f, path, errno);
	else if (access(other, F_OK) == 0)
		verify_add(f, FINDING_DATABASE, "it does not exist", "%s", path);
	return false;
}

static void open_mail(struct verify *f)
{
	static const char mail[] = "mail/mail.db";
	char error[512] = "";

	if (!verify_may_open(f, mail, CONTROL_PATH))
		return;
	f->v = mailview_try(error, sizeof(error));
	if (!f->v)
		verify_add(f, FINDING_DATABASE, error, "%s", mail);
}

static void look(struct verify *f)
{
	verify_spool(f);
	verify_rows(f);
}

static void look_twice(struct verify *f)
{
	size_t before = f->found.n;

	look(f);
	if (f->found.n == before || !is_running()) {
		findings_settle(&f->found);
		return;
	}
	nanosleep(&(struct timespec){.tv_sec = SETTLE_S}, NULL);
	findings_look_again(&f->found);
	look(f);
}

static void free_key(struct hash_node *node, void *arg)
{
	struct hash *keys = arg;

	hash_remove(keys, node);
	mem_free(container_of(node, struct verify_key, node));
}

static void done(struct verify *f)
{
	mailview_close(&f->v);
	fd_close(&f->counter_fd);
	hash_each(&f->keys, free_key, &f->keys);
	hash_done(&f->keys);
	buf_done(&f->log);
	findings_done(&f->found);
}

int cmd_verify(int argc, char **argv, const struct ctl_options *o)
{
	struct verify f = {.counter_fd = -1};
	struct ctl_opt opts[] = {{"--deep", CTL_FLAG, &f.deep}};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), NULL, 0, 0);

	if (!code)
		code = ctl_enter(o->dir ? o->dir : ctl_default_dir());
	if (!code) {
		verify_places(&f);
		verify_control(&f);
		code = ctl_drop_root(ROLE_QUEUED);
	}
	if (!code) {
		open_mail(&f);
		findings_settle(&f.found);
		look_twice(&f);
		code = tell(&f, o->json);
	}
	done(&f);
	return code;
}
