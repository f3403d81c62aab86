-- What keeps time: who leads, what ran, and whom to warn. None of it decides anything about points.
-- Locks: none on existing tables. Runtime: instant.

CREATE SCHEMA workers;
GRANT USAGE ON SCHEMA workers TO khaywe_app, khaywe_read;

-- leases --
-- Of several workers only the holder of a lease runs its jobs; a lease that was not renewed in time is free.
CREATE TABLE workers.leases (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    holder uuid NOT NULL,
    expires_at timestamptz NOT NULL
);

-- runs --
CREATE TABLE workers.runs (
    run_id uuid NOT NULL PRIMARY KEY,
    job text COLLATE "C" NOT NULL,
    as_of timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    status text NOT NULL CHECK (status IN ('running', 'finished', 'failed', 'interrupted')),
    account_count bigint NOT NULL DEFAULT 0,
    event_count bigint NOT NULL DEFAULT 0,
    refused_count bigint NOT NULL DEFAULT 0,
    detail text NOT NULL DEFAULT ''
);
CREATE INDEX runs_by_start_v1 ON workers.runs (started_at DESC, run_id);

-- completed --
-- Work that is done once, such as closing a period for every account, and by when it was done for all of them.
CREATE TABLE workers.completed (
    job text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    completed_at timestamptz NOT NULL,
    PRIMARY KEY (job, key)
);

-- warnings --
-- What members will lose soon. One row for each thing and date, so that nobody is warned twice.
CREATE TABLE workers.warnings (
    program_id text COLLATE "C" NOT NULL,
    account_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('points_lapse', 'tier_ends')),
    subject text COLLATE "C" NOT NULL,
    due_on date NOT NULL,
    member_id uuid NOT NULL,
    points bigint NOT NULL DEFAULT 0,
    warned_at timestamptz NOT NULL,
    PRIMARY KEY (program_id, account_id, kind, subject, due_on)
);
CREATE INDEX warnings_by_time_v1 ON workers.warnings (program_id, warned_at, account_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA workers TO khaywe_app;
GRANT SELECT ON ALL TABLES IN SCHEMA workers TO khaywe_read;
