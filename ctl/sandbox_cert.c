#include "ctl/sandbox_cert.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum { DAY = 24 * 60 * 60, DAYS_VALID = 3650, SERIAL_BITS = 120 };

struct extension {
	int nid;
	const char *value;
};

static const struct extension ca_extensions[] = {
	{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
	{NID_key_usage, "critical,keyCertSign,cRLSign"},
	{NID_subject_key_identifier, "hash"},
};

static const struct extension server_extensions[] = {
	{NID_basic_constraints, "critical,CA:FALSE"},
	{NID_key_usage, "critical,digitalSignature"},
	{NID_ext_key_usage, "serverAuth"},
	{NID_subject_key_identifier, "hash"},
	{NID_authority_key_identifier, "keyid"},
	{NID_subject_alt_name, "DNS:mail.sandbox.test,DNS:localhost,IP:127.0.0.1,IP:::1"},
};

static bool serial_set(X509 *x)
{
	BIGNUM *n = BN_new();
	bool ok = n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
		  BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));

	BN_free(n);
	return ok;
}

static bool extension_add(X509 *x, X509 *issuer, const struct extension *e)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, e->nid, e->value);
	ok = ext && X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

static bool name_set(X509 *x, const char *common_name)
{
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
					  (const unsigned char *)common_name, -1, -1, 0);
}

/* issuer NULL: signs itself. */
static X509 *certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
			 const struct extension *e, size_t n)
{
	X509 *x = X509_new();
	X509 *by = issuer ? issuer : x;
	bool ok = x && X509_set_version(x, X509_VERSION_3) && serial_set(x) &&
		  X509_gmtime_adj(X509_getm_notBefore(x), -DAY) &&
		  X509_time_adj_ex(X509_getm_notAfter(x), DAYS_VALID, 0, NULL) &&
		  name_set(x, name) && X509_set_issuer_name(x, X509_get_subject_name(by)) &&
		  X509_set_pubkey(x, key);

	for (size_t i = 0; ok && i < n; i++)
		ok = extension_add(x, by, &e[i]);
	if (ok && X509_sign(x, issuer_key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

static void take(BIO *bio, struct buf *out)
{
	char *p = NULL;
	long n = BIO_get_mem_data(bio, &p);

	if (n > 0)
		buf_add(out, span_of(p, (size_t)n));
}

static bool cert_text(X509 *x, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio && PEM_write_bio_X509(bio, x);

	if (ok)
		take(bio, out);
	BIO_free(bio);
	return ok;
}

static bool key_text(EVP_PKEY *key, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	bool ok = bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);

	if (ok)
		take(bio, out);
	BIO_free(bio);
	return ok;
}

bool sandbox_cert_make(struct buf *ca_out, struct buf *cert_out, struct buf *key_out)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = NULL, *cert = NULL;
	bool ok = false;

	if (ca_key && key)
		ca = certificate("Posthaste sandbox CA", ca_key, NULL, ca_key, ca_extensions,
				 ARRAY_LEN(ca_extensions));
	if (ca)
		cert = certificate("mail.sandbox.test", key, ca, ca_key, server_extensions,
				   ARRAY_LEN(server_extensions));
	if (cert)
		ok = cert_text(ca, ca_out) && cert_text(cert, cert_out) && key_text(key, key_out);
	X509_free(cert);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	return ok;
}
