/*
 * mail_reply.c - fuzz target: the reply reader gives the same replies whole and in pieces, keeps
 * its limits and never takes a byte of the next reply.
 */
#include "common/mail/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t seed;

static size_t random_size(size_t max)
{
	seed = seed * 1664525 + 1013904223;
	return 1 + (seed >> 16) % max;
}

/* Feeds until one reply is whole, or the input ends; returns the bytes used. */
static size_t feed_parts(struct reply_reader *r, struct span in)
{
	enum reply_status status = REPLY_MORE;
	size_t total = 0, used;

	while (total < in.n && status == REPLY_MORE) {
		struct span chunk = span_head(span_from(in, total), random_size(11));

		status = reply_feed(r, chunk, &used);
		must(used <= chunk.n && (status != REPLY_MORE || used == chunk.n));
		total += used;
	}
	return total;
}

static void check_same(const struct reply *a, const struct reply *b)
{
	must(a->code == b->code && a->lines == b->lines && a->cut == b->cut);
	must(a->bare_lf == b->bare_lf && strcmp(a->status, b->status) == 0);
	must(span_eq(reply_text(a), reply_text(b)));
}

static void check_reply(const struct reply *r)
{
	struct reply_lines it = reply_lines(r);
	struct span line;
	size_t lines = 0;

	must(r->code >= 200 && r->code <= 599);
	must(r->lines >= 1 && r->lines <= LIMIT_REPLY_LINES);
	must(r->text_n <= LIMIT_REPLY_TEXT && r->text[r->text_n] == '\0');
	if (r->status[0])
		must(r->status[0] == '0' + r->code / 100 && strlen(r->status) >= 5);
	while (reply_line(&it, &line))
		lines++;
	must(lines == r->lines || (r->cut && lines < r->lines));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reply_reader whole, parts;
	struct span in = span_from(span_of(data, size), 1);
	enum reply_status status = REPLY_DONE;
	size_t used;

	if (size == 0)
		return 0;
	seed = data[0];
	reply_init(&whole);
	reply_init(&parts);
	while (in.n && status == REPLY_DONE) {
		status = reply_feed(&whole, in, &used);
		must(used >= 1 && used <= in.n && used <= REPLY_SIZE_MAX + 1);
		must(feed_parts(&parts, in) == used);
		must(parts.at == status && parts.error == whole.error);
		check_same(&whole.reply, &parts.reply);
		must((status == REPLY_ERROR) == (whole.error != REPLY_ERR_NONE));
		if (status == REPLY_DONE) {
			must(in.p[used - 1] == '\n');
			check_reply(&whole.reply);
		}
		in = span_from(in, used);
	}
	if (status == REPLY_ERROR)
		must(reply_feed(&whole, SPAN_LIT("250 ok\r\n"), &used) == REPLY_ERROR && !used);
	return 0;
}
