#include "ctl/suppression_read.h"

#include <jansson.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/mail/date.h"
#include "common/utf8.h"

enum { COLUMNS_MAX = 64, NAME_LENGTH = 32, WHY_SIZE = 160 };

/* what columns mean */

enum column {
	COLUMN_NONE,
	COLUMN_ADDRESS,
	COLUMN_SERVER,
	COLUMN_REASON,
	COLUMN_KIND,
	COLUMN_SINCE,
	COLUMN_UNTIL
};

/* in lower case, without blanks, hyphens and underscores */
static const struct {
	const char *name;
	enum column column;
} names[] = {
	{"address", COLUMN_ADDRESS},
	{"email", COLUMN_ADDRESS},
	{"emailaddress", COLUMN_ADDRESS},
	{"recipient", COLUMN_ADDRESS},
	{"rcptto", COLUMN_ADDRESS},
	{"server", COLUMN_SERVER},
	{"reason", COLUMN_REASON},
	{"error", COLUMN_REASON},
	{"description", COLUMN_REASON},
	{"status", COLUMN_KIND},
	{"type", COLUMN_KIND},
	{"suppressionreason", COLUMN_REASON},
	{"created", COLUMN_SINCE},
	{"createdat", COLUMN_SINCE},
	{"timestamp", COLUMN_SINCE},
	{"since", COLUMN_SINCE},
	{"lastupdatetime", COLUMN_SINCE},
	{"expires", COLUMN_UNTIL},
	{"expiresat", COLUMN_UNTIL},
	{"until", COLUMN_UNTIL},
	{"keepuntil", COLUMN_UNTIL},
};

static enum column column_of(struct span text)
{
	char plain[NAME_LENGTH];
	size_t n = 0;

	for (size_t i = 0; i < text.n && n < sizeof(plain); i++)
		if (ascii_alnum(text.p[i]))
			plain[n++] = (char)ascii_lower(text.p[i]);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_eq_str(span_of(plain, n), names[i].name))
			return names[i].column;
	return COLUMN_NONE;
}

/* values */

/* Seconds, with a fraction or without, or milliseconds. */
static bool read_number_time(struct span text, struct wall *out)
{
	enum { MS_FROM = 11 }; /* digits: until the year 5138 seconds have fewer */
	size_t dot = span_find(text, '.');
	struct span whole = span_head(text, dot), fraction = span_from(text, dot + 1);
	uint64_t n, unused, ms = 0;

	if (span_u64(whole, INT64_MAX / 1000 - 1, &n) != 0)
		return false;
	if (dot < text.n && (fraction.n > 18 || span_u64(fraction, UINT64_MAX, &unused) != 0))
		return false;
	for (size_t i = 0; i < 3; i++)
		ms = ms * 10 + (i < fraction.n ? fraction.p[i] - '0' : 0);
	out->ms = (int64_t)(whole.n > MS_FROM ? n : n * 1000 + ms);
	return true;
}

/* Without a zone UTC is meant: "2026-11-24", "2026-11-24 10:00:00", also with " UTC" behind it. */
static bool read_date_time(struct span text, struct wall *out)
{
	char plain[40], whole[64];

	if (date_rfc3339(text, out) == 0 || date_rfc5322(text, out) == 0)
		return true;
	if (text.n > 4 && span_eq_str(span_from(text, text.n - 4), " UTC"))
		text = span_head(text, text.n - 4);
	if (span_cstr(text, plain, sizeof(plain)) != 0)
		return false;
	snprintf(whole, sizeof(whole), "%s%s", plain, text.n == 10 ? "T00:00:00Z" : "Z");
	return date_rfc3339(span_str(whole), out) == 0;
}

static const char *set_time(struct span text, struct wall *out)
{
	if (!text.n || read_number_time(text, out) || read_date_time(text, out))
		return NULL;
	return "its time is none that is understood; write 2026-11-24T10:00:00Z";
}

static void set_reason(struct span text, char out[SUPPRESSION_REASON + 1])
{
	size_t n = 0, len;

	for (; text.n && (len = utf8_length(text)) > 0 && n + len <= SUPPRESSION_REASON;
	     text = span_from(text, len)) {
		memcpy(out + n, text.p, len);
		if (text.p[0] < ' ' || text.p[0] == 0x7f)
			out[n] = ' ';
		n += len;
	}
	out[n] = '\0';
}

static const char *set_address(struct span text, struct addr *out)
{
	static char why[WHY_SIZE];
	int err = addr_parse(text, out);

	if (!err)
		return NULL;
	snprintf(why, sizeof(why), "its address is none: %s", addr_error(err));
	return why;
}

