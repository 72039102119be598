#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log_rate.h"
#include "common/utf8.h"

enum { LINE_MAX = 8192, VALUE_MAX = 2048 };

static struct {
	int file, was;
	char text[4 * LINE_MAX];
} caught;

static void catch_begin(void)
{
	caught.file = memfd_create("log", MFD_CLOEXEC);
	caught.was = dup(STDERR_FILENO);
	must(caught.file >= 0 && caught.was >= 0 && dup2(caught.file, STDERR_FILENO) >= 0);
}

/* What was written to stderr since catch_begin(). */
static struct span catch_end(void)
{
	must(dup2(caught.was, STDERR_FILENO) >= 0);
	ssize_t n = pread(caught.file, caught.text, sizeof(caught.text), 0);
	must(n >= 0 && (size_t)n < sizeof(caught.text));
	fd_close(&caught.file);
	fd_close(&caught.was);
	return span_of(caught.text, (size_t)n);
}

/* The line without what stands before its event, and without its end. */
static struct span record_of(struct span line)
{
	char head[64];
	size_t at = sizeof("2026-11-23T18:44:32.123Z") - 1;

	assert_true(line.n > at && line.p[line.n - 1] == '\n');
	assert_int_equal(span_find(line, '\n'), line.n - 1);
	for (size_t i = 0; i < at; i++)
		assert_int_equal(ascii_digit(line.p[i]),
				 ascii_digit((uint8_t) "2026-11-23T18:44:32.123Z"[i]));
	line = span_head(span_from(line, at), line.n - at - 1);
	snprintf(head, sizeof(head), " unit[%d]: info ", (int)getpid());
	assert_true(span_eq_str(span_head(line, strlen(head)), head));
	return span_from(line, strlen(head));
}

static const struct {
	const char *name;
	struct span value;
	const char *written;
} values[] = {
	{"plain", SPAN_LIT("a@b.example"), "a@b.example"},
	{"nothing", SPAN_LIT(""), "\"\""},
	{"a space", SPAN_LIT("a b"), "\"a b\""},
	{"a quote", SPAN_LIT("a\"b"), "\"a\\\"b\""},
	{"a backslash", SPAN_LIT("a\\b"), "\"a\\\\b\""},
	{"an equals sign", SPAN_LIT("a=b"), "\"a=b\""},
	{"line ends", SPAN_LIT("a\r\nb"), "\"a\\x0d\\x0ab\""},
	{"NUL", SPAN_LIT("\0"), "\"\\x00\""},
	{"delete", SPAN_LIT("\x7f"), "\"\\x7f\""},
	{"UTF-8", SPAN_LIT("\xc3\xbc"), "\"\xc3\xbc\""},
	{"Latin-1", SPAN_LIT("\xfc"), "\"\\xfc\""},
	{"an overlong line end", SPAN_LIT("\xc0\x8a"), "\"\\xc0\\x8a\""},
	{"the colour of a terminal", SPAN_LIT("\x1b[1m"), "\"\\x1b[1m\""},
};

static void test_values(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		char want[64];

		snprintf(want, sizeof(want), "tried v=%s end=1", values[i].written);
		catch_begin();
		LOG(LOG_INFO, "tried", KB("v", values[i].value), KI("end", 1));
		struct span got = record_of(catch_end());
		if (!span_eq_str(got, want))
			fail_msg("%s: %.*s", values[i].name, SPAN_FMT(got));
	}
}

static void test_numbers_and_errors(void **state UNUSED)
{
	catch_begin();
	LOG(LOG_INFO, "tried", KI("i", INT64_MIN), KU("u", UINT64_MAX), KS("none", NULL),
	    KERR(-ENOENT), KERR(ENOENT));
	assert_true(span_eq_str(record_of(catch_end()),
				"tried i=-9223372036854775808 u=18446744073709551615 none=\"\" "
				"error=\"No such file or directory\" "
				"error=\"No such file or directory\""));
	catch_begin();
	LOG(LOG_INFO, "tried");
	assert_true(span_eq_str(record_of(catch_end()), "tried"));
}

/* The end of the value that s begins with, as the head of log.h describes values. */
static size_t value_end(struct span s)
{
	bool quoted = s.n && s.p[0] == '"';
	size_t i = quoted;

	for (; i < s.n; i++) {
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == (quoted ? '"' : ' '))
			return i + quoted;
	}
	return quoted ? SIZE_MAX : i;
}

static void check_one_value(struct span value)
{
	catch_begin();
	LOG(LOG_INFO, "tried", KB("v", value), KS("end", "1"));
	struct span rest = record_of(catch_end());

	assert_true(span_eq_str(span_head(rest, 8), "tried v="));
	assert_true(utf8_valid(rest));
	assert_false(span_has_ctl(rest));
	rest = span_from(rest, 8);
	assert_true(span_eq_str(span_from(rest, value_end(rest)), " end=1"));
}

