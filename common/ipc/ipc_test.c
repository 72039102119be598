/*
 * ipc_test.c - every message of ipc.def, filled by the preprocessor as the codec itself is made.
 */
#include "common/ipc/ipc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

enum { MAX_ITEMS = 4096, ROOM = 16 * LIMIT_IPC };

static struct buf packet;

/* The bytes that maximal fields are filled with: every octet comes. */
static const uint8_t *octets(void)
{
	static uint8_t bytes[UINT16_MAX + 1];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167);
	return bytes;
}

static struct ipc_spans span_list(size_t items, size_t max)
{
	static struct span lists[4][MAX_ITEMS]; /* so many a message has at most */
	static size_t turn;
	struct span *at = lists[turn++ % ARRAY_LEN(lists)];

	must(items <= MAX_ITEMS);
	for (size_t i = 0; i < items; i++)
		at[i] = span_of(octets() + i, i % 3 == 1 ? 0 : max);
	return (struct ipc_spans){.n = (uint16_t)items, .items = at};
}

static struct ipc_u64s u64_list(size_t items)
{
	static uint64_t at[MAX_ITEMS];

	must(items <= MAX_ITEMS);
	for (size_t i = 0; i < items; i++)
		at[i] = UINT64_MAX - i;
	return (struct ipc_u64s){.n = (uint16_t)items, .items = at};
}

/* Each field at its maximum; but every third text of a list is empty. */
#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, number, door, sender, fd, ...) \
	static void fill_##name(struct ipc_##name *m)      \
	{                                                  \
		__VA_ARGS__                                \
	}
#define IPC_U8(f) m->f = UINT8_MAX;
#define IPC_U16(f) m->f = UINT16_MAX;
#define IPC_U32(f) m->f = UINT32_MAX;
#define IPC_U64(f) m->f = UINT64_MAX;
#define IPC_SPAN(f, max) m->f = span_of(octets(), max);
#define IPC_SPANS(f, items, max) m->f = span_list(items, max);
#define IPC_U64S(f, items) m->f = u64_list(items);
#include "common/ipc/ipc.def"

static bool spans_equal(const struct ipc_spans *a, const struct ipc_spans *b)
{
	bool equal = a->n == b->n;

	for (size_t i = 0; equal && i < a->n; i++)
		equal = span_eq(ipc_spans_at(a, i), ipc_spans_at(b, i));
	return equal;
}

static bool u64s_equal(const struct ipc_u64s *a, const struct ipc_u64s *b)
{
	bool equal = a->n == b->n;

	for (size_t i = 0; equal && i < a->n; i++)
		equal = ipc_u64s_at(a, i) == ipc_u64s_at(b, i);
	return equal;
}

#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, number, door, sender, fd, ...)                               \
	static bool equal_##name(const struct ipc_##name *a, const struct ipc_##name *b) \
	{                                                                                \
		bool equal = true;                                                       \
		__VA_ARGS__                                                              \
		return equal;                                                            \
	}
#define IPC_U8(f) equal = equal && a->f == b->f;
#define IPC_U16(f) equal = equal && a->f == b->f;
#define IPC_U32(f) equal = equal && a->f == b->f;
#define IPC_U64(f) equal = equal && a->f == b->f;
#define IPC_SPAN(f, max) equal = equal && span_eq(a->f, b->f);
#define IPC_SPANS(f, items, max) equal = equal && spans_equal(&a->f, &b->f);
#define IPC_U64S(f, items) equal = equal && u64s_equal(&a->f, &b->f);
#include "common/ipc/ipc.def"

/* Where each field lies in the maximal packet, for packets made by hand. */
struct part {
	enum { PART_INT, PART_SPAN, PART_SPANS, PART_U64S } kind;
	const char *name;
	size_t items, max;
};

#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, number, door, sender, fd, ...) \
	static const struct part parts_##name[] = {__VA_ARGS__};
#define IPC_U8(f) {PART_INT, #f, 1, 0},
#define IPC_U16(f) {PART_INT, #f, 2, 0},
#define IPC_U32(f) {PART_INT, #f, 4, 0},
#define IPC_U64(f) {PART_INT, #f, 8, 0},
#define IPC_SPAN(f, max) {PART_SPAN, #f, 1, max},
#define IPC_SPANS(f, items, max) {PART_SPANS, #f, items, max},
#define IPC_U64S(f, items) {PART_U64S, #f, items, 8},
#include "common/ipc/ipc.def"

