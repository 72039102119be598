#include "common/spool/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

/* All lines in the order of the encoder; tests leave out, repeat and change them. */
static const char *const lines[] = {
	"v=1",
	"id=0193a1b2c3d4e5f60718293a4b5c6d7e",
	"class=outgoing",
	"server=3",
	"credential=5",
	"sender=a@b.example",
	"domain=b.example",
	"client=192.0.2.1",
	"helo=laptop",
	"tls=TLSv1.3%20TLS_AES_256_GCM_SHA384",
	"received=1763923472123",
	"tag=welcome%20mail",
	"stream=newsletter",
	"metadata={\"order\":\"17\"}",
	"idempotency=order-17",
	"track=2",
	"expires=1763924072123",
	"digest=0000000000000000000000000000000000000000000000000000000000000007",
	"rcpt=4001:bob@c.example",
	"rcpt=4005:Carol@d.example",
};

static struct addr addr_of(const char *s)
{
	struct addr a = {.n = 0};

	assert_true(!*s || addr_parse(span_str(s), &a) == 0);
	return a;
}

static char metadata[] = "{\"order\":\"17\"}";

static struct envelope filled(struct envelope_rcpt rcpts[2])
{
	struct envelope e = {.server = 3, .credential = 5, .received = {1763923472123}};

	rcpts[0] = (struct envelope_rcpt){4001, addr_of("bob@c.example")};
	rcpts[1] = (struct envelope_rcpt){4005, addr_of("Carol@D.example")};
	e.rcpts = rcpts;
	e.rcpt_count = 2;
	e.sender = addr_of("a@b.example");
	assert_int_equal(qid_parse(SPAN_LIT("0193a1b2c3d4e5f60718293a4b5c6d7e"), &e.id), 0);
	assert_int_equal(domain_parse(SPAN_LIT("b.example"), &e.domain), 0);
	snprintf(e.client, sizeof(e.client), "192.0.2.1");
	snprintf(e.helo, sizeof(e.helo), "laptop");
	snprintf(e.tls, sizeof(e.tls), "TLSv1.3 TLS_AES_256_GCM_SHA384");
	snprintf(e.options.tag, sizeof(e.options.tag), "welcome mail");
	snprintf(e.options.stream, sizeof(e.options.stream), "newsletter");
	e.options.metadata = metadata;
	snprintf(e.options.idempotency, sizeof(e.options.idempotency), "order-17");
	e.options.track = TRACK_OPENS;
	e.options.expires.ms = 1763924072123;
	e.has_digest = true;
	e.digest[ENVELOPE_DIGEST_SIZE - 1] = 7;
	return e;
}

static void check_equal_options(const struct envelope *a, const struct envelope *b)
{
	assert_string_equal(a->options.tag, b->options.tag);
	assert_string_equal(a->options.stream, b->options.stream);
	assert_string_equal(a->options.metadata ? a->options.metadata : "",
			    b->options.metadata ? b->options.metadata : "");
	assert_string_equal(a->options.idempotency, b->options.idempotency);
	assert_int_equal(a->options.track, b->options.track);
	assert_int_equal(a->options.expires.ms, b->options.expires.ms);
	assert_int_equal(a->has_digest, b->has_digest);
	assert_memory_equal(a->digest, b->digest, sizeof(a->digest));
}

static void check_equal(const struct envelope *a, const struct envelope *b)
{
	assert_string_equal(a->id.s, b->id.s);
	assert_int_equal(a->class, b->class);
	assert_int_equal(a->server, b->server);
	assert_int_equal(a->credential, b->credential);
	assert_true(span_eq(addr_span(&a->sender), addr_span(&b->sender)));
	assert_true(span_eq(domain_span(&a->domain), domain_span(&b->domain)));
	assert_string_equal(a->client, b->client);
	assert_string_equal(a->helo, b->helo);
	assert_string_equal(a->tls, b->tls);
	assert_int_equal(a->received.ms, b->received.ms);
	check_equal_options(a, b);
	assert_int_equal(a->rcpt_count, b->rcpt_count);
	for (size_t i = 0; i < a->rcpt_count; i++) {
		assert_int_equal(a->rcpts[i].copy, b->rcpts[i].copy);
		assert_true(span_eq(addr_span(&a->rcpts[i].addr), addr_span(&b->rcpts[i].addr)));
	}
}

