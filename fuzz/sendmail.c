/*
 * sendmail.c - messages for `posthaste sendmail`: lines end in CRLF, Bcc is gone where recipients
 * come from the header, and recipients are whole addresses.
 */
#include "common/mail/header.h"
#include "ctl/sendmail_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rcpts(const struct sendmail_rcpts *r)
{
	struct addr again;

	for (size_t i = 0; i < r->n; i++)
		must(addr_parse(addr_span(&r->list[i]), &again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[201] = "";
	struct sendmail_facts facts = {
		.from_header = true, .mailname = "m.test", .from_name = name};
	struct sendmail_rcpts r = {.n = 0};
	struct buf lines, out;

	memcpy(name, data, size < sizeof(name) ? size : sizeof(name) - 1);
	must(addr_parse(SPAN_LIT("me@m.test"), &facts.sender) == 0);
	buf_init(&lines, 1 << 24);
	buf_init(&out, 1 << 26);
	if (sendmail_lines(span_of(data, size), true, &lines)) {
		if (!sendmail_message(buf_span(&lines), &facts, &out, &r)) {
			must(out.n >= 2 && out.p[out.n - 1] == '\n');
			must(header_count(buf_span(&out), "Bcc") == 0);
			must(header_count(buf_span(&out), "From") > 0);
		}
	}
	check_rcpts(&r);
	mem_free(r.list);
	buf_done(&lines);
	buf_done(&out);
	return 0;
}
