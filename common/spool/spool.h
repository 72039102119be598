/*
 * spool.h - one message, one file: writing it durably and reading it with its checks.
 *
 *	envelope (envelope.h)   message bytes (CRLF lines)   END record
 *
 * END record: "END1 ", then lengths of envelope and body (16 hex digits each), flags (4), BLAKE2b
 * of envelope and of body (64 each), separated by spaces, "\n".  It has a fixed size, so a reader
 * begins at the end of the file, and a torn file is seen.  The envelope's hash also covers the
 * record, with zeros in its own place: flags and body hash cannot change unseen.
 *
 * Life of a file in spool/new/<daemon>/ (docs/ARCHITECTURE.md, "On disk"):
 *	0600             being written; locked with flock by its writer, swept when nobody holds it
 *	0644 + END       accepted once its flush (flush.h) has succeeded; queued claims it
 */
#ifndef COMMON_SPOOL_SPOOL_H
#define COMMON_SPOOL_SPOOL_H

#include <sodium.h>

#include "common/spool/envelope.h"

enum {
	SPOOL_END_SIZE = 174,
	SPOOL_HASH_SIZE = 32,
	SPOOL_FLAG_EIGHT_BIT = 1,  /* the message has bytes above 127 */
	SPOOL_FLAG_UTF8 = 2,	   /* it needs SMTPUTF8 (RFC 6531) on its way */
	SPOOL_FLAG_LONG_LINES = 4, /* a line is longer than 998 bytes (RFC 5322 2.1.1) */
};

#define SPOOL_NEW_SMTPD "spool/new/smtpd"
#define SPOOL_CUR "spool/cur"
#define SPOOL_CORRUPT "spool/corrupt"
#define SPOOL_KEPT "kept"

enum { SPOOL_PATH_SIZE = 128 };
/* spool/new/smtpd/<id>; spool/cur/<last two>/<id>; kept/<day>/<last two>/<id> */
void spool_path_new(const char *folder, const struct qid *id, char out[SPOOL_PATH_SIZE]);
void spool_path_cur(const struct qid *id, char out[SPOOL_PATH_SIZE]);
void spool_path_kept(int64_t day, const struct qid *id, char out[SPOOL_PATH_SIZE]);

/* writing */

struct spool_out {
	int fd; /* -1: nothing open */
	char path[SPOOL_PATH_SIZE];
	uint64_t envelope_size, body_size, started_back;
	struct buf pending;
	crypto_generichash_state envelope, body;
};

/* Makes folder/<id> with mode 0600 and the envelope.  -errno; then nothing is left behind. */
int spool_out_begin(struct spool_out *o, const char *folder, const struct envelope *e) MUST_CHECK;
int spool_out_write(struct spool_out *o, struct span body) MUST_CHECK;
/* Writes the envelope again, as long as it was: for what is known only after the body, such as
 * its digest.  Before spool_out_end(). */
int spool_out_envelope(struct spool_out *o, const struct envelope *e) MUST_CHECK;
/* END record and mode 0644.  Not durable yet: give o->fd to flush_add() and wait. */
int spool_out_end(struct spool_out *o, unsigned flags) MUST_CHECK;
/* Closes; the file stays.  For after the flush. */
void spool_out_done(struct spool_out *o);
/* Removes the file.  Also after a failed flush: that descriptor is never flushed again. */
void spool_out_abort(struct spool_out *o);
/* Removes what dead writers left in folder: files of mode 0600 that nobody has locked.  Their
 * number. */
size_t spool_sweep(const char *folder);
/* Free space below the limits (452)? */
bool spool_is_full(const char *folder, uint64_t free_min, unsigned free_percent);

/* reading */

struct spool_in {
	int fd;
	uint64_t envelope_size, body_size, body_offset;
	unsigned flags;
	uint8_t envelope_hash[SPOOL_HASH_SIZE];
	uint8_t body_hash[SPOOL_HASH_SIZE];
};

enum { SPOOL_WHY_SIZE = 160 };
/* Opens and checks that it is a regular file whose END record fits its size.  -ENOENT,
 * -EAGAIN: mode 0600, still being written; -EBADMSG: corrupt, and why; other -errno. */
int spool_in_open(const char *path, struct spool_in *out, char why[SPOOL_WHY_SIZE]) MUST_CHECK;
/* Reads and checks the envelope; -EBADMSG and why. */
int spool_in_envelope(const struct spool_in *in, struct envelope *out,
		      char why[SPOOL_WHY_SIZE]) MUST_CHECK;
void spool_in_close(struct spool_in *in);

/* For tests and the fuzzer: the END record alone. */
void spool_end_encode(const struct spool_in *in, char out[SPOOL_END_SIZE + 1]);
int spool_end_decode(struct span s, struct spool_in *out) MUST_CHECK;

#endif