static const char *set_server(struct span text, struct suppression_entry *e)
{
	e->has_server = true;
	if (span_has_ctl(text) || span_cstr(text, e->server, sizeof(e->server)) != 0)
		return "its server is none; write org/server, or * for all servers";
	return NULL;
}

/* A status column is a reason only where there is no better one. */
static const char *set(enum column column, struct span text, struct suppression_entry *e)
{
	text = span_trim(text);
	switch (column) {
	case COLUMN_ADDRESS:
		return set_address(text, &e->address);
	case COLUMN_SERVER:
		return set_server(text, e);
	case COLUMN_REASON:
		if (text.n)
			set_reason(text, e->reason);
		return NULL;
	case COLUMN_KIND:
		if (!e->reason[0])
			set_reason(text, e->reason);
		return NULL;
	case COLUMN_SINCE:
		return set_time(text, &e->since);
	case COLUMN_UNTIL:
		return set_time(text, &e->until);
	case COLUMN_NONE:
		break;
	}
	return NULL;
}

static void give(const struct suppression_sink *sink, const char *why,
		 const struct suppression_entry *e)
{
	if (!why && !e->address.n)
		why = "there is no address";
	if (why)
		sink->bad(e->line, why, sink->arg);
	else
		sink->entry(e, sink->arg);
}

/* CSV */

/* The next field off *rest, without quotes, in out; *last: the row ends with it.  Lines inside of
 * quotes are counted. */
static bool next_field(struct span *rest, struct buf *out, bool *last, size_t *lines)
{
	bool quoted = rest->n && rest->p[0] == '"';
	size_t i = quoted;

	for (; i < rest->n; i++) {
		uint8_t c = rest->p[i];

		if (quoted && c == '"' && i + 1 < rest->n && rest->p[i + 1] == '"')
			i++;
		else if (quoted && c == '"')
			break;
		else if (!quoted && (c == ',' || c == '\n'))
			break;
		*lines += c == '\n';
		buf_byte(out, c);
		/* or each row of a long text with bad quotes would read all of it */
		if (!buf_ok(out))
			return false;
	}
	if (quoted && i == rest->n)
		return false; /* the quote does not end */
	*rest = span_from(*rest, i + quoted);
	if (!quoted && out->n && out->p[out->n - 1] == '\r')
		out->n--;
	if (rest->n && rest->p[0] == '\r')
		*rest = span_from(*rest, 1);
	*last = !rest->n || rest->p[0] == '\n';
	if (rest->n && rest->p[0] != '\n' && rest->p[0] != ',')
		return false;
	*rest = span_from(*rest, 1);
	return true;
}

struct csv {
	struct buf text; /* the fields of one row, one behind the other */
	size_t count, ends[COLUMNS_MAX];
	enum column columns[COLUMNS_MAX];
};

static struct span csv_field(const struct csv *c, size_t i)
{
	size_t start = i ? c->ends[i - 1] : 0;

	return span_head(span_from(buf_span(&c->text), start), c->ends[i] - start);
}

static const char *csv_row(struct csv *c, struct span *rest, size_t *lines)
{
	bool last = false;

	buf_reset(&c->text);
	c->count = 0;
	while (!last) {
		struct buf field;
		bool ok;

		buf_init(&field, c->text.max);
		ok = next_field(rest, &field, &last, lines) && buf_ok(&field);
		buf_add(&c->text, buf_span(&field));
		buf_done(&field);
		if (!ok || !buf_ok(&c->text) || c->count == COLUMNS_MAX) {
			*lines = 0;
			span_cut(rest, '\n');
			return c->count == COLUMNS_MAX ? "it has too many columns"
						       : "its quotes do not fit";
		}
		c->ends[c->count++] = c->text.n;
	}
	return NULL;
}

/* Is it a row of names?  Then columns are set by it. */
static bool csv_header(struct csv *c)
{
	bool is = false;

	for (size_t i = 0; i < c->count; i++)
		is |= column_of(csv_field(c, i)) == COLUMN_ADDRESS;
	if (!is)
		return false;
	for (size_t i = 0; i < COLUMNS_MAX; i++)
		c->columns[i] = i < c->count ? column_of(csv_field(c, i)) : COLUMN_NONE;
	return true;
}

