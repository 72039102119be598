#include "common/log.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log_rate.h"
#include "common/utf8.h"

enum { LOG_LINE_MAX = 8192, LOG_VALUE_MAX = 2048 };

static struct {
	const char *name;
	enum log_level level;
} self = {"posthaste", LOG_INFO};

static struct log_rate rate;

static const char *const level_names[] = {
	[LOG_ALERT] = "alert", [LOG_ERROR] = "error", [LOG_WARN] = "warn",
	[LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
};

void log_init(const char *daemon_name, enum log_level level)
{
	self.name = daemon_name;
	self.level = level;
}

void log_level_set(enum log_level level)
{
	self.level = level;
}

static bool needs_quotes(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == '"' || s.p[i] == '\\' || s.p[i] == '=' ||
		    s.p[i] >= 0x7f)
			return true;
	return s.n == 0;
}

static void add_quoted(struct buf *b, struct span s)
{
	buf_byte(b, '"');
	while (s.n) {
		size_t len = utf8_length(s);

		if (len == 0 || s.p[0] < ' ' || s.p[0] == 0x7f) {
			buf_fmt(b, "\\x%02x", s.p[0]);
			len = 1;
		} else {
			if (s.p[0] == '"' || s.p[0] == '\\')
				buf_byte(b, '\\');
			buf_add(b, span_head(s, len));
		}
		s = span_from(s, len);
	}
	buf_byte(b, '"');
}

static void add_value(struct buf *b, const struct log_kv *kv)
{
	struct span s = span_head(kv->s, LOG_VALUE_MAX);

	buf_fmt(b, " %s=", kv->key);
	if (kv->kind == LOG_KV_INT)
		buf_fmt(b, "%lld", (long long)kv->i);
	else if (kv->kind == LOG_KV_UINT)
		buf_fmt(b, "%llu", (unsigned long long)kv->u);
	else if (needs_quotes(s))
		add_quoted(b, s);
	else
		buf_add(b, s);
}

static void add_time(struct buf *b)
{
	struct timespec ts;
	struct tm tm;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_fmt(b, "%s.%03ldZ", text, ts.tv_nsec / 1000000);
}

/* An IPv6 client has all addresses of a /64: they are one. */
bool log_rated(const char *event, struct span key)
{
	struct in6_addr v6;
	char text[INET6_ADDRSTRLEN];

	if (span_cstr(key, text, sizeof(text)) == 0 && inet_pton(AF_INET6, text, &v6) == 1 &&
	    !IN6_IS_ADDR_V4MAPPED(&v6))
		key = span_of(v6.s6_addr, 8);
	return log_rate_pass(&rate, event, key, mono_now().ms);
}

static void write_line(enum log_level level, const char *event, const struct log_kv *kv, size_t n)
{
	struct buf line;

	buf_init(&line, LOG_LINE_MAX - 1); /* and the line end */
	add_time(&line);
	buf_fmt(&line, " %s[%d]: %s %s", self.name, (int)getpid(), level_names[level], event);
	for (size_t i = 1; i < n && buf_ok(&line); i++)
		add_value(&line, &kv[i]);
	line.max = LOG_LINE_MAX;
	line.failed = false;
	buf_byte(&line, '\n');
	/* One write, so that lines of several daemons do not mix; a full log disk stops no mail. */
	ssize_t written = write(STDERR_FILENO, line.p, line.n);
	(void)written;
	buf_done(&line);
}

void log_write(enum log_level level, const char *event, const struct log_kv *kv, size_t n)
{
	int saved = errno;
	unsigned left_out;
	const char *which;

	if (level > self.level)
		return;
	while ((which = log_rate_over(&rate, mono_now().ms, &left_out)) != NULL)
		write_line(
			LOG_WARN, "log-suppressed",
			(struct log_kv[]){{.key = NULL}, KS("event", which), KU("lines", left_out)},
			3);
	write_line(level, event, kv, n);
	errno = saved;
}
