/*
 * stream.h - a TCP connection with TLS on the loop (libevent's bufferevents behind it).
 *
 * The owner's callbacks get the bytes that have come as a span and say how many they used; the
 * rest stays and is shown again with what comes next.  Writing never blocks; high-water: when more
 * than STREAM_OUT_MAX bytes (or what stream_out_max() has set) wait to be sent, stream_full() is
 * true and drained() is called when they have gone.  TCP_NODELAY is always set.
 */
#ifndef COMMON_STREAM_H
#define COMMON_STREAM_H

#include <openssl/ssl.h>
#include <sys/socket.h>

#include "common/span.h"

enum { STREAM_OUT_MAX = 256 * 1024, STREAM_IN_MAX = 256 * 1024 };

struct stream;

enum stream_end {
	STREAM_EOF,	   /* the other side sends no more (TLS or only TCP says so); it may read */
	STREAM_ERROR,	   /* reset, another socket error, a broken TLS record: stream_error() */
	STREAM_TIMEOUT,	   /* nothing came or nothing could be sent for the set time */
	STREAM_TLS_FAILED, /* no handshake came about */
};

struct stream_ops {
	void (*connected)(struct stream *s, void *arg);		      /* clients only */
	void (*secured)(struct stream *s, void *arg);		      /* TLS handshake done */
	size_t (*input)(struct stream *s, struct span in, void *arg); /* returns bytes used */
	void (*drained)(struct stream *s, void *arg); /* all output has gone; may be NULL */
	/* Called once; the stream is freed after it.  On STREAM_TIMEOUT and STREAM_EOF the owner
	 * may still write and stream_close(): then what waits to be sent goes out.  STREAM_EOF
	 * comes after all input was shown, so never while paused. */
	void (*ended)(struct stream *s, enum stream_end end, void *arg);
};

/* An accepted socket; taken over. */
struct stream *stream_accept(int fd, const struct stream_ops *ops, void *arg);
/* Connects; source: NULL or the address to send from.  NULL when even the socket cannot be made. */
struct stream *stream_connect(const struct sockaddr *to, socklen_t to_len,
			      const struct sockaddr *source, socklen_t source_len,
			      const struct stream_ops *ops, void *arg);
/* Closes now; what waits to be sent is lost.  *s becomes NULL.  Safe inside callbacks. */
void stream_free(struct stream **s);
/* Sends what waits, then closes and frees; no callback any more. */
void stream_close(struct stream **s);
/* Calls gone(arg) once, when the descriptor has been closed: after stream_close() that may take
 * a while, and whoever counts connections counts it until then. */
void stream_on_gone(struct stream *s, void (*gone)(void *arg), void *arg);

void stream_write(struct stream *s, struct span out);
bool stream_full(const struct stream *s);
void stream_out_max(struct stream *s, size_t n);
/* Stops and resumes calling input(); after resuming what waits is shown in this turn. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);
/* 0: no limit.  Counts from now; each byte read begins it anew. */
void stream_timeout(struct stream *s, int64_t ms);

/* Begins TLS when the output written so far has gone, as a server.
 * Bytes that came before the handshake and have not been used end the connection with
 * STREAM_TLS_FAILED: nothing sent ahead is carried over (CVE-2011-0411). */
void stream_start_tls(struct stream *s, SSL_CTX *ctx);
/* As a client of the host of that name (or IP address), which the certificate should have. */
void stream_start_tls_to(struct stream *s, SSL_CTX *ctx, const char *host);
/* Why the certificate does not prove that host; "": it does. */
const char *stream_tls_doubt(const struct stream *s);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" in clear. */
const char *stream_tls(const struct stream *s);
const char *stream_error(const struct stream *s);
/* 127.0.0.1 or IPv6 without brackets; v4-mapped is shown as v4. */
const char *stream_peer_ip(const struct stream *s);

/* OpenSSL that gets no memory: the process ends.  It would go on without what it could not load,
 * and no key would be read and no handshake succeed any more.  To be called before all else. */
void tls_memory(void);

/* Contexts.  NULL and a sentence in error (with the file's name and what to do). */
SSL_CTX *tls_server_ctx(const char *cert_file, const char *key_file, char *error,
			size_t error_size);
/* For delivery: any certificate is taken (opportunistic, RFC 7435), and stream_tls_doubt() says
 * what it is worth.  ca_file: "" for the authorities of the system. */
SSL_CTX *tls_client_ctx(const char *ca_file, char *error, size_t error_size);

/* IP of a socket address as text; "" when it is none. */
enum { IP_TEXT_SIZE = 48 };
void ip_text(const struct sockaddr *sa, char out[IP_TEXT_SIZE]);

#endif
