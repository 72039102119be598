/*
 * resolver.c - posthaste-resolver: answers the RESOLVE door by libunbound, on the same loop.
 *
 * Rights: DNS only; writes nothing; reads the configuration, dns.zone and the root key.  One
 * cache for all daemons; DNSSEC is validated here.  This file makes libunbound's context from the
 * configuration and starts the daemon; a question's life is in resolver_questions.c.
 *
 * In mode local libunbound has only the records of dns.zone, and may not open a socket.
 *
 * SIGHUP: new configuration, zone and context; if one of them is bad, the old ones stay.  What was
 * running is asked again.  SIGTERM: ends.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "common/ipc/chan.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/roles.h"
#include "deliverd/resolver_questions.h"

enum { ZONE_FILE_MAX = 16 * 1024 * 1024 };

static const enum role callers[] = {ROLE_DELIVERD, ROLE_QUEUED, ROLE_SMTPD, ROLE_HTTPD};
static const char root_key[] = "/usr/share/dns/root.key";

struct client {
	LIST_ENTRY(client) link;
	struct chan *chan;
};

static struct {
	struct conf *conf;
	struct chan_listener *door;
	struct ub_ctx *ctx, *canary; /* canary: the same without a cache */
	int canary_id;		     /* of the question that runs; 0: none */
	bool canary_last;	     /* that is dns.canary's own */
	LIST_HEAD(, client) clients;
} resolver;

/* libunbound's own words: kept while a context is made, logged afterwards */

static char ub_said[256];
static bool ub_quiet;

static ssize_t ub_log(void *cookie, const char *text, size_t n)
{
	struct span s = span_trim(span_of(text, n));

	(void)cookie;
	while (s.n > 0 && s.p[s.n - 1] == '\n')
		s.n--;
	snprintf(ub_said, sizeof(ub_said), "%.*s", SPAN_FMT(s));
	if (s.n > 0 && !ub_quiet)
		LOG(LOG_WARN, "libunbound", KB("text", s));
	return (ssize_t)n;
}

static void ub_log_to_us(struct ub_ctx *ctx)
{
	static FILE *f;

	if (!f) {
		f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = ub_log});
		must(f);
		setvbuf(f, NULL, _IOLBF, 0);
	}
	ub_ctx_debugout(ctx, f);
}

/* one context */

static int set_server(struct ub_ctx *ctx, const char *server)
{
	char addr[64];
	struct span rest = span_trim(span_str(server)), host = span_cut(&rest, '@');
	uint8_t bytes[16];
	uint64_t port;

	if (span_cstr(host, addr, sizeof(addr)) ||
	    (inet_pton(AF_INET, addr, bytes) != 1 && inet_pton(AF_INET6, addr, bytes) != 1) ||
	    (rest.n > 0 && span_u64(rest, 65535, &port)))
		return UB_SYNTAX;
	return ub_ctx_set_fwd(ctx, server + strspn(server, " "));
}

/* Where answers come from; 0 or libunbound's error, with what to do in error. */
static int set_mode(struct ub_ctx *ctx, const char *mode, char error[ZONE_ERROR_SIZE])
{
	int err = UB_SYNTAX;

	snprintf(error, ZONE_ERROR_SIZE,
		 "dns.mode = %.200s; it is resolv.conf, forward ADDRESS, forward ADDRESS@PORT, "
		 "iterate or local",
		 mode);
	if (strcmp(mode, "iterate") == 0)
		return 0;
	if (strcmp(mode, "local") == 0) {
		ub_ctx_set_option(ctx, "do-udp:", "no");
		return ub_ctx_set_option(ctx, "do-tcp:", "no");
	}
	if (strncmp(mode, "forward ", 8) == 0)
		return set_server(ctx, mode + 8);
	if (strcmp(mode, "resolv.conf") == 0) {
		err = ub_ctx_resolvconf(ctx, NULL);
		if (err)
			snprintf(error, ZONE_ERROR_SIZE,
				 "dns.mode = resolv.conf: /etc/resolv.conf cannot be read; give a "
				 "name server by dns.mode = forward ADDRESS");
	}
	return err;
}

