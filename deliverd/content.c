/*
 * content.c - see content.h.
 *
 * Reading blocks the loop: regular files always are "ready".  So a step is bounded, and the
 * caller lets other work go between the steps.
 */
#include "deliverd/content.h"

#include <unistd.h>

#include "common/mail/header.h"

enum { CHUNK = 65536, CHECK_STEP = 1024 * 1024 };

static uint8_t chunk[CHUNK]; /* one process, one loop: used and done with in one call */

void content_init(struct content *c, int fd, uint64_t offset, uint64_t size, struct span hash)
{
	must(hash.n == CONTENT_HASH_SIZE);
	*c = (struct content){.fd = fd, .offset = offset, .size = size};
	memcpy(c->hash, hash.p, hash.n);
	crypto_generichash_init(&c->blake, NULL, 0, CONTENT_HASH_SIZE);
	buf_init(&c->head, LIMIT_HEADER);
	buf_init(&c->above, CONTENT_ABOVE_MAX);
}

void content_sign(struct content *c, enum dkim_canon body)
{
	c->dkim = c->hash_body = true;
	dkim_body_init(&c->dkim_body, body);
}

void content_signed(struct content *c)
{
	c->dkim = true;
}

void content_done(struct content *c)
{
	dkim_body_done(&c->dkim_body, NULL);
	buf_done(&c->head);
	buf_done(&c->above);
}

/* n bytes of the message from c->at on; the file may neither end early nor fail. */
static enum content_state read_at(struct content *c, uint8_t *out, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(c->fd, out + got, n - got, (off_t)(c->offset + c->at + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			c->why = strerror(errno);
			return CONTENT_FAILED;
		}
		if (r == 0)
			return CONTENT_CORRUPT;
		got += (size_t)r;
	}
	c->at += n;
	return CONTENT_READY;
}

static size_t remaining(const struct content *c, size_t max)
{
	uint64_t left = c->size - c->at;

	return left < max ? (size_t)left : max;
}

/* checking */

static void hash(struct content *c, struct span s)
{
	crypto_generichash_update(&c->blake, s.p, s.n);
}

/* The beginning, where the header section is, is kept for the signatures. */
static enum content_state check_head(struct content *c)
{
	size_t n = remaining(c, LIMIT_HEADER);
	uint8_t *room = buf_room(&c->head, n);
	enum content_state state = n ? read_at(c, room, n) : CONTENT_READY;

	if (state != CONTENT_READY)
		return state;
	buf_used(&c->head, n);
	hash(c, buf_span(&c->head));
	c->header_size = header_length(buf_span(&c->head));
	if (c->header_size == n && c->at < c->size) {
		c->why = "the header section is too long to be signed";
		return CONTENT_FAILED;
	}
	c->blank = !dkim_header_ends(buf_span(&c->head));
	if (c->hash_body)
		dkim_body_add(&c->dkim_body, span_from(buf_span(&c->head), c->header_size));
	return CONTENT_READY;
}

static enum content_state check_end(struct content *c)
{
	uint8_t found[CONTENT_HASH_SIZE];

	crypto_generichash_final(&c->blake, found, sizeof(found));
	if (c->hash_body)
		dkim_body_done(&c->dkim_body, c->dkim_hash);
	return memcmp(found, c->hash, sizeof(found)) == 0 ? CONTENT_READY : CONTENT_CORRUPT;
}

enum content_state content_check(struct content *c)
{
	enum content_state state = CONTENT_READY;

	if (c->dkim && c->at == 0)
		state = check_head(c);
	for (size_t done = 0; state == CONTENT_READY && c->at < c->size; done += CHUNK) {
		size_t n = remaining(c, CHUNK);

		if (done >= CHECK_STEP)
			return CONTENT_MORE;
		state = read_at(c, chunk, n);
		if (state != CONTENT_READY)
			break;
		hash(c, span_of(chunk, n));
		if (c->hash_body)
			dkim_body_add(&c->dkim_body, span_of(chunk, n));
	}
	return state == CONTENT_READY ? check_end(c) : state;
}

struct span content_head(const struct content *c)
{
	return span_head(buf_span(&c->head), c->header_size);
}

void content_head_done(struct content *c)
{
	buf_done(&c->head);
}

/* sending */

void content_above(struct content *c, struct span fields)
{
	buf_add(&c->above, fields);
}

uint64_t content_total(const struct content *c)
{
	return c->above.n + c->size + (c->blank ? 2 : 0);
}

static void begin(struct content *c, struct buf *out)
{
	must(buf_ok(&c->above));
	c->at = 0;
	dots_stuff_init(&c->dots);
	dots_stuff(&c->dots, buf_span(&c->above), out);
	buf_done(&c->above);
}

/* The next piece ends where the header section ends if an empty line has to be put in there. */
static enum content_state next_piece(struct content *c, struct buf *out)
{
	size_t n = remaining(c, CHUNK);
	enum content_state state;

	if (c->blank && c->at < c->header_size && c->at + n > c->header_size)
		n = (size_t)(c->header_size - c->at);
	state = read_at(c, chunk, n);
	if (state != CONTENT_READY)
		return state;
	dots_stuff(&c->dots, span_of(chunk, n), out);
	if (c->blank && c->at == c->header_size)
		dots_stuff(&c->dots, SPAN_LIT("\r\n"), out);
	return CONTENT_READY;
}

enum content_state content_pump(struct content *c, struct stream *s)
{
	static struct buf out;
	enum content_state state = CONTENT_READY;
	bool ended = false;

	if (!out.max)
		buf_init(&out, 2 * CONTENT_ABOVE_MAX + 3 * CHUNK);
	do {
		buf_reset(&out);
		if (c->sent == 0)
			begin(c, &out); /* each copy goes once: its parts above are gone then */
		if (c->at < c->size)
			state = next_piece(c, &out);
		if (state != CONTENT_READY)
			return state;
		ended = c->at == c->size;
		if (ended)
			dots_stuff_end(&c->dots, &out);
		must(buf_ok(&out));
		c->sent += out.n;
		stream_write(s, buf_span(&out));
	} while (!ended && !stream_full(s));
	return ended ? CONTENT_READY : CONTENT_MORE;
}
