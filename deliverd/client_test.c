/*
 * client_test.c - the sessions of tests/transcripts/client, each whole, byte by byte and at random
 * splits.
 *
 * Lines of the server that follow one another are one arrival: the driver acts only after all of
 * them were taken, however they were cut.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>

#include "common/proc.h"
#include "deliverd/client.h"

enum { ROUNDS = 20, TEXT_MAX = 65536 };

static const char folder[] = "tests/transcripts/client";

struct play {
	const char *file;
	unsigned line;
	unsigned round; /* 0: whole, 1: byte by byte, then random */
	uint64_t random;
	struct client client;
	struct client_mail mail;
	struct client_setup setup;
	unsigned more;	    /* transactions after this one */
	struct buf out;	    /* sent by the client, not yet expected */
	struct buf arrival; /* lines of the server, not yet taken */
	bool ended;
};

static void complain(const struct play *p, const char *what, struct span got)
{
	fail_msg("%s:%u (round %u): %s; got \"%.*s\", %s %u %s %s", p->file, p->line, p->round,
		 what, SPAN_FMT(got), outcome_name(p->client.outcome.kind), p->client.outcome.code,
		 p->client.stage, p->client.outcome.text);
}

static void unescape(struct span s, struct buf *out)
{
	while (s.n) {
		uint8_t c = s.p[0];
		size_t used = 1;

		if (c == '\\' && s.n > 1) {
			used = 2;
			c = s.p[1] == 'r' ? '\r' : s.p[1] == 'n' ? '\n' : s.p[1];
			if (c == '0')
				c = 0;
			if (c == 'x' && hex_decode(span_head(span_from(s, 2), 2), &c, 1) == 0)
				used = 4;
		}
		buf_byte(out, c);
		s = span_from(s, used);
	}
}

static void arrive(struct play *p)
{
	struct span in = buf_span(&p->arrival);

	while (in.n) {
		size_t n = in.n;

		p->random = p->random * 6364136223846793005U + 1442695040888963407U;
		if (p->round == 1)
			n = 1;
		else if (p->round > 1)
			n = 1 + (p->random >> 33) % in.n;
		client_input(&p->client, span_head(in, n));
		in = span_from(in, n);
	}
	buf_reset(&p->arrival);
}

/* What a driver does after each event. */
static void act(struct play *p)
{
	arrive(p);
	for (;;) {
		buf_add(&p->out, buf_span(&p->client.out));
		buf_reset(&p->client.out);
		if (p->client.want == CLIENT_READY)
			client_mail(&p->client, &p->mail);
		else if (p->client.want == CLIENT_DONE && !p->more)
			client_quit(&p->client);
		else
			return;
	}
}

static bool event(struct play *p, struct span name)
{
	struct client *c = &p->client;

	if (span_eq_str(name, "{content}") && c->want == CLIENT_CONTENT)
		client_dot_sent(c);
	else if (span_eq_str(name, "{tls}") && c->want == CLIENT_START_TLS)
		client_secured(c);
	else if (span_eq_str(name, "{tls-failed}") && c->want == CLIENT_START_TLS)
		client_tls_failed(c, "unit test");
	else if (span_eq_str(name, "lost"))
		client_lost(c, "unit test");
	else if (span_eq_str(name, "timeout"))
		client_timeout(c);
	else
		return false;
	return true;
}

static void expect_client(struct play *p, struct span text)
{
	act(p);
	if (text.n && text.p[0] == '{') {
		if (p->out.n || !event(p, text))
			complain(p, "the driver was not asked for this", buf_span(&p->out));
		return;
	}
	if (p->out.n < text.n + 2 || memcmp(p->out.p, text.p, text.n) != 0 ||
	    memcmp(p->out.p + text.n, "\r\n", 2) != 0)
		complain(p, "the client did not send this", buf_span(&p->out));
	buf_drop(&p->out, text.n + 2);
}

static void expect_outcome(struct play *p, struct span want)
{
	const struct client *c = &p->client;
	struct buf got;
	size_t n = want.n;

	act(p);
	if (p->out.n || c->want != (p->more ? CLIENT_DONE : CLIENT_CLOSE) || !c->decided)
		complain(p, "this is not the end", buf_span(&p->out));
	buf_init(&got, 8192);
	buf_fmt(&got, "%s %u %s %s%s%s%s", outcome_name(c->outcome.kind), c->outcome.code,
		c->outcome.status, c->stage, c->uncertain ? " uncertain" : "",
		c->outcome.text[0] ? " " : "", c->outcome.text);
	if (n && want.p[n - 1] == '*')
		want = span_head(want, --n);
	else
		n = got.n > n ? got.n : n;
	if (!span_eq(span_head(buf_span(&got), n), want))
		complain(p, "another outcome", buf_span(&got));
	buf_done(&got);
	p->ended = true;
}

static void read_task(struct play *p, struct span line)
{
	p->mail = (struct client_mail){0};
	while (line.n) {
		struct span value = span_cut(&line, ' '), key = span_cut(&value, '=');

		if (span_eq_str(key, "sender"))
			p->mail.sender = value;
		else if (span_eq_str(key, "rcpt"))
			p->mail.rcpt = value;
		else if (span_eq_str(key, "8bit"))
			p->mail.eight_bit = true;
		else if (span_eq_str(key, "utf8"))
			p->mail.utf8 = true;
		else
			assert_int_equal(span_u64(value, UINT64_MAX, &p->mail.size), 0);
	}
}

