/*
 * limits.h - every fixed limit by its name.  What an operator may change is in common/conf.
 */
#ifndef COMMON_LIMITS_H
#define COMMON_LIMITS_H

enum {
	LIMIT_ADDR = 320, /* bytes of an address: RFC 5321 4.5.3.1: 64 + 1 + 255 */
	LIMIT_LOCAL_PART = 64,
	LIMIT_DOMAIN = 255,
	LIMIT_LABEL = 63,
	LIMIT_COMMAND_LINE = 2048,  /* bytes of an SMTP command with CRLF */
	LIMIT_COMMAND_SKIP = 65536, /* bytes skipped of a longer one before 421 */
	LIMIT_REPLY_LINE = 2048,    /* bytes of one line of a server's reply */
	LIMIT_REPLY_LINES = 100,
	LIMIT_REPLY_TEXT = 4096, /* bytes kept of a reply's text */
	LIMIT_HEADER = 262144,	 /* bytes of a message's header section */
	LIMIT_IPC = 65536,	  /* a message between processes stays below */
	LIMIT_ENVELOPE = 1048576, /* bytes of the envelope in a spool file */
	LIMIT_RCPTS = 1000,	  /* recipients of one message */
	LIMIT_MX = 10,		  /* MX hosts looked at */
	LIMIT_MX_ADDRS = 10,	  /* addresses looked at for one delivery */
	LIMIT_HOPS = 50,	  /* Received fields before a message counts as looping */
};

#endif
