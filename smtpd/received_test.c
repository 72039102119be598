#include "smtpd/received.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ID "0193abcdef0170008000000000000001"
#define DATE "\tTue, 24 Nov 2026 10:00:00 +0000\r\n"
#define TLS "TLSv1.3 TLS_AES_256_GCM_SHA384"

static const struct {
	const char *name;
	struct received r;
	const char *field;
} cases[] = {
	{"AUTH over TLS",
	 {.esmtp = true, .authenticated = true, .tls = TLS},
	 "Received: from laptop ([192.0.2.1])\r\n"
	 "\tby mail.test (Posthaste) with ESMTPSA id " ID "\r\n"
	 "\t(using " TLS ");\r\n" DATE},
	{"privacy",
	 {.esmtp = true, .authenticated = true, .tls = TLS, .privacy = true},
	 "Received: by mail.test (Posthaste) with ESMTPSA id " ID ";\r\n" DATE},
	{"TLS alone",
	 {.esmtp = true, .tls = TLS, .privacy = true},
	 "Received: by mail.test (Posthaste) with ESMTPS id " ID ";\r\n" DATE},
	{"AUTH in clear text",
	 {.esmtp = true, .authenticated = true},
	 "Received: from laptop ([192.0.2.1])\r\n"
	 "\tby mail.test (Posthaste) with ESMTPA id " ID ";\r\n" DATE},
	{"neither",
	 {.esmtp = true, .privacy = true},
	 "Received: by mail.test (Posthaste) with ESMTP id " ID ";\r\n" DATE},
	{"SMTPUTF8",
	 {.esmtp = true, .utf8 = true, .privacy = true},
	 "Received: by mail.test (Posthaste) with UTF8SMTP id " ID ";\r\n" DATE},
	{"SMTPUTF8 with AUTH over TLS",
	 {.esmtp = true, .utf8 = true, .authenticated = true, .tls = TLS, .privacy = true},
	 "Received: by mail.test (Posthaste) with UTF8SMTPSA id " ID ";\r\n" DATE},
	{"HELO",
	 {.privacy = true, .tls = TLS},
	 "Received: by mail.test (Posthaste) with SMTP id " ID ";\r\n" DATE},
	{"an address literal and IPv6",
	 {.helo = "[IPv6:2001:db8::1]", .client = "2001:db8::1", .esmtp = true},
	 "Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n"
	 "\tby mail.test (Posthaste) with ESMTP id " ID ";\r\n" DATE},
	{"a name that would end the comment",
	 {.helo = "a) (b", .esmtp = true},
	 "Received: from unknown ([192.0.2.1])\r\n"
	 "\tby mail.test (Posthaste) with ESMTP id " ID ";\r\n" DATE},
	{"no name",
	 {.helo = "", .esmtp = true},
	 "Received: from unknown ([192.0.2.1])\r\n"
	 "\tby mail.test (Posthaste) with ESMTP id " ID ";\r\n" DATE},
};

static void test_fields(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct received r = cases[i].r;
		struct buf b;

		r.helo = r.helo ? r.helo : "laptop";
		r.client = r.client ? r.client : "192.0.2.1";
		r.tls = r.tls ? r.tls : "";
		r.hostname = "mail.test";
		r.id = ID;
		r.at = (struct wall){INT64_C(1795514400123)};
		buf_init(&b, RECEIVED_MAX);
		received_add(&r, &b);
		if (!buf_ok(&b) || !span_eq_str(buf_span(&b), cases[i].field))
			fail_msg("%s: %.*s", cases[i].name, SPAN_FMT(buf_span(&b)));
		buf_done(&b);
	}
}

static void test_the_longest_one_fits(void **state UNUSED)
{
	char helo[256], host[256], tls[80];
	struct received r = {.helo = helo,
			     .client = "2001:0db8:0000:0000:0000:ffff:192.168.100.100",
			     .hostname = host,
			     .tls = tls,
			     .id = ID,
			     .esmtp = true,
			     .authenticated = true,
			     .utf8 = true};
	struct buf b;

	memset(helo, 'a', sizeof(helo));
	memset(host, 'b', sizeof(host));
	memset(tls, 'c', sizeof(tls));
	helo[255] = host[255] = tls[79] = '\0';
	buf_init(&b, RECEIVED_MAX);
	received_add(&r, &b);
	assert_true(buf_ok(&b));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_the_longest_one_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
