#include "common/roles.h"

#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/proc.h"

static const struct {
	const char *name;
	const char *program;
} roles[] = {
#define ROLE(NAME, name, program) [ROLE_##NAME] = {name, program},
	ROLES(ROLE)
#undef ROLE
};

/* In the order in which they are made.  02000 (setgid): what is made inside belongs to the
 * folder's group, which is how readers of other users see SQLite's -wal and -shm files. */
const struct role_place role_places[] = {
	{"run", ROLE_ROOT, NULL, 0755},
	{"run/supervisor", ROLE_ROOT, NULL, 0700},
	{"run/queued", ROLE_QUEUED, NULL, 0750},
	{"run/signer", ROLE_SIGNER, NULL, 0750},
	{"run/resolver", ROLE_RESOLVER, NULL, 0750},
	{"log", ROLE_ROOT, NULL, 0755},
	{"secrets", ROLE_ROOT, NULL, 0755},
	{"secrets/smtpd", ROLE_SMTPD, NULL, 0700},
	{"secrets/httpd", ROLE_HTTPD, NULL, 0700},
	{"secrets/queued", ROLE_QUEUED, NULL, 0700},
	{"secrets/signer", ROLE_SIGNER, NULL, 0700},
	{"keys", ROLE_SIGNER, NULL, 0700},
	{"tls", ROLE_ROOT, NULL, 0755},
	{"control", ROLE_HTTPD, NULL, 02750},
	{"mail", ROLE_QUEUED, NULL, 02750},
	{"spool", ROLE_ROOT, NULL, 0755},
	{"spool/new", ROLE_ROOT, NULL, 0755},
	{"spool/new/smtpd", ROLE_SMTPD, "ph-queued", 0770},
	{"spool/cur", ROLE_QUEUED, NULL, 0700},
	{"spool/corrupt", ROLE_QUEUED, NULL, 0700},
	{"kept", ROLE_QUEUED, NULL, 0700},
	{"sink", ROLE_SINK, NULL, 0755},
};
const size_t role_place_count = ARRAY_LEN(role_places);

const char *role_name(enum role r)
{
	return roles[r].name;
}

const char *role_program(enum role r)
{
	return roles[r].program;
}

void role_user(enum role r, char out[32])
{
	snprintf(out, 32, "ph-%s", roles[r].name);
}

uid_t role_uid(enum role r)
{
	char user[32];
	struct passwd *pw;
	struct stat st;

	role_user(r, user);
	pw = getpwnam(user);
	if (pw)
		return pw->pw_uid;
	/* in an instance of root's every daemon has its user: then it could not be looked up, and
	 * we would refuse all that it says */
	if (stat(".", &st) < 0 || st.st_uid != getuid())
		die(EX_OSFILE, "the user %s cannot be looked up; ./quickstart deps makes it", user);
	return getuid();
}
