/*
 * records.c - which DNS records make mail from a domain trusted.
 *
 * DKIM is what counts: the signature carries the domain of the From field, so DMARC passes by it.
 * The envelope sender is of the instance's return path domain or, by a CNAME to that, of rp.NAME;
 * there receivers look for SPF (RFC 7208 2.4) and send bounces, and there it is aligned with From.
 * The domain's own SPF record helps those who look at From.
 */
#include "ctl/records.h"

#include <sodium.h>
#include <stdio.h>

static const struct {
	enum dns_type type;
	const char *purpose, *why;
} kinds[] = {
	[RECORD_DKIM] = {DNS_TXT, "DKIM", "receivers check our signature with this key"},
	[RECORD_DKIM_NEW] = {DNS_TXT, "DKIM", "this key is new: publish it before it is activated"},
	[RECORD_DKIM_RETIRED] = {DNS_TXT, "DKIM",
				 "this key is retired: leave it until what it signed has arrived"},
	[RECORD_OWNERSHIP] = {DNS_TXT, "ownership",
			      "proves that the domain is yours; may go once that is seen"},
	[RECORD_RETURN_PATH] = {DNS_CNAME, "return path",
				"bounces come back to us, and SPF passes for your own domain"},
	[RECORD_DMARC] = {DNS_TXT, "DMARC",
			  "start with p=none, and tighten it when all your mail is signed"},
	[RECORD_SPF] = {DNS_TXT, "SPF",
			"where there is an SPF record already, add the include to it"},
	[RECORD_INSTANCE_MX] = {DNS_MX, "return path MX",
				"once for the instance: bounces come back to it"},
	[RECORD_INSTANCE_SPF] = {DNS_TXT, "return path SPF",
				 "once for the instance: the host may send with its return paths"},
};

const char *record_type_name(const struct record *r)
{
	return r->type == DNS_TXT ? "TXT" : r->type == DNS_MX ? "MX" : "CNAME";
}

const char *record_purpose(const struct record *r)
{
	return kinds[r->kind].purpose;
}

const char *record_why(const struct record *r)
{
	return kinds[r->kind].why;
}

static struct record *add(struct records *out, enum record_kind kind, const char *name_prefix,
			  const char *name)
{
	struct record *r = &out->at[out->n++];

	must(out->n <= RECORDS_MAX);
	*r = (struct record){.kind = kind, .type = kinds[kind].type};
	snprintf(r->name, sizeof(r->name), "%s%s", name_prefix, name);
	return r;
}

#define VALUE(record, ...) snprintf((record)->value, RECORD_VALUE_SIZE, __VA_ARGS__)

/* RFC 6376 3.6.1, RFC 8463 4.2 */
static const char *const key_types[] = {[SIGNKEY_RSA] = "rsa", [SIGNKEY_ED25519] = "ed25519"};
static const enum record_kind key_kinds[] = {
	[CONTROL_KEY_NEW] = RECORD_DKIM_NEW,
	[CONTROL_KEY_ACTIVE] = RECORD_DKIM,
	[CONTROL_KEY_RETIRED] = RECORD_DKIM_RETIRED,
};

void records_add_key(struct records *out, const struct control_key *key)
{
	char prefix[SIGNKEY_SELECTOR_SIZE + 16];
	char text[4 * (CONTROL_PUBLIC_KEY_MAX + 2) / 3 + 2];

	snprintf(prefix, sizeof(prefix), "%s._domainkey.", key->key.selector);
	sodium_bin2base64(text, sizeof(text), key->public_key, key->public_key_n,
			  sodium_base64_VARIANT_ORIGINAL);
	VALUE(add(out, key_kinds[key->state], prefix, key->key.domain.s), "v=DKIM1; k=%s; p=%s",
	      key_types[key->key.algorithm], text);
}

/* Is rp.NAME the instance's return path domain itself? */
static bool has_return_path(const char *name, const char *return_path)
{
	return strncmp(return_path, "rp.", 3) == 0 && strcmp(return_path + 3, name) == 0;
}

void records_add_others(struct records *out, const struct control_domain_row *domain,
			const struct conf *conf)
{
	const char *name = domain->name.s, *return_path = conf->return_path_domain.s;

	VALUE(add(out, RECORD_OWNERSHIP, "", name), "posthaste-verification=%s", domain->token);
	if (!has_return_path(name, return_path))
		VALUE(add(out, RECORD_RETURN_PATH, "rp.", name), "%s.", return_path);
	VALUE(add(out, RECORD_DMARC, "_dmarc.", name), "v=DMARC1; p=none");
	VALUE(add(out, RECORD_SPF, "", name), "v=spf1 include:%s ~all", return_path);
	VALUE(add(out, RECORD_INSTANCE_MX, "", return_path), "10 %s.", conf->hostname.s);
	VALUE(add(out, RECORD_INSTANCE_SPF, "", return_path), "v=spf1 a:%s -all", conf->hostname.s);
}