/* Encodes, decodes, compares; in text what was written. */
static void check_round_trip(const struct envelope *e, struct buf *text)
{
	struct envelope back;
	const char *why = "?";

	buf_reset(text);
	envelope_encode(e, text);
	assert_true(buf_ok(text));
	if (envelope_decode(buf_span(text), &back, &why) != 0)
		fail_msg("%s: %.*s", why, SPAN_FMT(buf_span(text)));
	assert_null(why);
	check_equal(e, &back);
	envelope_done(&back);
	assert_null(back.rcpts);
}

static void test_what_is_written(void **state UNUSED)
{
	struct envelope_rcpt rcpts[2];
	struct envelope e = filled(rcpts);
	struct buf text, want;

	buf_init(&text, LIMIT_ENVELOPE);
	buf_init(&want, LIMIT_ENVELOPE);
	check_round_trip(&e, &text);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		buf_fmt(&want, "%s\n", lines[i]);
	buf_byte(&want, '\n');
	assert_true(span_eq(buf_span(&text), buf_span(&want)));
	buf_done(&text);
	buf_done(&want);
}

static void test_what_may_be_empty(void **state UNUSED)
{
	struct envelope_rcpt rcpts[2];
	struct envelope e = filled(rcpts);
	struct buf text;

	buf_init(&text, LIMIT_ENVELOPE);
	e.sender = (struct addr){.n = 0};
	e.domain = (struct domain){.n = 0};
	e.client[0] = e.helo[0] = e.tls[0] = '\0';
	e.server = e.credential = 0;
	e.received.ms = 0;
	e.options = (struct options){.tag = ""};
	e.has_digest = false;
	memset(e.digest, 0, sizeof(e.digest));
	e.rcpt_count = 1;
	check_round_trip(&e, &text);
	buf_done(&text);
}

static size_t count(struct span s, uint8_t c)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == c;
	return n;
}

/* Whatever octets a client sent: the same come back, and no line more is begun. */
static void test_every_octet_in_helo_and_tls(void **state UNUSED)
{
	struct envelope_rcpt rcpts[2];
	struct buf text;

	buf_init(&text, LIMIT_ENVELOPE);
	for (unsigned v = 1; v < 256; v++) {
		struct envelope e = filled(rcpts);
		char c = (char)v;

		snprintf(e.helo, sizeof(e.helo), "%c%crcpt=8:x@y.z%c%c", c, c, c, c);
		snprintf(e.tls, sizeof(e.tls), "a%cb%c", c, c);
		snprintf(e.client, sizeof(e.client), "%c", c);
		check_round_trip(&e, &text);
		assert_int_equal(count(buf_span(&text), '\n'), ARRAY_LEN(lines) + 1);
		for (size_t i = 0; i < text.n; i++)
			assert_true(text.p[i] == '\n' || (text.p[i] > ' ' && text.p[i] < 0x7f));
	}
	buf_done(&text);
}

static void test_the_longest_values(void **state UNUSED)
{
	struct envelope_rcpt rcpts[2];
	struct envelope e = filled(rcpts);
	struct buf text;

	buf_init(&text, LIMIT_ENVELOPE);
	memset(e.client, '%', sizeof(e.client) - 1);
	memset(e.helo, '\xff', sizeof(e.helo) - 1);
	memset(e.tls, '\n', sizeof(e.tls) - 1);
	e.server = e.credential = INT64_MAX;
	e.received.ms = INT64_MAX;
	rcpts[0].copy = (UINT64_C(1) << 53) - 1;
	check_round_trip(&e, &text);
	buf_done(&text);
}

/* The longest local part, of bytes that are escaped, and the longest domain. */
static struct addr longest_addr(void)
{
	char text[LIMIT_ADDR + 1];
	size_t n = 0;

	while (n < LIMIT_LOCAL_PART)
		text[n++] = '%';
	text[n++] = '@';
	for (size_t i = 0; i < 253; i++)
		text[n++] = i % 64 == 63 ? '.' : 'd';
	text[n] = '\0';
	return addr_of(text);
}

static void test_as_many_recipients_as_there_may_be_fit(void **state UNUSED)
{
	struct envelope_rcpt two[2];
	struct envelope e = filled(two), back;
	struct buf text;
	const char *why;

	buf_init(&text, LIMIT_ENVELOPE);
	e.rcpts = mem_alloc((LIMIT_RCPTS + 1) * sizeof(*e.rcpts));
	for (size_t i = 0; i <= LIMIT_RCPTS; i++)
		e.rcpts[i] = (struct envelope_rcpt){(UINT64_C(1) << 53) - 1 - i, longest_addr()};
	e.rcpt_count = LIMIT_RCPTS;
	check_round_trip(&e, &text);
	e.rcpt_count++;
	buf_reset(&text);
	envelope_encode(&e, &text);
	assert_int_equal(envelope_decode(buf_span(&text), &back, &why), -EBADMSG);
	mem_free(e.rcpts);
	buf_done(&text);
}

