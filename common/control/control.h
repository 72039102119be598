/*
 * control.h - typed access to control/control.db: organisations, servers, domains, credentials.
 *
 * smtpd and queued open it with DB_READ and use control_auth(), control_domain() and the
 * find functions; the command (later httpd) opens it with DB_WRITE.  Each writing function is one
 * durable transaction.  No read transaction outlives a call.
 *
 * An organisation or a server is named by its permalink: 1 to CONTROL_NAME_MAX bytes of a-z, 0-9
 * and hyphen, not a reserved word.  A server's full name is "org/server".
 *
 * Functions that return int give 0 or one of these, with a sentence ("what happened; what to do")
 * in control_error():
 *
 *	-EINVAL	   a malformed or reserved name
 *	-ENOENT	   no such thing
 *	-EEXIST	   there is one already
 *	-ENOTEMPTY it has children; the sentence says what to delete first
 *	-EIO	   the database failed
 */
#ifndef COMMON_CONTROL_CONTROL_H
#define COMMON_CONTROL_CONTROL_H

#include "common/clock.h"
#include "common/db/db.h"
#include "common/mail/addr.h"

/* The key of control_secret_hash is secrets/<role>/credential: the same bytes in secrets/httpd
 * (the command hashes a new secret) and secrets/smtpd (AUTH looks one up); secret_load(). */
#define CONTROL_KEY_NAME "credential"
#define CONTROL_PATH "control/control.db"

enum {
	CONTROL_NAME_MAX = 63,
	CONTROL_NAME_SIZE = 64,
	CONTROL_LABEL_SIZE = 128, /* "org/server" */
	CONTROL_TEXT_SIZE = 256,  /* a credential's name */
	CONTROL_HASH_SIZE = 32,
	CONTROL_SELECTOR_SIZE = 64,
	CONTROL_PUBLIC_KEY_MAX = 1024,
	CONTROL_ERROR_SIZE = 512
};

struct control;

/* NULL and a sentence in error. */
struct control *control_open(enum db_mode mode, char *error, size_t error_size);
void control_close(struct control **c);
const char *control_error(const struct control *c);

/* BLAKE2b of the secret, keyed with the instance's credential key. */
void control_secret_hash(const uint8_t key[32], struct span secret, uint8_t out[CONTROL_HASH_SIZE]);

/* what smtpd and queued ask */

struct control_auth {
	uint64_t credential;
	uint64_t server;
	char label[CONTROL_LABEL_SIZE]; /* "org/server": also the user name of an SMTP login */
};
/* type: "smtp" or "api".  -ENOENT: no such credential. */
int control_auth(struct control *c, const uint8_t hash[CONTROL_HASH_SIZE], const char *type,
		 struct control_auth *out) MUST_CHECK;

struct control_domain {
	uint64_t id;
	bool verified;
	char selector[CONTROL_SELECTOR_SIZE]; /* of its DKIM key, algorithm rsa-sha256 */
};
/* The domain of that exact name among those of the server; no parent counts. */
int control_domain(struct control *c, uint64_t server, const struct domain *name,
		   struct control_domain *out) MUST_CHECK;

/* What may stop a copy, as queued looks at it before each attempt. */
struct control_gate {
	bool development;     /* the server holds all mail */
	bool suspended;	      /* the server or its organisation */
	bool credential_hold; /* all mail of this credential is held */
	uint64_t send_limit;  /* copies in a rolling hour; 0: none */
	uint64_t bytes_limit; /* of unfinished messages; 0: queue.server_bytes counts */
};
/* -ENOENT: the server was deleted.  A credential that was deleted (or 0) holds nothing. */
int control_gate(struct control *c, uint64_t server, uint64_t credential,
		 struct control_gate *out) MUST_CHECK;
/* Another number after every change that another process made: what was read may be kept until
 * then.  0: not known, keep nothing. */
uint64_t control_version(struct control *c);

/* organisations */

struct control_org {
	uint64_t id;
	char name[CONTROL_NAME_SIZE];
	struct wall created;
	uint64_t servers;
};
int control_org_create(struct control *c, struct span name) MUST_CHECK;
int control_org_find(struct control *c, struct span name, struct control_org *out) MUST_CHECK;
int control_org_delete(struct control *c, struct span name) MUST_CHECK;
int control_org_each(struct control *c, void (*fn)(const struct control_org *, void *arg),
		     void *arg) MUST_CHECK;

/* servers */

struct control_server {
	uint64_t id;
	char name[CONTROL_LABEL_SIZE]; /* "org/server" */
	struct wall created;
	uint64_t domains;
	uint64_t credentials;
};
/* name: "org/server" */
int control_server_create(struct control *c, struct span name) MUST_CHECK;
int control_server_find(struct control *c, struct span name, struct control_server *out) MUST_CHECK;
int control_server_delete(struct control *c, struct span name) MUST_CHECK;
int control_server_each(struct control *c, void (*fn)(const struct control_server *, void *arg),
			void *arg) MUST_CHECK;

/* domains of a server; `server` below is "org/server", empty in _each: of all servers */

struct control_domain_row {
	uint64_t id;
	char server[CONTROL_LABEL_SIZE];
	struct domain name;
	bool verified;
	struct wall verified_at; /* where verified */
	char selector[CONTROL_SELECTOR_SIZE];
	struct wall created;
	size_t public_key_n;
	uint8_t public_key[CONTROL_PUBLIC_KEY_MAX]; /* DER SubjectPublicKeyInfo */
};
/* The key pair has been made by the signer before (KEYS door). */
int control_domain_create(struct control *c, struct span server, const struct domain *name,
			  bool verified, const char *selector, struct span public_key) MUST_CHECK;
int control_domain_find(struct control *c, struct span server, const struct domain *name,
			struct control_domain_row *out) MUST_CHECK;
/* Whoever runs the instance vouches that the domain is its owner's. */
int control_domain_verify(struct control *c, struct span server,
			  const struct domain *name) MUST_CHECK;
int control_domain_delete(struct control *c, struct span server,
			  const struct domain *name) MUST_CHECK;
int control_domain_each(struct control *c, struct span server,
			void (*fn)(const struct control_domain_row *, void *arg),
			void *arg) MUST_CHECK;

/* credentials of a server, named by type ("smtp" or "api") and name */

struct control_credential {
	uint64_t id;
	char server[CONTROL_LABEL_SIZE];
	char type[8];
	char name[CONTROL_TEXT_SIZE];
	struct wall created;
};
/* -EEXIST also when another credential of the instance has the same secret. */
int control_credential_create(struct control *c, struct span server, struct span type,
			      struct span name, const uint8_t hash[CONTROL_HASH_SIZE]) MUST_CHECK;
int control_credential_find(struct control *c, struct span server, struct span type,
			    struct span name, struct control_credential *out) MUST_CHECK;
int control_credential_delete(struct control *c, struct span server, struct span type,
			      struct span name) MUST_CHECK;
int control_credential_each(struct control *c, struct span server,
			    void (*fn)(const struct control_credential *, void *arg),
			    void *arg) MUST_CHECK;

#endif
