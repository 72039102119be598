/*
 * listener.h - one worker: accepts connections and plays sessions on them.
 */
#ifndef SMTPD_LISTENER_H
#define SMTPD_LISTENER_H

#include "common/conf/conf.h"

/* Takes inherited sockets, or binds what the configuration says; in the parent, before workers
 * are made.  Dies when an address cannot be bound. */
void listener_open(const struct conf *conf);
/* Checks certificate and key; NULL or what is wrong. */
const char *listener_check_tls(const struct conf *conf);
/* A worker's life: returns when it has been stopped and its sessions are done. */
void listener_work(struct conf *conf);

#endif
