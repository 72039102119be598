/*
 * checkpoint.c - the thread.  It has a connection of its own and shares nothing with the loop but
 * the database's name.  A thread, because SQLite's locks within one process are kept right by
 * SQLite itself, and the main connection need not be told.
 */
#include "common/db/checkpoint.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "common/db/db.h"
#include "common/log.h"

enum { EVERY_S = 1 };

static void *run(void *arg)
{
	char error[256];
	struct db *d = db_open(arg, DB_MAINTAIN, NULL, 0, 0, 0, error, sizeof(error));

	if (!d)
		LOG(LOG_ERROR, "checkpoint-stopped", KS("reason", error));
	while (d) {
		sleep(EVERY_S);
		db_checkpoint(d);
	}
	return NULL;
}

void checkpoint_start(const char *path)
{
	sigset_t all, old;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	must(pthread_create(&thread, NULL, run, mem_strdup(path)) == 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_detach(thread);
}
