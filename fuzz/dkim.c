/*
 * dkim.c (fuzz) - the first three bytes are how the message is cut into pieces and canonicalised.
 *
 * The body's hash must not depend on the pieces; a field is built from any header section and
 * finished; and of messages that libopendkim reads, it must have the same hashes: it verifies what
 * we sign (with an RSA key of 1024 bits, the quickest of those it takes).
 */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>

#include <opendkim/dkim.h>

#include "common/mail/header.h"
#include "deliverd/dkim.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY_CTX *signing;
static DKIM_LIB *judge;
static char record[512]; /* the public key as DNS has it */

static DKIM_CBSTAT lookup(DKIM *d, DKIM_SIGINFO *sig, unsigned char *buf, size_t size)
{
	(void)d;
	(void)sig;
	snprintf((char *)buf, size, "%s", record);
	return DKIM_CBSTAT_CONTINUE;
}

static void make_key(void)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	unsigned char *der = NULL;
	int n, at = snprintf(record, sizeof(record), "v=DKIM1; p=");

	must(key && (n = i2d_PUBKEY(key, &der)) > 0);
	EVP_EncodeBlock((unsigned char *)record + at, der, n);
	OPENSSL_free(der);
	signing = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	must(signing && EVP_PKEY_sign_init(signing) == 1);
	must(EVP_PKEY_CTX_set_rsa_padding(signing, RSA_PKCS1_PADDING) == 1);
	must(EVP_PKEY_CTX_set_signature_md(signing, EVP_sha256()) == 1);
	EVP_PKEY_free(key);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	make_key();
	judge = dkim_init(NULL, NULL);
	must(judge && dkim_set_key_lookup(judge, lookup) == DKIM_STAT_OK);
	return 0;
}

static void hash(struct span body, enum dkim_canon canon, size_t step, uint8_t out[DKIM_HASH_SIZE])
{
	struct dkim_body b;

	dkim_body_init(&b, canon);
	for (; body.n > 0; body = span_from(body, size_min(step, body.n)))
		dkim_body_add(&b, span_head(body, step));
	dkim_body_done(&b, out);
}

/* The lines of a field that is done: folded, never empty, ended. */
static void check_field(struct span field)
{
	must(header_fields(field) == 1);
	must(field.n > 2 && field.p[field.n - 1] == '\n');
	while (field.n > 0) {
		size_t lf = span_find(field, '\n');

		must(lf >= 2 && lf < field.n && field.p[lf - 1] == '\r');
		field = span_from(field, lf + 1);
		must(field.n == 0 || field.p[0] == ' ');
	}
}

/* False: nothing is signed without From. */
static bool sign(struct span header, const struct dkim_params *params,
		 const uint8_t body_hash[DKIM_HASH_SIZE], struct buf *field)
{
	uint8_t got[DKIM_HASH_SIZE], signature[128];
	size_t n = sizeof(signature);
	struct header_field unused;
	struct signkey key;
	int err;

	must(signkey_parse(SPAN_LIT("example.com 1 rsa-sha256"), &key) == 0);
	err = dkim_field(header, &key, params, body_hash, field, got);
	must((err == 0) == header_find(header, "From", &unused));
	if (err)
		return false;
	must(EVP_PKEY_sign(signing, signature, &n, got, sizeof(got)) == 1);
	dkim_complete(field, span_of(signature, n));
	must(buf_ok(field));
	check_field(buf_span(field));
	return true;
}

/* Hands one field to libopendkim, which wants it without its last CRLF. */
static bool give_field(DKIM *d, struct span raw)
{
	size_t end = raw.n >= 2 && raw.p[raw.n - 1] == '\n' ? raw.n - 2 : raw.n;
	char copy[65536]; /* its argument is not const */

	if (end >= sizeof(copy))
		return false;
	memcpy(copy, raw.p, end);
	return dkim_header(d, (unsigned char *)copy, end) == DKIM_STAT_OK;
}

/* False: it does not read this (no sender in From, a tab before a colon ...). */
static bool give_header(DKIM *d, struct span field, struct span header)
{
	struct header_field f;
	bool fine = give_field(d, field);

	while (fine && header_next(&header, &f))
		fine = give_field(d, f.raw);
	return fine && dkim_eoh(d) == DKIM_STAT_OK;
}

/* What it reads must end in a line end, as SMTP has it. */
static void give_body(DKIM *d, struct span body)
{
	struct buf copy; /* its argument is not const */
	bool ended = body.n >= 2 && memcmp(body.p + body.n - 2, "\r\n", 2) == 0;

	buf_init(&copy, body.n + 2);
	buf_add(&copy, body);
	if (!ended)
		buf_str(&copy, "\r\n");
	must(buf_ok(&copy));
	must(dkim_body(d, copy.p, copy.n) == DKIM_STAT_OK);
	buf_done(&copy);
}

static void compare(struct span field, struct span header, struct span body)
{
	static const unsigned char id[] = "fuzz";
	DKIM_SIGINFO **sigs;
	DKIM_STAT st;
	DKIM *d = dkim_verify(judge, id, NULL, &st);
	bool testing;
	int n = 0;

	must(d);
	if (give_header(d, field, header)) {
		give_body(d, body);
		st = dkim_eom(d, &testing);
		must(dkim_getsiglist(d, &sigs, &n) == DKIM_STAT_OK && n == 1);
		must(dkim_sig_getbh(sigs[0]) == DKIM_SIGBH_MATCH);
		must(st == DKIM_STAT_OK && DKIM_SIG_CHECK(sigs[0]));
	}
	dkim_free(d);
}

/* What libopendkim treats in ways of its own: line ends that smtpd does not let in, and blanks that
 * are none (RFC 6376 2.8). */
static bool has_odd_bytes(struct span s, const char *odd)
{
	for (size_t i = 0; i < s.n; i++)
		if (memchr(odd, s.p[i], strlen(odd) + 1) ||
		    (s.p[i] == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n')) ||
		    (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r')))
			return true;
	return false;
}

/* One message, with and without a From field that libopendkim can read. */
static void check_message(struct span header, struct span body, const struct dkim_params *params,
			  const uint8_t body_hash[DKIM_HASH_SIZE])
{
	struct buf field, whole;

	buf_init(&field, DKIM_FIELD_MAX);
	buf_init(&whole, header.n + 64);
	buf_str(&whole, "From: <a@example.com>\r\n");
	buf_add(&whole, header);
	(void)sign(header, params, body_hash, &field);
	must(sign(buf_span(&whole), params, body_hash, &field));
	if (!has_odd_bytes(header, "\v\f") && !has_odd_bytes(body, ""))
		compare(buf_span(&field), buf_span(&whole), body);
	buf_done(&field);
	buf_done(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span msg = span_from(span_of(data, size), 3), body;
	struct dkim_params params = {.now = wall_now()};
	uint8_t whole[DKIM_HASH_SIZE], split[DKIM_HASH_SIZE];
	size_t head;

	if (size < 3)
		return 0;
	params.header = data[2] & 1 ? DKIM_SIMPLE : DKIM_RELAXED;
	params.body = data[2] & 2 ? DKIM_SIMPLE : DKIM_RELAXED;
	head = header_length(msg);
	body = span_from(msg, head);
	hash(body, params.body, body.n, whole);
	hash(body, params.body, 1u + data[0], split);
	must(memcmp(whole, split, sizeof(whole)) == 0);
	hash(body, params.body, 1u + data[1] * 16u, split);
	must(memcmp(whole, split, sizeof(whole)) == 0);
	(void)dkim_header_ends(msg);
	check_message(span_head(msg, head), body, &params, whole);
	return 0;
}
