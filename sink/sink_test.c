/*
 * sink_test.c - transcripts of the session against the pure machine, and the folder of messages.
 *
 * Each transcript is a list of lines: "C: " what the client says (\r\n is added), "S: " a reply
 * line that must come next, "W: " bytes exactly as given (no line end added), "T: " TLS stands
 * now, "E: " the errno that the disk answers from now on, "X: " the end: closed.  Each is played
 * with whole lines, byte by byte, and in pieces of seven bytes, with equal results.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink/sink.h"
#include "sink/store.h"

#define GREETING "S: 220 sink.test ESMTP Posthaste sink"
#define HELLO "C: HELO me.example", "S: 250 sink.test"
#define MAIL "C: MAIL FROM:<a@b.example>", "S: 250 2.1.0 Sender accepted"
#define RCPT "C: RCPT TO:<c@d.example>", "S: 250 2.1.5 Recipient accepted"
#define DATA "C: DATA", "S: 354 End with a dot on a line of its own"
#define KEPT "S: 250 2.0.0 Kept as 1.eml"
#define TO_DATA GREETING, HELLO, MAIL, RCPT, DATA
#define X10(line) line, line, line, line, line, line, line, line, line, line
#define UNKNOWN "C: WHAT", "S: 500 5.5.1 Unknown command"

struct transcript {
	const char *name;
	const char *lines[96];
	const char *message; /* what was kept last; NULL: nothing */
};

