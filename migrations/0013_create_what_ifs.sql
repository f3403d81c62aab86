-- What another version of a program would have come to, for every account, and the repairs that were made of it. All of it
-- can be deleted at any time: what a repair booked is in the ledger.
-- Locks: none on existing tables. Runtime: instant.

CREATE SCHEMA what_ifs;
GRANT USAGE ON SCHEMA what_ifs TO khaywe_app;

-- what_ifs --
-- Terms and positions are kept as they were when it was asked, so that an interrupted run goes on with the same question.
CREATE TABLE what_ifs.what_ifs (
    what_if_id uuid NOT NULL PRIMARY KEY,
    program_id text COLLATE "C" NOT NULL,
    principal text NOT NULL,
    request_sha256 bytea NOT NULL CHECK (length(request_sha256) = 32),
    version text NOT NULL,
    terms bytea NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz,
    as_of timestamptz NOT NULL,
    sample bigint,
    last_account uuid,
    point_values bytea NOT NULL,
    repaired text[] NOT NULL,
    positions bigint[] NOT NULL,
    status text NOT NULL CHECK (status IN ('queued', 'running', 'done', 'cancelled', 'failed')),
    account_count bigint NOT NULL,
    done_count bigint NOT NULL DEFAULT 0,
    after_member uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    totals bytea NOT NULL,
    result_sha256 bytea NOT NULL,
    failure text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    cancel_requested_at timestamptz,
    CHECK (window_end IS NULL OR window_end > window_start)
);
CREATE INDEX what_ifs_by_time_v1 ON what_ifs.what_ifs (program_id, created_at DESC, what_if_id);
CREATE INDEX what_ifs_open_v1 ON what_ifs.what_ifs (created_at) WHERE status IN ('queued', 'running');

-- members --
-- Accounts for which something would be different; no row means that nothing would.
CREATE TABLE what_ifs.members (
    what_if_id uuid NOT NULL REFERENCES what_ifs.what_ifs (what_if_id),
    account_id uuid NOT NULL,
    member_id uuid NOT NULL,
    version bigint NOT NULL,
    absolute_points bigint NOT NULL,
    change_points bigint NOT NULL,
    outcome bytea NOT NULL,
    PRIMARY KEY (what_if_id, account_id)
);
CREATE INDEX members_by_size_v1 ON what_ifs.members (what_if_id, absolute_points DESC, account_id);
CREATE INDEX members_by_change_v1 ON what_ifs.members (what_if_id, change_points, account_id);

-- repairs --
-- It begins when a second person has agreed, which the approval's own stream tells.
CREATE TABLE what_ifs.repairs (
    repair_id uuid NOT NULL PRIMARY KEY,
    what_if_id uuid NOT NULL REFERENCES what_ifs.what_ifs (what_if_id),
    program_id text COLLATE "C" NOT NULL,
    principal text NOT NULL,
    request_sha256 bytea NOT NULL CHECK (length(request_sha256) = 32),
    reason text NOT NULL,
    chosen text NOT NULL CHECK (chosen IN ('all', 'losers', 'winners')),
    may_overdraw boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('waiting', 'running', 'done', 'rejected')),
    account_count bigint NOT NULL,
    points bytea NOT NULL,
    done_count bigint NOT NULL DEFAULT 0,
    posted_count bigint NOT NULL DEFAULT 0,
    replayed_count bigint NOT NULL DEFAULT 0,
    skipped_count bigint NOT NULL DEFAULT 0,
    refused_count bigint NOT NULL DEFAULT 0,
    after_account uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz
);
CREATE INDEX repairs_of_what_if_v1 ON what_ifs.repairs (what_if_id, created_at);
CREATE INDEX repairs_open_v1 ON what_ifs.repairs (created_at) WHERE status IN ('waiting', 'running');

-- repaired --
CREATE TABLE what_ifs.repaired (
    repair_id uuid NOT NULL REFERENCES what_ifs.repairs (repair_id),
    account_id uuid NOT NULL,
    member_id uuid NOT NULL,
    result text NOT NULL CHECK (result IN ('posted', 'replayed', 'skipped', 'refused')),
    point_currency text COLLATE "C" NOT NULL,
    points bigint NOT NULL,
    position text NOT NULL,
    slug text NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (repair_id, account_id, point_currency)
);

GRANT SELECT, INSERT, UPDATE ON what_ifs.what_ifs, what_ifs.repairs TO khaywe_app;
GRANT SELECT, INSERT ON what_ifs.members, what_ifs.repaired TO khaywe_app;
