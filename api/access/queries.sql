-- use_key --
-- A key in force, by its hash; that it was used is written down, at most once in a minute.
WITH found AS (
    SELECT key_id, family, requests_per_s, expires_at, role, actions, programs, partners, stores, last_used_at
    FROM access.api_keys
    WHERE key_hash = %(hash)s
    AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > %(now)s)
), used AS (
    UPDATE access.api_keys AS k SET last_used_at = %(now)s
    FROM found
    WHERE k.key_id = found.key_id
    AND (found.last_used_at IS NULL OR found.last_used_at < %(now)s - interval '1 minute')
)
SELECT key_id, family, requests_per_s, expires_at, role, actions, programs, partners, stores FROM found;

-- use_session --
-- A session that is not over, with what its user may do; that it was used is written down, at most once in a minute.
WITH found AS (
    SELECT s.session_hash, s.last_seen_at, s.expires_at, u.*
    FROM access.sessions AS s
    INNER JOIN access.users AS u USING (user_id)
    WHERE s.session_hash = %(hash)s
    AND s.expires_at > %(now)s
    AND s.last_seen_at > %(idle_since)s
    AND u.is_enabled
), used AS (
    UPDATE access.sessions AS s SET last_seen_at = %(now)s
    FROM found
    WHERE s.session_hash = found.session_hash
    AND found.last_seen_at < %(now)s - interval '1 minute'
)
SELECT user_id, expires_at, role, actions, programs, partners, stores FROM found;

-- keys --
-- Keys, newest first.
SELECT key_id, family, label, role, actions, programs, partners, stores, requests_per_s, issued_by, created_at,
    expires_at, revoked_at, last_used_at
FROM access.api_keys
WHERE (%(key_id)s::text IS NULL OR key_id = %(key_id)s)
AND (%(before_at)s::timestamptz IS NULL OR (created_at, key_id) < (%(before_at)s, %(before_id)s))
ORDER BY created_at DESC, key_id DESC
LIMIT %(limit)s;

-- users --
-- Users, newest first.
SELECT user_id, email, role, actions, programs, partners, stores, is_enabled, created_at, locked_until
FROM access.users
WHERE (%(user_id)s::uuid IS NULL OR user_id = %(user_id)s)
AND (%(before_at)s::timestamptz IS NULL OR (created_at, user_id) < (%(before_at)s, %(before_id)s))
ORDER BY created_at DESC, user_id DESC
LIMIT %(limit)s;

-- log --
-- The record of access, newest first; see the index events_access_v1.
SELECT partition, position, stream_id, topic, state, recorded_at
FROM ledger.events
WHERE topic LIKE 'access.%%'
AND (%(before_at)s::timestamptz IS NULL
    OR (recorded_at, partition, position) < (%(before_at)s, %(before_partition)s, %(before_position)s))
AND (%(stream_id)s::uuid IS NULL OR stream_id = %(stream_id)s)
AND (%(topic)s::text IS NULL OR topic = %(topic)s)
ORDER BY recorded_at DESC, partition DESC, position DESC
LIMIT %(limit)s;

-- grants --
-- What keys and users may do, named as events name them.
SELECT 'key:' || key_id AS principal, role, actions, programs, partners, stores
FROM access.api_keys
WHERE 'key:' || key_id = any(%(principals)s)
UNION ALL
SELECT 'user:' || user_id::text, role, actions, programs, partners, stores
FROM access.users
WHERE 'user:' || user_id::text = any(%(principals)s);

-- add_user --
INSERT INTO access.users (user_id, email, password_hash, role, actions, programs, partners, stores, created_at)
VALUES (%(user_id)s, %(email)s, %(password_hash)s, %(role)s, %(actions)s, %(programs)s, %(partners)s, %(stores)s, %(now)s);

-- change_user --
-- Whoever is disabled, or may do something else, signs in anew.
WITH changed AS (
    UPDATE access.users
    SET role = %(role)s, actions = %(actions)s, programs = %(programs)s, partners = %(partners)s, stores = %(stores)s,
        is_enabled = %(is_enabled)s
    WHERE user_id = %(user_id)s
)
DELETE FROM access.sessions WHERE user_id = %(user_id)s;

-- set_password --
WITH changed AS (
    UPDATE access.users SET password_hash = %(password_hash)s, failed_count = 0, locked_until = NULL
    WHERE user_id = %(user_id)s
)
DELETE FROM access.sessions WHERE user_id = %(user_id)s;

-- user_by_email --
SELECT user_id, password_hash, is_enabled, locked_until FROM access.users WHERE email = %(email)s;

-- failed --
-- Reckoned here, so that guesses at the same time count each other, and none lifts the lock of another.
UPDATE access.users
SET failed_count = failed_count + 1,
    locked_until = CASE
        WHEN locked_until > %(now)s THEN locked_until
        WHEN failed_count + 1 >= %(patience)s
            THEN %(now)s + least(%(longest)s, interval '30 seconds' * power(2, least(failed_count + 1 - %(patience)s, 10)))
    END
WHERE user_id = %(user_id)s;

-- open_session --
-- Sessions that are over go with it: nobody else tidies up.
WITH tidied AS (
    DELETE FROM access.sessions WHERE user_id = %(user_id)s AND (expires_at <= %(now)s OR last_seen_at <= %(idle_since)s)
), cleared AS (
    UPDATE access.users SET failed_count = 0, locked_until = NULL WHERE user_id = %(user_id)s
)
INSERT INTO access.sessions (session_hash, user_id, created_at, last_seen_at, expires_at)
VALUES (%(hash)s, %(user_id)s, %(now)s, %(now)s, %(expires_at)s);

-- close_session --
DELETE FROM access.sessions WHERE session_hash = %(hash)s;
