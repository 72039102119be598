/*
 * policy.h - who may submit, and as whom: the only file of smtpd that reads control.db.
 */
#ifndef SMTPD_POLICY_H
#define SMTPD_POLICY_H

#include "common/mail/header.h"
#include "smtpd/session.h"

/* Who submits, and what his mail server is set to. */
struct submitter_facts {
	uint64_t server, credential;
	char label[SESSION_LABEL_SIZE];
	bool privacy;	   /* Received does not tell the client's address */
	bool allow_sender; /* a verified Sender is enough, whatever From says */
	bool suspended;	   /* the server or its organisation: nothing is taken */
};

/* After fork, in each worker; dies when the credential key cannot be read. */
void policy_init(void);

/* PLAIN and LOGIN: the secret alone names the credential. */
enum auth_result policy_auth(struct span secret, struct submitter_facts *out);
/* CRAM-MD5 (RFC 2195): user is "org/server" or "org_server"; digest is HMAC-MD5 of the challenge.
 * Only credentials that were made for it have what is needed. */
enum auth_result policy_cram(struct span user, struct span challenge, const uint8_t digest[16],
			     struct submitter_facts *out);
/* Is there a credential made for CRAM-MD5?  Else it is not offered. */
bool policy_offers_cram(void);
/* The SMTP-IP credential with the most specific network that has this address; AUTH_WRONG: none. */
enum auth_result policy_network(const char *client_ip, struct submitter_facts *out);

enum from_result { FROM_OK, FROM_REFUSED, FROM_UNAVAILABLE };
/* Does every address of the one From field (or, with allow_sender, of Sender) belong to a verified
 * domain of the server?  utf8: the message came with SMTPUTF8.  domain_out: the first one's, which
 * signs. */
enum from_result policy_from(const struct submitter_facts *who, struct span header, bool utf8,
			     struct domain *domain_out);

#endif