static const struct message {
	const char *name;
	enum ipc_type type;
	unsigned number;
	const struct part *parts;
	size_t part_count;
} messages[] = {
#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, number, ...) \
	{#name, IPC_##NAME, number, parts_##name, ARRAY_LEN(parts_##name)},
#include "common/ipc/ipc.def"
};

static void fill(struct ipc_msg *m)
{
	switch (m->type) {
#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, ...)       \
	case IPC_##NAME:               \
		fill_##name(&m->name); \
		break;
#include "common/ipc/ipc.def"
	case IPC_NONE:
		break;
	}
}

static bool equal(const struct ipc_msg *a, const struct ipc_msg *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, ...) \
	case IPC_##NAME:         \
		return equal_##name(&a->name, &b->name);
#include "common/ipc/ipc.def"
	case IPC_NONE:
		break;
	}
	return false;
}

/* The message in `packet`: empty, or every field at its maximum. */
static struct ipc_msg make(enum ipc_type type, bool full)
{
	struct ipc_msg m;

	memset(&m, 0, sizeof(m));
	m.type = type;
	if (full)
		fill(&m);
	buf_reset(&packet);
	ipc_encode(&m, &packet);
	assert_true(buf_ok(&packet));
	return m;
}

static void check_refused(const char *name, const char *how, struct span s)
{
	struct ipc_msg out = {.type = IPC_NONE};

	if (ipc_decode(s, &out) != -EINVAL)
		fail_msg("%s %s is accepted", name, how);
	assert_int_equal(out.type, IPC_NONE);
}

static void test_every_message_round_trips(void **state UNUSED)
{
	for (size_t i = 0; i < 2 * ARRAY_LEN(messages); i++) {
		const struct message *msg = &messages[i / 2];
		struct ipc_msg m = make(msg->type, i % 2), out;
		struct buf again;

		if (ipc_decode(buf_span(&packet), &out) != 0 || !equal(&m, &out))
			fail_msg("%s, %s", msg->name, i % 2 ? "full" : "empty");
		buf_init(&again, ROOM);
		ipc_encode(&out, &again); /* a decoded message can be sent on */
		assert_true(span_eq(buf_span(&again), buf_span(&packet)));
		buf_done(&again);
	}
}

static void test_every_truncation_and_one_byte_more_are_refused(void **state UNUSED)
{
	for (size_t i = 0; i < 2 * ARRAY_LEN(messages); i++) {
		const struct message *msg = &messages[i / 2];

		make(msg->type, i % 2);
		for (size_t n = 0; n < packet.n; n++)
			check_refused(msg->name, "cut", span_head(buf_span(&packet), n));
		/* on the heap in its very size, so that a sanitizer sees a read behind it */
		for (size_t n = 1; n < packet.n; n += 1 + n / 50) {
			uint8_t *cut = mem_copy(packet.p, n);
			check_refused(msg->name, "cut", span_of(cut, n));
			mem_free(cut);
		}
		buf_byte(&packet, 0);
		check_refused(msg->name, "with a byte more", buf_span(&packet));
	}
}

static bool known(unsigned number)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		if (messages[i].number == number)
			return true;
	return false;
}

static void test_other_versions_and_numbers_are_refused(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		make(messages[i].type, true);
		for (unsigned v = 0; v < 256; v++) {
			packet.p[0] = (uint8_t)v;
			if (v != IPC_VERSION)
				check_refused(messages[i].name, "of another version",
					      buf_span(&packet));
		}
		packet.p[0] = IPC_VERSION;
		for (unsigned v = 0; v < 256; v++) {
			packet.p[1] = (uint8_t)v;
			if (!known(v))
				check_refused(messages[i].name, "under an unknown number",
					      buf_span(&packet));
		}
	}
}

/* maxima */

static void put_u16(struct buf *b, size_t v)
{
	buf_byte(b, (uint8_t)v);
	buf_byte(b, (uint8_t)(v >> 8));
}

static void put_zeros(struct buf *b, size_t n)
{
	uint8_t *room = n ? buf_room(b, n) : NULL;

	if (!room)
		return;
	memset(room, 0, n);
	buf_used(b, n);
}

