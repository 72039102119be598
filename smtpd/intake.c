/*
 * intake.c - see intake.h.
 *
 * No 250 without a flush: the only place that answers "queued" is accepted(), after on_flushed()
 * with err 0.
 *
 * A message with an idempotency key is hashed as it was submitted, envelope and bytes before any
 * repair, so that queued can tell the same message from another one under the same key.  That is
 * known after the last byte only: then the envelope is written again, of the same length.
 */
#include "smtpd/intake.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/spool/flush.h"
#include "common/spool/ids.h"
#include "common/spool/spool.h"
#include "smtpd/received.h"
#include "smtpd/repair.h"
#include "smtpd/room.h"

#define COUNTER SPOOL_NEW_SMTPD "/counter"
#define POKE "run/queued/poke"

enum { FULL_CHECK_MS = 1000, REPLY_SIZE = REPAIR_REPLY_SIZE, SLICE = 16 * 1024 };
enum { LARGE = 1 << 20 };	/* bytes of a message whose flush may take long */
enum { ROOM_EACH = 1 << 20 };	/* bytes of a message after which its room is looked at again */
enum { LINE_MAX_LENGTH = 998 }; /* RFC 5322 2.1.1 */

static const char no_room[] = "452 4.3.1 Not enough room for mail now, try again later";
static const char header_too_large[] = "552 5.3.4 Header section is too large";

struct intake {
	struct envelope envelope;
	struct submitter_facts submitter;
	const char *hostname; /* the worker's, outlives us */
	bool esmtp, authenticated, utf8;
	bool needs_utf8;		 /* its header section cannot go without SMTPUTF8 */
	struct buf header;		 /* until it is complete */
	crypto_generichash_state digest; /* while envelope.has_digest */
	bool streaming;
	char refusal[REPLY_SIZE]; /* "": fine so far */
	struct spool_out out;
	uint64_t size;
	uint64_t room_at; /* the size at which its room is looked at next */
	struct mono ended;
	struct loop_timer *later; /* while a 250 is held back because delivery is behind */
	void (*answered)(void *arg, const char *reply); /* NULL: forgotten */
	void *arg;
};

static struct {
	const struct conf *conf;
	uint8_t complaint_key[TOKEN_KEY_SIZE];
	struct ids ids;
	struct flush_share *share;
	struct flusher *flusher, *large; /* those that take long hold up nobody else */
	int poke;
	bool poke_due;
	bool full;
	struct mono full_checked;
} self;

static void on_flushed(void *cookie, int err);

/* An empty datagram, which may be lost: queued also looks by itself. */
static void send_poke(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX, .sun_path = POKE};

	if (!self.poke_due)
		return;
	self.poke_due = false;
	if (sendto(self.poke, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&sun,
		   sizeof(sun)) < 0)
		LOG(LOG_DEBUG, "poke-lost", KERR(errno));
}

void intake_share(void)
{
	self.share = flush_share_new();
}

void intake_init(const struct conf *conf)
{
	bool by_syncfs = conf->spool_syncfs == 0 && /* "auto" */
			 flush_syncfs_is_durable(SPOOL_NEW_SMTPD);

	intake_configure(conf);
	secret_load("smtpd", "complaint", self.complaint_key);
	ids_init(&self.ids, COUNTER, SUBMITTER_SMTPD);
	self.poke = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(self.poke >= 0);
	self.flusher = flusher_new(by_syncfs ? self.share : NULL, on_flushed);
	self.large = flusher_new(NULL, on_flushed);
	self.full_checked.ms = -FULL_CHECK_MS;
	loop_turn_end(send_poke);
}

void intake_configure(const struct conf *conf)
{
	self.conf = conf;
}

static bool is_full(void)
{
	struct mono now = mono_now();

	if (now.ms - self.full_checked.ms >= FULL_CHECK_MS) {
		bool full = spool_is_full(SPOOL_NEW_SMTPD, self.conf->spool_free,
					  self.conf->spool_free_percent);

		if (full && !self.full)
			LOG(LOG_ERROR, "spool-full",
			    KS("reason", "less free than spool.free or spool.free_percent; no "
					 "mail is accepted until there is room"));
		self.full = full;
		self.full_checked = now;
	}
	return self.full;
}

