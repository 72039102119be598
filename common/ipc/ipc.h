/*
 * ipc.h - the messages of ipc.def as structs, and their codec.
 *
 * Wire: u8 version (1), u8 number, then the fields.  A message is one packet of a SOCK_SEQPACKET
 * socket below LIMIT_IPC bytes; at most one descriptor goes with it.  Decoding consumes exactly
 * all bytes or fails, checks every maximum again, and copies nothing: spans point into the packet
 * and live as long as it.  Both sides check ipc_allowed(): a message at the wrong door or from
 * the wrong side closes that connection.
 */
#ifndef COMMON_IPC_IPC_H
#define COMMON_IPC_IPC_H

#include "common/buf.h"
#include "common/limits.h"

enum { IPC_VERSION = 1 };

enum ipc_door {
#define IPC_DOOR(NAME, listener, path) IPC_DOOR_##NAME,
#define IPC_MSG(...)
#include "common/ipc/ipc.def"
	IPC_DOOR_COUNT
};

enum ipc_type {
	IPC_NONE = 0,
#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, number, ...) IPC_##NAME = number,
#include "common/ipc/ipc.def"
};

enum ipc_side { IPC_LISTENER, IPC_CALLER };

/* Lists are views of the packet (or, for sending, of arrays that the sender owns). */
struct ipc_spans {
	uint16_t n;
	const struct span *items; /* for sending; NULL in a decoded message */
	struct span raw;	  /* decoded: the items as on the wire */
};
struct ipc_u64s {
	uint16_t n;
	const uint64_t *items;
	struct span raw;
};

/* Item i < n of a list, decoded or not. */
struct span ipc_spans_at(const struct ipc_spans *l, size_t i);
uint64_t ipc_u64s_at(const struct ipc_u64s *l, size_t i);

#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, number, door, sender, fd, ...) \
	struct ipc_##name {                                \
		__VA_ARGS__                                \
	};
#define IPC_U8(f) uint8_t f;
#define IPC_U16(f) uint16_t f;
#define IPC_U32(f) uint32_t f;
#define IPC_U64(f) uint64_t f;
#define IPC_SPAN(f, max) struct span f;
#define IPC_SPANS(f, items, max) struct ipc_spans f;
#define IPC_U64S(f, items) struct ipc_u64s f;
#include "common/ipc/ipc.def"

struct ipc_msg {
	enum ipc_type type;
	union {
#define IPC_DOOR(...)
#define IPC_MSG(name, ...) struct ipc_##name name;
#include "common/ipc/ipc.def"
	};
};

/* Adds the packet to out.  A field above its maximum is our own bug: must(). */
void ipc_encode(const struct ipc_msg *m, struct buf *out);
/* 0, or -EINVAL (out untouched): unknown version or number, truncated, trailing bytes, a maximum
 * exceeded. */
int ipc_decode(struct span packet, struct ipc_msg *out) MUST_CHECK;
/* May `sender` of `door` send this type? */
bool ipc_allowed(enum ipc_door door, enum ipc_side sender, enum ipc_type type);
bool ipc_has_fd(enum ipc_type type);
const char *ipc_name(enum ipc_type type);      /* "deliver"; "?" when unknown */
const char *ipc_door_path(enum ipc_door door); /* NULL: a socket pair */
/* name field=value ... for logs and tests; bytes escaped. */
void ipc_print(const struct ipc_msg *m, struct buf *out);

#endif
