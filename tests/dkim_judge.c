/*
 * dkim_judge.c - verifies the message on stdin with libopendkim, which shares no code with us.
 *
 *	dkim_judge KEYS <message
 *
 * KEYS has lines "selector._domainkey.domain v=DKIM1; p=...".  Exit code 0: every signature is
 * good; 1: not; one line says why.  libopendkim finds header and body by itself.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <opendkim/dkim.h>

static const char *verify(DKIM_LIB *lib, FILE *in)
{
	static const unsigned char id[] = "judge";
	unsigned char piece[4096];
	DKIM_STAT st;
	DKIM *d = dkim_verify(lib, id, NULL, &st);
	size_t n;

	if (!d)
		return "out of memory";
	while (st == DKIM_STAT_OK && (n = fread(piece, 1, sizeof(piece), in)) > 0)
		st = dkim_chunk(d, piece, n);
	if (st == DKIM_STAT_OK)
		st = dkim_chunk(d, NULL, 0);
	if (st == DKIM_STAT_OK) {
		bool testing;

		st = dkim_eom(d, &testing);
	}
	const char *result = st == DKIM_STAT_OK ? NULL : dkim_getresultstr(st);
	DKIM_SIGINFO **sigs = NULL;
	int count = 0;
	if (st == DKIM_STAT_OK && dkim_getsiglist(d, &sigs, &count) != DKIM_STAT_OK)
		result = "no list of signatures";
	for (int i = 0; i < count && !result; i++)
		if (!DKIM_SIG_CHECK(sigs[i]))
			result = dkim_sig_geterrorstr(dkim_sig_geterror(sigs[i]));
	dkim_free(d);
	return result;
}

int main(int argc, char **argv)
{
	dkim_query_t method = DKIM_QUERY_FILE;
	const char *error;
	DKIM_LIB *lib;

	if (argc != 2) {
		fputs("usage: dkim_judge KEYS <message\n", stderr);
		return 64;
	}
	lib = dkim_init(NULL, NULL);
	if (!lib ||
	    dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_QUERYMETHOD, &method, sizeof(method)) !=
		    DKIM_STAT_OK ||
	    dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_QUERYINFO, argv[1], strlen(argv[1])) !=
		    DKIM_STAT_OK) {
		fputs("dkim_judge: libopendkim cannot be set up\n", stderr);
		return 70;
	}
	error = verify(lib, stdin);
	dkim_close(lib);
	puts(error ? error : "good");
	return error ? 1 : 0;
}
