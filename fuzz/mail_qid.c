/* mail_qid.c - fuzz target: a queue id is 32 lower-case hex digits, and nothing else is one. */
#include "common/mail/qid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint8_t bytes[QID_TEXT / 2];
	char text[QID_TEXT_SIZE] = "";
	struct qid q;
	bool good = hex_decode(in, bytes, sizeof(bytes)) == 0;

	if (good)
		hex_encode(bytes, sizeof(bytes), text);
	good = good && span_eq_str(in, text);
	must((qid_parse(in, &q) == 0) == good);
	if (good)
		must(span_eq_str(in, q.s));
	return 0;
}
