/*
 * intake.c - see intake.h.
 *
 * No 250 without a flush: the only place that answers "queued" is on_flushed() with err 0.
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

#define COUNTER SPOOL_NEW_SMTPD "/counter"
#define POKE "run/queued/poke"

enum { FULL_CHECK_MS = 1000, REPLY_SIZE = 256, RECEIVED_MAX = 1024, SLICE = 16 * 1024 };

struct intake {
	struct envelope envelope;
	struct submitter_facts submitter;
	const char *proto;    /* ESMTPSA */
	const char *hostname; /* the worker's, outlives us */
	bool utf8; /* SMTPUTF8 was given with MAIL */
	struct buf header; /* until it is complete */
	bool streaming;
	char refusal[REPLY_SIZE]; /* "": fine so far */
	struct spool_out out;
	uint64_t size;
	struct mono ended;
	void (*answered)(void *arg, const char *reply); /* NULL: forgotten */
	void *arg;
};

static struct {
	struct ids ids;
	struct flusher *flusher;
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

void intake_init(const struct conf *conf)
{
	bool syncfs_allowed = conf->spool_syncfs == 0; /* "auto" */

	ids_init(&self.ids, COUNTER, SUBMITTER_SMTPD);
	self.poke = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(self.poke >= 0);
	self.flusher = flusher_new(syncfs_allowed && flush_own_filesystem("spool"), on_flushed);
	self.full_checked.ms = -FULL_CHECK_MS;
	loop_turn_end(send_poke);
}

const char *intake_refusal(const struct conf *conf)
{
	struct mono now = mono_now();

	if (now.ms - self.full_checked.ms >= FULL_CHECK_MS) {
		bool full = spool_is_full(SPOOL_NEW_SMTPD, conf->spool_free,
					  conf->spool_free_percent);

		if (full && !self.full)
			LOG(LOG_ERROR, "spool-full",
			    KS("reason", "less free than spool.free or spool.free_percent; no "
					 "mail is accepted until there is room"));
		self.full = full;
		self.full_checked = now;
	}
	return self.full ? "452 4.3.1 Not enough room for mail now, try again later" : NULL;
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
	in->utf8 = s->tx.utf8;
	in->proto = s->esmtp ? "ESMTPSA" : "SMTP";
	in->hostname = s->conf.hostname;
	buf_init(&in->header, LIMIT_HEADER + SLICE);
	in->out.fd = -1;
	in->answered = answered;
	in->arg = arg;
	return in;
}

static void release(struct intake *in)
{
	buf_done(&in->header);
	envelope_done(&in->envelope);
	mem_free(in);
}

/* The one end: the answer, the log line, the memory. */
static void answer(struct intake *in, const char *reply)
{
	bool accepted = reply[0] == '2';

	if (accepted) {
		self.poke_due = true;
		LOG(LOG_INFO, "accepted", KS("id", in->envelope.id.s),
		    KB("from", addr_span(&in->envelope.sender)),
		    KU("rcpts", in->envelope.rcpt_count), KU("size", in->size),
		    KS("client", in->envelope.client), KS("server", in->submitter.label),
		    KI("flush_ms", mono_now().ms - in->ended.ms));
	} else {
		LOG(LOG_WARN, "message-refused", KS("id", in->envelope.id.s),
		    KB("from", addr_span(&in->envelope.sender)), KS("client", in->envelope.client),
		    KS("server", in->submitter.label), KS("reply", reply));
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
			   ? "452 4.3.1 Not enough room for mail now, try again later"
			   : "451 4.3.0 The message could not be stored, try again later");
}

/* A name from outside in a comment of ours: only what a name or an address literal is made of. */
static const char *printable_helo(const struct intake *in)
{
	const char *ok = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
	const char *helo = in->envelope.helo;

	return strspn(helo, ok) == strlen(helo) ? helo : "unknown";
}

/* RFC 5321 4.4; no "for": recipients are not shown to each other. */
static void received_field(const struct intake *in, struct buf *out)
{
	const struct envelope *e = &in->envelope;
	char date[WALL_TEXT_SIZE];

	wall_rfc5322(e->received, date);
	buf_fmt(out, "Received: from %s ([%s%s])\r\n", printable_helo(in),
		strchr(e->client, ':') ? "IPv6:" : "", e->client);
	buf_fmt(out, "\tby %s (Posthaste) with %s id %s", in->hostname, in->proto, e->id.s);
	if (e->tls[0])
		buf_fmt(out, "\r\n\t(using %s)", e->tls);
	buf_fmt(out, ";\r\n\t%s\r\n", date);
}

static int number_copies(struct intake *in)
{
	uint64_t first = 0;
	int err = ids_take(&self.ids, in->envelope.rcpt_count, &first);

	for (size_t i = 0; i < in->envelope.rcpt_count && !err; i++)
		in->envelope.rcpts[i].copy = first + 4 * i;
	return err;
}

static void write_piece(struct intake *in, struct span piece)
{
	int err = spool_out_write(&in->out, piece);

	in->size += piece.n;
	if (err)
		failed(in, "write", err);
}

static bool header_accepted(struct intake *in, struct span header)
{
	if (header_received(header) >= LIMIT_HOPS) {
		refuse(in, "554 5.4.6 Too many hops: the message goes in a circle");
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

/* The header is complete, the first n bytes gathered: decide, and begin the file. */
static void begin_file(struct intake *in, size_t n)
{
	struct buf received;
	int err;

	in->streaming = true;
	if (!header_accepted(in, span_head(buf_span(&in->header), n)))
		return;
	err = number_copies(in);
	if (err) {
		failed(in, "counter", err);
		return;
	}
	err = spool_out_begin(&in->out, SPOOL_NEW_SMTPD, &in->envelope);
	if (err) {
		failed(in, "create", err);
		return;
	}
	buf_init(&received, RECEIVED_MAX);
	received_field(in, &received);
	must(buf_ok(&received));
	write_piece(in, buf_span(&received));
	buf_done(&received);
	if (!in->refusal[0])
		write_piece(in, buf_span(&in->header));
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
		refuse(in, "552 5.3.4 Header section is too large");
	else if (end)
		begin_file(in, end);
}

void intake_content(struct intake *in, struct span piece)
{
	while (piece.n && !in->streaming && !in->refusal[0]) {
		gather_header(in, span_head(piece, SLICE));
		piece = span_from(piece, SLICE);
	}
	if (piece.n && !in->refusal[0])
		write_piece(in, piece);
}

void intake_finish(struct intake *in, bool eight_bit)
{
	int err;

	in->ended = mono_now();
	if (!in->refusal[0] && !in->streaming)
		begin_file(in, in->header.n); /* a message that is all header */
	if (!in->refusal[0]) {
		err = spool_out_end(&in->out, eight_bit ? SPOOL_FLAG_EIGHT_BIT : 0);
		if (err)
			failed(in, "write", err);
	}
	if (in->refusal[0])
		answer(in, in->refusal);
	else
		flush_add(self.flusher, in->out.fd, in);
}

static void on_flushed(void *cookie, int err)
{
	struct intake *in = cookie;
	char reply[REPLY_SIZE];

	if (err) {
		failed(in, "flush", err);
		answer(in, in->refusal);
		return;
	}
	spool_out_done(&in->out);
	snprintf(reply, sizeof(reply), "250 2.0.0 Ok: queued as %s", in->envelope.id.s);
	answer(in, reply);
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