/* What is wrong, or NULL. */
static const char *room_refusal(uint64_t server)
{
	if (room_used_up(server))
		return "452 4.3.1 Your mail server has too much mail waiting, try again later";
	return is_full() ? no_room : NULL;
}

const char *intake_refusal(const struct submitter_facts *submitter)
{
	return submitter->suspended ? "550 5.7.1 Mail server has been suspended"
				    : room_refusal(submitter->server);
}

struct intake *intake_new(const struct intake_facts *facts,
			  void (*answered)(void *arg, const char *reply), void *arg)
{
	const struct session *s = facts->session;
	struct intake *in = mem_alloc(sizeof(*in));
	struct envelope *e = &in->envelope;

	e->received = wall_now();
	e->id = qid_make(e->received);
	e->class = CLASS_OUTGOING;
	e->server = facts->submitter.server;
	e->credential = facts->submitter.credential;
	e->sender = s->tx.sender;
	snprintf(e->client, sizeof(e->client), "%s", facts->client_ip);
	snprintf(e->helo, sizeof(e->helo), "%s", s->helo);
	snprintf(e->tls, sizeof(e->tls), "%s", facts->tls);
	e->rcpt_count = s->tx.rcpt_count;
	e->rcpts = mem_alloc(e->rcpt_count * sizeof(*e->rcpts));
	for (size_t i = 0; i < e->rcpt_count; i++)
		e->rcpts[i].addr = s->tx.rcpts[i];
	in->submitter = facts->submitter;
	in->hostname = s->conf.hostname;
	in->esmtp = s->esmtp;
	in->authenticated = s->authenticated;
	in->utf8 = s->tx.utf8;
	buf_init(&in->header, LIMIT_HEADER + SLICE);
	in->out.fd = -1;
	in->room_at = ROOM_EACH;
	in->answered = answered;
	in->arg = arg;
	return in;
}

static void release(struct intake *in)
{
	loop_timer_free(&in->later);
	buf_done(&in->header);
	envelope_done(&in->envelope);
	mem_free(in);
}

/* The one end: the answer, the log line, the memory. */
static void answer(struct intake *in, const char *reply)
{
	bool accepted = reply[0] == '2';

	if (accepted) {
		LOG(LOG_INFO, "accepted", KS("id", in->envelope.id.s),
		    KB("from", addr_span(&in->envelope.sender)),
		    KU("rcpts", in->envelope.rcpt_count), KU("size", in->size),
		    KS("client", in->envelope.client), KS("server", in->submitter.label),
		    KI("flush_ms", mono_now().ms - in->ended.ms));
	} else {
		LOG_RATED(LOG_WARN, "message-refused", in->envelope.client,
			  KS("id", in->envelope.id.s), KB("from", addr_span(&in->envelope.sender)),
			  KS("client", in->envelope.client), KS("server", in->submitter.label),
			  KS("reply", reply));
	}
	if (in->answered)
		in->answered(in->arg, reply);
	release(in);
}

static void refuse(struct intake *in, const char *reply)
{
	if (!in->refusal[0])
		snprintf(in->refusal, sizeof(in->refusal), "%s", reply);
	spool_out_abort(&in->out);
	buf_done(&in->header);
}

static void failed(struct intake *in, const char *what, int err)
{
	LOG(LOG_ERROR, "spool-failed", KS("id", in->envelope.id.s), KS("step", what), KERR(err));
	refuse(in, err == -ENOSPC || err == -EDQUOT
			   ? no_room
			   : "451 4.3.0 The message could not be stored, try again later");
}

/* the digest of what was submitted */

static void digest_add(struct intake *in, struct span s)
{
	crypto_generichash_update(&in->digest, s.p, s.n);
}

