#include "ctl/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "ctl/output.h"

enum { FOUND_MAX = 256 * 1024 * 1024, SETTLE_S = 2 };

static const struct {
	const char *code, *what, *mend;
} findings[] = {
#define FINDING(NAME, code, what, mend) [FINDING_##NAME] = {code, what, mend},
	FINDINGS(FINDING)
#undef FINDING
};

/* A name or a text from outside cannot begin another cell. */
static void add_cell(struct buf *out, const char *s, uint8_t end)
{
	for (; *s; s++)
		buf_byte(out, (uint8_t)*s < ' ' ? ' ' : (uint8_t)*s);
	buf_byte(out, end);
}

void verify_add(struct verify *f, enum finding what, const char *detail, const char *fmt, ...)
{
	char where[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(where, sizeof(where), fmt, ap);
	va_end(ap);
	buf_fmt(&f->found, "%d\t", (int)what);
	add_cell(&f->found, where, '\t');
	add_cell(&f->found, detail, '\n');
}

static void look(struct verify *f)
{
	buf_reset(&f->found);
	verify_spool(f);
	verify_rows(f);
}

/* Drops what the second look did not find again.  The place of a finding is what it is known by. */
static void keep_common(struct buf *first, const struct buf *second)
{
	struct span rest = buf_span(first);
	struct buf both;

	buf_init(&both, FOUND_MAX);
	while (rest.n) {
		struct span line = span_cut(&rest, '\n'), tail = line, again = buf_span(second);
		struct span known = span_head(line, 0);

		span_cut(&tail, '\t');
		span_cut(&tail, '\t');
		known = span_head(line, line.n - tail.n);
		while (again.n) {
			if (span_eq(span_head(span_cut(&again, '\n'), known.n), known)) {
				buf_add(&both, line);
				buf_byte(&both, '\n');
				break;
			}
		}
	}
	buf_done(first);
	*first = both;
}

static void print_one(struct span line, bool json)
{
	struct span detail = line, number = span_cut(&detail, '\t'),
		    where = span_cut(&detail, '\t');
	uint64_t i = 0;
	struct buf b;

	must(span_u64(number, FINDING_COUNT - 1, &i) == 0);
	if (json) {
		out_json(json_pack("{s:s, s:s, s:o, s:o, s:s}", "code", findings[i].code, "what",
				   findings[i].what, "where", out_string(where), "detail",
				   out_string(detail), "mend", findings[i].mend));
		return;
	}
	buf_init(&b, 8192);
	buf_fmt(&b, "%s: ", findings[i].code);
	out_text(&b, where);
	buf_fmt(&b, ": %s", findings[i].what);
	if (detail.n) {
		buf_str(&b, " (");
		out_text(&b, detail);
		buf_byte(&b, ')');
	}
	buf_fmt(&b, "\n  to mend it: %s\n", findings[i].mend);
	out_print(&b);
}

static size_t print_all(struct span found, bool json)
{
	size_t n = 0;

	while (found.n) {
		print_one(span_cut(&found, '\n'), json);
		n++;
	}
	return n;
}

/* Is queued at work?  Then files move. */
static bool is_running(void)
{
	return access("run/queued/admin", F_OK) == 0;
}

static int verify(struct verify *f, const struct ctl_options *o)
{
	struct buf places, first;
	size_t n;

	buf_init(&places, FOUND_MAX);
	buf_add(&places, buf_span(&f->found));
	look(f);
	first = f->found;
	buf_init(&f->found, FOUND_MAX);
	if (first.n && is_running()) {
		nanosleep(&(struct timespec){.tv_sec = SETTLE_S}, NULL);
		look(f);
		keep_common(&first, &f->found);
	}
	n = print_all(buf_span(&places), o->json) + print_all(buf_span(&first), o->json);
	buf_done(&places);
	buf_done(&first);
	if (n == 0 && !o->json)
		puts("everything fits together");
	return n ? EX_DATAERR : 0;
}

int cmd_verify(int argc, char **argv, const struct ctl_options *o)
{
	struct verify f = {.deep = false};
	struct ctl_opt opts[] = {{"--deep", CTL_FLAG, &f.deep}};
	int code = ctl_args(argc, argv, o, opts, ARRAY_LEN(opts), NULL, 0, 0);

	buf_init(&f.found, FOUND_MAX);
	if (!code)
		code = ctl_enter(o->dir ? o->dir : ctl_default_dir());
	if (!code) {
		verify_places(&f);
		verify_unfinished(&f);
	}
	if (!code)
		code = ctl_drop_root(ROLE_QUEUED);
	if (!code)
		f.v = mailview_open(&code);
	if (!code)
		code = verify(&f, o);
	mailview_close(&f.v);
	buf_done(&f.found);
	return code;
}
