-- make_room --
-- Older holds that were resolved in a page.
CREATE TEMPORARY TABLE IF NOT EXISTS holds_resolved (
    partition int,
    account_id uuid,
    hold_id text,
    status text,
    captured_points bigint,
    resolved_at timestamptz
) ON COMMIT DELETE ROWS

-- resolve --
UPDATE holds AS h SET status = r.status, captured_points = r.captured_points, resolved_at = r.resolved_at
FROM holds_resolved AS r
WHERE h.partition = r.partition AND h.account_id = r.account_id AND h.hold_id = r.hold_id

-- holds --
-- Holds of an account, newest first.
SELECT
    hold_id,
    point_currency,
    points,
    held_at,
    expires_at,
    status,
    captured_points,
    resolved_at,
    version
FROM views.holds
WHERE partition = %(partition)s AND account_id = %(account_id)s AND version < %(before)s
    AND (status = 'open' OR %(with_resolved)s)
ORDER BY version DESC
LIMIT %(limit)s
