/*
 * supervise_sockets.h - the listening sockets of an instance, opened and kept by the supervisor,
 * so that connections wait in the kernel while the daemon behind them is started anew.
 */
#ifndef CTL_SUPERVISE_SOCKETS_H
#define CTL_SUPERVISE_SOCKETS_H

#include "common/conf/conf.h"
#include "common/roles.h"

enum { SUP_SOCKETS_MAX = 4 * CONF_SOCKETS_MAX, SUP_ERROR_SIZE = 512 };

struct sup_socket {
	const char *name; /* as in LISTEN_FDNAMES: submission submissions mx sink */
	enum role role;	  /* who gets it */
	char text[64];	  /* address as in the configuration */
	int fd;
};

struct sup_sockets {
	size_t n;
	struct sup_socket at[SUP_SOCKETS_MAX];
};

/* Opens what c asks for; what `old` has already is used again, as the same descriptor in both.
 * On failure out is empty and error has a sentence.  0 or -errno.  After it one of the next two
 * is called. */
int sup_sockets_open(const struct conf *c, const struct sup_sockets *old, struct sup_sockets *out,
		     char error[SUP_ERROR_SIZE]) MUST_CHECK;
/* Gives up what fresh has and old has not. */
void sup_sockets_drop(struct sup_sockets *fresh, const struct sup_sockets *old);
/* Puts fresh in the place of *s and closes what only *s had. */
void sup_sockets_replace(struct sup_sockets *s, const struct sup_sockets *fresh);
void sup_sockets_close(struct sup_sockets *s);
/* Does the role get the same sockets (in any order) from both? */
bool sup_sockets_same(const struct sup_sockets *a, const struct sup_sockets *b, enum role r);
size_t sup_sockets_count(const struct sup_sockets *s, enum role r);

#endif
