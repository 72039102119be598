#include "common/mail/options.h"

void options_done(struct options *o)
{
	mem_free(o->metadata);
	*o = (struct options){.metadata = NULL};
}
