/*
 * suppression_import.c - posthaste suppression import FILE: all of it or nothing.
 *
 * The file is read to entries here and handed to queued as lines in a descriptor for each server,
 * which puts them into that server's list in one transaction.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/output.h"
#include "ctl/suppression.h"
#include "ctl/suppression_read.h"

enum { IMPORT_MAX = 1 << 30, ENTRY_MAX = 1024, COMPLAINTS_MAX = 20 };

/* What goes to the list of one server. */
struct part {
	uint64_t server;
	char label[CONTROL_LABEL_SIZE];
	struct buf lines;
	uint64_t count; /* imported */
};

struct import {
	const char *file;
	enum suppression_format format;
	bool skip_bad;
	const char *reason;		 /* NULL: as in the file */
	uint64_t until_ms;		 /* 0: as in the file */
	bool is_server_fixed;		 /* by an option: the file must not name another one */
	char server[CONTROL_LABEL_SIZE]; /* of entries that name none; "": not known yet */
	struct control *control;
	struct part *parts; /* the newest is looked at first: exports are sorted */
	size_t part_count, bytes, bad, over;
	int code; /* control.db failed: what follows is not read */
};

static void on_bad(size_t line, const char *why, void *arg)
{
	struct import *im = arg;

	if (im->bad++ < COMPLAINTS_MAX)
		ctl_warn("%s:%zu: %s", im->file, line, why);
	else if (im->bad == COMPLAINTS_MAX + 1)
		ctl_warn("%s: further bad lines are not listed", im->file);
}

/* NULL: there is no such server, which was said. */
static struct part *part_new(struct import *im, size_t line, const char *label)
{
	struct control_server found = {.id = 0};
	bool is_all = strcmp(label, CTL_ALL_SERVERS) == 0;
	int err = is_all ? 0 : control_server_find(im->control, span_str(label), &found);
	struct part *p;

	if (err == -ENOENT || err == -EINVAL)
		on_bad(line, control_error(im->control), im);
	else if (err)
		im->code = ctl_control_fail(im->control, err);
	if (err)
		return NULL;
	im->parts = mem_grow(im->parts, (im->part_count + 1) * sizeof(*im->parts));
	p = &im->parts[im->part_count++];
	*p = (struct part){.server = found.id};
	snprintf(p->label, sizeof(p->label), "%s", label);
	buf_init(&p->lines, IMPORT_MAX + ENTRY_MAX); /* the entry that is too much, too */
	return p;
}

/* The list that an entry is for, by its name; NULL: none, which was said. */
static const char *label_of(struct import *im, const struct suppression_entry *e)
{
	const char *label = e->server;
	uint64_t unused;
	char why[3 * CONTROL_LABEL_SIZE];

	if (!e->has_server && !im->server[0])
		im->code = suppression_server(NULL, false, im->server, &unused);
	if (!e->has_server)
		return im->code ? NULL : im->server;
	if (!label[0] || strcmp(label, "*") == 0)
		label = CTL_ALL_SERVERS;
	if (!im->is_server_fixed || strcmp(label, im->server) == 0)
		return label;
	snprintf(why, sizeof(why), "it is for %s, and the option names %s; leave the option out",
		 label, im->server);
	on_bad(e->line, why, im);
	return NULL;
}

static struct part *part_of(struct import *im, const struct suppression_entry *e)
{
	const char *label = label_of(im, e);

	for (size_t i = label ? im->part_count : 0; i--;)
		if (strcmp(label, im->parts[i].label) == 0)
			return &im->parts[i];
	return label ? part_new(im, e->line, label) : NULL;
}

static void on_entry(const struct suppression_entry *e, void *arg)
{
	struct import *im = arg;
	uint64_t until = im->until_ms ? im->until_ms : (uint64_t)e->until.ms;
	struct part *p;
	size_t before;

	if (im->code || im->bytes > IMPORT_MAX)
		return;
	if (until && until <= (uint64_t)wall_now().ms) {
		im->over++;
		return;
	}
	p = part_of(im, e);
	if (!p)
		return;
	before = p->lines.n;
	buf_add(&p->lines, addr_span(&e->address));
	buf_fmt(&p->lines, "\t%s\t%lld\t%llu\n",
		im->reason     ? im->reason
		: e->reason[0] ? e->reason
			       : "imported",
		(long long)e->since.ms, (unsigned long long)until);
	im->bytes += p->lines.n - before;
}

