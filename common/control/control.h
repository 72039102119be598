/*
 * control.h - typed access to control/control.db: organisations, servers, domains, credentials.
 *
 * smtpd and queued open it with DB_READ and use control_auth...(), control_domain(),
 * control_sign_list(), control_gate() and the find functions; the command (later httpd) opens it
 * with DB_WRITE.  Each writing function is one durable transaction.  No read transaction outlives a
 * call.
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
 *	-EBUSY	   it is in use
 *	-EIO	   the database failed
 */
#ifndef COMMON_CONTROL_CONTROL_H
#define COMMON_CONTROL_CONTROL_H

#include "common/clock.h"
#include "common/conf/conf.h"
#include "common/db/db.h"
#include "common/mail/signkey.h"

/* The key of control_secret_hash is secrets/<role>/credential: the same bytes in secrets/httpd
 * (the command hashes a new secret) and secrets/smtpd (AUTH looks one up); secret_load(). */
#define CONTROL_KEY_NAME "credential"
#define CONTROL_PATH "control/control.db"

enum {
	CONTROL_NAME_MAX = 63,
	CONTROL_NAME_SIZE = 64,
	CONTROL_LABEL_SIZE = 128, /* "org/server" */
	CONTROL_TEXT_SIZE = 256,  /* a credential's name, a reason */
	CONTROL_HASH_SIZE = 32,
	CONTROL_CRAM_DIGEST = 16,
	CONTROL_CRAMS_MAX = 100, /* credentials for CRAM-MD5 of a server: each is tried */
	CONTROL_PUBLIC_KEY_MAX = 1024,
	CONTROL_KEYS_MAX = 10,				/* of a domain, of any state */
	CONTROL_SIGN_KEYS_MAX = SIGNKEY_ALGORITHMS + 1, /* one of each, and the instance's */
	CONTROL_TOKEN_SIZE = 33,
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
	bool allow_sender;		/* as in struct control_settings */
	bool privacy;
	bool suspended; /* the server or its organisation */
};
/* type: "smtp" or "api".  -ENOENT: no such credential. */
int control_auth(struct control *c, const uint8_t hash[CONTROL_HASH_SIZE], const char *type,
		 struct control_auth *out) MUST_CHECK;

/* CRAM-MD5: the credential of server "org/server" or "org_server" (user) that gives this answer to
 * the challenge.  -ENOENT: none; the look-up and at least one HMAC are done in any case. */
int control_auth_cram(struct control *c, struct span user, struct span challenge,
		      const uint8_t digest[CONTROL_CRAM_DIGEST],
		      struct control_auth *out) MUST_CHECK;
/* Is there a credential that CRAM-MD5 can be used with? */
int control_has_cram(struct control *c, bool *out) MUST_CHECK;
/* The smtp-ip credential whose network has the address (text of IPv4 or IPv6; a mapped one counts
 * as IPv4), and of several the one with the longest prefix.  -ENOENT: none. */
int control_auth_network(struct control *c, const char *ip, struct control_auth *out) MUST_CHECK;

struct control_domain {
	uint64_t id;
	bool verified;
	bool dkim_published, return_path_ok; /* as in struct control_domain_row */
};
/* The domain of that exact name among those of the server; no parent counts. */
int control_domain(struct control *c, uint64_t server, const struct domain *name,
		   struct control_domain *out) MUST_CHECK;

/* What signs mail from a domain: its active keys.  -ENOENT: the server has no verified domain of
 * that exact name. */
struct control_sign_list {
	bool published; /* receivers can find one of them at least */
	size_t n;	/* 1 or more */
	struct signkey key[CONTROL_SIGN_KEYS_MAX];
};
int control_sign_list(struct control *c, uint64_t server, const struct domain *name,
		      struct control_sign_list *out) MUST_CHECK;

/* What may stop a copy, as queued looks at it before each attempt. */
struct control_gate {
	bool development;		/* the server holds all mail */
	bool suspended;			/* the server or its organisation */
	bool credential_hold;		/* all mail of this credential is held */
	uint64_t send_limit;		/* copies in a rolling hour; 0: none */
	uint64_t bytes_limit;		/* of unfinished messages; 0: queue.server_bytes counts */
	char relay[CONF_HOSTPORT_SIZE]; /* HOST:PORT; "": none of its own */
};
/* -ENOENT: there is no such server.  A credential that was deleted (or 0) holds nothing. */
int control_gate(struct control *c, uint64_t server, uint64_t credential,
		 struct control_gate *out) MUST_CHECK;
