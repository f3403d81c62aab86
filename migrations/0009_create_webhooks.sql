-- Who wants to be told what happens, and what was told: endpoints, an outbox in the order of each account, every attempt.
-- Locks: none on existing tables. Runtime: instant.

CREATE SCHEMA webhooks;
GRANT USAGE ON SCHEMA webhooks TO khaywe_app;

-- endpoints --
-- `request` and `request_hash` make creating one idempotent; `failing_since` is when it last began to do nothing but fail, and
-- `resting_until` leaves one alone that does not answer at all, so that messages do not use up their retries meanwhile.
CREATE TABLE webhooks.endpoints (
    endpoint_id uuid NOT NULL PRIMARY KEY,
    program_id text COLLATE "C" NOT NULL,
    url text NOT NULL,
    kinds text[] NOT NULL,
    description text NOT NULL,
    status text NOT NULL CHECK (status IN ('enabled', 'disabled', 'paused')),
    status_detail text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    failing_since timestamptz,
    resting_until timestamptz,
    last_success_at timestamptz,
    request text COLLATE "C",
    request_hash bytea
);
CREATE INDEX endpoints_by_program_v1 ON webhooks.endpoints (program_id, created_at, endpoint_id);
CREATE UNIQUE INDEX endpoints_by_request_v1 ON webhooks.endpoints (program_id, request) WHERE request IS NOT NULL;

-- secrets --
-- What signs. A signature needs the secret itself, so it is kept as it is, in a table of its own that no reader is granted.
CREATE TABLE webhooks.secrets (
    endpoint_id uuid NOT NULL REFERENCES webhooks.endpoints ON DELETE CASCADE,
    secret bytea NOT NULL CHECK (length(secret) BETWEEN 24 AND 64),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (endpoint_id, secret)
);

-- tracking --
-- How far the ledger was read for each endpoint. Written in the transaction that writes the deliveries.
CREATE TABLE webhooks.tracking (
    endpoint_id uuid NOT NULL REFERENCES webhooks.endpoints ON DELETE CASCADE,
    partition int NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (endpoint_id, partition)
) WITH (fillfactor = 10);

-- deliveries --
-- One event on its way to one endpoint. The body is kept as it is sent, because the signature is over its bytes.
CREATE TABLE webhooks.deliveries (
    delivery_id uuid NOT NULL PRIMARY KEY,
    endpoint_id uuid NOT NULL REFERENCES webhooks.endpoints ON DELETE CASCADE,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    partition int NOT NULL,
    position bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    body text NOT NULL,
    status text NOT NULL CHECK (status IN ('waiting', 'delivered', 'dead')),
    attempt_count int NOT NULL DEFAULT 0,
    retry_count int NOT NULL DEFAULT 0,
    recorded_at timestamptz NOT NULL,
    ended_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX deliveries_log_v1 ON webhooks.deliveries (endpoint_id, recorded_at DESC, delivery_id);
CREATE INDEX deliveries_waiting_v1 ON webhooks.deliveries (endpoint_id, account_id, version) WHERE status = 'waiting';
CREATE INDEX deliveries_dead_v1 ON webhooks.deliveries (endpoint_id, recorded_at) WHERE status = 'dead';
CREATE INDEX deliveries_ended_v1 ON webhooks.deliveries (ended_at) WHERE ended_at IS NOT NULL;

-- lanes --
-- One account on its way to one endpoint, while anything waits: a lane is worked on by one courier at a time, in order.
-- Claiming a lane moves `due_at` to when the claim ends, so that a courier that died is replaced.
CREATE TABLE webhooks.lanes (
    endpoint_id uuid NOT NULL REFERENCES webhooks.endpoints ON DELETE CASCADE,
    account_id uuid NOT NULL,
    waiting_count int NOT NULL,
    due_at timestamptz NOT NULL,
    claim uuid,
    PRIMARY KEY (endpoint_id, account_id)
) WITH (fillfactor = 70);
CREATE INDEX lanes_due_v1 ON webhooks.lanes (endpoint_id, due_at);

-- attempts --
CREATE TABLE webhooks.attempts (
    delivery_id uuid NOT NULL REFERENCES webhooks.deliveries ON DELETE CASCADE,
    number int NOT NULL,
    started_at timestamptz NOT NULL,
    duration_ms int NOT NULL,
    status_code int,
    error text NOT NULL,
    response text NOT NULL,
    PRIMARY KEY (delivery_id, number)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA webhooks TO khaywe_app;
