/*
 * signer.c - posthaste-signer: the only process that holds DKIM private keys.
 *
 * Rights: no network at all; reads and writes keys/; reads secrets/signer/grant.  It sees hashes
 * and names, never mail.  Doors: SIGN (delivery workers) and KEYS (the command).  A signature
 * needs a grant that queued made for exactly this copy and these keys; the uses of each are
 * counted.  After start-up a seccomp filter ends the process if it tries to run a program or to
 * open a connection.  Making a key takes a fraction of a second, in which signatures wait.
 *
 * SIGHUP: reads the configuration and forgets the parsed keys.  SIGTERM: ends.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <seccomp.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/queue.h>

#include "common/ipc/chan.h"
#include "common/ipc/grant.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/roles.h"
#include "deliverd/signer_grants.h"
#include "deliverd/signer_keys.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

enum { SIGN_KEYS_MAX = 4, HASH_SIZE = 32 };

/* Who may come to which door, beside root and our own user. */
static const enum role sign_caller = ROLE_DELIVERD, keys_caller = ROLE_HTTPD;

struct client {
	LIST_ENTRY(client) link;
	struct chan *chan;
};

static struct {
	struct conf *conf;
	LIST_HEAD(, client) clients;
	uint8_t grant_key[GRANT_KEY_SIZE];
	struct chan_listener *sign_door, *keys_door;
} signer;

/* SIGN */

static int list_parse(const struct ipc_sign *m, struct signkey keys[SIGN_KEYS_MAX],
		      char error[KEYS_ERROR_SIZE])
{
	const char *wrong = NULL;

	if (m->keys.n == 0 || m->keys.n > SIGN_KEYS_MAX || m->hashes.n != m->keys.n)
		wrong = "as many hashes as keys are wanted, at least one";
	for (size_t i = 0; i < m->keys.n && !wrong; i++) {
		if (signkey_parse(ipc_spans_at(&m->keys, i), &keys[i]))
			wrong = "not a sign list: \"domain selector algorithm\"";
		else if (ipc_spans_at(&m->hashes, i).n != HASH_SIZE)
			wrong = "a hash is not 32 bytes long";
	}
	if (wrong)
		snprintf(error, KEYS_ERROR_SIZE, "%s", wrong);
	return wrong ? -EINVAL : 0;
}

static int admit(const struct ipc_sign *m, char error[KEYS_ERROR_SIZE])
{
	struct wall now = wall_now();
	const char *text = NULL;
	uint32_t uses = 0;

	switch (grant_check(signer.grant_key, m->copy, &m->keys, now, m->grant, &uses)) {
	case 0:
		if (!grants_use(m->grant, uses, now))
			text = "the grant is used up; the queue gives a new one with the next "
			       "attempt";
		break;
	case -ETIME:
		text = "the grant has expired; the queue gives a new one with the next attempt";
		break;
	case -EPERM:
		text = "wrong grant: it was not made for this copy and these keys, or the secrets "
		       "of queued and signer differ";
		break;
	default:
		text = "the grant is malformed";
		break;
	}
	if (text)
		snprintf(error, KEYS_ERROR_SIZE, "%s", text);
	return text ? -EPERM : 0;
}

static int sign_all(const struct ipc_sign *m, uint8_t out[][KEYS_SIGNATURE_MAX],
		    struct span values[SIGN_KEYS_MAX], char error[KEYS_ERROR_SIZE])
{
	struct signkey keys[SIGN_KEYS_MAX];
	int err = list_parse(m, keys, error);

	if (!err)
		err = admit(m, error);
	for (size_t i = 0; i < m->keys.n && !err; i++) {
		size_t n = 0;

		err = keys_sign(&keys[i], ipc_spans_at(&m->hashes, i).p, out[i], &n, error);
		values[i] = span_of(out[i], n);
	}
	return err;
}

static void on_sign(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	uint8_t signatures[SIGN_KEYS_MAX][KEYS_SIGNATURE_MAX];
	struct span values[SIGN_KEYS_MAX];
	char error[KEYS_ERROR_SIZE] = "";
	struct ipc_msg answer = {.type = IPC_SIGNATURES};

	(void)fd;
	(void)arg;
	answer.signatures.request = m->sign.request;
	if (sign_all(&m->sign, signatures, values, error) == 0) {
		answer.signatures.values.n = m->sign.keys.n;
		answer.signatures.values.items = values;
		LOG(LOG_DEBUG, "signed", KU("copy", m->sign.copy), KU("keys", m->sign.keys.n));
	} else {
		answer.signatures.error = span_str(error);
		LOG(LOG_WARN, "sign-refused", KU("copy", m->sign.copy),
		    KB("key", m->sign.keys.n ? ipc_spans_at(&m->sign.keys, 0) : span_str("")),
		    KS("reason", error));
	}
	chan_send(c, &answer, -1);
}

/* KEYS */

static void on_keygen(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	char error[KEYS_ERROR_SIZE] = "";
	struct ipc_msg answer = {.type = IPC_KEY};
	struct signkey key;
	struct buf public_key;
	bool made = false;
	int err;

	(void)fd;
	(void)arg;
	buf_init(&public_key, 1024);
	err = signkey_parse(m->keygen.key, &key);
	if (err)
		snprintf(error, sizeof(error), "not a key's name: \"domain selector algorithm\"");
	else
		err = keys_make(&key, &public_key, &made, error);
	if (err) {
		answer.key.error = span_str(error);
		LOG(LOG_ERROR, "keygen-failed", KB("key", m->keygen.key), KS("reason", error));
	} else {
		answer.key.made = made;
		answer.key.public_key = buf_span(&public_key);
		LOG(LOG_INFO, "keygen", KS("domain", key.domain.s), KS("selector", key.selector),
		    KS("algorithm", signkey_algorithm_name(key.algorithm)), KU("made", made),
		    KU("uid", chan_peer_uid(c)));
	}
	chan_send(c, &answer, -1);
	buf_done(&public_key);
}

