/*
 * suppression.c - suppression lists of any form: each entry is whole, each bad line is told.
 */
#include "ctl/suppression_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_entry(const struct suppression_entry *e, void *arg)
{
	struct addr again;

	(void)arg;
	must(addr_parse(addr_span(&e->address), &again) == 0);
	must(!span_has_ctl(span_str(e->reason)));
	must(e->since.ms >= 0 && e->until.ms >= 0);
}

static void on_bad(size_t line, const char *why, void *arg)
{
	(void)arg;
	must(line > 0 && why[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct suppression_sink sink = {on_entry, on_bad, NULL};

	suppression_read(span_of(data, size), SUPPRESSION_AUTO, &sink);
	suppression_read(span_of(data, size), SUPPRESSION_CSV, &sink);
	return 0;
}
