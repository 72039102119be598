/*
 * The SMTP client against any server: the first byte chooses the mail, then come pieces of the
 * server's speech, each with its length and the event that follows it.
 *
 * Whatever comes: PERM only after a 5xx reply (or 5.6.3), DONE only after a 2xx to the dot,
 * uncertain only after the dot, bounded output without a line of the server's in it, one end.
 */
#include "deliverd/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct client *c)
{
	const struct outcome *o = &c->outcome;

	must(buf_ok(&c->out) && c->out.cap <= CLIENT_OUT_MAX);
	must(c->stage && c->expect_n <= CLIENT_EXPECT_MAX);
	must(c->want != CLIENT_CLOSE || c->decided);
	must(!c->uncertain || (c->dot_sent && o->kind == OUTCOME_TEMP));
	must(!c->dot_sent || client_deadline(c) == CLIENT_DOT_TIME);
	must(c->want != CLIENT_DONE || (c->decided && !c->uncertain));
	if (!c->decided)
		return;
	must(strlen(o->text) < OUTCOME_TEXT_MAX && strlen(o->status) >= 5);
	if (o->kind == OUTCOME_PERM)
		must((o->code >= 500 && o->code <= 599) ||
		     (o->code == 0 && strcmp(o->status, "5.6.3") == 0));
	if (o->kind == OUTCOME_DONE)
		must(c->dot_sent && o->code / 100 == 2);
	must(o->status[0] == "245"[o->kind]);
}

/* Sends what the client says, does what it wants. */
static void drive(struct client *c, const struct client_mail *mail, uint8_t event)
{
	buf_reset(&c->out);
	if (event == 1)
		client_lost(c, "fuzz");
	else if (event == 2)
		client_timeout(c);
	else if (event == 3 && c->want == CLIENT_START_TLS)
		client_tls_failed(c, "fuzz");
	else if (c->want == CLIENT_START_TLS)
		client_secured(c);
	else if (c->want == CLIENT_READY && event == 4)
		client_tls_failed(c, "fuzz");
	else if (c->want == CLIENT_DONE && event == 5)
		client_quit(c);
	else if (c->want == CLIENT_READY || c->want == CLIENT_DONE)
		client_mail(c, mail);
	else if (c->want == CLIENT_CONTENT)
		client_dot_sent(c);
	check(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct client_mail mail = {SPAN_LIT("a@b.test"), SPAN_LIT("c@d.test"), 42, false};
	struct client c;
	struct client_setup setup = {.helo = SPAN_LIT("me.test")};

	if (size == 0)
		return 0;
	mail.eight_bit = data[0] & 1;
	setup.tls = (enum client_tls)(data[0] / 2 % 3);
	if (data[0] & 8) {
		setup.user = SPAN_LIT("user");
		setup.password = SPAN_LIT("password");
	}
	in = span_from(in, 1);
	client_init(&c, &setup);
	while (in.n > 2) {
		size_t n = in.p[0];
		uint8_t event = in.p[1] % 16;
		struct outcome before;
		bool was_decided;

		in = span_from(in, 2);
		client_input(&c, span_head(in, n));
		in = span_from(in, n);
		check(&c);
		before = c.outcome;
		was_decided = c.decided && c.want != CLIENT_DONE;
		drive(&c, &mail, event);
		if (was_decided) /* what was decided stays */
			must(memcmp(&before, &c.outcome, sizeof(before)) == 0);
	}
	client_lost(&c, "end");
	must(c.want == CLIENT_CLOSE);
	check(&c);
	client_done(&c);
	return 0;
}