static const struct transcript transcripts[] = {
	{"EHLO offers what there is",
	 {GREETING, "C: EHLO me.example", "S: 250-sink.test", "S: 250-PIPELINING",
	  "S: 250-SIZE 1000", "S: 250-STARTTLS", "S: 250-8BITMIME", "S: 250-SMTPUTF8",
	  "S: 250 ENHANCEDSTATUSCODES", "C: QUIT", "S: 221 2.0.0 Bye", "X: "},
	 NULL},
	{"a host name is wanted in the greeting",
	 {GREETING, "C: EHLO", "S: 501 5.5.4 Name your host, or its address in brackets",
	  "C: HELO a(b", "S: 501 5.5.4 Name your host, or its address in brackets",
	  "C: helo [127.0.0.1]", "S: 250 sink.test", "C: HELO [IPv6:::1]", "S: 250 sink.test"},
	 NULL},
	{"TLS makes both sides begin anew",
	 {GREETING, HELLO, MAIL, "C: STARTTLS", "S: 220 2.0.0 Begin TLS", "T: ",
	  "C: MAIL FROM:<a@b>", "S: 503 5.5.1 Say EHLO first", "C: EHLO me", "S: 250-sink.test",
	  "S: 250-PIPELINING", "S: 250-SIZE 1000", "S: 250-8BITMIME", "S: 250-SMTPUTF8",
	  "S: 250 ENHANCEDSTATUSCODES", "C: STARTTLS", "S: 503 5.5.1 TLS is on already",
	  "C: STARTTLS now", "S: 501 5.5.4 STARTTLS takes no argument"},
	 NULL},
	{"a message is kept as it came, without the stuffed dots",
	 {TO_DATA, "C: Subject: x", "C: ", "C: ..", "C: ..dot", "C: .", KEPT},
	 "Subject: x\r\n\r\n.\r\n.dot\r\n"},
	{"odd bytes are kept as they are",
	 {TO_DATA, "W: a\nb\rc\xff\r\r\n\n.\n.\r\n", "C: .", KEPT},
	 "a\nb\rc\xff\r\r\n\n.\n.\r\n"},
	{"an empty message is one", {TO_DATA, "C: .", KEPT}, ""},
	{"two messages in a session",
	 {TO_DATA, "C: 1", "C: .", KEPT, MAIL, RCPT, DATA, "C: 2", "C: .", KEPT},
	 "2\r\n"},
	{"the null sender, parameters, and postmaster without a domain",
	 {GREETING, HELLO, "C: mail from: <> SIZE=10 BODY=8BITMIME", "S: 250 2.1.0 Sender accepted",
	  "C: rcpt to:<POSTMASTER>", "S: 250 2.1.5 Recipient accepted", DATA, "C: x", "C: .", KEPT},
	 "x\r\n"},
	{"addresses in UTF-8 with SMTPUTF8",
	 {GREETING, HELLO, "C: MAIL FROM:<\xc3\xa4@b> smtputf8", "S: 250 2.1.0 Sender accepted",
	  "C: RCPT TO:<\xc3\xb6@\xc3\xb6>", "S: 250 2.1.5 Recipient accepted", DATA, "C: x", "C: .",
	  KEPT, MAIL, "C: RCPT TO:<\xc3\xb6@b>", "S: 553 5.6.7 A non-ASCII address needs SMTPUTF8"},
	 "x\r\n"},
	{"what is wrong with MAIL",
	 {GREETING,
	  "C: MAIL FROM:<a@b>",
	  "S: 503 5.5.1 Say EHLO first",
	  HELLO,
	  "C: MAIL a@b",
	  "S: 501 5.5.4 MAIL FROM:<address>",
	  "C: MAIL FROM:a@b",
	  "S: 501 5.1.7 the address is not in angle brackets",
	  "C: MAIL FROM:<a@b>x",
	  "S: 501 5.5.4 What follows the address is no parameter",
	  "C: MAIL FROM:<a@b> SIZE=1x",
	  "S: 501 5.5.4 SIZE takes a number",
	  "C: MAIL FROM:<a@b> SIZE=1001",
	  "S: 552 5.3.4 The message is too large",
	  "C: MAIL FROM:<a@b> BODY=BINARYMIME",
	  "S: 501 5.5.4 BODY takes 7BIT or 8BITMIME",
	  "C: MAIL FROM:<a@b> RET=FULL",
	  "S: 555 5.5.4 Unknown parameter",
	  "C: MAIL FROM:<\xc3\xa4@b>",
	  "S: 553 5.6.7 A non-ASCII address needs SMTPUTF8",
	  "C: MAIL FROM:<\xe4@b> SMTPUTF8",
	  "S: 501 5.1.7 the address has non-ASCII characters that are no text in UTF-8",
	  MAIL,
	  "C: MAIL FROM:<a@b>",
	  "S: 503 5.5.1 A sender was given already"},
	 NULL},
	{"what is wrong with RCPT",
	 {GREETING, HELLO, "C: RCPT TO:<a@b>", "S: 503 5.5.1 Say MAIL first", MAIL, "C: RCPT <a@b>",
	  "S: 501 5.5.4 RCPT TO:<address>", "C: RCPT TO:<>",
	  "S: 501 5.1.3 the address or domain is empty", "C: RCPT TO:<a b@c>",
	  "S: 501 5.1.3 the part before the @ has a character that is not allowed",
	  "C: RCPT TO:<a@b> NOTIFY=NEVER", "S: 555 5.5.4 RCPT takes no parameters"},
	 NULL},
	{"what is wrong with DATA",
	 {GREETING, "C: DATA", "S: 503 5.5.1 Say EHLO first", HELLO, "C: DATA",
	  "S: 503 5.5.1 Say MAIL first", MAIL, "C: DATA", "S: 503 5.5.1 No valid recipients", RCPT,
	  "C: DATA x", "S: 501 5.5.4 DATA takes no argument"},
	 NULL},
	{"RSET and EHLO end the transaction",
	 {GREETING, HELLO, MAIL, "C: RSET x", "S: 501 5.5.4 RSET takes no argument", "C: RSET",
	  "S: 250 2.0.0 Reset", "C: RCPT TO:<a@b>", "S: 503 5.5.1 Say MAIL first", MAIL, HELLO,
	  "C: RCPT TO:<a@b>", "S: 503 5.5.1 Say MAIL first"},
	 NULL},
	{"NOOP, VRFY, QUIT with an argument",
	 {GREETING, "C: NOOP whatever", "S: 250 2.0.0 Done", "C: VRFY",
	  "S: 501 5.5.4 VRFY takes an address", "C: VRFY a@b",
	  "S: 252 2.0.0 Not verified; send to it and see", "C: QUIT now",
	  "S: 501 5.5.4 QUIT takes no argument"},
	 NULL},
	{"a command ends in CR LF",
	 {GREETING, "W: NOOP\n", "S: 500 5.5.2 A line ends in CR LF", "W: \n",
	  "S: 500 5.5.2 A line ends in CR LF", "C: ", "S: 500 5.5.1 Unknown command"},
	 NULL},
	{"a full disk when the message begins",
	 {GREETING, HELLO, MAIL, RCPT, "E: 28", "C: DATA",
	  "S: 452 4.3.1 No space left for the message", "C: RCPT TO:<a@b>",
	  "S: 503 5.5.1 Say MAIL first"},
	 NULL},
	{"a full disk in the middle: the rest is not taken for commands",
	 {TO_DATA, "C: one", "E: 28", "C: two", "C: QUIT", "C: .",
	  "S: 452 4.3.1 No space left for the message", "E: 0", MAIL, RCPT, DATA, "C: x", "C: .",
	  KEPT},
	 "x\r\n"},
	{"a broken disk at the end",
	 {TO_DATA, "C: one", "E: 5", "C: .", "S: 451 4.3.0 The message could not be kept"},
	 NULL},
	{"twenty errors are allowed",
	 {GREETING, X10(UNKNOWN), X10(UNKNOWN), "C: NOOP", "S: 250 2.0.0 Done", UNKNOWN,
	  "S: 421 4.7.0 Too many errors", "X: "},
	 NULL},
};

