/*
 * session.c - the SMTP server's machine: any bytes, whole and split, give the same replies and the
 * same messages; every message that was begun is ended once.
 */
#include "smtpd/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct buf content;
	unsigned begun, finished, discarded;
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

static bool on_begin(void *arg, const struct session *s, char *refusal, size_t size)
{
	struct world *w = arg;

	(void)refusal;
	(void)size;
	must(s->authenticated && s->tx.has_sender && s->tx.rcpt_count);
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

static const struct session_ops ops = {on_auth, on_begin, on_content, on_finish, on_discard};

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

	*w = (struct world){0};
	buf_init(&w->content, 1 << 24);
	session_init(&s, SESSION_SUBMISSION, &conf, &ops, w);
	session_greet(&s);
	if (in.n && in.p[0] & 1) { /* most inputs should get past TLS and AUTH */
		s.tls = s.authenticated = true;
		memcpy(s.helo, "h", 2);
	}
	feed(&s, w, out, span_from(in, 1), step);
	session_done(&s);
	must(w->begun == w->finished + w->discarded);
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
	must(span_eq(buf_span(&a.content), buf_span(&b.content)));
	must(whole.n == split.n || a.begun == b.begun);
	buf_done(&whole);
	buf_done(&split);
	buf_done(&a.content);
	buf_done(&b.content);
	return 0;
}
