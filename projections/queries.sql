-- begin_tracking --
-- A view nobody has filled yet starts before the first event.
INSERT INTO tracking (view, partition, position, recorded_at)
SELECT v.view, h.partition, 0, '2000-01-01 00:00:00+00'
FROM unnest(%(views)s::text[]) AS v (view) CROSS JOIN ledger.heads AS h
ON CONFLICT DO NOTHING

-- positions --
SELECT view, partition, position FROM tracking WHERE view = ANY(%(views)s) ORDER BY partition, position

-- advance --
-- Only if nobody else advanced the view meanwhile; the rows stay locked until the page is written.
UPDATE tracking SET position = %(last_position)s, recorded_at = %(recorded_at)s
WHERE view = ANY(%(views)s) AND partition = %(partition)s AND position = %(first_position)s

-- status --
-- How far each view has read, and how far behind the ledger it is.
SELECT t.view, t.partition, t.position, h.position - t.position AS behind, t.recorded_at,
    coalesce((
        SELECT greatest(0, extract(epoch FROM clock_timestamp() - e.recorded_at))
        FROM ledger.events AS e WHERE e.partition = t.partition AND e.position = t.position + 1
    ), 0)::float8 AS behind_s
FROM views.tracking AS t INNER JOIN ledger.heads AS h ON h.partition = t.partition
ORDER BY t.view, t.partition

-- position_of --
SELECT min(position) FROM views.tracking WHERE partition = %(partition)s AND view = ANY(%(views)s)

-- hold_still --
-- The live views' positions, and nobody may move them until the transaction ends. Views kept in step have one each.
SELECT partition, min(position) FROM (
    SELECT partition, position FROM views.tracking WHERE view = ANY(%(views)s) ORDER BY view, partition FOR UPDATE
) AS held
GROUP BY partition

-- live_positions --
SELECT partition, min(position) FROM views.tracking WHERE view = ANY(%(views)s) GROUP BY partition

-- key_of --
-- The primary key of a table, as the constraint that it is.
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = (%(schema)s || '.' || %(table)s)::regclass AND contype = 'p'

-- other_indexes --
-- Statements that make all its other indexes.
SELECT pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = (%(schema)s || '.' || %(table)s)::regclass AND NOT indisprimary

-- storage_of --
-- How a table is stored, where that is not as usual.
SELECT o.option_name, o.option_value
FROM pg_class AS c CROSS JOIN LATERAL pg_options_to_table(c.reloptions) AS o
WHERE c.oid = (%(schema)s || '.' || %(table)s)::regclass

-- grants_of --
-- Who may do what with a table, apart from its owner.
SELECT a.privilege_type, a.grantee::regrole::text
FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
WHERE c.oid = (%(schema)s || '.' || %(table)s)::regclass AND a.grantee NOT IN (0, c.relowner)

-- live_spans --
-- Where the live views are, by partition: the one that is behind, and the one that is ahead.
SELECT partition, min(position), max(position) FROM views.tracking WHERE view = ANY(%(views)s) GROUP BY partition

-- followers --
-- Views in SQL that read some of our tables themselves; those that read such views are not concerned by a swap.
SELECT n.nspname, c.relname, pg_catalog.pg_get_viewdef(c.oid)
FROM pg_catalog.pg_class AS c INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'v' AND EXISTS (
    SELECT FROM pg_catalog.pg_rewrite AS r
    INNER JOIN pg_catalog.pg_depend AS d
        ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    INNER JOIN pg_catalog.pg_class AS t ON t.oid = d.refobjid
    WHERE r.ev_class = c.oid AND t.relname = ANY(%(tables)s)
        AND t.relnamespace = (SELECT v.oid FROM pg_catalog.pg_namespace AS v WHERE v.nspname = 'views')
)
ORDER BY n.nspname, c.relname
