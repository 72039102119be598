-- control.sql: all SQL of control.db (writers: the command, later httpd; readers: smtpd, queued).
-- Times are wall milliseconds.  No number is given twice, also after a deletion: mail.db, spool
-- files and logs refer to servers and credentials by number.
-- domains: token is what its owner publishes to prove that it is his; checked is when DNS was last
-- looked at (NULL: never), dkim_published and return_path_ok what was found.
-- domain_keys: algorithm is as in a=, public_key as in p= of the DNS record, state is new (not used
-- yet), active (signs; one of each algorithm) or retired (published still, signs no more).
-- servers: mode is live or development; a limit of 0 is none; suspended is since when, NULL if not;
-- relay is HOST:PORT, empty if there is none.
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
	relay TEXT NOT NULL DEFAULT '',
	UNIQUE (org, permalink)
) STRICT;
CREATE TABLE domains (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	server INTEGER NOT NULL REFERENCES servers(id),
	name TEXT NOT NULL,
	verified INTEGER,
	created INTEGER NOT NULL,
	token TEXT NOT NULL DEFAULT '',
	checked INTEGER,
	dkim_published INTEGER NOT NULL DEFAULT 0,
	return_path_ok INTEGER NOT NULL DEFAULT 0,
	UNIQUE (server, name)
) STRICT;
CREATE TABLE domain_keys (
	id INTEGER PRIMARY KEY,
	domain INTEGER NOT NULL REFERENCES domains(id),
	selector TEXT NOT NULL,
	algorithm TEXT NOT NULL,
	public_key BLOB NOT NULL,
	state TEXT NOT NULL,
	created INTEGER NOT NULL,
	UNIQUE (domain, selector)
) STRICT;
CREATE UNIQUE INDEX domain_keys_active ON domain_keys(domain, algorithm) WHERE state = 'active';
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

-- name: to_3
CREATE TABLE domain_keys (
	id INTEGER PRIMARY KEY,
	domain INTEGER NOT NULL REFERENCES domains(id),
	selector TEXT NOT NULL,
	algorithm TEXT NOT NULL,
	public_key BLOB NOT NULL,
	state TEXT NOT NULL,
	created INTEGER NOT NULL,
	UNIQUE (domain, selector)
) STRICT;
CREATE UNIQUE INDEX domain_keys_active ON domain_keys(domain, algorithm) WHERE state = 'active';
INSERT INTO domain_keys(domain, selector, algorithm, public_key, state, created)
SELECT id, selector, 'rsa-sha256', public_key, 'active', created FROM domains;
ALTER TABLE domains DROP COLUMN selector;
ALTER TABLE domains DROP COLUMN public_key;
ALTER TABLE servers ADD COLUMN relay TEXT NOT NULL DEFAULT '';
ALTER TABLE domains ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE domains ADD COLUMN checked INTEGER;
ALTER TABLE domains ADD COLUMN dkim_published INTEGER NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN return_path_ok INTEGER NOT NULL DEFAULT 0;
UPDATE domains SET token = lower(hex(randomblob(16))), dkim_published = verified IS NOT NULL;

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
SELECT id, verified IS NOT NULL, dkim_published, return_path_ok
FROM domains WHERE server = ? AND name = ?

-- what queued asks

-- name: gate
SELECT s.mode = 'development', s.suspended IS NOT NULL OR o.suspended IS NOT NULL,
	COALESCE((SELECT c.hold FROM credentials c WHERE c.id = ?2), 0), s.send_limit, s.bytes_limit,
	s.relay
FROM servers s JOIN orgs o ON o.id = s.org WHERE s.id = ?1

-- name: sign_list
SELECT k.selector, k.algorithm, d.dkim_published FROM domains d JOIN domain_keys k ON k.domain = d.id
WHERE d.server = ? AND d.name = ? AND d.verified IS NOT NULL AND k.state = 'active'
ORDER BY k.algorithm DESC

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
	CASE WHEN s.suspended IS NULL THEN o.suspend_reason ELSE s.suspend_reason END, s.relay
