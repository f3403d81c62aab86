-- stream --
SELECT version, topic, state FROM ledger.events
WHERE partition = %(partition)s AND stream_id = %(stream_id)s
ORDER BY version

-- heads --
SELECT partition, position FROM ledger.heads ORDER BY partition

-- program_count --
SELECT count(*) FROM ledger.events WHERE topic = 'program.created.v1'

-- page --
-- Events of a partition in order, up to a position.
SELECT position, uuid_send(stream_id) AS stream_id, topic, state FROM ledger.events
WHERE partition = %(partition)s AND position > %(after)s AND position <= %(last)s
ORDER BY position LIMIT %(limit)s

-- accounts_of --
-- Which of some streams are accounts of a program; the first event of an account names it.
SELECT uuid_send(e.stream_id)
FROM unnest(%(stream_ids)s::uuid []) AS asked (stream_id)
CROSS JOIN LATERAL (
    SELECT stream_id, topic, state FROM ledger.events
    WHERE partition = %(partition)s AND stream_id = asked.stream_id AND version = 1
    OFFSET 0
) AS e
WHERE e.topic = 'account.opened.v1' AND convert_from(e.state, 'UTF8')::jsonb ->> 'program_id' = %(program_id)s

-- make_room_for_lots --
CREATE TEMPORARY TABLE books_new_lots (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    lot int NOT NULL,
    program_id text NOT NULL,
    period text NOT NULL,
    cohort text NOT NULL,
    contract_unit text NOT NULL,
    given_unit text NOT NULL,
    service_unit text NOT NULL,
    PRIMARY KEY (account_id, lot)
) ON COMMIT DROP

-- lots --
-- Worth of lots that were made in an earlier month, or in this one so far.
SELECT
    uuid_send(asked.account_id), asked.lot, worth.is_old,
    worth.cohort, worth.contract_unit, worth.given_unit, worth.service_unit
FROM unnest(%(accounts)s::uuid [], %(lots)s::int []) AS asked (account_id, lot)
CROSS JOIN LATERAL (
    SELECT true AS is_old, cohort, contract_unit, given_unit, service_unit FROM books.lots
    WHERE partition = %(partition)s AND account_id = asked.account_id AND lot = asked.lot AND period < %(period)s
    UNION ALL
    SELECT false, cohort, contract_unit, given_unit, service_unit FROM books_new_lots
    WHERE account_id = asked.account_id AND lot = asked.lot
    LIMIT 1
) AS worth

-- kept --
SELECT period, version FROM books.kept WHERE program_id = %(program_id)s

-- forget_lots --
DELETE FROM books.lots WHERE program_id = %(program_id)s AND period >= %(period)s

-- forget_kept --
DELETE FROM books.kept WHERE program_id = %(program_id)s AND period >= %(period)s

-- kept_lots --
-- The same where this month's are kept.
SELECT
    uuid_send(asked.account_id), asked.lot, worth.is_old,
    worth.cohort, worth.contract_unit, worth.given_unit, worth.service_unit
FROM unnest(%(accounts)s::uuid [], %(lots)s::int []) AS asked (account_id, lot)
CROSS JOIN LATERAL (
    SELECT period < %(period)s AS is_old, cohort, contract_unit, given_unit, service_unit FROM books.lots
    WHERE partition = %(partition)s AND account_id = asked.account_id AND lot = asked.lot AND period <= %(period)s
    OFFSET 0
) AS worth

-- copy_lots --
COPY books.lots (partition, account_id, lot, program_id, period, cohort, contract_unit, given_unit, service_unit)
FROM STDIN

-- copy_new_lots --
COPY books_new_lots (partition, account_id, lot, program_id, period, cohort, contract_unit, given_unit, service_unit)
FROM STDIN

-- keep --
INSERT INTO books.kept (program_id, period, version) VALUES (%(program_id)s, %(period)s, %(version)s)

-- lock --
SELECT pg_advisory_xact_lock(hashtext('books:' || %(program_id)s))

-- lock_shared --
SELECT pg_advisory_xact_lock_shared(hashtext('books:' || %(program_id)s))

-- store_proposal --
INSERT INTO books.proposals (
    proposal_id, program_id, point_currency, through, document, sha256, made_by, made_at
)
VALUES (
    %(proposal_id)s, %(program_id)s, %(point_currency)s, %(through)s, %(document)s, %(sha256)s, %(made_by)s,
    clock_timestamp()
)
ON CONFLICT DO NOTHING

-- proposal --
-- By its id, or by its document.
SELECT proposal_id, program_id, point_currency, through, document, sha256, made_by, made_at
FROM books.proposals
WHERE
    program_id = %(program_id)s
    AND (%(proposal_id)s::uuid IS NULL OR proposal_id = %(proposal_id)s)
    AND (%(sha256)s::bytea IS NULL OR sha256 = %(sha256)s)

-- proposals --
-- Newest first.
SELECT proposal_id, point_currency, through, sha256, made_by, made_at
FROM books.proposals
WHERE
    program_id = %(program_id)s
    AND (
        %(made_at)s::timestamptz IS NULL
        OR made_at < %(made_at)s OR (made_at = %(made_at)s AND proposal_id > %(proposal_id)s)
    )
ORDER BY made_at DESC, proposal_id LIMIT %(limit)s