/* Another number after every change that another process made, and after every control_open():
 * what was read may be kept until then.  0: not known, keep nothing. */
uint64_t control_version(struct control *c);

/* Nothing of a suspended one is accepted or sent. */
struct control_suspension {
	bool is;
	bool by_org; /* a server's: it is so only with its organisation */
	struct wall since;
	char reason[CONTROL_TEXT_SIZE];
};

/* For posthaste verify: what SQLite says of a damaged file, and "TABLE ROW" of each row whose
 * parent is missing.  deep: each page is looked at. */
int control_check(struct control *c, bool deep, void (*damage)(struct span text, void *arg),
		  void (*orphan)(struct span row, void *arg), void *arg) MUST_CHECK;

/* organisations */

struct control_org {
	uint64_t id;
	char name[CONTROL_NAME_SIZE];
	struct wall created;
	uint64_t servers;
	struct control_suspension suspension;
};
int control_org_create(struct control *c, struct span name) MUST_CHECK;
int control_org_find(struct control *c, struct span name, struct control_org *out) MUST_CHECK;
int control_org_delete(struct control *c, struct span name) MUST_CHECK;
/* With another reason where it is suspended already, which then counts; since when, stays. */
int control_org_suspend(struct control *c, struct span name, struct span reason) MUST_CHECK;
int control_org_unsuspend(struct control *c, struct span name) MUST_CHECK;
int control_org_each(struct control *c, void (*fn)(const struct control_org *, void *arg),
		     void *arg) MUST_CHECK;

/* servers */

struct control_settings {
	bool development;		/* all mail is held */
	uint64_t send_limit;		/* copies in a rolling hour; 0: none */
	uint64_t bytes_limit;		/* of unfinished messages; 0: none of its own */
	bool allow_sender;		/* a verified Sender is enough, whatever From says */
	bool privacy;			/* Received does not tell the client's address */
	char relay[CONF_HOSTPORT_SIZE]; /* smart host, HOST:PORT; "": none of its own */
};
enum control_setting {
	CONTROL_SET_DEVELOPMENT = 1,
	CONTROL_SET_SEND_LIMIT = 2,
	CONTROL_SET_BYTES_LIMIT = 4,
	CONTROL_SET_ALLOW_SENDER = 8,
	CONTROL_SET_PRIVACY = 16,
	CONTROL_SET_RELAY = 32
};

struct control_server {
	uint64_t id;
	char name[CONTROL_LABEL_SIZE]; /* "org/server" */
	struct wall created;
	uint64_t domains;
	uint64_t credentials;
	struct control_settings settings;
	struct control_suspension suspension;
};
/* name: "org/server"; all settings 0 */
int control_server_create(struct control *c, struct span name) MUST_CHECK;
int control_server_create_with(struct control *c, struct span name,
			       const struct control_settings *settings) MUST_CHECK;
/* Takes over the settings in which, a set of enum control_setting. */
int control_server_set(struct control *c, struct span name, const struct control_settings *to,
		       unsigned which) MUST_CHECK;
int control_server_suspend(struct control *c, struct span name, struct span reason) MUST_CHECK;
/* It stays suspended while its organisation is. */
int control_server_unsuspend(struct control *c, struct span name) MUST_CHECK;
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
	struct wall verified_at;	      /* where verified */
	char selector[SIGNKEY_SELECTOR_SIZE]; /* of its active key, the RSA one of two */
	struct wall created;
	char token
		[CONTROL_TOKEN_SIZE]; /* published by its owner, it proves that the domain is his */
	bool checked;		      /* DNS was looked at, and below is what was found */
	struct wall checked_at;	      /* where checked */
	bool dkim_published;	      /* one of its active keys at least */
	bool return_path_ok;	      /* bounces to rp.NAME come back to this instance */
};
/* A key pair that the signer has made before (KEYS door). */
struct control_key_new {
	const char *selector;
	enum signkey_algorithm algorithm;
	struct span public_key; /* as p= of its DNS record has it */
};
/* With its first key, which is active at once.  verified: that the key is published is believed,
 * too. */
