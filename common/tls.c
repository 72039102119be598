/*
 * tls.c - OpenSSL contexts for stream.h: one for a server's certificate, one for delivery.
 */
#include <openssl/err.h>
#include <stdio.h>

#include "common/stream.h"

enum { TLS_ALLOC_MAX = 256 << 20 }; /* more is asked for by bad input only, and refused */

static void *grow(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (n == 0)
		mem_free(p);
	if (n == 0 || n > TLS_ALLOC_MAX)
		return NULL;
	return mem_grow(p, n);
}

static void *alloc(size_t n, const char *file, int line)
{
	return grow(NULL, n, file, line);
}

static void release(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	mem_free(p);
}

void tls_memory(void)
{
	/* refused where something was allocated before: then it is as without */
	(void)CRYPTO_set_mem_functions(alloc, grow, release);
}

static void failed(char *error, size_t size, const char *file, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(error, size,
		 "%s: %s (%s); tls.cert and tls.key name PEM files that this daemon "
		 "can read and that belong together",
		 file, what, reason ? reason : "unknown");
	ERR_clear_error();
}

static SSL_CTX *make(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	must(ctx != NULL);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	return ctx;
}

SSL_CTX *tls_server_ctx(const char *cert_file, const char *key_file, char *error, size_t error_size)
{
	SSL_CTX *ctx = make(TLS_server_method());
	static const unsigned char context_id[] = "posthaste";

	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_session_id_context(ctx, context_id, sizeof(context_id) - 1);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		failed(error, error_size, cert_file, "the certificate cannot be used");
	else if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
		failed(error, error_size, key_file, "the private key cannot be used");
	else if (SSL_CTX_check_private_key(ctx) != 1)
		failed(error, error_size, key_file, "the key does not belong to the certificate");
	else
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

/* Opportunistic TLS (RFC 7435): an old version or an odd certificate is still better than clear
 * text, which is what refusing would lead to. */
SSL_CTX *tls_client_ctx(const char *ca_file, char *error, size_t error_size)
{
	SSL_CTX *ctx = make(TLS_client_method());

	if (!*ca_file) {
		must(SSL_CTX_set_default_verify_paths(ctx) == 1);
	} else if (SSL_CTX_load_verify_file(ctx, ca_file) != 1) {
		snprintf(error, error_size,
			 "deliver.tls_ca = %s: no certificates (PEM) can be read there", ca_file);
		ERR_clear_error();
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	must(SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0") == 1);
	return ctx;
}
