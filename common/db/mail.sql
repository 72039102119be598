-- mail.sql: all SQL of mail.db (writer: queued; readers: the command, later httpd and webhookd).
-- Times are wall milliseconds.  States and event types are numbers of state.h and event.def.
-- copies.flags: 1 the event delayed was written, 2 released by an operator (what held it is not
-- looked at again), 4 counted for the send limit.  suppressions: server 0 is every server's;
-- addresses in lower case; expires 0 is never.

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
	flags INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX copies_message ON copies(message);
CREATE INDEX copies_open ON copies(next) WHERE state < 3;
CREATE TABLE events (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	at INTEGER NOT NULL,
	type INTEGER NOT NULL,
	message INTEGER NOT NULL,
	copy INTEGER,
	data TEXT NOT NULL
) STRICT;
CREATE INDEX events_message ON events(message);
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

-- name: to_2
ALTER TABLE messages ADD COLUMN tag TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN stream TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN metadata TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN idempotency TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN digest BLOB;
ALTER TABLE messages ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_unkept ON messages(n) WHERE open = 0 AND kept IS NULL;
CREATE INDEX messages_idempotency ON messages(server, idempotency) WHERE idempotency <> '';
ALTER TABLE copies ADD COLUMN hold TEXT NOT NULL DEFAULT '';
ALTER TABLE copies ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
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

-- writing

-- name: message_insert
INSERT INTO messages(id, server, credential, sender, domain, size, received, open)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: copy_insert
INSERT INTO copies(id, message, rcpt, state, attempts, next, token, return_path)
VALUES (?, ?, ?, ?, 0, ?, ?, ?)

-- name: event_insert
INSERT INTO events(at, type, message, copy, data) VALUES (?, ?, ?, ?, ?)

-- name: copy_update
UPDATE copies SET state = ?, attempts = ?, next = ?, last = ? WHERE id = ?

-- name: message_close_one
UPDATE messages SET open = open - 1 WHERE n = ?

-- name: message_kept
UPDATE messages SET kept = ? WHERE n = ?

-- reading

-- name: message_by_id
SELECT n, open, kept FROM messages WHERE id = ?

-- name: message_of_copy
SELECT m.n, m.id, c.state, c.attempts, c.next FROM copies c JOIN messages m ON m.n = c.message WHERE c.id = ?

-- everything that is not final, for queued's start
-- name: open_copies
SELECT c.id, c.message, m.id, c.rcpt, c.state, c.attempts, c.next, c.return_path, c.token, m.server, m.domain, m.received
FROM copies c JOIN messages m ON m.n = c.message WHERE c.state < 3

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
