/*
 * conf_test.c - what is read as what, and every sentence that is said about what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <unistd.h>

#include "common/conf/conf.h"
#include "common/proc.h"

#define H "hostname = mail.example.com\n"
#define L63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define TIMES8 "1s 1s 1s 1s 1s 1s 1s 1s "

struct text_case {
	const char *name;
	struct span text;
	const char *want;
};
#define T(s)                                        \
	{                                           \
		(const uint8_t *)(s), sizeof(s) - 1 \
	}

static const struct text_case error_cases[] = {
	{"an empty file", T(""), "c:1:1: hostname is not set; write hostname = NAME"},
	{"an empty hostname", T("\nhostname =\n"),
	 "c:1:1: hostname is not set; write hostname = NAME"},
	{"a hostname too long to be put behind rp.",
	 T("hostname = " L63 "." L63 "." L63 ".aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeef"
	   "fffffff.a\n"),
	 "c:1:1: return_path.domain is not set; write return_path.domain = NAME"},

	/* lines */
	{"an unknown key", T("\n\n\n\n\n" H "deliver.prot = 25\n"),
	 "c:7:1: unknown key \"deliver.prot\"; did you mean \"deliver.port\"?"},
	{"a key in upper case", T("Hostname = a.example\n"),
	 "c:1:1: unknown key \"Hostname\"; did you mean \"hostname\"?"},
	{"a key without its first part", T("in_flight = 3\n"),
	 "c:1:1: unknown key \"in_flight\"; did you mean \"queue.in_flight\"?"},
	{"the second part of several keys", T("workers = 3\n"),
	 "c:1:1: unknown key \"workers\"; posthaste.conf(5) describes them all"},
	{"a strange key", T("relay_domains = all\n"),
	 "c:1:1: unknown key \"relay_domains\"; posthaste.conf(5) describes them all"},
	{"a long key", T(L63 L63 " = all\n"),
	 "c:1:1: unknown key \"" L63 "aaaaa...\"; posthaste.conf(5) describes them all"},
	{"a long key that is cut between characters",
	 T("ääääääääääääääääääääääääääääääääääa = b\n"),
	 "c:1:1: unknown key \"ääääääääääääääääääääääääääääääääää...\"; "
	 "posthaste.conf(5) describes them all"},
	{"a key with a tab in it", T("node\tid = 1\n"),
	 "c:1:1: unknown key \"node id\"; posthaste.conf(5) describes them all"},
	{"a section", T(H "[queue]\n"), "c:2:1: there is no \"=\" in this line; write KEY = VALUE"},
	{"an equals sign in a comment", T(H "node # = 3\n"),
	 "c:2:1: there is no \"=\" in this line; write KEY = VALUE"},
	{"no key", T(H "= 3\n"), "c:2:1: there is no key before the \"=\"; write KEY = VALUE"},
	{"a key twice", T("# x\n" H "node = 1\n\nnode = 2\n"),
	 "c:5:1: node is set a second time; remove this line or line 3"},
	{"an empty key twice", T(H "dns.zone =\ndns.zone =\n"),
	 "c:3:1: dns.zone is set a second time; remove this line or line 2"},
	{"a continuation of nothing", T("  hostname = a.example\n"),
	 "c:1:3: a line that begins with a blank continues a value, and there is none above; "
	 "begin it at the margin"},
	{"a continuation after an empty line", T(H "queue.retry = 1m\n\n\t5m\n"),
	 "c:4:2: a line that begins with a blank continues a value, and there is none above; "
	 "begin it at the margin"},
	{"a continuation after a comment at the margin", T(H "#queue.retry = 1m\n    5m\n"),
	 "c:3:5: a line that begins with a blank continues a value, and there is none above; "
	 "begin it at the margin"},
	{"a NUL", T(H "no\0de = 1\n"), "c:2:3: there is a NUL byte; remove it"},
	{"a NUL in a comment", T(H "# \0\n"), "c:2:3: there is a NUL byte; remove it"},
	{"a control character", T(H "tls.key = a\x1b[1mb\n"),
	 "c:2:12: there is a control character 0x1b; remove it"},
	{"DEL", T(H "tls.key = \x7f"), "c:2:11: there is a control character 0x7f; remove it"},
	{"CR alone", T(H "tls.key = a\rb\n"),
	 "c:2:12: there is a control character 0x0d; remove it"},
	{"Latin-1",
	 T(H "# Gr\xfc\xdf"
	     "e\n"),
	 "c:2:5: byte 0xfc is not UTF-8; save the file as UTF-8"},
	{"the error before a control character comes first", T(H "node = x\n\x01\n"),
	 "c:2:8: \"x\" is not a number; node takes 0 to 255"},
	{"the line after CRLF", T("hostname = a.example\r\nnode = x\r\n"),
	 "c:2:8: \"x\" is not a number; node takes 0 to 255"},

	/* words */
	{"no value", T(H "node =\n"), "c:2:7: node has no value; it takes a number"},
	{"only a comment", T(H "node = # 5\n"), "c:2:7: node has no value; it takes a number"},
	{"a comment right after the equals sign", T(H "node =#5\n"),
	 "c:2:7: node has no value; it takes a number"},
	{"no value for a text that has a default", T(H "tls.cert =\n"),
	 "c:2:11: tls.cert has no value; it takes a text"},
	{"two words for one", T(H "node = 1 2\n"),
	 "c:2:10: \"2\" is one word too many; node takes a number"},
	{"the second one in another line", T(H "node = 1 # one\n  # two\n  2\n"),
	 "c:4:3: \"2\" is one word too many; node takes a number"},
	{"too many words", T(H "queue.retry = " TIMES8 TIMES8 TIMES8 TIMES8 "2s\n"),
	 "c:2:111: \"2s\" is one word too many; queue.retry takes at most 32"},
	{"double quotes", T(H "tls.cert = \"a.pem\"\n"),
	 "c:2:12: \"a.pem\" begins with a quote; values are written without quotes"},
	{"single quotes", T(H "tls.cert = 'a.pem'\n"),
	 "c:2:12: 'a.pem' begins with a quote; values are written without quotes"},

	/* numbers */
	{"not a number", T(H "deliver.port = smtp\n"),
	 "c:2:16: \"smtp\" is not a number; deliver.port takes 1 to 65535"},
	{"a negative number", T(H "deliver.port = -1\n"),
	 "c:2:16: \"-1\" is not a number; deliver.port takes 1 to 65535"},
	{"a number too small", T(H "deliver.port = 0\n"),
	 "c:2:16: 0 is out of range; deliver.port takes 1 to 65535"},
	{"a number too large", T(H "deliver.port = 65536\n"),
	 "c:2:16: 65536 is out of range; deliver.port takes 1 to 65535"},
	{"a number far too large", T(H "deliver.port = 99999999999999999999999\n"),
	 "c:2:16: 99999999999999999999999 is out of range; deliver.port takes 1 to 65535"},
	{"more recipients than there may be", T(H "message.recipients = 1001\n"),
	 "c:2:22: 1001 is out of range; message.recipients takes 100 to 1000"},
	{"a size of a wrong unit", T(H "message.size = 25MB\n"),
	 "c:2:16: \"25MB\" is not a size; write it like 512, 64K, 25M or 1G"},
	{"a size in lower case", T(H "message.size = 25m\n"),
	 "c:2:16: \"25m\" is not a size; write it like 512, 64K, 25M or 1G"},
	{"a unit alone", T(H "message.size = M\n"),
	 "c:2:16: \"M\" is not a size; write it like 512, 64K, 25M or 1G"},
	{"a size too small", T(H "message.size = 1023\n"),
	 "c:2:16: 1023 is out of range; message.size takes 1K to 1G"},
	{"a size too large", T(H "message.size = 2G\n"),
	 "c:2:16: 2G is out of range; message.size takes 1K to 1G"},
	{"a size that overflows", T(H "spool.free = 16777216T\n"),
	 "c:2:14: 16777216T is out of range; spool.free takes 0 to 1024T"},
	{"a time without unit", T(H "queue.lifetime = 5\n"),
	 "c:2:18: \"5\" is not a time; write it like 500ms, 30s, 5m, 4h or 2d"},
	{"a time of two units", T(H "queue.lifetime = 1h30m\n"),
	 "c:2:18: \"1h30m\" is not a time; write it like 500ms, 30s, 5m, 4h or 2d"},
	{"a fraction", T(H "queue.lifetime = 1.5h\n"),
	 "c:2:18: \"1.5h\" is not a time; write it like 500ms, 30s, 5m, 4h or 2d"},
	{"a time too long", T(H "dns.timeout = 6m\n"),
	 "c:2:15: 6m is out of range; dns.timeout takes 1ms to 5m"},
	{"no time at all", T(H "dns.timeout = 0s\n"),
	 "c:2:15: 0s is out of range; dns.timeout takes 1ms to 5m"},
	{"one of several times", T(H "queue.retry = 1m 2m\n  5m x 20m\n"),
	 "c:3:6: \"x\" is not a time; write it like 500ms, 30s, 5m, 4h or 2d"},
	{"one of several out of range", T(H "queue.retry = 1m 31d\n"),
	 "c:2:18: 31d is out of range; queue.retry takes 1ms to 30d"},

	/* words that stand for something */
	{"a word with a slip", T(H "log.level = wran\n"),
	 "c:2:13: log.level cannot be \"wran\"; did you mean \"warn\"?"},
	{"another word", T(H "log.level = verbose\n"),
	 "c:2:13: log.level cannot be \"verbose\"; it is one of alert, error, warn, info, debug"},
	{"a word and the separator", T(H "spool.syncfs = auto|never\n"),
	 "c:2:16: spool.syncfs cannot be \"auto|never\"; it is one of auto, never"},
	{"a dns.mode with a slip", T(H "dns.mode = forwrad 1.1.1.1\n"),
	 "c:2:12: dns.mode cannot be \"forwrad\"; did you mean \"forward\"?"},
	{"another dns.mode", T(H "dns.mode = 1.1.1.1\n"),
	 "c:2:12: dns.mode cannot be \"1.1.1.1\"; dns.mode is resolv.conf, iterate, local or "
	 "forward ADDR[@PORT]"},
	{"a dkim_domain that is none", T(H "deliver.dkim_domain = a..b\n"),
	 "c:2:23: \"a..b\" is not a host name: the domain has an empty label; "
	 "deliver.dkim_domain takes a name like example.com"},
	{"a dkim_selector that is none", T(H "deliver.dkim_selector = ph_1\n"),
	 "c:2:25: \"ph_1\" is not a selector; deliver.dkim_selector takes letters, digits and "
	 "hyphens, as in a host name"},
	{"two dkim_selectors", T(H "deliver.dkim_selector = a b\n"),
	 "c:2:25: \"a\" is not a selector; deliver.dkim_selector takes letters, digits and "
	 "hyphens, "
	 "as in a host name"},
	{"forward alone", T(H "dns.mode = forward\n"),
	 "c:2:12: forward has no address; dns.mode is resolv.conf, iterate, local or forward "
	 "ADDR[@PORT]"},
	{"forward to a name", T(H "dns.mode = forward dns.example@53\n"),
	 "c:2:20: \"dns.example\" is not an IP address; dns.mode is resolv.conf, iterate, local "
	 "or forward ADDR[@PORT]"},
	{"forward to no port", T(H "dns.mode = forward ::1@\n"),
	 "c:2:24: \"\" is not a port from 1 to 65535; dns.mode is resolv.conf, iterate, local or "
	 "forward ADDR[@PORT]"},
	{"forward to a wrong port", T(H "dns.mode = forward ::1@65536\n"),
	 "c:2:24: \"65536\" is not a port from 1 to 65535; dns.mode is resolv.conf, iterate, "
	 "local or forward ADDR[@PORT]"},
	{"forward to two", T(H "dns.mode = forward ::1 ::2\n"),
	 "c:2:24: \"::2\" is one word too many; dns.mode is resolv.conf, iterate, local or "
	 "forward ADDR[@PORT]"},
	{"local and more", T(H "dns.mode = local zone\n"),
	 "c:2:18: \"zone\" is one word too many; dns.mode is resolv.conf, iterate, local or "
	 "forward ADDR[@PORT]"},

	/* names and addresses */
	{"a hostname with an underscore", T("hostname = my_host.example\n"),
	 "c:1:12: \"my_host.example\" is not a host name: the domain has a character that is not "
	 "allowed; hostname takes a name like mail.example.com"},
	{"a hostname that is an address", T("hostname = 192.0.2.1\n"),
	 "c:1:12: \"192.0.2.1\" is not a host name: the domain ends with a number; hostname "
	 "takes a name like mail.example.com"},
	{"a listener without port", T(H "listen.mx = 0.0.0.0\n"),
	 "c:2:13: \"0.0.0.0\": no port; listen.mx takes ADDR:PORT, [V6ADDR]:PORT or none"},
	{"a listener with port 0", T(H "listen.mx = 0.0.0.0:0\n"),
	 "c:2:13: \"0.0.0.0:0\": the port is not 1 to 65535; listen.mx takes ADDR:PORT, "
	 "[V6ADDR]:PORT or none"},
	{"a listener with a named port", T(H "listen.mx = 0.0.0.0:smtp\n"),
	 "c:2:13: \"0.0.0.0:smtp\": the port is not 1 to 65535; listen.mx takes ADDR:PORT, "
	 "[V6ADDR]:PORT or none"},
	{"a listener on a name", T(H "listen.mx = localhost:25\n"),
	 "c:2:13: \"localhost:25\": no IP address before the port; listen.mx takes ADDR:PORT, "
	 "[V6ADDR]:PORT or none"},
	{"a listener on a port", T(H "listen.mx = :25\n"),
	 "c:2:13: \":25\": no IP address before the port; listen.mx takes ADDR:PORT, "
	 "[V6ADDR]:PORT or none"},
	{"IPv6 without brackets", T(H "listen.mx = :::25\n"),
	 "c:2:13: \":::25\": an IPv6 address needs brackets; listen.mx takes ADDR:PORT, "
	 "[V6ADDR]:PORT or none"},
	{"IPv6 without port", T(H "listen.mx = [::1]\n"),
	 "c:2:13: \"[::1]\": no \"]:PORT\" at its end; listen.mx takes ADDR:PORT, [V6ADDR]:PORT "
	 "or none"},
	{"IPv4 in brackets", T(H "listen.mx = [127.0.0.1]:25\n"),
	 "c:2:13: \"[127.0.0.1]:25\": no IP address before the port; listen.mx takes ADDR:PORT, "
	 "[V6ADDR]:PORT or none"},
	{"empty brackets", T(H "listen.mx = []:25\n"),
	 "c:2:13: \"[]:25\": no IP address before the port; listen.mx takes ADDR:PORT, "
	 "[V6ADDR]:PORT or none"},
	{"none and more", T(H "listen.mx = 0.0.0.0:25 none\n"),
	 "c:2:24: \"none\": it stands alone; listen.mx takes ADDR:PORT, [V6ADDR]:PORT or none"},
	{"a listener twice", T(H "listen.mx = [::1]:25 [0:0:0::1]:025\n"),
	 "c:2:22: \"[0:0:0::1]:025\" stands in listen.mx twice; remove one"},
	{"a relay without port", T(H "deliver.relay = relay.example\n"),
	 "c:2:17: \"relay.example\": no port; deliver.relay takes HOST:PORT"},
	{"a relay with a bad name", T(H "deliver.relay = -a.example:25\n"),
	 "c:2:17: \"-a.example:25\": a label of the domain begins or ends with a hyphen; "
	 "deliver.relay takes HOST:PORT"},
	{"a relay with an address that is none", T(H "deliver.relay = 192.0.2.256:25\n"),
	 "c:2:17: \"192.0.2.256:25\": the domain ends with a number; deliver.relay takes "
	 "HOST:PORT"},
	{"a relay with a name in brackets", T(H "deliver.relay = [relay.example]:25\n"),
	 "c:2:17: \"[relay.example]:25\": no IPv6 address in the brackets; deliver.relay takes "
	 "HOST:PORT"},
	{"a route without target", T(H "deliver.mx = a.example\n"),
	 "c:2:14: \"a.example\": no \"=\"; deliver.mx takes DOMAIN=HOST:PORT"},
	{"a route with a blank in it", T(H "deliver.mx = a.example= 127.0.0.1:25\n"),
	 "c:2:24: \"\": no port; deliver.mx takes DOMAIN=HOST:PORT"},
	{"a route for no domain", T(H "deliver.mx = *=127.0.0.1:25\n"),
	 "c:2:14: \"*\" is not a domain: the domain has a character that is not allowed; "
	 "deliver.mx takes DOMAIN=HOST:PORT"},
	{"a route with a bad target", T(H "deliver.mx = a.example=h:25 b.example=h\n"),
	 "c:2:39: \"h\": no port; deliver.mx takes DOMAIN=HOST:PORT"},
	{"no level", T(H "deliver.tls_policy = a.example=maybe\n"),
	 "c:2:32: \"maybe\": no such level; deliver.tls_policy takes DOMAIN=LEVEL, the level none, "
	 "may, encrypt or verify"},
	{"two levels for a domain", T(H "deliver.tls_policy = a.example=may A.example=may\n"),
	 "c:2:36: a.example stands in deliver.tls_policy twice; remove one"},
	{"two sources of a family", T(H "deliver.source = 192.0.2.1 192.0.2.2\n"),
	 "c:1:1: deliver.source takes at most one IPv4 and one IPv6 address"},
	{"a network as source", T(H "deliver.source = 192.0.2.0/24\n"),
	 "c:1:1: deliver.source takes at most one IPv4 and one IPv6 address"},
	{"two routes for a domain", T(H "deliver.mx = a.example=h:25\n A.example=g:25\n"),
	 "c:3:2: a.example stands in deliver.mx twice; remove one"},
	{"a network that is none", T(H "deliver.networks = loopback\n"),
	 "c:2:20: \"loopback\": not a network; deliver.networks takes public or networks like "
	 "127.0.0.0/8"},
	{"public and more", T(H "deliver.networks = 10.0.0.0/8 public\n"),
	 "c:2:31: \"public\": it stands alone; deliver.networks takes public or networks like "
	 "127.0.0.0/8"},
	{"a prefix too long", T(H "deliver.networks = 10.0.0.0/33\n"),
	 "c:2:29: \"10.0.0.0/33\": the prefix length is not 0 to 32; deliver.networks takes "
	 "public or networks like 127.0.0.0/8"},
	{"an IPv6 prefix too long", T(H "deliver.networks = ::1/129\n"),
	 "c:2:24: \"::1/129\": the prefix length is not 0 to 128; deliver.networks takes public "
	 "or networks like 127.0.0.0/8"},
	{"no prefix after the slash", T(H "deliver.networks = ::1/\n"),
	 "c:2:24: \"::1/\": the prefix length is not 0 to 128; deliver.networks takes public "
	 "or networks like 127.0.0.0/8"},
	{"a mask instead of a prefix", T(H "deliver.networks = 10.0.0.0/255.0.0.0\n"),
	 "c:2:29: \"10.0.0.0/255.0.0.0\": the prefix length is not 0 to 32; deliver.networks "
	 "takes public or networks like 127.0.0.0/8"},
	{"host bits", T(H "deliver.networks = 127.0.0.0/8 10.1.2.3/9\n"),
	 "c:2:32: \"10.1.2.3/9\" is not written as a network; did you mean \"10.0.0.0/9\"?"},
	{"IPv6 host bits", T(H "deliver.networks = fd12:3456::1/31\n"),
	 "c:2:20: \"fd12:3456::1/31\" is not written as a network; did you mean "
	 "\"fd12:3456::/31\"?"},
	{"a mapped network", T(H "deliver.networks = ::ffff:127.0.0.1/104\n"),
	 "c:2:20: \"::ffff:127.0.0.1/104\" is not written as a network; did you mean "
	 "\"127.0.0.0/8\"?"},
};