struct player {
	struct sink s;
	struct buf in, out, file, kept;
	size_t seen; /* bytes of out that were compared */
	bool any_kept, closed, tls;
	int disk;
};

static void player_init(struct player *p)
{
	*p = (struct player){.disk = 0};
	sink_init(&p->s, "sink.test", "192.0.2.1");
	p->s.size_max = 1000;
	buf_init(&p->in, 1 << 20);
	buf_init(&p->out, 1 << 20);
	buf_init(&p->file, 1 << 20);
	buf_init(&p->kept, 1 << 20);
}

static void player_done(struct player *p)
{
	sink_done(&p->s);
	buf_done(&p->in);
	buf_done(&p->out);
	buf_done(&p->file);
	buf_done(&p->kept);
}

/* Does what the session asks for, as serve.c does; false: wait. */
static bool player_step(struct player *p)
{
	enum sink_action action;
	size_t used = sink_feed(&p->s, buf_span(&p->in), &action);

	if (action == SINK_OPEN)
		buf_reset(&p->file);
	else if (action == SINK_WRITE && p->disk == 0)
		buf_add(&p->file, p->s.piece);
	if (action == SINK_KEEP && p->disk == 0) {
		buf_reset(&p->kept);
		buf_add(&p->kept, buf_span(&p->file));
		p->any_kept = true;
	}
	if (action == SINK_OPEN || action == SINK_WRITE || action == SINK_KEEP)
		sink_answer(&p->s, -p->disk, "1.eml");
	p->closed = action == SINK_CLOSE;
	p->tls = action == SINK_START_TLS;
	buf_drop(&p->in, used);
	buf_add(&p->out, buf_span(&p->s.out));
	buf_reset(&p->s.out);
	return action != SINK_WAIT && !p->closed && !p->tls;
}

static void player_say(struct player *p, struct span bytes, size_t chunk)
{
	while (bytes.n && !p->closed) {
		buf_add(&p->in, span_head(bytes, chunk));
		bytes = span_from(bytes, chunk);
		while (player_step(p))
			;
	}
}

