#include "ctl/sendmail_message.h"

#include <sodium.h>
#include <stdio.h>
#include <strings.h>

#include "common/mail/header.h"
#include "common/utf8.h"

enum { WHY_SIZE = 400, NAME_SIZE_MAX = 1 << 20 };

/* lines */

bool sendmail_lines(struct span in, bool dot_ends, struct buf *out)
{
	bool first = true;

	if (span_find(in, '\0') < in.n)
		return false;
	while (in.n) {
		struct span line = span_cut(&in, '\n');
		bool mbox = first && line.n > 5 && memcmp(line.p, "From ", 5) == 0;

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		first = false;
		if (dot_ends && span_eq_str(line, "."))
			break;
		if (mbox)
			continue;
		buf_add(out, line);
		buf_str(out, "\r\n");
	}
	return true;
}

/* address lists as people and programs write them */

struct walk {
	struct span text;
	size_t at;
};

/* Behind the comment that begins at i; comments nest. */
static size_t skip_comment(struct span s, size_t i)
{
	int depth = 0;

	for (; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && --depth == 0)
			return i + 1;
	}
	return s.n;
}

static size_t skip_quoted(struct span s, size_t i)
{
	for (i++; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return s.n;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next address of a list: where what stands for it begins and ends.  Display names, comments,
 * names of groups are passed over. */
static bool walk_next(struct walk *w, size_t *start, size_t *end)
{
	struct span s = w->text;
	size_t first = 0, last = 0; /* of the words outside of comments */
	bool angle = false, any = false;

	while (w->at < s.n) {
		size_t i = w->at;
		uint8_t c = s.p[i];

		if (c == '(') {
			w->at = skip_comment(s, i);
		} else if (c == '"') {
			w->at = skip_quoted(s, i);
			first = any || angle ? first : i;
			last = angle ? last : w->at;
			any = true;
		} else if (c == '<') {
			size_t close = i + span_find(span_from(s, i), '>');

			angle = any = true;
			first = i + 1;
			last = close < s.n ? close : s.n;
			w->at = last < s.n ? last + 1 : s.n;
		} else if (c == ',' || c == ';') {
			w->at++;
			if (any)
				break;
		} else if (c == ':' && !angle) {
			w->at++;
			any = false;
		} else {
			w->at++;
			if (is_space(c) || angle)
				continue;
			first = any ? first : i;
			last = i + 1;
			any = true;
		}
	}
	*start = first;
	*end = last;
	return any;
}

static struct span part(struct span s, size_t start, size_t end)
{
	return span_trim(span_head(span_from(s, start), end - start));
}

static int qualified(struct span text, const char *mailname, struct addr *out)
{
	struct buf b;
	int err;

	buf_init(&b, 2 * LIMIT_ADDR);
	buf_add(&b, text);
	if (text.n && span_find(text, '@') == text.n)
		buf_fmt(&b, "@%s", mailname);
	err = addr_parse(buf_span(&b), out);
	buf_done(&b);
	return err;
}

static int add(struct sendmail_rcpts *r, struct span text, const char *mailname)
{
	struct addr a;
	int err = qualified(text, mailname, &a);

	for (size_t i = 0; i < r->n && !err; i++)
		if (span_ieq(addr_span(&r->list[i]), addr_span(&a)))
			return 0;
	if (err)
		return err;
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 8;
		r->list = mem_grow(r->list, r->cap * sizeof(*r->list));
	}
	r->list[r->n++] = a;
	return 0;
}

int sendmail_rcpt_add(struct sendmail_rcpts *r, struct span text, const char *mailname)
{
	struct walk w = {.text = text};
	size_t start, end;
	int err = 0;
	bool any = false;

	while (!err && walk_next(&w, &start, &end)) {
		err = add(r, part(text, start, end), mailname);
		any = true;
	}
	return any ? err : -ADDR_ERR_EMPTY;
}

/* the header */

static bool is_one_of(struct span name, const char *const *list)
{
	for (; *list; list++)
		if (span_ieq_str(name, *list))
			return true;
	return false;
}

static const char *const with_addresses[] = {"From",	   "Sender",	  "Reply-To",  "To",
					     "Cc",	   "Bcc",	  "Resent-To", "Resent-Cc",
					     "Resent-Bcc", "Resent-From", NULL};
static const char *const recipients[] = {"To", "Cc", "Bcc", NULL};
static const char *const resent_recipients[] = {"Resent-To", "Resent-Cc", "Resent-Bcc", NULL};
static const char *const hidden[] = {"Bcc", "Resent-Bcc", NULL};

/* The field with a domain behind each address that has none. */
static void add_qualified(const struct header_field *f, const char *mailname, struct buf *out)
{
	struct walk w = {.text = f->value};
	size_t start, end, done = 0;

	buf_add(out, span_of(f->raw.p, (size_t)(f->value.p - f->raw.p)));
	while (walk_next(&w, &start, &end)) {
		struct span spec = part(f->value, start, end);

		if (!spec.n || span_find(spec, '@') < spec.n)
			continue;
		end = (size_t)(spec.p - f->value.p) + spec.n;
		buf_add(out, span_head(span_from(f->value, done), end - done));
		buf_fmt(out, "@%s", mailname);
		done = end;
	}
	buf_add(out, span_from(f->value, done));
	buf_str(out, "\r\n");
}

static const char *take_recipients(const struct header_field *f, const char *mailname,
				   struct sendmail_rcpts *r)
{
	static char why[WHY_SIZE];
	struct walk w = {.text = f->value};
	size_t start, end;

	while (walk_next(&w, &start, &end)) {
		struct span spec = part(f->value, start, end);
		int err = add(r, spec, mailname);

		if (!err)
			continue;
		snprintf(why, sizeof(why), "%.*s: \"%.*s\": %s", SPAN_FMT(f->name),
			 SPAN_FMT(span_head(spec, 200)), addr_error(err));
		return why;
	}
	return NULL;
}

static void add_quoted(struct span name, struct buf *out)
{
	buf_byte(out, '"');
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '"' && name.p[i] != '\\')
			buf_byte(out, name.p[i]);
	buf_str(out, "\" ");
}

