/*
 * header.c - header fields, and the addresses of From (RFC 5322 2.2, 3.4, 4.4, 4.5).
 *
 *	header       = *field CRLF
 *	field        = 1*ftext *WSP ":" *OCTET CRLF *( WSP *OCTET CRLF )
 *	ftext        = %d33-57 / %d59-126
 *
 *	mailbox-list = mailbox *( "," mailbox )
 *	mailbox      = [ phrase ] [CFWS] "<" [CFWS] addr-spec [CFWS] ">" [CFWS] / addr-spec
 *	phrase       = 1*( word / "." / CFWS )
 *	addr-spec    = word *( "." word ) "@" ( atom *( "." atom ) / "[" *OCTET "]" )
 *	word         = [CFWS] ( atom / quoted-string ) [CFWS]
 *
 * Unlike dkimpy, which raises an error, and like a mail reader, the section simply ends before a
 * line that is no field ("From " of an mbox included).  An addr-spec is put together without its
 * comments and folds and then goes through addr_parse, which has the last word.  Encoded words
 * are atoms.  Bytes above 0x7f may stand in comments and display names, and in addresses where the
 * caller lets them (RFC 6532 3.2); there they must be UTF-8.  The grammar is otherwise
 * strict, "a@b <c@d>" is refused: what mail readers would disagree about must not be let through
 * as somebody's own From.
 */
#include "common/mail/header.h"

