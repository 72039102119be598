/*
 * verify.h - posthaste verify: the places where it looks.
 *
 * Nothing is changed, and no lock is taken that a daemon could meet.  As root the parts that only
 * root can read are looked at first (verify_places, verify_control), and what later parts need of
 * them is kept; then it becomes ph-queued.  What cannot be looked at is told and makes the exit
 * status EX_IOERR: silence means that all was seen.
 */
#ifndef CTL_VERIFY_H
#define CTL_VERIFY_H

#include <dirent.h>

#include "common/buf.h"
#include "common/control/control.h"
#include "common/spool/spool.h"

#include "ctl/ctl.h"
#include "ctl/mailview.h"
#include "ctl/verify_found.h"

struct verify {
	bool deep;
	struct findings found;
	struct mailview *v; /* NULL: mail.db cannot be used, which is a finding */
	int counter_fd;	    /* of smtpd's copy ids, which only it and root can open; -1 */
	bool keys_known;
	struct hash keys;     /* of struct verify_key: the files in keys/ */
	struct buf log;	      /* the end of log/posthaste.log, for reasons */
	size_t unread;	      /* places that could not be looked at */
	char unread_why[512]; /* the first of them */
};

struct verify_key {
	struct hash_node node;
	char name[]; /* "shop.example,p1.pem" */
};

void verify_add(struct verify *f, enum finding what, const char *detail, const char *fmt, ...)
	PRINTF(4, 5);
/* A place that we may not see, or that the disk does not give. */
void verify_unread(struct verify *f, const char *path, int err);

/* false: the file is missing (a finding, unless `other` is missing too: nothing was ever there),
 * or we may not read it. */
bool verify_may_open(struct verify *f, const char *path, const char *other);

/* As who started the command: folders, secrets, keys, what dead writers left. */
void verify_places(struct verify *f);
/* The same, by a child that becomes ph-httpd. */
void verify_control(struct verify *f);
/* As ph-queued: files and their rows, mail.db. */
void verify_spool(struct verify *f);
void verify_rows(struct verify *f);

/* Opens a folder, not through a symbolic link; NULL: missing, told as foreign, or as unread. */
DIR *verify_folder(struct verify *f, const char *path);

#endif
