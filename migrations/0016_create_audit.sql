-- Checkpoints: what the ledger held at a moment, under one signed root; and roots of blocks of events, so that a proof
-- need not read the whole ledger. Checkpoints never change, as events never do.
-- Locks: none on existing tables. Runtime: instant.

CREATE SCHEMA audit;
GRANT USAGE ON SCHEMA audit TO khaywe_app;

-- checkpoints --
CREATE TABLE audit.checkpoints (
    number bigint PRIMARY KEY CHECK (number > 0),
    taken_at timestamptz NOT NULL,
    root bytea NOT NULL CHECK (length(root) = 32),
    envelope bytea NOT NULL
);

CREATE TRIGGER checkpoints_are_immutable_v1 BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_v1();

-- blocks --
-- The root over the links of 1024 events: those at positions 1024 * number + 1 to 1024 * (number + 1). They can be
-- computed again from the events at any time, and a proof that was made with a wrong one does not hold.
CREATE TABLE audit.blocks (
    partition int NOT NULL,
    number bigint NOT NULL,
    root bytea NOT NULL CHECK (length(root) = 32),
    CONSTRAINT blocks_number_v1 PRIMARY KEY (partition, number)
);

GRANT SELECT, INSERT ON audit.checkpoints TO khaywe_app;
GRANT SELECT, INSERT, DELETE ON audit.blocks TO khaywe_app;
