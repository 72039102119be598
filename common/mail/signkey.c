/*
 * signkey.c - see signkey.h.
 */
#include "common/mail/signkey.h"

#include <stdio.h>

static const char *const algorithms[SIGNKEY_ALGORITHMS] = {
	[SIGNKEY_RSA] = "rsa-sha256",
	[SIGNKEY_ED25519] = "ed25519-sha256",
};

/* As a host name, but its last label may be a number: "20261123". */
int signkey_selector(struct span s, char out[SIGNKEY_SELECTOR_SIZE])
{
	char text[SIGNKEY_SELECTOR_SIZE + 2];
	struct domain d;

	if (s.n == 0 || s.n >= SIGNKEY_SELECTOR_SIZE || s.p[s.n - 1] == '.')
		return -EINVAL;
	memcpy(text, s.p, s.n);
	memcpy(text + s.n, ".x", 2);
	if (domain_parse(span_of(text, s.n + 2), &d))
		return -EINVAL;
	memcpy(out, d.s, s.n);
	out[s.n] = '\0';
	return 0;
}

int signkey_algorithm(struct span text, enum signkey_algorithm *out)
{
	for (int i = 0; i < SIGNKEY_ALGORITHMS; i++)
		if (span_eq_str(text, algorithms[i])) {
			*out = (enum signkey_algorithm)i;
			return 0;
		}
	return -EINVAL;
}

const char *signkey_algorithm_name(enum signkey_algorithm a)
{
	must((unsigned)a < SIGNKEY_ALGORITHMS);
	return algorithms[a];
}

int signkey_parse(struct span text, struct signkey *out)
{
	struct signkey k = {0};
	struct span domain = span_cut(&text, ' ');
	struct span selector = span_cut(&text, ' ');

	if (domain_parse(domain, &k.domain) || signkey_selector(selector, k.selector) ||
	    signkey_algorithm(text, &k.algorithm))
		return -EINVAL;
	*out = k;
	return 0;
}

void signkey_text(const struct signkey *k, char out[SIGNKEY_TEXT_SIZE])
{
	int n = snprintf(out, SIGNKEY_TEXT_SIZE, "%s %s %s", k->domain.s, k->selector,
			 signkey_algorithm_name(k->algorithm));

	must(n > 0 && n < SIGNKEY_TEXT_SIZE);
}
