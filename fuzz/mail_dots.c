/*
 * mail_dots.c - fuzz target for both directions of dot-stuffing, and for chunks.
 *
 * The first byte chooses the policy and seeds the splits.  The reader is held against the plain
 * definition (the first CRLF.CRLF), whole and in pieces; the writer's output must read back as
 * one message, and as the very message that went in unless a stray CR or LF was replaced.
 */
#include "common/mail/dots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct read {
	struct dots d;
	struct buf out;
	size_t used;
};

static uint32_t seed;

static size_t random_size(size_t max)
{
	seed = seed * 1664525 + 1013904223;
	return max ? 1 + (seed >> 16) % max : 1;
}

static struct read read_all(struct span in, enum dots_policy policy, size_t chunk_max)
{
	struct read r = {.used = 0};

	dots_init(&r.d, policy);
	buf_init(&r.out, 2 * in.n + 16);
	while (r.used < in.n && !dots_ended(&r.d)) {
		struct span piece, chunk = span_head(span_from(in, r.used), random_size(chunk_max));

		for (int stuck = 0; chunk.n && !dots_ended(&r.d);) {
			size_t n = dots_read(&r.d, chunk, &piece);

			must(n <= chunk.n);
			stuck = n ? 0 : stuck + 1;
			must(stuck <= 1);
			buf_add(&r.out, piece);
			chunk = span_from(chunk, n);
			r.used += n;
		}
	}
	must(buf_ok(&r.out) && r.d.bytes == r.out.n);
	return r;
}

/* Where the data ends by definition; 0 if it does not. */
static size_t real_end(struct span in)
{
	const uint8_t *at;

	if (in.n >= 3 && memcmp(in.p, ".\r\n", 3) == 0)
		return 3;
	at = in.n ? memmem(in.p, in.n, "\r\n.\r\n", 5) : NULL;
	return at ? (size_t)(at - in.p) + 5 : 0;
}

/* The message by definition, from all bytes before the final dot. */
static void unstuff(struct span in, enum dots_policy policy, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		bool start = i == 0 || (i >= 2 && in.p[i - 2] == '\r' && in.p[i - 1] == '\n');
		bool bare = in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r');

		if (start && in.p[i] == '.')
			continue;
		if (bare && policy == DOTS_REPAIR_LF)
			buf_byte(out, '\r');
		buf_byte(out, in.p[i]);
	}
}

static void check_reader(struct span in, enum dots_policy policy)
{
	struct read whole = read_all(in, policy, 0x7fffffff), parts = read_all(in, policy, 7);
	size_t end = real_end(in);
	struct buf want;

	must(span_eq(buf_span(&whole.out), buf_span(&parts.out)));
	must(whole.used == parts.used && whole.d.flags == parts.d.flags);
	must(whole.d.line_max == parts.d.line_max && whole.d.state == parts.d.state);
	must(dots_ended(&whole.d) == (end != 0) && whole.used == (end ? end : in.n));
	buf_init(&want, 2 * in.n + 16);
	if (end) {
		unstuff(span_head(in, end - 3), policy, &want);
		must(span_eq(buf_span(&want), buf_span(&whole.out)));
		must(!(whole.d.flags & DOTS_NUL) == (span_find(buf_span(&want), 0) == want.n));
	}
	buf_done(&want);
	buf_done(&whole.out);
	buf_done(&parts.out);
}

/* Chunks: all of in is text; bare LFs are repaired or kept, and the last line gets its end. */
static void check_chunks(struct span in, enum dots_policy policy)
{
	struct span rest = in, piece;
	struct buf want, got;
	struct dots d;

	buf_init(&want, 2 * in.n + 2);
	buf_init(&got, 2 * in.n + 2);
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r') && policy == DOTS_REPAIR_LF)
			buf_byte(&want, '\r');
		buf_byte(&want, in.p[i]);
	}
	dots_init_chunks(&d, policy);
	while (rest.n) {
		struct span chunk = span_head(rest, random_size(9));

		rest = span_from(rest, chunk.n);
		while (chunk.n) {
			chunk = span_from(chunk, dots_read(&d, chunk, &piece));
			buf_add(&got, piece);
		}
	}
	must(span_eq(buf_span(&got), buf_span(&want)));
	dots_finish(&d, &piece);
	buf_add(&got, piece);
	must(d.bytes == got.n && (got.n == 0 || got.p[got.n - 1] == '\n'));
	must(got.n == want.n || (got.n == want.n + 2 && want.p[want.n - 1] != '\n'));
	buf_done(&want);
	buf_done(&got);
}

static void check_wire(struct span wire)
{
	for (size_t i = 0; i < wire.n; i++) {
		if (wire.p[i] == '\r')
			must(i + 1 < wire.n && wire.p[i + 1] == '\n');
		if (wire.p[i] == '\n')
			must(i > 0 && wire.p[i - 1] == '\r');
	}
	must(real_end(wire) == wire.n);
}

static void check_writer(struct span in)
{
	struct span rest = in;
	struct dots_writer w;
	struct buf wire;
	struct read back;

	buf_init(&wire, 2 * in.n + 6);
	dots_stuff_init(&w);
	while (rest.n) {
		size_t n = random_size(9);

		dots_stuff(&w, span_head(rest, n), &wire);
		rest = span_from(rest, n);
	}
	dots_stuff_end(&w, &wire);
	must(buf_ok(&wire));
	check_wire(buf_span(&wire));
	back = read_all(buf_span(&wire), DOTS_STRICT, 5);
	must(dots_ended(&back.d) && !(back.d.flags & (DOTS_BARE_CR | DOTS_BARE_LF)));
	if (!w.stray) {
		must(span_eq(span_head(buf_span(&back.out), in.n), in));
		must(back.out.n == in.n || back.out.n == in.n + 2);
	}
	buf_done(&wire);
	buf_done(&back.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_from(span_of(data, size), 1);

	if (size == 0)
		return 0;
	seed = data[0];
	check_reader(in, data[0] & 1 ? DOTS_REPAIR_LF : DOTS_STRICT);
	check_chunks(in, data[0] & 1 ? DOTS_REPAIR_LF : DOTS_STRICT);
	check_writer(in);
	return 0;
}
