/*
 * resolver_zone.h - the names of dns.zone: which questions that file answers.
 *
 * One record a line, "name TTL IN type data"; empty lines, and comments from ";" on.  Names are
 * absolute with or without the final dot; "*.name" stands for every name below that does not
 * exist (RFC 4592).  The record data is libunbound's to read: each line goes to a function of the
 * caller.  Pure.
 */
#ifndef DELIVERD_RESOLVER_ZONE_H
#define DELIVERD_RESOLVER_ZONE_H

#include "common/buf.h"
#include "common/mail/addr.h"

enum { ZONE_ERROR_SIZE = 1024, ZONE_NAME_SIZE = 256, ZONE_LINE_MAX = 8192 };

enum zone_found {
	ZONE_ELSEWHERE, /* neither the name nor one above it has records in the file */
	ZONE_HERE,	/* there are records */
	ZONE_NO_DATA,	/* only names below it have, and one above it */
	ZONE_NO_NAME	/* a name above it has, and the file says nothing of this one */
};

struct zone;

/* 0 and a new zone, or -EINVAL and "FILE:LINE: what is wrong".  add gets each record as text
 * without comment; it returns NULL or what is wrong with it. */
int zone_parse(const char *file_name, struct span text,
	       const char *(*add)(const char *record, void *arg), void *arg, struct zone **out,
	       char error[ZONE_ERROR_SIZE]) MUST_CHECK;
/* A zone without records. */
struct zone *zone_empty(void);
void zone_free(struct zone **z);

/* With ZONE_HERE, ask is the name whose records answer: the name itself or "*.parent". */
enum zone_found zone_find(const struct zone *z, const struct domain *name,
			  char ask[ZONE_NAME_SIZE]);

#endif