static void expect_reply(struct player *p, const char *want)
{
	struct span got = span_from(buf_span(&p->out), p->seen);
	size_t end = span_find(got, '\n');

	if (end == got.n || end != strlen(want) + 1 || memcmp(got.p, want, end - 1) != 0)
		fail_msg("wanted \"%s\", got \"%.*s\"", want, SPAN_FMT(got));
	p->seen += end + 1;
}

static void play_line(struct player *p, const char *line, size_t chunk)
{
	const char *text = line + 3;
	char whole[256];
	uint64_t disk;

	if (line[0] == 'C') {
		snprintf(whole, sizeof(whole), "%s\r\n", text);
		player_say(p, span_str(whole), chunk);
	} else if (line[0] == 'W') {
		player_say(p, span_str(text), chunk);
	} else if (line[0] == 'S') {
		expect_reply(p, text);
	} else if (line[0] == 'E') {
		assert_int_equal(span_u64(span_str(text), 255, &disk), 0);
		p->disk = (int)disk;
	} else if (line[0] == 'T') {
		assert_true(p->tls);
		sink_secured(&p->s, "TLSv1.3 TLS_AES_256_GCM_SHA384");
	} else {
		assert_true(p->closed);
	}
}

static void play(const struct transcript *t, size_t chunk)
{
	struct player p;

	print_message("# %s, in pieces of %zu\n", t->name, chunk);
	player_init(&p);
	player_step(&p); /* the greeting */
	for (size_t i = 0; t->lines[i]; i++)
		play_line(&p, t->lines[i], chunk);
	assert_int_equal(p.seen, p.out.n);
	assert_int_equal(p.any_kept, t->message != NULL);
	if (t->message)
		assert_true(span_eq_str(buf_span(&p.kept), t->message));
	player_done(&p);
}

static void transcripts_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(transcripts); i++) {
		play(&transcripts[i], SIZE_MAX);
		play(&transcripts[i], 1);
		play(&transcripts[i], 7);
	}
}

/* PIPELINING: everything in one piece gives what it gives line by line. */
static void pipelined_commands_are_answered_in_order(void **state)
{
	static const char all[] = "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@>\r\n"
				  "DATA\r\nx\r\n.\r\nQUIT\r\n";
	static const char tail[] = "250 2.1.0 Sender accepted\r\n250 2.1.5 Recipient accepted\r\n"
				   "501 5.1.3 the address has no domain after the @\r\n"
				   "354 End with a dot on a line of its own\r\n"
				   "250 2.0.0 Kept as 1.eml\r\n221 2.0.0 Bye\r\n";
	struct player p;

	(void)state;
	player_init(&p);
	player_say(&p, SPAN_LIT(all), SIZE_MAX);
	assert_true(p.out.n > strlen(tail));
	assert_memory_equal(p.out.p + p.out.n - strlen(tail), tail, strlen(tail));
	assert_true(p.closed);
	player_done(&p);
}

/* A line of n bytes with its end, in pieces of chunk bytes; the last reply. */
static void expect_for_line(size_t n, size_t chunk, const char *want)
{
	char *line = mem_alloc(n + 1);
	struct player p;

	player_init(&p);
	memset(line, 'x', n);
	memcpy(line, "NOOP ", 5);
	memcpy(line + n - 2, "\r\n", 2);
	player_step(&p);
	p.seen = p.out.n;
	player_say(&p, span_of(line, n), chunk);
	expect_reply(&p, want);
	assert_int_equal(p.seen, p.out.n);
	player_done(&p);
	mem_free(line);
}

static void long_lines_are_refused_and_endless_ones_end_the_session(void **state)
{
	static const size_t chunks[] = {SIZE_MAX, 1, 1000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		expect_for_line(LIMIT_COMMAND_LINE, chunks[i], "250 2.0.0 Done");
		expect_for_line(LIMIT_COMMAND_LINE + 1, chunks[i],
				"500 5.5.2 The line is too long");
		expect_for_line(LIMIT_COMMAND_SKIP, chunks[i], "500 5.5.2 The line is too long");
		expect_for_line(LIMIT_COMMAND_SKIP + 3, chunks[i],
				"421 4.7.0 The line is too long");
	}
}

