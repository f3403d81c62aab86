-- archive_at --
SELECT number FROM ledger.archives WHERE folder = %(folder)s

-- add_archive --
INSERT INTO ledger.archives (number, folder)
SELECT coalesce(max(number), 0) + 1, %(folder)s FROM ledger.archives
RETURNING number

-- move_archive --
UPDATE ledger.archives SET folder = %(folder)s WHERE number = %(number)s

-- allow --
-- From now on, states up to here may leave.
INSERT INTO ledger.removals (partition, position) VALUES (%(partition)s, %(position)s)
ON CONFLICT (partition) DO UPDATE SET position = greatest(removals.position, excluded.position)

-- forbid --
DELETE FROM ledger.removals

-- last_before --
-- The last position that was recorded before a moment, no further than the archive goes.
SELECT coalesce(max(position), 0) FROM ledger.events
WHERE partition = %(partition)s AND position <= %(last)s AND recorded_at < %(before)s

-- link_at --
SELECT encode(hash, 'hex') FROM ledger.events WHERE partition = %(partition)s AND position = %(position)s

-- bulk --
-- How many states could leave, and how many bytes they are.
SELECT count(*), coalesce(sum(length(state)), 0) FROM ledger.events
WHERE partition = %(partition)s AND position <= %(last)s
    AND topic LIKE 'account.%%' AND topic <> 'account.opened.v1' AND NOT ledger.is_reference_v1(state)

-- bulky --
-- A page of them, stream by stream.
SELECT uuid_send(stream_id), version, position, state FROM ledger.events
WHERE partition = %(partition)s AND (stream_id, version) > (%(stream_id)s, %(version)s)
    AND position <= %(last)s
    AND topic LIKE 'account.%%' AND topic <> 'account.opened.v1' AND NOT ledger.is_reference_v1(state)
ORDER BY stream_id, version LIMIT %(limit)s

-- referring --
-- A page of those that left, in the order of positions.
SELECT uuid_send(stream_id), version, position, state FROM ledger.events
WHERE partition = %(partition)s AND position > %(after)s AND position <= %(last)s
    AND ledger.is_reference_v1(state)
ORDER BY position LIMIT %(limit)s

-- exchange --
UPDATE ledger.events AS e SET state = changed.state
FROM unnest(%(stream_ids)s::uuid [], %(versions)s::bigint [], %(states)s::bytea []) AS changed (stream_id, version, state)
WHERE e.partition = %(partition)s AND e.stream_id = changed.stream_id AND e.version = changed.version
