#include "common/mail/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

#define L16 "abcdefghijklmnop"
#define L63 L16 L16 L16 "abcdefghijklmno"
#define L64 L16 L16 L16 L16
#define D253 L63 "." L63 "." L63 "." L16 L16 L16 "abcdefghijklm"

static const struct {
	const char *name;
	struct span in;
	int err;
	const char *want;
} domains[] = {
	{"a host name is put in lower case", SPAN_LIT("Mail.Example.COM"), 0, "mail.example.com"},
	{"one trailing dot is dropped", SPAN_LIT("example.com."), 0, "example.com"},
	{"a single label is a host name", SPAN_LIT("localhost"), 0, "localhost"},
	{"A-labels are host names", SPAN_LIT("xn--mnchen-3ya.de"), 0, "xn--mnchen-3ya.de"},
	{"a label may begin with a digit", SPAN_LIT("3com.com"), 0, "3com.com"},
	{"63 bytes are a label", SPAN_LIT(L63 ".de"), 0, L63 ".de"},
	{"253 bytes are a name", SPAN_LIT(D253), 0, D253},
	{"253 bytes and a dot are a name", SPAN_LIT(D253 "."), 0, D253},
	{"254 bytes are too long", SPAN_LIT(D253 "n"), -ADDR_ERR_DOMAIN_LONG, NULL},
	{"64 bytes are no label", SPAN_LIT(L64 ".de"), -ADDR_ERR_LABEL_LONG, NULL},
	{"nothing is no name", SPAN_LIT(""), -ADDR_ERR_EMPTY, NULL},
	{"the root is no host", SPAN_LIT("."), -ADDR_ERR_LABEL_EMPTY, NULL},
	{"a label may not be empty", SPAN_LIT("a..b"), -ADDR_ERR_LABEL_EMPTY, NULL},
	{"the first label may not be empty", SPAN_LIT(".a"), -ADDR_ERR_LABEL_EMPTY, NULL},
	{"only one trailing dot is dropped", SPAN_LIT("a.."), -ADDR_ERR_LABEL_EMPTY, NULL},
	{"a label may not begin with -", SPAN_LIT("-a.de"), -ADDR_ERR_LABEL_HYPHEN, NULL},
	{"a label may not end with -", SPAN_LIT("a-.de"), -ADDR_ERR_LABEL_HYPHEN, NULL},
	{"an underscore is for DNS only", SPAN_LIT("_dmarc.a.de"), -ADDR_ERR_DOMAIN_CHAR, NULL},
	{"a blank is refused", SPAN_LIT("a .de"), -ADDR_ERR_DOMAIN_CHAR, NULL},
	{"a NUL is refused", SPAN_LIT("a.de\0"), -ADDR_ERR_DOMAIN_CHAR, NULL},
	{"a line end is refused", SPAN_LIT("a.de\n"), -ADDR_ERR_DOMAIN_CHAR, NULL},
	{"UTF-8 is refused by name", SPAN_LIT("m\xc3\xbcnchen.de"), -ADDR_ERR_ASCII, NULL},
	{"an IP address is no name", SPAN_LIT("192.0.2.1"), -ADDR_ERR_DOMAIN_NUMBER, NULL},
	{"a number is no name", SPAN_LIT("3232235777"), -ADDR_ERR_DOMAIN_NUMBER, NULL},
};

