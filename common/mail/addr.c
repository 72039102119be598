/*
 * addr.c - host names and mail addresses (RFC 5321 4.1.2, 4.1.3; RFC 1123 2.1; RFC 6531 3.3).
 *
 *	Path           = "<" [ A-d-l ":" ] Mailbox ">" / "<>"
 *	A-d-l          = At-domain *( "," At-domain )
 *	At-domain      = "@" Domain
 *	Mailbox        = Local-part "@" ( Domain / address-literal )
 *	Local-part     = Dot-string / Quoted-string
 *	Dot-string     = Atom *( "." Atom )            ; Atom = 1*( atext / UTF8-non-ascii )
 *	Quoted-string  = DQUOTE *( %d32-33 / %d35-91 / %d93-126 / UTF8-non-ascii /
 *			 "\" %d32-126 ) DQUOTE
 *	Domain         = sub-domain *( "." sub-domain )
 *	sub-domain     = Let-dig [ *( ALPHA / DIGIT / "-" ) Let-dig ] / U-label
 *	address-literal = "[" ( IPv4 / "IPv6:" IPv6 ) "]"
 *
 * Everything is built in a local value and copied out when it is whole.  Refused on top of the
 * grammar: a domain whose last label is a number, because resolvers take "1.2.3.4" for an address.
 * General-address-literals are refused: there are none.
 */
#include "common/mail/addr.h"

#include <arpa/inet.h>
#include <idn2.h>

#include "common/utf8.h"

enum { DOMAIN_MAX = 253 };

static int label_check(struct span label, bool underscore)
{
	if (label.n == 0)
		return -ADDR_ERR_LABEL_EMPTY;
	if (label.n > LIMIT_LABEL)
		return -ADDR_ERR_LABEL_LONG;
	for (size_t i = 0; i < label.n; i++) {
		uint8_t c = label.p[i];

		if (!ascii_alnum(c) && c != '-' && !(underscore && c == '_'))
			return -ADDR_ERR_DOMAIN_CHAR;
	}
	if (label.p[0] == '-' || label.p[label.n - 1] == '-')
		return -ADDR_ERR_LABEL_HYPHEN;
	return 0;
}

static bool all_digits(struct span label)
{
	for (size_t i = 0; i < label.n; i++)
		if (!ascii_digit(label.p[i]))
			return false;
	return true;
}

static int labels_check(struct span s, bool underscore)
{
	struct span rest = s, label;
	bool more;

	if (s.n == 0)
		return -ADDR_ERR_LABEL_EMPTY;
	do {
		more = span_find(rest, '.') < rest.n;
		label = span_cut(&rest, '.');
		int err = label_check(label, underscore);
		if (err)
			return err;
	} while (more);
	return all_digits(label) ? -ADDR_ERR_DOMAIN_NUMBER : 0;
}

static int domain_read(struct span s, bool underscore, struct domain *out)
{
	int err;

	if (s.n == 0)
		return -ADDR_ERR_EMPTY;
	if (!span_is_ascii(s))
		return -ADDR_ERR_ASCII;
	if (s.p[s.n - 1] == '.')
		s.n--;
	if (s.n > DOMAIN_MAX)
		return -ADDR_ERR_DOMAIN_LONG;
	err = labels_check(s, underscore);
	if (err)
		return err;
	struct domain d = {.n = (uint8_t)s.n};
	for (size_t i = 0; i < s.n; i++)
		d.s[i] = (char)ascii_lower(s.p[i]);
	*out = d;
	return 0;
}

int domain_parse(struct span s, struct domain *out)
{
	return domain_read(s, false, out);
}

int domain_parse_dns(struct span s, struct domain *out)
{
	return domain_read(s, true, out);
}

/* What libidn2 lets through (it also maps: a fullwidth slash is a slash) goes through domain_read
 * like any other name. */
