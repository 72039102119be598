/*
 * policy_test.c - who may submit, and as whom, with a control.db of its own.
 */
#include "smtpd/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/control/control.h"
#include "common/file.h"
#include "common/log.h"

enum { PATIENCE = 1000, PAUSE_US = 10000 };

static char folder[] = "/tmp/policy-test-XXXXXX";
static const uint8_t key[32] = "the key of credentials, 32 bytes";
static struct control *control;

/* The user tim of RFC 2195 is the server acme/one here. */
static const struct span challenge = SPAN_LIT("<1896.697170952@postoffice.reston.mci.net>");
static const uint8_t answer[] = {0xb9, 0x13, 0xa6, 0x02, 0xc7, 0xed, 0xa7, 0xa4,
				 0x95, 0xb4, 0xe6, 0xe7, 0x33, 0x4d, 0x38, 0x90};

static int settle(void **state UNUSED)
{
	umask(027);
	log_init("test", LOG_ALERT);
	if (!mkdtemp(folder) || chdir(folder) != 0 || mkdir("control", 0750) != 0 ||
	    mkdir("secrets", 0750) != 0 || mkdir("secrets/smtpd", 0750) != 0)
		return -1;
	if (file_replace("secrets/smtpd/" CONTROL_KEY_NAME, span_of(key, sizeof(key)), 0600) != 0)
		return -1;
	policy_init();
	return 0;
}

static int clear(void **state UNUSED)
{
	control_close(&control);
	for (size_t i = 0; i < 3; i++) {
		static const char *const files[] = {CONTROL_PATH, CONTROL_PATH "-wal",
						    CONTROL_PATH "-shm"};

		unlink(files[i]);
	}
	return unlink("secrets/smtpd/" CONTROL_KEY_NAME) || rmdir("secrets/smtpd") ||
	       rmdir("secrets") || rmdir("control") || chdir("/") || rmdir(folder);
}

static void domain_add(const char *server, const char *name, bool verified)
{
	struct domain d;

	assert_int_equal(domain_parse(span_str(name), &d), 0);
	assert_int_equal(
		control_domain_create(control, span_str(server), &d, verified,
				      &(struct control_key_new){"s", SIGNKEY_RSA, SPAN_LIT("DER")}),
		0);
}

static void credential_add(struct control_credential_new new)
{
	new.server = SPAN_LIT("acme/one");
	assert_int_equal(control_credential_add(control, key, &new), 0);
}

/* The first test: before it there is no database. */
static void without_a_database_everybody_is_told_to_come_later(void **state UNUSED)
{
	struct submitter_facts who = {.server = 1, .allow_sender = true};
	struct span from = SPAN_LIT("From: a@one.example\r\nSender: a@one.example\r\n\r\n");
	struct domain domain;

	assert_int_equal(policy_auth(SPAN_LIT("secret"), &who), AUTH_UNAVAILABLE);
	assert_int_equal(policy_cram(SPAN_LIT("acme/one"), challenge, answer, &who),
			 AUTH_UNAVAILABLE);
	assert_int_equal(policy_network("192.0.2.1", &who), AUTH_UNAVAILABLE);
	assert_false(policy_offers_cram());
	assert_int_equal(policy_from(&who, from, false, &domain), FROM_UNAVAILABLE);
}

/* How often control.db was opened since the last call.  Equal events in a row would be one, so
 * it is watched for being closed as well. */
static unsigned opened(int watch)
{
	char events[4096];
	ssize_t n = read(watch, events, sizeof(events));
	unsigned count = 0;

	for (ssize_t at = 0; at < n; at += (ssize_t)sizeof(struct inotify_event))
		count += (((struct inotify_event *)(void *)(events + at))->mask & IN_OPEN) != 0;
	return count;
}

/* Each of them could be a stranger's connection. */
static void what_cannot_be_opened_is_not_tried_again_at_once(void **state UNUSED)
{
	int watch = inotify_init1(IN_NONBLOCK);
	unsigned count = 0;

	assert_int_equal(file_replace(CONTROL_PATH, SPAN_LIT("no database"), 0600), 0);
	assert_true(inotify_add_watch(watch, CONTROL_PATH, IN_OPEN | IN_CLOSE) >= 0);
	/* the test before has failed to open it */
	for (unsigned i = 0; !count && i < PATIENCE; i++, usleep(PAUSE_US)) {
		assert_false(policy_offers_cram());
		count = opened(watch);
	}
	assert_in_range(count, 1, 4);
	for (unsigned i = 0; i < 100; i++)
		assert_false(policy_offers_cram());
	assert_true(opened(watch) <= 4);
	close(watch);
	assert_int_equal(unlink(CONTROL_PATH), 0);
}

