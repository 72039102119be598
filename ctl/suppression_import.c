/*
 * suppression_import.c - posthaste suppression import FILE: all of it or nothing.
 *
 * The file is read to entries here and handed to queued as lines in a descriptor, which puts them
 * into the list in one transaction.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/output.h"
#include "ctl/suppression.h"
#include "ctl/suppression_read.h"

enum { IMPORT_MAX = 1 << 30, COMPLAINTS_MAX = 20 };

struct import {
	const char *file;
	const char *reason; /* NULL: as in the file */
	uint64_t until_ms;  /* 0: as in the file */
	struct buf lines;
	size_t good, bad, over;
};

static void on_entry(const struct suppression_entry *e, void *arg)
{
	struct import *im = arg;
	uint64_t until = im->until_ms ? im->until_ms : (uint64_t)e->until.ms;

	if (until && until <= (uint64_t)wall_now().ms) {
		im->over++;
		return;
	}
	im->good++;
	buf_add(&im->lines, addr_span(&e->address));
	buf_fmt(&im->lines, "\t%s\t%lld\t%llu\n",
		im->reason     ? im->reason
		: e->reason[0] ? e->reason
			       : "imported",
		(long long)e->since.ms, (unsigned long long)until);
}

static void on_bad(size_t line, const char *why, void *arg)
{
	struct import *im = arg;

	if (im->bad++ < COMPLAINTS_MAX)
		ctl_warn("%s:%zu: %s", im->file, line, why);
	else if (im->bad == COMPLAINTS_MAX + 1)
		ctl_warn("%s: further bad lines are not listed", im->file);
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

static int hand_over(const struct ctl_options *o, const struct import *im, uint64_t server,
		     uint64_t *count)
{
	struct ipc_msg request = {.type = IPC_IMPORT, .import.server = server};
	struct span rest = buf_span(&im->lines);
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
	*count = changed.count;
	return code;
}

static void report(const struct import *im, const char *label, uint64_t count, bool json)
{
	if (json) {
		out_json(json_pack("{s:o, s:o, s:o, s:s}", "imported", out_uint(count), "expired",
				   out_uint(im->over), "bad", out_uint(im->bad), "server", label));
		return;
	}
	printf("%llu address%s imported into the suppression list of %s", (unsigned long long)count,
	       count == 1 ? " is" : "es are", label);
	if (im->over)
		printf("; %zu whose time is over left out", im->over);
	if (im->bad)
		printf("; %zu bad lines left out", im->bad);
	putchar('\n');
}

static int import(const struct ctl_options *o, struct import *im, enum suppression_format format,
		  bool skip_bad, const char *label, uint64_t server)
{
	struct suppression_sink sink = {.entry = on_entry, .bad = on_bad, .arg = im};
	struct buf text;
	uint64_t count = 0;
	int code;

	buf_init(&text, IMPORT_MAX);
	code = read_input(im->file, &text);
	if (!code)
		suppression_read(buf_span(&text), format, &sink);
	buf_done(&text);
	if (!code && im->bad && !skip_bad)
		code = ctl_fail(EX_DATAERR,
				"%zu bad lines, nothing was imported; mend them, or leave them out "
				"by --skip-bad",
				im->bad);
	if (!code && !buf_ok(&im->lines))
		code = ctl_fail(EX_DATAERR, "the list is too long; split it");
	if (!code && im->good)
		code = hand_over(o, im, server, &count);
	if (!code)
		report(im, label, count, o->json);
	return code;
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

int cmd_suppression_import(int argc, char **argv, const struct ctl_options *o)
{
	const char *args[1], *server = NULL, *format_text = NULL, *for_text = NULL, *until = NULL;
	enum suppression_format format = SUPPRESSION_AUTO;
	struct import im = {.reason = NULL};
	char label[CONTROL_LABEL_SIZE];
	bool all = false, skip_bad = false;
	struct ctl_opt opts[] = {
		{"--server", CTL_VALUE, &server},      {"--all-servers", CTL_FLAG, &all},
		{"--format", CTL_VALUE, &format_text}, {"--reason", CTL_VALUE, &im.reason},
		{"--for", CTL_VALUE, &for_text},       {"--until", CTL_VALUE, &until},
		{"--skip-bad", CTL_FLAG, &skip_bad}};
	uint64_t id = 0;
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), args, 1, 1);

	if (!code && im.reason &&
	    (strlen(im.reason) > SUPPRESSION_REASON || span_has_ctl(span_str(im.reason))))
		code = ctl_fail(EX_USAGE, "--reason: at most 255 bytes without control characters");
	if (!code && format_text)
		code = read_format(format_text, &format);
	if (!code)
		code = suppression_until(for_text, until, &im.until_ms);
	if (!code)
		code = suppression_server(server, all, label, &id);
	im.file = args[0];
	buf_init(&im.lines, IMPORT_MAX);
	if (!code)
		code = import(o, &im, format, skip_bad, label, id);
	buf_done(&im.lines);
	return code;
}
