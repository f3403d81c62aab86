-- make_room_for_accounts --
-- What a page changes in accounts; null where it changes nothing.
CREATE TEMPORARY TABLE IF NOT EXISTS accounts_changed (
    partition int,
    account_id uuid,
    status text,
    merged_into text,
    last_purchase_on date,
    last_accrual_on date,
    last_redemption_on date,
    last_adjustment_on date,
    last_transfer_in_on date,
    last_transfer_out_on date
) ON COMMIT DELETE ROWS

-- change_accounts --
UPDATE accounts AS a SET
    status = coalesce(c.status, a.status),
    merged_into = coalesce(c.merged_into, a.merged_into),
    last_purchase_on = greatest(a.last_purchase_on, c.last_purchase_on),
    last_accrual_on = greatest(a.last_accrual_on, c.last_accrual_on),
    last_redemption_on = greatest(a.last_redemption_on, c.last_redemption_on),
    last_adjustment_on = greatest(a.last_adjustment_on, c.last_adjustment_on),
    last_transfer_in_on = greatest(a.last_transfer_in_on, c.last_transfer_in_on),
    last_transfer_out_on = greatest(a.last_transfer_out_on, c.last_transfer_out_on)
FROM accounts_changed AS c
WHERE a.partition = c.partition AND a.account_id = c.account_id

-- make_room_for_earned --
-- What purchases of a page earned, for books in which nothing else moved.
CREATE TEMPORARY TABLE IF NOT EXISTS balances_earned (
    partition int,
    account_id uuid,
    point_currency text,
    accrued_points bigint,
    last_purchase_on date,
    version bigint
) ON COMMIT DELETE ROWS

-- add_earned --
INSERT INTO balances AS b (partition, account_id, point_currency, accrued_points, last_purchase_on, version)
SELECT * FROM balances_earned
ON CONFLICT (partition, account_id, point_currency) DO UPDATE SET
    accrued_points = b.accrued_points + excluded.accrued_points,
    last_purchase_on = greatest(b.last_purchase_on, excluded.last_purchase_on),
    version = excluded.version

-- make_room_for_moved --
-- Everything that a page moves in the other books.
CREATE TEMPORARY TABLE IF NOT EXISTS balances_moved (
    partition int,
    account_id uuid,
    point_currency text,
    accrued_points bigint,
    redeemed_points bigint,
    reversed_points bigint,
    expired_points bigint,
    reinstated_points bigint,
    clawed_back_points bigint,
    credited_points bigint,
    debited_points bigint,
    transferred_in_points bigint,
    transferred_out_points bigint,
    held_points bigint,
    owed_points bigint,
    last_purchase_on date,
    version bigint
) ON COMMIT DELETE ROWS

-- add_moved --
INSERT INTO balances AS b (
    partition,
    account_id,
    point_currency,
    accrued_points,
    redeemed_points,
    reversed_points,
    expired_points,
    reinstated_points,
    clawed_back_points,
    credited_points,
    debited_points,
    transferred_in_points,
    transferred_out_points,
    held_points,
    owed_points,
    last_purchase_on,
    version
)
SELECT * FROM balances_moved
ON CONFLICT (partition, account_id, point_currency) DO UPDATE SET
    accrued_points = b.accrued_points + excluded.accrued_points,
    redeemed_points = b.redeemed_points + excluded.redeemed_points,
    reversed_points = b.reversed_points + excluded.reversed_points,
    expired_points = b.expired_points + excluded.expired_points,
    reinstated_points = b.reinstated_points + excluded.reinstated_points,
    clawed_back_points = b.clawed_back_points + excluded.clawed_back_points,
    credited_points = b.credited_points + excluded.credited_points,
    debited_points = b.debited_points + excluded.debited_points,
    transferred_in_points = b.transferred_in_points + excluded.transferred_in_points,
    transferred_out_points = b.transferred_out_points + excluded.transferred_out_points,
    held_points = b.held_points + excluded.held_points,
    owed_points = b.owed_points + excluded.owed_points,
    last_purchase_on = greatest(b.last_purchase_on, excluded.last_purchase_on),
    version = excluded.version

-- account --
-- Accounts with their balances on a date, each with the position the views show. Points that are open but not yet
-- available are promised; points whose dates or whose member's inactivity have ended them have lapsed, whether or not a
-- worker has said so yet.
SELECT
    a.account_id,
    a.member_id,
    a.opened_on,
    a.status,
    a.merged_into,
    a.partition,
    t.position,
    b.point_currency,
    greatest(0, l.spendable_points - b.owed_points),
    l.promised_points,
    b.held_points,
    l.lapsed_points,
    b.owed_points,
    b.balance_points,
    b.accrued_points,
    b.redeemed_points,
    b.reversed_points,
    b.expired_points,
    b.reinstated_points,
    b.clawed_back_points,
    b.credited_points,
    b.debited_points,
    b.transferred_in_points,
    b.transferred_out_points,
    l.next_expiry_on
FROM unnest(string_to_array(%(account_ids)s, E'\x1f')::uuid[], string_to_array(%(partitions)s, E'\x1f')::int[])
    AS asked (account_id, partition)
INNER JOIN views.accounts AS a ON a.partition = asked.partition AND a.account_id = asked.account_id
LEFT JOIN views.tracking AS t ON t.view = 'balances' AND t.partition = a.partition
LEFT JOIN views.balances AS b ON b.partition = a.partition AND b.account_id = a.account_id
LEFT JOIN LATERAL (
    SELECT
        coalesce(sum(open_points) FILTER (WHERE NOT has_lapsed AND available_from <= %(on)s), 0)::bigint
            AS spendable_points,
        coalesce(sum(open_points) FILTER (WHERE NOT has_lapsed AND available_from > %(on)s), 0)::bigint
            AS promised_points,
        coalesce(sum(open_points) FILTER (WHERE has_lapsed), 0)::bigint AS lapsed_points,
        min(lapses_on) FILTER (WHERE NOT has_lapsed) AS next_expiry_on
    FROM (
        SELECT
            open_points,
            available_from,
            lapses_on,
            coalesce(lapses_on <= %(on)s, FALSE) AS has_lapsed
        FROM (
            SELECT
                open_points,
                available_from,
                least(
                    expires_on,
                    CASE WHEN awaits <> '' THEN cancels_on END,
                    CASE WHEN idle_months > 0 THEN views.idle_on_v1(
                        earned_on,
                        idle_months,
                        activities,
                        greatest(a.last_purchase_on, (
                            SELECT max(last_purchase_on) FROM views.balances
                            WHERE partition = a.partition AND account_id = a.account_id
                        )),
                        a.last_accrual_on,
                        a.last_redemption_on,
                        a.last_adjustment_on,
                        a.last_transfer_in_on,
                        a.last_transfer_out_on
                    ) END
                ) AS lapses_on
            FROM views.lots
            WHERE partition = b.partition AND account_id = b.account_id AND point_currency = b.point_currency
                AND open_points > 0
        ) AS dated
    ) AS parted
) AS l ON b.account_id IS NOT NULL
ORDER BY a.account_id, b.point_currency