static void an_error_is_told_with_its_place_and_its_remedy(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(error_cases); i++) {
		const struct text_case *c = &error_cases[i];
		char error[CONF_ERROR_SIZE] = "";
		struct conf *conf = NULL;

		if (conf_parse("c", c->text, &conf, error) != -EINVAL)
			fail_msg("%s: was accepted", c->name);
		assert_null(conf);
		if (strcmp(error, c->want) != 0)
			fail_msg("%s:\n  got  %s\n  want %s", c->name, error, c->want);
	}
}

/* Keys that do not have their default, as they would be written, each with a semicolon. */
static void changed(const char *key, const char *value, const char *default_value, const char *doc,
		    void *arg)
{
	assert_true(strlen(doc) > 20);
	if (strcmp(value, default_value) != 0)
		buf_fmt(arg, "%s = %s; ", key, value);
}

#define HOSTS                                                                                    \
	"hostname = mail.example.com; return_path.domain = rp.mail.example.com; deliver.helo = " \
	"mail.example.com; "

static const struct text_case value_cases[] = {
	{"a hostname", T(H), HOSTS},
	{"no line end", T("hostname=mail.example.com"), HOSTS},
	{"CRLF", T("# x\r\n\r\nhostname = mail.example.com\r\n"), HOSTS},
	{"blanks and comments", T("\t \n #\n#\nhostname \t= \tmail.example.com\t# = #\n"), HOSTS},
	{"the value below the key", T("hostname =\n # here\n\tmail.example.com\r\n"), HOSTS},
	{"names become lower case", T("hostname = Mail.Example.COM.\n"), HOSTS},
	{"a return path", T(H "return_path.domain = b.example\n"),
	 "hostname = mail.example.com; return_path.domain = b.example; deliver.helo = "
	 "mail.example.com; "},
	{"an empty return path is the default", T(H "return_path.domain =\n"), HOSTS},
	{"numbers", T(H "node = 255\ndeliver.port = 00026\n"),
	 "hostname = mail.example.com; node = 255; return_path.domain = rp.mail.example.com; "
	 "deliver.helo = mail.example.com; "
	 "deliver.port = 26; "},
	{"sizes", T(H "message.size = 2048\nspool.free = 1024T\n"),
	 HOSTS "message.size = 2K; spool.free = 1024T; "},
	{"odd sizes", T(H "message.size = 2049\nspool.free = 0\n"),
	 HOSTS "message.size = 2049; spool.free = 0; "},
	{"times", T(H "queue.lifetime = 48h\nretention.content = 0d\ndns.timeout = 1500ms\n"),
	 HOSTS "queue.lifetime = 2d; retention.content = 0s; dns.timeout = 1500ms; "},
	{"times in several lines", T(H "queue.retry = 90s # soon\n\t# and then\n\t2h\n  60m\n"),
	 HOSTS "queue.retry = 90s 2h 1h; "},
	{"a text with blanks", T(H "tls.cert = my  certs/\ta#b.pem\n"),
	 HOSTS "tls.cert = my certs/ a#b.pem; "},
	{"a text in UTF-8", T(H "tls.cert = schlüssel.pem\n"), HOSTS "tls.cert = schlüssel.pem; "},
	{"an equals sign in a value", T(H "tls.cert = =a=\n"), HOSTS "tls.cert = =a=; "},
	{"a word", T(H "log.level = debug\nspool.syncfs = never\n"),
	 "hostname = mail.example.com; return_path.domain = rp.mail.example.com; deliver.helo = "
	 "mail.example.com; "
	 "log.level = debug; spool.syncfs = never; "},
	{"no listeners", T(H "listen.mx = none\n"), HOSTS "listen.mx = none; "},
	{"listeners", T(H "listen.mx = 127.0.0.1:2525 [0::1]:2525\n"),
	 HOSTS "listen.mx = 127.0.0.1:2525 [::1]:2525; "},
	{"networks",
	 T(H "deliver.networks = 127.0.0.0/8\n 192.168.1.1 ::1/128 fc00::/7 0.0.0.0/0\n"),
	 HOSTS "deliver.networks = 127.0.0.0/8 192.168.1.1/32 ::1/128 fc00::/7 0.0.0.0/0; "},
	{"a relay", T(H "deliver.relay = Relay.example:587\n"),
	 HOSTS "deliver.relay = relay.example:587; "},
	{"a relay by address", T(H "deliver.relay = 127.0.0.1:1\n"),
	 HOSTS "deliver.relay = 127.0.0.1:1; "},
	{"a relay by IPv6 address", T(H "deliver.relay = [0::1]:1\n"),
	 HOSTS "deliver.relay = [::1]:1; "},
	{"routes", T(H "deliver.mx = A.example=h:25 b.example=[::1]:2525\n"),
	 HOSTS "deliver.mx = a.example=h:25 b.example=[::1]:2525; "},
	{"levels", T(H "deliver.tls_policy = A.example=verify b.example=none\n"),
	 HOSTS "deliver.tls_policy = a.example=verify b.example=none; "},
	{"a source of each family", T(H "deliver.source = 192.0.2.1 2001:db8::1\n"),
	 HOSTS "deliver.source = 192.0.2.1/32 2001:db8::1/128; "},
	{"ways to ask", T(H "dns.mode = forward   192.0.2.1\n"),
	 HOSTS "dns.mode = forward 192.0.2.1; "},
	{"with a port", T(H "dns.mode = forward ::1@5353\n"),
	 HOSTS "dns.mode = forward ::1@5353; "},
	{"iterate", T(H "dns.mode = iterate\n"), HOSTS "dns.mode = iterate; "},
	{"local", T(H "dns.mode = local\ndns.zone = zone\n"),
	 HOSTS "dns.mode = local; dns.zone = zone; "},
};

