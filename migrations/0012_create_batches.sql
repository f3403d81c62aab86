-- Batches that are accepted at once and carried out later: what was sent, how far they are, and what became of each item.
-- Items travel in blocks of a thousand lines, because a row per item would cost more than posting it. Items can hold cards,
-- so nobody but the application reads them, and they are deleted some weeks after the batch has ended.
-- Locks: none on existing tables. Runtime: instant.

CREATE SCHEMA batches;
GRANT USAGE ON SCHEMA batches TO khaywe_app;

-- batches --
CREATE TABLE batches.batches (
    batch_id uuid NOT NULL PRIMARY KEY,
    program_id text COLLATE "C" NOT NULL,
    family text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    principal text NOT NULL,
    media_type text NOT NULL,
    body_sha256 bytea NOT NULL CHECK (length(body_sha256) = 32),
    body_bytes bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('queued', 'running', 'done', 'cancelled')),
    item_count bigint NOT NULL,
    done_count bigint NOT NULL DEFAULT 0,
    posted_count bigint NOT NULL DEFAULT 0,
    replayed_count bigint NOT NULL DEFAULT 0,
    refused_count bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    cancel_requested_at timestamptz,
    items_deleted_at timestamptz,
    CONSTRAINT batches_key_v1 UNIQUE (program_id, family, key),
    CHECK (done_count <= item_count AND posted_count + replayed_count + refused_count = done_count)
);
CREATE INDEX batches_by_time_v1 ON batches.batches (program_id, created_at DESC, batch_id);
CREATE INDEX batches_open_v1 ON batches.batches (created_at) WHERE status IN ('queued', 'running');
CREATE INDEX batches_kept_v1 ON batches.batches (ended_at) WHERE items_deleted_at IS NULL;

-- blocks --
-- Up to a thousand items as they were sent, a line each, and which of them could not even be read.
CREATE TABLE batches.blocks (
    batch_id uuid NOT NULL REFERENCES batches.batches (batch_id),
    number int NOT NULL,
    items bytea NOT NULL,
    unreadable bytea NOT NULL,
    PRIMARY KEY (batch_id, number)
);

-- results --
-- What became of the items of a block, in their order; written with the counts of the batch in one transaction.
CREATE TABLE batches.results (
    batch_id uuid NOT NULL REFERENCES batches.batches (batch_id),
    number int NOT NULL,
    results bytea NOT NULL,
    refused_count int NOT NULL,
    PRIMARY KEY (batch_id, number)
);

GRANT SELECT, INSERT, UPDATE ON batches.batches TO khaywe_app;
GRANT SELECT, INSERT, DELETE ON batches.blocks, batches.results TO khaywe_app;
