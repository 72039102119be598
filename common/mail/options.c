/*
 * options.c - see options.h: the table of options, and how the text of each is read.
 */
#include "common/mail/options.h"

#include <jansson.h>

#include "common/conf/conf.h"
#include "common/conf/suggest.h"
#include "common/json/json.h"
#include "common/mail/date.h"
#include "common/utf8.h"

static const char prefix[] = "X-Posthaste-";

static bool is_text(struct span s)
{
	return s.n > 0 && utf8_valid(s) && !span_has_ctl(s);
}

static const char *set_tag(struct options *o, struct span text, struct wall now UNUSED)
{
	if (text.n > OPTIONS_TAG_MAX)
		return "is longer than 255 bytes; a tag has 1 to 255";
	if (!is_text(text))
		return "is empty or no text; write 1 to 255 bytes of UTF-8 without control "
		       "characters";
	must(span_cstr(text, o->tag, sizeof(o->tag)) == 0);
	return NULL;
}

/* As Postal has it: an empty one is no tag. */
static const char *set_postal_tag(struct options *o, struct span text, struct wall now)
{
	if (text.n)
		return set_tag(o, text, now);
	o->tag[0] = '\0';
	return NULL;
}

static const char *set_stream(struct options *o, struct span text, struct wall now UNUSED)
{
	bool good = text.n >= 1 && text.n <= OPTIONS_STREAM_MAX;

	for (size_t i = 0; i < text.n && good; i++)
		good = ascii_alnum(text.p[i]) || memchr("._-", text.p[i], 3);
	if (!good)
		return "is no name of a stream; write 1 to 64 of a-z, 0-9, dot, underscore and "
		       "hyphen";
	must(span_cstr(text, o->stream, sizeof(o->stream)) == 0);
	ascii_lower_all((uint8_t *)o->stream, text.n);
	return NULL;
}

static const char *set_idempotency(struct options *o, struct span text, struct wall now UNUSED)
{
	if (text.n > OPTIONS_KEY_MAX || !is_text(text) || !span_is_ascii(text))
		return "is no key; write 1 to 255 printable ASCII characters";
	must(span_cstr(text, o->idempotency, sizeof(o->idempotency)) == 0);
	return NULL;
}

/* metadata */

static bool is_flat(json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) if (!json_is_string(value) &&
						    !json_is_number(value) &&
						    !json_is_boolean(value)) return false;
	return true;
}

static const char *check_metadata(struct span text)
{
	json_error_t error;
	json_t *object = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &error);
	const char *why = NULL;

	if (!object && json_error_code(&error) == json_error_duplicate_key)
		why = "has a key twice; write each once";
	else if (!object)
		why = "is no valid JSON; write an object like {\"order\":\"17\"}";
	else if (!json_is_object(object))
		why = "is no JSON object; write one like {\"order\":\"17\"}";
	else if (!is_flat(object))
		why = "has a value that is no string, number or boolean; nested values go as a "
		      "string";
	json_decref(object);
	return why;
}

static const char *set_metadata(struct options *o, struct span text, struct wall now UNUSED)
{
	struct buf compact;
	const char *why = span_has_ctl(text) ? "has a control character; write \\u and four digits"
					     : check_metadata(text);

	if (why)
		return why;
	buf_init(&compact, OPTIONS_METADATA_MAX);
	json_add_compact(&compact, text);
	if (buf_ok(&compact)) {
		mem_free(o->metadata);
		o->metadata = span_dup(buf_span(&compact));
	} else {
		why = "is longer than 4096 bytes; keep the rest on your side, under a key that is "
		      "sent here";
	}
	buf_done(&compact);
	return why;
}

/* tracking */

static const struct {
	const char *word;
	unsigned track;
} track_words[] = {
	{"opens", TRACK_OPENS},
	{"clicks", TRACK_CLICKS},
	{"yes", TRACK_OPENS | TRACK_CLICKS},
	{"all", TRACK_OPENS | TRACK_CLICKS},
	{"no", TRACK_NO},
	{"none", TRACK_NO},
	{"off", TRACK_NO},
};

