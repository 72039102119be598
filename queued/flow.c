/*
 * flow.c - four times a second: how far delivery is behind, for the acceptors; once a minute and
 * at the end: the send counts of servers, for the next start.
 *
 * The level is how long the oldest has waited of the copies that are due and could go if workers
 * had a place, or its tenant not used up its share: each LEVEL_MS one more.  What waits for a slow
 * destination alone does not raise it: the others' mail goes.
 */
#include <stdio.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/spool/pressure.h"
#include "queued/queued.h"
#include "queued/store.h"

#define SENT_PREFIX "sent:"

enum { TELL_MS = 250, SAVE_MS = 60000, LEVEL_MS = 200, TEXT_MAX = 4096 };

static struct {
	struct pressure_page *page;
	struct pressure told;
	struct loop_timer *tell, *save;
} self;

unsigned flow_level(void)
{
	return self.told.level;
}

static unsigned level_now(struct mono now)
{
	int64_t oldest, behind;

	if (!workers_known() || deliver_paused())
		return 0;
	if (!plan_is_short(&jobs_plan, &oldest))
		return 0;
	behind = (now.ms - oldest) / LEVEL_MS;
	return behind < PRESSURE_LEVEL_MAX ? (unsigned)behind : PRESSURE_LEVEL_MAX;
}

static void add_if_over(struct usage *u, void *arg)
{
	struct pressure *p = arg;

	if (!u->open_bytes || p->server_count == PRESSURE_SERVERS_MAX)
		return;
	gate_note_limits(u);
	if (usage_over_bytes(u))
		p->servers[p->server_count++] = u->server;
}

static void on_tell(void *arg)
{
	struct mono now = mono_now();
	struct pressure p = {.level = level_now(now)};

	(void)arg;
	if (gate_ready())
		usage_each(add_if_over, &p);
	if (p.level && !self.told.level)
		LOG(LOG_WARN, "delivery-behind", KU("level", p.level));
	self.told = p;
	pressure_write(self.page, &p, now);
	loop_timer_set(self.tell, TELL_MS);
}

/* "sent:SERVER" = "WALL_MS MINUTES_AGO COUNT ..." */
static void save_one(struct usage *u, void *arg)
{
	struct buf text;
	char name[32];

	(void)arg;
	if (!u->send_limit)
		return;
	snprintf(name, sizeof(name), SENT_PREFIX "%llu", (unsigned long long)u->server);
	buf_init(&text, TEXT_MAX);
	usage_text(u, mono_now(), &text);
	if (buf_ok(&text)) {
		struct buf value;

		buf_init(&value, 2 * TEXT_MAX);
		buf_fmt(&value, "%lld %.*s", (long long)wall_now().ms, SPAN_FMT(buf_span(&text)));
		store_put_setting(name, buf_span(&value));
		buf_done(&value);
	}
	buf_done(&text);
}

void flow_save(void)
{
	store_begin(false);
	usage_each(save_one, NULL);
	if (!store_commit())
		LOG(LOG_WARN, "counts-not-saved", KS("reason", "see the line before"));
}

static void on_save(void *arg)
{
	(void)arg;
	flow_save();
	loop_timer_set(self.save, SAVE_MS);
}

static void load_one(struct span name, struct span value)
{
	struct span number = span_from(name, sizeof(SENT_PREFIX) - 1);
	uint64_t server, at, now = (uint64_t)wall_now().ms;

	if (span_u64(number, INT64_MAX, &server) != 0 ||
	    span_u64(span_cut(&value, ' '), INT64_MAX, &at) != 0)
		return;
	if (!usage_read(usage_of(server), mono_now(), now > at ? (int64_t)(now - at) : 0, value))
		LOG(LOG_WARN, "counts-not-read", KU("server", server));
}

void flow_init(void)
{
	int err = pressure_make(&self.page);

	if (err)
		die(EX_CANTCREAT, "%s: %s; the folder must belong to queued's user", PRESSURE_PATH,
		    strerror(-err));
	store_each_setting(SENT_PREFIX, load_one);
	self.tell = loop_timer_new(on_tell, NULL);
	self.save = loop_timer_new(on_save, NULL);
	on_tell(NULL);
	loop_timer_set(self.save, SAVE_MS);
}