/* tell: in the log, if there is none. */
static void set_anchor(struct ub_ctx *ctx, bool tell)
{
	struct stat st;

	if (stat(root_key, &st) == 0 && st.st_size > 0 && access(root_key, R_OK) == 0 &&
	    ub_ctx_add_ta_file(ctx, root_key) == 0)
		return;
	if (tell)
		LOG(LOG_WARN, "dnssec-off", KS("file", root_key),
		    KS("reason", "no root key there; install dns-root-data"));
}

/* Zones that libunbound answers by itself (RFC 6303, 6761): dns.zone may have names in them, which
 * would be mixed with those, and the system's own name servers may know the private ones. */
static int remove_builtin(struct ub_ctx *ctx, bool iterate)
{
	static const char *const always[] = {
		"test.",
		"127.in-addr.arpa.",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
	};
	static const char *const private[] = {
		"10.in-addr.arpa.",	"168.192.in-addr.arpa.",
		"16.172.in-addr.arpa.", "17.172.in-addr.arpa.",
		"18.172.in-addr.arpa.", "19.172.in-addr.arpa.",
		"20.172.in-addr.arpa.", "21.172.in-addr.arpa.",
		"22.172.in-addr.arpa.", "23.172.in-addr.arpa.",
		"24.172.in-addr.arpa.", "25.172.in-addr.arpa.",
		"26.172.in-addr.arpa.", "27.172.in-addr.arpa.",
		"28.172.in-addr.arpa.", "29.172.in-addr.arpa.",
		"30.172.in-addr.arpa.", "31.172.in-addr.arpa.",
		"d.f.ip6.arpa.",	"home.arpa.",
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_LEN(always) && !err; i++)
		err = ub_ctx_zone_remove(ctx, always[i]);
	for (size_t i = 0; i < ARRAY_LEN(private) && !iterate && !err; i++)
		err = ub_ctx_zone_remove(ctx, private[i]);
	return err;
}

/* As a library libunbound is modest: 16 questions on the wire at once, 1 MiB of cache. */
static int set_options(struct ub_ctx *ctx)
{
	static const struct {
		const char *name, *value;
	} options[] = {
		{"outgoing-range:", "512"},	{"num-queries-per-thread:", "1024"},
		{"outgoing-num-tcp:", "32"},	{"msg-cache-size:", "16m"},
		{"rrset-cache-size:", "32m"},	{"infra-cache-numhosts:", "10000"},
		{"key-cache-size:", "4m"},	{"neg-cache-size:", "4m"},
		{"infra-keep-probing:", "yes"}, {"do-not-query-localhost:", "no"},
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_LEN(options) && !err; i++)
		err = ub_ctx_set_option(ctx, options[i].name, options[i].value);
	return err;
}

/* Nothing is remembered. */
static int set_no_cache(struct ub_ctx *ctx)
{
	int err = ub_ctx_set_option(ctx, "cache-max-ttl:", "0");

	return err ? err : ub_ctx_set_option(ctx, "cache-max-negative-ttl:", "0");
}

static struct ub_ctx *context_new(const struct conf *c, bool cache, char error[ZONE_ERROR_SIZE])
{
	struct ub_ctx *ctx = ub_ctx_create_event(loop_base());
	bool local = strcmp(c->dns_mode, "local") == 0;
	int err;

	must(ctx);
	ub_log_to_us(ctx);
	err = set_mode(ctx, c->dns_mode, error);
	if (!err) {
		if (!local)
			set_anchor(ctx, cache);
		err = set_options(ctx);
		if (!err && !cache)
			err = set_no_cache(ctx);
		if (!err)
			err = remove_builtin(ctx, strcmp(c->dns_mode, "iterate") == 0);
		snprintf(error, ZONE_ERROR_SIZE, "libunbound: %s: %s", ub_strerror(err), ub_said);
	}
	if (err) {
		ub_ctx_delete(ctx);
		return NULL;
	}
	return ctx;
}

