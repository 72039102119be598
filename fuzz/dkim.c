/*
 * dkim.c (fuzz) - the first two bytes cut the message into pieces: the body's hash must not depend
 * on them, and a field is built from any header section and finished.
 */
#include "common/mail/header.h"
#include "deliverd/dkim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hash(struct span body, size_t step, uint8_t out[DKIM_HASH_SIZE])
{
	struct dkim_body b;

	dkim_body_init(&b);
	for (; body.n > 0; body = span_from(body, size_min(step, body.n)))
		dkim_body_add(&b, span_head(body, step));
	dkim_body_done(&b, out);
}

/* The lines of a field that is done: folded, never empty, ended. */
static void check_field(struct span field)
{
	must(field.n > 2 && field.p[field.n - 1] == '\n');
	while (field.n > 0) {
		size_t lf = span_find(field, '\n');

		must(lf >= 2 && lf < field.n && field.p[lf - 1] == '\r');
		field = span_from(field, lf + 1);
		must(field.n == 0 || field.p[0] == ' ');
	}
}

static void sign(struct span header, const uint8_t body_hash[DKIM_HASH_SIZE])
{
	uint8_t got[DKIM_HASH_SIZE], signature[256] = {0};
	struct header_field unused;
	struct signkey key;
	struct buf field;
	int err;

	must(signkey_parse(SPAN_LIT("example.com 1 rsa-sha256"), &key) == 0);
	buf_init(&field, DKIM_FIELD_MAX);
	err = dkim_field(header, &key, (struct wall){1000}, body_hash, &field, got);
	must((err == 0) == header_find(header, "From", &unused));
	if (err == 0) {
		dkim_complete(&field, span_of(signature, sizeof(signature)));
		must(buf_ok(&field));
		check_field(buf_span(&field));
		must(header_fields(buf_span(&field)) == 1);
	}
	buf_done(&field);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t whole[DKIM_HASH_SIZE], split[DKIM_HASH_SIZE];
	struct span msg = span_from(span_of(data, size), 2), body;
	size_t head;

	if (size < 2)
		return 0;
	head = header_length(msg);
	body = span_from(msg, head);
	hash(body, body.n, whole);
	hash(body, 1u + data[0], split);
	must(memcmp(whole, split, sizeof(whole)) == 0);
	hash(body, 1u + data[1] * 16u, split);
	must(memcmp(whole, split, sizeof(whole)) == 0);
	sign(span_head(msg, head), whole);
	(void)dkim_header_ends(msg);
	return 0;
}