static int idn_read(struct span s, struct domain *out)
{
	char text[4 * DOMAIN_MAX + 1]; /* a character is 4 bytes at most */
	uint8_t *name = NULL;
	int err = span_cstr(s, text, sizeof(text));

	if (err)
		return err == -EINVAL ? -ADDR_ERR_DOMAIN_CHAR : -ADDR_ERR_DOMAIN_LONG;
	err = idn2_lookup_u8((const uint8_t *)text, &name, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	must(err != IDN2_MALLOC);
	if (err == IDN2_TOO_BIG_LABEL || err == IDN2_PUNYCODE_BIG_OUTPUT)
		return -ADDR_ERR_LABEL_LONG;
	if (err == IDN2_TOO_BIG_DOMAIN)
		return -ADDR_ERR_DOMAIN_LONG;
	if (err != IDN2_OK)
		return -ADDR_ERR_IDN;
	err = domain_read(span_str((const char *)name), false, out);
	idn2_free(name);
	return err;
}

int domain_parse_utf8(struct span s, struct domain *out)
{
	if (span_is_ascii(s))
		return domain_parse(s, out);
	return utf8_valid(s) ? idn_read(s, out) : -ADDR_ERR_UTF8;
}

bool addr_atext(uint8_t c)
{
	return ascii_alnum(c) || (c && c < 0x80 && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static int dot_string_check(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!addr_atext(s.p[i]) && s.p[i] != '.' && s.p[i] < 0x80)
			return -ADDR_ERR_LOCAL_CHAR;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '.' && (i == 0 || i + 1 == s.n || s.p[i + 1] == '.'))
			return -ADDR_ERR_LOCAL_DOT;
	return 0;
}

/* Length of the quoted string that s begins with, its quotes included; 0 if it is none. */
static size_t quoted_length(struct span s)
{
	for (size_t i = 1; i < s.n; i++) {
		bool pair = s.p[i] == '\\';

		if (s.p[i] == '"')
			return i + 1;
		i += pair;
		if (i >= s.n || s.p[i] < 0x20 || s.p[i] == 0x7f || (pair && s.p[i] > 0x7f))
			return 0;
	}
	return 0;
}

/* Length of the local part: up to the "@" that ends it. */
static int local_length(struct span s, size_t *n_out)
{
	size_t n = 0;

	if (s.p[0] == '"') {
		n = quoted_length(s);
		if (n == 0)
			return -ADDR_ERR_LOCAL_QUOTE;
		if (n < s.n && s.p[n] != '@')
			return -ADDR_ERR_LOCAL_QUOTE;
	} else {
		n = span_find(s, '@');
	}
	if (n == s.n)
		return span_ieq_str(s, "postmaster") ? -ADDR_ERR_POSTMASTER : -ADDR_ERR_NO_AT;
	*n_out = n;
	return 0;
}

/* Well-formed, and neither C1 control (U+0080 to U+009F) nor line or paragraph separator (U+2028,
 * U+2029). */
static bool utf8_check(struct span s)
{
	while (s.n) {
		size_t n = utf8_length(s);

		if (n == 0 || (n == 2 && s.p[0] == 0xc2 && s.p[1] < 0xa0))
			return false;
		if (n == 3 && s.p[0] == 0xe2 && s.p[1] == 0x80 && (s.p[2] | 1) == 0xa9)
			return false;
		s = span_from(s, n);
	}
	return true;
}

static int local_check(struct span local)
{
	if (local.n == 0)
		return -ADDR_ERR_LOCAL_EMPTY;
	if (local.n > LIMIT_LOCAL_PART)
		return -ADDR_ERR_LOCAL_LONG;
	if (!utf8_check(local))
		return -ADDR_ERR_UTF8;
	return local.p[0] == '"' ? 0 : dot_string_check(local);
}

static int literal_check(struct span s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr ip;
	int family = AF_INET;

	if (s.n < 2 || s.p[s.n - 1] != ']')
		return -ADDR_ERR_LITERAL;
	s = span_of(s.p + 1, s.n - 2);
	if (span_istarts(s, "IPv6:")) {
		family = AF_INET6;
		s = span_from(s, sizeof("IPv6:") - 1);
	}
	if (span_cstr(s, text, sizeof(text)) || inet_pton(family, text, &ip) != 1)
		return -ADDR_ERR_LITERAL;
	return 0;
}

/* A literal gets into a domain here, as text with its brackets. */
static int mailbox_domain(struct span s, struct domain *out)
{
	int err;

	if (s.n == 0)
		return -ADDR_ERR_DOMAIN_EMPTY;
	if (s.p[s.n - 1] == '.')
		return -ADDR_ERR_DOMAIN_DOT;
	if (s.p[0] != '[')
		return domain_parse_utf8(s, out);
	err = literal_check(s);
	if (err)
		return err;
	must(s.n <= DOMAIN_MAX);
	*out = (struct domain){.n = (uint8_t)s.n};
	for (size_t i = 0; i < s.n; i++)
		out->s[i] = (char)ascii_lower(s.p[i]);
	return 0;
}

int addr_parse(struct span s, struct addr *out)
{
	struct domain domain;
	size_t at;
	int err;

	if (s.n == 0)
		return -ADDR_ERR_EMPTY;
	err = local_length(s, &at);
	if (!err)
		err = local_check(span_head(s, at));
	if (!err)
		err = mailbox_domain(span_from(s, at + 1), &domain);
	if (err)
		return err;
	must(at + 1 + domain.n <= LIMIT_ADDR);
	struct addr a = {.n = (uint16_t)(at + 1 + domain.n),
			 .at = (uint16_t)at,
			 .literal = domain.s[0] == '['};
	memcpy(a.s, s.p, at + 1);
	memcpy(a.s + at + 1, domain.s, domain.n);
	*out = a;
	return 0;
}

/* Index of the ">" that closes the path, quoted strings skipped; in.n if there is none. */
static size_t path_end(struct span in)
{
	bool quoted = false;

	for (size_t i = 1; i < in.n; i++) {
		if (in.p[i] == '"')
			quoted = !quoted;
		else if (quoted && in.p[i] == '\\')
			i++;
		else if (!quoted && in.p[i] == '>')
			return i;
	}
	return in.n;
}

/* Takes "@a,@b:" off the front. */
static int route_drop(struct span *path)
{
	struct span route, rest = *path;
	struct domain unused;

	if (span_find(rest, ':') == rest.n)
		return -ADDR_ERR_ROUTE;
	route = span_cut(&rest, ':');
	if (route.n && route.p[route.n - 1] == ',')
		return -ADDR_ERR_ROUTE;
	while (route.n) {
		struct span host = span_cut(&route, ',');

		if (host.n < 2 || host.p[0] != '@' ||
		    domain_parse_utf8(span_from(host, 1), &unused))
			return -ADDR_ERR_ROUTE;
	}
	*path = rest;
	return 0;
}

int addr_parse_path(struct span in, struct addr *out, struct span *rest_out)
{
	size_t end = path_end(in);
	struct span path;
	int err = 0;

	if (in.n == 0 || in.p[0] != '<' || end == in.n)
		return -ADDR_ERR_BRACKETS;
	path = span_of(in.p + 1, end - 1);
	if (path.n == 0) {
		*out = (struct addr){.n = 0};
	} else {
		if (path.p[0] == '@')
			err = route_drop(&path);
		if (!err)
			err = addr_parse(path, out);
	}
	if (!err || err == -ADDR_ERR_POSTMASTER)
		*rest_out = span_from(in, end + 1);
	return err;
}

int addr_get_domain(const struct addr *a, struct domain *out)
{
	return a->literal ? -ADDR_ERR_LITERAL : domain_parse(addr_domain(a), out);
}

bool addr_is_utf8(const struct addr *a)
{
	return !span_is_ascii(addr_local(a));
}

const char *addr_error(int err)
{
	static const char *const texts[ADDR_ERR_MAX] = {
		[0] = "the address is valid",
		[ADDR_ERR_EMPTY] = "the address or domain is empty",
		[ADDR_ERR_ASCII] = "the name has non-ASCII characters; it must be written in "
				   "A-labels (xn--...)",
		[ADDR_ERR_UTF8] = "the address has non-ASCII characters that are no text in UTF-8",
		[ADDR_ERR_IDN] = "the domain has non-ASCII characters that no domain can have",
		[ADDR_ERR_LABEL_EMPTY] = "the domain has an empty label",
		[ADDR_ERR_LABEL_LONG] = "the domain has a label of more than 63 characters",
		[ADDR_ERR_LABEL_HYPHEN] = "a label of the domain begins or ends with a hyphen",
		[ADDR_ERR_DOMAIN_CHAR] = "the domain has a character that is not allowed",
		[ADDR_ERR_DOMAIN_LONG] = "the domain has more than 253 characters",
		[ADDR_ERR_DOMAIN_DOT] = "the domain ends with a dot",
		[ADDR_ERR_DOMAIN_NUMBER] = "the domain ends with a number",
		[ADDR_ERR_DOMAIN_EMPTY] = "the address has no domain after the @",
		[ADDR_ERR_LITERAL] = "the part in square brackets is not a usable IP address",
		[ADDR_ERR_NO_AT] = "the address has no @",
		[ADDR_ERR_POSTMASTER] = "postmaster needs a domain here",
		[ADDR_ERR_LOCAL_EMPTY] = "the address has nothing before the @",
		[ADDR_ERR_LOCAL_LONG] = "the part before the @ has more than 64 characters",
		[ADDR_ERR_LOCAL_CHAR] = "the part before the @ has a character that is not allowed",
		[ADDR_ERR_LOCAL_DOT] = "the part before the @ has a misplaced dot",
		[ADDR_ERR_LOCAL_QUOTE] = "the quoted part before the @ is malformed",
		[ADDR_ERR_BRACKETS] = "the address is not in angle brackets",
		[ADDR_ERR_ROUTE] = "the source route of the address is malformed",
	};
	size_t i = err < 0 ? 0U - (unsigned)err : (unsigned)err;

	return i < ARRAY_LEN(texts) ? texts[i] : "the address is malformed";
}