static void client_free(struct client *client)
{
	LIST_REMOVE(client, link);
	mem_free(client);
}

static void on_closed(struct chan *c, void *arg)
{
	(void)c;
	client_free(arg);
}

static const struct chan_ops sign_ops = {.message = on_sign, .closed = on_closed};
static const struct chan_ops keys_ops = {.message = on_keygen, .closed = on_closed};

static void client_new(int fd, enum ipc_door door, const struct chan_ops *ops)
{
	struct client *client = mem_alloc(sizeof(*client));

	client->chan = chan_new(fd, door, IPC_LISTENER, ops, client);
	LIST_INSERT_HEAD(&signer.clients, client, link);
}

static void sign_accepted(int fd, void *arg)
{
	(void)arg;
	client_new(fd, IPC_DOOR_SIGN, &sign_ops);
}

static void keys_accepted(int fd, void *arg)
{
	(void)arg;
	client_new(fd, IPC_DOOR_KEYS, &keys_ops);
}

/* confinement */

/* clang-format off */
/* What the loop, the doors, key files, memory and ending need. */
static const int allowed[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64),
	SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(accept4), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
	SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_ctl), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(newfstatat), SCMP_SYS(fstat), SCMP_SYS(stat),
	SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(fcntl), SCMP_SYS(fchmod), SCMP_SYS(fsync), SCMP_SYS(linkat), SCMP_SYS(unlinkat),
	SCMP_SYS(unlink), SCMP_SYS(getdents64), SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap),
	SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	SCMP_SYS(sched_yield), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid),
	SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(tgkill), SCMP_SYS(exit),
	SCMP_SYS(exit_group), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(prlimit64),
};
/* clang-format on */

/* Never by mistake: the process ends.  Anything else that is not listed gets ENOSYS, with which
 * a newer C library falls back to what it knows from before. */
static const int deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind),
	SCMP_SYS(ptrace), SCMP_SYS(fork),     SCMP_SYS(vfork),	SCMP_SYS(clone),   SCMP_SYS(clone3),
};

/* Memory yes, new code no. */
static int allow_mapping(scmp_filter_ctx f)
{
	const struct scmp_arg_cmp not_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int err = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_exec);

	return err ? err : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_exec);
}

static int filter_load(void)
{
	scmp_filter_ctx f;
	int err;

	errno = 0;
	f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	err = f ? allow_mapping(f) : -ENOMEM;
	for (size_t i = 0; i < ARRAY_LEN(allowed) && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < ARRAY_LEN(deadly) && !err; i++)
		err = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	if (!err)
		err = seccomp_load(f);
	if (err == -ENOMEM || errno == ENOMEM) /* it may have left out rules and said nothing */
		die(EX_OSERR, "there is no memory for the seccomp filter");
	seccomp_release(f);
	return err;
}

static void confine(void)
{
	int err;

	if (SANITIZED)
		return;
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no core, and nobody of our own uid looks in */
	err = filter_load();
	if (err)
		LOG(LOG_WARN, "seccomp-missing", KERR(err));
}

/* start */

static void on_hup(int signo)
{
	(void)signo;
	if (proc_conf_reload(&signer.conf))
		keys_forget();
}

static void on_term(int signo)
{
	struct client *client;

	(void)signo;
	while ((client = LIST_FIRST(&signer.clients))) {
		chan_free(&client->chan);
		client_free(client);
	}
	loop_stop();
}

static struct chan_listener *listen_at(enum ipc_door door, enum role caller,
				       void (*accepted)(int fd, void *arg))
{
	struct chan_listener *l;
	uid_t uid = role_uid(caller);
	int err = chan_listen(door, &uid, 1, accepted, NULL, &l);

	if (err)
		die(EX_CANTCREAT, "%s: %s; its folder must exist and belong to this daemon's user",
		    ipc_door_path(door), strerror(-err));
	return l;
}

int main(void)
{
	int err;

	proc_init("signer");
	proc_not_root();
	signer.conf = proc_conf_load();
	if (sodium_init() < 0 || OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1)
		die(EX_SOFTWARE, "libsodium or OpenSSL cannot start; is openssl.cnf readable?");
	secret_load("signer", "grant", signer.grant_key);
	err = keys_open("keys");
	if (err)
		die(EX_NOINPUT, "keys: %s; the folder must belong to this daemon's user",
		    strerror(-err));
	loop_init();
	loop_on_signal(SIGHUP, on_hup);
	loop_on_signal(SIGTERM, on_term);
	loop_on_signal(SIGINT, on_term);
	signer.sign_door = listen_at(IPC_DOOR_SIGN, sign_caller, sign_accepted);
	signer.keys_door = listen_at(IPC_DOOR_KEYS, keys_caller, keys_accepted);
	proc_ready();
	confine();
	loop_run();
	chan_listener_free(&signer.sign_door);
	chan_listener_free(&signer.keys_door);
	keys_close();
	grants_forget();
	loop_done();
	conf_free(&signer.conf);
	sodium_memzero(signer.grant_key, sizeof(signer.grant_key));
	LOG(LOG_INFO, "stopped");
	return 0;
}
