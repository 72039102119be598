/*
 * domain_key.c - posthaste domain key list|add|activate|remove|instance: rotation by overlap.
 *
 * A new key is published before it signs, and a retired one stays published until what it signed
 * has arrived: receivers find the key of each signature all the while.  The instance's own key is
 * none of a server: it is what posthaste.conf says and the signer has.
 */
#include <stdio.h>

#include "ctl/domain.h"

static json_t *key_json(const struct control_key *k)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:s, s:o}", "domain", out_str(k->key.domain.s),
			 "server", out_str(k->server), "selector", out_str(k->key.selector),
			 "algorithm", out_str(signkey_algorithm_name(k->key.algorithm)), "state",
			 control_key_state_name(k->state), "created", out_time(k->created));
}

static void list_json(const struct control_key *k, void *arg)
{
	(void)arg;
	out_json(key_json(k));
}

static void list_row(const struct control_key *k, void *arg)
{
	char created[WALL_TEXT_SIZE];

	wall_iso(k->created, created);
	table_str(arg, k->key.selector);
	table_str(arg, signkey_algorithm_name(k->key.algorithm));
	table_str(arg, control_key_state_name(k->state));
	table_str(arg, created);
}

static int list(const struct domain_request *r, const struct ctl_options *o)
{
	static const char *const heads[] = {"SELECTOR", "ALGORITHM", "STATE", "CREATED"};
	struct table t;
	int err;

	table_init(&t, ARRAY_LEN(heads), heads);
	err = control_key_each(r->c, span_str(r->server), &r->name, o->json ? list_json : list_row,
			       &t);
	table_print(&t);
	return err ? ctl_control_fail(r->c, err) : 0;
}

int cmd_domain_key_list(int argc, char **argv, const struct ctl_options *o)
{
	const char *args[1], *server = NULL;
	struct domain_request r = {0};
	struct ctl_opt opts[] = {{"--server", CTL_VALUE, &server}};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 1, 1);

	if (!code)
		code = domain_begin(args[0], server, DB_READ, &r);
	if (!code)
		code = list(&r, o);
	control_close(&r.c);
	return code;
}

/* one key, after it was added or activated */

struct shown {
	const char *selector;
	bool json;
};

static void show_one(const struct control_key *k, void *arg)
{
	const struct shown *s = arg;
	struct records records = {.n = 0};
	const struct record *record = &records.at[0];
	json_t *j;

	if (strcmp(k->key.selector, s->selector) != 0)
		return;
	records_add_key(&records, k);
	if (s->json) {
		j = key_json(k);
		json_object_set_new(j, "record", domain_record_json(record));
		out_json(j);
		return;
	}
	printf("%s key %s of %s is %s\n", signkey_algorithm_name(k->key.algorithm), k->key.selector,
	       k->key.domain.s, control_key_state_name(k->state));
	domain_record_print(record);
}

static int show(const struct domain_request *r, const char *selector, const struct ctl_options *o)
{
	struct shown s = {.selector = selector, .json = o->json};
	int err = control_key_each(r->c, span_str(r->server), &r->name, show_one, &s);

	return err ? ctl_control_fail(r->c, err) : 0;
}

/* add */

static int new_key(const char *algorithm, const char *selector, struct control_key_new *new,
		   char selector_out[SIGNKEY_SELECTOR_SIZE])
{
	new->selector = selector_out;
	if (signkey_algorithm(span_str(algorithm), &new->algorithm) != 0)
		return ctl_fail(EX_USAGE, "--algorithm is rsa-sha256 or ed25519-sha256, not \"%s\"",
				algorithm);
	if (!selector)
		domain_selector_make(selector_out);
	else if (signkey_selector(span_str(selector), selector_out) != 0)
		return ctl_fail(
			EX_DATAERR,
			"\"%s\" is not a selector; it is letters, digits and hyphens, as in "
			"a host name, at most %d bytes",
			selector, SIGNKEY_SELECTOR_SIZE - 1);
	return 0;
}

/* The selector is looked at first: a key that the signer makes stays with it. */
static int add(const struct domain_request *r, struct control_key_new *new,
	       const struct ctl_options *o)
{
	struct span server = span_str(r->server);
	struct buf packet;
	int code, err = control_key_allowed(r->c, server, &r->name, new->selector);

	if (err)
		return ctl_control_fail(r->c, err);
	code = domain_keygen(o, &r->name, new, &packet);
	if (!code) {
		err = control_key_add(r->c, server, &r->name, new);
		code = err ? ctl_control_fail(r->c, err) : show(r, new->selector, o);
	}
	buf_done(&packet);
	return code;
}

