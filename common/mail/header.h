/*
 * header.h - the header section of a message (RFC 5322 2.2, 3.6, 4.5), as views of its bytes.
 *
 * One iterator for everybody: what is checked, signed and shown is read by the same function.
 * Lines end in CRLF only (the DATA reader lets no other in).  A field is a line "name:..." with a
 * name of printable ASCII without colon, and the lines after it that begin with space or tab
 * (folds).  The section ends after the first empty line, or before the first line that can be no
 * field and no fold: from there on it is body.  All spans point into the caller's bytes.
 */
#ifndef COMMON_MAIL_HEADER_H
#define COMMON_MAIL_HEADER_H

#include "common/buf.h"
#include "common/mail/addr.h"

struct header_field {
	struct span raw;   /* the whole field with its final CRLF (which only the last may lack) */
	struct span name;  /* without blanks before the colon (obsolete: RFC 5322 4.5.8) */
	struct span value; /* what follows the colon, folds kept, without the final CRLF */
};

enum { HEADER_FROM_MAX = 20 };

enum header_error {
	HEADER_ERR_NO_FROM = 1,
	HEADER_ERR_TWO_FROM, /* more than one From field */
	HEADER_ERR_SYNTAX,
	HEADER_ERR_GROUP, /* "name: a, b;" */
	HEADER_ERR_ROUTE, /* "<@host:a@b>" */
	HEADER_ERR_UTF8,  /* an address with bytes above 0x7f that may have none, or wrong ones; in
			   * display names they are fine */
	HEADER_ERR_MANY,  /* more addresses than there is room for */
	HEADER_ERR_MAX	  /* not an error */
};

/* Length of the header section with the empty line that ends it (if there is one): the body
 * begins there. */
size_t header_length(struct span msg);

/* Takes the next field off *rest (at first the whole message or its header section); false at
 * the end of the section, *rest is then what follows the last field. */
bool header_next(struct span *rest, struct header_field *out) MUST_CHECK;

/* A section that ends before a line that is no field: some readers look on to the empty line.
 * *rest is at first what header_next() left.  Takes the next line that begins with a name and a
 * colon (blanks before them or not) off it; false when none is left up to the empty line. */
bool header_hidden(struct span *rest, struct span *name_out) MUST_CHECK;

/* The first field of that name (any case); false if there is none. */
bool header_find(struct span header, const char *name, struct header_field *out) MUST_CHECK;
size_t header_count(struct span header, const char *name);
/* Fields in all. */
size_t header_fields(struct span header);
/* Received fields: hops (RFC 5321 6.3). */
size_t header_received(struct span header);

/* Adds a value without its line breaks (the blanks of folds stay) and without blanks at its
 * ends. */
void header_unfold(struct span value, struct buf *out);

/* The addresses of the one From field ("a@b <a@b>" without quotes is taken, too).  utf8: addresses
 * may have raw UTF-8 (RFC 6532), that is the message came with SMTPUTF8.  0 and 1 to
 * HEADER_FROM_MAX addresses in out, or a negative enum header_error. */
int header_from(struct span header, bool utf8, struct addr out[HEADER_FROM_MAX],
		size_t *n_out) MUST_CHECK;
/* The same for any value that is a mailbox-list (RFC 5322 3.4): 1 to max addresses, or a negative
 * enum header_error with *n_out untouched (out is then undefined). */
int header_mailboxes(struct span value, bool utf8, struct addr *out, size_t max,
		     size_t *n_out) MUST_CHECK;

/* A sentence without final dot for a (negative or positive) error of this file. */
const char *header_error(int err);

#endif
