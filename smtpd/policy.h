/*
 * policy.h - who may submit, and as whom: the only file of smtpd that reads control.db.
 */
#ifndef SMTPD_POLICY_H
#define SMTPD_POLICY_H

#include "common/mail/header.h"
#include "smtpd/session.h"

struct submitter_facts {
	uint64_t server, credential;
	char label[SESSION_LABEL_SIZE];
};

/* After fork, in each worker; dies when the credential key cannot be read. */
void policy_init(void);

enum auth_result policy_auth(struct span secret, struct submitter_facts *out);

enum from_result { FROM_OK, FROM_REFUSED, FROM_UNAVAILABLE };
/* Does every address of the one From field belong to a verified domain of the server?  domain_out:
 * the first one's, which signs. */
enum from_result policy_from(uint64_t server, struct span header, struct domain *domain_out);

#endif
