/*
 * control_local.h - what the files of common/control share, and nobody else.
 *
 * A reading function is written as "once" and repeated while control_again() says so: a reader of
 * another user may not recover a WAL that its writer left behind (SQLITE_READONLY_RECOVERY), and
 * a moment later somebody has done it.
 */
#ifndef COMMON_CONTROL_CONTROL_LOCAL_H
#define COMMON_CONTROL_CONTROL_LOCAL_H

#include "common/control/control.h"

struct control {
	struct db *d;
	unsigned tries;
	uint32_t opened; /* how often one was opened by this process */
	char error[CONTROL_ERROR_SIZE];
};

/* Sets the sentence, returns err. */
int control_fail(struct control *c, int err, const char *fmt, ...) PRINTF(3, 4);
/* After a reading function: true when it is worth to be repeated. */
bool control_again(struct control *c);
/* The end of a reading function: err, or -EIO if the database failed. */
int control_read_end(struct control *c, int err);
/* The end of a transaction: commits if err is 0, else undoes; 0, err or -EIO. */
int control_write_end(struct control *c, int err);

/* A column as text into an array of that size (values were checked before they were stored). */
void control_column(struct control *c, size_t stmt, int column, char *out, size_t size);
struct wall control_time(struct control *c, size_t stmt, int column);
/* Of at least min bytes; what: "a reason". */
int control_text_check(struct control *c, struct span text, size_t min, const char *what);

/* Inside a transaction or a reading function; -EINVAL, -ENOENT. */
int control_server_once(struct control *c, struct span name, struct control_server *out);
/* 0 for an empty name: all servers. */
int control_server_id(struct control *c, struct span name, uint64_t *id_out);
int control_domain_once(struct control *c, struct span server, const struct domain *name,
			struct control_domain_row *out);
/* Inside a transaction. */
void control_key_insert(struct control *c, uint64_t domain, const struct control_key_new *new,
			enum control_key_state state, struct wall created);

#endif
