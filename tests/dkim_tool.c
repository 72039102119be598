/*
 * dkim_tool.c - signs the message on stdin by deliverd/dkim.c and the signer's keys, for
 * comparisons with others.
 *
 *	dkim_tool FOLDER CANON SECONDS EXPIRE "domain selector algorithm"... <message >signed
 *
 * FOLDER has the keys, CANON is as c=, EXPIRE is in seconds.  Puts an empty line between header
 * and body where there is none, as the daemon does.
 */
#include <stdio.h>
#include <unistd.h>

#include "common/mail/header.h"
#include "deliverd/dkim.h"
#include "deliverd/signer_keys.h"

enum { MESSAGE_MAX = 64 * 1024 * 1024 };

static void read_all(int fd, struct buf *out)
{
	ssize_t n;

	buf_init(out, MESSAGE_MAX);
	do {
		uint8_t *room = buf_room(out, 65536);

		must(room);
		n = read(fd, room, 65536);
		must(n >= 0);
		buf_used(out, (size_t)n);
	} while (n > 0);
}

static void put(struct span s)
{
	must(fwrite(s.p, 1, s.n, stdout) == s.n);
}

static void hash_body(struct span body, enum dkim_canon canon, uint8_t out[DKIM_HASH_SIZE])
{
	struct dkim_body b;

	dkim_body_init(&b, canon);
	for (; body.n > 0; body = span_from(body, size_min(7, body.n)))
		dkim_body_add(&b, span_head(body, 7));
	dkim_body_done(&b, out);
}

static bool read_canon(struct span word, enum dkim_canon *out)
{
	*out = span_eq_str(word, "simple") ? DKIM_SIMPLE : DKIM_RELAXED;
	return *out == DKIM_SIMPLE || span_eq_str(word, "relaxed");
}

static bool read_params(char **argv, struct dkim_params *out)
{
	struct span canon = span_str(argv[2]), header = span_cut(&canon, '/');
	uint64_t now, expire;

	if (!read_canon(header, &out->header) || !read_canon(canon, &out->body) ||
	    span_u64(span_str(argv[3]), UINT32_MAX, &now) ||
	    span_u64(span_str(argv[4]), UINT32_MAX, &expire))
		return false;
	out->now.ms = (int64_t)now * 1000;
	out->expire_ms = (int64_t)expire * 1000;
	return true;
}

/* Writes one signature. */
static void sign(struct span header, const char *key_text, const struct dkim_params *params,
		 const uint8_t body_hash[DKIM_HASH_SIZE])
{
	uint8_t hash[DKIM_HASH_SIZE], signature[KEYS_SIGNATURE_MAX];
	char error[KEYS_ERROR_SIZE] = "not a key, or no From field";
	struct signkey key;
	struct buf field;
	size_t n;

	buf_init(&field, DKIM_FIELD_MAX);
	if (signkey_parse(span_str(key_text), &key) ||
	    dkim_field(header, &key, params, body_hash, &field, hash) ||
	    keys_sign(&key, hash, signature, &n, error)) {
		fprintf(stderr, "dkim_tool: %s: %s\n", key_text, error);
		exit(1);
	}
	dkim_complete(&field, span_of(signature, n));
	put(buf_span(&field));
	buf_done(&field);
}

int main(int argc, char **argv)
{
	uint8_t body_hash[DKIM_HASH_SIZE];
	struct dkim_params params;
	struct span msg, header;
	struct buf in;

	if (argc < 6 || !read_params(argv, &params) || keys_open(argv[1])) {
		fputs("usage: dkim_tool FOLDER CANON SECONDS EXPIRE KEY...\n", stderr);
		return 64;
	}
	read_all(STDIN_FILENO, &in);
	msg = buf_span(&in);
	header = span_head(msg, header_length(msg));
	hash_body(span_from(msg, header.n), params.body, body_hash);
	for (int i = 5; i < argc; i++)
		sign(header, argv[i], &params, body_hash);
	put(header);
	if (!dkim_header_ends(msg))
		put(SPAN_LIT("\r\n"));
	put(span_from(msg, header.n));
	buf_done(&in);
	keys_close();
	return fflush(stdout) == 0 ? 0 : 1;
}