static const struct {
	const char *name;
	struct span in;
	int err;
	const char *want;
	bool literal;
} mailboxes[] = {
	{"the domain is put in lower case, the local part kept", SPAN_LIT("Joe.Doe@Example.COM"), 0,
	 "Joe.Doe@example.com", false},
	{"all of atext is fine", SPAN_LIT("!#$%&'*+-/=?^_`{|}~@a.de"), 0,
	 "!#$%&'*+-/=?^_`{|}~@a.de", false},
	{"a quoted string is kept as it is", SPAN_LIT("\"a b\\\"@c\"@D.de"), 0,
	 "\"a b\\\"@c\"@d.de", false},
	{"a quoted string may be empty", SPAN_LIT("\"\"@d.de"), 0, "\"\"@d.de", false},
	{"an IPv4 literal", SPAN_LIT("a@[192.0.2.1]"), 0, "a@[192.0.2.1]", true},
	{"an IPv6 literal", SPAN_LIT("a@[IPv6:2001:DB8::1]"), 0, "a@[ipv6:2001:db8::1]", true},
	{"64 bytes are a local part", SPAN_LIT(L64 "@a.de"), 0, L64 "@a.de", false},
	{"the longest address", SPAN_LIT(L64 "@" D253), 0, L64 "@" D253, false},
	{"nothing", SPAN_LIT(""), -ADDR_ERR_EMPTY, NULL, false},
	{"65 bytes are too long", SPAN_LIT(L64 "a@a.de"), -ADDR_ERR_LOCAL_LONG, NULL, false},
	{"quotes count", SPAN_LIT("\"" L63 "\"@a.de"), -ADDR_ERR_LOCAL_LONG, NULL, false},
	{"no @", SPAN_LIT("joe"), -ADDR_ERR_NO_AT, NULL, false},
	{"no @ after quotes", SPAN_LIT("\"joe@a.de\""), -ADDR_ERR_NO_AT, NULL, false},
	{"postmaster has an error of his own", SPAN_LIT("PostMaster"), -ADDR_ERR_POSTMASTER, NULL,
	 false},
	{"no local part", SPAN_LIT("@a.de"), -ADDR_ERR_LOCAL_EMPTY, NULL, false},
	{"no domain", SPAN_LIT("a@"), -ADDR_ERR_DOMAIN_EMPTY, NULL, false},
	{"two @", SPAN_LIT("a@b@c.de"), -ADDR_ERR_DOMAIN_CHAR, NULL, false},
	{"a leading dot", SPAN_LIT(".a@b.de"), -ADDR_ERR_LOCAL_DOT, NULL, false},
	{"a trailing dot", SPAN_LIT("a.@b.de"), -ADDR_ERR_LOCAL_DOT, NULL, false},
	{"two dots", SPAN_LIT("a..b@b.de"), -ADDR_ERR_LOCAL_DOT, NULL, false},
	{"a dot after the domain", SPAN_LIT("a@b.de."), -ADDR_ERR_DOMAIN_DOT, NULL, false},
	{"an empty label", SPAN_LIT("a@b..de"), -ADDR_ERR_LABEL_EMPTY, NULL, false},
	{"a blank in the local part", SPAN_LIT("a b@b.de"), -ADDR_ERR_LOCAL_CHAR, NULL, false},
	{"a blank before", SPAN_LIT(" a@b.de"), -ADDR_ERR_LOCAL_CHAR, NULL, false},
	{"a blank after", SPAN_LIT("a@b.de "), -ADDR_ERR_DOMAIN_CHAR, NULL, false},
	{"a bracket", SPAN_LIT("<a@b.de>"), -ADDR_ERR_LOCAL_CHAR, NULL, false},
	{"a NUL in the local part", SPAN_LIT("a\0b@b.de"), -ADDR_ERR_LOCAL_CHAR, NULL, false},
	{"a NUL in the domain", SPAN_LIT("a@b.de\0"), -ADDR_ERR_DOMAIN_CHAR, NULL, false},
	{"CRLF in the local part", SPAN_LIT("a\r\nb@b.de"), -ADDR_ERR_LOCAL_CHAR, NULL, false},
	{"CRLF in quotes", SPAN_LIT("\"a\r\nb\"@b.de"), -ADDR_ERR_LOCAL_QUOTE, NULL, false},
	{"NUL in quotes", SPAN_LIT("\"a\0b\"@b.de"), -ADDR_ERR_LOCAL_QUOTE, NULL, false},
	{"a quoted control", SPAN_LIT("\"a\\\tb\"@b.de"), -ADDR_ERR_LOCAL_QUOTE, NULL, false},
	{"a quoted pair of UTF-8", SPAN_LIT("\"\\\xc3\xb6\"@b.de"), -ADDR_ERR_LOCAL_QUOTE, NULL,
	 false},
	{"UTF-8 after a quoted backslash", SPAN_LIT("\"\\\\\xc3\xb6\"@b.de"), 0,
	 "\"\\\\\xc3\xb6\"@b.de", false},
	{"open quotes", SPAN_LIT("\"a@b.de"), -ADDR_ERR_LOCAL_QUOTE, NULL, false},
	{"a quote at the very end", SPAN_LIT("\"a\\"), -ADDR_ERR_LOCAL_QUOTE, NULL, false},
	{"text after quotes", SPAN_LIT("\"a\"b@b.de"), -ADDR_ERR_LOCAL_QUOTE, NULL, false},
	{"quotes in a dot string", SPAN_LIT("a\"b\"@b.de"), -ADDR_ERR_LOCAL_CHAR, NULL, false},
	{"UTF-8 before the @ is kept", SPAN_LIT("j\xc3\xb6rg@b.de"), 0, "j\xc3\xb6rg@b.de", false},
	{"UTF-8 in quotes is kept", SPAN_LIT("\"\xc3\xb6 \xf0\x9f\x98\x80\"@b.de"), 0,
	 "\"\xc3\xb6 \xf0\x9f\x98\x80\"@b.de", false},
	{"a U-label becomes an A-label", SPAN_LIT("a@M\xc3\x9cnchen.DE"), 0, "a@xn--mnchen-3ya.de",
	 false},
	{"a decomposed letter is the same", SPAN_LIT("a@mu\xcc\x88nchen.de"), 0,
	 "a@xn--mnchen-3ya.de", false},
	{"sharp s stays itself",
	 SPAN_LIT("a@stra\xc3\x9f"
		  "e.de"),
	 0, "a@xn--strae-oqa.de", false},
	{"an ideographic full stop is a dot", SPAN_LIT("a@\xe4\xbe\x8b\xe3\x80\x82test"), 0,
	 "a@xn--fsq.test", false},
	{"64 bytes of UTF-8", SPAN_LIT(L16 L16 L16 "abcdefghijklmn\xc3\xb6@a.de"), 0,
	 L16 L16 L16 "abcdefghijklmn\xc3\xb6@a.de", false},
	{"65 bytes of UTF-8", SPAN_LIT(L63 "\xc3\xb6@a.de"), -ADDR_ERR_LOCAL_LONG, NULL, false},
	{"Latin-1", SPAN_LIT("j\xf6rg@b.de"), -ADDR_ERR_UTF8, NULL, false},
	{"an overlong slash", SPAN_LIT("a\xc0\xaf@b.de"), -ADDR_ERR_UTF8, NULL, false},
	{"a surrogate", SPAN_LIT("\xed\xa0\x80@b.de"), -ADDR_ERR_UTF8, NULL, false},
	{"a cut character", SPAN_LIT("a\xe2\x82@b.de"), -ADDR_ERR_UTF8, NULL, false},
	{"the first C1 control", SPAN_LIT("\xc2\x80@b.de"), -ADDR_ERR_UTF8, NULL, false},
	{"the last C1 control", SPAN_LIT("\xc2\x9f@b.de"), -ADDR_ERR_UTF8, NULL, false},
	{"what follows them", SPAN_LIT("\xc2\xa1@b.de"), 0, "\xc2\xa1@b.de", false},
	{"a line separator", SPAN_LIT("a\xe2\x80\xa8@b.de"), -ADDR_ERR_UTF8, NULL, false},
	{"a paragraph separator in quotes", SPAN_LIT("\"\xe2\x80\xa9\"@b.de"), -ADDR_ERR_UTF8, NULL,
	 false},
	{"a domain in Latin-1", SPAN_LIT("a@\xf6.de"), -ADDR_ERR_UTF8, NULL, false},
	{"a snowman is no domain", SPAN_LIT("a@\xe2\x98\x83.de"), -ADDR_ERR_IDN, NULL, false},
	{"a wrong A-label beside a U-label", SPAN_LIT("a@\xc3\xbc.xn--\xc3\xb6"), -ADDR_ERR_IDN,
	 NULL, false},
	{"fullwidth digits are digits", SPAN_LIT("a@\xef\xbc\x91"), -ADDR_ERR_DOMAIN_NUMBER, NULL,
	 false},
	{"a fullwidth @ is none", SPAN_LIT("a@b\xef\xbc\xa0.de"), -ADDR_ERR_DOMAIN_CHAR, NULL,
	 false},
	{"a NUL beside a U-label", SPAN_LIT("a@\xc3\xb6\0.de"), -ADDR_ERR_DOMAIN_CHAR, NULL, false},
	{"an underscore beside a U-label", SPAN_LIT("a@\xc3\xb6_.de"), -ADDR_ERR_DOMAIN_CHAR, NULL,
	 false},
	{"an address without brackets", SPAN_LIT("a@192.0.2.1"), -ADDR_ERR_DOMAIN_NUMBER, NULL,
	 false},
	{"IPv6 without its tag", SPAN_LIT("a@[::1]"), -ADDR_ERR_LITERAL, NULL, false},
	{"IPv4 out of range", SPAN_LIT("a@[1.2.3.256]"), -ADDR_ERR_LITERAL, NULL, false},
	{"IPv4 that is too short", SPAN_LIT("a@[127.1]"), -ADDR_ERR_LITERAL, NULL, false},
	{"a scope", SPAN_LIT("a@[IPv6:fe80::1%eth0]"), -ADDR_ERR_LITERAL, NULL, false},
	{"an open bracket", SPAN_LIT("a@[1.2.3.4"), -ADDR_ERR_LITERAL, NULL, false},
	{"a lone bracket", SPAN_LIT("a@["), -ADDR_ERR_LITERAL, NULL, false},
	{"empty brackets", SPAN_LIT("a@[]"), -ADDR_ERR_LITERAL, NULL, false},
	{"a literal with a NUL", SPAN_LIT("a@[1.2.3.4\0]"), -ADDR_ERR_LITERAL, NULL, false},
	{"a literal with a tail", SPAN_LIT("a@[1.2.3.4].de"), -ADDR_ERR_LITERAL, NULL, false},
};

