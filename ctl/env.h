/*
 * env.h - DIR/env of a sandbox: where it listens and how to log in, as lines NAME='value' that a
 * POSIX shell reads by `. DIR/env`.
 *
 *	env  = *( name "=" "'" value "'" LF )	; a quote inside a value is written '\''
 *	name = 1*( %x41-5A / "_" )
 *
 * Only what env_add() wrote is read back: no expansion, no other quoting.
 */
#ifndef CTL_ENV_H
#define CTL_ENV_H

#include "common/buf.h"

enum { ENV_FILE_MAX = 65536 };

/* Adds a line.  A value may hold any byte but NUL; a shell gets it back as it is. */
void env_add(struct buf *out, const char *name, struct span value);
/* The value of name in the text of a file, appended to out; -ENOENT, or -EINVAL when its line is
 * not as env_add() writes it. */
int env_get(struct span text, const char *name, struct buf *out) MUST_CHECK;

#endif
