/*
 * checkpoint.h - a thread that moves a database's WAL into its file, so that no transaction waits
 * for it (inline: half a second at worst).
 */
#ifndef COMMON_DB_CHECKPOINT_H
#define COMMON_DB_CHECKPOINT_H

/* Once a process; path as for db_open(). */
void checkpoint_start(const char *path);

#endif
