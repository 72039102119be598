/*
 * policy.c - see policy.h.  control.db is opened when first needed and again after a failure, so
 * an instance whose database does not exist yet answers "try again later".  Strangers make us ask,
 * so one that could not be opened is not tried again for a second.  That a domain is verified is
 * believed for KNOWN_MS: queued looks again before each attempt.
 */
#include "smtpd/policy.h"

#include <stdio.h>

#include "common/control/control.h"
#include "common/log.h"
#include "common/proc.h"

enum { RETRY_MS = 1000, KNOWN = 64, KNOWN_MS = 200 };

static struct {
	uint8_t key[32];
	struct control *control;
	struct mono retry; /* not opened before that */
} policy;

void policy_init(void)
{
	secret_load("smtpd", CONTROL_KEY_NAME, policy.key);
}

static bool ready(void)
{
	char error[CONTROL_ERROR_SIZE];

	if (policy.control)
		return true;
	if (mono_now().ms < policy.retry.ms)
		return false;
	policy.control = control_open(DB_READ, error, sizeof(error));
	if (policy.control)
		return true;
	LOG_RATED(LOG_ERROR, "control-unavailable", "", KS("reason", error));
	policy.retry.ms = mono_now().ms + RETRY_MS;
	return false;
}

static void failed(void)
{
	LOG_RATED(LOG_ERROR, "control-unavailable", "",
		  KS("reason", control_error(policy.control)));
	control_close(&policy.control);
}

/* What control.h says of a credential, as the session has it. */
static enum auth_result auth_end(int err, const struct control_auth *found,
				 struct submitter_facts *out)
{
	if (err == -ENOENT)
		return AUTH_WRONG;
	if (err) {
		failed();
		return AUTH_UNAVAILABLE;
	}
	*out = (struct submitter_facts){.server = found->server,
					.credential = found->credential,
					.privacy = found->privacy,
					.allow_sender = found->allow_sender,
					.suspended = found->suspended};
	snprintf(out->label, sizeof(out->label), "%s", found->label);
	return AUTH_OK;
}

enum auth_result policy_auth(struct span secret, struct submitter_facts *out)
{
	uint8_t hash[CONTROL_HASH_SIZE];
	struct control_auth found;

	if (!ready())
		return AUTH_UNAVAILABLE;
	control_secret_hash(policy.key, secret, hash);
	return auth_end(control_auth(policy.control, hash, "smtp", &found), &found, out);
}

enum auth_result policy_cram(struct span user, struct span challenge, const uint8_t digest[16],
			     struct submitter_facts *out)
{
	struct control_auth found;

	if (!ready())
		return AUTH_UNAVAILABLE;
	return auth_end(control_auth_cram(policy.control, user, challenge, digest, &found), &found,
			out);
}

bool policy_offers_cram(void)
{
	bool has = false;

	if (ready() && control_has_cram(policy.control, &has) != 0)
		failed();
	return has;
}

enum auth_result policy_network(const char *client_ip, struct submitter_facts *out)
{
	struct control_auth found;

	if (!ready())
		return AUTH_UNAVAILABLE;
	return auth_end(control_auth_network(policy.control, client_ip, &found), &found, out);
}

/* The domains that were lately found verified: each message of a busy server asks for the same. */
static struct known {
	uint64_t server;
	struct domain domain;
	struct mono until;
} known[KNOWN];

static struct known *place_of(uint64_t server, const struct domain *d)
{
	size_t i = (size_t)server;

	for (size_t k = 0; k < d->n; k++)
		i = i * 31 + (uint8_t)d->s[k];
	return &known[i % KNOWN];
}

static bool is_known(const struct known *k, uint64_t server, const struct domain *d)
{
	return k->server == server && k->domain.n == d->n && strcmp(k->domain.s, d->s) == 0 &&
	       mono_now().ms < k->until.ms;
}

static enum from_result check_one(uint64_t server, const struct addr *a, struct domain *out)
{
	struct control_domain found;
	struct known *k;
	int err;

	if (addr_get_domain(a, out) != 0)
		return FROM_REFUSED;
	k = place_of(server, out);
	if (is_known(k, server, out))
		return FROM_OK;
	err = control_domain(policy.control, server, out, &found);
	if (err == 0 && found.verified)
		*k = (struct known){server, *out, {mono_now().ms + KNOWN_MS}};
	if (err == 0)
		return found.verified ? FROM_OK : FROM_REFUSED;
	if (err == -ENOENT)
		return FROM_REFUSED;
	failed();
	return FROM_UNAVAILABLE;
}

/* Each address in a verified domain of the server?  domain_out: the first one's. */
static enum from_result check_all(uint64_t server, const struct addr *addrs, size_t n,
				  struct domain *domain_out)
{
	struct domain domain;

	if (!ready())
		return FROM_UNAVAILABLE;
	for (size_t i = n; i-- > 0;) {
		enum from_result r = check_one(server, &addrs[i], &domain);

		if (r != FROM_OK)
			return r;
	}
	*domain_out = domain;
	return FROM_OK;
}

/* A field that some readers would show and that was checked by nobody. */
static bool hidden(struct span header, const char *name)
{
	struct span rest = header, found;
	struct header_field unused;

	while (header_next(&rest, &unused))
		;
	while (header_hidden(&rest, &found))
		if (span_ieq_str(found, name))
			return true;
	return false;
}

static enum from_result check_from(uint64_t server, struct span header, bool utf8,
				   struct domain *domain_out)
{
	struct addr from[HEADER_FROM_MAX];
	size_t n;

	if (header_from(header, utf8, from, &n) != 0)
		return FROM_REFUSED;
	return check_all(server, from, n, domain_out);
}

/* RFC 5322 3.6.2: one Sender field, one address. */
static enum from_result check_sender(uint64_t server, struct span header, bool utf8,
				     struct domain *domain_out)
{
	struct header_field field;
	struct addr sender;
	size_t n;

	if (header_count(header, "Sender") != 1 || hidden(header, "Sender") ||
	    !header_find(header, "Sender", &field) ||
	    header_mailboxes(field.value, utf8, &sender, 1, &n) != 0)
		return FROM_REFUSED;
	return check_all(server, &sender, n, domain_out);
}

enum from_result policy_from(const struct submitter_facts *who, struct span header, bool utf8,
			     struct domain *domain_out)
{
	enum from_result r;

	if (header_count(header, "From") != 1 || hidden(header, "From"))
		return FROM_REFUSED;
	r = check_from(who->server, header, utf8, domain_out);
	if (r == FROM_REFUSED && who->allow_sender)
		r = check_sender(who->server, header, utf8, domain_out);
	return r;
}
