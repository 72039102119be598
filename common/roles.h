/*
 * roles.h - which daemon runs as which user, and which folder is whose.
 *
 * Started as root, the supervisor gives each daemon the system user of its role ("ph-smtpd"),
 * made by `quickstart deps`, all with primary group "posthaste"; in a rootless sandbox all share
 * the user who started it.  The table in docs/ARCHITECTURE.md ("Processes and rights") is this
 * one.
 */
#ifndef COMMON_ROLES_H
#define COMMON_ROLES_H

#include "common/base.h"

/* ROLE(NAME, "name", "program"): the user is "ph-" name; program NULL: none yet */
#define ROLES(ROLE)                                      \
	ROLE(RESOLVER, "resolver", "posthaste-resolver") \
	ROLE(SIGNER, "signer", "posthaste-signer")       \
	ROLE(QUEUED, "queued", "posthaste-queued")       \
	ROLE(DELIVERD, "deliverd", "posthaste-deliverd") \
	ROLE(SMTPD, "smtpd", "posthaste-smtpd")          \
	ROLE(SINK, "sink", "posthaste-sink")             \
	ROLE(HTTPD, "httpd", NULL)

enum role {
#define ROLE(NAME, name, program) ROLE_##NAME,
	ROLES(ROLE)
#undef ROLE
		ROLE_COUNT,
	ROLE_ROOT /* stays with who started the supervisor */
};

const char *role_name(enum role r);
const char *role_program(enum role r); /* NULL: no daemon of its own yet */
/* "ph-" and the name. */
void role_user(enum role r, char out[32]);
/* The uid behind the role's user.  Our own in an instance of ours where that user does not exist;
 * in one of somebody else's (root's) that ends the daemon, which is then started again. */
uid_t role_uid(enum role r);

/* A folder of the instance.  group NULL: "posthaste". */
struct role_place {
	const char *path;
	enum role owner;
	const char *group;
	mode_t mode;
};
extern const struct role_place role_places[];
extern const size_t role_place_count;

#endif
