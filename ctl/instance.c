/*
 * instance.c - the instance that a command works on: its folder, its user, its control.db, its
 * configuration and its doors.
 */
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "common/ipc/chan.h"
#include "common/roles.h"

#include "ctl/ctl.h"
#include "ctl/sandbox_make.h"

static const char active_conf[] = "run/active.conf";
static const char written_conf[] = "posthaste.conf";

enum { ANSWER_TIMEOUT_MS = 60000 };

static const char system_dir[] = "/var/lib/posthaste";

const char *ctl_trusted_dir(void)
{
	const char *dir = getenv("POSTHASTE_DIR");

	return dir && dir[0] ? dir : system_dir;
}

const char *ctl_default_dir(void)
{
	const char *dir = ctl_trusted_dir();
	bool is_root = getuid() == 0 || geteuid() == 0;

	if (dir != system_dir || is_root || access("sandbox/posthaste.conf", F_OK) < 0)
		return dir;
	return "sandbox";
}

int ctl_enter(const char *dir)
{
	if (chdir(dir) < 0)
		return ctl_fail(errno == EACCES ? EX_NOPERM : EX_UNAVAILABLE,
				"%s: %s; make and start an instance there by `posthaste sandbox "
				"start %s`, or name another one by -C DIR",
				dir, strerror(errno), dir);
	if (access(written_conf, F_OK) < 0)
		return ctl_fail(EX_UNAVAILABLE,
				"%s holds no instance (there is no %s); make and start one by "
				"`posthaste sandbox start %s`, or name another one by -C DIR",
				dir, written_conf, dir);
	return 0;
}

