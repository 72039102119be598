#include "common/outcome.h"

#include <stdio.h>

#include "common/utf8.h"

void outcome_set(struct outcome *o, enum outcome_kind kind, uint16_t code, const char *status,
		 struct span text)
{
	*o = (struct outcome){.kind = kind, .code = code};
	snprintf(o->status, sizeof(o->status), "%s", status);
	utf8_escape(text, o->text, sizeof(o->text));
}

const char *outcome_name(enum outcome_kind kind)
{
	static const char *const names[] = {
		[OUTCOME_DONE] = "done",
		[OUTCOME_TEMP] = "temporary",
		[OUTCOME_PERM] = "permanent",
	};

	return names[kind];
}
