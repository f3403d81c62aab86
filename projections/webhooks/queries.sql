-- to_feed --
-- Endpoints that are behind the ledger, with what they want; and nobody else feeds them meanwhile.
SELECT t.endpoint_id, t.partition, t.position, e.program_id, e.kinds
FROM webhooks.endpoints AS e
INNER JOIN webhooks.tracking AS t ON t.endpoint_id = e.endpoint_id
INNER JOIN ledger.heads AS h ON h.partition = t.partition AND h.position > t.position
WHERE e.status = 'enabled'
ORDER BY t.partition, t.position, t.endpoint_id
LIMIT 1000
FOR UPDATE OF t SKIP LOCKED

-- full --
-- Of some endpoints those for which so much waits that more can wait in the ledger.
SELECT endpoint_id FROM webhooks.lanes WHERE endpoint_id = ANY(%(endpoint_ids)s)
GROUP BY endpoint_id HAVING sum(waiting_count) >= %(limit)s

-- holders --
-- Whose accounts these are: what their first events say.
SELECT uuid_send(stream_id), state FROM ledger.events
WHERE partition = %(partition)s AND stream_id = ANY(%(account_ids)s::uuid[]) AND version = 1

-- advance --
UPDATE webhooks.tracking SET position = %(position)s
WHERE endpoint_id = ANY(%(endpoint_ids)s) AND partition = %(partition)s

-- add_deliveries --
INSERT INTO webhooks.deliveries
    (delivery_id, endpoint_id, account_id, version, partition, position, kind, body, status, recorded_at)
SELECT
    d.delivery_id, d.endpoint_id, d.account_id, d.version, d.partition, d.position, d.kind, d.body, 'waiting', d.recorded_at
FROM unnest(
    %(delivery_ids)s::uuid[], %(endpoint_ids)s::uuid[], %(account_ids)s::uuid[], %(versions)s::bigint[],
    %(partitions)s::int[], %(positions)s::bigint[], %(kinds)s::text[], %(bodies)s::text[], %(recorded_at)s::timestamptz[]
) AS d (delivery_id, endpoint_id, account_id, version, partition, position, kind, body, recorded_at)
ON CONFLICT DO NOTHING
RETURNING endpoint_id, account_id

-- fill_lanes --
-- Counted from what was really added; in order of the key, so that two who do this never wait for each other in a ring.
INSERT INTO webhooks.lanes AS l (endpoint_id, account_id, waiting_count, due_at)
SELECT f.endpoint_id, f.account_id, count(*), %(now)s
FROM unnest(%(endpoint_ids)s::uuid[], %(account_ids)s::uuid[]) AS f (endpoint_id, account_id)
GROUP BY f.endpoint_id, f.account_id
ORDER BY f.endpoint_id, f.account_id
ON CONFLICT (endpoint_id, account_id) DO UPDATE SET waiting_count = l.waiting_count + excluded.waiting_count

-- claim --
-- Lanes that are due, a few of each endpoint, and one where nothing worked lately; each belongs to us until the claim ends or we let go of it.
WITH due AS (
    SELECT d.endpoint_id, d.account_id, e.url
    FROM webhooks.endpoints AS e
    CROSS JOIN LATERAL (
        SELECT endpoint_id, account_id FROM webhooks.lanes AS l
        WHERE l.endpoint_id = e.endpoint_id AND l.due_at <= %(now)s
        ORDER BY l.due_at LIMIT CASE WHEN e.failing_since IS NULL THEN %(per_endpoint)s ELSE 1 END
        FOR UPDATE SKIP LOCKED
    ) AS d
    WHERE
        e.status = 'enabled' AND e.endpoint_id <> ALL(%(busy)s::uuid[])
        AND (e.resting_until IS NULL OR e.resting_until <= %(now)s)
    LIMIT %(limit)s
)
UPDATE webhooks.lanes AS l SET due_at = %(until)s, claim = gen_random_uuid()
FROM due WHERE l.endpoint_id = due.endpoint_id AND l.account_id = due.account_id
RETURNING l.endpoint_id, l.account_id, l.claim, due.url

