-- make_room --
-- What a page changes in what was booked.
CREATE TEMPORARY TABLE IF NOT EXISTS promises_changed (
    partition int,
    account_id uuid,
    source text COLLATE "C",
    transaction_id text COLLATE "C",
    point_currency text COLLATE "C",
    repriced_points bigint,
    returned_points bigint
) ON COMMIT DELETE ROWS

-- complete --
-- A purchase may come to earn points of a currency that was neither promised nor booked.
INSERT INTO promises (
    partition, account_id, version, point_currency, source, transaction_id, occurred_at, effective_on,
    bundle_version, program_version, reason, promised_points, booked_points
)
SELECT DISTINCT
    p.partition, p.account_id, p.version, c.point_currency, p.source, p.transaction_id, p.occurred_at, p.effective_on,
    p.bundle_version, p.program_version, p.reason, 0, 0
FROM promises_changed AS c INNER JOIN promises AS p
    ON p.partition = c.partition AND p.account_id = c.account_id
        AND p.source = c.source AND p.transaction_id = c.transaction_id
ON CONFLICT DO NOTHING

-- change --
UPDATE promises AS p SET
    repriced_points = p.repriced_points + c.repriced_points,
    returned_points = p.returned_points + c.returned_points
FROM promises_changed AS c
WHERE p.partition = c.partition AND p.account_id = c.account_id
    AND p.source = c.source AND p.transaction_id = c.transaction_id AND p.point_currency = c.point_currency

-- variances --
-- Promises of a program in a window of effective dates, oldest first.
SELECT
    p.account_id,
    p.source,
    p.transaction_id,
    p.occurred_at,
    p.effective_on,
    p.bundle_version,
    p.program_version,
    p.point_currency,
    p.promised_points,
    p.booked_points,
    p.booked_points - p.promised_points AS difference_points,
    p.booked_points + p.repriced_points - p.promised_points AS difference_now_points,
    p.returned_points,
    p.booked_points + p.repriced_points - p.returned_points AS points,
    CASE
        WHEN p.booked_points <> p.promised_points THEN p.reason
        WHEN p.repriced_points <> 0 THEN 'repriced'
        ELSE ''
    END AS reason
FROM views.promises AS p INNER JOIN views.accounts AS a
    ON a.partition = p.partition AND a.account_id = p.account_id
WHERE a.program_id = %(program_id)s
    AND (%(from_on)s::date IS NULL OR p.effective_on >= %(from_on)s)
    AND (%(to_on)s::date IS NULL OR p.effective_on < %(to_on)s)
    AND (%(source)s::text IS NULL OR p.source = %(source)s)
    AND (
        NOT %(only_different)s::boolean
        OR p.booked_points <> p.promised_points
        OR p.booked_points + p.repriced_points <> p.promised_points
    )
    AND (
        %(after_on)s::date IS NULL
        OR (p.effective_on, p.source, p.transaction_id, p.account_id, p.point_currency)
        > (%(after_on)s, %(after_source)s, %(after_transaction_id)s, %(after_account_id)s, %(after_point_currency)s)
    )
ORDER BY p.effective_on, p.source, p.transaction_id, p.account_id, p.point_currency
LIMIT %(limit)s

-- sums --
-- The same, summed for each store, day, bundle version and point currency.
SELECT
    p.effective_on,
    p.source,
    p.bundle_version,
    p.point_currency,
    count(*) AS purchase_count,
    count(*) FILTER (
        WHERE p.booked_points <> p.promised_points OR p.booked_points + p.repriced_points <> p.promised_points
    ) AS different_count,
    sum(p.promised_points)::bigint AS promised_points,
    sum(p.booked_points)::bigint AS booked_points,
    sum(p.booked_points - p.promised_points)::bigint AS difference_points,
    sum(p.booked_points + p.repriced_points - p.promised_points)::bigint AS difference_now_points
FROM views.promises AS p INNER JOIN views.accounts AS a
    ON a.partition = p.partition AND a.account_id = p.account_id
WHERE a.program_id = %(program_id)s
    AND (%(from_on)s::date IS NULL OR p.effective_on >= %(from_on)s)
    AND (%(to_on)s::date IS NULL OR p.effective_on < %(to_on)s)
    AND (%(source)s::text IS NULL OR p.source = %(source)s)
    AND (
        %(after_on)s::date IS NULL
        OR (p.effective_on, p.source, p.bundle_version, p.point_currency)
        > (%(after_on)s, %(after_source)s, %(after_bundle_version)s, %(after_point_currency)s)
    )
GROUP BY p.effective_on, p.source, p.bundle_version, p.point_currency
ORDER BY p.effective_on, p.source, p.bundle_version, p.point_currency
LIMIT %(limit)s