/* A field by hand: so many items of so many bytes. */
static void put_part(struct buf *b, const struct part *p, size_t items, size_t size)
{
	if (p->kind == PART_INT) {
		put_zeros(b, p->items);
		return;
	}
	if (p->kind != PART_SPAN)
		put_u16(b, items);
	for (size_t i = 0; i < items; i++) {
		if (p->kind != PART_U64S)
			put_u16(b, size);
		put_zeros(b, size);
	}
}

/* All fields minimal but the one of that index, which has so many items of so many bytes. */
static void by_hand(const struct message *msg, size_t index, size_t items, size_t size)
{
	buf_reset(&packet);
	buf_byte(&packet, IPC_VERSION);
	buf_byte(&packet, (uint8_t)msg->number);
	for (size_t i = 0; i < msg->part_count; i++) {
		const struct part *p = &msg->parts[i];
		bool list = p->kind == PART_SPANS || p->kind == PART_U64S;

		if (i == index)
			put_part(&packet, p, items, size);
		else
			put_part(&packet, p, list ? 0 : 1, 0);
	}
	must(buf_ok(&packet));
}

static void check_maximum(const struct message *msg, size_t index)
{
	const struct part *p = &msg->parts[index];
	struct ipc_msg out;

	by_hand(msg, index, p->items, p->max);
	if (ipc_decode(buf_span(&packet), &out) != 0)
		fail_msg("%s: %s at its maximum is refused", msg->name, p->name);
	if (p->kind != PART_U64S) {
		by_hand(msg, index, 1, p->max + 1);
		check_refused(msg->name, p->name, buf_span(&packet));
		by_hand(msg, index, 1, UINT16_MAX);
		check_refused(msg->name, p->name, buf_span(&packet));
	}
	if (p->kind != PART_SPAN) {
		by_hand(msg, index, p->items + 1, p->kind == PART_U64S ? 8 : 0);
		check_refused(msg->name, p->name, buf_span(&packet));
	}
}

static void test_a_field_above_its_maximum_is_refused(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		for (size_t k = 0; k < messages[i].part_count; k++)
			if (messages[i].parts[k].kind != PART_INT)
				check_maximum(&messages[i], k);
}

/* Else chan_send() would end the sender. */
static void test_every_message_at_its_maximum_is_below_the_limit(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		const struct message *msg = &messages[i];
		size_t n = 2;

		for (size_t k = 0; k < msg->part_count; k++) {
			const struct part *p = &msg->parts[k];
			size_t heads = p->kind == PART_SPANS ? 2 + 2 * p->items
				       : p->kind == PART_INT ? 0
							     : 2;
			n += heads + (p->kind == PART_INT ? p->items : p->items * p->max);
		}
		if (n >= LIMIT_IPC)
			fail_msg("%s: %zu bytes", msg->name, n);
		make(msg->type, true);
		assert_true(packet.n <= n);
	}
}

/* matrix */

static void test_each_message_has_one_sender_at_one_door(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		unsigned may = 0;

		for (int door = 0; door < IPC_DOOR_COUNT; door++)
			for (int side = IPC_LISTENER; side <= IPC_CALLER; side++)
				may += ipc_allowed((enum ipc_door)door, (enum ipc_side)side,
						   messages[i].type);
		if (may != 1)
			fail_msg("%s: %u", messages[i].name, may);
		assert_string_equal(ipc_name(messages[i].type), messages[i].name);
	}
}

static const struct {
	enum ipc_door door;
	enum ipc_side sender;
	enum ipc_type type;
	bool allowed, fd;
} edges[] = {
	{IPC_DOOR_DELIVER, IPC_LISTENER, IPC_DELIVER, true, true},
	{IPC_DOOR_DELIVER, IPC_CALLER, IPC_DELIVER, false, true},
	{IPC_DOOR_BROKER, IPC_LISTENER, IPC_DELIVER, false, true},
	{IPC_DOOR_DELIVER, IPC_CALLER, IPC_RESULT, true, false},
	{IPC_DOOR_DELIVER, IPC_LISTENER, IPC_RESULT, false, false},
	{IPC_DOOR_SIGN, IPC_CALLER, IPC_SIGN, true, false},
	{IPC_DOOR_KEYS, IPC_CALLER, IPC_SIGN, false, false},
	{IPC_DOOR_SIGN, IPC_CALLER, IPC_KEYGEN, false, false},
	{IPC_DOOR_ADMIN, IPC_LISTENER, IPC_MESSAGE, true, true},
	{IPC_DOOR_BROKER, IPC_CALLER, IPC_WORKER, true, true},
};