-- waiting --
-- The next deliveries of some lanes, in order.
SELECT d.endpoint_id, d.account_id, d.delivery_id, d.body, d.attempt_count, d.retry_count
FROM unnest(%(endpoint_ids)s::uuid[], %(account_ids)s::uuid[]) AS l (endpoint_id, account_id)
CROSS JOIN LATERAL (
    SELECT endpoint_id, account_id, delivery_id, body, attempt_count, retry_count, version
    FROM webhooks.deliveries AS w
    WHERE w.endpoint_id = l.endpoint_id AND w.account_id = l.account_id AND w.status = 'waiting'
    ORDER BY w.version LIMIT %(limit)s
) AS d
ORDER BY d.endpoint_id, d.account_id, d.version

-- secrets --
-- Newest first: receivers try the signatures in order.
SELECT endpoint_id, secret FROM webhooks.secrets
WHERE endpoint_id = ANY(%(endpoint_ids)s) AND (expires_at IS NULL OR expires_at > %(now)s)
ORDER BY endpoint_id, expires_at DESC NULLS FIRST

-- lock_lanes --
SELECT FROM webhooks.lanes AS l
INNER JOIN unnest(%(endpoint_ids)s::uuid[], %(account_ids)s::uuid[]) AS a (endpoint_id, account_id)
    ON a.endpoint_id = l.endpoint_id AND a.account_id = l.account_id
ORDER BY l.endpoint_id, l.account_id
FOR UPDATE OF l

-- add_attempts --
INSERT INTO webhooks.attempts (delivery_id, number, started_at, duration_ms, status_code, error, response)
SELECT a.* FROM unnest(
    %(delivery_ids)s::uuid[], %(numbers)s::int[], %(started_at)s::timestamptz[], %(durations_ms)s::int[],
    %(status_codes)s::int[], %(errors)s::text[], %(responses)s::text[]
) AS a (delivery_id, number, started_at, duration_ms, status_code, error, response)
WHERE EXISTS (SELECT FROM webhooks.deliveries AS d WHERE d.delivery_id = a.delivery_id)
ON CONFLICT DO NOTHING

-- end_attempts --
-- What came of them. One that another courier ended meanwhile, because our claim had run out, stays as it is.
WITH tried AS (
    UPDATE webhooks.deliveries AS d SET
        status = t.status,
        attempt_count = greatest(d.attempt_count, t.number),
        retry_count = d.retry_count + 1,
        ended_at = CASE WHEN t.status <> 'waiting' THEN %(now)s::timestamptz END
    FROM unnest(%(delivery_ids)s::uuid[], %(numbers)s::int[], %(statuses)s::text[]) AS t (delivery_id, number, status)
    WHERE d.delivery_id = t.delivery_id AND d.status = 'waiting'
    RETURNING d.endpoint_id, d.account_id, d.status
),
ended AS (
    SELECT endpoint_id, account_id, count(*) AS ended_count FROM tried WHERE status <> 'waiting'
    GROUP BY endpoint_id, account_id
)
UPDATE webhooks.lanes AS l SET waiting_count = l.waiting_count - e.ended_count
FROM ended AS e WHERE l.endpoint_id = e.endpoint_id AND l.account_id = e.account_id

-- leave_lanes --
UPDATE webhooks.lanes AS l SET due_at = a.due_at, claim = NULL
FROM unnest(%(endpoint_ids)s::uuid[], %(account_ids)s::uuid[], %(claims)s::uuid[], %(due_at)s::timestamptz[])
    AS a (endpoint_id, account_id, claim, due_at)
WHERE l.endpoint_id = a.endpoint_id AND l.account_id = a.account_id AND l.claim = a.claim

