-- Lists travel as one text with the unit separator between the items, which no id of ours or anybody's may contain:
-- the driver would take longer to spell an array than the server to find its rows.

-- positions --
SELECT partition, position FROM ledger.heads

-- changed_streams --
-- Streams that were appended to after a position.
SELECT DISTINCT uuid_send(stream_id) FROM ledger.events
WHERE partition = %(partition)s AND position > %(after)s

-- receipts --
-- What was already done among the references asked about, with the event that answers. Every partition is probed, so
-- that a key reused for another member is noticed wherever that member lives. OFFSET 0 keeps the planner from turning
-- the probes around into a scan, which it likes to do while it has no statistics.
SELECT
    asked.ordinal,
    r.request_hash,
    e.partition,
    e.position,
    uuid_send(e.stream_id),
    e.version,
    e.topic,
    e.state,
    e.recorded_at
FROM unnest(string_to_array(%(sources)s, E'\x1f'), string_to_array(%(keys)s, E'\x1f'))
    WITH ORDINALITY AS asked (source, key, ordinal)
CROSS JOIN LATERAL (
    SELECT partition, stream_id, version, request_hash FROM ledger.receipts
    WHERE partition = ANY(%(partitions)s) AND source = asked.source AND key = asked.key
    OFFSET 0
) AS r
CROSS JOIN LATERAL (
    SELECT partition, position, stream_id, version, topic, state, recorded_at FROM ledger.events
    WHERE partition = r.partition AND stream_id = r.stream_id AND version = r.version
    OFFSET 0
) AS e

-- streams --
-- The newest usable snapshot of each stream, and the events after it; snapshots first, events in order.
WITH asked AS (
    SELECT
        a.partition,
        a.stream_id,
        a.ordinal,
        s.version,
        s.topic,
        s.state
    FROM unnest(
        string_to_array(%(partitions)s, E'\x1f')::int[],
        string_to_array(%(stream_ids)s, E'\x1f')::uuid[],
        string_to_array(%(snapshot_topics)s, E'\x1f')
    ) WITH ORDINALITY AS a (partition, stream_id, snapshot_topic, ordinal)
    LEFT JOIN LATERAL (
        SELECT version, topic, state FROM ledger.snapshots AS s
        WHERE s.partition = a.partition AND s.stream_id = a.stream_id AND s.topic = a.snapshot_topic
        ORDER BY s.version DESC LIMIT 1
    ) AS s ON TRUE
)
SELECT ordinal, version, topic, state, TRUE AS is_snapshot FROM asked WHERE version IS NOT NULL
UNION ALL
SELECT a.ordinal, e.version, e.topic, e.state, FALSE FROM asked AS a
CROSS JOIN LATERAL (
    SELECT version, topic, state FROM ledger.events AS e
    WHERE e.partition = a.partition AND e.stream_id = a.stream_id AND e.version > coalesce(a.version, 0)
    -- The order asks for the index of streams; without statistics that of positions looks just as good.
    ORDER BY e.version
) AS e
ORDER BY is_snapshot DESC, ordinal, version

-- histories --
-- Every event of some streams, in order.
SELECT asked.ordinal, e.topic, e.state
FROM unnest(string_to_array(%(partitions)s, E'\x1f')::int[], string_to_array(%(stream_ids)s, E'\x1f')::uuid[])
    WITH ORDINALITY AS asked (partition, stream_id, ordinal)
CROSS JOIN LATERAL (
    SELECT version, topic, state FROM ledger.events AS e
    WHERE e.partition = asked.partition AND e.stream_id = asked.stream_id
    ORDER BY e.version
) AS e
ORDER BY asked.ordinal, e.version

-- page --
-- Events of a partition in order.
SELECT position, uuid_send(stream_id) AS stream_id, version, topic, state, recorded_at FROM ledger.events
WHERE partition = %(partition)s AND position > %(after)s
ORDER BY position LIMIT %(limit)s

-- add_snapshot --
INSERT INTO ledger.snapshots (partition, stream_id, version, topic, state)
VALUES (%(partition)s, %(stream_id)s, %(version)s, %(topic)s, %(state)s)
ON CONFLICT DO NOTHING

-- drop_older_snapshots --
DELETE FROM ledger.snapshots
WHERE partition = %(partition)s AND stream_id = %(stream_id)s AND version < %(version)s

-- stream_of --
SELECT uuid_send(r.stream_id) FROM ledger.heads AS h
INNER JOIN ledger.receipts AS r ON r.partition = h.partition AND r.source = %(source)s AND r.key = %(key)s
LIMIT 1