static void test_the_edges_that_matter_most(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
		if (ipc_allowed(edges[i].door, edges[i].sender, edges[i].type) != edges[i].allowed)
			fail_msg("%zu", i);
		assert_int_equal(ipc_has_fd(edges[i].type), edges[i].fd);
	}
}

static void test_unknown_numbers_are_nobodys(void **state UNUSED)
{
	for (unsigned v = 0; v < 300; v++) {
		if (known(v))
			continue;
		assert_string_equal(ipc_name((enum ipc_type)v), "?");
		assert_false(ipc_has_fd((enum ipc_type)v));
		for (int door = 0; door < IPC_DOOR_COUNT; door++)
			assert_false(
				ipc_allowed((enum ipc_door)door, IPC_CALLER, (enum ipc_type)v) ||
				ipc_allowed((enum ipc_door)door, IPC_LISTENER, (enum ipc_type)v));
	}
}

static void test_numbers_are_distinct_and_fit_one_byte(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		assert_in_range(messages[i].number, 1, 255);
		for (size_t k = 0; k < i; k++)
			if (messages[i].number == messages[k].number)
				fail_msg("%s and %s", messages[i].name, messages[k].name);
	}
}

static void test_paths_of_doors(void **state UNUSED)
{
	for (int i = 0; i < IPC_DOOR_COUNT; i++) {
		const char *path = ipc_door_path((enum ipc_door)i);

		for (int k = 0; path && k < i; k++)
			if (ipc_door_path((enum ipc_door)k))
				assert_string_not_equal(path, ipc_door_path((enum ipc_door)k));
		assert_true(!path || (path[0] != '/' && strlen(path) < 108));
	}
	assert_null(ipc_door_path(IPC_DOOR_DELIVER));
	assert_string_equal(ipc_door_path(IPC_DOOR_ADMIN), "run/queued/admin");
}

static void test_printing_escapes_and_names_everything(void **state UNUSED)
{
	struct buf text;

	buf_init(&text, 100 * LIMIT_IPC);
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct ipc_msg m = make(messages[i].type, true);

		buf_reset(&text);
		ipc_print(&m, &text);
		assert_true(buf_ok(&text));
		assert_true(span_is_ascii(buf_span(&text)));
		assert_false(span_has_ctl(buf_span(&text)));
		buf_byte(&text, '\0');
		assert_ptr_equal(strstr((const char *)text.p, messages[i].name), text.p);
		for (size_t k = 0; k < messages[i].part_count; k++) {
			char field[64];

			snprintf(field, sizeof(field), " %s", messages[i].parts[k].name);
			assert_non_null(strstr((const char *)text.p, field));
		}
	}
	struct ipc_msg m = {.type = IPC_DONE, .done = {.code = 64, .text = SPAN_LIT("a b\\\n")}};
	buf_reset(&text);
	ipc_print(&m, &text);
	assert_true(span_eq_str(buf_span(&text), "done code=64 text=a\\x20b\\x5c\\x0a"));
	buf_done(&text);
}

static int setup(void **state UNUSED)
{
	buf_init(&packet, ROOM);
	return 0;
}

static int teardown(void **state UNUSED)
{
	buf_done(&packet);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_message_round_trips),
		cmocka_unit_test(test_every_truncation_and_one_byte_more_are_refused),
		cmocka_unit_test(test_other_versions_and_numbers_are_refused),
		cmocka_unit_test(test_a_field_above_its_maximum_is_refused),
		cmocka_unit_test(test_every_message_at_its_maximum_is_below_the_limit),
		cmocka_unit_test(test_each_message_has_one_sender_at_one_door),
		cmocka_unit_test(test_the_edges_that_matter_most),
		cmocka_unit_test(test_unknown_numbers_are_nobodys),
		cmocka_unit_test(test_numbers_are_distinct_and_fit_one_byte),
		cmocka_unit_test(test_paths_of_doors),
		cmocka_unit_test(test_printing_escapes_and_names_everything),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
