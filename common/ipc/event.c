/*
 * event.c - event structs to JSON, made from event.def.
 */
#include "common/ipc/event.h"

#include "common/json/json.h"

static void add_key(struct buf *b, const char *key)
{
	if (b->n && b->p[b->n - 1] != '{')
		buf_byte(b, ',');
	buf_fmt(b, "\"%s\":", key);
}

static void add_text(struct buf *b, const char *key, struct span v)
{
	add_key(b, key);
	json_add_string(b, v);
}

static void add_uint(struct buf *b, const char *key, uint64_t v)
{
	add_key(b, key);
	buf_fmt(b, "%llu", (unsigned long long)v);
}

static void add_bool(struct buf *b, const char *key, bool v)
{
	add_key(b, key);
	buf_str(b, v ? "true" : "false");
}

#define EVENT(name, NAME, number, doc, ...)                                 \
	static void add_##name(struct buf *b, const struct event_##name *e) \
	{                                                                   \
		__VA_ARGS__                                                 \
	}
#define EV_TEXT(f, doc) add_text(b, #f, e->f);
#define EV_UINT(f, doc) add_uint(b, #f, e->f);
#define EV_BOOL(f, doc) add_bool(b, #f, e->f);
#include "common/ipc/event.def"

void event_json(const struct event *e, struct buf *out)
{
	buf_byte(out, '{');
	switch (e->type) {
#define EVENT(name, NAME, ...)             \
	case EVENT_##NAME:                 \
		add_##name(out, &e->name); \
		break;
#define EV_TEXT(...)
#define EV_UINT(...)
#define EV_BOOL(...)
#include "common/ipc/event.def"
	}
	buf_byte(out, '}');
}

static const struct {
	const char *name;
	const char *doc;
} events[] = {
#define EVENT(name, NAME, number, doc, ...) [number] = {#name, doc},
#define EV_TEXT(...)
#define EV_UINT(...)
#define EV_BOOL(...)
#include "common/ipc/event.def"
};

const char *event_name(uint64_t type)
{
	return type < ARRAY_LEN(events) && events[type].name ? events[type].name : "?";
}

const char *event_doc(uint64_t type)
{
	return type < ARRAY_LEN(events) && events[type].doc ? events[type].doc : "";
}
