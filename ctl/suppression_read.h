/*
 * suppression_read.h - suppression lists as other systems export them, read to entries; pure.
 *
 *	csv	RFC 4180 with quotes, LF or CRLF; with a header row that names the columns in any
 *		order and spelling (email, Email Address, recipient; server; reason, status;
 *		created, created_at; expires, until), others are left out; without one the first
 *		column is the address.  A plain list of addresses, one a line, is that, too.
 *	json	an array of objects or of strings, alone or inside of an object (as APIs
 *		answer), or one object or string a line; members as the columns above
 *
 * Times: RFC 3339 with or without zone, RFC 5322, a date, seconds or milliseconds since 1970.
 */
#ifndef CTL_SUPPRESSION_READ_H
#define CTL_SUPPRESSION_READ_H

#include "common/clock.h"
#include "common/mail/addr.h"

enum { SUPPRESSION_REASON = 255, SUPPRESSION_SERVER = 127 };

struct suppression_entry {
	size_t line; /* as of bad() below */
	struct addr address;
	bool has_server; /* there is such a column; server may be empty all the same */
	char server[SUPPRESSION_SERVER + 1]; /* no control characters */
	char reason[SUPPRESSION_REASON + 1]; /* no control characters */
	struct wall since, until;	     /* 0: not given; until: never */
};

enum suppression_format { SUPPRESSION_AUTO, SUPPRESSION_CSV, SUPPRESSION_JSON };

struct suppression_sink {
	void (*entry)(const struct suppression_entry *e, void *arg);
	/* line: of the text (in a JSON array: the number of the item), from 1 */
	void (*bad)(size_t line, const char *why, void *arg);
	void *arg;
};

void suppression_read(struct span text, enum suppression_format format,
		      const struct suppression_sink *sink);

#endif
