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
    points
FROM views.purchases
WHERE partition = %(partition)s AND account_id = %(account_id)s AND version < %(before)s
ORDER BY version DESC
LIMIT %(limit)s
