#include "ctl/sandbox_defaults.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/proc.h"
#include "ctl/env.h"
#include "ctl/sandbox_conf.h"
#include "ctl/supervise_conf.h"

#define ORG "sandbox"
#define SERVER "sandbox/sandbox"
#define DOMAIN "sandbox.test"
#define CREDENTIAL "default"

enum { PASSWORD_BYTES = 16, PASSWORD_SIZE = 2 * PASSWORD_BYTES + 1, NOT_GOOD = 1 };

struct password {
	char text[256];
	const struct ctl_options *o;
};

/* Runs fn in a child that may open control.db; what it prints as a result is not shown. */
static int as_control(int (*fn)(struct password *p), struct password *p)
{
	int status, null;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int code = ctl_drop_root(ROLE_HTTPD);

		umask(027); /* databases are for the group only */
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (null >= 0)
			dup2(null, STDOUT_FILENO);
		if (!code)
			code = fn(p);
		fflush(NULL);
		_exit(code);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return ctl_fail(EX_OSERR, "cannot start a process: %s", strerror(errno));
	if (WIFSIGNALED(status))
		return ctl_fail(EX_SOFTWARE, "setting up %s ended by signal %d", CONTROL_PATH,
				WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int database_make(struct password *p)
{
	int code = 0;
	struct control *c = ctl_control(DB_WRITE, &code);

	(void)p;
	control_close(&c);
	return code;
}

int sandbox_database(void)
{
	return as_control(database_make, NULL);
}

/* the defaults */

static int run(int (*command)(int argc, char **argv, const struct ctl_options *o),
	       const struct ctl_options *o, const char *const *words)
{
	struct ctl_options two = {.dir = o->dir, .words = 2};
	char *argv[16] = {NULL};
	int argc = 0, code;

	for (; words[argc]; argc++) {
		must((size_t)argc + 1 < ARRAY_LEN(argv));
		argv[argc] = mem_strdup(words[argc]);
	}
	code = command(argc, argv, &two);
	while (argc)
		mem_free(argv[--argc]);
	return code;
}

static int missing(int (*find)(struct control *c), bool *out)
{
	int code = 0, err;
	struct control *c = ctl_control(DB_WRITE, &code);

	if (!c)
		return code;
	err = find(c);
	if (err && err != -ENOENT)
		code = ctl_control_fail(c, err);
	*out = err == -ENOENT;
	control_close(&c);
	return code;
}

static int find_org(struct control *c)
{
	struct control_org row;

	return control_org_find(c, span_str(ORG), &row);
}

static int find_server(struct control *c)
{
	struct control_server row;

	return control_server_find(c, span_str(SERVER), &row);
}

static int find_domain(struct control *c)
{
	struct control_domain_row row;
	struct domain name;

	must(domain_parse(span_str(DOMAIN), &name) == 0);
	return control_domain_find(c, span_str(SERVER), &name, &row);
}

static int find_credential(struct control *c)
{
	struct control_credential row;

	return control_credential_find(c, span_str(SERVER), span_str("smtp"), span_str(CREDENTIAL),
				       &row);
}

static const struct {
	int (*find)(struct control *c);
	int (*create)(int argc, char **argv, const struct ctl_options *o);
	const char *words[7];
} defaults[] = {
	{find_org, cmd_org_create, {"org", "create", ORG}},
	{find_server, cmd_server_create, {"server", "create", SERVER}},
	{find_domain,
	 cmd_domain_create,
	 {"domain", "create", DOMAIN, "--server", SERVER, "--verified"}},
};

static int defaults_make(struct password *p)
{
	int code = 0;

	for (size_t i = 0; i < ARRAY_LEN(defaults) && !code; i++) {
		bool is_missing = false;

		code = missing(defaults[i].find, &is_missing);
		if (!code && is_missing)
			code = run(defaults[i].create, p->o, defaults[i].words);
	}
	return code;
}

/* the password */

static int password_check(struct password *p)
{
	uint8_t key[32], hash[CONTROL_HASH_SIZE];
	struct control_auth auth;
	int code = 0, err;
	struct control *c = ctl_control(DB_READ, &code);

	if (!c)
		return code;
	secret_load("httpd", CONTROL_KEY_NAME, key);
	control_secret_hash(key, span_str(p->text), hash);
	sodium_memzero(key, sizeof(key));
	err = control_auth(c, hash, "smtp", &auth);
	if (err == -ENOENT || (!err && strcmp(auth.label, SERVER) != 0))
		code = NOT_GOOD;
	else if (err)
		code = ctl_control_fail(c, err);
	control_close(&c);
	return code;
}

static int password_make(struct password *p)
{
	const char *const delete[] = {"credential", "delete", "smtp", CREDENTIAL,
				      "--server",   SERVER,   NULL};
	const char *const create[] = {"credential", "create",	"smtp",	 CREDENTIAL, "--server",
				      SERVER,	    "--secret", p->text, NULL};
	bool is_missing = false;
	int code = missing(find_credential, &is_missing);

	if (!code && !is_missing)
		code = run(cmd_credential_delete, p->o, delete);
	return code ? code : run(cmd_credential_create, p->o, create);
}

static void password_random(char *out)
{
	uint8_t bytes[PASSWORD_BYTES];

	randombytes_buf(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), out);
	out[PASSWORD_SIZE - 1] = '\0';
	sodium_memzero(bytes, sizeof(bytes));
}

static void password_from_env(struct password *p)
{
	struct buf text, value;

	p->text[0] = '\0';
	if (file_read(SANDBOX_ENV, ENV_FILE_MAX, &text) != 0)
		return;
	buf_init(&value, sizeof(p->text) - 1);
	if (env_get(buf_span(&text), "SMTP_PASS", &value) == 0 && buf_ok(&value) &&
	    span_cstr(buf_span(&value), p->text, sizeof(p->text)) != 0)
		p->text[0] = '\0';
	buf_done(&value);
	buf_done(&text);
}

static int password_settle(struct password *p)
{
	int code = NOT_GOOD;

	password_from_env(p);
	if (p->text[0])
		code = as_control(password_check, p);
	if (code != NOT_GOOD)
		return code;
	password_random(p->text);
	return as_control(password_make, p);
}

/* DIR/env */

/* Where a client on this host connects to: the first address, loopback for "all". */
static void add_listener(struct buf *out, const char *host_name, const char *port_name,
			 const struct conf_sockets *at)
{
	struct span host = span_str(at->n ? at->at[0].text : "");
	size_t colon = host.n;
	struct span port;

	while (colon && host.p[colon - 1] != ':')
		colon--;
	port = span_from(host, colon);
	host = span_head(host, colon ? colon - 1 : 0);
	if (host.n && host.p[0] == '[')
		host = span_of(host.p + 1, host.n - 2);
	if (span_eq_str(host, "0.0.0.0"))
		host = span_str("127.0.0.1");
	if (span_eq_str(host, "::"))
		host = span_str("::1");
	if (host_name)
		env_add(out, host_name, host);
	env_add(out, port_name, port);
}

static void add_path(struct buf *out, const char *name, const char *abs, const char *file)
{
	struct buf path;

	buf_init(&path, ENV_FILE_MAX);
	buf_fmt(&path, "%s/%s", abs, file);
	env_add(out, name, buf_span(&path));
	buf_done(&path);
}

static int env_write(const char *abs, const char *password)
{
	struct buf text;
	int code = 0, err;
	struct conf *c = ctl_conf(&code);

	if (!c)
		return code;
	buf_init(&text, ENV_FILE_MAX);
	add_listener(&text, "SMTP_HOST", "SMTP_PORT", &c->listen_submission);
	add_listener(&text, NULL, "SMTPS_PORT", &c->listen_submissions);
	add_listener(&text, NULL, "MX_PORT", &c->listen_mx);
	env_add(&text, "SMTP_USER", span_str(SERVER));
	env_add(&text, "SMTP_PASS", span_str(password));
	add_path(&text, "SMTP_CA", abs, "tls/ca.pem");
	env_add(&text, "MAIL_DOMAIN", span_str(DOMAIN));
	add_path(&text, "SINK_DIR", abs, "sink");
	add_path(&text, "PIDFILE", abs, SUP_PID_FILE);
	add_path(&text, "LOG", abs, SUP_LOG_FILE);
	err = buf_ok(&text) ? file_replace(SANDBOX_ENV, buf_span(&text), 0600) : -EFBIG;
	buf_done(&text);
	conf_free(&c);
	return err ? ctl_fail(EX_CANTCREAT, "%s/%s: %s; the folder must be writable and have room",
			      abs, SANDBOX_ENV, strerror(-err))
		   : 0;
}

int sandbox_defaults(const char *abs, const struct ctl_options *o)
{
	struct password p = {.o = o};
	int code = as_control(defaults_make, &p);

	if (!code)
		code = password_settle(&p);
	if (!code)
		code = env_write(abs, p.text);
	sodium_memzero(p.text, sizeof(p.text));
	return code;
}
