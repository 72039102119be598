/*
 * sink.c - fuzz target of the sink's session: any bytes in pieces of any size, on a disk that may
 * fail at any time.  The first byte chooses the size of the pieces, the second when the disk fails.
 */
#include "sink/sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_SIZE_MAX = 200 };

struct play {
	struct sink s;
	unsigned asked, fail_at;
	uint64_t written;
};

static void answer(struct play *p, enum sink_action action)
{
	bool fails = p->fail_at && ++p->asked >= p->fail_at;
	struct buf head;

	if (action == SINK_OPEN) {
		p->written = 0;
		buf_init(&head, SINK_HEAD_MAX);
		sink_head(&p->s, (struct wall){1795459472123}, &head);
		must(buf_ok(&head));
		buf_done(&head);
	} else if (action == SINK_WRITE && !fails) {
		must(p->s.piece.n > 0);
		p->written += p->s.piece.n;
		must(p->written <= FUZZ_SIZE_MAX);
	} else if (action == SINK_KEEP) {
		must(p->written == p->s.dots.bytes);
	}
	sink_answer(&p->s, fails ? -ENOSPC : 0, "1.eml");
}

/* Everything that can be done with in; the bytes used.  false in *open: closed. */
static size_t feed(struct play *p, struct span in, bool *open)
{
	enum sink_action action = SINK_GO;
	size_t used = 0;

	while (action != SINK_WAIT && action != SINK_CLOSE) {
		used += sink_feed(&p->s, span_from(in, used), &action);
		must(used <= in.n && buf_ok(&p->s.out));
		if (action == SINK_OPEN || action == SINK_WRITE || action == SINK_KEEP)
			answer(p, action);
		else if (action == SINK_START_TLS)
			sink_secured(&p->s, "TLSv1.3 TLS_AES_256_GCM_SHA384");
		buf_reset(&p->s.out);
	}
	*open = action != SINK_CLOSE;
	return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct play p = {.asked = 0};
	size_t chunk, shown = 0;
	bool open = true;

	if (size < 2)
		return 0;
	chunk = data[0] ? data[0] : size;
	p.fail_at = data[1];
	in = span_from(in, 2);
	sink_init(&p.s, "sink.test", "192.0.2.1");
	p.s.size_max = FUZZ_SIZE_MAX;
	while (open && shown < in.n) {
		size_t used;

		shown = size_min(shown + chunk, in.n);
		used = feed(&p, span_head(in, shown), &open);
		in = span_from(in, used);
		shown -= used;
	}
	sink_done(&p.s);
	return 0;
}
