/*
 * log.h - one line an event, on stderr: time, daemon[pid], level, event name, key=value.
 *
 *	LOG(LOG_INFO, "accepted", KS("id", id), KU("size", size));
 *
 * gives
 *
 *	2026-11-23T18:44:32.123Z smtpd[812]: info accepted id=0193... size=2048
 *
 * A value with a space, a quote, a control character, an equals sign or invalid UTF-8 is written
 * in double quotes, with \" \\ and \xNN; no value can begin another line or another key.  Each
 * event name is described in posthaste-maillog(5), and `make lint` checks that it is.
 * Libraries do not log: the function that decides does, once.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/span.h"

enum log_level { LOG_ALERT, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_kv {
	const char *key;
	enum { LOG_KV_SPAN, LOG_KV_INT, LOG_KV_UINT } kind;
	struct span s;
	int64_t i;
	uint64_t u;
};

#define KS(k, v) ((struct log_kv){.key = (k), .kind = LOG_KV_SPAN, .s = span_str(v)})
#define KB(k, v) ((struct log_kv){.key = (k), .kind = LOG_KV_SPAN, .s = (v)})
#define KI(k, v) ((struct log_kv){.key = (k), .kind = LOG_KV_INT, .i = (v)})
#define KU(k, v) ((struct log_kv){.key = (k), .kind = LOG_KV_UINT, .u = (v)})
/* the text of an errno or of a negative errno, as error="..." */
#define KERR(e) KS("error", strerror((e) < 0 ? -(e) : (e)))

#define LOG(level, event, ...)                                                   \
	log_write(level, event, (struct log_kv[]){{.key = NULL}, ##__VA_ARGS__}, \
		  ARRAY_LEN(((struct log_kv[]){{.key = NULL}, ##__VA_ARGS__})))

/* For what strangers can cause in any number: limited by event and key (log_rate.h), which mostly
 * is the client's address (IPv6: its /64); how many lines were left out is told by log-suppressed
 * with the next line after a minute. */
#define LOG_RATED(level, event, key, ...)                 \
	do {                                              \
		if (log_rated(event, span_str(key)))      \
			LOG(level, event, ##__VA_ARGS__); \
	} while (0)
bool log_rated(const char *event, struct span key);

void log_init(const char *daemon_name, enum log_level level);
void log_level_set(enum log_level level);
/* kv[0] is a place holder and is skipped; use LOG(). */
void log_write(enum log_level level, const char *event, const struct log_kv *kv, size_t n);

#endif
