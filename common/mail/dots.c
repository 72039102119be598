/*
 * dots.c - dot-stuffing both ways (RFC 5321 4.5.2).
 *
 *	data = *line end          ; as a stream: state before, byte, state after
 *	line = [ "." ] *OCTET CRLF ; a line begins after CRLF or DATA's CRLF, never after a bare LF
 *	end  = "." CRLF
 *
 * The reader is the table step[].  Everything is given out as views of the input except for two
 * things: the first dot of a line, which is dropped, and the CR after such a dot, which is held
 * back until the next byte tells whether this is the end.
 *
 * Twelve look-alikes of the end, and what becomes of them: LF.CRLF, LF.LF, VT/FF/NEL/LS before
 * the dot, CRLF NUL . CRLF and LF.CRLF as first bytes: no line begins there, so the dot is text.
 * CR.CRLF, CR.CR: likewise.  CRLF.CR, CRLF.LF, CRLF.CRCRLF, CRLF. CRLF: a line that begins with a
 * dot and has more; the dot is dropped, the rest is text.  CRCRLF.CRCRLF: both.  Those with a bare
 * CR or LF set its flag.  (CRCRLF.CRLF ends, because CRLF.CRLF does, and is flagged.)
 */
#include "common/mail/dots.h"

enum { TEXT_PIECE = 512 };
enum byte { OTHER, DOT, CR, LF, BYTE_MAX };

static const uint8_t step[DOTS_END][BYTE_MAX] = {
	[DOTS_START] = {[OTHER] = DOTS_TEXT, [DOT] = DOTS_DOT, [CR] = DOTS_CR, [LF] = DOTS_TEXT},
	[DOTS_TEXT] = {[OTHER] = DOTS_TEXT, [DOT] = DOTS_TEXT, [CR] = DOTS_CR, [LF] = DOTS_TEXT},
	[DOTS_CR] = {[OTHER] = DOTS_TEXT, [DOT] = DOTS_TEXT, [CR] = DOTS_CR, [LF] = DOTS_START},
	[DOTS_DOT] = {[OTHER] = DOTS_TEXT, [DOT] = DOTS_TEXT, [CR] = DOTS_DOT_CR, [LF] = DOTS_TEXT},
	[DOTS_DOT_CR] = {[OTHER] = DOTS_CR, [DOT] = DOTS_CR, [CR] = DOTS_CR, [LF] = DOTS_END},
};

static const uint8_t cr_lf[] = "\r\n";

static enum byte byte_of(const struct dots *d, uint8_t c)
{
	switch (c) {
	case '.':
		return d->chunks ? OTHER : DOT;
	case '\r':
		return CR;
	case '\n':
		return LF;
	default:
		return OTHER;
	}
}

void dots_init(struct dots *d, enum dots_policy policy)
{
	*d = (struct dots){.state = DOTS_START, .policy = policy};
}

void dots_init_chunks(struct dots *d, enum dots_policy policy)
{
	*d = (struct dots){.state = DOTS_START, .policy = policy, .chunks = true};
}

/* Counts a byte that is given out. */
static void note(struct dots *d, uint8_t c)
{
	if (c == '\0')
		d->flags |= DOTS_NUL;
	if (c & 0x80)
		d->flags |= DOTS_8BIT;
	if (d->state == DOTS_CR && c != '\n') {
		d->flags |= DOTS_BARE_CR;
		d->line++; /* it was no line end, so it was text */
	}
	if (c == '\n' && d->state != DOTS_CR)
		d->flags |= DOTS_BARE_LF;
	if (c == '\n')
		d->line = 0;
	else if (c != '\r')
		d->line++;
	if (d->line > d->line_max)
		d->line_max = d->line;
}

/* The text up to the next line end, where the table stays at DOTS_TEXT: most of a message. */
static size_t note_text(struct dots *d, struct span in)
{
	const uint8_t *lf, *cr;

	in = span_head(in, TEXT_PIECE); /* many CR must not lead to as many searches of the whole */
	lf = memchr(in.p, '\n', in.n);
	in = span_head(in, lf ? (size_t)(lf - in.p) : in.n);
	cr = memchr(in.p, '\r', in.n);
	in = span_head(in, cr ? (size_t)(cr - in.p) : in.n);
	if (memchr(in.p, '\0', in.n))
		d->flags |= DOTS_NUL;
	if (!span_is_ascii(in))
		d->flags |= DOTS_8BIT;
	d->line += in.n;
	if (d->line > d->line_max)
		d->line_max = d->line;
	return in.n;
}