/* RFC 2047: words of whole characters, a line each: 42 bytes are 68 characters, and a line that has
 * a word may have 76.  name: well-formed. */
static void add_encoded(struct span name, struct buf *out)
{
	enum { WORD_BYTES = 42 };
	char text[4 * WORD_BYTES / 3 + 1];

	while (name.n) {
		size_t n = 0, next = utf8_length(name);

		while (next && n + next <= WORD_BYTES) {
			n += next;
			next = utf8_length(span_from(name, n));
		}
		sodium_bin2base64(text, sizeof(text), name.p, n, sodium_base64_VARIANT_ORIGINAL);
		buf_fmt(out, "=?UTF-8?B?%s?=\r\n ", text);
		name = span_from(name, n);
	}
}

static void add_from(const struct sendmail_facts *facts, struct buf *out)
{
	struct buf name;
	size_t n = 0;

	buf_init(&name, NAME_SIZE_MAX);
	utf8_repair(span_str(facts->from_name), &name);
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] >= ' ' && name.p[i] != 0x7f)
			name.p[n++] = name.p[i];
	name.n = n;
	buf_str(out, "From: ");
	if (!span_is_ascii(buf_span(&name)))
		add_encoded(buf_span(&name), out);
	else if (name.n)
		add_quoted(buf_span(&name), out);
	buf_fmt(out, "<%s>\r\n", facts->sender.s);
	buf_done(&name);
}

const char *sendmail_message(struct span msg, const struct sendmail_facts *facts, struct buf *out,
			     struct sendmail_rcpts *rcpts)
{
	struct span rest = msg;
	struct header_field f;
	const char *why = NULL;
	bool resent = header_count(msg, "Resent-To") + header_count(msg, "Resent-Cc") +
			      header_count(msg, "Resent-Bcc") >
		      0;
	const char *const *from = resent ? resent_recipients : recipients;
	bool has_from = header_count(msg, "From") > 0, whole;

	if (!has_from && facts->sender.n)
		add_from(facts, out);
	while (!why && header_next(&rest, &f)) {
		if (facts->from_header && is_one_of(f.name, from))
			why = take_recipients(&f, facts->mailname, rcpts);
		if (facts->from_header && is_one_of(f.name, hidden))
			continue;
		if (is_one_of(f.name, with_addresses))
			add_qualified(&f, facts->mailname, out);
		else
			buf_add(out, f.raw);
	}
	/* no header, or one that ends without an empty line: what follows is body */
	whole = rest.n >= 2 && memcmp(rest.p, "\r\n", 2) == 0;
	if (!whole)
		buf_str(out, "\r\n");
	buf_add(out, rest);
	return why;
}
