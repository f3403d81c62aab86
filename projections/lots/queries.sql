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

-- make_room_for_released --
-- Older lots that became available in a page.
CREATE TEMPORARY TABLE IF NOT EXISTS lots_released (
    partition int,
    account_id uuid,
    lot int,
    released_on date
) ON COMMIT DELETE ROWS

-- release --
UPDATE lots AS l SET available_from = least(l.available_from, r.released_on), awaits = '', is_released = TRUE
FROM lots_released AS r
WHERE l.partition = r.partition AND l.account_id = r.account_id AND l.lot = r.lot

-- make_room_for_redated --
-- Older lots that got other dates in a page.
CREATE TEMPORARY TABLE IF NOT EXISTS lots_redated (
    partition int,
    account_id uuid,
    lot int,
    expires_on date,
    idle_months int,
    activities text[]
) ON COMMIT DELETE ROWS

-- redate --
UPDATE lots AS l SET expires_on = d.expires_on, idle_months = d.idle_months, activities = d.activities
FROM lots_redated AS d
WHERE l.partition = d.partition AND l.account_id = d.account_id AND l.lot = d.lot

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
    awaits,
    cancels_on,
    idle_months,
    coalesce(activities, '{}'),
    converts,
    is_released,
    version
FROM views.lots
WHERE partition = %(partition)s AND account_id = %(account_id)s
    AND (open_points > 0 OR %(with_used)s)
    AND (coalesce(expires_on, 'infinity'), earned_on, lot) > (%(after_expiry)s, %(after_earned)s, %(after_lot)s)
ORDER BY coalesce(expires_on, 'infinity'), earned_on, lot
LIMIT %(limit)s
