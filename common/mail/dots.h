/*
 * dots.h - the transparency of DATA (RFC 5321 4.5.2), both ways.
 *
 * Reading.  Only CRLF "." CRLF ends the data; the CRLF before the dot may be that of the DATA
 * command itself.  Nothing else does, whatever its likeness (bare LF, bare CR, NUL, ...).  What is
 * odd is counted in flags, and the session decides after the end whether to refuse; the reader
 * never stops early, so that not one byte of a message can be taken for a command.
 *
 * With DOTS_REPAIR_LF a bare LF comes out as CRLF.  It still takes no part in transparency: after
 * a bare LF a dot is neither removed nor an end.  So a repaired message may hold the line ".",
 * which the next hop would take for the end if it were sent raw; it never is, as everything sent
 * goes through dots_stuff.
 *
 * Chunks (BDAT, RFC 3030) go through the same reader, so that the same line ends are refused or
 * repaired; but no dot means anything and only dots_finish() ends the message.
 *
 * Writing.  What dots_stuff has put out holds no CR without LF, no LF without CR and no line that
 * begins with a single dot, whatever went in.  A message from our own spool has no stray CR or LF;
 * should one appear it becomes a blank (a line break could make a header field) and is flagged.
 */
#ifndef COMMON_MAIL_DOTS_H
#define COMMON_MAIL_DOTS_H

#include "common/buf.h"

enum dots_policy { DOTS_STRICT = 0, DOTS_REPAIR_LF = 1 };

enum dots_flag {
	DOTS_BARE_CR = 1, /* kept in the output */
	DOTS_BARE_LF = 2, /* kept, or made CRLF by DOTS_REPAIR_LF */
	DOTS_NUL = 4,	  /* kept */
	DOTS_8BIT = 8,	  /* a byte above 0x7f */
};

enum dots_state { DOTS_START, DOTS_TEXT, DOTS_CR, DOTS_DOT, DOTS_DOT_CR, DOTS_END };

/* A plain value; read the fields, change none. */
struct dots {
	enum dots_state state;
	enum dots_policy policy;
	bool chunks;
	unsigned flags;	 /* enum dots_flag */
	size_t line;	 /* bytes of the current line so far */
	size_t line_max; /* longest line without its line end and without the dot removed */
	uint64_t bytes;	 /* given out so far */
};

void dots_init(struct dots *d, enum dots_policy policy);
void dots_init_chunks(struct dots *d, enum dots_policy policy);

/*
 * Reads some of in and gives out some bytes of the message: *out is a piece of in or of a
 * constant, possibly empty.  Returns the number of bytes taken; 0 is possible while a piece comes
 * out.  To be called so:
 *
 *	while (in.n && !dots_ended(&d)) {
 *		in = span_from(in, dots_read(&d, in, &piece));
 *		...append piece...
 *	}
 *
 * After the end what is left in "in" is the client's next command.
 */
size_t dots_read(struct dots *d, struct span in, struct span *out) MUST_CHECK;

/* After the last chunk: gives out the CRLF that the last line may lack. */
void dots_finish(struct dots *d, struct span *out);

static inline bool dots_ended(const struct dots *d)
{
	return d->state == DOTS_END;
}

struct dots_writer {
	enum dots_state state; /* DOTS_START, DOTS_TEXT or DOTS_CR; DOTS_END after dots_stuff_end */
	bool stray;	       /* a stray CR or LF was replaced: what was signed no longer holds */
};

void dots_stuff_init(struct dots_writer *w);
/* Adds in, stuffed, to out; at most 2 in.n + 1 bytes.  Check buf_ok(out). */
void dots_stuff(struct dots_writer *w, struct span in, struct buf *out);
/* Adds CRLF if the last line lacks it, then "." CRLF; at most 6 bytes.  Call it once. */
void dots_stuff_end(struct dots_writer *w, struct buf *out);

#endif
