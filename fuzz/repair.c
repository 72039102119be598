/*
 * repair.c - fuzz target: of a header section only whole fields that are to go are missing
 * afterwards, only Date and Message-ID are new, at its end, and nothing is left to repair.
 */
#include "smtpd/repair.h"

#include "common/mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[TOKEN_KEY_SIZE] = {1};

static bool goes(struct span name)
{
	return span_ieq_str(name, "Bcc") || span_ieq_str(name, "Resent-Bcc") ||
	       span_ieq_str(name, "Return-Path") || span_ieq_str(name, "Content-Length") ||
	       options_find(name) != OPTION_NONE;
}

static bool take(struct span *s, struct span head)
{
	if (s->n < head.n || !span_eq(span_head(*s, head.n), head))
		return false;
	*s = span_from(*s, head.n);
	return true;
}

/* Takes the fields that stay, and then what was added. */
static void check_fields(struct span in, struct span out)
{
	struct header_field field;
	size_t dates = header_count(in, "Date"), ids = header_count(in, "Message-ID");

	while (header_next(&in, &field))
		must(goes(field.name) || take(&out, field.raw));
	must(out.n >= in.n);
	must(span_eq(span_from(out, out.n - in.n), in));
	out.n -= in.n;
	take(&out, SPAN_LIT("\r\n"));
	if (in.n && (in.p[0] == ' ' || in.p[0] == '\t')) {
		must(out.n == 0);
		return;
	}
	must(dates || (header_next(&out, &field) && span_eq_str(field.name, "Date")));
	must(ids || (header_next(&out, &field) && span_eq_str(field.name, "Message-ID")));
	must(out.n == 0);
}

static void check_options(const struct options *o, struct wall now)
{
	const unsigned both = TRACK_OPENS | TRACK_CLICKS;

	must(!span_has_ctl(span_str(o->tag)) && !span_has_ctl(span_str(o->stream)));
	must(!span_has_ctl(span_str(o->idempotency)) && !span_has_ctl(span_str(o->metadata)));
	must(!o->metadata ||
	     (strlen(o->metadata) <= OPTIONS_METADATA_MAX && o->metadata[0] == '{'));
	must(o->track == TRACK_NO || (o->track & ~both) == 0);
	must(!o->expires.ms || o->expires.ms > now.ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct qid id = {.s = "0193abcdef0170008000000000000001"};
	const struct domain domain = {.n = 9, .s = "from.test"};
	const struct repair_facts facts = {
		.id = &id, .domain = &domain, .now = {INT64_C(1795514400000)}};
	struct span in = span_of(data, size);
	struct repair once, twice;

	if (size > LIMIT_HEADER)
		return 0;
	repair_loop(in, key);
	repair_header(in, &facts, &once);
	if (once.refusal[0]) {
		must(span_istarts(span_str(once.refusal), "550 5.6.0 X-Post") ||
		     span_istarts(span_str(once.refusal), "550 5.6.0 Line "));
		must(!span_has_ctl(span_str(once.refusal)));
	} else {
		check_options(&once.options, facts.now);
		check_fields(in, buf_span(&once.header));
		repair_header(buf_span(&once.header), &facts, &twice);
		must(span_eq(buf_span(&once.header), buf_span(&twice.header)));
		repair_done(&twice);
	}
	repair_done(&once);
	return 0;
}
