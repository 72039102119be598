/*
 * main.c - posthaste-sink: an SMTP server that keeps what it gets, for trying things out.
 *
 *	posthaste sink -l ADDR:PORT [-l ...] -d DIR [-c CERT -k KEY]
 *	posthaste sink					inside an instance
 *
 * Rights: accepts SMTP; writes its folder; reads nothing else but its certificate; no secrets, no
 * connections of its own.  Inside an instance it listens on sink.listen (or on the sockets called
 * "sink" that the supervisor hands over), keeps in sink/, and shows tls.cert if it may read the
 * key; else a certificate of its own that is never on disk.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/stream.h"
#include "sink/selfsigned.h"
#include "sink/serve.h"

enum { BACKLOG = 1024, TLS_ERROR_SIZE = 512 };

/* Under "localhost" every name means this host (RFC 6761 6.3). */
static const char sink_name[] = "sink.localhost";
static const char instance_folder[] = "sink";

static const char usage_text[] =
	"usage: posthaste sink -l ADDR:PORT [-l ADDR:PORT ...] -d DIR [-c CERT -k KEY]\n"
	"       posthaste sink            inside an instance: sink.listen, sink/, tls.cert\n"
	"\n"
	"Receives mail by SMTP for any address and keeps each message as a file in DIR.\n"
	"  -l ADDR:PORT  listen there ([ADDR]:PORT for IPv6; port 0: a free one, see the log)\n"
	"  -d DIR        keep messages there; made if it is missing\n"
	"  -c CERT       certificate chain (PEM) for STARTTLS; without: a self-signed one\n"
	"  -k KEY        its private key (PEM)\n";

struct options {
	const char *listen[SERVE_LISTENERS_MAX];
	size_t listen_count;
	const char *folder, *cert, *key;
};

static struct {
	struct options options;
	struct conf *conf; /* NULL outside an instance */
} self;

NORETURN static void usage(const char *what)
{
	fprintf(stderr, "posthaste sink: %s\n\n%s", what, usage_text);
	exit(EX_USAGE);
}

static void options_read(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "l:d:c:k:h")) != -1) {
		if (c == 'l' && o->listen_count < SERVE_LISTENERS_MAX)
			o->listen[o->listen_count++] = optarg;
		else if (c == 'l')
			usage("too many -l");
		else if (c == 'd')
			o->folder = optarg;
		else if (c == 'c')
			o->cert = optarg;
		else if (c == 'k')
			o->key = optarg;
		else if (c == 'h')
			exit(fputs(usage_text, stdout) < 0 ? EX_IOERR : EX_OK);
		else
			usage("unknown option");
	}
	if (optind < argc)
		usage("it takes options only");
	if (!o->cert != !o->key)
		usage("-c and -k belong together");
	if (o->listen_count && !o->folder)
		usage("-d DIR is missing");
	if (!o->listen_count && (o->folder || o->cert))
		usage("-l ADDR:PORT is missing");
}

/* The context for what is configured; NULL and the reason in error. */
static SSL_CTX *tls_make(char error[TLS_ERROR_SIZE])
{
	const char *cert = self.conf ? self.conf->tls_cert : self.options.cert;
	const char *key = self.conf ? self.conf->tls_key : self.options.key;
	SSL_CTX *ctx;

	if (cert && key && (!self.conf || access(key, R_OK) == 0))
		return tls_server_ctx(cert, key, error, TLS_ERROR_SIZE);
	ctx = selfsigned_ctx(sink_name);
	if (ctx)
		LOG(LOG_INFO, "tls-self-signed", KS("name", sink_name));
	else
		snprintf(error, TLS_ERROR_SIZE, "OpenSSL could not make a certificate");
	return ctx;
}

/* The address as it is: for port 0 the kernel has chosen one. */
static void log_address(int fd)
{
	struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
	const struct sockaddr_in *v4 = (const void *)&ss;
	const struct sockaddr_in6 *v6 = (const void *)&ss;
	socklen_t len = sizeof(ss);
	char ip[IP_TEXT_SIZE], at[IP_TEXT_SIZE + 16];

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return;
	ip_text((struct sockaddr *)&ss, ip);
	if (ss.ss_family == AF_INET6)
		snprintf(at, sizeof(at), "[%s]:%u", ip, ntohs(v6->sin6_port));
	else
		snprintf(at, sizeof(at), "%s:%u", ip, ntohs(v4->sin_port));
	LOG(LOG_INFO, "listening", KS("name", "sink"), KS("at", at));
}

