/*
 * dkim.c - our side of RFC 6376: canonical forms (3.4), the choice of fields (5.4), the hashes
 * (3.7) and the text of the field (3.5).
 *
 *	simple body    = 1*( line CRLF ) ; no empty lines at the end but one that is all of the
 *					; body, a missing last CRLF is added
 *	relaxed body   = *( line CRLF )	; the same without that one, runs of WSP are one SP, none
 *					; before CRLF
 *	simple field   = as it stands
 *	relaxed field  = lower-case name ":" value CRLF ; unfolded, runs of WSP are one SP, none at
 *					; the ends of the value
 *
 * Only space and tab are WSP and only CRLF ends a line; a lone CR or LF is like any other byte.
 * Repeated fields are taken from the bottom up (5.4.2), and each name of `signed_fields` with
 * `always` is listed once more than it occurs, so that nobody can add one.
 */
#include "deliverd/dkim.h"

#include <openssl/evp.h>

#include "common/mail/header.h"

enum { FIELD_COLUMNS = 76 };

static const struct signed_field {
	const char *name;
	bool always;
} signed_fields[] = {
	{"From", true},
	{"To", true},
	{"Cc", true},
	{"Subject", true},
	{"Date", true},
	{"Reply-To", true},
	{"Message-ID", true},
	{"MIME-Version", true},
	{"Content-Type", true},
	{"Content-Transfer-Encoding", false},
	{"Sender", false},
	{"In-Reply-To", false},
	{"References", false},
	{"List-Id", false},
	{"List-Unsubscribe", false},
	{"List-Unsubscribe-Post", false},
	{"Feedback-ID", false},
	{"Resent-From", false},
	{"Resent-Sender", false},
	{"Resent-Reply-To", false},
	{"Resent-To", false},
	{"Resent-Cc", false},
	{"Resent-Date", false},
	{"Resent-Message-ID", false},
};

/* SHA-256; the algorithm is looked up once a process: that costs more than a short hash. */

static struct evp_md_ctx_st *sha256_new(void)
{
	static EVP_MD *md;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!md)
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	must(ctx && md && EVP_DigestInit_ex2(ctx, md, NULL) == 1);
	return ctx;
}

static void sha256_add(struct evp_md_ctx_st *ctx, struct span s)
{
	must(EVP_DigestUpdate(ctx, s.p, s.n) == 1);
}

/* the body */

void dkim_body_init(struct dkim_body *b, enum dkim_canon canon)
{
	*b = (struct dkim_body){.ctx = sha256_new(), .canon = canon};
}

static void body_flush(struct dkim_body *b)
{
	sha256_add(b->ctx, span_of(b->out, b->out_n));
	b->out_n = 0;
}

static void body_put(struct dkim_body *b, uint8_t c)
{
	if (b->out_n == sizeof(b->out))
		body_flush(b);
	b->out[b->out_n++] = c;
}

/* What was held back is not at the end after all: c follows. */
static void body_byte(struct dkim_body *b, uint8_t c)
{
	for (; b->lines > 0; b->lines--) {
		body_put(b, '\r');
		body_put(b, '\n');
	}
	if (b->blank)
		body_put(b, ' ');
	b->blank = false;
	b->any = true;
	body_put(b, c);
}

/* After a CR: true if c completes a line end. */
static bool body_line_end(struct dkim_body *b, uint8_t c)
{
	b->cr = false;
	if (c != '\n') {
		body_byte(b, '\r');
		return false;
	}
	b->blank = false;
	b->lines++;
	return true;
}

void dkim_body_add(struct dkim_body *b, struct span piece)
{
	for (size_t i = 0; i < piece.n; i++) {
		uint8_t c = piece.p[i];

		if (b->cr && body_line_end(b, c))
			continue;
		if (c == '\r')
			b->cr = true;
		else if (b->canon == DKIM_RELAXED && (c == ' ' || c == '\t'))
			b->blank = true;
		else
			body_byte(b, c);
	}
}

