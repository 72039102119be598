/*
 * logins.h - user and password for relays, from the file deliver.logins.
 *
 *	line = HOST:PORT blanks USER blanks PASSWORD	; the password goes to the end of the line
 *
 * Empty lines and those that begin with # mean nothing.
 */
#ifndef DELIVERD_LOGINS_H
#define DELIVERD_LOGINS_H

#include "deliverd/client.h"

struct login {
	char user[CLIENT_LOGIN_MAX + 1]; /* "": none */
	char password[CLIENT_LOGIN_MAX + 1];
};

/* The line of that relay in text.  0; -ENOENT: there is none; -EINVAL: the line *line_out makes no
 * sense. */
int logins_find(struct span text, const char *host, uint16_t port, struct login *out,
		unsigned *line_out) MUST_CHECK;

#endif