static const struct {
	const char *name;
	struct span in;
	int err;
	const char *want;
	const char *rest; /* NULL: untouched */
} paths[] = {
	{"the null path", SPAN_LIT("<> SIZE=1"), 0, "", " SIZE=1"},
	{"a mailbox", SPAN_LIT("<a@B.de>"), 0, "a@b.de", ""},
	{"a mailbox with parameters", SPAN_LIT("<a@b.de> X=>"), 0, "a@b.de", " X=>"},
	{"quotes hide a bracket", SPAN_LIT("<\"a>\\\"b\"@b.de>x"), 0, "\"a>\\\"b\"@b.de", "x"},
	{"a route is dropped", SPAN_LIT("<@x.de,@Y.de:a@b.de>"), 0, "a@b.de", ""},
	{"a route of one host", SPAN_LIT("<@x.de:a@b.de>"), 0, "a@b.de", ""},
	{"postmaster", SPAN_LIT("<Postmaster> A"), -ADDR_ERR_POSTMASTER, NULL, " A"},
	{"nothing", SPAN_LIT(""), -ADDR_ERR_BRACKETS, NULL, NULL},
	{"no brackets", SPAN_LIT("a@b.de"), -ADDR_ERR_BRACKETS, NULL, NULL},
	{"an open bracket", SPAN_LIT("<a@b.de"), -ADDR_ERR_BRACKETS, NULL, NULL},
	{"a lone bracket", SPAN_LIT("<"), -ADDR_ERR_BRACKETS, NULL, NULL},
	{"open quotes hide the bracket", SPAN_LIT("<\"a@b.de>"), -ADDR_ERR_BRACKETS, NULL, NULL},
	{"a blank before", SPAN_LIT(" <a@b.de>"), -ADDR_ERR_BRACKETS, NULL, NULL},
	{"a blank is no null path", SPAN_LIT("< >"), -ADDR_ERR_NO_AT, NULL, NULL},
	{"two brackets", SPAN_LIT("<<a@b.de>>"), -ADDR_ERR_LOCAL_CHAR, NULL, NULL},
	{"a route without colon", SPAN_LIT("<@x.de>"), -ADDR_ERR_ROUTE, NULL, NULL},
	{"a route without host", SPAN_LIT("<@:a@b.de>"), -ADDR_ERR_ROUTE, NULL, NULL},
	{"a route without second host", SPAN_LIT("<@x.de,:a@b.de>"), -ADDR_ERR_ROUTE, NULL, NULL},
	{"a route without @", SPAN_LIT("<@x.de,y.de:a@b.de>"), -ADDR_ERR_ROUTE, NULL, NULL},
	{"a route to nowhere is not null", SPAN_LIT("<@x.de:>"), -ADDR_ERR_EMPTY, NULL, NULL},
	{"UTF-8", SPAN_LIT("<\xc3\xb6@\xc3\xb6.de> X"), 0, "\xc3\xb6@xn--nda.de", " X"},
	{"a route in UTF-8", SPAN_LIT("<@\xc3\xb6.de:a@b.de>"), 0, "a@b.de", ""},
	{"malformed UTF-8", SPAN_LIT("<\xc3@b.de>"), -ADDR_ERR_UTF8, NULL, NULL},
	{"UTF-8 behind the path is not looked at", SPAN_LIT("<a@b.de>\xc3"), 0, "a@b.de", "\xc3"},
};

