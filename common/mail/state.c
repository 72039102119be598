#include "common/mail/state.h"

static const struct {
	const char *name;
	bool final;
} states[] = {
#define STATE(NAME, number, text, final) [STATE_##NAME] = {text, final},
	STATES(STATE)
#undef STATE
};

const char *state_name(uint64_t state)
{
	return state < ARRAY_LEN(states) ? states[state].name : "?";
}

bool state_final(enum copy_state state)
{
	must((size_t)state < ARRAY_LEN(states));
	return states[state].final;
}
