# lint.awk - the checks of tools/lint that read C: one pass over all files.
#
#	awk -f tools/lint.awk FILE...		prints "file:line: text", warnings with "warning: "
#
# Comments, strings and characters are blanked first, so that nothing in them counts.

# The line without comments and with empty strings; in_comment lives on to the next line.
function code_of(line,    out, c, end) {
	out = ""
	while (line != "") {
		if (in_comment) {
			end = index(line, "*/")
			if (!end) return out
			line = substr(line, end + 2)
			in_comment = 0
		} else if (match(line, /\/\*|\/\/|"|'/)) {
			c = substr(line, RSTART, 1)
			out = out substr(line, 1, RSTART - 1)
			line = substr(line, RSTART)
			if (c == "/") {
				if (substr(line, 2, 1) == "/") return out
				in_comment = 1
				line = substr(line, 3)
			} else if (match(line, c == "\"" ? /^"([^"\\]|\\.)*"/ : /^'([^'\\]|\\.)*'/)) {
				out = out c c
				line = substr(line, RLENGTH + 1)
			} else {
				out = out c
				line = substr(line, 2)
			}
		} else {
			return out line
		}
	}
	return out
}

function width(line,    n, cut, cells) {
	cells = 0
	gsub(/[\200-\277]/, "", line) # the later bytes of a UTF-8 character
	while ((cut = index(line, "\t")) > 0) {
		cells += cut - 1
		cells += 8 - cells % 8
		line = substr(line, cut + 1)
	}
	return cells + length(line)
}

function find(text) { printf "%s:%d: %s\n", FILENAME, FNR, text }

function called(code, name) { return code ~ ("(^|[^A-Za-z0-9_.>])(" name ")[ \t]*\\(") }

function allowed(list, file,    n, i, a, dot) {
	n = split(list, a, " ")
	for (i = 1; i <= n; i++) {
		if (a[i] == file || a[i] == "*") return 1
		if (a[i] ~ /\/$/ && index(file, a[i]) == 1) return 1
	}
	return 0
}

BEGIN {
	banned = "strcpy|strcat|sprintf|vsprintf|strtok|strtok_r|atoi|atol|atoll|sscanf|system|" \
		"popen|rand|srand|random|gethostbyname|inet_ntoa|ctime|asctime|gets|alloca|longjmp"
	ours = "malloc|calloc|realloc|reallocarray|free|strdup|strndup|rename|renameat|renameat2|" \
		"fsync|fdatasync|time"
	daemons = "smtpd queued deliverd ctl sink httpd bouncer webhookd"

	# Functions of the second list that a file outside common/ may call, and why:
	# names of received messages appear at once and never replace one; no durability promised
	may["sink/store.c"] = "renameat2"
	# a new key never replaces one, and is on disk before it is said to exist
	may["deliverd/signer_keys.c"] = "fsync"
	# what jansson hands over is freed by free()
	may["ctl/message.c"] = "free"
	# the judge of tests is a program of its own, without libcommon
	may["tests/dkim_judge.c"] = "malloc|calloc|realloc|free|strdup"

	# Third-party headers and who may include them; a path that ends in / means a whole folder.
	own["event2/"] = "common/loop.c common/stream.c deliverd/pool.c deliverd/resolver.c"
	own["openssl/ssl.h"] = "common/stream.h common/tls.c sink/serve.h sink/selfsigned.h ctl/submit_wire.h"
	own["openssl/"] = "common/stream.c common/tls.c common/hash.c common/control/cram.c deliverd/dkim.c " \
		"deliverd/dkim_test.c deliverd/signer.c deliverd/signer_keys.c sink/selfsigned.c " \
		"ctl/sandbox_cert.c ctl/submit_wire.c smtpd/session_test.c fuzz/dkim.c tests/ bench/"
	own["idn2.h"] = "common/mail/addr.c"
	own["sodium.h"] = "common/ deliverd/ smtpd/ queued/ ctl/ tests/ bench/"
	own["sqlite3.h"] = "common/db/"
	own["jansson.h"] = "common/json/ ctl/suppression_read.c common/mail/options.c common/ipc/event_test.c ctl/output.h ctl/mailview.h ctl/timeline.h"
	own["unbound"] = "deliverd/resolver.c"
	own["seccomp.h"] = "deliverd/signer.c"
	own["opendkim/"] = "tests/ fuzz/dkim.c"
	own["event.h"] = ""; own["evhttp.h"] = ""; own["curl/"] = "";
}

FNR == 1 {
	in_comment = 0; body = 0
	folder = FILENAME
	sub(/\/.*/, "", folder)
	is_test = FILENAME ~ /_test\.c$/
	is_def = FILENAME ~ /\.def$/
	if (previous != "") file_end()
	previous = FILENAME
	longest = (is_test || folder == "tests") ? 1000 : 600
}

{ lines = FNR }

# layout
/[ \t]$/ { find("blank at the end of the line") }
/\r$/ { find("the line ends in CR LF") }
/^        / { find("indented by spaces; tabs are wanted") }
/ \t/ && !is_def && !/\\$/ { find("a space before a tab") }
!is_def && length($0) > 60 && width($0) > 100 { find("wider than 100 columns") }

# includes
/^#include </ && !/<cmocka.h>/ {
	header = $2
	gsub(/[<>]/, "", header)
	best = ""
	for (p in own)
		if (index(header, p) == 1 && length(p) > length(best)) best = p
	if (best != "" && !allowed(own[best], FILENAME))
		find("<" header "> is not for this file: see the table in tools/lint.awk")
	if (header ~ /^event2\/(http|dns|tag|rpc)/)
		find("evhttp, evdns, evtag and evrpc are not used")
}
/^#include "/ {
	header = $2
	gsub(/"/, "", header)
	from = header
	sub(/\/.*/, "", from)
	if (header !~ /\//) {
		if (header !~ /_sql\.h$/) find("\"" header "\": the path begins at the top folder")
	} else if ((" " daemons " ") ~ (" " from " ") && from != folder &&
		   folder != "fuzz" && folder != "tests" && folder != "bench") {
		find("includes \"" header "\" of another " (folder == "common" ? "layer" : "daemon"))
	} else if ((from == "tests" || from == "fuzz") && folder != from) {
		find("includes \"" header "\"")
	}
}

{ code = code_of($0) }

# functions
code ~ /^[ \t]*typedef[ \t]+struct/ { find("a typedef for a struct") }
called(code, banned) { find("a banned function (docs/STYLE.md, Build)") }
folder != "common" && folder != "fuzz" && called(code, ours) {
	rest = code
	if (FILENAME in may) gsub("(^|[^A-Za-z0-9_])(" may[FILENAME] ")[ \t]*\\(", "", rest)
	if (called(rest, ours))
		find("memory, rename, fsync and time go through common/")
}
code ~ /^[a-zA-Z].*\(/ && code !~ /;[ \t]*$/ { head = code; head_line = FNR }
code ~ /^\{/ { body = FNR }
code ~ /^\}/ && body {
	n = FNR - body - 1
	if (n > 60) {
		name = head
		sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
		find((n > 80 ? "" : "warning: ") name "() has " n " lines; 20 are good, 80 the end")
	}
	body = 0
}

function file_end() {
	if (lines > longest)
		printf "%s:%d: the file has %d lines; %d are the end\n", previous, lines, lines,
			longest
}
END { if (previous != "") file_end() }
