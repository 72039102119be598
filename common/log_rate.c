#include "common/log_rate.h"

enum { NEIGHBOURS = 8 };

/* FNV-1a: nobody gains by a collision but a line less of his own. */
static uint64_t hash_of(const char *event, struct span key)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *event; event++)
		h = (h ^ (uint8_t)*event) * 0x100000001b3;
	for (size_t i = 0; i < key.n; i++)
		h = (h ^ key.p[i]) * 0x100000001b3;
	return h ? h : 1;
}

static bool is_over(int64_t since_ms, int64_t now_ms)
{
	return now_ms - since_ms >= LOG_RATE_PERIOD_MS || now_ms < since_ms;
}

/* The slot of that key, or the oldest of those where it could be, made its own. */
static struct log_rate_slot *slot_of(struct log_rate *r, uint64_t hash, int64_t now_ms)
{
	struct log_rate_slot *oldest = NULL;

	for (size_t i = 0; i < NEIGHBOURS; i++) {
		struct log_rate_slot *s = &r->slots[(hash + i) % LOG_RATE_SLOTS];

		if (s->hash == hash && !is_over(s->since_ms, now_ms))
			return s;
		if (!oldest || !s->hash || (oldest->hash && s->since_ms < oldest->since_ms))
			oldest = s;
	}
	*oldest = (struct log_rate_slot){.hash = hash, .since_ms = now_ms};
	return oldest;
}

static struct log_rate_event *event_of(struct log_rate *r, const char *name, int64_t now_ms)
{
	for (size_t i = 0; i < LOG_RATE_EVENTS; i++) {
		struct log_rate_event *e = &r->events[i];

		if (!e->name)
			*e = (struct log_rate_event){.name = name, .since_ms = now_ms};
		if (strcmp(e->name, name) != 0)
			continue;
		if (is_over(e->since_ms, now_ms) && !e->left_out)
			*e = (struct log_rate_event){.name = name, .since_ms = now_ms};
		return e;
	}
	return NULL;
}

bool log_rate_pass(struct log_rate *r, const char *event, struct span key, int64_t now_ms)
{
	struct log_rate_slot *s = slot_of(r, hash_of(event, key), now_ms);
	struct log_rate_event *e = event_of(r, event, now_ms);

	if (s->lines++ == 0)
		return true;
	if (e && s->lines <= LOG_RATE_KEY && e->lines < LOG_RATE_EVENT) {
		e->lines++;
		return true;
	}
	if (e)
		e->left_out++;
	return false;
}

const char *log_rate_over(struct log_rate *r, int64_t now_ms, unsigned *left_out)
{
	for (size_t i = 0; i < LOG_RATE_EVENTS; i++) {
		struct log_rate_event *e = &r->events[i];

		if (!e->name || !e->left_out || !is_over(e->since_ms, now_ms))
			continue;
		*left_out = e->left_out;
		*e = (struct log_rate_event){.name = e->name, .since_ms = now_ms};
		return e->name;
	}
	return NULL;
}