static void check_text(const char *name, const char *got, const char *want)
{
	if (strcmp(got, want))
		fail_msg("%s: got \"%s\", want \"%s\"", name, got, want);
}

static void test_domains(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
		struct domain d = {.n = 1, .s = "?"};
		int err = domain_parse(domains[i].in, &d);

		if (err != domains[i].err)
			fail_msg("%s: %d (%s)", domains[i].name, err, addr_error(err));
		check_text(domains[i].name, d.s, err ? "?" : domains[i].want);
		assert_int_equal(d.n, strlen(d.s));
	}
}

static void test_dns_names(void **state UNUSED)
{
	struct domain d;

	assert_int_equal(domain_parse_dns(SPAN_LIT("a1._Domainkey.b_.de."), &d), 0);
	assert_string_equal(d.s, "a1._domainkey.b_.de");
	assert_int_equal(domain_parse_dns(SPAN_LIT("*.de"), &d), -ADDR_ERR_DOMAIN_CHAR);
}

static void test_mailboxes(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(mailboxes); i++) {
		struct addr a = {.n = 1, .s = "?"};
		int err = addr_parse(mailboxes[i].in, &a);

		if (err != mailboxes[i].err)
			fail_msg("%s: %d (%s)", mailboxes[i].name, err, addr_error(err));
		check_text(mailboxes[i].name, a.s, err ? "?" : mailboxes[i].want);
		assert_int_equal(a.n, strlen(a.s));
		if (!err)
			assert_int_equal(a.literal, mailboxes[i].literal);
	}
}