/* The text with line `at` replaced (NULL: left out), decoded; -EBADMSG's reason. */
static const char *refusal(size_t at, const char *instead)
{
	struct envelope e = {.server = 4711};
	const char *why = NULL;
	struct buf text;

	buf_init(&text, LIMIT_ENVELOPE);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (i != at)
			buf_fmt(&text, "%s\n", lines[i]);
		else if (instead)
			buf_fmt(&text, "%s\n", instead);
	buf_byte(&text, '\n');
	if (envelope_decode(buf_span(&text), &e, &why) == 0) {
		envelope_done(&e);
		why = NULL;
	} else {
		assert_int_equal(e.server, 4711);
		assert_non_null(why);
	}
	buf_done(&text);
	return why;
}

enum {
	V,
	ID,
	CLASS,
	SERVER,
	CREDENTIAL,
	SENDER,
	DOMAIN,
	CLIENT,
	HELO,
	TLS,
	RECEIVED,
	TAG,
	STREAM,
	METADATA,
	IDEMPOTENCY,
	TRACK,
	EXPIRES,
	DIGEST,
	RCPT
};

static const char value[] = "a value that is none";

static const struct {
	size_t line;
	const char *instead, *why;
} changes[] = {
	{V, "v=1", NULL},
	{V, "v=2", value},
	{V, "v=", value},
	{V, "v=01", value},
	{V, "w=1", "an unknown key"},
	{V, "V=1", "an unknown key"},
	{V, "=1", "an unknown key"},
	{V, "v", "a line without an equals sign"},
	{V, "", "a line without an equals sign"},
	{V, " v=1", "an unknown key"},
	{V, "v=1 ", value},
	{V, "v=1\r", value},
	{V, "v=1\nv=1", "a key twice"},
	{ID, "id=0193a1b2c3d4e5f60718293a4b5c6d7", value},
	{ID, "id=0193a1b2c3d4e5f60718293a4b5c6d7e0", value},
	{ID, "id=0193A1B2C3D4E5F60718293A4B5C6D7E", value},
	{ID, "id=../../../../../../../../etc/pass", value},
	{CLASS, "class=incoming", value},
	{CLASS, "class=", value},
	{SERVER, "server=-1", value},
	{SERVER, "server=9223372036854775807", NULL},
	{SERVER, "server=9223372036854775808", value},
	{CREDENTIAL, "credential=x", value},
	{SENDER, "sender=", NULL},
	{SENDER, "sender=ab.example", value},
	{SENDER, "sender=a@b.example,c@d.example", value},
	{SENDER, "sender=a%0A@b.example", value},
	{SENDER, "sender=a@b.example\nsender=a@b.example", "a key twice"},
	{DOMAIN, "domain=", NULL},
	{DOMAIN, "domain=b..example", value},
	{DOMAIN, "domain=a@b.example", value},
	{CLIENT, "client=12345678901234567890123456789012345678901234567", NULL},
	{CLIENT, "client=123456789012345678901234567890123456789012345678", value},
	{HELO, "helo=a=b", NULL},
	{HELO, "helo=%41", NULL},
	{HELO, "helo=%0a", NULL},
	{HELO, "helo=%", value},
	{HELO, "helo=%4", value},
	{HELO, "helo=%zz", value},
	{HELO, "helo=%%20", value},
	{HELO, "helo=%00", value},
	{HELO, "helo=a b", value},
	{HELO, "helo=a\tb", value},
	{HELO, "helo=a\x7f", value},
	{HELO, "helo=a\xc3\xbc", value},
	{TLS, "tls=", NULL},
	{TLS, "Tls=", "an unknown key"},
	{RECEIVED, "received=9223372036854775808", value},
	{RECEIVED, "received=-1", value},
	{RECEIVED, "received=", value},
	{TAG, "tag=", value},
	{TAG, "tag=a%00b", value},
	{STREAM, "stream=", value},
	{METADATA, "metadata=", value},
	{METADATA, "metadata=a%00b", value},
	{IDEMPOTENCY, "idempotency=", value},
	{TRACK, "track=0", value},
	{TRACK, "track=8", value},
	{EXPIRES, "expires=0", value},
	{EXPIRES, "expires=-1", value},
	{DIGEST, "digest=00", value},
	{DIGEST, "digest=", value},
	{RCPT, "rcpt=4001", value},
	{RCPT, "rcpt=:bob@c.example", value},
	{RCPT, "rcpt=4001:", value},
	{RCPT, "rcpt=4001:<bob@c.example>", value},
	{RCPT, "rcpt=0:bob@c.example", NULL},
	{RCPT, "rcpt=9007199254740991:bob@c.example", NULL},
	{RCPT, "rcpt=9007199254740992:bob@c.example", value}, /* 2^53 */
	{RCPT, "rcpt=4001:bob@c.example\nrcpt=4009:eve@e.example", NULL},
	{RCPT, "rcpt=4001:bob@c.example\n\nrcpt=4009:eve@e.example",
	 "a line without an equals sign"},
};