static size_t give(struct dots *d, struct span piece, size_t used, struct span *out)
{
	d->bytes += piece.n;
	*out = piece;
	return used;
}

/* After a dropped dot and a held CR. */
static size_t after_dot_cr(struct dots *d, struct span in, struct span *out)
{
	d->state = step[DOTS_DOT_CR][byte_of(d, in.p[0])];
	if (d->state == DOTS_END)
		return give(d, span_of(in.p, 0), 1, out);
	return give(d, span_of(cr_lf, 1), 0, out);
}

size_t dots_read(struct dots *d, struct span in, struct span *out)
{
	must(d->state != DOTS_END);
	if (in.n == 0)
		return give(d, span_of(in.p, 0), 0, out);
	if (d->state == DOTS_DOT_CR)
		return after_dot_cr(d, in, out);
	for (size_t i = 0; i < in.n; i++) {
		if (d->state == DOTS_TEXT)
			i += note_text(d, span_from(in, i));
		if (i == in.n)
			break;
		uint8_t c = in.p[i];
		enum dots_state then = step[d->state][byte_of(d, c)];

		if (then == DOTS_DOT || then == DOTS_DOT_CR) {
			d->state = then;
			return give(d, span_head(in, i), i + 1, out);
		}
		if (c == '\n' && then == DOTS_TEXT && d->policy == DOTS_REPAIR_LF) {
			if (i > 0)
				return give(d, span_head(in, i), i, out);
			note(d, c);
			d->state = then;
			return give(d, span_of(cr_lf, 2), 1, out);
		}
		note(d, c);
		d->state = then;
	}
	return give(d, in, in.n, out);
}

void dots_finish(struct dots *d, struct span *out)
{
	/* after a bare LF, which begins no line for the table, but was made a CRLF */
	bool repaired = d->state == DOTS_TEXT && d->line == 0;

	must(d->chunks && d->state <= DOTS_CR);
	if (d->state == DOTS_CR)
		d->flags |= DOTS_BARE_CR;
	give(d, span_of(cr_lf, d->state == DOTS_START || repaired ? 0 : 2), 0, out);
	d->state = DOTS_END;
}

void dots_stuff_init(struct dots_writer *w)
{
	*w = (struct dots_writer){.state = DOTS_START};
}

static void stray(struct dots_writer *w, struct buf *out)
{
	w->stray = true;
	w->state = DOTS_TEXT;
	buf_byte(out, ' ');
}

/* Length of the run of plain text at the start of s. */
static size_t plain_length(struct span s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != '\r' && s.p[n] != '\n')
		n++;
	return n;
}

void dots_stuff(struct dots_writer *w, struct span in, struct buf *out)
{
	must(w->state <= DOTS_CR);
	while (in.n) {
		size_t n = plain_length(in);

		if (w->state == DOTS_CR && in.p[0] == '\n') {
			buf_str(out, "\r\n");
			w->state = DOTS_START;
			n = 1;
		} else if (w->state == DOTS_CR) {
			stray(w, out);
			continue;
		} else if (n) {
			if (w->state == DOTS_START && in.p[0] == '.')
				buf_byte(out, '.');
			buf_add(out, span_head(in, n));
			w->state = DOTS_TEXT;
		} else if (in.p[0] == '\r') {
			w->state = DOTS_CR;
			n = 1;
		} else {
			stray(w, out);
			n = 1;
		}
		in = span_from(in, n);
	}
}

void dots_stuff_end(struct dots_writer *w, struct buf *out)
{
	must(w->state <= DOTS_CR);
	if (w->state == DOTS_CR)
		stray(w, out);
	if (w->state == DOTS_TEXT)
		buf_str(out, "\r\n");
	buf_str(out, ".\r\n");
	w->state = DOTS_END;
}
