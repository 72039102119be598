/*
 * selfsigned.h - a server's TLS context whose key and certificate live only in memory.
 */
#ifndef SINK_SELFSIGNED_H
#define SINK_SELFSIGNED_H

#include <openssl/ssl.h>

/* P-256, valid for ten years, for the DNS name name.  NULL when OpenSSL refuses. */
SSL_CTX *selfsigned_ctx(const char *name);

#endif
