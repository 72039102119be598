#include "smtpd/room.h"

#include "common/spool/pressure.h"

static struct pressure_reader reader;

int64_t room_delay_ms(void)
{
	struct pressure p;

	return pressure_read(&reader, mono_now(), &p) ? pressure_delay_ms(&p) : 0;
}

bool room_used_up(uint64_t server)
{
	struct pressure p;

	if (!pressure_read(&reader, mono_now(), &p))
		return false;
	for (size_t i = 0; i < p.server_count; i++)
		if (p.servers[i] == server)
			return true;
	return false;
}
