-- What lots of closed months are worth, so that closing the next month need not read the whole ledger again. A cache: it
-- can be emptied at any time, and is worked out again from the events.
-- Locks: none on existing tables. Runtime: instant.

CREATE SCHEMA books;
GRANT USAGE ON SCHEMA books TO khaywe_app;

-- lots --
-- The cohort of each lot that was made in a closed month, and what was allocated to each of its points, in exact minor
-- units as decimal text: contract, given, service.
CREATE TABLE books.lots (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    lot int NOT NULL,
    program_id text COLLATE "C" NOT NULL,
    period text COLLATE "C" NOT NULL,
    cohort text COLLATE "C" NOT NULL,
    contract_unit text NOT NULL,
    given_unit text NOT NULL,
    service_unit text NOT NULL,
    PRIMARY KEY (partition, account_id, lot)
);

-- kept --
-- Months whose lots are in the table, and by which version of the books.
CREATE TABLE books.kept (
    program_id text COLLATE "C" NOT NULL,
    period text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (program_id, period)
);

GRANT SELECT, INSERT, DELETE ON books.lots, books.kept TO khaywe_app;
