/*
 * session.c - the SMTP server's machine: any bytes, whole and split, give the same replies and the
 * same messages; every message that was begun is ended once.
 */
#include "smtpd/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct buf content;
	unsigned begun, finished, discarded;
	bool network;
};

static enum auth_result on_auth(void *arg, struct span user, struct span secret, char *label,
				size_t size)
{
	(void)arg;
	(void)user;
	if (!span_eq_str(secret, "secret"))
		return secret.n % 2 ? AUTH_LATER : secret.n % 4 ? AUTH_THROTTLED : AUTH_WRONG;
	must(size >= 4);
	memcpy(label, "o/s", 4);
	return AUTH_OK;
}

static enum auth_result on_cram(void *arg, struct span user, struct span challenge,
				const uint8_t digest[16], char *label, size_t size)
{
	must(user.n > 0 && challenge.p[0] == '<' && challenge.p[challenge.n - 1] == '>');
	return on_auth(arg, user, span_str(digest[0] ? "wrong" : "secret"), label, size);
}

static void on_unique(void *arg, char out[SESSION_UNIQUE_SIZE])
{
	(void)arg;
	memcpy(out, "0.1", 4);
}

static enum auth_result on_network(void *arg, char *label, size_t size)
{
	const struct world *w = arg;

	return w->network ? on_auth(arg, span_of(NULL, 0), SPAN_LIT("secret"), label, size)
			  : AUTH_WRONG;
}

static bool on_begin(void *arg, const struct session *s, char *refusal, size_t size)
{
	struct world *w = arg;

	must(s->submits && s->tx.submits && s->tx.has_sender && s->tx.rcpt_count);
	must(s->authenticated || w->network);
	for (size_t i = 0; i < s->tx.rcpt_count; i++)
		must(s->tx.utf8 || !addr_is_utf8(&s->tx.rcpts[i]));
	if (s->tx.rcpt_count == 3) { /* the disk is full */
		must(size > 16);
		memcpy(refusal, "452 4.3.1 full", 15);
		return false;
	}
	w->begun++;
	return true;
}

static void on_content(void *arg, struct span piece)
{
	struct world *w = arg;

	must(w->begun == w->finished + w->discarded + 1);
	buf_add(&w->content, piece);
}

static void on_finish(void *arg, const struct session *s, const char *refusal)
{
	struct world *w = arg;

	(void)s;
	(void)refusal;
	w->finished++;
	buf_str(&w->content, "<end>");
}

static void on_discard(void *arg)
{
	struct world *w = arg;

	w->discarded++;
	buf_str(&w->content, "<discard>");
}

static const struct session_ops ops = {.auth = on_auth,
				       .cram = on_cram,
				       .unique = on_unique,
				       .network = on_network,
				       .begin = on_begin,
				       .content = on_content,
				       .finish = on_finish,
				       .discard = on_discard};

static void feed(struct session *s, struct world *w, struct buf *out, struct span in, size_t step)
{
	struct span rest = in;
	size_t shown = 0;

	while (shown < in.n || rest.n) {
		shown = size_min(in.n, shown + step);
		struct span part = span_of(rest.p, rest.n - (in.n - shown));
		size_t used = session_input(s, part);

		must(used <= part.n);
		rest = span_from(rest, used);
		if (s->wait == WAIT_COMMIT)
			session_reply(s, "250 2.0.0 Ok");
		else if (s->wait == WAIT_AUTH)
			session_auth_answer(s, AUTH_WRONG);
		else if (s->wait == WAIT_TLS)
			session_secured(s);
		else if (s->wait == WAIT_CLOSE)
			break;
		else if (shown == in.n && used == 0)
			break;
	}
	buf_add(out, buf_span(&s->out));
	(void)w;
}

static void play(struct span in, size_t step, struct buf *out, struct world *w)
{
	struct session_conf conf = {.hostname = "mail.example",
				    .message_size = 100000,
				    .recipients = 100,
				    .auth_failures = 3,
				    .errors = 20};
	struct session s;
	uint8_t mode = in.n ? in.p[0] : 0;

	*w = (struct world){.network = (mode & 2) != 0};
	conf.cram = (mode & 4) != 0;
	conf.auth_clear = (mode & 8) != 0;
	conf.mx_auth = (mode & 16) != 0;
	buf_init(&w->content, 1 << 24);
	session_init(&s, mode & 32 ? SESSION_MX : SESSION_SUBMISSION, &conf, &ops, w);
	session_greet(&s);
	if (mode & 1) { /* most inputs should get past TLS and AUTH */
		s.tls = s.authenticated = s.submits = true;
		memcpy(s.helo, "h", 2);
	}
	feed(&s, w, out, span_from(in, 1), step);
	session_done(&s);
	must(w->begun == w->finished + w->discarded);
}

/* Whether octets are ahead of a TLS handshake depends on how they come. */
static bool was_ahead(const struct buf *out)
{
	static const char text[] = "554 5.5.1 Data was sent ahead";

	return memmem(out->p, out->n, text, sizeof(text) - 1) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, split;
	struct world a, b;

	if (size < 2 || size > 60000)
		return 0;
	buf_init(&whole, 1 << 24);
	buf_init(&split, 1 << 24);
	play(span_of(data, size), size, &whole, &a);
	play(span_of(data, size), 1 + data[1] % 7, &split, &b);
	if (!was_ahead(&whole) && !was_ahead(&split)) {
		must(span_eq(buf_span(&a.content), buf_span(&b.content)));
		must(span_eq(buf_span(&whole), buf_span(&split)));
	}
	buf_done(&whole);
	buf_done(&split);
	buf_done(&a.content);
	buf_done(&b.content);
	return 0;
}
