-- The read side: tables that projections fill from the events and that can be rebuilt from them at any time.
-- Locks: none on existing tables. Runtime: instant.

CREATE SCHEMA views;
GRANT USAGE ON SCHEMA views TO khaywe_app, khaywe_read;

-- tracking --
-- How far each view has read. Written in the transaction that writes the view's rows.
CREATE TABLE views.tracking (
    view text COLLATE "C" NOT NULL,
    partition int NOT NULL,
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT tracking_view_partition PRIMARY KEY (view, partition)
) WITH (fillfactor = 10);

-- accounts, balances --
CREATE TABLE views.accounts (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    program_id text COLLATE "C" NOT NULL,
    member_id uuid NOT NULL,
    opened_on date NOT NULL,
    PRIMARY KEY (partition, account_id)
);

CREATE TABLE views.balances (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    point_currency text COLLATE "C" NOT NULL,
    accrued_points bigint NOT NULL,
    redeemed_points bigint NOT NULL,
    reversed_points bigint NOT NULL,
    balance_points bigint NOT NULL GENERATED ALWAYS AS (accrued_points - redeemed_points + reversed_points) STORED,
    version bigint NOT NULL,
    PRIMARY KEY (partition, account_id, point_currency)
) WITH (fillfactor = 70);

-- lots --
-- A used-up lot stays, with no points left: what was given back and when it lapses must remain answerable.
CREATE TABLE views.lots (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    lot int NOT NULL,
    point_currency text COLLATE "C" NOT NULL,
    accrued_points bigint NOT NULL,
    open_points bigint NOT NULL,
    earned_on date NOT NULL,
    available_from date NOT NULL,
    expires_on date,
    kind text NOT NULL,
    rule text NOT NULL,
    funding text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (partition, account_id, lot)
) WITH (fillfactor = 90);

-- purchases --
CREATE TABLE views.purchases (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    effective_on date NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    program_version int NOT NULL,
    points bigint NOT NULL,
    PRIMARY KEY (partition, account_id, version)
);

-- timeline --
-- One line per event and point currency it moved; an event that moved none has one line without.
CREATE TABLE views.timeline (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    topic text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    effective_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    reference text COLLATE "C" NOT NULL,
    line smallint NOT NULL,
    point_currency text COLLATE "C",
    points bigint NOT NULL,
    balance_points bigint,
    PRIMARY KEY (partition, account_id, version, line)
);

GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA views TO khaywe_app;
GRANT SELECT ON ALL TABLES IN SCHEMA views TO khaywe_read;
