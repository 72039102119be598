/*
 * domain.h - what `posthaste domain` and `posthaste domain key` have in common.
 */
#ifndef CTL_DOMAIN_H
#define CTL_DOMAIN_H

#include "ctl/ctl.h"
#include "ctl/output.h"
#include "ctl/records.h"

/* A domain of a server, as named by the arguments. */
struct domain_request {
	struct control *c; /* control_close() is the caller's */
	struct domain name;
	char server[CONTROL_LABEL_SIZE];
};
/* Of name and, where it was given (else NULL), --server; 0, or the exit code after having said
 * why: then there is no c. */
int domain_begin(const char *name, const char *server, enum db_mode mode,
		 struct domain_request *r) MUST_CHECK;

/* "ph" and six random letters. */
void domain_selector_make(char out[SIGNKEY_SELECTOR_SIZE]);
/* The signer makes a key pair, or tells the one it has of that name (not *made_out).  Its public
 * half goes to new->public_key (in packet, on which buf_done() is due in any case).  0, or the exit
 * code after having said why. */
int domain_key_ask(const struct ctl_options *o, const struct domain *name,
		   struct control_key_new *new, struct buf *packet, bool *made_out) MUST_CHECK;
/* The same, but one that is there already is never taken. */
int domain_keygen(const struct ctl_options *o, const struct domain *name,
		  struct control_key_new *new, struct buf *packet) MUST_CHECK;

/* The domain and all its records; 0, or the exit code after having said why. */
int domain_records(const struct domain_request *r, struct control_domain_row *row,
		   struct records *records) MUST_CHECK;
/* Prints it, with the records to publish; 0, or the exit code after having said why. */
int domain_show(const struct domain_request *r, const struct ctl_options *o) MUST_CHECK;

json_t *domain_json(const struct control_domain_row *row);
json_t *domain_record_json(const struct record *r);
void domain_record_print(const struct record *r);

#endif
