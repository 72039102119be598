/*
 * ipc.c - the codec of ipc.def: what decodes encodes to the same bytes, and every shorter packet
 * is refused.
 */
#include "common/ipc/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span packet = span_of(data, size);
	struct ipc_msg m, shorter;
	struct buf again, text;

	if (size > LIMIT_IPC || ipc_decode(packet, &m) != 0)
		return 0;
	buf_init(&again, LIMIT_IPC);
	ipc_encode(&m, &again);
	must(buf_ok(&again) && span_eq(buf_span(&again), packet));
	must(ipc_decode(span_head(packet, size - 1), &shorter) != 0);
	buf_init(&text, 8 * LIMIT_IPC);
	ipc_print(&m, &text);
	must(!span_has_ctl(buf_span(&text)));
	buf_done(&again);
	buf_done(&text);
	return 0;
}