-- close_lanes --
DELETE FROM webhooks.lanes AS l
USING unnest(%(endpoint_ids)s::uuid[], %(account_ids)s::uuid[]) AS a (endpoint_id, account_id)
WHERE l.endpoint_id = a.endpoint_id AND l.account_id = a.account_id AND l.waiting_count <= 0

-- note_success --
-- Not at every delivery: the row is one for all accounts.
UPDATE webhooks.endpoints SET failing_since = NULL, resting_until = NULL, last_success_at = %(now)s
WHERE
    endpoint_id = %(endpoint_id)s
    AND (failing_since IS NOT NULL OR last_success_at IS NULL OR last_success_at < %(now)s - interval '1 minute')

-- note_failure --
-- One that has done nothing but fail for days is paused; what it is owed waits in the ledger.
UPDATE webhooks.endpoints SET
    failing_since = coalesce(failing_since, %(now)s),
    resting_until = coalesce(%(resting_until)s, resting_until),
    status = CASE WHEN failing_since <= %(pause_before)s THEN 'paused' ELSE status END,
    status_detail = CASE WHEN failing_since <= %(pause_before)s THEN %(detail)s ELSE status_detail END
WHERE
    endpoint_id = %(endpoint_id)s AND status = 'enabled'
RETURNING status

-- disable --
UPDATE webhooks.endpoints SET status = 'disabled', status_detail = %(detail)s
WHERE endpoint_id = %(endpoint_id)s AND status = 'enabled'

-- forget --
-- What ended long ago, some at a time; its attempts go with it.
DELETE FROM webhooks.deliveries WHERE delivery_id IN (
    SELECT delivery_id FROM webhooks.deliveries
    WHERE ended_at < %(before)s AND (status = 'delivered' OR ended_at < %(dead_before)s)
    ORDER BY ended_at LIMIT %(limit)s
)

-- forget_secrets --
DELETE FROM webhooks.secrets WHERE expires_at < %(now)s

-- endpoints --
SELECT e.endpoint_id AS webhook_id, e.url, e.kinds, e.description, e.status, e.status_detail, e.created_at, e.failing_since,
    e.last_success_at,
    (SELECT coalesce(sum(l.waiting_count), 0) FROM webhooks.lanes AS l WHERE l.endpoint_id = e.endpoint_id)::bigint
        AS waiting_count,
    (SELECT count(*) FROM webhooks.deliveries AS d WHERE d.endpoint_id = e.endpoint_id AND d.status = 'dead') AS dead_count
FROM webhooks.endpoints AS e
WHERE e.program_id = %(program_id)s AND (%(endpoint_id)s::uuid IS NULL OR e.endpoint_id = %(endpoint_id)s)
ORDER BY e.created_at, e.endpoint_id

-- requested --
SELECT e.endpoint_id, e.request_hash, (
    SELECT s.secret FROM webhooks.secrets AS s
    WHERE s.endpoint_id = e.endpoint_id AND s.created_at = e.created_at AND s.created_at > %(shown_after)s
)
FROM webhooks.endpoints AS e WHERE e.program_id = %(program_id)s AND e.request = %(request)s

-- count_endpoints --
SELECT count(*) FROM webhooks.endpoints WHERE program_id = %(program_id)s

-- add_endpoint --
INSERT INTO webhooks.endpoints (endpoint_id, program_id, url, kinds, description, status, created_at, request, request_hash)
VALUES (
    %(endpoint_id)s, %(program_id)s, %(url)s, %(kinds)s, %(description)s, 'enabled', %(now)s, %(request)s, %(request_hash)s
)

-- begin_tracking --
-- Where the ledger is; in one partition perhaps where the caller wants to begin.
INSERT INTO webhooks.tracking (endpoint_id, partition, position)
SELECT %(endpoint_id)s, h.partition,
    CASE WHEN h.partition = %(partition)s THEN least(h.position, %(position)s) ELSE h.position END