static void read_session(struct play *p, struct span line)
{
	while (line.n) {
		struct span value = span_cut(&line, ' '), key = span_cut(&value, '=');

		if (span_eq_str(key, "user"))
			p->setup.user = value;
		else if (span_eq_str(key, "password"))
			p->setup.password = value;
		else if (span_eq_str(value, "must"))
			p->setup.tls = CLIENT_TLS_MUST;
		else
			p->setup.tls = CLIENT_TLS_NONE;
	}
	client_done(&p->client);
	client_init(&p->client, &p->setup);
}

static unsigned count_lines(struct span text, const char *begin)
{
	unsigned n = 0;

	while (text.n)
		n += span_istarts(span_cut(&text, '\n'), begin);
	return n;
}

static void play_line(struct play *p, struct span line)
{
	struct span text = span_from(line, line.n > 2 && line.p[2] == ' ' ? 3 : 2);

	if (line.n == 0 || line.p[0] == '#')
		return;
	if (span_istarts(line, "session ")) {
		read_session(p, span_from(line, 8));
	} else if (span_istarts(line, "S")) {
		if (p->out.n)
			complain(p, "the client sent more", buf_span(&p->out));
		unescape(text, &p->arrival);
		if (line.p[1] == ':')
			buf_str(&p->arrival, "\r\n");
	} else if (span_istarts(line, "C:")) {
		expect_client(p, text);
	} else if (line.p[0] == '=') {
		expect_outcome(p, span_from(line, 2));
	} else if (span_istarts(line, "task ")) {
		read_task(p, span_from(line, 5));
	} else if (span_istarts(line, "next ")) {
		p->more--;
		read_task(p, span_from(line, 5));
		client_mail(&p->client, &p->mail);
	} else {
		act(p);
		if (!event(p, span_from(line, 2)))
			complain(p, "this line means nothing", line);
	}
}

static void play(const char *file, struct span text, unsigned round)
{
	struct play p = {.file = file, .round = round, .random = round};
	struct span line = span_cut(&text, '\n');

	p.mail = (struct client_mail){
		.sender = SPAN_LIT("a@from.test"), .rcpt = SPAN_LIT("b@to.test"), .size = 1234};
	buf_init(&p.out, TEXT_MAX);
	buf_init(&p.arrival, TEXT_MAX);
	p.setup = (struct client_setup){.helo = SPAN_LIT("me.test"), .tls = CLIENT_TLS_MAY};
	p.more = count_lines(text, "next ");
	client_init(&p.client, &p.setup);
	for (p.line = 1; text.n || line.n; p.line++) {
		play_line(&p, line);
		line = span_cut(&text, '\n');
	}
	if (!p.ended)
		complain(&p, "no line says how it ends", text);
	client_done(&p.client);
	buf_done(&p.out);
	buf_done(&p.arrival);
}

static void every_transcript_ends_as_it_says(void **state)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	unsigned count = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d))) {
		char path[512];
		struct buf text;
		size_t n = strlen(e->d_name);

		if (n < 2 || strcmp(e->d_name + n - 2, ".t") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		assert_int_equal(file_read(path, TEXT_MAX, &text), 0);
		for (unsigned round = 0; round < ROUNDS; round++)
			play(path, buf_span(&text), round);
		buf_done(&text);
		count++;
	}
	closedir(d);
	assert_true(count > 30);
}

static const struct client_setup setup = {.helo = SPAN_LIT("me.test"), .tls = CLIENT_TLS_MAY};

static void an_endless_reply_takes_no_memory(void **state)
{
	struct client c;

	(void)state;
	client_init(&c, &setup);
	for (int i = 0; i < 100000 && c.want != CLIENT_CLOSE; i++)
		client_input(&c, SPAN_LIT("220-and so on and so on"));
	assert_int_equal(c.want, CLIENT_CLOSE);
	assert_int_equal(c.outcome.kind, OUTCOME_TEMP);
	assert_true(c.out.cap <= CLIENT_OUT_MAX);
	client_done(&c);
}

static void longest_addresses_fit(void **state)
{
	char sender[LIMIT_ADDR], rcpt[LIMIT_ADDR];
	struct client_mail m = {.sender = {(uint8_t *)sender, sizeof(sender)},
				.rcpt = {(uint8_t *)rcpt, sizeof(rcpt)},
				.size = UINT64_MAX,
				.eight_bit = true};
	struct client c;

	(void)state;
	memset(sender, 'a', sizeof(sender));
	memset(rcpt, 'b', sizeof(rcpt));
	client_init(&c, &setup);
	client_input(&c, SPAN_LIT("220 hi\r\n"));
	buf_reset(&c.out);
	client_input(&c, SPAN_LIT("250-hi\r\n250-SIZE\r\n250-8bitmime\r\n250 Pipelining\r\n"));
	assert_int_equal(c.want, CLIENT_READY);
	client_mail(&c, &m);
	assert_true(buf_ok(&c.out));
	client_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_transcript_ends_as_it_says),
		cmocka_unit_test(an_endless_reply_takes_no_memory),
		cmocka_unit_test(longest_addresses_fit),
	};

	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
