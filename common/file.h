/*
 * file.h - whole small files, and renaming.
 */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include "common/buf.h"

/* Reads a whole small file; -errno, -EFBIG above max. */
int file_read(const char *path, size_t max, struct buf *out) MUST_CHECK;
/* Writes a file so that after a crash the old or the new one is there: temp, fsync, rename,
 * fsync of the folder. */
int file_replace(const char *path, struct span text, mode_t mode) MUST_CHECK;

/* rename(2): -errno.  Not flushed. */
int file_rename(const char *from, const char *to) MUST_CHECK;

#endif