-- has_approvals --
SELECT EXISTS (SELECT FROM ledger.events WHERE topic = 'approval.requested.v1')

-- granted --
-- Who agreed to what, by the streams of the requests.
SELECT uuid_send(e.stream_id), e.topic, e.state
FROM unnest(%(partitions)s::int [], %(stream_ids)s::uuid []) AS asked (partition, stream_id)
INNER JOIN ledger.events AS e ON e.partition = asked.partition AND e.stream_id = asked.stream_id
WHERE e.topic = 'approval.granted.v1'

-- make_room_for_redeemed_lots --
CREATE TEMPORARY TABLE books_new_redeemed_lots (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    redemption_id text NOT NULL,
    lot int NOT NULL,
    program_id text NOT NULL,
    period text NOT NULL,
    points bigint NOT NULL,
    contract_minor bigint NOT NULL,
    given_minor bigint NOT NULL,
    owed_minor bigint NOT NULL,
    funded_minor bigint NOT NULL
) ON COMMIT DROP;
CREATE INDEX books_new_redeemed_lots_v1 ON books_new_redeemed_lots (account_id, redemption_id, lot)

-- redeemed_lots --
-- What was posted for redemptions of earlier months, or of this one so far, and what was taken back of it.
SELECT
    uuid_send(asked.account_id), asked.redemption_id, asked.lot,
    coalesce(sum(s.points) FILTER (WHERE s.points > 0), 0)::bigint,
    coalesce(-sum(s.points) FILTER (WHERE s.points < 0), 0)::bigint,
    coalesce(sum(s.contract_minor) FILTER (WHERE s.points > 0), 0)::bigint,
    coalesce(sum(s.given_minor) FILTER (WHERE s.points > 0), 0)::bigint,
    coalesce(sum(s.owed_minor) FILTER (WHERE s.points > 0), 0)::bigint,
    coalesce(sum(s.funded_minor) FILTER (WHERE s.points > 0), 0)::bigint,
    coalesce(-sum(s.contract_minor) FILTER (WHERE s.points < 0), 0)::bigint,
    coalesce(-sum(s.given_minor) FILTER (WHERE s.points < 0), 0)::bigint,
    coalesce(-sum(s.owed_minor) FILTER (WHERE s.points < 0), 0)::bigint,
    coalesce(-sum(s.funded_minor) FILTER (WHERE s.points < 0), 0)::bigint
FROM unnest(%(accounts)s::uuid [], %(redemptions)s::text [], %(lots)s::int []) AS asked (account_id, redemption_id, lot)
CROSS JOIN LATERAL (
    SELECT points, contract_minor, given_minor, owed_minor, funded_minor FROM books.redeemed_lots
    WHERE
        partition = %(partition)s AND account_id = asked.account_id AND redemption_id = asked.redemption_id
        AND lot = asked.lot AND period < %(period)s
    UNION ALL
    SELECT points, contract_minor, given_minor, owed_minor, funded_minor FROM books_new_redeemed_lots
    WHERE account_id = asked.account_id AND redemption_id = asked.redemption_id AND lot = asked.lot
) AS s
GROUP BY asked.account_id, asked.redemption_id, asked.lot

-- kept_redeemed_lots --
-- The same where this month's are kept.
SELECT
    uuid_send(asked.account_id), asked.redemption_id, asked.lot,
    coalesce(sum(s.points) FILTER (WHERE s.points > 0), 0)::bigint,
    coalesce(-sum(s.points) FILTER (WHERE s.points < 0), 0)::bigint,
    coalesce(sum(s.contract_minor) FILTER (WHERE s.points > 0), 0)::bigint,
    coalesce(sum(s.given_minor) FILTER (WHERE s.points > 0), 0)::bigint,
    coalesce(sum(s.owed_minor) FILTER (WHERE s.points > 0), 0)::bigint,
    coalesce(sum(s.funded_minor) FILTER (WHERE s.points > 0), 0)::bigint,
    coalesce(-sum(s.contract_minor) FILTER (WHERE s.points < 0), 0)::bigint,
    coalesce(-sum(s.given_minor) FILTER (WHERE s.points < 0), 0)::bigint,
    coalesce(-sum(s.owed_minor) FILTER (WHERE s.points < 0), 0)::bigint,
    coalesce(-sum(s.funded_minor) FILTER (WHERE s.points < 0), 0)::bigint
FROM unnest(%(accounts)s::uuid [], %(redemptions)s::text [], %(lots)s::int []) AS asked (account_id, redemption_id, lot)
INNER JOIN books.redeemed_lots AS s
    ON
        s.partition = %(partition)s AND s.account_id = asked.account_id AND s.redemption_id = asked.redemption_id
        AND s.lot = asked.lot AND s.period <= %(period)s
GROUP BY asked.account_id, asked.redemption_id, asked.lot

-- copy_redeemed_lots --
COPY books.redeemed_lots (
    partition, account_id, redemption_id, lot, program_id, period, points, contract_minor, given_minor, owed_minor,
    funded_minor
)
FROM STDIN

-- copy_new_redeemed_lots --
COPY books_new_redeemed_lots (
    partition, account_id, redemption_id, lot, program_id, period, points, contract_minor, given_minor, owed_minor,
    funded_minor
)
FROM STDIN

-- forget_redeemed_lots --
DELETE FROM books.redeemed_lots WHERE program_id = %(program_id)s AND period >= %(period)s
