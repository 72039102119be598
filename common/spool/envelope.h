/*
 * envelope.h - the envelope in a spool file: who, for whom, how it came.
 *
 * Lines "key=value\n" from a closed table, each key but rcpt exactly once, those behind received
 * at most once (absent: not given); a value's bytes outside 0x21..0x7e and the percent sign are
 * written %XX, so no value can begin another line.  Nothing in it names a file, a program or a
 * user.  After the last line an empty one, then the message.
 *
 *	v=1
 *	id=0193...            queue id
 *	class=outgoing
 *	server=3              control.db
 *	credential=5
 *	sender=a@b.example    MAIL FROM as submitted; empty: null sender
 *	domain=b.example      verified domain of the From field: signs
 *	client=192.0.2.1      empty: not known
 *	helo=laptop
 *	tls=TLSv1.3%20...     empty: clear text
 *	received=1763923472123
 *	tag=welcome           options.h, from here to expires
 *	stream=newsletter
 *	metadata={"order":"17"}
 *	idempotency=order-17
 *	track=2               enum options_track
 *	expires=1763924072123
 *	digest=...            of what was submitted, only with an idempotency key; 64 hex digits
 *	rcpt=4001:bob@c.example     copy id and address, once for each recipient
 */
#ifndef COMMON_SPOOL_ENVELOPE_H
#define COMMON_SPOOL_ENVELOPE_H

#include "common/buf.h"
#include "common/clock.h"
#include "common/mail/addr.h"
#include "common/mail/options.h"
#include "common/mail/qid.h"

enum mail_class { CLASS_OUTGOING };

enum { ENVELOPE_CLIENT_MAX = 47, ENVELOPE_HELO_MAX = 255, ENVELOPE_TLS_MAX = 79 };
enum { ENVELOPE_DIGEST_SIZE = 32 };

struct envelope_rcpt {
	uint64_t copy;
	struct addr addr;
};

struct envelope {
	struct qid id;
	enum mail_class class;
	uint64_t server;
	uint64_t credential;
	struct addr sender; /* n == 0: null */
	struct domain domain;
	char client[ENVELOPE_CLIENT_MAX + 1];
	char helo[ENVELOPE_HELO_MAX + 1];
	char tls[ENVELOPE_TLS_MAX + 1];
	struct wall received;
	struct options options; /* owned */
	bool has_digest;
	/* BLAKE2b of sender, recipients and bytes as submitted */
	uint8_t digest[ENVELOPE_DIGEST_SIZE];
	struct envelope_rcpt *rcpts; /* owned */
	size_t rcpt_count;
};

/* Adds the envelope's lines and the empty line. */
void envelope_encode(const struct envelope *e, struct buf *out);
/* text: all of it with the empty line.  0 and a filled struct (envelope_done() is due), or
 * -EBADMSG and a sentence in *why. */
int envelope_decode(struct span text, struct envelope *out, const char **why) MUST_CHECK;
void envelope_done(struct envelope *e);

#endif