static int read_input(const char *file, struct buf *out)
{
	bool is_stdin = strcmp(file, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(file, "rb");
	int code = 0;
	uint8_t *room;
	size_t n;

	if (!f)
		return ctl_fail(EX_NOINPUT, "%s: %s", file, strerror(errno));
	do {
		room = buf_room(out, 65536);
		n = room ? fread(room, 1, 65536, f) : 0;
		if (n)
			buf_used(out, n);
	} while (n);
	if (!room || ferror(f))
		code = ctl_fail(EX_IOERR, "%s: %s", file,
				room ? strerror(errno) : "it is larger than 1 GiB; split it");
	if (!is_stdin)
		fclose(f);
	return code;
}

static int hand_over(const struct ctl_options *o, struct part *p)
{
	struct ipc_msg request = {.type = IPC_IMPORT, .import.server = p->server};
	struct span rest = buf_span(&p->lines);
	AUTO_CLOSE int fd = memfd_create("suppressions", MFD_CLOEXEC);
	struct ipc_changed changed = {.count = 0};
	int code;

	while (fd >= 0 && rest.n) {
		ssize_t n = write(fd, rest.p, rest.n);

		if (n < 0 && errno != EINTR)
			return ctl_fail(EX_OSERR, "handing the list over: %s", strerror(errno));
		rest = span_from(rest, n > 0 ? (size_t)n : 0);
	}
	if (fd < 0)
		return ctl_fail(EX_OSERR, "handing the list over: %s", strerror(errno));
	code = ctl_order(o, &request, fd, &changed);
	p->count = changed.count;
	return code;
}

/* The first `done` parts are in. */
static void report_json(const struct import *im, size_t done)
{
	json_t *servers = json_array();
	uint64_t count = 0;

	for (size_t i = 0; i < done; i++) {
		count += im->parts[i].count;
		json_array_append_new(servers, json_pack("{s:s, s:o}", "server", im->parts[i].label,
							 "imported", out_uint(im->parts[i].count)));
	}
	out_json(json_pack("{s:o, s:o, s:o, s:o}", "imported", out_uint(count), "expired",
			   out_uint(im->over), "bad", out_uint(im->bad), "servers", servers));
}

static void report_text(const struct import *im, size_t done)
{
	for (size_t i = 0; i < done; i++)
		printf("%llu address%s imported into the suppression list of %s\n",
		       (unsigned long long)im->parts[i].count,
		       im->parts[i].count == 1 ? " is" : "es are", im->parts[i].label);
	if (!im->part_count)
		puts("there is nothing to import");
	if (im->over)
		printf("%zu whose time is over left out\n", im->over);
	if (im->bad)
		printf("%zu bad lines left out\n", im->bad);
}

/* queued takes a list whole or not at all, but each server's is an order of its own. */
static int hand_over_all(const struct ctl_options *o, struct import *im)
{
	size_t done = 0;
	int code = 0;

	while (!code && done < im->part_count) {
		code = hand_over(o, &im->parts[done]);
		done += !code;
	}
	if (code && !done)
		return code;
	if (o->json)
		report_json(im, done);
	else
		report_text(im, done);
	if (code)
		ctl_warn("%zu of %zu lists were imported, that of %s and those behind it were not; "
			 "import the file again, it does no harm where it was done",
			 done, im->part_count, im->parts[done].label);
	return code;
}

/* All is checked before the first list is handed over. */
static int import(const struct ctl_options *o, struct import *im, struct span text)
{
	struct suppression_sink sink = {.entry = on_entry, .bad = on_bad, .arg = im};

	suppression_read(text, im->format, &sink);
	if (im->code)
		return im->code;
	if (im->bad && !im->skip_bad)
		return ctl_fail(EX_DATAERR,
				"%zu bad lines, nothing was imported; mend them, or leave them out "
				"by --skip-bad",
				im->bad);
	if (im->bytes > IMPORT_MAX)
		return ctl_fail(EX_DATAERR, "the list is too long; split it");
	return hand_over_all(o, im);
}

static int read_format(const char *text, enum suppression_format *out)
{
	if (strcmp(text, "csv") == 0 || strcmp(text, "text") == 0)
		*out = SUPPRESSION_CSV;
	else if (strcmp(text, "json") == 0)
		*out = SUPPRESSION_JSON;
	else
		return ctl_fail(EX_USAGE, "--format %s: it is csv, json or text", text);
	return 0;
}

static int read_options(int argc, char **argv, const struct ctl_options *o, struct import *im,
			const char **server, bool *all)
{
	const char *format = NULL, *for_text = NULL, *until = NULL;
	struct ctl_opt opts[] = {
		{"--server", CTL_VALUE, server},	{"--all-servers", CTL_FLAG, all},
		{"--format", CTL_VALUE, &format},	{"--reason", CTL_VALUE, &im->reason},
		{"--for", CTL_VALUE, &for_text},	{"--until", CTL_VALUE, &until},
		{"--skip-bad", CTL_FLAG, &im->skip_bad}};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), &im->file, 1, 1);

	if (!code && im->reason &&
	    (strlen(im->reason) > SUPPRESSION_REASON || span_has_ctl(span_str(im->reason))))
		code = ctl_fail(EX_USAGE, "--reason: at most 255 bytes without control characters");
	if (!code && format)
		code = read_format(format, &im->format);
	return code ? code : suppression_until(for_text, until, &im->until_ms);
}

static int import_into(const struct ctl_options *o, struct import *im, struct span text,
		       const char *server, bool all)
{
	struct ctl_options inside = *o;
	uint64_t unused;
	int code = ctl_go_in(&inside);

	im->is_server_fixed = server || all;
	if (!code && im->is_server_fixed)
		code = suppression_server(server, all, im->server, &unused);
	if (!code)
		im->control = ctl_control(DB_READ, &code);
	if (!code)
		code = import(&inside, im, text);
	control_close(&im->control);
	for (size_t i = 0; i < im->part_count; i++)
		buf_done(&im->parts[i].lines);
	mem_free(im->parts);
	return code;
}

/* The file is the caller's: it is read where and as whom he called. */
int cmd_suppression_import(int argc, char **argv, const struct ctl_options *o)
{
	struct import im = {.format = SUPPRESSION_AUTO};
	const char *server = NULL;
	bool all = false;
	struct buf text;
	int code = read_options(argc, argv, o, &im, &server, &all);

	buf_init(&text, IMPORT_MAX);
	if (!code)
		code = read_input(im.file, &text);
	if (!code)
		code = import_into(o, &im, buf_span(&text), server, all);
	buf_done(&text);
	return code;
}