/* Each address with a NUL after it, one more NUL, then the bytes. */
static void digest_begin(struct intake *in)
{
	static const struct span nul = {(const uint8_t *)"", 1};
	struct envelope *e = &in->envelope;

	crypto_generichash_init(&in->digest, NULL, 0, ENVELOPE_DIGEST_SIZE);
	digest_add(in, addr_span(&e->sender));
	digest_add(in, nul);
	for (size_t i = 0; i < e->rcpt_count; i++) {
		digest_add(in, addr_span(&e->rcpts[i].addr));
		digest_add(in, nul);
	}
	digest_add(in, nul);
	digest_add(in, buf_span(&in->header));
	e->has_digest = true;
}

static int digest_end(struct intake *in)
{
	crypto_generichash_final(&in->digest, in->envelope.digest, ENVELOPE_DIGEST_SIZE);
	return spool_out_envelope(&in->out, &in->envelope);
}

/* the header section */

static void add_received(const struct intake *in, struct buf *out)
{
	const struct envelope *e = &in->envelope;
	struct received r = {.helo = e->helo,
			     .client = e->client,
			     .hostname = in->hostname,
			     .tls = e->tls,
			     .id = e->id.s,
			     .at = e->received,
			     .esmtp = in->esmtp,
			     .authenticated = in->authenticated,
			     .utf8 = in->utf8,
			     .privacy = in->submitter.privacy};

	received_add(&r, out);
}

static int number_copies(struct intake *in)
{
	uint64_t first = 0;
	int err = ids_take(&self.ids, in->envelope.rcpt_count, &first);

	for (size_t i = 0; i < in->envelope.rcpt_count && !err; i++)
		in->envelope.rcpts[i].copy = first + 4 * i;
	return err;
}

/* Messages that began when there was room may use it up together. */
static void look_for_room(struct intake *in)
{
	const char *why = room_refusal(in->submitter.server);

	if (why)
		refuse(in, why);
}

static void write_piece(struct intake *in, struct span piece)
{
	int err = spool_out_write(&in->out, piece);

	in->size += piece.n;
	if (err) {
		failed(in, "write", err);
	} else if (in->size >= in->room_at) {
		in->room_at = in->size + ROOM_EACH;
		look_for_room(in);
	}
}

static bool header_accepted(struct intake *in, struct span header)
{
	const char *loop = repair_loop(header, self.complaint_key);

	if (loop) {
		refuse(in, loop);
		return false;
	}
	switch (policy_from(&in->submitter, header, in->utf8, &in->envelope.domain)) {
	case FROM_OK:
		return true;
	case FROM_REFUSED:
		refuse(in, "530 5.7.1 From/Sender name is not valid");
		break;
	case FROM_UNAVAILABLE:
		refuse(in, "451 4.3.0 The sender's domain cannot be checked now, try again later");
		break;
	}
	return false;
}

/* Our Received field and the repaired section; false when it was refused. */
static bool make_header(struct intake *in, struct span header, struct buf *out)
{
	struct envelope *e = &in->envelope;
	struct repair_facts facts = {.id = &e->id, .domain = &e->domain, .now = e->received};
	struct repair repair;

	repair_header(header, &facts, &repair);
	if (repair.refusal[0]) {
		refuse(in, repair.refusal);
	} else {
		add_received(in, out);
		buf_add(out, buf_span(&repair.header));
		e->options = repair.options;
		repair.options = (struct options){.metadata = NULL};
	}
	repair_done(&repair);
	/* what is delivered must not have more than what a deliverer reads */
	if (!in->refusal[0] && (!buf_ok(out) || out->n >= LIMIT_HEADER))
		refuse(in, header_too_large);
	return !in->refusal[0];
}

static bool make_file(struct intake *in)
{
	int err = number_copies(in);

	if (err) {
		failed(in, "counter", err);
		return false;
	}
	err = spool_out_begin(&in->out, SPOOL_NEW_SMTPD, &in->envelope);
	if (err)
		failed(in, "create", err);
	return !err;
}

