/*
 * store.h - the folder of received messages: one file each, there whole or not at all.
 *
 * A message grows in a file without a name (O_TMPFILE) and gets one by linkat when it is whole,
 * so whoever lists the folder never sees a part of one.  Where the file system has no O_TMPFILE
 * it grows under a name with a leading dot and is renamed; such a name may be left by a kill.
 * Names sort by the time of arrival: 20261123T184432.123Z-000001.eml.
 *
 * Not flushed to disk: this is a test's receiving end.  What it acknowledged survives its own
 * death, not a power cut.
 */
#ifndef SINK_STORE_H
#define SINK_STORE_H

#include "common/buf.h"
#include "common/clock.h"

enum { STORE_NAME_SIZE = 64 };

struct store;
struct store_file;

/* Makes the folder if it is missing (not its parents).  0 and a store, or -errno. */
int store_open(const char *folder, struct store **out) MUST_CHECK;
void store_close(struct store **s);

int store_begin(struct store *s, struct store_file **out) MUST_CHECK;
/* After an error the file can only be dropped. */
int store_add(struct store_file *f, struct span bytes) MUST_CHECK;
/* Gives it its name; whatever happens *f is NULL then. */
int store_keep(struct store_file **f, struct wall now, char name[STORE_NAME_SIZE]) MUST_CHECK;
void store_drop(struct store_file **f); /* NULL inside is fine */

#endif