FROM servers s JOIN orgs o ON o.id = s.org WHERE o.permalink = ? AND s.permalink = ?

-- name: server_each
SELECT s.id, o.permalink || '/' || s.permalink, s.created,
	(SELECT count(*) FROM domains d WHERE d.server = s.id),
	(SELECT count(*) FROM credentials c WHERE c.server = s.id),
	s.mode = 'development', s.send_limit, s.bytes_limit, s.allow_sender, s.privacy,
	COALESCE(s.suspended, o.suspended), s.suspended IS NULL,
	CASE WHEN s.suspended IS NULL THEN o.suspend_reason ELSE s.suspend_reason END, s.relay
FROM servers s JOIN orgs o ON o.id = s.org ORDER BY o.permalink, s.permalink

-- name: server_set
UPDATE servers SET mode = ?, send_limit = ?, bytes_limit = ?, allow_sender = ?, privacy = ?,
	relay = ?
WHERE id = ?

-- name: server_suspend
UPDATE servers SET suspended = COALESCE(suspended, ?), suspend_reason = ? WHERE id = ?

-- name: server_unsuspend
UPDATE servers SET suspended = NULL, suspend_reason = '' WHERE id = ?

-- name: server_delete
DELETE FROM servers WHERE id = ?

-- domains (server 0: of all servers) with the selector of the active key, the RSA one of two

-- name: domain_insert
INSERT INTO domains(server, name, verified, created, token, dkim_published)
VALUES (?1, ?2, ?3, ?4, ?5, ?3 IS NOT NULL)

-- name: domain_find
SELECT d.id, o.permalink || '/' || s.permalink, d.name, d.verified, d.created,
	(SELECT k.selector FROM domain_keys k WHERE k.domain = d.id AND k.state = 'active'
	ORDER BY k.algorithm DESC LIMIT 1),
	d.token, d.checked, d.dkim_published, d.return_path_ok
FROM domains d JOIN servers s ON s.id = d.server JOIN orgs o ON o.id = s.org
WHERE d.server = ? AND d.name = ?

-- name: domain_each
SELECT d.id, o.permalink || '/' || s.permalink, d.name, d.verified, d.created,
	(SELECT k.selector FROM domain_keys k WHERE k.domain = d.id AND k.state = 'active'
	ORDER BY k.algorithm DESC LIMIT 1),
	d.token, d.checked, d.dkim_published, d.return_path_ok
FROM domains d JOIN servers s ON s.id = d.server JOIN orgs o ON o.id = s.org
WHERE ?1 = 0 OR d.server = ?1 ORDER BY o.permalink, s.permalink, d.name

-- name: domain_verify
UPDATE domains SET verified = ?, dkim_published = dkim_published OR checked IS NULL
WHERE id = ? AND verified IS NULL

-- name: domain_checked
UPDATE domains SET checked = ?1, verified = COALESCE(verified, CASE WHEN ?2 THEN ?1 END),
	dkim_published = ?3, return_path_ok = ?4
WHERE id = ?5

-- name: domain_delete
DELETE FROM domains WHERE id = ?

-- keys of domains (domain 0: of all)

-- name: key_insert
INSERT INTO domain_keys(domain, selector, algorithm, public_key, state, created)
VALUES (?, ?, ?, ?, ?, ?)

-- name: key_each
SELECT k.id, o.permalink || '/' || s.permalink, d.name, k.selector, k.algorithm, k.state,
	k.created, k.public_key
FROM domain_keys k JOIN domains d ON d.id = k.domain JOIN servers s ON s.id = d.server
	JOIN orgs o ON o.id = s.org
WHERE ?1 = 0 OR k.domain = ?1 ORDER BY o.permalink, s.permalink, d.name, k.created, k.id

-- name: key_retire
UPDATE domain_keys SET state = 'retired' WHERE domain = ? AND algorithm = ? AND state = 'active'

-- name: key_activate
UPDATE domain_keys SET state = 'active' WHERE id = ?

-- name: key_delete
DELETE FROM domain_keys WHERE id = ?

-- name: keys_delete
DELETE FROM domain_keys WHERE domain = ?

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