void dkim_body_done(struct dkim_body *b, uint8_t hash_out[DKIM_HASH_SIZE])
{
	if (hash_out) {
		if (b->cr)
			body_byte(b, '\r');
		body_flush(b);
		if (b->any || b->canon == DKIM_SIMPLE)
			sha256_add(b->ctx, SPAN_LIT("\r\n"));
		must(EVP_DigestFinal_ex(b->ctx, hash_out, NULL) == 1);
	}
	EVP_MD_CTX_free(b->ctx);
	*b = (struct dkim_body){0};
}

/* the header */

bool dkim_header_ends(struct span msg)
{
	struct header_field f;

	while (header_next(&msg, &f))
		continue;
	return span_eq_str(span_head(msg, 2), "\r\n");
}

void dkim_relax_field(struct span name, struct span value, struct buf *out)
{
	bool blank = false, begun = false;

	for (size_t i = 0; i < name.n; i++)
		buf_byte(out, ascii_lower(name.p[i]));
	buf_byte(out, ':');
	for (size_t i = 0; i < value.n; i++) {
		uint8_t c = value.p[i];

		if (c == '\r' && i + 1 < value.n && value.p[i + 1] == '\n') {
			i++;
		} else if (c == ' ' || c == '\t') {
			blank = begun;
		} else {
			if (blank)
				buf_byte(out, ' ');
			blank = false;
			begun = true;
			buf_byte(out, c);
		}
	}
	buf_str(out, "\r\n");
}

struct instance {
	size_t kind; /* index into signed_fields */
	struct header_field field;
};

/* The fields of a message that are signed, in its order. */
struct chosen {
	size_t n, cap;
	struct instance *at;
	size_t counts[ARRAY_LEN(signed_fields)];
};

static void chosen_add(struct chosen *c, const struct header_field *f)
{
	size_t kind = 0;

	while (kind < ARRAY_LEN(signed_fields) && !span_ieq_str(f->name, signed_fields[kind].name))
		kind++;
	if (kind == ARRAY_LEN(signed_fields))
		return;
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 32;
		c->at = mem_grow(c->at, c->cap * sizeof(*c->at));
	}
	c->at[c->n++] = (struct instance){kind, *f};
	c->counts[kind]++;
}

/* How often the name stands in h=. */
static size_t list_count(const struct chosen *c, size_t kind)
{
	if (c->counts[kind] >= DKIM_REPEAT_MAX)
		return DKIM_REPEAT_MAX;
	return c->counts[kind] + (signed_fields[kind].always ? 1 : 0);
}

/* Adds one name to h=, on a new line when it would not fit; *column is where the line is. */
static void list_add(struct buf *field, const char *name, size_t *column)
{
	size_t n = strlen(name) + 1; /* and the colon before it or behind it */

	if (*column + n > FIELD_COLUMNS) {
		buf_str(field, "\r\n ");
		*column = 1;
	}
	buf_str(field, name);
	*column += n;
}

static void list_make(struct buf *field, const struct chosen *c)
{
	size_t column = strlen(" h=");
	bool first = true;

	buf_str(field, "\r\n h=");
	for (size_t kind = 0; kind < ARRAY_LEN(signed_fields); kind++)
		for (size_t i = list_count(c, kind); i > 0; i--) {
			if (!first)
				buf_byte(field, ':');
			first = false;
			list_add(field, signed_fields[kind].name, &column);
		}
	buf_byte(field, ';');
}

static void base64_add(struct buf *out, const uint8_t *p, size_t n, size_t column)
{
	uint8_t text[4 * ((512 + 2) / 3) + 1];
	size_t left;

	must(n <= 512);
	left = (size_t)EVP_EncodeBlock(text, p, (int)n);
	for (uint8_t *at = text; left > 0;) {
		size_t part = size_min(left, FIELD_COLUMNS - column);

		buf_add(out, span_of(at, part));
		at += part;
		left -= part;
		column = 1;
		if (left > 0)
			buf_str(out, "\r\n ");
	}
}

static const char *canon_name(enum dkim_canon canon)
{
	return canon == DKIM_SIMPLE ? "simple" : "relaxed";
}

