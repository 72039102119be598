/*
 * verify_found.h - what posthaste verify found: a table of kinds, and a set of findings.
 *
 * While queued runs files move, so what is found is looked for a second time, and only what was
 * found twice at the same place counts (the kind and the place are a finding's key).  What was
 * looked at in one look alone counts when findings_settle() is called.  Of each kind at most
 * FOUND_TOLD are kept; the others are counted, so a broken instance of any size needs little room.
 */
#ifndef CTL_VERIFY_FOUND_H
#define CTL_VERIFY_FOUND_H

#include "common/hash.h"

/* How to have mail.db made anew; the suppression list is the one thing in it that no file has. */
#define VERIFY_REMAKE                                                                          \
	"save the suppression list (posthaste suppression export), stop the instance, move "   \
	"mail/mail.db with its -wal and -shm away, start again and import the list: the rest " \
	"is made anew from the spool (history is lost, copies may go out twice)"

/* FINDING(NAME, "code", "what it means", "how to mend it") */
#define FINDINGS(FINDING)                                                                          \
	FINDING(FOLDER, "folder", "a folder is missing, or has another owner or mode",             \
		"stop the instance and start it again: the start makes them right; look for what " \
		"changed it")                                                                      \
	FINDING(SECRET, "secret",                                                                  \
		"a secret is missing, not of 32 bytes, unlike its twin, or can be read by others", \
		"restore secrets/ from a backup; where only owner or mode are wrong, stop and "    \
		"start the instance; with another token key old bounces are not known")            \
	FINDING(KEY, "dkim-key", "a domain's DKIM key is missing, or has another owner or mode",   \
		"restore keys/ from a backup (mode 0400, owner ph-signer); without one delete "    \
		"the domain, create it again and publish its new DNS record")                      \
	FINDING(FOREIGN, "foreign-file", "something that does not belong there lies in the spool", \
		"move it away; nobody but the daemons should write there")                         \
	FINDING(UNFINISHED, "unfinished-file", "a message that was never accepted lies there",     \
		"nothing: smtpd removes it when it starts; its client was not told 250")           \
	FINDING(BAD_FILE, "bad-file", "a message's file is damaged, or cannot be read",            \
		"restore it from a backup under the same name with mode 0644, and release its "    \
		"copies if they are held (posthaste queue release ID); without a backup cancel "   \
		"them (posthaste queue cancel ID): queued puts such files into spool/corrupt")     \
	FINDING(BAD_KEPT, "bad-kept-file", "the kept content of a finished message is damaged",    \
		"restore it from a backup, or remove it; the message itself has ended")            \
	FINDING(IN_CORRUPT, "in-corrupt", "a damaged message lies in spool/corrupt",               \
		"restore the file from a backup into spool/cur/XX (XX: the last two digits of "    \
		"its "                                                                             \
		"name) with mode 0644 and release its copies (posthaste queue release ID), or "    \
		"cancel them (posthaste queue cancel ID); then remove it from spool/corrupt")      \
	FINDING(NO_ROW, "file-without-row", "an accepted message is not in mail.db",               \
		"stop the instance and start it again: queued takes such files up at its start")   \
	FINDING(ROW_DIFFERS, "row-differs", "envelope and mail.db do not say the same",            \
		VERIFY_REMAKE)                                                                     \
	FINDING(NO_FILE, "message-without-file", "the file of an unfinished message is missing",   \
		"restore it from a backup into spool/cur/XX (XX: the last two digits of its "      \
		"name) "                                                                           \
		"with mode 0644, else cancel its copies (posthaste queue cancel ID)")              \
	FINDING(NOT_MOVED, "not-moved", "a finished message still lies in spool/cur",              \
		"stop the instance and start it again: queued moves such files at its start")      \
	FINDING(NOT_KEPT, "content-missing", "the kept content of a finished message is missing",  \
		"nothing can be done but to restore kept/ from a backup; the message itself has "  \
		"ended")                                                                           \
	FINDING(KEPT_UNKNOWN, "kept-without-row", "a kept file belongs to no message of that day", \
		"remove it; it is of no use to anybody")                                           \
	FINDING(DATABASE, "database", "SQLite finds a database damaged, or it cannot be used",     \
		"stop the instance and restore the file from a backup; mail.db may also be moved " \
		"away with its -wal and -shm, and is then made anew from the spool: history and "  \
		"the suppression list are lost, copies may go out twice")                          \
	FINDING(OPEN_COUNT, "open-count", "a message's number of open copies is wrong",            \
		VERIFY_REMAKE)                                                                     \
	FINDING(ORPHAN, "orphan", "a row belongs to nothing", VERIFY_REMAKE)                       \
	FINDING(STATE, "state", "a message or copy is in a state that is none", VERIFY_REMAKE)     \
	FINDING(SUPPRESSION, "suppression", "an entry of the suppression list makes no sense",     \
		"remove it (posthaste suppression remove ADDRESS), and add it again as it is "     \
		"meant")                                                                           \
	FINDING(COUNTER, "counter", "copies have ids that the counter has not dealt yet",          \
		"stop the instance, remove spool/new/smtpd/counter and start again: counting "     \
		"goes on at a higher number")

enum finding {
#define FINDING(NAME, code, what, mend) FINDING_##NAME,
	FINDINGS(FINDING)
#undef FINDING
		FINDING_COUNT
};

enum { FOUND_TOLD = 1000 };

struct found {
	struct hash_node node;
	enum finding what;
	bool counts;
	char *key;	   /* code, blank, place: owned, as is detail */
	const char *where; /* in key */
	char *detail;
};

struct findings {
	struct hash known;
	struct found **at;
	size_t n;
	bool again; /* it is the second look */
	uint64_t first[FINDING_COUNT], second[FINDING_COUNT];
};

const char *finding_code(enum finding f);
const char *finding_what(enum finding f);
const char *finding_mend(enum finding f);

/* Another one of the same kind at the same place is the same finding. */
void findings_add(struct findings *f, enum finding what, const char *where, const char *detail);
/* All of now counts, whatever a second look says. */
void findings_settle(struct findings *f);
/* From here on nothing new is added: what is added again, counts. */
void findings_look_again(struct findings *f);
/* Those that count, in the order of finding. */
size_t findings_each(const struct findings *f, void (*fn)(const struct found *one, void *arg),
		     void *arg);
/* How many of a kind there are beside those that are kept. */
uint64_t findings_more(const struct findings *f, enum finding what);
void findings_done(struct findings *f);

#endif