int control_domain_create(struct control *c, struct span server, const struct domain *name,
			  bool verified, const struct control_key_new *key) MUST_CHECK;
int control_domain_find(struct control *c, struct span server, const struct domain *name,
			struct control_domain_row *out) MUST_CHECK;
/* Whoever runs the instance vouches that the domain is its owner's, and, where no check says
 * otherwise, that its key is published. */
int control_domain_verify(struct control *c, struct span server,
			  const struct domain *name) MUST_CHECK;
/* What a look at DNS has found. */
struct control_check {
	bool owned; /* false: a domain that is verified stays so */
	bool dkim_published, return_path_ok;
};
int control_domain_checked(struct control *c, struct span server, const struct domain *name,
			   const struct control_check *found) MUST_CHECK;
int control_domain_delete(struct control *c, struct span server,
			  const struct domain *name) MUST_CHECK;
int control_domain_each(struct control *c, struct span server,
			void (*fn)(const struct control_domain_row *, void *arg),
			void *arg) MUST_CHECK;

/* keys of a domain, named by selector */

enum control_key_state {
	CONTROL_KEY_NEW,     /* to be published; not used yet */
	CONTROL_KEY_ACTIVE,  /* signs */
	CONTROL_KEY_RETIRED, /* signs no more; published until what it signed has arrived */
};
const char *control_key_state_name(enum control_key_state state);

struct control_key {
	uint64_t id;
	char server[CONTROL_LABEL_SIZE];
	struct signkey key;
	enum control_key_state state;
	struct wall created;
	size_t public_key_n;
	uint8_t public_key[CONTROL_PUBLIC_KEY_MAX];
};
/* May a key of that selector be added?  -EEXIST: no. */
int control_key_allowed(struct control *c, struct span server, const struct domain *name,
			const char *selector) MUST_CHECK;
/* It is new. */
int control_key_add(struct control *c, struct span server, const struct domain *name,
		    const struct control_key_new *new) MUST_CHECK;
/* It signs from now on; the active one of the same algorithm is retired. */
int control_key_activate(struct control *c, struct span server, const struct domain *name,
			 const char *selector) MUST_CHECK;
/* -EBUSY: it is the only active one. */
int control_key_remove(struct control *c, struct span server, const struct domain *name,
		       const char *selector) MUST_CHECK;
/* The oldest first.  name NULL: of all domains of all servers. */
int control_key_each(struct control *c, struct span server, const struct domain *name,
		     void (*fn)(const struct control_key *, void *arg), void *arg) MUST_CHECK;

/* credentials of a server, named by type ("smtp", "api" or "smtp-ip") and name */

struct control_credential {
	uint64_t id;
	char server[CONTROL_LABEL_SIZE];
	char type[8];
	char name[CONTROL_TEXT_SIZE];
	struct wall created;
	bool hold;		     /* its mail is held */
	bool cram;		     /* can be used with CRAM-MD5 */
	char network[CONF_NET_SIZE]; /* of type smtp-ip, else "" */
};
struct control_credential_new {
	struct span server, type, name;
	bool hold;
	/* smtp, api */
	struct span secret;
	bool cram; /* smtp only */
	/* smtp-ip: of canonical form, not of prefix length 0 */
	const struct conf_net *network;
};
/* key is that of control_secret_hash().  -EEXIST also when another credential of the instance has
 * the same secret or network, or the server CONTROL_CRAMS_MAX that have cram. */
int control_credential_add(struct control *c, const uint8_t key[32],
			   const struct control_credential_new *new) MUST_CHECK;
/* The same for smtp and api, with the hash of the secret. */
int control_credential_create(struct control *c, struct span server, struct span type,
			      struct span name, const uint8_t hash[CONTROL_HASH_SIZE]) MUST_CHECK;
int control_credential_hold(struct control *c, struct span server, struct span type,
			    struct span name, bool hold) MUST_CHECK;
int control_credential_find(struct control *c, struct span server, struct span type,
			    struct span name, struct control_credential *out) MUST_CHECK;
int control_credential_delete(struct control *c, struct span server, struct span type,
			      struct span name) MUST_CHECK;
int control_credential_each(struct control *c, struct span server,
			    void (*fn)(const struct control_credential *, void *arg),
			    void *arg) MUST_CHECK;

#endif