static void listen_on(const struct sockaddr *sa, socklen_t len, const char *text)
{
	int one = 1, fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die(EX_OSERR, "%s: %s", text, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (sa->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, sa, len) < 0 || listen(fd, BACKLOG) < 0)
		die(EX_UNAVAILABLE,
		    "cannot listen on %s: %s; choose another address or port, or "
		    "stop what uses it",
		    text, strerror(errno));
	serve_listen(fd);
	log_address(fd);
}

/* ADDR:PORT or [ADDR]:PORT, numbers only. */
static void listen_text(const char *text)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				 .ai_socktype = SOCK_STREAM},
			*ai;
	const char *colon = strrchr(text, ':');
	char *host = mem_strdup(text), *start = host;
	size_t n = colon ? (size_t)(colon - text) : 0;

	host[n] = '\0';
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		start++;
	} else if (strchr(host, ':')) {
		n = 0; /* IPv6 without brackets: where does the port begin? */
	}
	if (n == 0 || getaddrinfo(start, colon + 1, &hints, &ai) != 0)
		die(EX_USAGE, "-l %s: ADDR:PORT or [ADDR]:PORT is wanted, in numbers", text);
	listen_on(ai->ai_addr, ai->ai_addrlen, text);
	freeaddrinfo(ai);
	mem_free(host);
}

static void listen_instance(const struct conf_sockets *at)
{
	int fds[SERVE_LISTENERS_MAX];
	size_t n = proc_listen_fds("sink", fds, SERVE_LISTENERS_MAX);

	for (size_t i = 0; i < n; i++)
		serve_listen(fds[i]);
	for (size_t i = 0; n == 0 && i < at->n; i++)
		listen_on((const struct sockaddr *)&at->at[i].addr, at->at[i].len, at->at[i].text);
	if (n == 0 && at->n == 0)
		die(EX_CONFIG, "sink.listen is none: set it to ADDR:PORT, or give -l and -d");
}

static void listen_all(void)
{
	for (size_t i = 0; i < self.options.listen_count; i++)
		listen_text(self.options.listen[i]);
	if (self.conf)
		listen_instance(&self.conf->sink_listen);
}

static void on_stop(int signo)
{
	LOG(LOG_INFO, "stopping", KI("signal", signo));
	serve_stop();
}

/* The addresses stay as they are until the next start. */
static void on_reload(int signo)
{
	char error[TLS_ERROR_SIZE];
	SSL_CTX *ctx;

	(void)signo;
	if (self.conf && !proc_conf_reload(&self.conf))
		return;
	ctx = tls_make(error);
	if (ctx)
		serve_tls(ctx);
	else
		LOG(LOG_ERROR, "config-refused", KS("reason", error));
}

int main(int argc, char **argv)
{
	char error[TLS_ERROR_SIZE];
	struct store *store = NULL;
	const char *folder;
	SSL_CTX *ctx;
	int err;

	options_read(argc, argv, &self.options);
	proc_init("sink");
	if (self.options.listen_count == 0) {
		proc_not_root();
		self.conf = proc_conf_load();
	}
	folder = self.conf ? instance_folder : self.options.folder;
	err = store_open(folder, &store);
	if (err)
		die(EX_CANTCREAT, "%s: %s; it must be a folder that this user can write in", folder,
		    strerror(-err));
	ctx = tls_make(error);
	if (!ctx)
		die(EX_CONFIG, "%s", error);
	loop_init();
	serve_init(store, sink_name);
	serve_tls(ctx);
	loop_on_signal(SIGTERM, on_stop);
	loop_on_signal(SIGINT, on_stop);
	loop_on_signal(SIGHUP, on_reload);
	listen_all();
	proc_ready();
	loop_run();
	store_close(&store);
	return 0;
}
