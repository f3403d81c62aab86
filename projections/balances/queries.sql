-- make_room --
-- What a page moves, on its way into the balances.
CREATE TEMPORARY TABLE IF NOT EXISTS balances_moved (
    partition int,
    account_id uuid,
    point_currency text,
    accrued bigint,
    redeemed bigint,
    reversed bigint,
    version bigint
) ON COMMIT DELETE ROWS

-- add_moved --
INSERT INTO balances AS b
(partition, account_id, point_currency, accrued_points, redeemed_points, reversed_points, version)
SELECT * FROM balances_moved
ON CONFLICT (partition, account_id, point_currency) DO UPDATE SET
    accrued_points = b.accrued_points + excluded.accrued_points,
    redeemed_points = b.redeemed_points + excluded.redeemed_points,
    reversed_points = b.reversed_points + excluded.reversed_points,
    version = excluded.version

-- account --
-- Accounts with their balances on a date, each with the position the views show. Points that are open but not yet
-- available are promised; points past their expiry date have lapsed, whether or not a worker has said so yet.
SELECT
    a.account_id,
    a.member_id,
    a.opened_on,
    a.partition,
    t.position,
    b.point_currency,
    b.balance_points,
    b.accrued_points,
    b.redeemed_points,
    b.reversed_points,
    l.available_points,
    l.promised_points,
    l.lapsed_points,
    l.next_expiry_on
FROM unnest(string_to_array(%(account_ids)s, E'\x1f')::uuid[], string_to_array(%(partitions)s, E'\x1f')::int[])
    AS asked (account_id, partition)
INNER JOIN views.accounts AS a ON a.partition = asked.partition AND a.account_id = asked.account_id
LEFT JOIN views.tracking AS t ON t.view = 'balances' AND t.partition = a.partition
LEFT JOIN views.balances AS b ON b.partition = a.partition AND b.account_id = a.account_id
LEFT JOIN LATERAL (
    SELECT
        coalesce(sum(open_points) FILTER (
            WHERE available_from <= %(on)s AND (expires_on IS NULL OR expires_on > %(on)s)
        ), 0)::bigint AS available_points,
        coalesce(sum(open_points) FILTER (
            WHERE available_from > %(on)s AND (expires_on IS NULL OR expires_on > %(on)s)
        ), 0)::bigint AS promised_points,
        coalesce(sum(open_points) FILTER (WHERE expires_on <= %(on)s), 0)::bigint AS lapsed_points,
        min(expires_on) FILTER (WHERE expires_on > %(on)s) AS next_expiry_on
    FROM views.lots
    WHERE partition = b.partition AND account_id = b.account_id AND point_currency = b.point_currency
        AND open_points > 0
) AS l ON b.account_id IS NOT NULL
ORDER BY a.account_id, b.point_currency