static unsigned track_word(struct span word)
{
	for (size_t i = 0; i < ARRAY_LEN(track_words); i++)
		if (span_ieq_str(word, track_words[i].word))
			return track_words[i].track;
	return TRACK_UNSET;
}

static const char *set_track(struct options *o, struct span text, struct wall now UNUSED)
{
	static const char why[] = "is not known; write opens, clicks, both with a comma between, "
				  "or no";
	unsigned track = TRACK_UNSET;

	do {
		unsigned one = track_word(span_trim(span_cut(&text, ',')));

		if (one == TRACK_UNSET)
			return why;
		track |= one;
	} while (text.n);
	if (track & TRACK_NO && track != TRACK_NO)
		return why;
	o->track = track;
	return NULL;
}

/* expiry */

/* "90s", "10m", "36h", "2d", and plain seconds; -EINVAL: nothing of the kind; -ERANGE. */
static int read_duration(struct span text, int64_t *ms_out)
{
	uint64_t seconds;
	int err = span_u64(text, INT64_MAX / 1000, &seconds);

	if (err == -EINVAL)
		return conf_duration(text, ms_out);
	if (!err)
		*ms_out = (int64_t)seconds * 1000;
	return err;
}

static int read_left(struct span text, struct wall now, int64_t *ms_out)
{
	struct wall at;
	int err = read_duration(text, ms_out);

	if (err != -EINVAL)
		return err;
	err = date_rfc3339(text, &at);
	if (err)
		err = date_rfc5322(text, &at);
	if (!err)
		*ms_out = at.ms - now.ms;
	return err;
}

static const char *set_expires(struct options *o, struct span text, struct wall now)
{
	const int64_t max = OPTIONS_EXPIRES_DAYS * INT64_C(86400000);
	int64_t left = 0;
	int err = read_left(text, now, &left);

	if (err == -EINVAL)
		return "is no time; write it like 90s, 10m, 36h or 2d, or a date with its zone";
	if (err || left > max)
		return "is too far away; at most 365d from now are possible";
	if (left < 1000)
		return "is over already; at least 1s from now is needed";
	o->expires.ms = now.ms + left;
	return NULL;
}

/* the table */

static const struct {
	const char *name;
	const char *(*set)(struct options *o, struct span text, struct wall now);
} options[OPTION_COUNT] = {
	[OPTION_POSTAL_TAG] = {"X-Postal-Tag", set_postal_tag},
	[OPTION_TAG] = {"X-Posthaste-Tag", set_tag},
	[OPTION_STREAM] = {"X-Posthaste-Stream", set_stream},
	[OPTION_METADATA] = {"X-Posthaste-Metadata", set_metadata},
	[OPTION_IDEMPOTENCY] = {"X-Posthaste-Idempotency-Key", set_idempotency},
	[OPTION_TRACK] = {"X-Posthaste-Track", set_track},
	[OPTION_EXPIRES] = {"X-Posthaste-Expires", set_expires},
};

enum option options_find(struct span name)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (span_ieq_str(name, options[i].name))
			return (enum option)i;
	return span_istarts(name, prefix) && !span_ieq_str(name, OPTIONS_REF) ? OPTION_UNKNOWN
									      : OPTION_NONE;
}

const char *options_name(enum option which)
{
	must(which < OPTION_COUNT);
	return options[which].name;
}

/* Without the prefix, which would make everything look alike. */
const char *options_near(struct span name)
{
	struct suggest near;

	suggest_init(&near, span_from(name, sizeof(prefix) - 1));
	for (size_t i = OPTION_TAG; i < OPTION_COUNT; i++)
		suggest_try(&near, span_str(options[i].name + sizeof(prefix) - 1));
	return near.best.n ? (const char *)near.best.p - (sizeof(prefix) - 1) : NULL;
}

const char *options_set(struct options *o, enum option which, struct span text, struct wall now)
{
	must(which < OPTION_COUNT);
	return options[which].set(o, text, now);
}

void options_done(struct options *o)
{
	mem_free(o->metadata);
	*o = (struct options){.metadata = NULL};
}
