/*
 * bdat.c - BDAT: a message in counted chunks (RFC 3030 2 and 4.2).
 *
 *	bdat = "BDAT" SP 1*DIGIT [ SP "LAST" ] CRLF *OCTET
 *
 * The octets that were announced are read whatever becomes of them, so that none is ever taken for
 * a command; only then comes the reply, also a refusal's.  Where their number cannot be read nobody
 * knows where the next command begins, and the session ends.
 *
 * One refused chunk fails its transaction: what the client had sent ahead must not become another
 * message, so until RSET (or EHLO) no recipient, chunk or DATA is taken.
 */
#include <stdio.h>

#include "smtpd/session.h"

/* The reply that refuses this chunk before its octets, NULL: none does.  The first one begins the
 * message. */
static const char *why_no_chunk(struct session *s, struct span keyword, char *refusal)
{
	const struct transaction *tx = &s->tx;

	if (keyword.n && !span_ieq_str(keyword, "LAST"))
		return "501 5.5.4 Syntax: BDAT size [LAST]";
	if (tx->chunks == CHUNKS_FAILED)
		return "503 5.5.1 A chunk was refused; RSET to begin anew";
	if (tx->chunks == CHUNKS_NONE) {
		const char *why = session_why_no_data(s);

		if (why)
			return why;
		dots_init_chunks(&s->dots, tx->submits ? DOTS_REPAIR_LF : DOTS_STRICT);
	}
	if (s->chunk.size > s->conf.message_size - s->dots.bytes)
		return session_too_large(s);
	return tx->data || session_begin(s, refusal) ? NULL : refusal;
}

/* The transaction, if there is one, has come to nothing. */
static void fail(struct session *s, const char *refusal)
{
	if (s->tx.data)
		s->ops->discard(s->arg);
	s->tx.data = false;
	if (s->tx.has_sender)
		s->tx.chunks = CHUNKS_FAILED;
	session_refuse(s, "%s", refusal);
}

/* All octets of the chunk have been read. */
static void chunk_done(struct session *s)
{
	const struct chunk *c = &s->chunk;
	struct span end;

	s->state = STATE_COMMAND;
	s->chunk.on = false;
	if (c->refusal[0]) {
		fail(s, c->refusal);
	} else if (c->last) {
		dots_finish(&s->dots, &end);
		if (end.n && s->dots.bytes <= s->conf.message_size)
			s->ops->content(s->arg, end);
		session_finish(s);
	} else if (s->dots.bytes > s->conf.message_size) { /* repaired line ends made it grow */
		fail(s, session_too_large(s));
	} else {
		session_say(s, "250 2.0.0 %llu bytes taken", (unsigned long long)c->size);
	}
}

void session_bdat(struct session *s, struct span args)
{
	struct span keyword = args, number = span_cut(&keyword, ' ');
	struct chunk *c = &s->chunk;
	char text[SESSION_REFUSAL_SIZE];
	const char *refusal;

	if (span_u64(number, UINT64_MAX, &c->size) != 0) {
		session_end(s, "501 5.5.4 BDAT needs a number of bytes; closing, as the next "
			       "command cannot be found");
		return;
	}
	keyword = span_trim(keyword);
	refusal = why_no_chunk(s, keyword, text);
	c->on = true;
	c->last = keyword.n != 0;
	c->left = c->size;
	snprintf(c->refusal, sizeof(c->refusal), "%s", refusal ? refusal : "");
	if (!refusal)
		s->tx.chunks = CHUNKS_OPEN;
	s->state = STATE_DATA;
	if (!c->left)
		chunk_done(s);
}

size_t session_chunk(struct session *s, struct span in)
{
	struct chunk *c = &s->chunk;
	struct span piece = span_head(in, size_min(in.n, c->left));

	if (!c->refusal[0])
		must(session_content(s, piece) == piece.n);
	c->left -= piece.n;
	if (!c->left)
		chunk_done(s);
	return piece.n;
}
