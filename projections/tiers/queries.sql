-- make_room_for_changed --
-- Tiers that are others at the end of a page.
CREATE TEMPORARY TABLE IF NOT EXISTS tiers_changed (
    partition int,
    account_id uuid,
    ladder text,
    tier text,
    since date,
    valid_until date,
    version bigint
) ON COMMIT DELETE ROWS

-- change --
INSERT INTO tiers (partition, account_id, ladder, tier, since, valid_until, version)
SELECT * FROM tiers_changed
ON CONFLICT (partition, account_id, ladder) DO UPDATE SET
    tier = excluded.tier,
    since = excluded.since,
    valid_until = excluded.valid_until,
    version = excluded.version

-- make_room_for_retained --
-- Tiers that somebody qualified for again in a page; not all of them are held.
CREATE TEMPORARY TABLE IF NOT EXISTS tiers_retained (
    partition int,
    account_id uuid,
    ladder text,
    tier text,
    valid_until date,
    version bigint
) ON COMMIT DELETE ROWS

-- retain --
UPDATE tiers AS t SET valid_until = r.valid_until, version = r.version
FROM tiers_retained AS r
WHERE t.partition = r.partition AND t.account_id = r.account_id AND t.ladder = r.ladder AND t.tier = r.tier

-- tiers --
-- Tiers that an account holds, by ladder.
SELECT
    ladder,
    tier,
    since,
    valid_until
FROM views.tiers
WHERE partition = %(partition)s AND account_id = %(account_id)s AND tier <> ''
ORDER BY ladder

-- vouchers --
-- Vouchers of an account, newest first.
SELECT
    voucher_id,
    point_currency,
    points,
    value_minor,
    currency,
    issued_on,
    expires_on,
    version
FROM views.vouchers
WHERE partition = %(partition)s AND account_id = %(account_id)s AND version < %(before)s
ORDER BY version DESC
LIMIT %(limit)s