static void csv_entry(const struct csv *c, size_t line, const struct suppression_sink *sink)
{
	struct suppression_entry e = {.line = line};
	const char *why = NULL;

	for (size_t i = 0; i < c->count && !why; i++)
		why = set(c->columns[i], csv_field(c, i), &e);
	give(sink, why, &e);
}

static bool csv_is_empty(const struct csv *c)
{
	struct span first = c->count ? span_trim(csv_field(c, 0)) : span_of("", 0);

	return c->count <= 1 && (first.n == 0 || first.p[0] == '#');
}

static void read_csv(struct span text, const struct suppression_sink *sink)
{
	struct csv c = {.columns = {[0] = COLUMN_ADDRESS}};
	size_t line = 0;
	bool first = true;

	buf_init(&c.text, 65536);
	while (text.n) {
		size_t more = 0, at = ++line;
		const char *why = csv_row(&c, &text, &more);

		line += more;
		if (why)
			sink->bad(at, why, sink->arg);
		else if (csv_is_empty(&c))
			continue;
		else if (!first || !csv_header(&c))
			csv_entry(&c, at, sink);
		first = false;
	}
	buf_done(&c.text);
}

/* JSON */

static const char *set_member(enum column column, const json_t *v, struct suppression_entry *e)
{
	char number[32];

	if (column == COLUMN_NONE || json_is_null(v))
		return NULL;
	if (json_is_string(v))
		return set(column, span_of(json_string_value(v), json_string_length(v)), e);
	if (!json_is_number(v))
		return "a member that counts is neither a text nor a number";
	if (json_is_integer(v))
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
	else
		snprintf(number, sizeof(number), "%.3f", json_real_value(v));
	return set(column, span_str(number), e);
}

static void json_entry(const json_t *v, size_t line, const struct suppression_sink *sink)
{
	struct suppression_entry e = {.line = line};
	const char *why = NULL, *key;
	json_t *member;

	if (json_is_string(v))
		why = set_member(COLUMN_ADDRESS, v, &e);
	else if (!json_is_object(v))
		why = "it is neither an object nor a string";
	json_object_foreach((json_t *)(uintptr_t)v, key, member)
	{
		if (!why)
			why = set_member(column_of(span_str(key)), member, &e);
	}
	give(sink, why, &e);
}

static void read_json_lines(struct span text, const struct suppression_sink *sink)
{
	for (size_t line = 1; text.n; line++) {
		struct span one = span_trim(span_cut(&text, '\n'));
		json_t *v;

		if (one.n && one.p[one.n - 1] == '\r')
			one.n--;
		if (!one.n)
			continue;
		v = json_loadb((const char *)one.p, one.n, JSON_DECODE_ANY, NULL);
		if (v)
			json_entry(v, line, sink);
		else
			sink->bad(line, "it is no JSON", sink->arg);
		json_decref(v);
	}
}

/* The answer of another system's API: an object around the list.  NULL: it is an entry itself. */
static const json_t *list_inside(const json_t *object)
{
	const json_t *list = NULL;
	const char *key;
	json_t *member;

	json_object_foreach((json_t *)(uintptr_t)object, key, member)
	{
		if (column_of(span_str(key)) == COLUMN_ADDRESS)
			return NULL;
		if (json_is_array(member) && (!list || !json_array_size(list)))
			list = member;
	}
	return list;
}

static void read_json(struct span text, const struct suppression_sink *sink)
{
	const json_t *list;
	json_error_t error;
	json_t *all = json_loadb((const char *)text.p, text.n, 0, &error);

	list = json_is_object(all) ? list_inside(all) : all;
	if (json_is_array(list))
		for (size_t i = 0; i < json_array_size(list); i++)
			json_entry(json_array_get(list, i), i + 1, sink);
	else if (json_is_object(all))
		json_entry(all, 1, sink);
	else if (text.n && text.p[0] == '[')
		sink->bad(error.line > 0 ? (size_t)error.line : 1, "the array is no JSON",
			  sink->arg);
	else
		read_json_lines(text, sink);
	json_decref(all);
}

void suppression_read(struct span text, enum suppression_format format,
		      const struct suppression_sink *sink)
{
	struct span start;

	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		text = span_from(text, 3);
	for (start = text; start.n && (start.p[0] <= ' ');)
		start = span_from(start, 1);
	if (format == SUPPRESSION_AUTO)
		format = start.n && (start.p[0] == '[' || start.p[0] == '{') ? SUPPRESSION_JSON
									     : SUPPRESSION_CSV;
	if (format == SUPPRESSION_JSON)
		read_json(start, sink);
	else
		read_csv(text, sink);
}
