/*
 * output.h - results on stdout: aligned text, JSON, bytes.
 *
 * What comes from outside cannot reach the terminal as control characters: in text they become
 * \xNN, in JSON they are escaped; what is not UTF-8 becomes U+FFFD.
 */
#ifndef CTL_OUTPUT_H
#define CTL_OUTPUT_H

#include <jansson.h>

#include "common/buf.h"
#include "common/clock.h"

enum { TABLE_COLUMNS_MAX = 12 };

/* Rows of cells, printed in columns as wide as their widest cell. */
struct table {
	size_t columns;
	bool heads;
	struct buf cells; /* each ends with NUL */
	size_t n;
	size_t widths[TABLE_COLUMNS_MAX]; /* of what was printed */
};

/* heads: `columns` words, or NULL for none. */
void table_init(struct table *t, size_t columns, const char *const *heads);
void table_cell(struct table *t, struct span s);
void table_str(struct table *t, const char *s);
void table_fmt(struct table *t, const char *fmt, ...) PRINTF(2, 3);
/* As text, two blanks between columns and none at line ends. */
void table_text(struct table *t, struct buf *out);
/* To stdout; further rows come below, in columns as wide or wider.  A table with heads and no rows
 * prints nothing. */
void table_flush(struct table *t);
/* The same, and frees. */
void table_print(struct table *t);

/* Adds s without control characters (see above). */
void out_text(struct buf *out, struct span s);
/* 430 ms, 1.25 s, 3 min 20 s, 2 h 5 min, 3 d 4 h */
void out_duration(struct buf *out, int64_t ms);
/* 512 B, 1.5 KiB, 3.0 MiB */
void out_size(struct buf *out, uint64_t bytes);
void out_print(struct buf *b); /* to stdout, and frees */

json_t *out_string(struct span s);
json_t *out_str(const char *s);
json_t *out_time(struct wall t); /* 2026-11-23T18:44:32.123Z */
json_t *out_uint(uint64_t v);
/* One line of JSON on stdout; drops the reference. */
void out_json(json_t *j);
struct span out_get(const json_t *object, const char *key); /* a string member; empty if none */
uint64_t out_get_u64(const json_t *object, const char *key);

#endif
