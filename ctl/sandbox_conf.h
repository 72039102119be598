/*
 * sandbox_conf.h - the texts of a new sandbox (posthaste.conf, dns.zone), and changing single
 * keys of a configuration file without touching the rest of it.  Pure.
 */
#ifndef CTL_SANDBOX_CONF_H
#define CTL_SANDBOX_CONF_H

#include "common/buf.h"

enum sandbox_port { PORT_SUBMISSION, PORT_SUBMISSIONS, PORT_MX, PORT_SINK, SANDBOX_PORTS };

/* A commented posthaste.conf that listens at these ports of 127.0.0.1. */
void sandbox_conf_text(const uint16_t port[SANDBOX_PORTS], struct buf *out);
/* The records of sandbox.test and sink.test. */
void sandbox_zone_text(struct buf *out);
/* Copies a configuration file: the key's lines are replaced by `key = value` where they stood;
 * where there are none it is added at the end.  value empty: the key is left out. */
void sandbox_conf_set(struct span text, const char *key, struct span value, struct buf *out);
/* HOST:PORT or [v6]:PORT with a port from 1 to 65535 and nothing that would end a word. */
bool sandbox_is_hostport(struct span s);
/* DOMAIN=HOST:PORT */
bool sandbox_is_route(struct span s);

#endif