int cmd_domain_key_add(int argc, char **argv, const struct ctl_options *o)
{
	const char *args[1], *server = NULL, *algorithm = "rsa-sha256", *selector = NULL;
	char selector_text[SIGNKEY_SELECTOR_SIZE];
	struct control_key_new new;
	struct domain_request r = {0};
	struct ctl_opt opts[] = {
		{"--server", CTL_VALUE, &server},
		{"--algorithm", CTL_VALUE, &algorithm},
		{"--selector", CTL_VALUE, &selector},
	};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 1, 1);

	if (!code)
		code = new_key(algorithm, selector, &new, selector_text);
	if (!code)
		code = domain_begin(args[0], server, DB_WRITE, &r);
	if (!code)
		code = add(&r, &new, o);
	control_close(&r.c);
	return code;
}

/* activate, remove */

static int begin_with_key(int argc, char **argv, const struct ctl_options *o,
			  struct domain_request *r, char selector[SIGNKEY_SELECTOR_SIZE])
{
	const char *args[2], *server = NULL;
	struct ctl_opt opts[] = {{"--server", CTL_VALUE, &server}};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 2, 2);

	if (code)
		return code;
	if (signkey_selector(span_str(args[1]), selector) != 0)
		return ctl_fail(EX_DATAERR,
				"\"%s\" is not a selector; `posthaste domain key list "
				"%s` shows those there are",
				args[1], args[0]);
	return domain_begin(args[0], server, DB_WRITE, r);
}

int cmd_domain_key_activate(int argc, char **argv, const struct ctl_options *o)
{
	char selector[SIGNKEY_SELECTOR_SIZE];
	struct domain_request r = {0};
	int err, code = begin_with_key(argc, argv, o, &r, selector);

	if (code)
		return code;
	err = control_key_activate(r.c, span_str(r.server), &r.name, selector);
	code = err ? ctl_control_fail(r.c, err) : show(&r, selector, o);
	control_close(&r.c);
	return code;
}

int cmd_domain_key_remove(int argc, char **argv, const struct ctl_options *o)
{
	char selector[SIGNKEY_SELECTOR_SIZE];
	struct domain_request r = {0};
	int err, code = begin_with_key(argc, argv, o, &r, selector);

	if (code)
		return code;
	err = control_key_remove(r.c, span_str(r.server), &r.name, selector);
	code = err ? ctl_control_fail(r.c, err) : 0;
	if (!code && o->json)
		out_json(json_pack("{s:s, s:o, s:o}", "removed", selector, "domain",
				   out_str(r.name.s), "server", out_str(r.server)));
	else if (!code)
		printf("key %s of %s is removed; its DNS record may go\n", selector, r.name.s);
	control_close(&r.c);
	return code;
}

/* the instance's own */

static void show_instance(const struct control_key *key, bool made, const struct ctl_options *o)
{
	struct records records = {.n = 0};
	json_t *j;

	records_add_key(&records, key);
	if (!o->json) {
		printf("%s key %s of %s %s\n", signkey_algorithm_name(key->key.algorithm),
		       key->key.selector, key->key.domain.s, made ? "is made" : "was made before");
		domain_record_print(&records.at[0]);
		return;
	}
	j = json_pack("{s:o, s:o, s:o, s:b}", "domain", out_str(key->key.domain.s), "selector",
		      out_str(key->key.selector), "algorithm",
		      out_str(signkey_algorithm_name(key->key.algorithm)), "made", made ? 1 : 0);
	json_object_set_new(j, "record", domain_record_json(&records.at[0]));
	out_json(j);
}

static int instance_key(const struct conf *conf, const struct ctl_options *o)
{
	struct control_key key = {.key.domain = conf->deliver_dkim_domain,
				  .state = CONTROL_KEY_ACTIVE};
	struct control_key_new new = {.selector = key.key.selector, .algorithm = SIGNKEY_RSA};
	struct buf packet;
	bool made;
	int code;

	if (!key.key.domain.n)
		return ctl_fail(EX_CONFIG, "deliver.dkim_domain is not set in posthaste.conf; "
					   "write deliver.dkim_domain = DOMAIN");
	must(signkey_selector(span_str(conf->deliver_dkim_selector), key.key.selector) == 0);
	code = domain_key_ask(o, &key.key.domain, &new, &packet, &made);
	if (!code) {
		key.public_key_n = new.public_key.n;
		memcpy(key.public_key, new.public_key.p, new.public_key.n);
		show_instance(&key, made, o);
	}
	buf_done(&packet);
	return code;
}

int cmd_domain_key_instance(int argc, char **argv, const struct ctl_options *o)
{
	int code = ctl_args(argc, argv, o, NULL, 0, NULL, 0, 0);
	struct conf *conf = code ? NULL : ctl_conf_written(&code);

	if (conf)
		code = instance_key(conf, o);
	conf_free(&conf);
	return code;
}
