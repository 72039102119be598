-- control.sql: all SQL of control.db (writers: the command, later httpd; readers: smtpd, queued).
-- Times are wall milliseconds.  credentials.hash is BLAKE2b of the secret, keyed with the
-- instance's credential key: the secret itself is nowhere.  No number is given twice, also after
-- a deletion: mail.db, spool files and logs refer to servers and credentials by number.

-- name: schema
CREATE TABLE orgs (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	permalink TEXT NOT NULL UNIQUE,
	name TEXT NOT NULL,
	created INTEGER NOT NULL
) STRICT;
CREATE TABLE servers (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	org INTEGER NOT NULL REFERENCES orgs(id),
	permalink TEXT NOT NULL,
	name TEXT NOT NULL,
	created INTEGER NOT NULL,
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
	UNIQUE (server, type, name)
) STRICT;

-- what smtpd asks

-- name: auth
SELECT c.id, c.server, o.permalink || '/' || s.permalink
FROM credentials c JOIN servers s ON s.id = c.server JOIN orgs o ON o.id = s.org
WHERE c.hash = ? AND c.type = ?

-- name: domain_of_server
SELECT id, verified IS NOT NULL, selector FROM domains WHERE server = ? AND name = ?

-- organisations

-- name: org_insert
INSERT INTO orgs(permalink, name, created) VALUES (?1, ?1, ?2)

-- name: org_find
SELECT o.id, o.permalink, o.created, (SELECT count(*) FROM servers s WHERE s.org = o.id)
FROM orgs o WHERE o.permalink = ?

-- name: org_each
SELECT o.id, o.permalink, o.created, (SELECT count(*) FROM servers s WHERE s.org = o.id)
FROM orgs o ORDER BY o.permalink

-- name: org_delete
DELETE FROM orgs WHERE id = ?

-- servers

-- name: server_insert
INSERT INTO servers(org, permalink, name, created) VALUES (?1, ?2, ?2, ?3)

-- name: server_find
SELECT s.id, o.permalink || '/' || s.permalink, s.created,
	(SELECT count(*) FROM domains d WHERE d.server = s.id),
	(SELECT count(*) FROM credentials c WHERE c.server = s.id)
FROM servers s JOIN orgs o ON o.id = s.org WHERE o.permalink = ? AND s.permalink = ?

-- name: server_each
SELECT s.id, o.permalink || '/' || s.permalink, s.created,
	(SELECT count(*) FROM domains d WHERE d.server = s.id),
	(SELECT count(*) FROM credentials c WHERE c.server = s.id)
FROM servers s JOIN orgs o ON o.id = s.org ORDER BY o.permalink, s.permalink

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
INSERT INTO credentials(server, type, name, hash, created) VALUES (?, ?, ?, ?, ?)

-- name: credential_find
SELECT c.id, o.permalink || '/' || s.permalink, c.type, c.name, c.created
FROM credentials c JOIN servers s ON s.id = c.server JOIN orgs o ON o.id = s.org
WHERE c.server = ? AND c.type = ? AND c.name = ?

-- name: credential_each
SELECT c.id, o.permalink || '/' || s.permalink, c.type, c.name, c.created
FROM credentials c JOIN servers s ON s.id = c.server JOIN orgs o ON o.id = s.org
WHERE ?1 = 0 OR c.server = ?1 ORDER BY o.permalink, s.permalink, c.type, c.name

-- name: credential_delete
DELETE FROM credentials WHERE id = ?
