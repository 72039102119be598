/*
 * sandbox_sink.c - posthaste sink: becomes the program posthaste-sink.
 */
#include <fcntl.h>
#include <unistd.h>

#include "common/roles.h"
#include "ctl/ctl.h"
#include "ctl/sandbox.h"
#include "ctl/supervise_spawn.h"

int cmd_sink(int argc, char **argv, const struct ctl_options *o)
{
	int folder = sup_program_folder();
	char *program = mem_strdup(role_program(ROLE_SINK));

	(void)argc;
	(void)o;
	argv[0] = program;
	if (folder >= 0)
		execveat(folder, program, argv, environ, 0);
	else
		errno = -folder;
	return ctl_fail(EX_UNAVAILABLE,
			"cannot run %s: %s; it belongs beside the program posthaste "
			"or in ../lib/posthaste: install or build it again",
			program, strerror(errno));
}
