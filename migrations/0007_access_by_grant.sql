-- Keys with roles, limits, expiry and rotation; users with passwords; sessions. Secrets are stored as hashes only: SHA-256
-- for keys and sessions, which have 256 random bits, argon2id for passwords, which people choose.
-- E-mail addresses and labels are personal data, so they stand here and in no event.
-- Locks: access.api_keys briefly. Runtime: reads ledger.events twice, for the indexes on the record of
-- access and on requests for approval.

ALTER TABLE access.api_keys
ADD COLUMN family text,
ADD COLUMN label text NOT NULL DEFAULT '',
ADD COLUMN actions text [] NOT NULL DEFAULT '{}',
ADD COLUMN programs text [] NOT NULL DEFAULT '{}',
ADD COLUMN partners text [] NOT NULL DEFAULT '{}',
ADD COLUMN stores text [] NOT NULL DEFAULT '{}',
ADD COLUMN requests_per_s integer CHECK (requests_per_s > 0),
ADD COLUMN issued_by text NOT NULL DEFAULT 'cli',
ADD COLUMN expires_at timestamptz,
ADD COLUMN last_used_at timestamptz;

-- The family outlives rotation: it is the space in which idempotency keys are unique.
UPDATE access.api_keys SET family = key_id;
ALTER TABLE access.api_keys ALTER COLUMN family SET NOT NULL;

-- users --
CREATE TABLE access.users (
    user_id uuid NOT NULL PRIMARY KEY,
    email text NOT NULL,
    password_hash text NOT NULL,
    role text NOT NULL,
    actions text [] NOT NULL DEFAULT '{}',
    programs text [] NOT NULL DEFAULT '{}',
    partners text [] NOT NULL DEFAULT '{}',
    stores text [] NOT NULL DEFAULT '{}',
    is_enabled boolean NOT NULL DEFAULT TRUE,
    created_at timestamptz NOT NULL,
    failed_count integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    CONSTRAINT users_email_v1 UNIQUE (email)
);

-- sessions --
CREATE TABLE access.sessions (
    session_hash bytea NOT NULL PRIMARY KEY CHECK (length(session_hash) = 32),
    user_id uuid NOT NULL REFERENCES access.users (user_id),
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_by_user_v1 ON access.sessions (user_id);

GRANT SELECT, INSERT, UPDATE ON access.users TO khaywe_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON access.sessions TO khaywe_app;

-- The record of access is read from the ledger itself, newest first. These events are few among many.
CREATE INDEX events_access_v1 ON ledger.events (recorded_at, partition, position) WHERE topic LIKE 'access.%';

-- So are requests for approval.
CREATE INDEX events_approvals_v1 ON ledger.events (recorded_at, partition, position)
WHERE topic = 'approval.requested.v1';
