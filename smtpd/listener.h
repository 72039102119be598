/*
 * listener.h - one worker: plays sessions on the connections that doors.h lets in.
 */
#ifndef SMTPD_LISTENER_H
#define SMTPD_LISTENER_H

#include "common/conf/conf.h"

/* Checks certificate and key; NULL or what is wrong. */
const char *listener_check_tls(const struct conf *conf);
/* A worker's life: returns when it has been stopped and its sessions are done. */
void listener_work(struct conf *conf);

#endif