-- event_of --
SELECT e.partition, uuid_send(e.stream_id), e.version, e.topic, e.state FROM ledger.heads AS h
INNER JOIN ledger.receipts AS r ON r.partition = h.partition AND r.source = %(source)s AND r.key = %(key)s
INNER JOIN ledger.events AS e ON e.partition = r.partition AND e.stream_id = r.stream_id AND e.version = r.version
LIMIT 1

-- stream --
-- Events of one stream.
SELECT version, topic, state FROM ledger.events
WHERE partition = %(partition)s AND stream_id = %(stream_id)s AND version > %(gt)s AND version <= %(lte)s
ORDER BY version LIMIT %(limit)s

-- stream_backwards --
SELECT version, topic, state FROM ledger.events
WHERE partition = %(partition)s AND stream_id = %(stream_id)s AND version > %(gt)s AND version <= %(lte)s
ORDER BY version DESC LIMIT %(limit)s

-- notifications --
-- Events of a partition in order, all of them or those of some topics.
SELECT position, stream_id, version, topic, state FROM ledger.events
WHERE
    partition = %(partition)s AND position > %(after)s AND position <= %(last)s
    AND (%(topics)s::text[] IS NULL OR topic = ANY(%(topics)s))
ORDER BY position LIMIT %(limit)s

-- last_position --
SELECT position FROM ledger.heads WHERE partition = %(partition)s

-- snapshots --
-- Cached states of one stream.
SELECT version, topic, state FROM ledger.snapshots
WHERE partition = %(partition)s AND stream_id = %(stream_id)s AND version > %(gt)s AND version <= %(lte)s
ORDER BY version LIMIT %(limit)s

-- snapshots_backwards --
SELECT version, topic, state FROM ledger.snapshots
WHERE partition = %(partition)s AND stream_id = %(stream_id)s AND version > %(gt)s AND version <= %(lte)s
ORDER BY version DESC LIMIT %(limit)s

-- insert_snapshot --
INSERT INTO ledger.snapshots (partition, stream_id, version, topic, state)
VALUES (%(partition)s, %(stream_id)s, %(version)s, %(topic)s, %(state)s)

-- head_and_last --
-- What the head says, and the last position there is; in one statement, so that both are of one moment.
SELECT h.position, h.hash, h.recorded_at, coalesce(e.position, 0)
FROM ledger.heads AS h
LEFT JOIN LATERAL (SELECT max(position) AS position FROM ledger.events WHERE partition = h.partition) AS e ON TRUE
WHERE h.partition = %(partition)s

-- link_at --
SELECT hash, recorded_at FROM ledger.events WHERE partition = %(partition)s AND position = %(position)s

-- copy_links --
-- Everything the chain is taken over, in the bytes it is taken over, and the links.
COPY (
    SELECT partition, position, stream_id, version, topic, state, recorded_at, hash FROM ledger.events
    WHERE partition = %(partition)s AND position > %(after)s AND position <= %(last)s
    ORDER BY position
) TO STDOUT (FORMAT BINARY)

-- first_without_predecessor --
-- The first of these events that does not follow the version before it. Counting keeps the planner to one probe each.
SELECT asked.position, asked.version
FROM unnest(
    string_to_array(%(positions)s, E'\x1f')::bigint[],
    string_to_array(%(stream_ids)s, E'\x1f')::uuid[],
    string_to_array(%(versions)s, E'\x1f')::bigint[]
) AS asked (position, stream_id, version)
CROSS JOIN LATERAL (
    SELECT count(*) AS found FROM ledger.events AS e
    WHERE
        e.partition = %(partition)s AND e.stream_id = asked.stream_id AND e.version = asked.version - 1
        AND e.position < asked.position
) AS before
WHERE before.found = 0
ORDER BY asked.position LIMIT 1

-- created_programs --
-- Ids of programs, a page at a time.
SELECT created.program_id
FROM (
    SELECT (convert_from(state, 'UTF8')::jsonb ->> 'program_id') COLLATE "C" AS program_id
    FROM ledger.events
    WHERE topic = 'program.created.v1'
) AS created
WHERE (%(after)s::text IS NULL OR created.program_id > %(after)s::text)
    AND (%(only)s::text [] IS NULL OR created.program_id = ANY(%(only)s::text []))
ORDER BY created.program_id
LIMIT %(limit)s

-- newest_first --
-- Events of one stream, from the newest or from before a version.
SELECT version, topic, state, recorded_at FROM ledger.events
WHERE
    partition = %(partition)s AND stream_id = %(stream_id)s
    AND (%(before)s::bigint IS NULL OR version < %(before)s::bigint)
ORDER BY version DESC
LIMIT %(limit)s