static const char *add_record(const char *record, void *arg)
{
	static char wrong[sizeof(ub_said) + 32];

	ub_said[0] = '\0';
	if (ub_ctx_data_add(arg, record) == 0)
		return NULL;
	snprintf(wrong, sizeof(wrong), "no record (%s)", ub_said);
	return wrong;
}

static int zone_load(const struct conf *c, struct ub_ctx *ctx, struct zone **out,
		     char error[ZONE_ERROR_SIZE])
{
	struct buf text;
	int err;

	if (c->dns_zone[0] == '\0') {
		*out = zone_empty();
		return 0;
	}
	err = file_read(c->dns_zone, ZONE_FILE_MAX, &text);
	if (err) {
		snprintf(error, ZONE_ERROR_SIZE, "dns.zone = %.500s: %s", c->dns_zone,
			 strerror(-err));
		return err;
	}
	err = zone_parse(c->dns_zone, buf_span(&text), add_record, ctx, out, error);
	buf_done(&text);
	return err;
}

/* The canary */

enum { TYPE_NS = 2 };

static void canary_ask(const char *name, uint16_t type);

static void canary_ask_last(void *arg)
{
	(void)arg;
	canary_ask(resolver.conf->dns_canary, TYPE_NS);
}

static void canary_answer(void *arg, int rcode, void *packet, int packet_n, int sec, char *why,
			  int limited)
{
	const uint8_t *header = packet; /* RFC 1035 4.1.1: the rcode is the end of its 4th byte */
	bool exists = rcode == 0 && packet_n >= 12 && (header[3] & 15) == 0;

	(void)arg;
	(void)sec;
	(void)why;
	(void)limited;
	resolver.canary_id = 0;
	if (exists || resolver.canary_last) {
		questions_canary(exists);
		return;
	}
	resolver.canary_last = true;
	loop_later(canary_ask_last, NULL); /* not from inside libunbound */
}

static void canary_ask(const char *name, uint16_t type)
{
	/* an answer that comes at once leaves the id at 0 */
	if (ub_resolve_event(resolver.canary, name, type, 1, NULL, canary_answer,
			     &resolver.canary_id) != 0)
		questions_canary(false);
}

static void canary_begin(const char *known, uint16_t type)
{
	resolver.canary_last = !*known;
	if (strcmp(resolver.conf->dns_canary, "none") == 0)
		questions_canary(true);
	else if (*known)
		canary_ask(known, type);
	else
		canary_ask(resolver.conf->dns_canary, TYPE_NS);
}

/* Whoever waits for it is told that it cannot be found now. */
static void canary_cancel(void)
{
	if (!resolver.canary_id)
		return;
	ub_cancel(resolver.canary, resolver.canary_id);
	resolver.canary_id = 0;
	questions_canary(false);
}

/* Context and zone of this configuration take the place of the old ones; -EINVAL: those stay. */
static int configure(const struct conf *c, char error[ZONE_ERROR_SIZE])
{
	struct ub_ctx *ctx, *canary = NULL;
	struct zone *zone = NULL;

	ub_quiet = true;
	ub_said[0] = '\0';
	ctx = context_new(c, true, error);
	if (ctx)
		canary = context_new(c, false, error);
	if (canary && zone_load(c, ctx, &zone, error)) {
		ub_ctx_delete(canary);
		canary = NULL;
	}
	ub_quiet = false;
	if (!canary) {
		ub_ctx_delete(ctx);
		return -EINVAL;
	}
	questions_configure(zone, strcmp(c->dns_mode, "local") == 0, c->dns_timeout_ms);
	canary_cancel();
	ub_ctx_delete(resolver.ctx); /* calls back for what was not cancelled */
	ub_ctx_delete(resolver.canary);
	resolver.ctx = ctx;
	resolver.canary = canary;
	return 0;
}

/* questions */

