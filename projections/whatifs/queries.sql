-- positions --
-- How far the ledger is, partition by partition.
SELECT array_agg(position ORDER BY partition) FROM ledger.heads

-- count_accounts --
SELECT count(*) FROM members.members WHERE program_id = %(program_id)s

-- last_of_sample --
-- Account ids are hashes, so the first ones are a sample that is always the same.
SELECT account_id FROM members.members WHERE program_id = %(program_id)s
ORDER BY account_id OFFSET %(sample)s - 1 LIMIT 1

-- repaired_before --
-- What-ifs over a window that meets this one, of which repairs were made.
SELECT DISTINCT w.what_if_id::text
FROM what_ifs.what_ifs AS w INNER JOIN what_ifs.repairs AS r USING (what_if_id)
WHERE
    w.program_id = %(program_id)s AND r.status IN ('running', 'done')
    AND (%(window_end)s::timestamptz IS NULL OR w.window_start < %(window_end)s)
    AND (w.window_end IS NULL OR w.window_end > %(window_start)s)
ORDER BY 1

-- insert_what_if --
INSERT INTO what_ifs.what_ifs (
    what_if_id, program_id, principal, request_sha256, version, terms, window_start, window_end, as_of, sample,
    last_account, point_values, repaired, positions, status, account_count, totals, result_sha256, created_at
)
VALUES (
    %(what_if_id)s, %(program_id)s, %(principal)s, %(request_sha256)s, %(version)s, %(terms)s, %(window_start)s,
    %(window_end)s, %(as_of)s, %(sample)s, %(last_account)s, %(point_values)s, %(repaired)s, %(positions)s, 'queued',
    %(account_count)s, %(totals)s, %(result_sha256)s, clock_timestamp()
)
ON CONFLICT DO NOTHING

-- what_if --
SELECT
    what_if_id, program_id, principal, request_sha256, version, terms, window_start, window_end, as_of, sample,
    last_account, point_values, repaired, positions, status, account_count, done_count, after_member, totals,
    result_sha256, failure, created_at, started_at, ended_at, cancel_requested_at
FROM what_ifs.what_ifs
WHERE what_if_id = %(what_if_id)s AND (%(program_id)s::text IS NULL OR program_id = %(program_id)s)

-- what_ifs --
-- Newest first, of one program or all.
SELECT
    what_if_id, program_id, principal, request_sha256, version, terms, window_start, window_end, as_of, sample,
    last_account, point_values, repaired, positions, status, account_count, done_count, after_member, totals,
    result_sha256, failure, created_at, started_at, ended_at, cancel_requested_at
FROM what_ifs.what_ifs
WHERE
    (%(program_id)s::text IS NULL OR program_id = %(program_id)s)
    AND (
        %(created_at)s::timestamptz IS NULL
        OR created_at < %(created_at)s OR (created_at = %(created_at)s AND what_if_id > %(what_if_id)s)
    )
ORDER BY created_at DESC, what_if_id LIMIT %(limit)s

-- open_what_ifs --
-- Oldest first.
SELECT what_if_id FROM what_ifs.what_ifs WHERE status IN ('queued', 'running') ORDER BY created_at LIMIT 100

-- start_what_if --
UPDATE what_ifs.what_ifs SET status = 'running', started_at = clock_timestamp()
WHERE what_if_id = %(what_if_id)s AND status = 'queued'

-- accounts_after --
-- A page of accounts, in the order of their members.
SELECT member_id, account_id FROM members.members
WHERE
    program_id = %(program_id)s AND member_id > %(after_member)s
    AND (%(last_account)s::uuid IS NULL OR account_id <= %(last_account)s)
ORDER BY member_id LIMIT %(limit)s

-- histories_until --
-- Every event of some streams up to the positions that are looked at, in order.
SELECT asked.ordinal, e.topic, e.state
FROM unnest(string_to_array(%(partitions)s, E'\x1f')::int[], string_to_array(%(stream_ids)s, E'\x1f')::uuid[])
    WITH ORDINALITY AS asked (partition, stream_id, ordinal)
CROSS JOIN LATERAL (
    SELECT version, topic, state FROM ledger.events AS e
    WHERE
        e.partition = asked.partition AND e.stream_id = asked.stream_id
        AND e.position <= (%(positions)s::bigint[])[asked.partition + 1]
    ORDER BY e.version
) AS e
ORDER BY asked.ordinal, e.version

-- advance_what_if --
-- Nothing comes back if it is not where we think: somebody else carries it out, or it has ended.
UPDATE what_ifs.what_ifs SET
    done_count = done_count + %(count)s,
    after_member = %(after_member)s,
    totals = %(totals)s,
    result_sha256 = %(result_sha256)s
WHERE what_if_id = %(what_if_id)s AND status = 'running' AND done_count = %(done_count)s
RETURNING what_if_id

