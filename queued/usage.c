#include "queued/usage.h"

enum { MINUTE_MS = 60000 };

static struct hash servers;

struct usage *usage_of(uint64_t server)
{
	struct hash_node *found = hash_find(&servers, span_of(&server, sizeof(server)));
	struct usage *u;

	if (found)
		return container_of(found, struct usage, by_server);
	u = mem_alloc(sizeof(*u));
	u->server = server;
	hash_add(&servers, &u->by_server, span_of(&u->server, sizeof(u->server)));
	return u;
}

struct each {
	void (*fn)(struct usage *u, void *arg);
	void *arg;
};

static void each_node(struct hash_node *node, void *arg)
{
	const struct each *e = arg;

	e->fn(container_of(node, struct usage, by_server), e->arg);
}

void usage_each(void (*fn)(struct usage *u, void *arg), void *arg)
{
	hash_each(&servers, each_node, &(struct each){fn, arg});
}

void usage_opened(struct usage *u, uint64_t bytes)
{
	u->open_bytes += bytes;
}

void usage_closed(struct usage *u, uint64_t bytes)
{
	must(u->open_bytes >= bytes);
	u->open_bytes -= bytes;
}

bool usage_over_bytes(const struct usage *u)
{
	return u->bytes_limit && u->open_bytes >= u->bytes_limit;
}

/* Empties the minutes that have passed since the last count. */
static void turn_to(struct usage *u, struct mono now)
{
	/* as if the machine had been up for an hour more: what was sent before its boot has a
	 * minute, too */
	int64_t minute = now.ms / MINUTE_MS + USAGE_MINUTES;

	if (minute - u->minute >= USAGE_MINUTES)
		memset(u->sent, 0, sizeof(u->sent));
	else
		for (int64_t m = u->minute + 1; m <= minute; m++)
			u->sent[m % USAGE_MINUTES] = 0;
	u->minute = minute;
}

uint64_t usage_sent(struct usage *u, struct mono now)
{
	uint64_t n = 0;

	turn_to(u, now);
	for (size_t i = 0; i < USAGE_MINUTES; i++)
		n += u->sent[i];
	return n;
}

void usage_count(struct usage *u, struct mono now)
{
	turn_to(u, now);
	u->sent[u->minute % USAGE_MINUTES]++;
}

struct mono usage_room_at(struct usage *u, struct mono now, uint64_t limit)
{
	uint64_t n = usage_sent(u, now);
	int64_t oldest = u->minute - USAGE_MINUTES + 1;

	for (int64_t m = oldest; m <= u->minute && n >= limit; m++) {
		n -= u->sent[m % USAGE_MINUTES];
		oldest = m + 1;
	}
	/* minute `oldest - 1` has left the hour when it has been an hour ago */
	return (struct mono){(oldest - 1) * MINUTE_MS};
}

void usage_text(struct usage *u, struct mono now, struct buf *out)
{
	turn_to(u, now);
	for (int64_t ago = USAGE_MINUTES - 1; ago >= 0; ago--) {
		int64_t m = u->minute - ago;

		if (u->sent[m % USAGE_MINUTES])
			buf_fmt(out, "%s%lld %u", out->n ? " " : "", (long long)ago,
				u->sent[m % USAGE_MINUTES]);
	}
}

bool usage_read(struct usage *u, struct mono now, int64_t ago_ms, struct span text)
{
	uint64_t ago, count;

	turn_to(u, now);
	while (text.n) {
		if (span_u64(span_cut(&text, ' '), USAGE_MINUTES - 1, &ago) != 0 ||
		    span_u64(span_cut(&text, ' '), UINT32_MAX, &count) != 0)
			return false;
		int64_t m = u->minute - (int64_t)ago - ago_ms / MINUTE_MS;

		if (u->minute - m < USAGE_MINUTES)
			u->sent[m % USAGE_MINUTES] = (uint32_t)count;
	}
	return true;
}
