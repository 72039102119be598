/*
 * repair.c - see repair.h.
 */
#include "smtpd/repair.h"

#include <stdio.h>

#include "common/mail/header.h"

enum { ADDED_MAX = 512, NAME_SHOWN = 60 };

static const char *const removed[] = {"Bcc", "Resent-Bcc", "Return-Path", "Content-Length"};

/* loops */

/* Exactly a token: a field of ours with anything else in it was not written by us. */
static bool is_own_mark(struct span value, const uint8_t key[TOKEN_KEY_SIZE])
{
	struct buf text;
	struct token token;
	bool own;

	buf_init(&text, value.n);
	header_unfold(value, &text);
	own = token_read(buf_span(&text), &token) == 0 && token_check(key, &token);
	buf_done(&text);
	return own;
}

const char *repair_loop(struct span header, const uint8_t key[TOKEN_KEY_SIZE])
{
	struct header_field field;

	if (header_received(header) >= LIMIT_HOPS)
		return "554 5.4.6 Too many hops: the message goes in a circle";
	while (header_next(&header, &field))
		if (span_ieq_str(field.name, OPTIONS_REF) && is_own_mark(field.value, key))
			return "554 5.4.6 This message was sent from here before: it goes in a "
			       "circle";
	return NULL;
}

/* options */

/* The value in one line: folded with a tab or a blank it is the same text. */
static void value_text(struct span value, struct buf *out)
{
	header_unfold(value, out);
	for (size_t i = 0; i < out->n; i++)
		if (out->p[i] == '\t')
			out->p[i] = ' ';
}

static void refuse_value(struct repair *r, enum option which, const char *why)
{
	snprintf(r->refusal, sizeof(r->refusal), "550 5.6.0 %s: %s", options_name(which), why);
}

static void refuse_name(struct repair *r, struct span name)
{
	const char *near = options_near(name);
	char shown[NAME_SHOWN + 1];

	must(span_cstr(span_head(name, NAME_SHOWN), shown, sizeof(shown)) == 0);
	if (near)
		snprintf(r->refusal, sizeof(r->refusal),
			 "550 5.6.0 %s: there is no such option; did you mean %s?", shown, near);
	else
		snprintf(r->refusal, sizeof(r->refusal),
			 "550 5.6.0 %s: there is no such option; there are Tag, Stream, Metadata, "
			 "Idempotency-Key, Track and Expires",
			 shown);
}

static void read_option(struct repair *r, const struct header_field *field, enum option which,
			struct wall now)
{
	struct buf text;
	const char *why;

	buf_init(&text, field->value.n);
	value_text(field->value, &text);
	why = options_set(&r->options, which, buf_span(&text), now);
	if (why)
		refuse_value(r, which, why);
	buf_done(&text);
}

/* Twice over the fields: Postal's name of the tag must not win by coming later. */
static void read_options(struct repair *r, struct span header, struct wall now, bool postal)
{
	struct header_field field;

	while (!r->refusal[0] && header_next(&header, &field)) {
		enum option which = options_find(field.name);

		if (which == OPTION_UNKNOWN)
			refuse_name(r, field.name);
		else if (which != OPTION_NONE && (which == OPTION_POSTAL_TAG) == postal)
			read_option(r, &field, which, now);
	}
}

/* the new section */

static bool is_removed(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(removed); i++)
		if (span_ieq_str(name, removed[i]))
			return true;
	return options_find(name) != OPTION_NONE;
}

static void refuse_hidden_name(struct repair *r, unsigned line, struct span name)
{
	char shown[NAME_SHOWN + 1];

	must(span_cstr(span_head(name, NAME_SHOWN), shown, sizeof(shown)) == 0);
	snprintf(r->refusal, sizeof(r->refusal),
		 "550 5.6.0 Line %u of the header is no field, and %s stands behind it", line,
		 shown);
}

/* What should go and was not seen to be a field would be seen by some of those who get it. */
static void refuse_hidden(struct repair *r, struct span header)
{
	struct span rest = header, name;
	struct header_field unused;
	unsigned line = 1;

	while (header_next(&rest, &unused))
		;
	for (const uint8_t *p = header.p; p < rest.p; p++)
		line += *p == '\n';
	while (!r->refusal[0] && header_hidden(&rest, &name))
		if (is_removed(name))
			refuse_hidden_name(r, line, name);
}

/* A message that is all header may lack its last line end. */
static void end_line(struct buf *out)
{
	if (out->n && (out->n < 2 || memcmp(out->p + out->n - 2, "\r\n", 2) != 0))
		buf_str(out, "\r\n");
}

static void add_date(struct wall now, struct buf *out)
{
	char date[WALL_TEXT_SIZE];

	wall_rfc5322(now, date);
	end_line(out);
	buf_fmt(out, "Date: %s\r\n", date);
}

static void add_message_id(const struct repair_facts *facts, struct buf *out)
{
	end_line(out);
	buf_fmt(out, "Message-ID: <%s@%s>\r\n", facts->id->s, facts->domain->s);
}

static void copy_and_add(struct span header, const struct repair_facts *facts, struct buf *out)
{
	struct header_field field;
	bool has_date = false, has_id = false, folded;

	while (header_next(&header, &field)) {
		has_date = has_date || span_ieq_str(field.name, "Date");
		has_id = has_id || span_ieq_str(field.name, "Message-ID");
		if (!is_removed(field.name))
			buf_add(out, field.raw);
	}
	/* only with no field before it: it must not become the fold of one of ours */
	folded = header.n && (header.p[0] == ' ' || header.p[0] == '\t');
	if (!has_date && !folded)
		add_date(facts->now, out);
	if (!has_id && !folded)
		add_message_id(facts, out);
	buf_add(out, header);
}

void repair_header(struct span header, const struct repair_facts *facts, struct repair *out)
{
	*out = (struct repair){.refusal = ""};
	buf_init(&out->header, header.n + ADDED_MAX);
	read_options(out, header, facts->now, true);
	read_options(out, header, facts->now, false);
	refuse_hidden(out, header);
	if (out->refusal[0])
		return;
	copy_and_add(header, facts, &out->header);
	must(buf_ok(&out->header));
}

void repair_done(struct repair *r)
{
	buf_done(&r->header);
	options_done(&r->options);
}
