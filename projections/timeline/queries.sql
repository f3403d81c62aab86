-- timeline --
-- Lines of an account's story, newest booking first.
SELECT
    version,
    line,
    topic,
    occurred_at,
    effective_on,
    recorded_at,
    reference,
    point_currency,
    points,
    balance_points
FROM views.timeline
WHERE partition = %(partition)s AND account_id = %(account_id)s
    AND (version, line) < (%(before_version)s, %(before_line)s)
ORDER BY version DESC, line DESC
LIMIT %(limit)s

-- lines_of --
-- Lines of a range of versions of an account.
SELECT
    version,
    line,
    topic,
    occurred_at,
    effective_on,
    recorded_at,
    reference,
    point_currency,
    points,
    balance_points
FROM views.timeline
WHERE partition = %(partition)s AND account_id = %(account_id)s AND version BETWEEN %(first)s AND %(last)s
ORDER BY version DESC, line
