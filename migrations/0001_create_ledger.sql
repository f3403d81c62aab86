-- The facts: events, heads, receipts, snapshots. Everything is keyed by partition, so that the whole can be
-- distributed by it. Keys are compared byte by byte (COLLATE "C"): they are codes, not words, and a linguistic
-- comparison makes every look-up on the posting path several times slower. Locks: none on existing tables. Runtime: instant.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'khaywe_app') THEN
        CREATE ROLE khaywe_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'khaywe_read') THEN
        CREATE ROLE khaywe_read NOLOGIN;
    END IF;
END
$$;
GRANT khaywe_app TO CURRENT_USER;

-- The embedded server's login for BI tools; where somebody else runs PostgreSQL, they grant khaywe_read to whom they like.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'khaywe_bi') THEN
        GRANT khaywe_read TO khaywe_bi;
    END IF;
END
$$;

CREATE SCHEMA ledger;
GRANT USAGE ON SCHEMA ledger TO khaywe_app, khaywe_read;

-- heads --
-- Where each partition ends. Locking its row is what orders appends.
CREATE TABLE ledger.heads (
    partition int PRIMARY KEY CHECK (partition >= 0),
    position bigint NOT NULL DEFAULT 0,
    hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (length(hash) = 32),
    recorded_at timestamptz NOT NULL DEFAULT '2000-01-01 00:00:00+00'
) WITH (fillfactor = 10);
-- fillfactor: one row is updated by every append; the room lets the updates stay on its page.

-- events --
CREATE TABLE ledger.events (
    partition int NOT NULL,
    position bigint NOT NULL,
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    topic text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT events_stream_version_v1 PRIMARY KEY (partition, stream_id, version),
    CONSTRAINT events_position_v1 UNIQUE (partition, position)
);

-- receipts --
-- One per effect ever asked for: who asked (source), under which key, what exactly, and the event that answered.
CREATE TABLE ledger.receipts (
    partition int NOT NULL,
    source text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    request_hash bytea NOT NULL,
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT receipts_key_v1 PRIMARY KEY (partition, source, key)
);

-- snapshots --
-- States at a version, to save folding. A cache: may be emptied at any time.
CREATE TABLE ledger.snapshots (
    partition int NOT NULL,
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    topic text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    CONSTRAINT snapshots_stream_version_v1 PRIMARY KEY (partition, stream_id, version)
);

CREATE FUNCTION ledger.refuse_change_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: recorded facts never change; correct them with a new event',
        tg_op, tg_table_schema, tg_table_name USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER events_are_immutable_v1 BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.events
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_v1();

CREATE TRIGGER receipts_are_immutable_v1 BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.receipts
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_v1();

CREATE VIEW ledger.event_log AS
SELECT
    partition,
    position,
    stream_id,
    version,
    topic,
    convert_from(state, 'UTF8')::jsonb AS state,
    recorded_at,
    encode(hash, 'hex') AS hash
FROM ledger.events;
COMMENT ON VIEW ledger.event_log IS 'Every recorded event, its state readable as jsonb.';

GRANT SELECT, INSERT ON ledger.events, ledger.receipts TO khaywe_app;
GRANT SELECT, UPDATE ON ledger.heads TO khaywe_app;
GRANT SELECT, INSERT, DELETE ON ledger.snapshots TO khaywe_app;
GRANT SELECT ON ledger.event_log TO khaywe_app, khaywe_read;
