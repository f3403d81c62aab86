-- What offline tills promised, and what was booked for it: one row per purchase and point currency with a promise.
-- Only adds. No event before this one carries a promise; the new view reads the ledger once from its start to know that.
-- Locks: none that anybody waits for. Runtime: instant; then the follower joins the new view to the others, at the pace
-- of a rebuild of one small view.

CREATE TABLE views.promises (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    point_currency text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    effective_on date NOT NULL,
    bundle_version int NOT NULL,
    program_version int NOT NULL,
    reason text COLLATE "C" NOT NULL,
    promised_points bigint NOT NULL,
    booked_points bigint NOT NULL,
    repriced_points bigint NOT NULL DEFAULT 0,
    returned_points bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (partition, account_id, version, point_currency)
);
CREATE INDEX promises_by_day_v1 ON views.promises (effective_on, source, transaction_id, account_id, point_currency);

GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON views.promises TO khaywe_app;
GRANT SELECT ON views.promises TO khaywe_read;
