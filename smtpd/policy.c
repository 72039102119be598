/*
 * policy.c - see policy.h.  control.db is opened when first needed and again after a failure, so
 * an instance whose database does not exist yet answers "try again later".
 */
#include "smtpd/policy.h"

#include <stdio.h>

#include "common/control/control.h"
#include "common/log.h"
#include "common/proc.h"

static struct {
	uint8_t key[32];
	struct control *control;
} policy;

void policy_init(void)
{
	secret_load("smtpd", CONTROL_KEY_NAME, policy.key);
}

static bool ready(void)
{
	char error[CONTROL_ERROR_SIZE];

	if (!policy.control) {
		policy.control = control_open(DB_READ, error, sizeof(error));
		if (!policy.control)
			LOG(LOG_ERROR, "control-unavailable", KS("reason", error));
	}
	return policy.control != NULL;
}

static void failed(void)
{
	LOG(LOG_ERROR, "control-unavailable", KS("reason", control_error(policy.control)));
	control_close(&policy.control);
}

enum auth_result policy_auth(struct span secret, struct submitter_facts *out)
{
	uint8_t hash[CONTROL_HASH_SIZE];
	struct control_auth found;
	int err;

	if (!ready())
		return AUTH_UNAVAILABLE;
	control_secret_hash(policy.key, secret, hash);
	err = control_auth(policy.control, hash, "smtp", &found);
	if (err == -ENOENT)
		return AUTH_WRONG;
	if (err) {
		failed();
		return AUTH_UNAVAILABLE;
	}
	*out = (struct submitter_facts){0};
	out->server = found.server;
	out->credential = found.credential;
	snprintf(out->label, sizeof(out->label), "%s", found.label);
	return AUTH_OK;
}

enum auth_result policy_cram(struct span user, struct span challenge, const uint8_t digest[16],
			     struct submitter_facts *out)
{
	(void)user;
	(void)challenge;
	(void)digest;
	(void)out;
	return AUTH_WRONG;
}

bool policy_offers_cram(void)
{
	return false;
}

enum auth_result policy_network(const char *client_ip, struct submitter_facts *out)
{
	(void)client_ip;
	(void)out;
	return AUTH_WRONG;
}

static enum from_result check_one(uint64_t server, const struct addr *a, struct domain *out)
{
	struct control_domain found;
	int err;

	if (addr_get_domain(a, out) != 0)
		return FROM_REFUSED;
	err = control_domain(policy.control, server, out, &found);
	if (err == 0)
		return found.verified ? FROM_OK : FROM_REFUSED;
	if (err == -ENOENT)
		return FROM_REFUSED;
	failed();
	return FROM_UNAVAILABLE;
}

/* Our header section ends before a line that can be no field; some readers look on to the empty
 * line.  A From field there would be shown by them and was checked by nobody. */
static bool hidden_from(struct span header)
{
	struct span rest = header;
	struct header_field unused;

	while (header_next(&rest, &unused))
		;
	while (rest.n) {
		struct span line = span_cut(&rest, '\n'), name = span_cut(&line, ':');

		if (span_ieq_str(span_trim(name), "From"))
			return true;
	}
	return false;
}

enum from_result policy_from(const struct submitter_facts *who, struct span header, bool utf8,
			     struct domain *domain_out)
{
	struct addr from[HEADER_FROM_MAX];
	struct domain domain;
	size_t n;

	if (header_from(header, utf8, from, &n) != 0 || hidden_from(header))
		return FROM_REFUSED;
	if (!ready())
		return FROM_UNAVAILABLE;
	for (size_t i = n; i-- > 0;) {
		enum from_result r = check_one(who->server, &from[i], &domain);

		if (r != FROM_OK)
			return r;
	}
	*domain_out = domain;
	return FROM_OK;
}
