#include "deliverd/logins.h"

#include <stdio.h>

static struct span word(struct span *rest)
{
	struct span w;

	while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		*rest = span_from(*rest, 1);
	w = *rest;
	for (w.n = 0; w.n < rest->n && rest->p[w.n] != ' ' && rest->p[w.n] != '\t';)
		w.n++;
	*rest = span_from(*rest, w.n);
	return w;
}

static int read_line(struct span line, struct span *relay, struct login *out)
{
	struct span user;

	*relay = word(&line);
	user = word(&line);
	line = span_trim(line);
	return user.n && line.n && span_cstr(user, out->user, sizeof(out->user)) == 0 &&
			       span_cstr(line, out->password, sizeof(out->password)) == 0
		       ? 0
		       : -EINVAL;
}

int logins_find(struct span text, const char *host, uint16_t port, struct login *out,
		unsigned *line_out)
{
	char brackets[300], name[300];

	snprintf(name, sizeof(name), "%s:%u", host, port);
	snprintf(brackets, sizeof(brackets), "[%s]:%u", host, port);
	for (*line_out = 1; text.n; ++*line_out) {
		struct span line = span_cut(&text, '\n'), relay;
		struct login found;

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		line = span_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (read_line(line, &relay, &found) != 0)
			return -EINVAL;
		if (!span_ieq_str(relay, name) && !span_ieq_str(relay, brackets))
			continue;
		*out = found;
		return 0;
	}
	return -ENOENT;
}
