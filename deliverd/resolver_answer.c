/*
 * resolver_answer.c - reading answers that libunbound has put together and, perhaps, validated.
 *
 *	packet   = id flags qdcount ancount nscount arcount *question *record ; 16 bits each
 *	question = name type class
 *	record   = name type class ttl(32) rdlength *OCTET
 *	name     = *label ( %x00 / pointer )	; pointer: 14 bits, only backwards
 *
 * The answer section alone is read; records of other names and types in it (signatures) are
 * passed over.  A pointer must point before the name it is in, so that reading ends.
 */
#include "deliverd/resolver_answer.h"

enum { WIRE_MAX = 255, HOPS_MAX = 16, CLASS_IN = 1, HEADER_SIZE = 12 };

struct wire_name {
	size_t n;
	uint8_t p[WIRE_MAX];
};

struct record {
	struct wire_name owner;
	uint16_t type, klass;
	uint32_t ttl;
	size_t rdata, rdata_n; /* in the packet */
};

static int get_int(struct span p, size_t *at, size_t size, uint32_t *out)
{
	uint32_t v = 0;

	if (p.n - *at < size)
		return -EINVAL;
	for (size_t i = 0; i < size; i++)
		v = v << 8 | p.p[(*at)++];
	*out = v;
	return 0;
}

/* Copies one label and its length byte, in lower case. */
static int get_label(struct span p, size_t *at, struct wire_name *out)
{
	size_t n = 1u + p.p[*at];

	if (n > LIMIT_LABEL + 1 || p.n - *at < n || out->n + n > WIRE_MAX)
		return -EINVAL;
	memcpy(out->p + out->n, p.p + *at, n);
	ascii_lower_all(out->p + out->n + 1, n - 1);
	out->n += n;
	*at += n;
	return 0;
}

/* Reads the name at *at and moves *at behind it. */
static int get_name(struct span p, size_t *at, struct wire_name *out)
{
	size_t here = *at, limit = *at; /* pointers lead before limit */
	bool jumped = false;

	out->n = 0;
	for (;;) {
		uint32_t pointer;
		bool last;

		if (here >= p.n)
			return -EINVAL;
		if (p.p[here] < 0xc0) {
			last = p.p[here] == 0;
			if (get_label(p, &here, out))
				return -EINVAL;
			if (!jumped)
				*at = here;
			if (last)
				return 0;
			continue;
		}
		if (get_int(p, &here, 2, &pointer))
			return -EINVAL;
		if (!jumped)
			*at = here;
		jumped = true;
		here = pointer & 0x3fff;
		if (here >= limit)
			return -EINVAL;
		limit = here;
	}
}

static int get_record(struct span p, size_t *at, struct record *out)
{
	uint32_t type, klass, ttl, n;

	if (get_name(p, at, &out->owner) || get_int(p, at, 2, &type) || get_int(p, at, 2, &klass) ||
	    get_int(p, at, 4, &ttl) || get_int(p, at, 2, &n))
		return -EINVAL;
	if (p.n - *at < n)
		return -EINVAL;
	out->type = (uint16_t)type;
	out->klass = (uint16_t)klass;
	out->ttl = ttl;
	out->rdata = *at;
	out->rdata_n = n;
	*at += n;
	return 0;
}

