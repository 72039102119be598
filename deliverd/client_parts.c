#include "deliverd/client_parts.h"

#include <sodium.h>
#include <stdio.h>

enum { PLAIN_MAX = 2 * CLIENT_LOGIN_MAX + 2 };

static unsigned mechanisms(struct span words)
{
	unsigned found = 0;

	while (words.n) {
		struct span word = span_cut(&words, ' ');

		if (span_ieq_str(word, "PLAIN"))
			found |= CLIENT_AUTH_PLAIN;
		else if (span_ieq_str(word, "LOGIN"))
			found |= CLIENT_AUTH_LOGIN;
	}
	return found;
}

static unsigned keyword(struct span line)
{
	static const struct {
		const char *name;
		enum client_ext ext;
	} known[] = {{"PIPELINING", CLIENT_PIPELINING},
		     {"SIZE", CLIENT_SIZE},
		     {"8BITMIME", CLIENT_8BITMIME},
		     {"STARTTLS", CLIENT_STARTTLS},
		     {"SMTPUTF8", CLIENT_SMTPUTF8}};
	struct span word = span_cut(&line, ' ');

	if (span_ieq_str(word, "AUTH"))
		return mechanisms(line);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (span_ieq_str(word, known[i].name))
			return known[i].ext;
	return 0;
}

unsigned client_extensions(const struct reply *r)
{
	struct reply_lines it = reply_lines(r);
	struct span line;
	unsigned found = 0;

	for (bool first = true; reply_line(&it, &line); first = false)
		if (!first)
			found |= keyword(line);
	return found;
}

void client_base64(struct span s, struct buf *out)
{
	char text[sodium_base64_ENCODED_LEN(PLAIN_MAX, sodium_base64_VARIANT_ORIGINAL)];

	sodium_bin2base64(text, sizeof(text), s.p, s.n, sodium_base64_VARIANT_ORIGINAL);
	buf_str(out, text);
	buf_str(out, "\r\n");
	sodium_memzero(text, sizeof(text));
}

void client_auth_plain(struct span user, struct span password, struct buf *out)
{
	static const struct span nul = {(const uint8_t *)"", 1};
	struct buf plain;

	buf_init(&plain, PLAIN_MAX);
	buf_add(&plain, nul);
	buf_add(&plain, user);
	buf_add(&plain, nul);
	buf_add(&plain, password);
	must(buf_ok(&plain));
	buf_str(out, "AUTH PLAIN ");
	client_base64(buf_span(&plain), out);
	sodium_memzero(plain.p, plain.n);
	buf_done(&plain);
}

void client_status(const struct reply *r, enum outcome_kind kind, char out[OUTCOME_STATUS_SIZE])
{
	static const char class[] = {
		[OUTCOME_DONE] = '2', [OUTCOME_TEMP] = '4', [OUTCOME_PERM] = '5'};

	snprintf(out, OUTCOME_STATUS_SIZE, "%s", r->status[0] ? r->status : "0.0.0");
	out[0] = class[kind];
}
