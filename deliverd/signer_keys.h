/*
 * signer_keys.h - the private keys of the signer: files, making, parsing once, signing.
 *
 * keys/<domain>,<selector>.pem, mode 0400, PKCS #8 as PEM; written once and never replaced.  A
 * parsed key is kept (the least recently used of KEYS_CACHED goes); keys_forget() after files were
 * changed by hand.
 */
#ifndef DELIVERD_SIGNER_KEYS_H
#define DELIVERD_SIGNER_KEYS_H

#include "common/buf.h"
#include "common/mail/signkey.h"

enum { KEYS_CACHED = 10000, KEYS_ERROR_SIZE = 256, KEYS_SIGNATURE_MAX = 512 };

/* Opens the folder, makes it if it is missing; -errno. */
int keys_open(const char *folder) MUST_CHECK;
void keys_forget(void);
void keys_close(void);

/* Signs a SHA-256 hash as the key's algorithm says.  0, or -errno and a sentence. */
int keys_sign(const struct signkey *key, const uint8_t hash[32], uint8_t out[KEYS_SIGNATURE_MAX],
	      size_t *n_out, char error[KEYS_ERROR_SIZE]) MUST_CHECK;

/* The public key as it goes into DNS, added to out: DER SubjectPublicKeyInfo for RSA (RFC 6376
 * 3.6.1), the 32 bytes for Ed25519 (RFC 8463 4.2).  Makes a key first if there is none
 * (*made_out; RSA with 2048 bits): the file is on disk when this returns.  0, or -errno and a
 * sentence. */
int keys_make(const struct signkey *key, struct buf *out, bool *made_out,
	      char error[KEYS_ERROR_SIZE]) MUST_CHECK;

#endif
