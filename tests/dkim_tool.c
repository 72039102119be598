/*
 * dkim_tool.c - signs the message on stdin by deliverd/dkim.c, for comparisons with others.
 *
 *	dkim_tool KEY.pem "domain selector rsa-sha256" SECONDS <message >signed
 *
 * Puts an empty line between header and body where there is none, as the daemon does.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <unistd.h>

#include "common/mail/header.h"
#include "deliverd/dkim.h"

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

static struct span rsa_sign(const char *file, const uint8_t hash[DKIM_HASH_SIZE], uint8_t out[512])
{
	FILE *f = fopen(file, "r");
	EVP_PKEY *key;
	EVP_PKEY_CTX *ctx;
	size_t n = 512;

	must(f);
	key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	must(key);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	must(ctx && EVP_PKEY_sign_init(ctx) == 1);
	must(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1);
	must(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1);
	must(EVP_PKEY_sign(ctx, out, &n, hash, DKIM_HASH_SIZE) == 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return span_of(out, n);
}

static void put(struct span s)
{
	must(fwrite(s.p, 1, s.n, stdout) == s.n);
}

static void hash_body(struct span body, uint8_t out[DKIM_HASH_SIZE])
{
	struct dkim_body b;

	dkim_body_init(&b);
	for (; body.n > 0; body = span_from(body, size_min(7, body.n)))
		dkim_body_add(&b, span_head(body, 7));
	dkim_body_done(&b, out);
}

int main(int argc, char **argv)
{
	uint8_t body_hash[DKIM_HASH_SIZE], hash[DKIM_HASH_SIZE], signature[512];
	struct buf in, field;
	struct signkey key;
	uint64_t seconds;
	struct wall now;

	if (argc != 4 || signkey_parse(span_str(argv[2]), &key) ||
	    span_u64(span_str(argv[3]), UINT32_MAX, &seconds)) {
		fputs("usage: dkim_tool KEY.pem \"domain selector rsa-sha256\" SECONDS\n", stderr);
		return 64;
	}
	now.ms = (int64_t)seconds * 1000;
	read_all(STDIN_FILENO, &in);
	struct span msg = buf_span(&in), header = span_head(msg, header_length(msg));
	hash_body(span_from(msg, header.n), body_hash);
	buf_init(&field, DKIM_FIELD_MAX);
	int err = dkim_field(header, &key, now, body_hash, &field, hash);
	if (err) {
		fprintf(stderr, "dkim_tool: not signed: %s\n", strerror(-err));
		return 1;
	}
	dkim_complete(&field, rsa_sign(argv[1], hash, signature));
	put(buf_span(&field));
	put(header);
	if (!dkim_header_ends(msg))
		put(SPAN_LIT("\r\n"));
	put(span_from(msg, header.n));
	buf_done(&in);
	buf_done(&field);
	return fflush(stdout) == 0 ? 0 : 1;
}
