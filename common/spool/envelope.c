/*
 * envelope.c - the closed table of keys, both ways.
 */
#include "common/spool/envelope.h"

enum key {
	KEY_V,
	KEY_ID,
	KEY_CLASS,
	KEY_SERVER,
	KEY_CREDENTIAL,
	KEY_SENDER,
	KEY_DOMAIN,
	KEY_CLIENT,
	KEY_HELO,
	KEY_TLS,
	KEY_RECEIVED,
	KEY_TAG, /* from here on they may be missing */
	KEY_STREAM,
	KEY_METADATA,
	KEY_IDEMPOTENCY,
	KEY_TRACK,
	KEY_EXPIRES,
	KEY_DIGEST,
	KEY_RCPT, /* the only one that may come again, and must come */
	KEY_COUNT
};

static const char *const keys[KEY_COUNT] = {
	[KEY_V] = "v",
	[KEY_ID] = "id",
	[KEY_CLASS] = "class",
	[KEY_SERVER] = "server",
	[KEY_CREDENTIAL] = "credential",
	[KEY_SENDER] = "sender",
	[KEY_DOMAIN] = "domain",
	[KEY_CLIENT] = "client",
	[KEY_HELO] = "helo",
	[KEY_TLS] = "tls",
	[KEY_RECEIVED] = "received",
	[KEY_TAG] = "tag",
	[KEY_STREAM] = "stream",
	[KEY_METADATA] = "metadata",
	[KEY_IDEMPOTENCY] = "idempotency",
	[KEY_TRACK] = "track",
	[KEY_EXPIRES] = "expires",
	[KEY_DIGEST] = "digest",
	[KEY_RCPT] = "rcpt",
};

static const char *const classes[] = {[CLASS_OUTGOING] = "outgoing"};

/* encode */

static void put_escaped(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != '%')
			buf_byte(out, s.p[i]);
		else
			buf_fmt(out, "%%%02X", s.p[i]);
}

static void put_text(struct buf *out, enum key key, struct span v)
{
	buf_fmt(out, "%s=", keys[key]);
	put_escaped(out, v);
	buf_byte(out, '\n');
}

static void put_u64(struct buf *out, enum key key, uint64_t v)
{
	buf_fmt(out, "%s=%llu\n", keys[key], (unsigned long long)v);
}

static void put_given_text(struct buf *out, enum key key, const char *v)
{
	if (v && v[0])
		put_text(out, key, span_str(v));
}

static void put_given_u64(struct buf *out, enum key key, uint64_t v)
{
	if (v)
		put_u64(out, key, v);
}

static void put_options(struct buf *out, const struct envelope *e)
{
	char digest[2 * ENVELOPE_DIGEST_SIZE + 1] = "";

	put_given_text(out, KEY_TAG, e->options.tag);
	put_given_text(out, KEY_STREAM, e->options.stream);
	put_given_text(out, KEY_METADATA, e->options.metadata);
	put_given_text(out, KEY_IDEMPOTENCY, e->options.idempotency);
	put_given_u64(out, KEY_TRACK, e->options.track);
	put_given_u64(out, KEY_EXPIRES, (uint64_t)e->options.expires.ms);
	if (e->has_digest)
		hex_encode(e->digest, sizeof(e->digest), digest);
	put_given_text(out, KEY_DIGEST, digest);
}

void envelope_encode(const struct envelope *e, struct buf *out)
{
	put_u64(out, KEY_V, 1);
	put_text(out, KEY_ID, span_str(e->id.s));
	put_text(out, KEY_CLASS, span_str(classes[e->class]));
	put_u64(out, KEY_SERVER, e->server);
	put_u64(out, KEY_CREDENTIAL, e->credential);
	put_text(out, KEY_SENDER, addr_span(&e->sender));
	put_text(out, KEY_DOMAIN, domain_span(&e->domain));
	put_text(out, KEY_CLIENT, span_str(e->client));
	put_text(out, KEY_HELO, span_str(e->helo));
	put_text(out, KEY_TLS, span_str(e->tls));
	put_u64(out, KEY_RECEIVED, (uint64_t)e->received.ms);
	put_options(out, e);
	for (size_t i = 0; i < e->rcpt_count; i++) {
		buf_fmt(out, "%s=%llu:", keys[KEY_RCPT], (unsigned long long)e->rcpts[i].copy);
		put_escaped(out, addr_span(&e->rcpts[i].addr));
		buf_byte(out, '\n');
	}
	buf_byte(out, '\n');
}

/* decode */

/* The value without its escapes, in room (at least raw.n bytes). */
static int unescape(struct span raw, uint8_t *room, struct span *out)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] <= ' ' || raw.p[i] >= 0x7f)
			return -EBADMSG;
		if (raw.p[i] != '%') {
			room[n++] = raw.p[i];
			continue;
		}
		if (hex_decode(span_head(span_from(raw, i + 1), 2), room + n, 1) != 0)
			return -EBADMSG;
		n++;
		i += 2;
	}
	*out = span_of(room, n);
	return 0;
}

static int get_class(struct span v, enum mail_class *out)
{
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (!span_eq_str(v, classes[i]))
			continue;
		*out = (enum mail_class)i;
		return 0;
	}
	return -EBADMSG;
}

