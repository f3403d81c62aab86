-- Keys that open the API. Only hashes are stored. Locks: none on existing tables. Runtime: instant.

CREATE SCHEMA access;
GRANT USAGE ON SCHEMA access TO khaywe_app;

CREATE TABLE access.api_keys (
    key_id text PRIMARY KEY,
    role text NOT NULL,
    key_hash bytea NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

GRANT SELECT, INSERT, UPDATE ON access.api_keys TO khaywe_app;