static bool is_wsp(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool starts_crlf(struct span s)
{
	return s.n >= 2 && s.p[0] == '\r' && s.p[1] == '\n';
}

/* Length of the first line with its CRLF; all of s if it has none. */
static size_t line_length(struct span s)
{
	size_t at = 0;

	while (at < s.n) {
		at += span_find(span_from(s, at), '\n');
		if (at < s.n && at > 0 && s.p[at - 1] == '\r')
			return at + 1;
		at++;
	}
	return s.n;
}

/* Finds name and colon in a field's first line. */
static bool split_name(struct span line, size_t *name_out, size_t *colon_out)
{
	size_t name = 0, colon;

	while (name < line.n && line.p[name] > ' ' && line.p[name] < 0x7f && line.p[name] != ':')
		name++;
	colon = name;
	while (colon < line.n && is_wsp(line.p[colon]))
		colon++;
	if (name == 0 || colon == line.n || line.p[colon] != ':')
		return false;
	*name_out = name;
	*colon_out = colon;
	return true;
}

bool header_next(struct span *rest, struct header_field *out)
{
	size_t n = line_length(*rest), name, colon, end;

	if (!split_name(span_head(*rest, n), &name, &colon))
		return false;
	while (n < rest->n && is_wsp(rest->p[n]))
		n += line_length(span_from(*rest, n));
	end = n;
	if (starts_crlf(span_from(*rest, end - 2)))
		end -= 2;
	out->raw = span_head(*rest, n);
	out->name = span_head(*rest, name);
	out->value = span_of(rest->p + colon + 1, end - colon - 1);
	*rest = span_from(*rest, n);
	return true;
}

size_t header_length(struct span msg)
{
	struct span rest = msg;
	struct header_field unused;

	while (header_next(&rest, &unused))
		;
	return msg.n - rest.n + (starts_crlf(rest) ? 2 : 0);
}

bool header_hidden(struct span *rest, struct span *name_out)
{
	while (rest->n && !starts_crlf(*rest)) {
		size_t n = line_length(*rest), name, colon;
		struct span line = span_trim(span_head(*rest, n));

		*rest = span_from(*rest, n);
		if (split_name(line, &name, &colon)) {
			*name_out = span_head(line, name);
			return true;
		}
	}
	return false;
}

bool header_find(struct span header, const char *name, struct header_field *out)
{
	struct header_field field;

	while (header_next(&header, &field)) {
		if (span_ieq_str(field.name, name)) {
			*out = field;
			return true;
		}
	}
	return false;
}

size_t header_count(struct span header, const char *name)
{
	struct header_field field;
	size_t n = 0;

	while (header_next(&header, &field))
		n += span_ieq_str(field.name, name);
	return n;
}

size_t header_fields(struct span header)
{
	struct header_field unused;
	size_t n = 0;

	while (header_next(&header, &unused))
		n++;
	return n;
}

size_t header_received(struct span header)
{
	return header_count(header, "Received");
}

/* Length of a blank or fold at the start of s; 0 if there is none. */
static size_t blank_length(struct span s)
{
	if (s.n && is_wsp(s.p[0]))
		return 1;
	return starts_crlf(s) && s.n >= 3 && is_wsp(s.p[2]) ? 3 : 0;
}

void header_unfold(struct span value, struct buf *out)
{
	size_t n, keep = out->n;

	while ((n = blank_length(value)) > 0)
		value = span_from(value, n);
	while (value.n) {
		n = starts_crlf(value) ? 2 : 0;
		value = span_from(value, n);
		if (n)
			continue;
		n = 1 + span_find(span_from(value, 1), '\r');
		buf_add(out, span_head(value, n));
		value = span_from(value, n);
	}
	while (out->n > keep && is_wsp(out->p[out->n - 1]))
		out->n--;
}

/* Length of one character of a comment or quoted string: a quoted pair, a fold or a byte that is
 * no control character; 0 for what may not be there. */
static size_t text_length(struct span s)
{
	size_t blank = blank_length(s);

	if (blank)
		return blank;
	if (s.n == 0 || s.p[0] < ' ' || s.p[0] == 0x7f)
		return 0;
	if (s.p[0] != '\\')
		return 1;
	return s.n >= 2 && (is_wsp(s.p[1]) || s.p[1] > ' ') && s.p[1] != 0x7f ? 2 : 0;
}

/* Length of the comment or quoted string that s begins with; 0 if it is malformed. */
static size_t comment_length(struct span s)
{
	size_t at = 0, depth = 0, n;

	while ((n = text_length(span_from(s, at))) > 0) {
		if (s.p[at] == '(')
			depth++;
		else if (s.p[at] == ')')
			depth--;
		at += n;
		if (depth == 0)
			return at;
	}
	return 0;
}

static size_t quoted_length(struct span s)
{
	size_t at = 1, n;

	while ((n = text_length(span_from(s, at))) > 0) {
		at += n;
		if (s.p[at - 1] == '"' && n == 1)
			return at;
	}
	return 0;
}

/* Skips comments, blanks and folds. */
static int skip_cfws(struct span *in)
{
	while (in->n) {
		bool comment = in->p[0] == '(';
		size_t n = comment ? comment_length(*in) : blank_length(*in);

		if (n == 0)
			return comment ? -HEADER_ERR_SYNTAX : 0;
		*in = span_from(*in, n);
	}
	return 0;
}

/* An addr-spec that is being put together; also where a phrase goes, whose text is not used. */
struct spec {
	bool utf8; /* may have bytes above 0x7f */
	bool bad;  /* can be a phrase only: two words side by side, or too long */
	bool word; /* the last thing added was a word */
	size_t n;
	uint8_t s[LIMIT_ADDR];
};

static void spec_byte(struct spec *spec, uint8_t c)
{
	if (spec->n < sizeof(spec->s))
		spec->s[spec->n++] = c;
	else
		spec->bad = true;
}

static void spec_word(struct spec *spec, struct span word)
{
	if (spec->word)
		spec->bad = true;
	spec->word = true;
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] != '\r' && word.p[i] != '\n')
			spec_byte(spec, word.p[i]);
}

static size_t word_length(struct span s)
{
	size_t n = 0;

	if (s.p[0] == '"')
		return quoted_length(s);
	while (n < s.n && (addr_atext(s.p[n]) || s.p[n] > 0x7f))
		n++;
	return n;
}

/* Reads words and dots up to whatever is neither. */
static int read_words(struct span *in, struct spec *spec)
{
	int err;

	while ((err = skip_cfws(in)) == 0 && in->n) {
		size_t n = word_length(*in);

		if (n) {
			spec_word(spec, span_head(*in, n));
		} else if (in->p[0] == '.') {
			spec_byte(spec, '.');
			spec->word = false;
			n = 1;
		} else {
			return in->p[0] == '"' ? -HEADER_ERR_SYNTAX : 0;
		}
		*in = span_from(*in, n);
	}
	return err;
}

static int read_domain(struct span *in, struct spec *spec)
{
	int err = skip_cfws(in);
	size_t end;

	if (err)
		return err;
	spec->word = false;
	if (in->n == 0 || in->p[0] != '[')
		return read_words(in, spec);
	end = span_find(*in, ']');
	if (end == in->n)
		return -HEADER_ERR_SYNTAX;
	spec_word(spec, span_head(*in, end + 1));
	*in = span_from(*in, end + 1);
	return skip_cfws(in);
}