static void once_it_is_made_it_is_used(void **state UNUSED)
{
	char error[CONTROL_ERROR_SIZE] = "";
	struct submitter_facts who;

	control = control_open(DB_WRITE, error, sizeof(error));
	assert_non_null(control);
	assert_int_equal(control_org_create(control, SPAN_LIT("acme")), 0);
	assert_int_equal(control_server_create(control, SPAN_LIT("acme/one")), 0);
	assert_int_equal(control_server_create(control, SPAN_LIT("acme/two")), 0);
	domain_add("acme/one", "one.example", true);
	domain_add("acme/one", "also.example", true);
	domain_add("acme/one", "new.example", false);
	domain_add("acme/two", "two.example", true);
	credential_add((struct control_credential_new){
		.type = SPAN_LIT("smtp"), .name = SPAN_LIT("app"), .secret = SPAN_LIT("secret")});
	credential_add((struct control_credential_new){.type = SPAN_LIT("api"),
						       .name = SPAN_LIT("app"),
						       .secret = SPAN_LIT("api secret")});
	for (unsigned i = 0;
	     policy_auth(SPAN_LIT("secret"), &who) == AUTH_UNAVAILABLE && i < PATIENCE; i++)
		usleep(PAUSE_US);
	assert_int_equal(policy_auth(SPAN_LIT("secret"), &who), AUTH_OK);
	assert_string_equal(who.label, "acme/one");
	assert_true(who.server && who.credential);
	assert_false(who.privacy || who.allow_sender || who.suspended);
}

static void what_is_no_secret_of_smtp_is_wrong(void **state UNUSED)
{
	static const struct span secrets[] = {
		SPAN_LIT("Secret"),    SPAN_LIT("secret "),  SPAN_LIT("api secret"),
		SPAN_LIT("secret\0x"), SPAN_LIT("\xff\xfe"), {NULL, 0},
	};
	static const uint8_t long_one[4096];
	struct submitter_facts who;

	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		if (policy_auth(secrets[i], &who) != AUTH_WRONG)
			fail_msg("%.*s", SPAN_FMT(secrets[i]));
	assert_int_equal(policy_auth(span_of(long_one, sizeof(long_one)), &who), AUTH_WRONG);
}

static void cram_md5_is_offered_when_a_credential_is_made_for_it(void **state UNUSED)
{
	struct submitter_facts plain, cram;

	assert_false(policy_offers_cram());
	assert_int_equal(policy_cram(SPAN_LIT("acme/one"), challenge, answer, &cram), AUTH_WRONG);
	credential_add((struct control_credential_new){.type = SPAN_LIT("smtp"),
						       .name = SPAN_LIT("tim"),
						       .cram = true,
						       .secret = SPAN_LIT("tanstaaftanstaaf")});
	assert_true(policy_offers_cram());
	assert_int_equal(policy_cram(SPAN_LIT("acme_one"), challenge, answer, &cram), AUTH_OK);
	assert_int_equal(policy_auth(SPAN_LIT("tanstaaftanstaaf"), &plain), AUTH_OK);
	assert_int_equal(plain.credential, cram.credential);
	assert_string_equal(plain.label, cram.label);
	assert_int_equal(policy_cram(SPAN_LIT("acme/two"), challenge, answer, &cram), AUTH_WRONG);
	assert_int_equal(policy_cram(SPAN_LIT("acme/one"), SPAN_LIT("<2@b>"), answer, &cram),
			 AUTH_WRONG);
}

static void an_address_in_a_network_is_its_credential(void **state UNUSED)
{
	struct submitter_facts who;
	struct conf_net net;

	assert_int_equal(policy_network("192.0.2.7", &who), AUTH_WRONG);
	assert_int_equal(conf_net_read(SPAN_LIT("192.0.2.0/24"), &net), 0);
	credential_add((struct control_credential_new){
		.type = SPAN_LIT("smtp-ip"), .name = SPAN_LIT("office"), .network = &net});
	assert_int_equal(policy_network("192.0.2.7", &who), AUTH_OK);
	assert_string_equal(who.label, "acme/one");
	assert_int_equal(policy_network("::ffff:192.0.2.7", &who), AUTH_OK);
	assert_int_equal(policy_network("192.0.3.7", &who), AUTH_WRONG);
}

static void the_facts_are_those_of_the_moment(void **state UNUSED)
{
	struct control_settings on = {.allow_sender = true, .privacy = true}, off = {.privacy = 0};
	struct span one = SPAN_LIT("acme/one");
	struct submitter_facts who;

	assert_int_equal(control_server_set(control, one, &on, 0xff), 0);
	assert_int_equal(policy_auth(SPAN_LIT("secret"), &who), AUTH_OK);
	assert_true(who.privacy && who.allow_sender && !who.suspended);
	assert_int_equal(control_server_suspend(control, one, SPAN_LIT("spam")), 0);
	assert_int_equal(policy_auth(SPAN_LIT("secret"), &who), AUTH_OK);
	assert_true(who.suspended);
	assert_int_equal(policy_network("192.0.2.7", &who), AUTH_OK);
	assert_true(who.suspended);
	assert_int_equal(control_server_unsuspend(control, one), 0);
	assert_int_equal(control_org_suspend(control, SPAN_LIT("acme"), SPAN_LIT("")), 0);
	assert_int_equal(policy_cram(one, challenge, answer, &who), AUTH_OK);
	assert_true(who.suspended);
	assert_int_equal(control_org_unsuspend(control, SPAN_LIT("acme")), 0);
	assert_int_equal(control_server_set(control, one, &off, 0xff), 0);
	assert_int_equal(policy_auth(SPAN_LIT("secret"), &who), AUTH_OK);
	assert_false(who.privacy || who.allow_sender || who.suspended);
}

