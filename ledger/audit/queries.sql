-- last --
SELECT envelope FROM audit.checkpoints ORDER BY number DESC LIMIT 1

-- checkpoint --
SELECT envelope FROM audit.checkpoints WHERE number = %(number)s

-- checkpoints --
-- Newest first.
SELECT envelope FROM audit.checkpoints WHERE number < %(before)s ORDER BY number DESC LIMIT %(limit)s

-- all_checkpoints --
-- Oldest first.
SELECT envelope FROM audit.checkpoints ORDER BY number

-- add --
INSERT INTO audit.checkpoints (number, taken_at, root, envelope)
VALUES (%(number)s, %(taken_at)s, %(root)s, %(envelope)s)

-- heads --
SELECT partition, position FROM ledger.heads ORDER BY partition

-- links --
-- Links of a range of positions, in order.
SELECT hash FROM ledger.events
WHERE partition = %(partition)s AND position > %(after)s AND position <= %(last)s
ORDER BY position

-- blocks --
-- Roots of a range of blocks, in order.
SELECT root FROM audit.blocks
WHERE partition = %(partition)s AND number >= %(first)s AND number < %(end)s
ORDER BY number

-- forget_blocks --
-- Those of an attempt that was interrupted.
DELETE FROM audit.blocks WHERE partition = %(partition)s AND number >= %(first)s

-- event_at --
-- An event in the bytes that its link is taken over, with the link before it.
SELECT
    e.position,
    e.version,
    (SELECT hash FROM ledger.events WHERE partition = e.partition AND position = e.position - 1),
    ledger.row_v1(e),
    e.hash
FROM ledger.events AS e
WHERE e.partition = %(partition)s AND e.position = %(position)s

-- events_of --
-- The same for events of one stream that were recorded in a time and are in a checkpoint, newest first.
SELECT
    e.position,
    e.version,
    (SELECT hash FROM ledger.events WHERE partition = e.partition AND position = e.position - 1),
    ledger.row_v1(e),
    e.hash
FROM ledger.events AS e
WHERE e.partition = %(partition)s AND e.stream_id = %(stream_id)s::uuid AND e.version < %(before)s
    AND e.position <= %(size)s
    AND (%(since)s::timestamptz IS NULL OR e.recorded_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR e.recorded_at < %(until)s)
ORDER BY e.version DESC
LIMIT %(limit)s

-- recorded_at --
SELECT recorded_at FROM ledger.events WHERE partition = %(partition)s AND position = %(position)s

-- link_at --
SELECT hash FROM ledger.events WHERE partition = %(partition)s AND position = %(position)s

-- copy_receipts --
COPY (
    SELECT partition, source, key, request_hash, stream_id, version FROM ledger.receipts
    WHERE partition = %(partition)s ORDER BY source, key
) TO STDOUT (FORMAT BINARY)

-- is_empty --
SELECT NOT EXISTS (SELECT FROM ledger.events) AND NOT EXISTS (SELECT FROM ledger.receipts)

-- set_head --
UPDATE ledger.heads AS h SET position = e.position, hash = e.hash, recorded_at = e.recorded_at
FROM ledger.events AS e
WHERE h.partition = %(partition)s AND e.partition = h.partition AND e.position = %(position)s

-- make_room_for_receipts --
CREATE TEMPORARY TABLE receipts_read (LIKE ledger.receipts) ON COMMIT DROP

-- take_receipts --
-- Those whose event is here.
INSERT INTO ledger.receipts
SELECT r.* FROM receipts_read AS r
INNER JOIN ledger.events AS e USING (partition, stream_id, version)
