-- dictionary --
-- Every column of every view for analysts, with what the comments say.
SELECT
    c.relname,
    coalesce(obj_description(c.oid, 'pg_class'), ''),
    a.attname,
    format_type(a.atttypid, a.atttypmod),
    coalesce(col_description(c.oid, a.attnum), '')
FROM pg_class AS c INNER JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'v' AND a.attnum > 0
ORDER BY c.relname, a.attnum

-- positions --
-- How far the views show the ledger.
SELECT partition, position FROM analytics.positions ORDER BY partition
