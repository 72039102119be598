#include "queued/jobs.h"

#include "queued/usage.h"

struct plan jobs_plan;

static struct {
	struct hash messages, copies;
} self;

static const struct {
	const char *name, *detail;
} holds[] = {
#define HOLD(NAME, number, name, detail) [HOLD_##NAME] = {name, detail},
	HOLDS(HOLD)
#undef HOLD
};

const char *hold_name(enum hold h)
{
	return holds[h].name;
}

const char *hold_detail(enum hold h)
{
	return holds[h].detail;
}

enum hold hold_read(struct span name)
{
	for (size_t i = 1; i < ARRAY_LEN(holds); i++)
		if (span_eq_str(name, holds[i].name))
			return (enum hold)i;
	return HOLD_NONE;
}

void jobs_init(const struct plan_limits *limits)
{
	plan_init(&jobs_plan, limits);
}

static struct span copy_key(const uint64_t *copy)
{
	return span_of(copy, sizeof(*copy));
}

struct message *jobs_message(const struct qid *id)
{
	struct hash_node *n = hash_find(&self.messages, span_of(id->s, QID_TEXT));

	return n ? container_of(n, struct message, by_id) : NULL;
}

struct message *jobs_message_new(const struct qid *id, uint64_t server, uint64_t size)
{
	struct message *m = mem_alloc(sizeof(*m));

	m->id = *id;
	m->size = size;
	m->expires.ms = INT64_MAX;
	m->usage = usage_of(server);
	usage_opened(m->usage, size);
	hash_add(&self.messages, &m->by_id, span_of(m->id.s, QID_TEXT));
	return m;
}

struct job *jobs_find(uint64_t copy)
{
	struct hash_node *n = hash_find(&self.copies, copy_key(&copy));

	return n ? container_of(n, struct job, by_copy) : NULL;
}

struct job *jobs_new(struct message *m, uint64_t copy, const struct addr *rcpt)
{
	struct job *j = mem_alloc(sizeof(*j));

	j->message = m;
	j->copy = copy;
	j->rcpt = mem_strdup(rcpt->s);
	j->rcpt_at = rcpt->at;
	m->open++;
	hash_add(&self.copies, &j->by_copy, copy_key(&j->copy));
	return j;
}

struct span job_domain(const struct job *j)
{
	return span_str(j->rcpt + j->rcpt_at + 1);
}

static struct plan_key key_of(const struct job *j)
{
	return (struct plan_key){.domain = job_domain(j),
				 .tenant = j->message->usage->server,
				 .class = j->message->bulk ? PLAN_BULK : PLAN_TRANSACTIONAL};
}

void jobs_schedule(struct job *j)
{
	struct plan_key key = key_of(j);

	if (j->planned || j->worker || j->former || j->done_pending)
		return;
	plan_add(&jobs_plan, &j->plan, &key, j->due.ms);
	j->planned = true;
}

void jobs_unplan(struct job *j)
{
	if (j->planned)
		plan_remove(&jobs_plan, &j->plan);
	j->planned = false;
}

struct each {
	void (*fn)(struct job *);
};

static void each_node(struct hash_node *node, void *arg)
{
	const struct each *each = arg;

	each->fn(container_of(node, struct job, by_copy));
}

void jobs_each(void (*fn)(struct job *))
{
	struct each each = {fn};

	hash_each(&self.copies, each_node, &each);
}

void jobs_want(struct job *j, unsigned action, const char *why)
{
	mem_free(j->wanted_why);
	j->wanted_why = *why ? mem_strdup(why) : NULL;
	j->wanted = (uint8_t)action;
}

/* One that the plan did not give out (a worker had it before we started) is counted as well. */
void jobs_give(struct job *j, struct worker *w, struct job **list)
{
	must(!j->worker);
	if (!j->planned || !plan_is_in_flight(&j->plan)) {
		struct plan_key key = key_of(j);

		jobs_unplan(j);
		plan_lock(&jobs_plan, &j->plan, &key);
		j->planned = true;
	}
	j->worker = w;
	j->former = false;
	j->next_of_worker = *list;
	if (*list)
		(*list)->prev_of_worker = &j->next_of_worker;
	j->prev_of_worker = list;
	*list = j;
}

void jobs_take_back(struct job *j)
{
	if (!j->worker)
		return;
	*j->prev_of_worker = j->next_of_worker;
	if (j->next_of_worker)
		j->next_of_worker->prev_of_worker = j->prev_of_worker;
	j->worker = NULL;
	jobs_unplan(j);
}

bool jobs_end(struct job *j)
{
	struct message *m = j->message;

	jobs_take_back(j);
	jobs_unplan(j);
	hash_remove(&self.copies, &j->by_copy);
	mem_free(j->wanted_why);
	mem_free(j->return_path);
	mem_free(j->rcpt);
	mem_free(j);
	if (--m->open)
		return false;
	hash_remove(&self.messages, &m->by_id);
	usage_closed(m->usage, m->size);
	mem_free(m->domain);
	mem_free(m);
	return true;
}

size_t jobs_count(void)
{
	return self.copies.n;
}
