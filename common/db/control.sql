-- control.sql: all SQL of control.db (writers: the command, later httpd; readers: smtpd, queued).
-- Times are wall milliseconds.  No number is given twice, also after a deletion: mail.db, spool
-- files and logs refer to servers and credentials by number.
-- servers: mode is live or development; a limit of 0 is none; suspended is since when, NULL if not.
-- credentials: hash is BLAKE2b of the secret, keyed with the instance's credential key (the secret
-- itself is nowhere), of "smtp-ip:NETWORK" where there is no secret; cram is as cram.h has it;
-- network is the canonical CIDR of type smtp-ip.

-- name: schema
CREATE TABLE orgs (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	permalink TEXT NOT NULL UNIQUE,
	name TEXT NOT NULL,
	created INTEGER NOT NULL,
	suspended INTEGER,
	suspend_reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE servers (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	org INTEGER NOT NULL REFERENCES orgs(id),
	permalink TEXT NOT NULL,
	name TEXT NOT NULL,
	created INTEGER NOT NULL,
	mode TEXT NOT NULL DEFAULT 'live',
	send_limit INTEGER NOT NULL DEFAULT 0,
	bytes_limit INTEGER NOT NULL DEFAULT 0,
	allow_sender INTEGER NOT NULL DEFAULT 0,
	privacy INTEGER NOT NULL DEFAULT 0,
	suspended INTEGER,
	suspend_reason TEXT NOT NULL DEFAULT '',
	UNIQUE (org, permalink)
) STRICT;
CREATE TABLE domains (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	server INTEGER NOT NULL REFERENCES servers(id),
	name TEXT NOT NULL,
	verified INTEGER,
	selector TEXT NOT NULL,
	public_key BLOB NOT NULL,
	created INTEGER NOT NULL,
	UNIQUE (server, name)
) STRICT;
CREATE TABLE credentials (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	server INTEGER NOT NULL REFERENCES servers(id),
	type TEXT NOT NULL,
	name TEXT NOT NULL,
	hash BLOB NOT NULL UNIQUE,
	created INTEGER NOT NULL,
	hold INTEGER NOT NULL DEFAULT 0,
	cram BLOB,
	network TEXT,
	UNIQUE (server, type, name)
) STRICT;
CREATE INDEX credentials_cram ON credentials(server) WHERE cram IS NOT NULL;
CREATE UNIQUE INDEX credentials_network ON credentials(network) WHERE network IS NOT NULL;

-- name: to_2
ALTER TABLE orgs ADD COLUMN suspended INTEGER;
ALTER TABLE orgs ADD COLUMN suspend_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE servers ADD COLUMN mode TEXT NOT NULL DEFAULT 'live';
ALTER TABLE servers ADD COLUMN send_limit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE servers ADD COLUMN bytes_limit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE servers ADD COLUMN allow_sender INTEGER NOT NULL DEFAULT 0;
ALTER TABLE servers ADD COLUMN privacy INTEGER NOT NULL DEFAULT 0;
ALTER TABLE servers ADD COLUMN suspended INTEGER;
ALTER TABLE servers ADD COLUMN suspend_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN hold INTEGER NOT NULL DEFAULT 0;
ALTER TABLE credentials ADD COLUMN cram BLOB;
ALTER TABLE credentials ADD COLUMN network TEXT;
CREATE INDEX credentials_cram ON credentials(server) WHERE cram IS NOT NULL;
CREATE UNIQUE INDEX credentials_network ON credentials(network) WHERE network IS NOT NULL;

-- what smtpd asks.  The first columns of all that find a credential are the same.

-- name: auth
SELECT c.id, c.server, o.permalink || '/' || s.permalink, s.allow_sender, s.privacy,
	s.suspended IS NOT NULL OR o.suspended IS NOT NULL
FROM credentials c JOIN servers s ON s.id = c.server JOIN orgs o ON o.id = s.org
WHERE c.hash = ? AND c.type = ?

-- name: auth_cram
SELECT c.id, c.server, o.permalink || '/' || s.permalink, s.allow_sender, s.privacy,
	s.suspended IS NOT NULL OR o.suspended IS NOT NULL, c.cram
FROM orgs o JOIN servers s ON s.org = o.id JOIN credentials c ON c.server = s.id
WHERE o.permalink = ? AND s.permalink = ? AND c.cram IS NOT NULL

-- name: auth_network
SELECT c.id, c.server, o.permalink || '/' || s.permalink, s.allow_sender, s.privacy,
	s.suspended IS NOT NULL OR o.suspended IS NOT NULL
FROM credentials c JOIN servers s ON s.id = c.server JOIN orgs o ON o.id = s.org
WHERE c.network = ?

-- name: has_cram
SELECT EXISTS (SELECT 1 FROM credentials WHERE cram IS NOT NULL)

-- name: has_network
SELECT EXISTS (SELECT 1 FROM credentials WHERE network IS NOT NULL)

-- name: domain_of_server
SELECT id, verified IS NOT NULL, selector FROM domains WHERE server = ? AND name = ?

-- what queued asks

-- name: gate
SELECT s.mode = 'development', s.suspended IS NOT NULL OR o.suspended IS NOT NULL,
	COALESCE((SELECT c.hold FROM credentials c WHERE c.id = ?2), 0), s.send_limit, s.bytes_limit
FROM servers s JOIN orgs o ON o.id = s.org WHERE s.id = ?1

-- name: data_version
PRAGMA data_version

-- organisations

-- name: org_insert
INSERT INTO orgs(permalink, name, created) VALUES (?1, ?1, ?2)

-- name: org_find
SELECT o.id, o.permalink, o.created, (SELECT count(*) FROM servers s WHERE s.org = o.id),
	o.suspended, o.suspend_reason
FROM orgs o WHERE o.permalink = ?

-- name: org_each
SELECT o.id, o.permalink, o.created, (SELECT count(*) FROM servers s WHERE s.org = o.id),
	o.suspended, o.suspend_reason
FROM orgs o ORDER BY o.permalink

-- name: org_suspend
UPDATE orgs SET suspended = COALESCE(suspended, ?), suspend_reason = ? WHERE id = ?

-- name: org_unsuspend
UPDATE orgs SET suspended = NULL, suspend_reason = '' WHERE id = ?

-- name: org_delete
DELETE FROM orgs WHERE id = ?

-- servers (suspended by themselves, else with their organisation)

-- name: server_insert
INSERT INTO servers(org, permalink, name, created) VALUES (?1, ?2, ?2, ?3)

-- name: server_find
SELECT s.id, o.permalink || '/' || s.permalink, s.created,
	(SELECT count(*) FROM domains d WHERE d.server = s.id),
	(SELECT count(*) FROM credentials c WHERE c.server = s.id),
	s.mode = 'development', s.send_limit, s.bytes_limit, s.allow_sender, s.privacy,
	COALESCE(s.suspended, o.suspended), s.suspended IS NULL,
	CASE WHEN s.suspended IS NULL THEN o.suspend_reason ELSE s.suspend_reason END
FROM servers s JOIN orgs o ON o.id = s.org WHERE o.permalink = ? AND s.permalink = ?

-- name: server_each
SELECT s.id, o.permalink || '/' || s.permalink, s.created,
	(SELECT count(*) FROM domains d WHERE d.server = s.id),
	(SELECT count(*) FROM credentials c WHERE c.server = s.id),
	s.mode = 'development', s.send_limit, s.bytes_limit, s.allow_sender, s.privacy,
	COALESCE(s.suspended, o.suspended), s.suspended IS NULL,
	CASE WHEN s.suspended IS NULL THEN o.suspend_reason ELSE s.suspend_reason END
FROM servers s JOIN orgs o ON o.id = s.org ORDER BY o.permalink, s.permalink

-- name: server_set
UPDATE servers SET mode = ?, send_limit = ?, bytes_limit = ?, allow_sender = ?, privacy = ?
WHERE id = ?

-- name: server_suspend
UPDATE servers SET suspended = COALESCE(suspended, ?), suspend_reason = ? WHERE id = ?

-- name: server_unsuspend
UPDATE servers SET suspended = NULL, suspend_reason = '' WHERE id = ?

-- name: server_delete
DELETE FROM servers WHERE id = ?

-- domains (server 0: of all servers)

-- name: domain_insert
INSERT INTO domains(server, name, verified, selector, public_key, created)
VALUES (?, ?, ?, ?, ?, ?)

-- name: domain_find
SELECT d.id, o.permalink || '/' || s.permalink, d.name, d.verified, d.selector, d.created,
	d.public_key
FROM domains d JOIN servers s ON s.id = d.server JOIN orgs o ON o.id = s.org
WHERE d.server = ? AND d.name = ?

-- name: domain_each
SELECT d.id, o.permalink || '/' || s.permalink, d.name, d.verified, d.selector, d.created,
	d.public_key
FROM domains d JOIN servers s ON s.id = d.server JOIN orgs o ON o.id = s.org
WHERE ?1 = 0 OR d.server = ?1 ORDER BY o.permalink, s.permalink, d.name

-- name: domain_verify
UPDATE domains SET verified = ? WHERE id = ? AND verified IS NULL

-- name: domain_delete
DELETE FROM domains WHERE id = ?

-- credentials (server 0: of all servers)

-- name: credential_insert
INSERT INTO credentials(server, type, name, hash, created, hold, cram, network)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: credential_crams
SELECT count(*) FROM credentials WHERE server = ? AND cram IS NOT NULL

-- name: credential_find
SELECT c.id, o.permalink || '/' || s.permalink, c.type, c.name, c.created, c.hold,
	c.cram IS NOT NULL, c.network
FROM credentials c JOIN servers s ON s.id = c.server JOIN orgs o ON o.id = s.org
WHERE c.server = ? AND c.type = ? AND c.name = ?

-- name: credential_each
SELECT c.id, o.permalink || '/' || s.permalink, c.type, c.name, c.created, c.hold,
	c.cram IS NOT NULL, c.network
FROM credentials c JOIN servers s ON s.id = c.server JOIN orgs o ON o.id = s.org
WHERE ?1 = 0 OR c.server = ?1 ORDER BY o.permalink, s.permalink, c.type, c.name

-- name: credential_hold
UPDATE credentials SET hold = ? WHERE id = ?

-- name: credential_delete
DELETE FROM credentials WHERE id = ?

-- verify

-- name: verify_quick
PRAGMA quick_check(20)

-- name: verify_deep
PRAGMA integrity_check(20)

-- name: verify_foreign
PRAGMA foreign_key_check
