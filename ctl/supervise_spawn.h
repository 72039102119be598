/*
 * supervise_spawn.h - starting one daemon's program: its user, its descriptors, its environment.
 *
 * The child gets: /dev/null as stdin, our stderr as stdout and stderr (the log), its listening
 * sockets from 3 on (LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID), after them the writing end of a
 * pipe for READY=1 (NOTIFY_FD), a process group of its own, and of our environment only what is
 * in the table of supervise_spawn.c.  The program is found by the folder's descriptor, opened
 * before the user changes: the folders above need not be searchable for that user.
 */
#ifndef CTL_SUPERVISE_SPAWN_H
#define CTL_SUPERVISE_SPAWN_H

#include "ctl/supervise_sockets.h"

/* The folder of the daemons' programs as an open descriptor: $POSTHASTE_LIBEXEC (for tests), or
 * where our own program lies, or ../lib/posthaste from there.  -errno. */
int sup_program_folder(void) MUST_CHECK;

/* As root: 0 if each role's user and the groups exist, else -ENOENT with a sentence in error. */
int sup_users_check(char error[SUP_ERROR_SIZE]) MUST_CHECK;

struct sup_child {
	pid_t pid;
	int notify; /* reading end: READY=1, or EOF */
	int go;	    /* the child waits until a byte is written here; EOF ends it */
};
/* 0 or -errno. */
int sup_spawn(enum role r, const struct sup_sockets *sockets, struct sup_child *out) MUST_CHECK;
/* Lets it run: to be called when its pid is on record. */
void sup_spawn_go(struct sup_child *c);

#endif