static void test_changed_lines(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		const char *why = refusal(changes[i].line, changes[i].instead);

		if ((why == NULL) != (changes[i].why == NULL) ||
		    (why && strcmp(why, changes[i].why) != 0))
			fail_msg("%s: %s", changes[i].instead, why ? why : "accepted");
	}
}

static void test_each_key_must_be_there_and_but_recipients_once(void **state UNUSED)
{
	for (size_t i = 0; i < RCPT; i++) {
		char twice[256];

		snprintf(twice, sizeof(twice), "%s\n%s", lines[i], lines[i]);
		assert_string_equal(refusal(i, twice), "a key twice");
		if (i < TAG)
			assert_string_equal(refusal(i, NULL), "a key missing");
		else
			assert_null(refusal(i, NULL));
	}
	assert_null(refusal(RCPT, NULL)); /* the other one is left */
}

static void test_the_end(void **state UNUSED)
{
	struct envelope_rcpt rcpts[2];
	struct envelope e = filled(rcpts), back;
	struct buf text;
	const char *why;

	buf_init(&text, LIMIT_ENVELOPE);
	envelope_encode(&e, &text);
	for (size_t n = 0; n < text.n; n++)
		assert_int_equal(envelope_decode(span_head(buf_span(&text), n), &back, &why),
				 -EBADMSG);
	assert_int_equal(envelope_decode(span_head(buf_span(&text), text.n - 1), &back, &why),
			 -EBADMSG);
	assert_string_equal(why, "no empty line at the end");
	buf_byte(&text, '\n');
	assert_int_equal(envelope_decode(buf_span(&text), &back, &why), -EBADMSG);
	buf_str(&text, "Subject: the message\r\n\r\n");
	assert_int_equal(envelope_decode(buf_span(&text), &back, &why), -EBADMSG);
	assert_int_equal(envelope_decode(SPAN_LIT("\n\n"), &back, &why), -EBADMSG);
	assert_int_equal(envelope_decode(SPAN_LIT("rcpt=1:a@b.example\n\n"), &back, &why),
			 -EBADMSG);
	assert_string_equal(why, "a key missing");
	buf_done(&text);
}

/* One bit more or less gives another envelope or none, and harms nothing. */
static void test_flipped_bits_give_an_error_or_a_valid_envelope(void **state UNUSED)
{
	struct envelope_rcpt rcpts[2];
	struct envelope e = filled(rcpts), back;
	struct buf text;
	const char *why;

	buf_init(&text, LIMIT_ENVELOPE);
	envelope_encode(&e, &text);
	for (size_t i = 0; i < 8 * text.n; i++) {
		text.p[i / 8] ^= (uint8_t)(1 << i % 8);
		int err = envelope_decode(buf_span(&text), &back, &why);
		text.p[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_true(err == -EBADMSG || (err == 0 && back.rcpt_count == 2));
		assert_int_equal(why == NULL, err == 0);
		if (!err)
			envelope_done(&back);
	}
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written),
		cmocka_unit_test(test_what_may_be_empty),
		cmocka_unit_test(test_every_octet_in_helo_and_tls),
		cmocka_unit_test(test_the_longest_values),
		cmocka_unit_test(test_as_many_recipients_as_there_may_be_fit),
		cmocka_unit_test(test_changed_lines),
		cmocka_unit_test(test_each_key_must_be_there_and_but_recipients_once),
		cmocka_unit_test(test_the_end),
		cmocka_unit_test(test_flipped_bits_give_an_error_or_a_valid_envelope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
