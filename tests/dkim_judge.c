/*
 * dkim_judge.c - verifies the message on stdin with libopendkim, which shares no code with us.
 *
 *	dkim_judge KEYS <message
 *
 * KEYS has lines "selector._domainkey.domain v=DKIM1; p=...".  A line for each signature says
 * "good" or why not.  Exit code 0: there are signatures, all of them good; 1: not.  libopendkim
 * finds header and body by itself.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <opendkim/dkim.h>

static DKIM_STAT read_message(DKIM *d, FILE *in)
{
	unsigned char piece[4096];
	DKIM_STAT st = DKIM_STAT_OK;
	bool testing;
	size_t n;

	while (st == DKIM_STAT_OK && (n = fread(piece, 1, sizeof(piece), in)) > 0)
		st = dkim_chunk(d, piece, n);
	if (st == DKIM_STAT_OK)
		st = dkim_chunk(d, NULL, 0);
	return st == DKIM_STAT_OK ? dkim_eom(d, &testing) : st;
}

static bool verify(DKIM_LIB *lib, FILE *in)
{
	static const unsigned char id[] = "judge";
	DKIM_SIGINFO **sigs = NULL;
	DKIM_STAT st;
	DKIM *d = dkim_verify(lib, id, NULL, &st);
	int count = 0, good = 0;

	if (d)
		st = read_message(d, in);
	if (!d || dkim_getsiglist(d, &sigs, &count) != DKIM_STAT_OK || count == 0)
		puts(dkim_getresultstr(st));
	for (int i = 0; i < count; i++) {
		bool is_good = DKIM_SIG_CHECK(sigs[i]);

		puts(is_good ? "good" : dkim_sig_geterrorstr(dkim_sig_geterror(sigs[i])));
		good += is_good;
	}
	dkim_free(d);
	return st == DKIM_STAT_OK && count > 0 && good == count;
}

int main(int argc, char **argv)
{
	dkim_query_t method = DKIM_QUERY_FILE;
	DKIM_LIB *lib;
	bool good;

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
	good = verify(lib, stdin);
	dkim_close(lib);
	return good ? 0 : 1;
}
