/*
 * sandbox_cert.h - a certificate authority that exists for one signature, and the server
 * certificate it signed.
 */
#ifndef CTL_SANDBOX_CERT_H
#define CTL_SANDBOX_CERT_H

#include "common/buf.h"

/* PEM texts: the authority's certificate (its key is gone), a certificate for
 * mail.sandbox.test, localhost, 127.0.0.1 and ::1, and that one's key (EC P-256, ten years).
 * false: OpenSSL failed. */
bool sandbox_cert_make(struct buf *ca, struct buf *cert, struct buf *key) MUST_CHECK;

#endif
