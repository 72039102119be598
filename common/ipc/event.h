/*
 * event.h - the mail events of event.def as structs, and as JSON.
 */
#ifndef COMMON_IPC_EVENT_H
#define COMMON_IPC_EVENT_H

#include "common/buf.h"

enum event_type {
#define EVENT(name, NAME, number, ...) EVENT_##NAME = number,
#define EV_TEXT(...)
#define EV_UINT(...)
#define EV_BOOL(...)
#include "common/ipc/event.def"
};

#define EVENT(name, NAME, number, doc, ...) \
	struct event_##name {               \
		__VA_ARGS__                 \
	};
#define EV_TEXT(f, doc) struct span f;
#define EV_UINT(f, doc) uint64_t f;
#define EV_BOOL(f, doc) bool f;
#include "common/ipc/event.def"

struct event {
	enum event_type type;
	union {
#define EVENT(name, ...) struct event_##name name;
#define EV_TEXT(...)
#define EV_UINT(...)
#define EV_BOOL(...)
#include "common/ipc/event.def"
	};
};

/* Holds any event whose texts have the maxima of ipc.def, each byte escaped. */
enum { EVENT_JSON_MAX = 32768 };

/* The event's own fields as one JSON object; always valid UTF-8. */
void event_json(const struct event *e, struct buf *out);
const char *event_name(uint64_t type); /* "delivered"; "?" when unknown */
const char *event_doc(uint64_t type);

#endif
