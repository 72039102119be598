/*
 * conf.h - the configuration of an instance, read from one file of "key = value" lines.
 *
 *	file  = *line				; line ends are LF or CRLF
 *	line  = [blanks] [comment] / key "=" words [comment] / blanks words [comment]
 *	words = *([blanks] word)	; a word has no blank, its first character is none of # " '
 *
 * The third form continues the value above it; an empty line or a comment at the margin ends a
 * value.  A comment begins with # where a word could.  Words are separated by blanks (spaces and
 * tabs); how many, means nothing.  Each key at most once, in any order.  The text is UTF-8
 * without control characters.
 *
 * Reading is pure: conf_parse() gets the text; the first error comes back as "FILE:LINE:COL: what
 * is wrong; what would be right", with "did you mean" for an unknown key or word.  Columns count
 * bytes from 1.  The whole file is right or nothing of it counts.
 */
#ifndef COMMON_CONF_CONF_H
#define COMMON_CONF_CONF_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/mail/addr.h"

enum { CONF_TIMES_MAX = 32, CONF_SOCKETS_MAX = 16, CONF_NETS_MAX = 64, CONF_ROUTES_MAX = 64 };
enum { CONF_ERROR_SIZE = 1024, CONF_FILE_MAX = 1024 * 1024 };

struct conf_times {
	size_t n;
	int64_t ms[CONF_TIMES_MAX];
};
struct conf_socket {
	struct sockaddr_storage addr;
	socklen_t len;
	char text[64]; /* in its shortest form: 127.0.0.1:587, [::1]:587 */
};
struct conf_sockets {
	size_t n;
	struct conf_socket at[CONF_SOCKETS_MAX];
};
struct conf_net {
	int family;	  /* AF_INET or AF_INET6 */
	uint8_t addr[16]; /* 4 or 16 bytes, 0 behind the prefix */
	uint8_t bits;
};
enum { CONF_NET_SIZE = 52 };
struct conf_nets {
	bool is_public; /* then n is 0 */
	size_t n;
	struct conf_net at[CONF_NETS_MAX];
};
enum { CONF_HOSTPORT_SIZE = 272 };
struct conf_hostport {
	char host[256]; /* name or address without brackets; "": none */
	uint16_t port;
};
struct conf_route {
	struct domain domain;
	struct conf_hostport to;
};
struct conf_routes {
	size_t n;
	struct conf_route at[CONF_ROUTES_MAX];
};
/* How much TLS a connection to a server needs; in the order of deliver.tls. */
enum conf_tls { CONF_TLS_NONE, CONF_TLS_MAY, CONF_TLS_ENCRYPT, CONF_TLS_VERIFY };
struct conf_level {
	struct domain domain;
	enum conf_tls level;
};
struct conf_levels {
	size_t n;
	struct conf_level at[CONF_ROUTES_MAX];
};

struct conf {
#define CONF_INT(m, ...) uint32_t m;
#define CONF_SIZE(m, ...) uint64_t m;
#define CONF_TIME(m, ...) int64_t m##_ms;
#define CONF_TIMES(m, ...) struct conf_times m;
#define CONF_TEXT(m, ...) char *m;
#define CONF_HOST(m, ...) struct domain m;
#define CONF_DOMAIN(m, ...) struct domain m;
#define CONF_ENUM(m, ...) uint32_t m;
#define CONF_LISTEN(m, ...) struct conf_sockets m;
#define CONF_NETS(m, ...) struct conf_nets m;
#define CONF_HOSTPORT(m, ...) struct conf_hostport m;
#define CONF_ROUTES(m, ...) struct conf_routes m;
#define CONF_LEVELS(m, ...) struct conf_levels m;
#include "common/conf/conf.def"
};

/* The whole text of a file called file_name (for messages).  0 and a new conf, or -EINVAL and the
 * first error in error. */
int conf_parse(const char *file_name, struct span text, struct conf **out,
	       char error[CONF_ERROR_SIZE]) MUST_CHECK;
/* The same from a file, relative to the working directory; -errno with a text in error when it
 * cannot be read or has more than CONF_FILE_MAX bytes. */
int conf_load(const char *file_name, struct conf **out, char error[CONF_ERROR_SIZE]) MUST_CHECK;
void conf_free(struct conf **c);

/* A time as in the file ("90s", "36h", "5d"); -EINVAL, -ERANGE. */
int conf_duration(struct span s, int64_t *ms_out) MUST_CHECK;

/* For `config show`: calls fn for each key in the order of conf.def; value as it would be written
 * in the file. */
void conf_each(const struct conf *c,
	       void (*fn)(const char *key, const char *value, const char *default_value,
			  const char *doc, void *arg),
	       void *arg);

/* A network "ADDR" or "ADDR/BITS" in its canonical form: nothing behind the prefix, IPv4-mapped as
 * IPv4.  0; -EDOM: it was not written so, *out has what was meant; -EINVAL: no IP address;
 * -ERANGE: no such prefix length. */
int conf_net_read(struct span word, struct conf_net *out) MUST_CHECK;
/* HOST:PORT; NULL, or what is wrong. */
const char *conf_hostport_read(struct span word, struct conf_hostport *out) MUST_CHECK;
void conf_hostport_write(const struct conf_hostport *hp, char out[CONF_HOSTPORT_SIZE]);
/* "ADDR/BITS" in its shortest form. */
void conf_net_write(const struct conf_net *net, char out[CONF_NET_SIZE]);
/* Its address, port 0; the length. */
socklen_t conf_net_address(const struct conf_net *net, struct sockaddr_storage *out);
/* The network of that shorter (or equal) prefix length which has this one in it. */
void conf_net_widen(struct conf_net *net, uint8_t bits);

/* May sa be connected to?  An IPv4-mapped address (::ffff:10.0.0.1) is looked up as its IPv4
 * address, never among the IPv6 networks: ::/0 does not open 127.0.0.1.  Other families: false. */
bool conf_net_has(const struct conf_nets *nets, const struct sockaddr *sa);
/* An address of the public Internet: not loopback, private, link-local, shared (100.64/10),
 * documentation, benchmark, multicast, unspecified, nor a v6 form that embeds such a v4
 * (mapped, compatible, NAT64, 6to4). */
bool net_is_public(const struct sockaddr *sa);

#endif
