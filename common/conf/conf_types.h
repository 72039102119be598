/*
 * conf_types.h - the types of configuration values: one parser and one printer for each.
 *
 * The reader (conf.c) cuts a value into words and hands them over; the parser of the key's type
 * makes the member of struct conf out of them or complains about one of the words.  What a
 * printer writes, its parser reads to the same value.  All of it is pure; local to common/conf.
 */
#ifndef COMMON_CONF_CONF_TYPES_H
#define COMMON_CONF_CONF_TYPES_H

#include "common/buf.h"
#include "common/conf/conf.h"

enum { CONF_WORDS_MAX = 128 };

/* The words of one value; they point into the text that is being read. */
struct conf_value {
	struct span at; /* where the value begins, or would if there were one */
	size_t n;
	struct span word[CONF_WORDS_MAX];
};

/* The first error: the place in the text and the sentence. */
struct conf_error {
	const uint8_t *at; /* NULL: the text as a whole */
	char text[CONF_ERROR_SIZE / 2];
};

struct conf_key;

struct conf_type {
	size_t words_max;
	const char *form; /* what is to be written: "takes %s" */
	/* v has 1 to words_max words (for TEXT: or none); 0 or -EINVAL with *e.  Called at most
	 * once for a member, which is zeroed before. */
	int (*parse)(const struct conf_key *k, const struct conf_value *v, void *member,
		     struct conf_error *e);
	void (*print)(const struct conf_key *k, const void *member, struct buf *out);
	void (*done)(void *member); /* NULL: nothing to free */
};

/* A row of conf.def. */
struct conf_key {
	const char *name;
	const char *default_value;
	const char *min, *max; /* as written in a file; NULL: no range */
	const char *choices;   /* "a|b|c"; NULL: not an enum */
	const char *doc;
	size_t offset; /* of the member in struct conf */
	const struct conf_type *type;
};

extern const struct conf_type conf_type_int, conf_type_size, conf_type_time, conf_type_times,
	conf_type_text, conf_type_host, conf_type_domain, conf_type_enum, conf_type_listen,
	conf_type_nets, conf_type_hostport, conf_type_routes, conf_type_levels;

/* Sets *e; returns -EINVAL. */
int conf_fail(struct conf_error *e, struct span at, const char *fmt, ...) PRINTF(3, 4);

/* A word or key for a message: cut when it is long, a tab as a space. */
struct conf_shown {
	char s[72];
};
struct conf_shown conf_show(struct span word);
#define SHOW(word) (conf_show(word).s)

/* An address without port or brackets; the family (AF_INET, AF_INET6) or 0. */
int conf_ip(struct span s, uint8_t addr[16]);

#endif
