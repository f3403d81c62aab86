-- heads --
-- Where the partitions end now.
SELECT partition, position FROM ledger.heads WHERE partition = ANY(%(partitions)s)

-- recorded_at --
-- When an event was recorded.
SELECT recorded_at FROM ledger.events WHERE partition = %(partition)s AND position = %(position)s

-- position_at --
-- The last position of each partition that was recorded by an instant: times never run backwards along the positions, so
-- halving finds it without an index of times.
WITH RECURSIVE search (partition, low, high) AS (
    SELECT partition, 0::bigint, position FROM ledger.heads WHERE partition = ANY(%(partitions)s)
    UNION ALL
    SELECT
        s.partition,
        CASE WHEN e.recorded_at <= %(instant)s THEN s.middle ELSE s.low END,
        CASE WHEN e.recorded_at <= %(instant)s THEN s.high ELSE s.middle - 1 END
    FROM (SELECT partition, low, high, (low + high + 1) / 2 AS middle FROM search WHERE low < high) AS s
    CROSS JOIN LATERAL (
        SELECT recorded_at FROM ledger.events WHERE partition = s.partition AND position = s.middle
    ) AS e
)
SELECT partition, low FROM search WHERE low = high

-- history --
-- The events of one stream, in order, up to a position.
SELECT version, topic, state FROM (
    SELECT version, topic, state, position FROM ledger.events
    WHERE partition = %(partition)s AND stream_id = %(stream_id)s
    ORDER BY version
) AS e
WHERE position <= %(position)s

-- accounts --
-- Accounts of a program in one partition, a page at a time.
SELECT account_id FROM views.accounts
WHERE partition = %(partition)s AND program_id = %(program_id)s AND account_id > %(after)s
ORDER BY account_id
LIMIT %(limit)s

-- histories --
-- The events of some streams of one partition, stream by stream and in order, up to a position.
SELECT asked.ordinal, e.version, e.topic, e.state
FROM unnest(%(stream_ids)s::uuid[]) WITH ORDINALITY AS asked (stream_id, ordinal)
CROSS JOIN LATERAL (
    SELECT version, topic, state, position FROM ledger.events AS e
    WHERE e.partition = %(partition)s AND e.stream_id = asked.stream_id
    ORDER BY e.version
) AS e
WHERE e.position <= %(position)s
ORDER BY asked.ordinal, e.version
