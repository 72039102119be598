#include "ctl/env.h"

static const char quote_inside[] = "'\\''";

void env_add(struct buf *out, const char *name, struct span value)
{
	buf_fmt(out, "%s='", name);
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\'')
			buf_str(out, quote_inside);
		else
			buf_byte(out, value.p[i]);
	}
	buf_str(out, "'\n");
}

/* s begins behind the opening quote; what is behind the closing one is left in *s. */
static int unquote(struct span *s, struct buf *out)
{
	size_t inside = sizeof(quote_inside) - 1;

	while (s->n && s->p[0] != '\'') {
		buf_byte(out, s->p[0]);
		*s = span_from(*s, 1);
	}
	if (s->n == 0)
		return -EINVAL;
	if (span_eq_str(span_head(*s, inside), quote_inside)) {
		buf_byte(out, '\'');
		*s = span_from(*s, inside);
		return 1;
	}
	*s = span_from(*s, 1);
	return 0;
}

static int value_read(struct span *s, struct buf *out)
{
	int more;

	if (s->n == 0 || s->p[0] != '\'')
		return -EINVAL;
	*s = span_from(*s, 1);
	do {
		more = unquote(s, out);
	} while (more > 0);
	if (more < 0 || s->n == 0 || s->p[0] != '\n')
		return -EINVAL;
	*s = span_from(*s, 1);
	return 0;
}

int env_get(struct span text, const char *name, struct buf *out)
{
	struct buf value;
	int err = -ENOENT;

	buf_init(&value, ENV_FILE_MAX);
	while (text.n) {
		struct span here = span_cut(&text, '=');

		buf_reset(&value);
		err = value_read(&text, &value);
		if (err || span_eq_str(here, name))
			break;
		err = -ENOENT;
	}
	if (!err)
		buf_add(out, buf_span(&value));
	buf_done(&value);
	return err;
}
