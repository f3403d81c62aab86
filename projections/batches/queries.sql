-- insert_batch --
-- Nothing comes back if the key is taken; who is inserting under it at this moment is waited for.
INSERT INTO batches.batches (
    batch_id, program_id, family, key, principal, media_type, body_sha256, body_bytes, status, item_count, created_at
)
VALUES (
    %(batch_id)s, %(program_id)s, %(family)s, %(key)s, %(principal)s, %(media_type)s, %(body_sha256)s, %(body_bytes)s,
    'queued', 0, clock_timestamp()
)
ON CONFLICT ON CONSTRAINT batches_key_v1 DO NOTHING RETURNING batch_id

-- count_items --
UPDATE batches.batches SET item_count = %(item_count)s WHERE batch_id = %(batch_id)s

-- batch_of_key --
SELECT batch_id FROM batches.batches WHERE program_id = %(program_id)s AND family = %(family)s AND key = %(key)s

-- batch --
SELECT
    batch_id, program_id, principal, media_type, body_sha256, body_bytes, status, item_count, done_count, posted_count,
    replayed_count, refused_count, created_at, started_at, ended_at, cancel_requested_at, items_deleted_at
FROM batches.batches
WHERE batch_id = %(batch_id)s AND (%(program_id)s::text IS NULL OR program_id = %(program_id)s)

-- batches --
-- Newest first, of one program or all.
SELECT
    batch_id, program_id, principal, media_type, body_sha256, body_bytes, status, item_count, done_count, posted_count,
    replayed_count, refused_count, created_at, started_at, ended_at, cancel_requested_at, items_deleted_at
FROM batches.batches
WHERE
    (%(program_id)s::text IS NULL OR program_id = %(program_id)s)
    AND (
        %(created_at)s::timestamptz IS NULL
        OR created_at < %(created_at)s OR (created_at = %(created_at)s AND batch_id > %(batch_id)s)
    )
ORDER BY created_at DESC, batch_id LIMIT %(limit)s

-- open_batches --
-- Oldest first.
SELECT batch_id FROM batches.batches WHERE status IN ('queued', 'running') ORDER BY created_at LIMIT 100

-- block --
SELECT items, unreadable FROM batches.blocks WHERE batch_id = %(batch_id)s AND number = %(number)s

-- start_batch --
UPDATE batches.batches SET status = 'running', started_at = clock_timestamp()
WHERE batch_id = %(batch_id)s AND status = 'queued'

-- insert_results --
INSERT INTO batches.results (batch_id, number, results, refused_count)
VALUES (%(batch_id)s, %(number)s, %(results)s, %(refused_count)s)

-- advance --
-- Nothing comes back if the batch is not where we think: somebody else carries it out, or it has ended.
UPDATE batches.batches SET
    done_count = done_count + %(count)s,
    posted_count = posted_count + %(posted_count)s,
    replayed_count = replayed_count + %(replayed_count)s,
    refused_count = refused_count + %(refused_count)s,
    status = CASE WHEN done_count + %(count)s = item_count THEN 'done' ELSE status END,
    ended_at = CASE WHEN done_count + %(count)s = item_count THEN clock_timestamp() END
WHERE batch_id = %(batch_id)s AND status = 'running' AND done_count = %(done_count)s
RETURNING batch_id

-- end_cancelled --
UPDATE batches.batches SET status = 'cancelled', ended_at = clock_timestamp()
WHERE batch_id = %(batch_id)s AND status = 'running' AND cancel_requested_at IS NOT NULL

-- request_cancel --
-- One that is running is ended by the worker that carries it out, after what it has under way.
UPDATE batches.batches SET
    cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
    status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END,
    ended_at = CASE WHEN status = 'queued' THEN clock_timestamp() END
WHERE batch_id = %(batch_id)s AND status IN ('queued', 'running')

-- results --
SELECT number, results FROM batches.results
WHERE batch_id = %(batch_id)s AND number BETWEEN %(first)s AND %(last)s ORDER BY number

-- next_rejects --
-- The next block with refused items.
SELECT r.number, r.results, b.items
FROM batches.results AS r INNER JOIN batches.blocks AS b USING (batch_id, number)
WHERE r.batch_id = %(batch_id)s AND r.number >= %(first)s AND r.refused_count > 0
ORDER BY r.number LIMIT 1

-- kept_batches --
-- Batches whose items are old enough to be deleted.
SELECT batch_id FROM batches.batches
WHERE items_deleted_at IS NULL AND ended_at < %(before)s ORDER BY ended_at LIMIT %(limit)s

-- delete_blocks --
DELETE FROM batches.blocks WHERE batch_id = %(batch_id)s

-- delete_results --
DELETE FROM batches.results WHERE batch_id = %(batch_id)s

-- note_deleted --
UPDATE batches.batches SET items_deleted_at = clock_timestamp() WHERE batch_id = %(batch_id)s
