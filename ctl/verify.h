/*
 * verify.h - posthaste verify: what is found, and the three places it is looked for.
 *
 * Nothing is changed.  Where queued runs, files move while we look: what is found is looked for a
 * second time, and only what is found twice is told.
 */
#ifndef CTL_VERIFY_H
#define CTL_VERIFY_H

#include "common/buf.h"
#include "common/spool/spool.h"

#include "ctl/ctl.h"
#include "ctl/mailview.h"

/* FINDING(NAME, "code", "what it means", "how to mend it") */
#define FINDINGS(FINDING)                                                                          \
	FINDING(FOLDER, "folder", "a folder is missing, or has another owner or mode",             \
		"stop the instance and start it again: the start makes them right; look for what " \
		"changed it")                                                                      \
	FINDING(SECRET, "secret", "a secret is missing, not of 32 bytes, or unlike its twin",      \
		"restore secrets/ from a backup; with another token key old bounces are not "      \
		"known")                                                                           \
	FINDING(FOREIGN, "foreign-file", "something that is no message lies in the spool",         \
		"move it away; nobody but the daemons should write there")                         \
	FINDING(UNFINISHED, "unfinished-file", "a message that was never accepted lies there",     \
		"nothing: smtpd removes it when it starts; its client was not told 250")           \
	FINDING(BAD_FILE, "bad-file", "a message's file is damaged",                               \
		"restore it from a backup under the same name; queued puts it into spool/corrupt " \
		"when it comes to it and holds its copies")                                        \
	FINDING(IN_CORRUPT, "in-corrupt", "a damaged message lies in spool/corrupt",               \
		"its log line (event corrupt) has the reason; copies are held: restore the file "  \
		"into spool/cur and release them, or cancel them")                                 \
	FINDING(NO_ROW, "file-without-row", "an accepted message is not in mail.db",               \
		"restart queued: it takes such files up at its start")                             \
	FINDING(ROW_DIFFERS, "row-differs", "envelope and mail.db do not say the same",            \
		"move mail/mail.db away and start again: it is made anew from the spool "          \
		"(history is lost, copies may go out twice)")                                      \
	FINDING(NO_FILE, "message-without-file", "the file of an unfinished message is missing",   \
		"restore it from a backup into spool/cur/XX, else cancel its copies: posthaste "   \
		"queue cancel ID")                                                                 \
	FINDING(NOT_MOVED, "not-moved", "a finished message still lies in spool/cur",              \
		"restart queued: it moves such files at its start")                                \
	FINDING(NOT_KEPT, "content-missing", "the kept content of a finished message is missing",  \
		"nothing can be done but to restore kept/ from a backup; the mail was delivered")  \
	FINDING(KEPT_UNKNOWN, "kept-without-row", "a kept file belongs to no message of that day", \
		"remove it; it is of no use to anybody")                                           \
	FINDING(DATABASE, "database", "SQLite finds a database damaged",                           \
		"stop the instance; restore the file from a backup; mail.db may be moved away to " \
		"be made anew from the spool")                                                     \
	FINDING(OPEN_COUNT, "open-count", "a message's number of open copies is wrong",            \
		"stop the instance, move mail/mail.db away and start again")                       \
	FINDING(ORPHAN, "orphan", "a copy or an event belongs to no message",                      \
		"stop the instance, move mail/mail.db away and start again")                       \
	FINDING(STATE, "state", "a copy is in a state that is none",                               \
		"stop the instance, move mail/mail.db away and start again")                       \
	FINDING(COUNTER, "counter", "copies have ids that the counter has not dealt yet",          \
		"stop the instance and remove spool/new/smtpd/counter: counting goes on at a "     \
		"higher number")

enum finding {
#define FINDING(NAME, code, what, mend) FINDING_##NAME,
	FINDINGS(FINDING) FINDING_COUNT
#undef FINDING
};

struct verify {
	bool deep;
	struct mailview *v;
	uint64_t counter; /* of smtpd's copy ids; 0: not known */
	struct buf found; /* lines: "finding TAB where TAB detail" */
};

void verify_add(struct verify *f, enum finding what, const char *detail, const char *fmt, ...)
	PRINTF(4, 5);

/* As who owns the instance: folders, secrets, the counter. */
void verify_places(struct verify *f);
/* Files that a dead smtpd left; only it or root can look. */
void verify_unfinished(struct verify *f);
/* As ph-queued: files and their rows; databases. */
void verify_spool(struct verify *f);
void verify_rows(struct verify *f);

#endif