static void a_value_is_printed_as_it_would_be_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(value_cases); i++) {
		const struct text_case *c = &value_cases[i];
		char error[CONF_ERROR_SIZE] = "";
		struct conf *conf = NULL;
		struct buf got;

		if (conf_parse("c", c->text, &conf, error) != 0)
			fail_msg("%s: %s", c->name, error);
		buf_init(&got, 65536);
		conf_each(conf, changed, &got);
		if (!span_eq_str(buf_span(&got), c->want))
			fail_msg("%s: %.*s", c->name, SPAN_FMT(buf_span(&got)));
		buf_done(&got);
		conf_free(&conf);
		assert_null(conf);
	}
}

static void values_arrive_in_the_struct(void **state)
{
	static const char text[] = H "node = 7\nlog.level = debug\nmessage.size = 3M\n"
				     "queue.retry = 1s 2m\nlisten.mx = 192.0.2.1:25 [::1]:26\n"
				     "deliver.networks = fc00::/7\ndeliver.relay = [::1]:27\n"
				     "deliver.mx = a.example=b.example:28\n";
	char error[CONF_ERROR_SIZE] = "";
	struct conf *c = NULL;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	(void)state;
	assert_int_equal(conf_parse("c", span_str(text), &c, error), 0);
	assert_string_equal(c->hostname.s, "mail.example.com");
	assert_int_equal(c->hostname.n, 16);
	assert_int_equal(c->node, 7);
	assert_int_equal(c->log_level, 4);
	assert_int_equal(c->message_size, 3 * 1024 * 1024);
	assert_int_equal(c->queue_lifetime_ms, 5LL * 86400 * 1000);
	assert_int_equal(c->queue_retry.n, 2);
	assert_int_equal(c->queue_retry.ms[1], 120000);
	assert_string_equal(c->tls_cert, "tls/cert.pem");
	assert_string_equal(c->dns_zone, "");
	assert_int_equal(c->sink_listen.n, 0);
	assert_int_equal(c->listen_mx.n, 2);
	assert_int_equal(c->listen_mx.at[0].len, sizeof(in));
	memcpy(&in, &c->listen_mx.at[0].addr, sizeof(in));
	assert_int_equal(in.sin_family, AF_INET);
	assert_int_equal(ntohs(in.sin_port), 25);
	assert_int_equal(ntohl(in.sin_addr.s_addr), 0xc0000201);
	assert_int_equal(c->listen_mx.at[1].len, sizeof(in6));
	memcpy(&in6, &c->listen_mx.at[1].addr, sizeof(in6));
	assert_int_equal(in6.sin6_family, AF_INET6);
	assert_int_equal(ntohs(in6.sin6_port), 26);
	assert_memory_equal(&in6.sin6_addr, &in6addr_loopback, 16);
	assert_false(c->deliver_networks.is_public);
	assert_int_equal(c->deliver_networks.n, 1);
	assert_int_equal(c->deliver_networks.at[0].family, AF_INET6);
	assert_int_equal(c->deliver_networks.at[0].bits, 7);
	assert_string_equal(c->deliver_relay.host, "::1");
	assert_int_equal(c->deliver_relay.port, 27);
	assert_int_equal(c->deliver_mx.n, 1);
	assert_string_equal(c->deliver_mx.at[0].domain.s, "a.example");
	assert_string_equal(c->deliver_mx.at[0].to.host, "b.example");
	assert_int_equal(c->deliver_mx.at[0].to.port, 28);
	conf_free(&c);
	conf_free(&c);
}

