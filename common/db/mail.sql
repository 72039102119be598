-- mail.sql: all SQL of mail.db (writer: queued; readers: the command, later httpd and webhookd).
-- Times are wall milliseconds.  States and event types are numbers of state.h and event.def.
-- copies.flags: 1 the event delayed was written, 2 released by an operator (what held it is not
-- looked at again), 4 counted for the send limit.  suppressions: server 0 is every server's;
-- addresses in lower case; expires 0 is never.  copies.wanted: what is to become of a copy that a
-- worker has when this attempt has failed: '', 'hold' or 'cancel', with ': REASON' where one was given.
-- conversations: of the event of an attempt, as deliverd/convo.h writes it.

-- name: schema
CREATE TABLE messages (
	n INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	server INTEGER NOT NULL,
	credential INTEGER NOT NULL,
	sender TEXT NOT NULL,
	domain TEXT NOT NULL,
	size INTEGER NOT NULL,
	received INTEGER NOT NULL,
	open INTEGER NOT NULL,
	kept INTEGER,
	tag TEXT NOT NULL DEFAULT '',
	stream TEXT NOT NULL DEFAULT '',
	metadata TEXT NOT NULL DEFAULT '',
	idempotency TEXT NOT NULL DEFAULT '',
	digest BLOB,
	expires INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX messages_unkept ON messages(n) WHERE open = 0 AND kept IS NULL;
CREATE INDEX messages_idempotency ON messages(server, idempotency) WHERE idempotency <> '';
CREATE TABLE copies (
	id INTEGER PRIMARY KEY,
	message INTEGER NOT NULL REFERENCES messages(n),
	rcpt TEXT NOT NULL,
	state INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	next INTEGER NOT NULL,
	token TEXT NOT NULL,
	return_path TEXT NOT NULL,
	last TEXT NOT NULL DEFAULT '',
	hold TEXT NOT NULL DEFAULT '',
	flags INTEGER NOT NULL DEFAULT 0,
	wanted TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX copies_message ON copies(message);
CREATE INDEX copies_open ON copies(id) WHERE state < 3;
CREATE TABLE events (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	at INTEGER NOT NULL,
	type INTEGER NOT NULL,
	message INTEGER NOT NULL,
	copy INTEGER,
	data TEXT NOT NULL
) STRICT;
CREATE INDEX events_message ON events(message);
CREATE TABLE conversations (
	event INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	text TEXT NOT NULL
) STRICT;
CREATE INDEX conversations_at ON conversations(at);
CREATE TABLE suppressions (
	server INTEGER NOT NULL,
	address TEXT NOT NULL,
	reason TEXT NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	PRIMARY KEY (server, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX suppressions_address ON suppressions(address);
CREATE TABLE settings (
	name TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- name: to_2
ALTER TABLE messages ADD COLUMN tag TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN stream TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN metadata TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN idempotency TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN digest BLOB;
ALTER TABLE messages ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_unkept ON messages(n) WHERE open = 0 AND kept IS NULL;
CREATE INDEX messages_idempotency ON messages(server, idempotency) WHERE idempotency <> '';
DROP INDEX copies_open;
CREATE INDEX copies_open ON copies(id) WHERE state < 3;
ALTER TABLE copies ADD COLUMN hold TEXT NOT NULL DEFAULT '';
ALTER TABLE copies ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
UPDATE copies SET hold = 'corrupt', next = 9223372036854775807 WHERE state = 2;
CREATE TABLE suppressions (
	server INTEGER NOT NULL,
	address TEXT NOT NULL,
	reason TEXT NOT NULL,
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	PRIMARY KEY (server, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE settings (
	name TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- name: to_3
ALTER TABLE copies ADD COLUMN wanted TEXT NOT NULL DEFAULT '';
CREATE INDEX suppressions_address ON suppressions(address);
CREATE TABLE conversations (
	event INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	text TEXT NOT NULL
) STRICT;
CREATE INDEX conversations_at ON conversations(at);

-- writing

-- name: message_insert
INSERT INTO messages(id, server, credential, sender, domain, size, received, open, tag, stream,
	metadata, idempotency, digest, expires)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: copy_insert
INSERT INTO copies(id, message, rcpt, state, attempts, next, token, return_path, hold)
VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?)

-- name: event_insert
INSERT INTO events(at, type, message, copy, data) VALUES (?, ?, ?, ?, ?)

-- of the event that was written last
-- name: conversation_insert
INSERT INTO conversations(event, at, text) VALUES (last_insert_rowid(), ?, ?)

-- last NULL: stays as it is.  What was wanted has been done, or has no sense any more.
-- name: copy_update
UPDATE copies SET state = ?, attempts = ?, next = ?, hold = ?, flags = ?, last = COALESCE(?, last),
	wanted = ''
WHERE id = ?

-- name: copy_want
UPDATE copies SET wanted = ? WHERE id = ?

-- name: message_close_one
UPDATE messages SET open = open - 1 WHERE n = ?

-- name: message_kept
UPDATE messages SET kept = ? WHERE n = ?

-- name: setting_put
INSERT INTO settings(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value

-- name: suppression_put
INSERT INTO suppressions(server, address, reason, created, expires) VALUES (?, ?, ?, ?, ?)
ON CONFLICT(server, address) DO UPDATE SET reason = excluded.reason, created = excluded.created,
	expires = excluded.expires

-- name: suppression_delete
DELETE FROM suppressions WHERE server = ? AND address = ?

-- what is no longer kept

-- name: suppressions_expire
DELETE FROM suppressions WHERE expires > 0 AND expires <= ?

-- name: conversations_expire
DELETE FROM conversations WHERE event IN (SELECT event FROM conversations WHERE at < ? ORDER BY at LIMIT ?)

-- name: events_expire
DELETE FROM events WHERE seq < ?

-- among the oldest ?2 events: the first that is to stay (NULL: none), and the last of them
-- name: events_to_keep
SELECT min(seq) FILTER (WHERE at >= ?1), max(seq) FROM (SELECT seq, at FROM events ORDER BY seq LIMIT ?2)

-- finished messages in the order in which they came; what is there to be forgotten
-- name: messages_finished
SELECT n, received, kept,
	sender <> '' OR EXISTS (SELECT 1 FROM copies c WHERE c.message = m.n AND rcpt <> ''),
	EXISTS (SELECT 1 FROM events e WHERE e.message = m.n)
FROM messages m WHERE n > ? AND open = 0 AND kept IS NOT NULL ORDER BY n LIMIT ?

-- name: message_forget
UPDATE messages SET sender = '', tag = '', metadata = '', idempotency = '', digest = NULL WHERE n = ?

-- name: copies_forget
UPDATE copies SET rcpt = '', return_path = '', last = '' WHERE message = ?

-- name: copies_delete
DELETE FROM copies WHERE message = ?

-- name: message_delete
DELETE FROM messages WHERE n = ?

-- reading

-- name: message_by_id
SELECT n, open, kept FROM messages WHERE id = ?

-- name: message_of_copy
SELECT m.n, m.id, c.state, c.attempts, c.next FROM copies c JOIN messages m ON m.n = c.message WHERE c.id = ?

-- a message with the same idempotency key that was not cancelled as a whole
-- name: message_same_key
SELECT id, digest FROM messages m WHERE server = ?1 AND idempotency = ?2 AND idempotency <> ''
	AND received > ?3
	AND EXISTS (SELECT 1 FROM copies c WHERE c.message = m.n AND c.state <> 7)
ORDER BY n LIMIT 1

-- name: setting
SELECT value FROM settings WHERE name = ?

-- name: settings_like
SELECT name, value FROM settings WHERE name >= ?1 AND name < ?2

-- the server's own entry before that for all servers
-- name: suppression_find
SELECT reason, created, expires FROM suppressions
WHERE server IN (?1, 0) AND address = ?2 AND (expires = 0 OR expires > ?3)
ORDER BY server DESC LIMIT 1

-- name: suppression_any
SELECT 1 FROM suppressions LIMIT 1

-- everything that is not final, for queued's start
-- name: open_copies
SELECT c.id, c.message, m.id, c.rcpt, c.state, c.attempts, c.next, c.return_path, c.hold, c.flags,
	c.wanted, m.server, m.domain, m.received, m.credential, m.size, m.stream, m.expires
FROM copies c INDEXED BY copies_open JOIN messages m ON m.n = c.message WHERE c.state < 3

-- open copies that a filter of the command fits
-- name: copies_fit
SELECT c.id FROM copies c INDEXED BY copies_open JOIN messages m ON m.n = c.message
WHERE c.state < 3
	AND (?1 = 255 OR c.state = ?1)
	AND (?2 = '' OR m.id = ?2)
	AND (?3 = '' OR lower(substr(c.rcpt, -length(?3) - 1)) = '@' || ?3)
	AND (?4 = '' OR lower(c.rcpt) = lower(?4))
	AND (?5 = 0 OR m.server = ?5)
	AND (?6 = '' OR m.tag = ?6)
	AND m.received <= ?7

-- the same among the copies of message ?2: a queue of any length is not searched for them
-- name: copies_fit_message
SELECT c.id FROM messages m JOIN copies c INDEXED BY copies_message ON c.message = m.n
WHERE m.id = ?2 AND c.state < 3
	AND (?1 = 255 OR c.state = ?1)
	AND (?3 = '' OR lower(substr(c.rcpt, -length(?3) - 1)) = '@' || ?3)
	AND (?4 = '' OR lower(c.rcpt) = lower(?4))
	AND (?5 = 0 OR m.server = ?5)
	AND (?6 = '' OR m.tag = ?6)
	AND m.received <= ?7

-- messages that are finished but whose file was not moved or removed
-- name: finished_not_kept
SELECT n, id FROM messages WHERE open = 0 AND kept IS NULL

-- a page of messages after a queue id
-- name: message_list
SELECT m.n, m.id, m.server, m.sender, m.size, m.received, m.kept FROM messages m
WHERE m.n > COALESCE((SELECT n FROM messages WHERE id = ?1), 0) ORDER BY m.n LIMIT ?2

-- name: message_show
SELECT m.n, m.id, m.server, m.sender, m.size, m.received, m.kept FROM messages m WHERE m.id = ?

-- name: copies_of_message
SELECT id, rcpt, state, attempts, next, token, return_path, last FROM copies WHERE message = ? ORDER BY id

-- name: events_of_message
SELECT e.seq, e.at, e.type, e.copy, e.data, c.rcpt FROM events e LEFT JOIN copies c ON c.id = e.copy
WHERE e.message = ? ORDER BY e.seq

-- name: conversations_of_message
SELECT c.event, c.text FROM events e JOIN conversations c ON c.event = e.seq WHERE e.message = ? ORDER BY e.seq

-- the command

-- a page of open copies behind a copy id; the filter is that of copies_fit, without a message
-- name: queue_list
SELECT c.id, m.id, c.rcpt, c.state, c.hold, c.attempts, c.next, c.last, m.received, m.server, m.tag,
	m.stream
FROM copies c INDEXED BY copies_open JOIN messages m ON m.n = c.message
WHERE c.state < 3 AND c.id > ?7
	AND (?1 = 255 OR c.state = ?1)
	AND (?2 = '' OR lower(substr(c.rcpt, -length(?2) - 1)) = '@' || ?2)
	AND (?3 = '' OR lower(c.rcpt) = lower(?3))
	AND (?4 = 0 OR m.server = ?4)
	AND (?5 = '' OR m.tag = ?5)
	AND m.received <= ?6
ORDER BY c.id LIMIT ?8

-- the same columns of the open copies of one message, or of one copy
-- name: queue_of
SELECT c.id, m.id, c.rcpt, c.state, c.hold, c.attempts, c.next, c.last, m.received, m.server, m.tag,
	m.stream
FROM messages m JOIN copies c INDEXED BY copies_message ON c.message = m.n
WHERE m.n = ?1 AND c.state < 3 AND (?2 = 0 OR c.id = ?2) ORDER BY c.id

-- name: queue_states
SELECT state, hold, count(*), min(next) FROM copies INDEXED BY copies_open WHERE state < 3
GROUP BY state, hold ORDER BY state, hold

-- name: queue_due
SELECT count(*) FROM copies INDEXED BY copies_open WHERE state < 3 AND state <> 2 AND next <= ?

-- name: queue_domains
SELECT lower(substr(rcpt, instr(rcpt, '@') + 1)) AS d, count(*) AS n FROM copies INDEXED BY copies_open
WHERE state < 3 GROUP BY d ORDER BY n DESC, d LIMIT ?

-- name: queue_servers
SELECT m.server, count(*) AS n, min(m.received) FROM copies c INDEXED BY copies_open
JOIN messages m ON m.n = c.message WHERE c.state < 3 GROUP BY m.server ORDER BY n DESC, m.server

-- a page of events behind a number
-- name: events_after
SELECT e.seq, e.at, e.type, e.copy, e.data, c.rcpt, m.id, m.server, m.tag, m.stream, m.metadata
FROM events e LEFT JOIN messages m ON m.n = e.message LEFT JOIN copies c ON c.id = e.copy
WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2

-- the first event that is kept, and the last one
-- name: events_range
SELECT (SELECT seq FROM events ORDER BY seq LIMIT 1), (SELECT seq FROM events ORDER BY seq DESC LIMIT 1)

-- a page of the list behind an address; server -1: of all
-- name: suppressions_after
SELECT server, address, reason, created, expires FROM suppressions
WHERE (server, address) > (?1, ?2) AND (?3 < 0 OR server = ?3) ORDER BY server, address LIMIT ?4

-- name: suppressions_of
SELECT server, address, reason, created, expires FROM suppressions WHERE address = ? ORDER BY server

-- verify

-- name: verify_message
SELECT m.n, m.open, m.kept, m.server, m.credential, m.sender, m.domain, m.size,
	(SELECT count(*) FROM copies c WHERE c.message = m.n)
FROM messages m WHERE m.id = ?

-- name: verify_copy
SELECT message, rcpt FROM copies WHERE id = ?

-- name: verify_open
SELECT n, id FROM messages WHERE n > ? AND open > 0 ORDER BY n LIMIT 500

-- bytes that are to be there; of a message that was cancelled as its file was lost there are none
-- name: verify_kept
SELECT n, id, kept FROM messages m WHERE n > ? AND open = 0 AND kept > ?
AND EXISTS (SELECT 1 FROM copies c WHERE c.message = m.n AND c.state <> 7) ORDER BY n LIMIT 500

-- name: verify_counts
SELECT m.id, m.open, (SELECT count(*) FROM copies c WHERE c.message = m.n AND c.state < 3) AS really
FROM messages m WHERE m.open <> really

-- name: verify_orphan_copies
SELECT id, message FROM copies c WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.n = c.message)

-- name: verify_orphan_events
SELECT seq, message FROM events e WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.n = e.message)

-- name: verify_states
SELECT id, state, hold FROM copies WHERE state NOT BETWEEN 0 AND 8 OR (state = 2) <> (hold <> '')

-- name: verify_copy_max
SELECT max(id) FROM copies WHERE id % 4 = ?

-- name: verify_quick
PRAGMA quick_check(20)

-- name: verify_deep
PRAGMA integrity_check(20)
