/*
 * signkey.h - which DKIM key signs (RFC 6376 3.1, 3.3; RFC 8463): never the key itself.
 *
 *	signkey   = domain SP selector SP algorithm
 *	selector  = sub-domain *( "." sub-domain )	; at most 63 bytes here
 *	algorithm = "rsa-sha256" / "ed25519-sha256"
 */
#ifndef COMMON_MAIL_SIGNKEY_H
#define COMMON_MAIL_SIGNKEY_H

#include "common/mail/addr.h"

enum signkey_algorithm {
	SIGNKEY_RSA,	 /* PKCS #1 v1.5 with SHA-256 */
	SIGNKEY_ED25519, /* over the SHA-256 of the header data */
	SIGNKEY_ALGORITHMS
};
enum { SIGNKEY_SELECTOR_SIZE = 64, SIGNKEY_TEXT_SIZE = 340 };

struct signkey {
	struct domain domain;
	char selector[SIGNKEY_SELECTOR_SIZE]; /* LDH labels in lower case */
	enum signkey_algorithm algorithm;
};

/* All three: 0 or -EINVAL. */
int signkey_parse(struct span text, struct signkey *out) MUST_CHECK;
int signkey_selector(struct span text, char out[SIGNKEY_SELECTOR_SIZE]) MUST_CHECK;
int signkey_algorithm(struct span text, enum signkey_algorithm *out) MUST_CHECK;

void signkey_text(const struct signkey *k, char out[SIGNKEY_TEXT_SIZE]);
const char *signkey_algorithm_name(enum signkey_algorithm a); /* as in a= */

#endif