/* From the "@" on; the local part is in spec. */
static int finish_spec(struct span *in, struct spec *spec, struct addr *out)
{
	struct span text;
	int err;

	if (in->n == 0 || in->p[0] != '@')
		return -HEADER_ERR_SYNTAX;
	*in = span_from(*in, 1);
	spec_byte(spec, '@');
	err = read_domain(in, spec);
	if (err)
		return err;
	if (spec->bad)
		return -HEADER_ERR_SYNTAX;
	text = span_of(spec->s, spec->n);
	if (!spec->utf8 && !span_is_ascii(text))
		return -HEADER_ERR_UTF8;
	err = addr_parse(text, out);
	if (err == -ADDR_ERR_UTF8 || err == -ADDR_ERR_IDN)
		return -HEADER_ERR_UTF8;
	return err ? -HEADER_ERR_SYNTAX : 0;
}

static int read_angle(struct span *in, bool utf8, struct addr *out)
{
	struct spec spec = {.utf8 = utf8};
	int err;

	*in = span_from(*in, 1);
	err = skip_cfws(in);
	if (err)
		return err;
	if (in->n && (in->p[0] == '@' || in->p[0] == ','))
		return -HEADER_ERR_ROUTE;
	err = read_words(in, &spec);
	if (!err)
		err = finish_spec(in, &spec, out);
	if (err)
		return err;
	if (in->n == 0 || in->p[0] != '>')
		return -HEADER_ERR_SYNTAX;
	*in = span_from(*in, 1);
	return skip_cfws(in);
}

/* "a@b.example <a@b.example>": the display name should be in quotes, but many programs send it so.
 * Taken only where both say the same: readers do not agree on which of two would count. */
static int read_same_angle(struct span *in, bool utf8, const struct addr *name)
{
	struct addr real;
	int err = read_angle(in, utf8, &real);

	if (err)
		return err;
	return span_ieq(addr_span(name), addr_span(&real)) ? 0 : -HEADER_ERR_SYNTAX;
}

static int read_mailbox(struct span *in, bool utf8, struct addr *out)
{
	struct spec spec = {.utf8 = utf8};
	int err = read_words(in, &spec);

	if (err)
		return err;
	if (in->n && in->p[0] == '<')
		return read_angle(in, utf8, out);
	if (in->n && in->p[0] == ':')
		return -HEADER_ERR_GROUP;
	err = finish_spec(in, &spec, out);
	if (!err && in->n && in->p[0] == '<')
		err = read_same_angle(in, utf8, out);
	return err;
}

int header_mailboxes(struct span value, bool utf8, struct addr *out, size_t max, size_t *n_out)
{
	size_t n = 0;
	int err;

	for (;;) {
		if (n == max)
			return -HEADER_ERR_MANY;
		err = read_mailbox(&value, utf8, &out[n]);
		if (err)
			return err;
		n++;
		if (value.n == 0)
			break;
		if (value.p[0] != ',')
			return -HEADER_ERR_SYNTAX;
		value = span_from(value, 1);
	}
	*n_out = n;
	return 0;
}

int header_from(struct span header, bool utf8, struct addr out[HEADER_FROM_MAX], size_t *n_out)
{
	struct header_field field;
	struct span value = {NULL, 0};
	size_t fields = 0;

	while (header_next(&header, &field)) {
		if (span_ieq_str(field.name, "From")) {
			value = field.value;
			fields++;
		}
	}
	if (fields != 1)
		return fields ? -HEADER_ERR_TWO_FROM : -HEADER_ERR_NO_FROM;
	return header_mailboxes(value, utf8, out, HEADER_FROM_MAX, n_out);
}

const char *header_error(int err)
{
	static const char *const texts[HEADER_ERR_MAX] = {
		[0] = "the header is valid",
		[HEADER_ERR_NO_FROM] = "the message has no From field",
		[HEADER_ERR_TWO_FROM] = "the message has more than one From field",
		[HEADER_ERR_SYNTAX] = "the address list is malformed",
		[HEADER_ERR_GROUP] = "the address list has a group",
		[HEADER_ERR_ROUTE] = "the address list has a source route",
		[HEADER_ERR_UTF8] = "an address has non-ASCII characters that it may not have",
		[HEADER_ERR_MANY] = "the address list has too many addresses",
	};
	size_t i = err < 0 ? 0U - (unsigned)err : (unsigned)err;

	return i < ARRAY_LEN(texts) ? texts[i] : "the header is malformed";
}