static bool name_eq(const struct wire_name *a, const struct wire_name *b)
{
	return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

static int name_from_text(const char *text, struct wire_name *out)
{
	struct span rest = span_str(text);

	out->n = 0;
	while (rest.n > 0) {
		struct span label = span_cut(&rest, '.');

		if (label.n == 0 || label.n > LIMIT_LABEL || out->n + label.n + 2 > WIRE_MAX)
			return -EINVAL;
		out->p[out->n++] = (uint8_t)label.n;
		memcpy(out->p + out->n, label.p, label.n);
		ascii_lower_all(out->p + out->n, label.n);
		out->n += label.n;
	}
	out->p[out->n++] = 0;
	return 0;
}

/* Copies record data with its name, if it ends in one, written out. */
static int get_rdata(struct span p, const struct record *r, uint8_t out[ANSWER_RDATA_MAX],
		     size_t *n_out)
{
	size_t at = r->rdata, fixed = r->type == DNS_MX ? 2 : 0;
	struct wire_name name;

	if (r->type != DNS_MX && r->type != DNS_CNAME && r->type != DNS_PTR) {
		memcpy(out, p.p + at, r->rdata_n);
		*n_out = r->rdata_n;
		return 0;
	}
	if (r->rdata_n < fixed + 1)
		return -EINVAL;
	memcpy(out, p.p + at, fixed);
	at += fixed;
	if (get_name(p, &at, &name) || at != r->rdata + r->rdata_n)
		return -EINVAL;
	memcpy(out + fixed, name.p, name.n);
	*n_out = fixed + name.n;
	return 0;
}

static void lower_ttl(struct answer *out, bool *any, uint32_t ttl)
{
	if (!*any || ttl < out->ttl)
		out->ttl = ttl;
	*any = true;
}

/* Walks the answer section for records of this owner and type; fn may stop it by returning
 * non-zero, which comes back. */
static int each(struct span p, size_t start, size_t count, const struct wire_name *owner,
		uint16_t type, int (*fn)(struct span p, const struct record *r, void *arg),
		void *arg)
{
	struct record r;
	size_t at = start;

	for (size_t i = 0; i < count; i++) {
		if (get_record(p, &at, &r))
			return -EINVAL;
		if (r.type != type || r.klass != CLASS_IN || !name_eq(&r.owner, owner))
			continue;
		int stop = fn(p, &r, arg);
		if (stop)
			return stop;
	}
	return 0;
}

struct walk {
	struct answer *out;
	struct wire_name name; /* whose records are wanted */
	bool any;
};

/* 1: the name has become the CNAME's target. */
static int follow(struct span p, const struct record *r, void *arg)
{
	struct walk *w = arg;
	size_t at = r->rdata;

	if (get_name(p, &at, &w->name) || at != r->rdata + r->rdata_n)
		return -EINVAL;
	lower_ttl(w->out, &w->any, r->ttl);
	return 1;
}

static int collect(struct span p, const struct record *r, void *arg)
{
	struct walk *w = arg;
	struct answer *out = w->out;
	uint8_t *to = out->bytes + out->n * ANSWER_RDATA_MAX;
	size_t n;

	if (out->n == ANSWER_RECORDS_MAX)
		return 0;
	if (r->rdata_n > ANSWER_RDATA_MAX) {
		out->too_long = true;
		return 0;
	}
	if (get_rdata(p, r, to, &n))
		return -EINVAL;
	out->records[out->n++] = span_of(to, n);
	lower_ttl(out, &w->any, r->ttl);
	return 0;
}

static int skip_questions(struct span p, size_t *at, size_t count)
{
	struct wire_name unused;
	uint32_t type_class;

	for (size_t i = 0; i < count; i++)
		if (get_name(p, at, &unused) || get_int(p, at, 4, &type_class))
			return -EINVAL;
	return 0;
}

int answer_read(struct span packet, const char *name, uint16_t type, struct answer *out)
{
	struct walk w = {.out = out};
	uint32_t flags, questions, answers;
	size_t at = 2, start = HEADER_SIZE;
	int moved = 1;

	if (packet.n < HEADER_SIZE || name_from_text(name, &w.name))
		return -EINVAL;
	if (get_int(packet, &at, 2, &flags) || get_int(packet, &at, 2, &questions) ||
	    get_int(packet, &at, 2, &answers) || skip_questions(packet, &start, questions))
		return -EINVAL;
	out->rcode = flags & 15;
	out->ttl = 0;
	out->n = 0;
	out->too_long = false;
	out->end.n = 0;
	for (int hops = 0; type != DNS_CNAME && moved == 1; hops++) {
		if (hops == HOPS_MAX)
			return -EINVAL;
		moved = each(packet, start, answers, &w.name, DNS_CNAME, follow, &w);
		if (moved == 1 && dns_read_name(span_of(w.name.p, w.name.n), &out->end))
			out->end.n = 0;
		if (moved < 0)
			return moved;
	}
	return each(packet, start, answers, &w.name, type, collect, &w);
}