static void on_answer(void *arg, int rcode, void *packet, int packet_n, int sec, char *why,
		      int limited)
{
	bool there = packet && packet_n > 0;

	(void)limited;
	questions_answered(arg, rcode, span_of(packet, there ? (size_t)packet_n : 0),
			   sec == 2   ? QUESTION_SECURE
			   : sec == 1 ? QUESTION_BOGUS
				      : QUESTION_INSECURE,
			   why);
}

static const char *ask(const char *name, uint16_t type, struct question *q, int *id_out)
{
	int err = ub_resolve_event(resolver.ctx, name, type, 1, q, on_answer, id_out);

	return err ? ub_strerror(err) : NULL;
}

static void cancel(int id)
{
	ub_cancel(resolver.ctx, id);
}

static void configure_again(void *arg)
{
	char error[ZONE_ERROR_SIZE];

	(void)arg;
	if (configure(resolver.conf, error))
		LOG(LOG_ERROR, "dns-refused", KS("reason", error));
}

/* libunbound forgets nothing on demand; a new context knows nothing. */
static void forget(void)
{
	loop_later(configure_again, NULL);
}

static const struct questions_backend backend = {
	.ask = ask, .cancel = cancel, .canary = canary_begin, .forget = forget};

static void on_message(struct chan *c, const struct ipc_msg *m, int *fd, void *arg)
{
	(void)fd;
	(void)arg;
	questions_add(c, &m->resolve);
}

static void on_closed(struct chan *c, void *arg)
{
	struct client *client = arg;

	questions_drop(c);
	LIST_REMOVE(client, link);
	mem_free(client);
}

static const struct chan_ops ops = {.message = on_message, .closed = on_closed};

static void accepted(int fd, void *arg)
{
	struct client *client = mem_alloc(sizeof(*client));

	(void)arg;
	client->chan = chan_new(fd, IPC_DOOR_RESOLVE, IPC_LISTENER, &ops, client);
	LIST_INSERT_HEAD(&resolver.clients, client, link);
}

/* start */

static void on_hup(int signo)
{
	char error[ZONE_ERROR_SIZE];

	(void)signo;
	if (!proc_conf_reload(&resolver.conf))
		return;
	if (configure(resolver.conf, error)) {
		LOG(LOG_ERROR, "dns-refused", KS("reason", error));
		return;
	}
	LOG(LOG_INFO, "dns-loaded", KS("mode", resolver.conf->dns_mode),
	    KS("zone", resolver.conf->dns_zone));
}

static void on_term(int signo)
{
	struct client *client;

	(void)signo;
	while ((client = LIST_FIRST(&resolver.clients))) {
		chan_free(&client->chan);
		LIST_REMOVE(client, link);
		mem_free(client);
	}
	loop_stop();
}

static void open_door(void)
{
	uid_t uids[ARRAY_LEN(callers)];
	int err;

	for (size_t i = 0; i < ARRAY_LEN(callers); i++)
		uids[i] = role_uid(callers[i]);
	err = chan_listen(IPC_DOOR_RESOLVE, uids, ARRAY_LEN(callers), accepted, NULL,
			  &resolver.door);
	if (err)
		die(EX_CANTCREAT, "%s: %s; its folder must exist and belong to this daemon's user",
		    ipc_door_path(IPC_DOOR_RESOLVE), strerror(-err));
}

static void finish(void)
{
	questions_done();
	chan_listener_free(&resolver.door);
	ub_ctx_delete(resolver.ctx);
	ub_ctx_delete(resolver.canary);
	loop_done();
	conf_free(&resolver.conf);
}

int main(void)
{
	char error[ZONE_ERROR_SIZE];

	proc_init("resolver");
	proc_not_root();
	resolver.conf = proc_conf_load();
	loop_init();
	questions_init(&backend);
	if (configure(resolver.conf, error))
		die(EX_CONFIG, "%s", error);
	loop_on_signal(SIGHUP, on_hup);
	loop_on_signal(SIGTERM, on_term);
	loop_on_signal(SIGINT, on_term);
	open_door();
	proc_ready();
	loop_run();
	finish();
	LOG(LOG_INFO, "stopped");
	return 0;
}