static void test_no_two_octets_begin_a_line_or_a_key(void **state UNUSED)
{
	for (unsigned v = 0; v<0x10000; v += v % 256> 0x30 ? 7 : 1) {
		uint8_t s[6] = {'x', (uint8_t)(v >> 8), (uint8_t)v, 'k', '=', 'v'};

		check_one_value(span_of(s + 1, 2));
		check_one_value(span_of(s, 3));
		check_one_value(span_of(s, sizeof(s)));
	}
}

static const char *const units[] = {
	"x", "\n", "\"", "\xff", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};

static struct span filled(struct buf *b, const char *unit, size_t shift, size_t size)
{
	buf_reset(b);
	buf_fmt(b, "%.*s", (int)shift, "=======");
	while (b->n < size)
		buf_str(b, unit);
	return buf_span(b);
}

static void test_a_long_line_is_cut_and_ended(void **state UNUSED)
{
	struct buf b;

	buf_init(&b, 2 * VALUE_MAX);
	for (size_t u = 0; u < ARRAY_LEN(units); u++)
		for (size_t shift = 0; shift < 8; shift++) {
			struct span v = filled(&b, units[u], shift, VALUE_MAX);

			catch_begin();
			LOG(LOG_INFO, "tried", KB("a", v), KB("b", v), KB("c", v), KB("d", v),
			    KB("e", v), KB("f", v));
			struct span line = catch_end();
			assert_in_range(line.n, LINE_MAX - VALUE_MAX, LINE_MAX);
			struct span rest = record_of(line);
			if (!utf8_valid(rest))
				fail_msg("unit %zu, shift %zu: a character is cut", u, shift);
			assert_false(span_has_ctl(rest));
		}
	buf_done(&b);
}

static void test_a_long_value_is_cut_and_the_next_is_seen(void **state UNUSED)
{
	struct buf b;

	buf_init(&b, 2 * VALUE_MAX);
	for (size_t u = 0; u < ARRAY_LEN(units); u++)
		if (units[u][0] != '\n' && units[u][0] != '\xff')
			for (size_t shift = 0; shift < 4; shift++)
				check_one_value(filled(&b, units[u], shift, 2 * VALUE_MAX - 8));
	catch_begin();
	LOG(LOG_INFO, "tried", KB("v", filled(&b, "x", 0, VALUE_MAX + 1)));
	assert_int_equal(record_of(catch_end()).n, strlen("tried v=") + VALUE_MAX);
	buf_done(&b);
}

static void test_levels(void **state UNUSED)
{
	for (int set = LOG_ALERT; set <= LOG_DEBUG; set++)
		for (int used = LOG_ALERT; used <= LOG_DEBUG; used++) {
			log_level_set((enum log_level)set);
			catch_begin();
			LOG((enum log_level)used, "tried");
			assert_int_equal(catch_end().n > 0, used <= set);
		}
	log_level_set(LOG_INFO);
}

static unsigned lines_of(const char *event, const char *key, unsigned times)
{
	unsigned n = 0;
	struct span text;

	catch_begin();
	for (unsigned i = 0; i < times; i++)
		LOG_RATED(LOG_INFO, event, key, KS("client", key));
	for (text = catch_end(); text.n; n++)
		span_cut(&text, '\n');
	return n;
}

static void test_rated_lines_are_limited_by_client_and_the_first_is_written(void **state UNUSED)
{
	assert_int_equal(lines_of("rated-a", "192.0.2.1", 50), LOG_RATE_KEY);
	assert_int_equal(lines_of("rated-a", "192.0.2.2", 1), 1);
	assert_int_equal(lines_of("rated-b", "192.0.2.1", 1), 1);
}

static void test_the_addresses_of_an_ipv6_network_are_one_client(void **state UNUSED)
{
	unsigned n = lines_of("rated-c", "2001:db8::1", 1);
	char ip[64];

	for (unsigned i = 0; i < 50; i++) {
		snprintf(ip, sizeof(ip), "2001:db8::%x:1", i);
		n += lines_of("rated-c", ip, 1);
	}
	assert_int_equal(n, LOG_RATE_KEY);
	assert_int_equal(lines_of("rated-c", "2001:db8:0:1::1", 1), 1);
	assert_int_equal(lines_of("rated-c", "::ffff:192.0.2.1", 1), 1);
	assert_int_equal(lines_of("rated-c", "::ffff:192.0.2.2", 1), 1);
}

static void test_errno_is_kept_when_nothing_can_be_written(void **state UNUSED)
{
	catch_begin();
	close(STDERR_FILENO);
	errno = ENOTTY;
	LOG(LOG_INFO, "tried");
	int after = errno;
	assert_int_equal(catch_end().n, 0);
	assert_int_equal(after, ENOTTY);
}

static int setup(void **state UNUSED)
{
	log_init("unit", LOG_INFO);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_numbers_and_errors),
		cmocka_unit_test(test_no_two_octets_begin_a_line_or_a_key),
		cmocka_unit_test(test_a_long_line_is_cut_and_ended),
		cmocka_unit_test(test_a_long_value_is_cut_and_the_next_is_seen),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_rated_lines_are_limited_by_client_and_the_first_is_written),
		cmocka_unit_test(test_the_addresses_of_an_ipv6_network_are_one_client),
		cmocka_unit_test(test_errno_is_kept_when_nothing_can_be_written),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