/* The header is complete, the first n bytes gathered: decide, and begin the file. */
static void begin_file(struct intake *in, size_t n)
{
	struct span header = span_head(buf_span(&in->header), n);
	struct buf above;

	in->streaming = true;
	in->needs_utf8 = in->utf8 && !span_is_ascii(header);
	buf_init(&above, LIMIT_HEADER);
	if (header_accepted(in, header) && make_header(in, header, &above)) {
		if (in->envelope.options.idempotency[0])
			digest_begin(in);
		if (make_file(in))
			write_piece(in, buf_span(&above));
		if (!in->refusal[0])
			write_piece(in, span_from(buf_span(&in->header), n));
	}
	buf_done(&above);
	buf_done(&in->header);
}

/* Length of the header with its empty line, once it is all there; 0: not yet.  The first `known`
 * bytes were looked at before: a header in tiny pieces must not be searched from its start for
 * each of them. */
static size_t complete_header(struct span s, size_t known)
{
	struct span fresh = span_from(s, known > 3 ? known - 3 : 0);
	const uint8_t *at;

	if (s.n >= 2 && memcmp(s.p, "\r\n", 2) == 0)
		return 2;
	at = fresh.n ? memmem(fresh.p, fresh.n, "\r\n\r\n", 4) : NULL;
	return at ? (size_t)(at - s.p) + 4 : 0;
}

/* At most SLICE bytes at once, so that how the bytes came makes no difference. */
static void gather_header(struct intake *in, struct span piece)
{
	size_t known = in->header.n, end;

	buf_add(&in->header, piece);
	must(buf_ok(&in->header));
	end = complete_header(buf_span(&in->header), known);
	if ((end ? end : in->header.n) > LIMIT_HEADER)
		refuse(in, header_too_large);
	else if (end)
		begin_file(in, end);
}

const char *intake_id(const struct intake *in)
{
	return in->envelope.id.s;
}

void intake_content(struct intake *in, struct span piece)
{
	while (piece.n && !in->streaming && !in->refusal[0]) {
		gather_header(in, span_head(piece, SLICE));
		piece = span_from(piece, SLICE);
	}
	if (piece.n && !in->refusal[0]) {
		if (in->envelope.has_digest)
			digest_add(in, piece);
		write_piece(in, piece);
	}
}

static unsigned spool_flags(const struct intake *in, const struct dots *lines)
{
	return (lines->flags & DOTS_8BIT ? SPOOL_FLAG_EIGHT_BIT : 0) |
	       (lines->line_max > LINE_MAX_LENGTH ? SPOOL_FLAG_LONG_LINES : 0) |
	       (in->needs_utf8 ? SPOOL_FLAG_UTF8 : 0);
}

void intake_finish(struct intake *in, const struct dots *lines)
{
	int err = 0;

	in->ended = mono_now();
	if (!in->refusal[0] && !in->streaming)
		begin_file(in, in->header.n); /* a message that is all header */
	if (!in->refusal[0])
		look_for_room(in);
	if (!in->refusal[0]) {
		if (in->envelope.has_digest)
			err = digest_end(in);
		if (!err)
			err = spool_out_end(&in->out, spool_flags(in, lines));
		if (err)
			failed(in, "write", err);
	}
	if (in->refusal[0])
		answer(in, in->refusal);
	else
		flush_add(in->size > LARGE ? self.large : self.flusher, in->out.fd, in);
}

static void accepted(void *arg)
{
	struct intake *in = arg;
	char reply[REPLY_SIZE];

	snprintf(reply, sizeof(reply), "250 2.0.0 Ok: queued as %s", in->envelope.id.s);
	answer(in, reply);
}

static void on_flushed(void *cookie, int err)
{
	struct intake *in = cookie;
	int64_t delay_ms;

	if (err) {
		failed(in, "flush", err);
		answer(in, in->refusal);
		return;
	}
	spool_out_done(&in->out);
	self.poke_due = true;
	delay_ms = room_delay_ms();
	if (delay_ms == 0) {
		accepted(in);
		return;
	}
	in->later = loop_timer_new(accepted, in);
	loop_timer_set(in->later, delay_ms);
}

void intake_abort(struct intake **in)
{
	if (!*in)
		return;
	spool_out_abort(&(*in)->out);
	release(*in);
	*in = NULL;
}

void intake_forget(struct intake *in)
{
	in->answered = NULL;
}
