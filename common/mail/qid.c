/*
 * qid.c - queue ids (RFC 9562 5.7, without dashes).
 *
 *	qid = 12HEX "7" 3HEX variant 15HEX ; 48 bits of milliseconds, 12 and 62 random ones
 *	variant = "8" / "9" / "a" / "b"
 *	HEX = DIGIT / %x61-66
 */
#include "common/mail/qid.h"

#include <sodium.h>

struct qid qid_make(struct wall now)
{
	uint8_t bytes[QID_TEXT / 2];
	struct qid q;

	must(now.ms >= 0 && now.ms >> 48 == 0);
	randombytes_buf(bytes, sizeof(bytes));
	for (int i = 0; i < 6; i++)
		bytes[i] = (uint8_t)(now.ms >> (8 * (5 - i)) & 0xff);
	bytes[6] = (uint8_t)(0x70 | (bytes[6] & 0x0f));
	bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
	hex_encode(bytes, sizeof(bytes), q.s);
	q.s[QID_TEXT] = '\0';
	return q;
}

int qid_parse(struct span s, struct qid *out)
{
	struct qid q;

	if (s.n != QID_TEXT)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_digit(s.p[i]) && (s.p[i] < 'a' || s.p[i] > 'f'))
			return -EINVAL;
	memcpy(q.s, s.p, QID_TEXT);
	q.s[QID_TEXT] = '\0';
	*out = q;
	return 0;
}
