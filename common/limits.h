/*
 * limits.h - every fixed limit by its name, with what it limits; `posthaste limits show` lists
 * them.  What an operator may change is in common/conf.
 */
#ifndef COMMON_LIMITS_H
#define COMMON_LIMITS_H

/* LIMIT(NAME, value, "what it limits") */
#define LIMITS(LIMIT)                                                                          \
	LIMIT(ADDR, 320, "bytes of an address (RFC 5321 4.5.3.1: 64 + 1 + 255)")               \
	LIMIT(LOCAL_PART, 64, "bytes of an address before its @")                              \
	LIMIT(DOMAIN, 255, "bytes of a domain")                                                \
	LIMIT(LABEL, 63, "bytes of one label of a domain")                                     \
	LIMIT(COMMAND_LINE, 2048, "bytes of an SMTP command with CRLF; longer: 500 5.5.2")     \
	LIMIT(COMMAND_SKIP, 65536, "bytes that are skipped of a longer one before 421 4.7.0")  \
	LIMIT(REPLY_LINE, 2048, "bytes of one line of a receiving server's reply")             \
	LIMIT(REPLY_LINES, 100, "lines of one reply of a receiving server")                    \
	LIMIT(REPLY_TEXT, 4096, "bytes that are kept of a reply's text")                       \
	LIMIT(HEADER, 262144, "bytes of a message's header section; larger: 552 5.3.4")        \
	LIMIT(IPC, 65536, "bytes of a message between our own processes")                      \
	LIMIT(ENVELOPE, 1048576, "bytes of the envelope in a spool file")                      \
	LIMIT(RCPTS, 1000, "recipients of one message; see message.recipients")                \
	LIMIT(MX, 10, "MX hosts looked at for one delivery")                                   \
	LIMIT(MX_ADDRS, 10, "addresses looked at for one delivery")                            \
	LIMIT(HOPS, 50, "Received fields before a message counts as looping: 554 5.4.6")

enum {
#define LIMIT(NAME, value, what) LIMIT_##NAME = (value),
	LIMITS(LIMIT)
#undef LIMIT
};

#endif
