/*
 * records.c - which DNS records make mail from a domain trusted.
 *
 * DKIM is what counts: the signature carries the domain of the From field, so DMARC passes by it.
 * The envelope sender is of the instance's return path domain, so it is there that receivers look
 * for SPF (RFC 7208 2.4) and send bounces; the domain's own SPF record helps those who look at
 * From.
 */
#include "ctl/records.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

static void add(struct records *out, const char *purpose, const char *why, const char *type,
		const char *name_prefix, const char *name)
{
	struct record *r = &out->at[out->n++];

	must(out->n <= RECORDS_MAX);
	*r = (struct record){.type = type, .purpose = purpose, .why = why};
	snprintf(r->name, sizeof(r->name), "%s%s", name_prefix, name);
}

static void value(struct records *out, const char *fmt, ...) PRINTF(2, 3);
static void value(struct records *out, const char *fmt, ...)
{
	struct record *r = &out->at[out->n - 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->value, sizeof(r->value), fmt, ap);
	va_end(ap);
}

/* RFC 6376 3.6.1, RFC 8463 4.2 */
static const char *const key_types[] = {[SIGNKEY_RSA] = "rsa", [SIGNKEY_ED25519] = "ed25519"};
static const char *const key_reasons[] = {
	[CONTROL_KEY_NEW] = "this key is new: publish it before it is activated",
	[CONTROL_KEY_ACTIVE] = "receivers check our signature with this key",
	[CONTROL_KEY_RETIRED] = "this key is retired: leave it until what it signed has arrived",
};

void records_add_key(struct records *out, const struct control_key *key)
{
	char prefix[SIGNKEY_SELECTOR_SIZE + 16];
	char text[4 * (CONTROL_PUBLIC_KEY_MAX + 2) / 3 + 2];

	snprintf(prefix, sizeof(prefix), "%s._domainkey.", key->key.selector);
	sodium_bin2base64(text, sizeof(text), key->public_key, key->public_key_n,
			  sodium_base64_VARIANT_ORIGINAL);
	add(out, "DKIM", key_reasons[key->state], "TXT", prefix, key->key.domain.s);
	value(out, "v=DKIM1; k=%s; p=%s", key_types[key->key.algorithm], text);
}

void records_add_others(struct records *out, const struct domain *name, const struct conf *conf)
{
	add(out, "DMARC", "start with p=none, and tighten it when all your mail is signed", "TXT",
	    "_dmarc.", name->s);
	value(out, "v=DMARC1; p=none");
	add(out, "SPF", "where there is an SPF record already, add the include to it", "TXT", "",
	    name->s);
	value(out, "v=spf1 include:%s ~all", conf->return_path_domain.s);
	add(out, "return path MX", "once for the instance: bounces come back to it", "MX", "",
	    conf->return_path_domain.s);
	value(out, "10 %s.", conf->hostname.s);
	add(out, "return path SPF",
	    "once for the instance: the host may send with its return paths", "TXT", "",
	    conf->return_path_domain.s);
	value(out, "v=spf1 a:%s -all", conf->hostname.s);
}
