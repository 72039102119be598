/*
 * plan.c (fuzz) - any steps of the scheduler, held to a naive model (plan_model.h).
 */
#include "queued/plan_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	model_run(span_of(data, size));
	return 0;
}