static void field_text(const struct chosen *c, const struct signkey *key,
		       const struct dkim_params *params, const uint8_t body_hash[DKIM_HASH_SIZE],
		       struct buf *field)
{
	long long now = params->now.ms / 1000;

	buf_fmt(field, "DKIM-Signature: v=1; a=%s; c=%s/%s;\r\n d=%s;\r\n s=%s;",
		signkey_algorithm_name(key->algorithm), canon_name(params->header),
		canon_name(params->body), key->domain.s, key->selector);
	buf_fmt(field, " t=%lld;", now);
	if (params->expire_ms)
		buf_fmt(field, " x=%lld;", now + (params->expire_ms + 999) / 1000);
	list_make(field, c);
	buf_str(field, "\r\n bh=");
	base64_add(field, body_hash, DKIM_HASH_SIZE, strlen(" bh="));
	buf_str(field, ";\r\n b=");
}

/* The hash of the header data in the making. */
struct hashing {
	struct evp_md_ctx_st *sha;
	enum dkim_canon canon;
	struct buf line;
};

/* Sets h->line to the canonical field with its CRLF. */
static void canonical(struct hashing *h, const struct header_field *f)
{
	buf_reset(&h->line);
	if (h->canon == DKIM_RELAXED) {
		dkim_relax_field(f->name, f->value, &h->line);
	} else {
		buf_add(&h->line, f->raw);
		if (f->value.p + f->value.n == f->raw.p + f->raw.n)
			buf_str(&h->line, "\r\n");
	}
	must(buf_ok(&h->line));
}

/* The lowest `limit` fields of this kind, the lowest first. */
static void hash_kind(struct hashing *h, const struct chosen *c, size_t kind, size_t limit)
{
	for (size_t i = c->n; i > 0 && limit > 0; i--) {
		if (c->at[i - 1].kind != kind)
			continue;
		canonical(h, &c->at[i - 1].field);
		sha256_add(h->sha, buf_span(&h->line));
		limit--;
	}
}

/* The signature's own field, so far: without the CRLF. */
static void hash_own(struct hashing *h, struct span field)
{
	struct header_field f = {.raw = field, .value = field};

	f.name = span_cut(&f.value, ':');
	canonical(h, &f);
	sha256_add(h->sha, span_head(buf_span(&h->line), h->line.n - strlen("\r\n")));
}

static void header_hash(const struct chosen *c, enum dkim_canon canon, struct span field,
			size_t line_max, uint8_t hash_out[DKIM_HASH_SIZE])
{
	struct hashing h = {.sha = sha256_new(), .canon = canon};

	buf_init(&h.line, line_max);
	for (size_t kind = 0; kind < ARRAY_LEN(signed_fields); kind++)
		hash_kind(&h, c, kind, list_count(c, kind));
	hash_own(&h, field);
	must(EVP_DigestFinal_ex(h.sha, hash_out, NULL) == 1);
	EVP_MD_CTX_free(h.sha);
	buf_done(&h.line);
}

int dkim_field(struct span header, const struct signkey *key, const struct dkim_params *params,
	       const uint8_t body_hash[DKIM_HASH_SIZE], struct buf *field,
	       uint8_t hash_out[DKIM_HASH_SIZE])
{
	struct chosen c = {0};
	struct header_field f;
	struct span rest = header;
	int err = 0;

	while (header_next(&rest, &f))
		chosen_add(&c, &f);
	buf_reset(field);
	field_text(&c, key, params, body_hash, field);
	if (c.counts[0] == 0)
		err = -EINVAL;
	else if (!buf_ok(field))
		err = -EMSGSIZE;
	else
		header_hash(&c, params->header, buf_span(field), header.n + DKIM_FIELD_MAX,
			    hash_out);
	mem_free(c.at);
	return err;
}

void dkim_complete(struct buf *field, struct span signature)
{
	base64_add(field, signature.p, signature.n, strlen(" b="));
	buf_str(field, "\r\n");
}