FROM ledger.heads AS h

-- add_secret --
INSERT INTO webhooks.secrets (endpoint_id, secret, created_at) VALUES (%(endpoint_id)s, %(secret)s, %(now)s)

-- retire_secrets --
UPDATE webhooks.secrets SET expires_at = %(expires_at)s WHERE endpoint_id = %(endpoint_id)s AND expires_at IS NULL

-- change_endpoint --
UPDATE webhooks.endpoints SET
    url = coalesce(%(url)s, url),
    kinds = coalesce(%(kinds)s, kinds),
    description = coalesce(%(description)s, description),
    status = coalesce(%(status)s, status),
    status_detail = CASE WHEN %(status)s::text IS NULL OR %(status)s = status THEN status_detail ELSE '' END,
    failing_since = CASE WHEN %(status)s = 'enabled' AND status <> 'enabled' THEN NULL ELSE failing_since END,
    resting_until = CASE WHEN %(status)s = 'enabled' OR %(url)s::text IS NOT NULL THEN NULL ELSE resting_until END
WHERE program_id = %(program_id)s AND endpoint_id = %(endpoint_id)s
RETURNING endpoint_id

-- delete_endpoint --
DELETE FROM webhooks.endpoints WHERE program_id = %(program_id)s AND endpoint_id = %(endpoint_id)s RETURNING endpoint_id

-- deliveries --
SELECT d.delivery_id, d.kind, d.account_id, d.version AS sequence, d.partition || ':' || d.position AS position, d.status,
    d.attempt_count, d.recorded_at, d.ended_at, d.body,
    CASE WHEN d.status = 'waiting' THEN (
        SELECT l.due_at FROM webhooks.lanes AS l WHERE l.endpoint_id = d.endpoint_id AND l.account_id = d.account_id
    ) END AS next_attempt_at
FROM webhooks.deliveries AS d
WHERE
    d.endpoint_id = %(endpoint_id)s
    AND (%(delivery_id)s::uuid IS NULL OR d.delivery_id = %(delivery_id)s)
    AND (%(status)s::text IS NULL OR d.status = %(status)s)
    AND (d.recorded_at < %(recorded_at)s OR (d.recorded_at = %(recorded_at)s AND d.delivery_id > %(after)s))
ORDER BY d.recorded_at DESC, d.delivery_id LIMIT %(limit)s

-- attempts --
SELECT delivery_id, number, started_at, duration_ms, status_code, error, response FROM webhooks.attempts
WHERE delivery_id = ANY(%(delivery_ids)s) ORDER BY delivery_id, number

-- resend --
-- All that ended one way or the other, some at a time: dead letters, or everything recorded since an instant. Each is
-- looked at once, so that what is delivered meanwhile is not taken for more to do.
UPDATE webhooks.deliveries SET status = 'waiting', retry_count = 0, ended_at = NULL
WHERE delivery_id IN (
    SELECT delivery_id FROM webhooks.deliveries
    WHERE
        endpoint_id = %(endpoint_id)s AND status <> 'waiting'
        AND (%(delivery_id)s::uuid IS NULL OR delivery_id = %(delivery_id)s)
        AND (%(delivery_id)s::uuid IS NOT NULL OR %(since)s::timestamptz IS NOT NULL OR status = 'dead')
        AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s)
        AND (recorded_at, delivery_id) > (%(recorded_at)s, %(last)s)
    ORDER BY recorded_at, delivery_id LIMIT %(limit)s
)
AND status <> 'waiting'
RETURNING endpoint_id, account_id, recorded_at, delivery_id

-- hurry --
-- Whoever asks for a delivery again does not want to wait for its back-off; a claim is left alone.
UPDATE webhooks.lanes SET due_at = %(now)s
WHERE endpoint_id = %(endpoint_id)s AND account_id = ANY(%(account_ids)s) AND claim IS NULL