-- end_what_if --
UPDATE what_ifs.what_ifs SET
    status = %(status)s, failure = %(failure)s, ended_at = clock_timestamp(), account_count = done_count
WHERE what_if_id = %(what_if_id)s AND status = 'running'

-- cancel_what_if --
-- One that is running is ended by the worker that carries it out, after what it has under way.
UPDATE what_ifs.what_ifs SET
    cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
    status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END,
    ended_at = CASE WHEN status = 'queued' THEN clock_timestamp() END
WHERE what_if_id = %(what_if_id)s AND status IN ('queued', 'running')

-- members --
-- Largest difference first.
SELECT account_id, member_id, version, absolute_points, change_points, outcome FROM what_ifs.members
WHERE
    what_if_id = %(what_if_id)s
    AND (
        %(absolute_points)s::bigint IS NULL
        OR absolute_points < %(absolute_points)s
        OR (absolute_points = %(absolute_points)s AND account_id > %(account_id)s)
    )
ORDER BY absolute_points DESC, account_id LIMIT %(limit)s

-- top_winners --
SELECT account_id, member_id, version, absolute_points, change_points, outcome FROM what_ifs.members
WHERE what_if_id = %(what_if_id)s AND change_points > 0
ORDER BY change_points DESC, account_id DESC LIMIT %(limit)s

-- top_losers --
SELECT account_id, member_id, version, absolute_points, change_points, outcome FROM what_ifs.members
WHERE what_if_id = %(what_if_id)s AND change_points < 0
ORDER BY change_points, account_id LIMIT %(limit)s

-- members_to_repair --
-- In the order of their ids.
SELECT account_id, member_id, version, absolute_points, change_points, outcome FROM what_ifs.members
WHERE
    what_if_id = %(what_if_id)s AND account_id > %(after_account)s
ORDER BY account_id LIMIT %(limit)s

-- insert_repair --
INSERT INTO what_ifs.repairs (
    repair_id, what_if_id, program_id, principal, request_sha256, reason, chosen, may_overdraw, status, account_count,
    points, created_at
)
VALUES (
    %(repair_id)s, %(what_if_id)s, %(program_id)s, %(principal)s, %(request_sha256)s, %(reason)s, %(chosen)s,
    %(may_overdraw)s, 'waiting', %(account_count)s, %(points)s, clock_timestamp()
)
ON CONFLICT DO NOTHING

-- repair --
SELECT
    repair_id, what_if_id, program_id, principal, request_sha256, reason, chosen, may_overdraw, status, account_count,
    points, done_count, posted_count, replayed_count, skipped_count, refused_count, after_account, created_at,
    started_at, ended_at
FROM what_ifs.repairs WHERE repair_id = %(repair_id)s

-- repairs --
-- Of a what-if, oldest first.
SELECT
    repair_id, what_if_id, program_id, principal, request_sha256, reason, chosen, may_overdraw, status, account_count,
    points, done_count, posted_count, replayed_count, skipped_count, refused_count, after_account, created_at,
    started_at, ended_at
FROM what_ifs.repairs WHERE what_if_id = %(what_if_id)s ORDER BY created_at, repair_id LIMIT 100

-- open_repairs --
SELECT repair_id FROM what_ifs.repairs WHERE status IN ('waiting', 'running') ORDER BY created_at LIMIT 1000

-- start_repair --
UPDATE what_ifs.repairs SET status = 'running', started_at = clock_timestamp()
WHERE repair_id = %(repair_id)s AND status = 'waiting'

-- end_repair --
UPDATE what_ifs.repairs SET status = %(status)s, ended_at = clock_timestamp()
WHERE repair_id = %(repair_id)s AND status IN ('waiting', 'running')

-- advance_repair --
UPDATE what_ifs.repairs SET
    done_count = done_count + %(count)s,
    posted_count = posted_count + %(posted_count)s,
    replayed_count = replayed_count + %(replayed_count)s,
    skipped_count = skipped_count + %(skipped_count)s,
    refused_count = refused_count + %(refused_count)s,
    after_account = %(after_account)s
WHERE repair_id = %(repair_id)s AND status = 'running' AND after_account = %(before_account)s
RETURNING repair_id

-- insert_repaired --
INSERT INTO what_ifs.repaired (
    repair_id, account_id, member_id, result, point_currency, points, position, slug, detail
)
VALUES (
    %(repair_id)s, %(account_id)s, %(member_id)s, %(result)s, %(point_currency)s, %(points)s, %(position)s, %(slug)s,
    %(detail)s
)

-- repaired --
-- In the order of the accounts' ids.
SELECT account_id, member_id, result, point_currency, points, position, slug, detail FROM what_ifs.repaired
WHERE
    repair_id = %(repair_id)s AND (account_id, point_currency) > (%(account_id)s, %(point_currency)s)
    AND (%(result)s::text IS NULL OR result = %(result)s)
ORDER BY account_id, point_currency LIMIT %(limit)s
