/*
 * sandbox_make.h - what an instance's folder consists of.  Each function makes what is missing
 * and leaves what is there, so that an interrupted start is finished by the next one.
 *
 * All return 0, or an exit code after having said why and what to do.
 */
#ifndef CTL_SANDBOX_MAKE_H
#define CTL_SANDBOX_MAKE_H

#include "common/buf.h"

#define SANDBOX_ZONE "dns.zone" /* every sandbox has one, and no other instance */

/* Makes the folder (and those above it), goes there, and refuses one that is somebody else's or
 * holds something else.  As root the roles' users have to exist. */
int sandbox_enter(const char *dir) MUST_CHECK;
/* Waits until no other `sandbox start` works here; the lock as a descriptor in *fd_out, kept
 * until it is closed. */
int sandbox_lock(const char *dir, int *fd_out) MUST_CHECK;
/* posthaste.conf with relay and routes ("": none); made with free ports if there is none. */
int sandbox_conf(const char *relay, const char *routes) MUST_CHECK;
/* The folders of role_places, dns.zone, secrets, certificate. */
int sandbox_make(void) MUST_CHECK;

/* in sandbox_secrets.c */
int sandbox_secrets(void) MUST_CHECK;
int sandbox_tls(void) MUST_CHECK;

#endif
