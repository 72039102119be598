/*
 * conf.c - fuzz target: what parses, printed key by key, parses again to the same printed text;
 * what does not has an error that begins with its place and holds no control character.
 */
#include "common/buf.h"
#include "common/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_key(const char *key, const char *value, const char *default_value UNUSED,
		      const char *doc UNUSED, void *arg)
{
	buf_fmt(arg, "%s = %s\n", key, value);
}

static void print(const struct conf *c, struct buf *out)
{
	buf_init(out, 4 * CONF_FILE_MAX);
	conf_each(c, print_key, out);
	must(buf_ok(out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[CONF_ERROR_SIZE] = "";
	struct conf *c = NULL;
	struct buf first, second;

	if (conf_parse("c", span_of(data, size), &c, error)) {
		must(!c && span_istarts(span_str(error), "c:") && !span_has_ctl(span_str(error)));
		return 0;
	}
	print(c, &first);
	conf_free(&c);
	must(conf_parse("c", buf_span(&first), &c, error) == 0);
	print(c, &second);
	conf_free(&c);
	must(span_eq(buf_span(&first), buf_span(&second)));
	buf_done(&first);
	buf_done(&second);
	return 0;
}