/* signs: the domain, NULL where the message is refused */
static const struct header_case {
	const char *name, *header;
	const char *signs, *signs_by_sender; /* without and with allow_sender */
} headers[] = {
	{"a verified domain", "From: a@one.example\r\n", "one.example", "one.example"},
	{"any case", "from: <A@ONE.Example>\r\n", "one.example", "one.example"},
	{"several, the first signs", "From: a@also.example, b@one.example\r\n", "also.example",
	 "also.example"},
	{"no From", "Subject: x\r\n", NULL, NULL},
	{"no From but a Sender", "Sender: a@one.example\r\n", NULL, NULL},
	{"an unverified domain", "From: a@new.example\r\n", NULL, NULL},
	{"another server's domain", "From: a@two.example\r\n", NULL, NULL},
	{"a domain below ours", "From: a@sub.one.example\r\n", NULL, NULL},
	{"a literal", "From: a@[192.0.2.1]\r\n", NULL, NULL},
	{"one of several is foreign", "From: a@one.example, b@two.example\r\n", NULL, NULL},
	{"two From", "From: a@one.example\r\nFrom: a@one.example\r\n", NULL, NULL},
	{"two From and a Sender",
	 "From: a@one.example\r\nFrom: b@two.example\r\nSender: a@one.example\r\n", NULL, NULL},
	{"a hidden From", "From: a@one.example\r\nbroken\r\nFrom: b@two.example\r\n", NULL, NULL},
	{"a hidden From and a Sender",
	 "From: a@x.example\r\nSender: a@one.example\r\nbroken\r\nFrom: b@two.example\r\n", NULL,
	 NULL},
	{"a foreign From, our Sender", "From: a@x.example\r\nSender: b@also.example\r\n", NULL,
	 "also.example"},
	{"our From, a foreign Sender", "From: a@one.example\r\nSender: b@x.example\r\n",
	 "one.example", "one.example"},
	{"a From that cannot be read, our Sender", "From: \"x\r\nSender: b@one.example\r\n", NULL,
	 "one.example"},
	{"two Sender", "From: a@x.example\r\nSender: b@one.example\r\nSender: b@one.example\r\n",
	 NULL, NULL},
	{"a Sender of two", "From: a@x.example\r\nSender: b@one.example, c@one.example\r\n", NULL,
	 NULL},
	{"an unverified Sender", "From: a@x.example\r\nSender: b@new.example\r\n", NULL, NULL},
	{"a hidden Sender",
	 "From: a@x.example\r\nSender: b@one.example\r\nbroken\r\nSender: c@x.example\r\n", NULL,
	 NULL},
	{"an empty Sender", "From: a@x.example\r\nSender: <>\r\n", NULL, NULL},
};

static void check_header(const struct header_case *h, const struct submitter_facts *who)
{
	const char *want = who->allow_sender ? h->signs_by_sender : h->signs;
	struct domain domain = {0};
	char text[512];
	enum from_result r;

	snprintf(text, sizeof(text), "To: c@x.example\r\n%s\r\n", h->header);
	r = policy_from(who, span_str(text), false, &domain);
	if (r != (want ? FROM_OK : FROM_REFUSED) || strcmp(domain.s, want ? want : "") != 0)
		fail_msg("%s%s: %d %s", h->name, who->allow_sender ? ", with allow_sender" : "", r,
			 domain.s);
}

static void each_from_is_in_a_verified_domain_or_the_one_sender_is(void **state UNUSED)
{
	struct submitter_facts who;

	assert_int_equal(policy_auth(SPAN_LIT("secret"), &who), AUTH_OK);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		who.allow_sender = false;
		check_header(&headers[i], &who);
		who.allow_sender = true;
		check_header(&headers[i], &who);
	}
}

int main(void)
{
	/* in this order: each builds on what those before it have made */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_database_everybody_is_told_to_come_later),
		cmocka_unit_test(what_cannot_be_opened_is_not_tried_again_at_once),
		cmocka_unit_test(once_it_is_made_it_is_used),
		cmocka_unit_test(what_is_no_secret_of_smtp_is_wrong),
		cmocka_unit_test(cram_md5_is_offered_when_a_credential_is_made_for_it),
		cmocka_unit_test(an_address_in_a_network_is_its_credential),
		cmocka_unit_test(the_facts_are_those_of_the_moment),
		cmocka_unit_test(each_from_is_in_a_verified_domain_or_the_one_sender_is),
	};

	return cmocka_run_group_tests(tests, settle, clear);
}
