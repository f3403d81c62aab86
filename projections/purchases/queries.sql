-- make_room --
-- What a page changes in older purchases.
CREATE TEMPORARY TABLE IF NOT EXISTS purchases_changed (
    partition int,
    account_id uuid,
    source text,
    transaction_id text,
    returned_minor bigint,
    points bigint
) ON COMMIT DELETE ROWS

-- change --
UPDATE purchases AS p SET returned_minor = p.returned_minor + c.returned_minor, points = p.points + c.points
FROM purchases_changed AS c
WHERE p.partition = c.partition AND p.account_id = c.account_id
    AND p.source = c.source AND p.transaction_id = c.transaction_id

-- purchases --
-- Purchases of an account, newest booking first.
SELECT
    version,
    source,
    transaction_id,
    occurred_at,
    effective_on,
    amount_minor,
    currency,
    program_version,
    points,
    returned_minor
FROM views.purchases
WHERE partition = %(partition)s AND account_id = %(account_id)s AND version < %(before)s
ORDER BY version DESC
LIMIT %(limit)s