static int get_rcpt(struct span v, struct envelope *e, size_t *room)
{
	struct envelope_rcpt r;
	struct span number = span_cut(&v, ':');

	if (span_u64(number, (UINT64_C(1) << 53) - 1, &r.copy) != 0 ||
	    addr_parse(v, &r.addr) != 0 || e->rcpt_count == LIMIT_RCPTS)
		return -EBADMSG;
	if (e->rcpt_count == *room) {
		*room = *room ? 2 * *room : 4;
		e->rcpts = mem_grow(e->rcpts, *room * sizeof(*e->rcpts));
	}
	e->rcpts[e->rcpt_count++] = r;
	return 0;
}

static int get_number(struct span v, uint64_t max, uint64_t *out)
{
	return span_u64(v, max, out) == 0 && *out ? 0 : -EBADMSG;
}

/* A value that is given: one is never written that says nothing. */
static int get_option(enum key key, struct span v, struct envelope *e)
{
	struct options *o = &e->options;
	uint64_t number;

	if (!v.n)
		return -EBADMSG;
	switch ((unsigned)key) {
	case KEY_TAG:
		return span_cstr(v, o->tag, sizeof(o->tag));
	case KEY_STREAM:
		return span_cstr(v, o->stream, sizeof(o->stream));
	case KEY_METADATA:
		o->metadata = v.n <= OPTIONS_METADATA_MAX ? span_dup(v) : NULL;
		return o->metadata ? 0 : -EBADMSG;
	case KEY_IDEMPOTENCY:
		return span_cstr(v, o->idempotency, sizeof(o->idempotency));
	case KEY_TRACK:
		if (get_number(v, TRACK_NO | TRACK_OPENS | TRACK_CLICKS, &number) != 0)
			return -EBADMSG;
		o->track = (unsigned)number;
		return 0;
	case KEY_EXPIRES:
		if (get_number(v, INT64_MAX, &number) != 0)
			return -EBADMSG;
		o->expires.ms = (int64_t)number;
		return 0;
	default:
		e->has_digest = true;
		return hex_decode(v, e->digest, sizeof(e->digest));
	}
}

static int get_value(enum key key, struct span v, struct envelope *e, size_t *room)
{
	uint64_t number;

	switch (key) {
	case KEY_V:
		return span_eq_str(v, "1") ? 0 : -EBADMSG;
	case KEY_ID:
		return qid_parse(v, &e->id);
	case KEY_CLASS:
		return get_class(v, &e->class);
	case KEY_SERVER:
		return span_u64(v, INT64_MAX, &e->server);
	case KEY_CREDENTIAL:
		return span_u64(v, INT64_MAX, &e->credential);
	case KEY_SENDER:
		return v.n ? addr_parse(v, &e->sender) : 0;
	case KEY_DOMAIN:
		return v.n ? domain_parse(v, &e->domain) : 0;
	case KEY_CLIENT:
		return span_cstr(v, e->client, sizeof(e->client));
	case KEY_HELO:
		return span_cstr(v, e->helo, sizeof(e->helo));
	case KEY_TLS:
		return span_cstr(v, e->tls, sizeof(e->tls));
	case KEY_RECEIVED:
		if (span_u64(v, INT64_MAX, &number) != 0)
			return -EBADMSG;
		e->received.ms = (int64_t)number;
		return 0;
	case KEY_TAG:
	case KEY_STREAM:
	case KEY_METADATA:
	case KEY_IDEMPOTENCY:
	case KEY_TRACK:
	case KEY_EXPIRES:
	case KEY_DIGEST:
		return get_option(key, v, e);
	case KEY_RCPT:
		return get_rcpt(v, e, room);
	case KEY_COUNT:
		break;
	}
	return -EBADMSG;
}

static enum key find_key(struct span name)
{
	for (size_t k = 0; k < KEY_COUNT; k++)
		if (span_eq_str(name, keys[k]))
			return (enum key)k;
	return KEY_COUNT;
}

static const char *decode_line(struct span line, struct envelope *e, bool seen[KEY_COUNT],
			       size_t *room)
{
	struct span value, raw = line;
	enum key key;
	int err;

	if (span_find(line, '=') == line.n)
		return "a line without an equals sign";
	key = find_key(span_cut(&raw, '='));
	if (key == KEY_COUNT)
		return "an unknown key";
	if (seen[key] && key != KEY_RCPT)
		return "a key twice";
	seen[key] = true;
	uint8_t *bytes = mem_alloc(raw.n);
	err = unescape(raw, bytes, &value);
	if (!err)
		err = get_value(key, value, e, room);
	mem_free(bytes);
	return err ? "a value that is none" : NULL;
}

static const char *decode_lines(struct span text, struct envelope *e)
{
	bool seen[KEY_COUNT] = {false};
	const char *why = NULL;
	size_t room = 0;

	if (text.n < 2 || text.p[text.n - 1] != '\n' || text.p[text.n - 2] != '\n')
		return "no empty line at the end";
	text.n--;
	while (text.n && !why)
		why = decode_line(span_cut(&text, '\n'), e, seen, &room);
	for (size_t k = 0; k < KEY_COUNT && !why; k++)
		if (!seen[k] && (k < KEY_TAG || k == KEY_RCPT))
			why = "a key missing";
	return why;
}

int envelope_decode(struct span text, struct envelope *out, const char **why)
{
	struct envelope e = {.rcpts = NULL};

	*why = decode_lines(text, &e);
	if (*why) {
		envelope_done(&e);
		return -EBADMSG;
	}
	*out = e;
	return 0;
}

void envelope_done(struct envelope *e)
{
	options_done(&e->options);
	mem_free(e->rcpts);
	e->rcpts = NULL;
	e->rcpt_count = 0;
}
