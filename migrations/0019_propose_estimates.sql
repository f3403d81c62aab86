-- Proposed estimates of breakage, which finance applies with a second person. And what suppliers were owed for each
-- redemption, so that its reversal undoes exactly that; it is a cache like books.lots, which is worked out again with it.
-- Locks: books.lots and books.kept, while they are emptied. Runtime: instant; the next reading of the books reads the
-- closed months once more.

-- proposals --
-- Kept for ever: what is applied names the SHA-256 of the document.
CREATE TABLE books.proposals (
    proposal_id uuid NOT NULL PRIMARY KEY,
    program_id text COLLATE "C" NOT NULL,
    point_currency text COLLATE "C" NOT NULL,
    through text COLLATE "C" NOT NULL,
    document bytea NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    made_by text NOT NULL,
    made_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX proposals_by_document_v1 ON books.proposals (program_id, sha256);
CREATE INDEX proposals_by_time_v1 ON books.proposals (program_id, made_at DESC, proposal_id);

CREATE TRIGGER proposals_are_immutable_v1 BEFORE UPDATE OR DELETE OR TRUNCATE ON books.proposals
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_v1();

GRANT SELECT, INSERT ON books.proposals TO khaywe_app;

-- redeemed_lots --
-- What was posted for the points of a lot that were redeemed at a supplier, or that their funder paid for then; what a
-- reversal took back of it is below zero. In minor units: released contract and given value, owed to the supplier, owed
-- by the funder.
CREATE TABLE books.redeemed_lots (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    redemption_id text COLLATE "C" NOT NULL,
    lot int NOT NULL,
    program_id text COLLATE "C" NOT NULL,
    period text COLLATE "C" NOT NULL,
    points bigint NOT NULL,
    contract_minor bigint NOT NULL,
    given_minor bigint NOT NULL,
    owed_minor bigint NOT NULL,
    funded_minor bigint NOT NULL
);
CREATE INDEX redeemed_lots_by_redemption_v1 ON books.redeemed_lots (partition, account_id, redemption_id, lot);
CREATE INDEX redeemed_lots_by_period_v1 ON books.redeemed_lots (program_id, period);
GRANT SELECT, INSERT, DELETE ON books.redeemed_lots TO khaywe_app;

TRUNCATE books.lots, books.kept;
