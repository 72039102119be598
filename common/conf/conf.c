/*
 * conf.c - the table of keys, the reader of configuration files, and the way back to text.
 *
 * One pass over the lines: a key's line opens a value, lines that begin with a blank add words to
 * it, everything else closes it, and a closed value is given to the parser of its type.  Keys
 * that the file does not have then get their defaults from conf.def the same way, and at last
 * what concerns several keys is checked.  A word is a view of the text, so that its line and
 * column are counted only when there is an error to be told.
 */
#include "common/conf/conf.h"

#include <stdio.h>

#include "common/conf/conf_types.h"
#include "common/conf/suggest.h"
#include "common/file.h"
#include "common/mail/signkey.h"
#include "common/utf8.h"

/* clang-format off */
#define CONF_KEY(member, kind, k, d, text, ...) \
	{.name = (k), .default_value = (d), .doc = (text), \
	 .offset = offsetof(struct conf, member), .type = &conf_type_##kind, __VA_ARGS__},
#define CONF_INT(m, k, d, lo, hi, t) CONF_KEY(m, int, k, d, t, .min = #lo, .max = #hi)
#define CONF_SIZE(m, k, d, lo, hi, t) CONF_KEY(m, size, k, d, t, .min = (lo), .max = (hi))
#define CONF_TIME(m, k, d, lo, hi, t) CONF_KEY(m##_ms, time, k, d, t, .min = (lo), .max = (hi))
#define CONF_TIMES(m, k, d, lo, hi, t) CONF_KEY(m, times, k, d, t, .min = (lo), .max = (hi))
#define CONF_TEXT(m, k, d, t) CONF_KEY(m, text, k, d, t, .min = NULL)
#define CONF_HOST(m, k, d, t) CONF_KEY(m, host, k, d, t, .min = NULL)
#define CONF_DOMAIN(m, k, d, t) CONF_KEY(m, domain, k, d, t, .min = NULL)
#define CONF_ENUM(m, k, d, words, t) CONF_KEY(m, enum, k, d, t, .choices = (words))
#define CONF_LISTEN(m, k, d, t) CONF_KEY(m, listen, k, d, t, .min = NULL)
#define CONF_NETS(m, k, d, t) CONF_KEY(m, nets, k, d, t, .min = NULL)
#define CONF_HOSTPORT(m, k, d, t) CONF_KEY(m, hostport, k, d, t, .min = NULL)
#define CONF_ROUTES(m, k, d, t) CONF_KEY(m, routes, k, d, t, .min = NULL)
#define CONF_LEVELS(m, k, d, t) CONF_KEY(m, levels, k, d, t, .min = NULL)

static const struct conf_key keys[] = {
#include "common/conf/conf.def"
};

#define CONF_INT(m, k, d, lo, hi, t) max_of_##m = (hi),
#define CONF_SIZE(...)
#define CONF_TIME(...)
#define CONF_TIMES(...)
#define CONF_TEXT(...)
#define CONF_HOST(...)
#define CONF_DOMAIN(...)
#define CONF_ENUM(...)
#define CONF_LISTEN(...)
#define CONF_NETS(...)
#define CONF_HOSTPORT(...)
#define CONF_ROUTES(...)
#define CONF_LEVELS(...)
enum {
#include "common/conf/conf.def"
};
/* clang-format on */

_Static_assert((int)max_of_message_recipients <= (int)LIMIT_RCPTS, "message.recipients");

enum { KEYS = ARRAY_LEN(keys) };

struct reader {
	struct span text;
	struct conf *c;
	struct span seen[KEYS];	    /* the line that has the key */
	bool set[KEYS];		    /* its member is made */
	const struct conf_key *key; /* whose value is open; NULL: none */
	struct conf_value value;
	struct conf_error e;
};

static void *member_of(struct conf *c, const struct conf_key *k)
{
	return (uint8_t *)c + k->offset;
}

static const void *member_of_const(const struct conf *c, const struct conf_key *k)
{
	return (const uint8_t *)c + k->offset;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* lines and words */

/* No control characters, all UTF-8. */
static int line_check(struct span line, struct conf_error *e)
{
	size_t n;

	for (; line.n; line = span_from(line, n)) {
		n = utf8_length(line);
		if (n == 0)
			return conf_fail(e, line,
					 "byte 0x%02x is not UTF-8; save the file as UTF-8",
					 line.p[0]);
		if (line.p[0] == 0)
			return conf_fail(e, line, "there is a NUL byte; remove it");
		if ((line.p[0] < 0x20 && line.p[0] != '\t') || line.p[0] == 0x7f)
			return conf_fail(e, line, "there is a control character 0x%02x; remove it",
					 line.p[0]);
	}
	return 0;
}

/* The next word of a line; empty, with *rest at its end, when there is none or only a comment. */
static struct span word_next(struct span *rest)
{
	struct span word;
	size_t n = 0;

	while (rest->n && is_blank(rest->p[0]))
		*rest = span_from(*rest, 1);
	if (rest->n && rest->p[0] == '#')
		rest->n = 0;
	while (n < rest->n && !is_blank(rest->p[n]))
		n++;
	word = span_head(*rest, n);
	*rest = span_from(*rest, n);
	return word;
}

static int words_add(struct reader *r, struct span rest)
{
	struct span word;

	while ((word = word_next(&rest)).n) {
		if (word.p[0] == '"' || word.p[0] == '\'')
			return conf_fail(&r->e, word,
					 "%s begins with a quote; values are written "
					 "without quotes",
					 SHOW(word));
		if (r->value.n == r->key->type->words_max && r->value.n == 1)
			return conf_fail(&r->e, word, "\"%s\" is one word too many; %s takes %s",
					 SHOW(word), r->key->name, r->key->type->form);
		if (r->value.n == r->key->type->words_max)
			return conf_fail(&r->e, word,
					 "\"%s\" is one word too many; %s takes at "
					 "most %zu",
					 SHOW(word), r->key->name, r->value.n);
		r->value.word[r->value.n++] = word;
	}
	return 0;
}

/* keys */

static const struct conf_key *key_find(struct span name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (span_eq_str(name, keys[i].name))
			return &keys[i];
	return NULL;
}

/* The key that is spelled nearly so; else the only one that ends in ".name". */
static struct span key_near(struct span name)
{
	struct span found = {0};
	struct suggest near;
	size_t n = 0;

	suggest_init(&near, name);
	for (size_t i = 0; i < KEYS; i++) {
		struct span k = span_str(keys[i].name);
		struct span last = span_from(k, k.n - size_min(k.n, name.n));

		suggest_try(&near, k);
		if (k.n > name.n && span_ieq(last, name) && last.p[-1] == '.') {
			found = k;
			n++;
		}
	}
	if (near.best.n || n != 1)
		return near.best;
	return found;
}

/* Index of the "=" after the key; line.n without one before the comment. */
static size_t equals_find(struct span line)
{
	size_t eq = span_find(line, '=');

	for (size_t i = 1; i < eq; i++)
		if (line.p[i] == '#' && is_blank(line.p[i - 1]))
			return line.n;
	return eq;
}

static int key_unknown(struct span line, struct span name, struct conf_error *e)
{
	struct span near = key_near(name);

	if (name.n == 0)
		return conf_fail(e, line, "there is no key before the \"=\"; write KEY = VALUE");
	if (near.n)
		return conf_fail(e, line, "unknown key \"%s\"; did you mean \"%s\"?", SHOW(name),
				 SHOW(near));
	return conf_fail(e, line, "unknown key \"%s\"; posthaste.conf(5) describes them all",
			 SHOW(name));
}

static size_t line_number(struct span text, const uint8_t *at)
{
	size_t n = 1;

	for (const uint8_t *p = text.p; p < at; p++)
		n += *p == '\n';
	return n;
}

/* A line that begins at the margin: a key and the first words of its value. */
static int key_open(struct reader *r, struct span line)
{
	size_t eq = equals_find(line);
	struct span name = span_trim(span_head(line, eq));
	const struct conf_key *k = key_find(name);
	struct span *seen;

	if (eq == line.n)
		return conf_fail(&r->e, line, "there is no \"=\" in this line; write KEY = VALUE");
	if (!k)
		return key_unknown(line, name, &r->e);
	seen = &r->seen[k - keys];
	if (seen->p)
		return conf_fail(&r->e, line,
				 "%s is set a second time; remove this line or line "
				 "%zu",
				 k->name, line_number(r->text, seen->p));
	*seen = line;
	r->key = k;
	r->value.n = 0;
	r->value.at = span_from(line, eq + 1);
	return words_add(r, r->value.at);
}

/* values */

static int check_dns_mode(const struct conf_value *v, struct conf_error *e)
{
	static const char form[] = "dns.mode is resolv.conf, iterate, local or forward ADDR[@PORT]";
	static const char *const modes[] = {"resolv.conf", "iterate", "local", "forward"};
	struct span port = v->n > 1 ? v->word[1] : v->word[0];
	struct span ip = span_cut(&port, '@');
	bool known = false, forward = span_eq_str(v->word[0], "forward");
	struct suggest near;
	uint8_t addr[16];
	uint64_t n = 0;

	suggest_init(&near, v->word[0]);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		known |= span_eq_str(v->word[0], modes[i]);
		suggest_try(&near, span_str(modes[i]));
	}
	if (!known && near.best.n)
		return conf_fail(e, v->word[0], "dns.mode cannot be \"%s\"; did you mean \"%s\"?",
				 SHOW(v->word[0]), SHOW(near.best));
	if (!known)
		return conf_fail(e, v->word[0], "dns.mode cannot be \"%s\"; %s", SHOW(v->word[0]),
				 form);
	if (forward && v->n == 1)
		return conf_fail(e, v->word[0], "forward has no address; %s", form);
	if (v->n > (forward ? 2 : 1))
		return conf_fail(e, v->word[forward ? 2 : 1], "\"%s\" is one word too many; %s",
				 SHOW(v->word[forward ? 2 : 1]), form);
	if (forward && !conf_ip(ip, addr))
		return conf_fail(e, ip, "\"%s\" is not an IP address; %s", SHOW(ip), form);
	if (forward && ip.n < v->word[1].n && (span_u64(port, UINT16_MAX, &n) || n == 0))
		return conf_fail(e, port, "\"%s\" is not a port from 1 to 65535; %s", SHOW(port),
				 form);
	return 0;
}

static int check_selector(const struct conf_value *v, struct conf_error *e)
{
	char selector[SIGNKEY_SELECTOR_SIZE];

	if (v->n == 1 && signkey_selector(v->word[0], selector) == 0)
		return 0;
	return conf_fail(e, v->word[0],
			 "\"%s\" is not a selector; deliver.dkim_selector takes letters, digits "
			 "and hyphens, as in a host name",
			 SHOW(v->word[0]));
}

static int value_make(struct conf *c, const struct conf_key *k, const struct conf_value *v,
		      struct conf_error *e)
{
	if (v->n && member_of(c, k) == &c->dns_mode && check_dns_mode(v, e))
		return -EINVAL;
	if (v->n && member_of(c, k) == &c->deliver_dkim_selector && check_selector(v, e))
		return -EINVAL;
	return k->type->parse(k, v, member_of(c, k), e);
}

static int value_close(struct reader *r)
{
	const struct conf_key *k = r->key;

	r->key = NULL;
	if (!k || (r->value.n == 0 && k->default_value[0] == '\0'))
		return 0;
	if (r->value.n == 0)
		return conf_fail(&r->e, r->value.at, "%s has no value; it takes %s", k->name,
				 k->type->form);
	r->set[k - keys] = true;
	return value_make(r->c, k, &r->value, &r->e);
}

static int line_read(struct reader *r, struct span line)
{
	struct span rest = line;
	struct span first = word_next(&rest);
	bool margin = line.n == 0 || !is_blank(line.p[0]);
	bool comment = first.n == 0 && span_trim(line).n;

	if (margin || (!comment && first.n == 0)) {
		if (value_close(r))
			return -EINVAL;
	}
	if (line_check(line, &r->e))
		return -EINVAL;
	if (first.n == 0)
		return 0;
	if (margin)
		return key_open(r, line);
	if (!r->key)
		return conf_fail(&r->e, first,
				 "a line that begins with a blank continues a value, "
				 "and there is none above; begin it at the margin");
	return words_add(r, line);
}

static int lines_read(struct reader *r)
{
	struct span rest = r->text;

	while (rest.n) {
		struct span line = span_cut(&rest, '\n');

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (line_read(r, line))
			return -EINVAL;
	}
	return value_close(r);
}

/* what the file does not say */

/* An empty default leaves the member empty, as zeroes are; only a text has to be made. */
static void defaults_fill(struct reader *r)
{
	for (size_t i = 0; i < KEYS; i++) {
		struct span rest = span_str(keys[i].default_value);

		if (r->set[i] || (rest.n == 0 && keys[i].type != &conf_type_text))
			continue;
		r->key = &keys[i];
		r->value.n = 0;
		must(words_add(r, rest) == 0);
		must(value_make(r->c, r->key, &r->value, &r->e) == 0);
	}
}

/* What follows from hostname where it is not set. */
static void names_fill(struct conf *c)
{
	struct buf name;

	if (!c->deliver_helo.n)
		c->deliver_helo = c->hostname;

	if (c->return_path_domain.n || c->hostname.n == 0)
		return;
	buf_init(&name, LIMIT_DOMAIN + 3);
	buf_str(&name, "rp.");
	buf_add(&name, domain_span(&c->hostname));
	if (domain_parse(buf_span(&name), &c->return_path_domain))
		c->return_path_domain.n = 0; /* too long: has to be set */
	buf_done(&name);
}

static int required_check(const struct conf *c, struct conf_error *e)
{
	for (size_t i = 0; i < KEYS; i++) {
		const struct domain *d = member_of_const(c, &keys[i]);

		if (keys[i].type == &conf_type_host && d->n == 0)
			return conf_fail(e, (struct span){0}, "%s is not set; write %s = NAME",
					 keys[i].name, keys[i].name);
	}
	return 0;
}

static int source_check(const struct conf *c, struct conf_error *e)
{
	unsigned v4 = 0, v6 = 0;

	for (size_t i = 0; i < c->deliver_source.n; i++) {
		const struct conf_net *net = &c->deliver_source.at[i];
		bool is_v4 = net->family == AF_INET;

		*(is_v4 ? &v4 : &v6) += net->bits == (is_v4 ? 32 : 128) ? 1 : 2;
	}
	if (v4 > 1 || v6 > 1 || c->deliver_source.is_public)
		return conf_fail(e, (struct span){0},
				 "deliver.source takes at most one IPv4 and one IPv6 address");
	return 0;
}

static void error_tell(const char *file_name, struct span text, const struct conf_error *e,
		       char error[CONF_ERROR_SIZE])
{
	const uint8_t *line = e->at;

	while (line && line > text.p && line[-1] != '\n')
		line--;
	snprintf(error, CONF_ERROR_SIZE, "%s:%zu:%zu: %s", file_name,
		 e->at ? line_number(text, e->at) : 1, e->at ? (size_t)(e->at - line) + 1 : 1,
		 e->text);
}

int conf_parse(const char *file_name, struct span text, struct conf **out,
	       char error[CONF_ERROR_SIZE])
{
	struct reader r = {.text = text, .c = mem_alloc(sizeof(*r.c))};
	int err = lines_read(&r);

	if (!err) {
		defaults_fill(&r);
		names_fill(r.c);
		err = required_check(r.c, &r.e);
		if (!err)
			err = source_check(r.c, &r.e);
	}
	if (err) {
		error_tell(file_name, text, &r.e, error);
		conf_free(&r.c);
		return err;
	}
	*out = r.c;
	return 0;
}

int conf_load(const char *file_name, struct conf **out, char error[CONF_ERROR_SIZE])
{
	struct buf text;
	int err;

	buf_init(&text, CONF_FILE_MAX);
	err = file_read(file_name, CONF_FILE_MAX, &text);
	if (err)
		snprintf(error, CONF_ERROR_SIZE, "%s: cannot be read: %s", file_name,
			 strerror(-err));
	else
		err = conf_parse(file_name, buf_span(&text), out, error);
	buf_done(&text);
	return err;
}

void conf_free(struct conf **c)
{
	if (!*c)
		return;
	for (size_t i = 0; i < KEYS; i++)
		if (keys[i].type->done)
			keys[i].type->done(member_of(*c, &keys[i]));
	mem_free(*c);
	*c = NULL;
}

void conf_each(const struct conf *c,
	       void (*fn)(const char *key, const char *value, const char *default_value,
			  const char *doc, void *arg),
	       void *arg)
{
	struct buf value;

	buf_init(&value, 2 * CONF_FILE_MAX);
	for (size_t i = 0; i < KEYS; i++) {
		buf_reset(&value);
		keys[i].type->print(&keys[i], member_of_const(c, &keys[i]), &value);
		buf_byte(&value, '\0');
		must(buf_ok(&value));
		fn(keys[i].name, (const char *)value.p, keys[i].default_value, keys[i].doc, arg);
	}
	buf_done(&value);
}