int ctl_drop_root(enum role role)
{
	char user[32];
	struct passwd *pw;

	if (getuid() != 0 && geteuid() != 0)
		return 0;
	role_user(role, user);
	pw = getpwnam(user);
	if (!pw)
		return 0;
	if (initgroups(user, pw->pw_gid) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return ctl_fail(EX_OSERR, "cannot become the user %s: %s; run as root or as %s",
				user, strerror(errno), user);
	return 0;
}

int ctl_go_in(struct ctl_options *o)
{
	int code;

	if (!o->dir)
		o->dir = ctl_default_dir();
	code = ctl_enter(o->dir);
	return code ? code : ctl_drop_root(ROLE_HTTPD);
}

struct control *ctl_control(enum db_mode mode, int *code_out)
{
	char error[CONTROL_ERROR_SIZE];
	struct control *c;

	if (access(CONTROL_PATH, F_OK) < 0)
		mode = DB_WRITE;
	c = control_open(mode, error, sizeof(error));
	if (!c)
		*code_out = ctl_fail(EX_IOERR,
				     "%s; is this the instance's folder, and are you its user or "
				     "root?",
				     error);
	return c;
}

int ctl_control_fail(const struct control *c, int err)
{
	int code = EX_IOERR;

	if (err == -EINVAL)
		code = EX_DATAERR;
	else if (err == -ENOENT)
		code = EX_NOINPUT;
	else if (err == -EEXIST || err == -ENOTEMPTY || err == -EBUSY)
		code = EX_CANTCREAT;
	return ctl_fail(code, "%s", control_error(c));
}

/* The default server: the only one, or sandbox/sandbox. */
struct choice {
	size_t n;
	bool sandbox;
	char only[CONTROL_LABEL_SIZE];
	struct buf names;
};

static void choose(const struct control_server *s, void *arg)
{
	struct choice *choice = arg;

	memcpy(choice->only, s->name, sizeof(choice->only));
	if (strcmp(s->name, "sandbox/sandbox") == 0)
		choice->sandbox = true;
	if (choice->n++ < 10)
		buf_fmt(&choice->names, "%s%s", choice->n > 1 ? ", " : "", s->name);
	else if (choice->n == 11)
		buf_str(&choice->names, ", ...");
}

static int default_server(struct control *c, struct choice *choice, char *out)
{
	int err = control_server_each(c, choose, choice);

	if (err)
		return ctl_control_fail(c, err);
	if (choice->n == 0)
		return ctl_fail(EX_NOINPUT, "there is no server; make one by `posthaste org create "
					    "ORG` and `posthaste server create ORG/NAME`");
	if (choice->n > 1 && !choice->sandbox)
		return ctl_fail(EX_USAGE, "there are %zu servers; name one by --server: %.*s",
				choice->n, SPAN_FMT(buf_span(&choice->names)));
	snprintf(out, CONTROL_LABEL_SIZE, "%s", choice->n == 1 ? choice->only : "sandbox/sandbox");
	return 0;
}

int ctl_server(struct control *c, const char *server_arg, char out[CONTROL_LABEL_SIZE])
{
	struct choice choice = {0};
	struct control_server found;
	int err;

	if (server_arg) {
		err = control_server_find(c, span_str(server_arg), &found);
		if (err)
			return ctl_control_fail(c, err);
		memcpy(out, found.name, CONTROL_LABEL_SIZE);
		return 0;
	}
	buf_init(&choice.names, 4096);
	err = default_server(c, &choice, out);
	buf_done(&choice.names);
	return err;
}

struct names {
	uint64_t id;
	char *name_out;
};

static void match_name(const struct control_server *s, void *arg)
{
	struct names *n = arg;

	if (s->id == n->id)
		snprintf(n->name_out, CONTROL_LABEL_SIZE, "%s", s->name);
}

void ctl_server_name(struct control *c, uint64_t id, char out[CONTROL_LABEL_SIZE])
{
	struct names n = {id, out};

	snprintf(out, CONTROL_LABEL_SIZE, "%llu", (unsigned long long)id);
	if (id == 0)
		snprintf(out, CONTROL_LABEL_SIZE, CTL_ALL_SERVERS);
	else if (control_server_each(c, match_name, &n) != 0)
		ctl_warn("%s", control_error(c));
}

static struct conf *conf_of(const char *file, int *code_out)
{
	char error[CONF_ERROR_SIZE];
	struct conf *c = NULL;

	if (conf_load(file, &c, error) != 0)
		*code_out = ctl_fail(EX_CONFIG, "%s", error);
	return c;
}

const char *ctl_start_command(const char *dir)
{
	static char text[PATH_MAX + 32];

	if (access(SANDBOX_ZONE, F_OK) < 0)
		return "systemctl start posthaste";
	snprintf(text, sizeof(text), "posthaste sandbox start %s", dir);
	return text;
}

struct conf *ctl_conf(int *code_out)
{
	return conf_of(access(active_conf, R_OK) == 0 ? active_conf : written_conf, code_out);
}

struct conf *ctl_conf_written(int *code_out)
{
	return conf_of(written_conf, code_out);
}

static int no_answer(const struct ctl_options *o, const char *who, int err)
{
	if (err == -ENOENT || err == -ECONNREFUSED || err == -ECONNRESET || err == -EPIPE)
		return ctl_fail(EX_UNAVAILABLE, "%s of %s does not run; start it by `%s`", who,
				o->dir, ctl_start_command(o->dir));
	if (err == -ETIMEDOUT)
		return ctl_fail(EX_TEMPFAIL, "%s gave no answer within %d s; look at its log", who,
				ANSWER_TIMEOUT_MS / 1000);
	if (err == -EACCES || err == -EPERM)
		return ctl_fail(EX_NOPERM,
				"%s: %s; run this command as root or as the user who "
				"started the instance",
				who, strerror(-err));
	return ctl_fail(EX_UNAVAILABLE, "%s closed the connection (%s); its log says why", who,
			strerror(-err));
}

int ctl_ask(const struct ctl_options *o, enum ipc_door door, const char *who,
	    const struct ipc_msg *request, struct buf *packet, struct ipc_msg *answer_out,
	    int *fd_out)
{
	int err;

	buf_init(packet, LIMIT_IPC);
	err = chan_call(door, request, ANSWER_TIMEOUT_MS, packet, answer_out, fd_out);
	if (err && !o)
		return EX_UNAVAILABLE;
	return err ? no_answer(o, who, err) : 0;
}

int ctl_server_id(const char *name, uint64_t *out)
{
	struct control_server found;
	int err, code = 0;
	struct control *c = ctl_control(DB_READ, &code);

	if (!c)
		return code;
	err = control_server_find(c, span_str(name), &found);
	if (err)
		code = ctl_control_fail(c, err);
	else
		*out = found.id;
	control_close(&c);
	return code;
}

int ctl_order(const struct ctl_options *o, const struct ipc_msg *request, int fd,
	      struct ipc_changed *changed_out)
{
	struct ipc_msg answer;
	struct buf packet;
	int code = ctl_ask(o, IPC_DOOR_ADMIN, "queued", request, &packet, &answer, &fd);

	if (!code && answer.type == IPC_DONE && answer.done.code)
		code = ctl_fail(answer.done.code, "queued: %.*s", SPAN_FMT(answer.done.text));
	else if (!code && answer.type != (changed_out ? IPC_CHANGED : IPC_DONE))
		code = ctl_fail(EX_PROTOCOL, "queued answered %s; do both have the same version?",
				ipc_name(answer.type));
	if (!code && changed_out)
		*changed_out = answer.changed;
	buf_done(&packet);
	return code;
}

int ctl_claim(const struct ctl_options *o)
{
	struct ipc_msg request = {.type = IPC_CLAIM};

	return ctl_order(o, &request, -1, NULL);
}