static void a_file_that_cannot_be_read_says_why(void **state)
{
	char error[CONF_ERROR_SIZE] = "";
	struct conf *c = NULL;

	(void)state;
	assert_int_equal(conf_load("/nonexistent/posthaste.conf", &c, error), -ENOENT);
	assert_string_equal(error, "/nonexistent/posthaste.conf: cannot be read: No such file or "
				   "directory");
	assert_null(c);
}

/* The sample has each key once, commented out, with the default that conf.def gives it. */
struct sample {
	struct span text;
	size_t keys;
};

static void in_sample(const char *key, const char *value, const char *default_value,
		      const char *doc, void *arg)
{
	struct sample *s = arg;
	struct buf line;

	(void)value;
	(void)doc;
	buf_init(&line, 65536);
	buf_fmt(&line, "\n#%s =%s%s\n", key, *default_value ? " " : "", default_value);
	if (!memmem(s->text.p, s->text.n, line.p, line.n))
		fail_msg("the sample does not have %.*s", SPAN_FMT(buf_span(&line)));
	s->keys++;
	buf_done(&line);
}

static size_t lines_that_set(struct span text)
{
	size_t n = 0;

	while (text.n) {
		struct span line = span_cut(&text, '\n');

		n += line.n > 1 && line.p[0] == '#' && line.p[1] != ' ';
	}
	return n;
}

static void the_sample_has_every_key_with_its_default(void **state)
{
	char error[CONF_ERROR_SIZE] = "";
	struct conf *c = NULL;
	struct sample s = {.keys = 0};
	struct buf text;

	(void)state;
	if (access("etc/posthaste.conf", F_OK) != 0)
		skip();
	buf_init(&text, CONF_FILE_MAX);
	assert_int_equal(file_read("etc/posthaste.conf", CONF_FILE_MAX, &text), 0);
	assert_int_equal(conf_parse("s", buf_span(&text), &c, error), -EINVAL);
	assert_string_equal(error, "s:1:1: hostname is not set; write hostname = NAME");
	buf_str(&text, H);
	assert_int_equal(conf_parse("s", buf_span(&text), &c, error), 0);
	s.text = buf_span(&text);
	conf_each(c, in_sample, &s);
	conf_free(&c);
	assert_int_equal(s.keys, lines_that_set(s.text));
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_told_with_its_place_and_its_remedy),
		cmocka_unit_test(a_value_is_printed_as_it_would_be_written),
		cmocka_unit_test(values_arrive_in_the_struct),
		cmocka_unit_test(a_file_that_cannot_be_read_says_why),
		cmocka_unit_test(the_sample_has_every_key_with_its_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
