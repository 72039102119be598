#include "queued/jobs.h"

struct plan jobs_plan;

static struct {
	struct hash messages, copies;
} self;

void jobs_init(unsigned domain_limit)
{
	plan_init(&jobs_plan, domain_limit);
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

struct message *jobs_message_new(const struct qid *id)
{
	struct message *m = mem_alloc(sizeof(*m));

	m->id = *id;
	hash_add(&self.messages, &m->by_id, span_of(m->id.s, QID_TEXT));
	return m;
}

struct job *jobs_find(uint64_t copy)
{
	struct hash_node *n = hash_find(&self.copies, copy_key(&copy));

	return n ? container_of(n, struct job, by_copy) : NULL;
}

struct job *jobs_new(struct message *m, uint64_t copy)
{
	struct job *j = mem_alloc(sizeof(*j));

	j->message = m;
	j->copy = copy;
	m->open++;
	hash_add(&self.copies, &j->by_copy, copy_key(&j->copy));
	return j;
}

void jobs_schedule(struct job *j)
{
	if (j->plan.domain || j->worker || j->former || j->done_pending || j->state == STATE_HELD)
		return;
	plan_add(&jobs_plan, &j->plan, addr_domain(&j->rcpt), j->due_ms);
}

static void schedule_node(struct hash_node *node, void *arg)
{
	(void)arg;
	jobs_schedule(container_of(node, struct job, by_copy));
}

void jobs_schedule_all(void)
{
	hash_each(&self.copies, schedule_node, NULL);
}

void jobs_give(struct job *j, struct worker *w, struct job **list)
{
	must(!j->worker);
	if (!j->plan.domain)
		plan_lock(&jobs_plan, &j->plan, addr_domain(&j->rcpt));
	else if (!j->plan.in_flight) {
		plan_remove(&jobs_plan, &j->plan);
		plan_lock(&jobs_plan, &j->plan, addr_domain(&j->rcpt));
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
	plan_remove(&jobs_plan, &j->plan);
}

bool jobs_end(struct job *j)
{
	struct message *m = j->message;

	jobs_take_back(j);
	plan_remove(&jobs_plan, &j->plan);
	hash_remove(&self.copies, &j->by_copy);
	mem_free(j->return_path);
	mem_free(j);
	if (--m->open)
		return false;
	hash_remove(&self.messages, &m->by_id);
	mem_free(m);
	return true;
}

size_t jobs_count(void)
{
	return self.copies.n;
}
