/*
 * event_test.c - every event of event.def, filled by the preprocessor, read back by jansson.
 */
#include "common/ipc/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <jansson.h>

#include "common/utf8.h"

/* The text that the next filled fields get. */
static struct span text_now;
static uint64_t uint_now;

#define EVENT(name, NAME, number, doc, ...)             \
	static void fill_##name(struct event_##name *e) \
	{                                               \
		__VA_ARGS__                             \
	}
#define EV_TEXT(f, doc) e->f = text_now;
#define EV_UINT(f, doc) e->f = uint_now;
#define EV_BOOL(f, doc) e->f = uint_now & 1;
#include "common/ipc/event.def"

struct field {
	const char *name;
	enum { FIELD_TEXT, FIELD_UINT, FIELD_BOOL } kind;
};

#define EVENT(name, NAME, number, doc, ...) \
	static const struct field fields_##name[] = {__VA_ARGS__};
#define EV_TEXT(f, doc) {#f, FIELD_TEXT},
#define EV_UINT(f, doc) {#f, FIELD_UINT},
#define EV_BOOL(f, doc) {#f, FIELD_BOOL},
#include "common/ipc/event.def"

static const struct kind {
	const char *name;
	enum event_type type;
	const char *doc;
	const struct field *fields;
	size_t field_count;
} kinds[] = {
#define EVENT(name, NAME, number, doc, ...) \
	{#name, EVENT_##NAME, doc, fields_##name, ARRAY_LEN(fields_##name)},
#define EV_TEXT(...)
#define EV_UINT(...)
#define EV_BOOL(...)
#include "common/ipc/event.def"
};

static struct event make(enum event_type type)
{
	struct event e;

	memset(&e, 0, sizeof(e));
	e.type = type;
	switch (type) {
#define EVENT(name, NAME, ...)        \
	case EVENT_##NAME:            \
		fill_##name(&e.name); \
		break;
#define EV_TEXT(...)
#define EV_UINT(...)
#define EV_BOOL(...)
#include "common/ipc/event.def"
	}
	return e;
}

static json_t *parsed(const struct event *e)
{
	struct buf b;
	json_error_t error;
	json_t *root;

	buf_init(&b, EVENT_JSON_MAX);
	event_json(e, &b);
	if (!buf_ok(&b))
		fail_msg("%s: more than EVENT_JSON_MAX", event_name(e->type));
	assert_true(utf8_valid(buf_span(&b)));
	assert_false(span_has_ctl(buf_span(&b)));
	root = json_loadb((const char *)b.p, b.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (!root)
		fail_msg("%s: %s: %.*s", event_name(e->type), error.text, SPAN_FMT(buf_span(&b)));
	buf_done(&b);
	return root;
}

static void check_field(const struct field *f, const json_t *v, struct span text)
{
	switch (f->kind) {
	case FIELD_TEXT:
		assert_true(json_is_string(v));
		assert_true(span_eq(span_of(json_string_value(v), json_string_length(v)), text));
		break;
	case FIELD_UINT:
		assert_true(json_is_integer(v));
		assert_int_equal(json_integer_value(v), uint_now);
		break;
	case FIELD_BOOL:
		assert_true(json_is_boolean(v));
		assert_int_equal(json_is_true(v), uint_now & 1);
		break;
	}
}

/* The object has the fields of event.def, all of them, in their order, and no other. */
static void check_event(const struct kind *k, struct span text)
{
	struct event e = make(k->type);
	json_t *root = parsed(&e);
	void *at = json_object_iter(root);

	assert_int_equal(json_object_size(root), k->field_count);
	for (size_t i = 0; i < k->field_count; i++) {
		assert_non_null(at);
		assert_string_equal(json_object_iter_key(at), k->fields[i].name);
		check_field(&k->fields[i], json_object_iter_value(at), text);
		at = json_object_iter_next(root, at);
	}
	json_decref(root);
}

static const struct {
	const char *name;
	struct span in, out;
} texts[] = {
	{"empty", SPAN_LIT(""), SPAN_LIT("")},
	{"plain", SPAN_LIT("250 2.0.0 ok"), SPAN_LIT("250 2.0.0 ok")},
	{"an end of the string", SPAN_LIT("\"}\\\",{"), SPAN_LIT("\"}\\\",{")},
	{"control characters", SPAN_LIT("\0\1\b\t\r\n\x1b\x1f\x7f"),
	 SPAN_LIT("\0\1\b\t\r\n\x1b\x1f\x7f")},
	{"UTF-8", SPAN_LIT("\xc3\xbc\xf0\x9f\x98\x80\xe2\x80\xa8"),
	 SPAN_LIT("\xc3\xbc\xf0\x9f\x98\x80\xe2\x80\xa8")},
	{"Latin-1", SPAN_LIT("\xfc."), SPAN_LIT("\xef\xbf\xbd.")},
	{"a surrogate", SPAN_LIT("\xed\xa0\x80"), SPAN_LIT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")},
	{"an overlong quote", SPAN_LIT("\xc0\xa2"), SPAN_LIT("\xef\xbf\xbd\xef\xbf\xbd")},
	{"half a character", SPAN_LIT("a\xe2\x82"), SPAN_LIT("a\xef\xbf\xbd\xef\xbf\xbd")},
};
static const uint64_t uints[] = {0, 1, 1763923472123, INT64_MAX};

static void test_every_event_is_read_as_it_was_written(void **state UNUSED)
{
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t i = 0; i < ARRAY_LEN(texts); i++)
			for (size_t u = 0; u < ARRAY_LEN(uints); u++) {
				text_now = texts[i].in;
				uint_now = uints[u];
				check_event(&kinds[k], texts[i].out);
			}
}

/* All that a RESULT may bring, from event fields of the same names, and the other origins. */
static size_t text_max(const char *field)
{
	static const struct {
		const char *field;
		size_t max;
	} maxima[] = {
#define IPC_DOOR(...)
#define IPC_MSG(name, NAME, number, door, sender, fd, ...) __VA_ARGS__
#define IPC_U8(f)
#define IPC_U16(f)
#define IPC_U32(f)
#define IPC_U64(f)
#define IPC_SPAN(f, m) {#f, m},
#define IPC_SPANS(f, items, m)
#define IPC_U64S(f, items)
#include "common/ipc/ipc.def"
		{"from", 320},	{"client", 47},	 {"helo", 255}, {"reason", 4096},
		{"last", 4096}, {"detail", 512}, {"what", 32},
	};
	size_t max = 0;

	for (size_t i = 0; i < ARRAY_LEN(maxima); i++)
		if (strcmp(maxima[i].field, field) == 0 && maxima[i].max > max)
			max = maxima[i].max;
	if (!max)
		fail_msg("%s: how long may it be?", field);
	return max;
}

/* Else queued would end for what a remote server or a worker said. */
static void test_every_event_at_its_largest_fits(void **state UNUSED)
{
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		size_t n = 2;

		for (size_t i = 0; i < kinds[k].field_count; i++) {
			const struct field *f = &kinds[k].fields[i];

			n += strlen(f->name) + sizeof("\"\":\"\",") - 1;
			n += f->kind == FIELD_TEXT ? 6 * text_max(f->name) : 20;
		}
		if (n > EVENT_JSON_MAX)
			fail_msg("%s: %zu bytes", kinds[k].name, n);
	}
}

static void test_names_and_numbers_are_told(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		assert_string_equal(event_name(kinds[i].type), kinds[i].name);
		assert_string_equal(event_doc(kinds[i].type), kinds[i].doc);
		assert_true(strlen(kinds[i].doc) > 0);
		for (size_t k = 0; k < i; k++) {
			assert_int_not_equal(kinds[i].type, kinds[k].type);
			assert_string_not_equal(kinds[i].name, kinds[k].name);
		}
	}
}

static const uint64_t unknown[] = {0, 255, 1 << 20, UINT64_MAX};

static void test_unknown_numbers_have_a_question_mark(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		assert_string_equal(event_name(unknown[i]), "?");
		assert_string_equal(event_doc(unknown[i]), "");
	}
}

/* They are stored. */
static const struct {
	uint64_t number;
	const char *name;
} fixed[] = {
	{1, "accepted"}, {2, "delivered"},   {3, "deferred"},  {4, "failed"},	{8, "held"},
	{9, "released"}, {10, "suppressed"}, {11, "delayed"},  {12, "warning"}, {13, "retried"},
	{5, "expired"},	 {6, "corrupt"},     {7, "cancelled"},
};

static void test_numbers_are_fixed(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		assert_string_equal(event_name(fixed[i].number), fixed[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_event_is_read_as_it_was_written),
		cmocka_unit_test(test_every_event_at_its_largest_fits),
		cmocka_unit_test(test_names_and_numbers_are_told),
		cmocka_unit_test(test_unknown_numbers_have_a_question_mark),
		cmocka_unit_test(test_numbers_are_fixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
