#include "ctl/supervise_sockets.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/log.h"

enum { BACKLOG = 1024 };

struct wanted {
	const char *name;
	const char *key;
	enum role role;
	const struct conf_sockets *sockets;
};

static const struct sup_socket *find(const struct sup_sockets *s, const char *name,
				     const char *text)
{
	for (size_t i = 0; s && i < s->n; i++)
		if (strcmp(s->at[i].name, name) == 0 && strcmp(s->at[i].text, text) == 0)
			return &s->at[i];
	return NULL;
}

static int bind_and_listen(int fd, const struct conf_socket *at)
{
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (at->addr.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&at->addr, at->len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

static const char *advice(int err)
{
	if (err == -EADDRINUSE)
		return "another program has this port: stop it or change the address";
	if (err == -EACCES)
		return "ports below 1024 need root: choose a higher one or start as root";
	if (err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT)
		return "this host does not have that address: change it";
	return "change the address";
}

static int open_one(const struct wanted *w, const struct conf_socket *at, int *fd_out,
		    char error[SUP_ERROR_SIZE])
{
	int err = 0, fd = socket(at->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	err = fd < 0 ? -errno : bind_and_listen(fd, at);
	if (err) {
		fd_close(&fd);
		snprintf(error, SUP_ERROR_SIZE, "%s: cannot listen at %s: %s; %s", w->key, at->text,
			 strerror(-err), advice(err));
		return err;
	}
	*fd_out = fd;
	return 0;
}

/* Sockets that old has keep their number there until all others could be opened. */
static int open_group(const struct wanted *w, const struct sup_sockets *old,
		      struct sup_sockets *out, char error[SUP_ERROR_SIZE])
{
	for (size_t i = 0; i < w->sockets->n; i++) {
		const struct conf_socket *at = &w->sockets->at[i];
		const struct sup_socket *have = find(old, w->name, at->text);
		struct sup_socket *s = &out->at[out->n];
		int err = 0;

		*s = (struct sup_socket){.name = w->name, .role = w->role, .fd = -1};
		snprintf(s->text, sizeof(s->text), "%s", at->text);
		if (have)
			s->fd = have->fd;
		else
			err = open_one(w, at, &s->fd, error);
		if (err)
			return err;
		out->n++;
	}
	return 0;
}

int sup_sockets_open(const struct conf *c, const struct sup_sockets *old, struct sup_sockets *out,
		     char error[SUP_ERROR_SIZE])
{
	const struct wanted all[] = {
		{"submission", "listen.submission", ROLE_SMTPD, &c->listen_submission},
		{"submissions", "listen.submissions", ROLE_SMTPD, &c->listen_submissions},
		{"mx", "listen.mx", ROLE_SMTPD, &c->listen_mx},
		{"sink", "sink.listen", ROLE_SINK, &c->sink_listen},
	};
	int err = 0;

	_Static_assert(SUP_SOCKETS_MAX >= ARRAY_LEN(all) * CONF_SOCKETS_MAX, "room for all");
	out->n = 0;
	for (size_t i = 0; i < ARRAY_LEN(all) && !err; i++)
		err = open_group(&all[i], old, out, error);
	if (err)
		sup_sockets_drop(out, old);
	return err;
}

static void close_missing(struct sup_sockets *s, const struct sup_sockets *in)
{
	for (size_t i = 0; i < s->n; i++)
		if (!find(in, s->at[i].name, s->at[i].text))
			fd_close(&s->at[i].fd);
}

void sup_sockets_drop(struct sup_sockets *fresh, const struct sup_sockets *old)
{
	close_missing(fresh, old);
	fresh->n = 0;
}

void sup_sockets_replace(struct sup_sockets *s, const struct sup_sockets *fresh)
{
	for (size_t i = 0; i < fresh->n; i++)
		if (!find(s, fresh->at[i].name, fresh->at[i].text))
			LOG(LOG_INFO, "listening", KS("name", fresh->at[i].name),
			    KS("at", fresh->at[i].text));
	close_missing(s, fresh);
	*s = *fresh;
}

void sup_sockets_close(struct sup_sockets *s)
{
	for (size_t i = 0; i < s->n; i++)
		fd_close(&s->at[i].fd);
	s->n = 0;
}

size_t sup_sockets_count(const struct sup_sockets *s, enum role r)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->at[i].role == r;
	return n;
}

bool sup_sockets_same(const struct sup_sockets *a, const struct sup_sockets *b, enum role r)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->at[i].role == r && !find(a, b->at[i].name, b->at[i].text))
			return false;
	return sup_sockets_count(a, r) == sup_sockets_count(b, r);
}
