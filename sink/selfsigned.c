#include "sink/selfsigned.h"

#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "common/base.h"

enum { VALID_S = 10 * 365 * 86400, BACKDATE_S = 86400, X509_VERSION = 2, SAN_SIZE = 300 };

static bool add_name(X509 *cert, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	char san[SAN_SIZE];
	X509_EXTENSION *ext;
	bool ok;

	snprintf(san, sizeof(san), "DNS:%s", name);
	ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
	ok = ext && X509_add_ext(cert, ext, -1) == 1 &&
	     X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
					-1, -1, 0) == 1 &&
	     X509_set_issuer_name(cert, subject) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static X509 *make_cert(EVP_PKEY *key, const char *name)
{
	X509 *cert = X509_new();
	uint64_t serial = 0;

	if (cert && RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
	    X509_set_version(cert, X509_VERSION) == 1 &&
	    ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1 | 1) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATE_S) &&
	    X509_gmtime_adj(X509_getm_notAfter(cert), VALID_S) && X509_set_pubkey(cert, key) == 1 &&
	    add_name(cert, name) && X509_sign(cert, key, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

SSL_CTX *selfsigned_ctx(const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key ? make_cert(key, name) : NULL;
	SSL_CTX *ctx = cert ? SSL_CTX_new(TLS_server_method()) : NULL;

	if (ctx)
		SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	if (ctx &&
	    (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	     SSL_CTX_use_certificate(ctx, cert) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1)) {
		SSL_CTX_free(ctx);
		ctx = NULL;
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}
