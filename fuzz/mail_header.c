/*
 * mail_header.c - fuzz target: fields are exactly the section, nothing left out and nothing
 * twice; every address of From is one that addr_parse takes.
 */
#include "common/mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool ends_crlf(struct span s)
{
	return s.n >= 2 && s.p[s.n - 2] == '\r' && s.p[s.n - 1] == '\n';
}

static void check_field(const struct header_field *f, const uint8_t *at, bool last)
{
	must(f->raw.p == at && f->name.p == at && f->name.n >= 1);
	must(!span_has_ctl(f->name) && span_is_ascii(f->name));
	must(span_find(f->name, ':') == f->name.n && span_find(f->name, ' ') == f->name.n);
	must(f->value.p > f->name.p + f->name.n - 1 && f->value.p[-1] == ':');
	must(f->value.p + f->value.n + (ends_crlf(f->raw) ? 2 : 0) == f->raw.p + f->raw.n);
	must(last || ends_crlf(f->raw));
	for (size_t i = 0; i + 1 < f->value.n; i++)
		if (f->value.p[i] == '\r' && f->value.p[i + 1] == '\n')
			must(i + 2 == f->value.n || f->value.p[i + 2] == ' ' ||
			     f->value.p[i + 2] == '\t');
}

static void check_unfold(struct span value)
{
	struct buf b;

	buf_init(&b, value.n + 1);
	header_unfold(value, &b);
	must(buf_ok(&b) && b.n <= value.n);
	must(b.n == 0 || memmem(b.p, b.n, "\r\n", 2) == NULL);
	must(span_eq(span_trim(buf_span(&b)), buf_span(&b)));
	buf_done(&b);
}

static void check_addresses(struct span value, bool utf8)
{
	struct addr out[HEADER_FROM_MAX], again;
	size_t n = 0;
	int err = header_mailboxes(value, utf8, out, HEADER_FROM_MAX, &n);

	must(err <= 0 && err > -HEADER_ERR_MAX && (err == 0) == (n > 0));
	must(n <= HEADER_FROM_MAX);
	for (size_t i = 0; i < n; i++) {
		must(addr_parse(addr_span(&out[i]), &again) == 0);
		must(strcmp(out[i].s, again.s) == 0 && out[i].at == again.at);
		must(utf8 || !addr_is_utf8(&out[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span msg = span_of(data, size), rest = msg, section;
	struct header_field field;
	struct addr from[HEADER_FROM_MAX];
	size_t fields = 0, at = 0, n = 0, length = header_length(msg);
	int err;

	must(length <= size);
	section = span_head(msg, length);
	while (header_next(&rest, &field)) {
		check_field(&field, data + at, rest.n == 0);
		check_unfold(field.value);
		check_addresses(field.value, false);
		check_addresses(field.value, true);
		at += field.raw.n;
		fields++;
	}
	must(rest.n == size - at && (length == at || length == at + 2));
	must(fields == header_fields(section) && header_length(section) == length);
	must(header_received(section) <= fields);
	err = header_from(msg, true, from, &n);
	must((err == 0) == (n > 0));
	if (err == 0 || err == -HEADER_ERR_SYNTAX)
		must(header_count(msg, "From") == 1);
	check_addresses(msg, true);
	return 0;
}
