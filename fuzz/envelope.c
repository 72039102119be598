/*
 * envelope.c - the envelope and the END record of a spool file: what decodes encodes to something
 * that decodes to the same.
 */
#include "common/spool/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void end_record(struct span s)
{
	struct spool_in in;
	char again[SPOOL_END_SIZE + 1];

	if (spool_end_decode(s, &in) != 0)
		return;
	spool_end_encode(&in, again);
	must(span_ieq(s, span_of(again, SPOOL_END_SIZE)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envelope e, again;
	struct buf one, two;
	const char *why;

	end_record(span_of(data, size));
	if (envelope_decode(span_of(data, size), &e, &why) != 0) {
		must(why != NULL);
		return 0;
	}
	buf_init(&one, 16 * LIMIT_ENVELOPE);
	buf_init(&two, 16 * LIMIT_ENVELOPE);
	envelope_encode(&e, &one);
	must(buf_ok(&one) && envelope_decode(buf_span(&one), &again, &why) == 0);
	envelope_encode(&again, &two);
	must(span_eq(buf_span(&one), buf_span(&two)));
	envelope_done(&e);
	envelope_done(&again);
	buf_done(&one);
	buf_done(&two);
	return 0;
}