/* To the 354. */
static void player_to_data(struct player *p)
{
	player_init(p);
	player_say(p, SPAN_LIT("EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
		   SIZE_MAX);
	assert_int_equal(p->s.at, SINK_AT_DATA);
	p->seen = p->out.n;
}

static void a_large_message_is_refused_at_its_end(void **state)
{
	char body[1001];
	struct player p;

	(void)state;
	memset(body, 'x', sizeof(body));
	for (size_t over = 0; over < 2; over++) {
		player_to_data(&p);
		player_say(&p, span_of(body, 998 + over), 100);
		player_say(&p, SPAN_LIT("\r\n.\r\n"), SIZE_MAX);
		expect_reply(&p, over ? "552 5.3.4 The message is too large"
				      : "250 2.0.0 Kept as 1.eml");
		assert_int_equal(p.any_kept, !over);
		player_done(&p);
	}
}

static void a_message_without_end_ends_the_session(void **state)
{
	char *body = mem_alloc(65536);
	struct player p;

	(void)state;
	player_to_data(&p);
	memset(body, 'x', 65536);
	for (size_t n = 0; n < SINK_SKIP_MAX + 65536 && !p.closed; n += 65536)
		player_say(&p, span_of(body, 65536), SIZE_MAX);
	expect_reply(&p, "421 4.3.0 The message is far too large");
	assert_true(p.closed);
	player_done(&p);
	mem_free(body);
}

static void recipients_are_counted(void **state)
{
	struct player p;

	(void)state;
	player_init(&p);
	player_say(&p, SPAN_LIT("EHLO me\r\nMAIL FROM:<a@b>\r\n"), SIZE_MAX);
	for (size_t i = 0; i < SINK_RCPTS_MAX; i++)
		player_say(&p, SPAN_LIT("RCPT TO:<c@d>\r\n"), SIZE_MAX);
	p.seen = p.out.n;
	player_say(&p, SPAN_LIT("RCPT TO:<c@d>\r\n"), SIZE_MAX);
	expect_reply(&p, "452 4.5.3 Too many recipients");
	player_done(&p);
}

static void expect_head(struct sink *s, const char *want)
{
	struct buf head;

	buf_init(&head, SINK_HEAD_MAX);
	sink_head(s, (struct wall){1795459472123}, &head);
	assert_true(buf_ok(&head));
	if (!span_eq_str(buf_span(&head), want))
		fail_msg("got \"%.*s\"", SPAN_FMT(buf_span(&head)));
	buf_done(&head);
}

static void the_head_is_that_of_final_delivery(void **state)
{
	struct player p;

	(void)state;
	player_init(&p);
	player_say(&p, SPAN_LIT("HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\n"), SIZE_MAX);
	expect_head(&p.s, "Return-Path: <>\r\n"
			  "Delivered-To: postmaster@sink.test\r\n"
			  "Received: from me ([192.0.2.1])\r\n"
			  "\tby sink.test with SMTP; Mon, 23 Nov 2026 18:44:32 +0000\r\n");
	sink_secured(&p.s, "TLSv1.3 TLS_AES_256_GCM_SHA384");
	snprintf(p.s.peer, sizeof(p.s.peer), "::1");
	player_say(&p,
		   SPAN_LIT("EHLO me\r\nMAIL FROM:<\"a b\"@B.example>\r\nRCPT TO:<c@d>\r\n"
			    "RCPT TO:<E@d>\r\n"),
		   SIZE_MAX);
	expect_head(&p.s, "Return-Path: <\"a b\"@b.example>\r\n"
			  "Delivered-To: c@d\r\n"
			  "Delivered-To: E@d\r\n"
			  "Received: from me ([IPv6:::1])\r\n"
			  "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)\r\n"
			  "\tby sink.test with ESMTPS; Mon, 23 Nov 2026 18:44:32 +0000\r\n");
	player_done(&p);
}

static size_t folder_count(const char *folder)
{
	DIR *d = opendir(folder);
	size_t n = 0;

	assert_non_null(d);
	for (const struct dirent *e = readdir(d); e; e = readdir(d))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void expect_file(const char *folder, const char *name, struct span want)
{
	char path[512];
	struct stat st;
	uint8_t *got = mem_alloc(want.n);
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, want.n);
	assert_int_equal(read(fd, got, want.n), want.n);
	assert_memory_equal(got, want.p, want.n);
	close(fd);
	unlink(path);
	mem_free(got);
}

static void a_file_appears_when_it_is_whole(void **state)
{
	char folder[] = "/tmp/sink_test.XXXXXX", sub[64], name[STORE_NAME_SIZE];
	static const char *const names[] = {"20261123T184432.123Z-000000.eml",
					    "20261123T184432.123Z-000001.eml"};
	struct buf want;
	struct store *s = NULL;
	struct store_file *f = NULL;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(sub, sizeof(sub), "%s/new", folder);
	assert_int_equal(store_open(sub, &s), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		buf_init(&want, 1 << 20);
		assert_int_equal(store_begin(s, &f), 0);
		for (size_t n = 0; n < 100; n++) {
			buf_fmt(&want, "%04000zu\r\n", n);
			assert_int_equal(store_add(f, span_from(buf_span(&want), n * 4002)), 0);
		}
		assert_int_equal(folder_count(sub), 0);
		assert_int_equal(store_keep(&f, (struct wall){1795459472123}, name), 0);
		assert_null(f);
		assert_string_equal(name, names[i]);
		expect_file(sub, name, buf_span(&want));
		buf_done(&want);
	}
	assert_int_equal(store_begin(s, &f), 0);
	store_drop(&f);
	assert_int_equal(folder_count(sub), 0);
	store_close(&s);
	rmdir(sub);
	rmdir(folder);
}

static void a_taken_name_is_not_replaced(void **state)
{
	char folder[] = "/tmp/sink_test.XXXXXX", name[STORE_NAME_SIZE];
	struct store *s = NULL;
	struct store_file *f = NULL;

	(void)state;
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(store_open(folder, &s), 0);
		assert_int_equal(store_begin(s, &f), 0);
		assert_int_equal(store_add(f, SPAN_LIT("x")), 0);
		assert_int_equal(store_keep(&f, (struct wall){1795459472123}, name), 0);
		store_close(&s);
	}
	assert_int_equal(folder_count(folder), 2);
	expect_file(folder, "20261123T184432.123Z-000000.eml", SPAN_LIT("x"));
	expect_file(folder, "20261123T184432.123Z-000001.eml", SPAN_LIT("x"));
	rmdir(folder);
}

static void a_folder_that_cannot_be_used_is_found_at_the_start(void **state)
{
	struct store *s = NULL;

	(void)state;
	assert_int_equal(store_open("/nonexistent/sink", &s), -ENOENT);
	assert_int_equal(store_open("/dev/null", &s), -ENOTDIR);
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transcripts_hold),
		cmocka_unit_test(pipelined_commands_are_answered_in_order),
		cmocka_unit_test(long_lines_are_refused_and_endless_ones_end_the_session),
		cmocka_unit_test(a_large_message_is_refused_at_its_end),
		cmocka_unit_test(a_message_without_end_ends_the_session),
		cmocka_unit_test(recipients_are_counted),
		cmocka_unit_test(the_head_is_that_of_final_delivery),
		cmocka_unit_test(a_file_appears_when_it_is_whole),
		cmocka_unit_test(a_taken_name_is_not_replaced),
		cmocka_unit_test(a_folder_that_cannot_be_used_is_found_at_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