static void test_paths(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct addr a = {.n = 1, .s = "?"};
		struct span rest = SPAN_LIT("?");
		int err = addr_parse_path(paths[i].in, &a, &rest);

		if (err != paths[i].err)
			fail_msg("%s: %d (%s)", paths[i].name, err, addr_error(err));
		check_text(paths[i].name, a.s, err ? "?" : paths[i].want);
		if (!span_eq_str(rest, paths[i].rest ? paths[i].rest : "?"))
			fail_msg("%s: rest \"%.*s\"", paths[i].name, SPAN_FMT(rest));
	}
}

static void test_every_byte_alone(void **state UNUSED)
{
	for (int c = 0; c < 256; c++) {
		uint8_t text[] = "a?b@c.de";
		bool fine = c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"[]", c);
		struct addr a;

		text[1] = (uint8_t)c;
		assert_int_equal(addr_parse(span_of(text, 8), &a) == 0, fine);
		assert_int_equal(addr_atext((uint8_t)c), fine && c != '.');
	}
}

static void test_parts(void **state UNUSED)
{
	struct addr a = {.n = 0};
	struct domain d;

	assert_int_equal(addr_local(&a).n, 0);
	assert_int_equal(addr_domain(&a).n, 0);
	assert_int_equal(addr_get_domain(&a, &d), -ADDR_ERR_EMPTY);
	assert_int_equal(addr_parse(SPAN_LIT("\"@\"@b.de"), &a), 0);
	assert_true(span_eq_str(addr_local(&a), "\"@\""));
	assert_true(span_eq_str(addr_domain(&a), "b.de"));
	assert_int_equal(addr_get_domain(&a, &d), 0);
	assert_string_equal(d.s, "b.de");
	assert_false(addr_is_utf8(&a));
	assert_int_equal(addr_parse(SPAN_LIT("a@\xc3\xb6.de"), &a), 0);
	assert_false(addr_is_utf8(&a));
	assert_int_equal(addr_parse(SPAN_LIT("\xc3\xb6@b.de"), &a), 0);
	assert_true(addr_is_utf8(&a));
	assert_int_equal(domain_parse_utf8(SPAN_LIT("\xc3\xb6.De."), &d), 0);
	assert_string_equal(d.s, "xn--nda.de");
	assert_int_equal(addr_parse(SPAN_LIT("a@[1.2.3.4]"), &a), 0);
	assert_int_equal(addr_get_domain(&a, &d), -ADDR_ERR_LITERAL);
}

static void test_every_error_has_a_sentence(void **state UNUSED)
{
	for (int i = 0; i < ADDR_ERR_MAX; i++) {
		assert_non_null(addr_error(i));
		assert_ptr_equal(addr_error(i), addr_error(-i));
	}
	assert_non_null(addr_error(-1000));
	assert_non_null(addr_error(INT32_MIN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_dns_names),
		cmocka_unit_test(test_mailboxes),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_every_byte_alone),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_every_error_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
