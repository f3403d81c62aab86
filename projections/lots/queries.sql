-- make_room --
-- What a page moves in older lots.
CREATE TEMPORARY TABLE IF NOT EXISTS lots_moved (
    partition int,
    account_id uuid,
    lot int,
    points bigint
) ON COMMIT DELETE ROWS

-- move --
UPDATE lots AS l SET open_points = l.open_points + m.points
FROM lots_moved AS m
WHERE l.partition = m.partition AND l.account_id = m.account_id AND l.lot = m.lot

-- lots --
-- Lots of an account, earliest expiry first, then oldest: the order in which they will be used.
SELECT
    lot,
    point_currency,
    accrued_points,
    open_points,
    earned_on,
    available_from,
    expires_on,
    kind,
    rule,
    funding,
    version
FROM views.lots
WHERE partition = %(partition)s AND account_id = %(account_id)s
    AND (open_points > 0 OR %(with_used)s)
    AND (coalesce(expires_on, 'infinity'), earned_on, lot) > (%(after_expiry)s, %(after_earned)s, %(after_lot)s)
ORDER BY coalesce(expires_on, 'infinity'), earned_on, lot
LIMIT %(limit)s
