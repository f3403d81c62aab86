-- Accounts are looked up one by one, by their key: whoever asks right after an import, before the server has counted
-- its tables, would otherwise get a plan that goes through all of them for each row. OFFSET 0 keeps it from doing so.

-- lapsed --
-- One branch per reason, each with an index that holds only open lots which that reason can take.
WITH due AS MATERIALIZED (
    SELECT account_id FROM views.lots
    WHERE partition = %(partition)s AND expires_on IS NOT NULL AND expires_on <= %(on)s AND open_points > 0
    UNION
    SELECT account_id FROM views.lots
    WHERE partition = %(partition)s AND cancels_on IS NOT NULL AND cancels_on <= %(on)s AND awaits <> ''
        AND open_points > 0
    UNION
    SELECT l.account_id
    FROM views.lots AS l
    CROSS JOIN LATERAL (
        SELECT
            last_purchase_on,
            last_accrual_on,
            last_redemption_on,
            last_adjustment_on,
            last_transfer_in_on,
            last_transfer_out_on
        FROM views.accounts
        WHERE partition = %(partition)s AND account_id = l.account_id
        OFFSET 0
    ) AS a
    WHERE l.partition = %(partition)s AND l.idle_months > 0 AND l.open_points > 0
        AND views.idle_on_v1(
            l.earned_on,
            l.idle_months,
            l.activities,
            greatest(a.last_purchase_on, (
                SELECT max(b.last_purchase_on) FROM views.balances AS b
                WHERE b.partition = l.partition AND b.account_id = l.account_id
            )),
            a.last_accrual_on,
            a.last_redemption_on,
            a.last_adjustment_on,
            a.last_transfer_in_on,
            a.last_transfer_out_on
        ) <= %(on)s
)

SELECT a.account_id
FROM due
CROSS JOIN LATERAL (
    SELECT account_id
    FROM views.accounts
    WHERE partition = %(partition)s AND account_id = due.account_id AND program_id = %(program_id)s
    OFFSET 0
) AS a
ORDER BY a.account_id

-- to_release --
-- A closed account records no release any more.
WITH due AS MATERIALIZED (
    SELECT DISTINCT account_id FROM views.lots
    WHERE partition = %(partition)s AND available_from > earned_on AND NOT is_released AND awaits = ''
        AND open_points > 0 AND available_from <= %(on)s
)

SELECT a.account_id
FROM due
CROSS JOIN LATERAL (
    SELECT account_id
    FROM views.accounts
    WHERE partition = %(partition)s AND account_id = due.account_id AND program_id = %(program_id)s AND status <> 'closed'
    OFFSET 0
) AS a
ORDER BY a.account_id

-- ended_holds --
WITH due AS MATERIALIZED (
    SELECT DISTINCT account_id FROM views.holds
    WHERE partition = %(partition)s AND status = 'open' AND expires_at <= %(at)s
)

SELECT a.account_id
FROM due
CROSS JOIN LATERAL (
    SELECT account_id
    FROM views.accounts
    WHERE partition = %(partition)s AND account_id = due.account_id AND program_id = %(program_id)s
    OFFSET 0
) AS a
ORDER BY a.account_id

-- ended_tiers --
-- A closed account changes its tier no more.
WITH due AS MATERIALIZED (
    SELECT DISTINCT account_id FROM views.tiers
    WHERE partition = %(partition)s AND tier <> '' AND valid_until IS NOT NULL AND valid_until <= %(on)s
)

SELECT a.account_id
FROM due
CROSS JOIN LATERAL (
    SELECT account_id
    FROM views.accounts
    WHERE partition = %(partition)s AND account_id = due.account_id AND program_id = %(program_id)s AND status <> 'closed'
    OFFSET 0
) AS a
ORDER BY a.account_id

-- of_program --
SELECT account_id FROM views.accounts
WHERE partition = %(partition)s AND program_id = %(program_id)s
ORDER BY account_id

-- lapsing --
-- Candidates come from the same indexes; what they lapse on decides.
WITH candidates AS MATERIALIZED (
    SELECT account_id, lot FROM views.lots
    WHERE partition = %(partition)s AND expires_on IS NOT NULL AND expires_on <= %(until)s AND expires_on > %(on)s
        AND open_points > 0
    UNION
    SELECT account_id, lot FROM views.lots
    WHERE partition = %(partition)s AND cancels_on IS NOT NULL AND cancels_on <= %(until)s AND awaits <> ''
        AND open_points > 0
    UNION
    SELECT account_id, lot FROM views.lots
    WHERE partition = %(partition)s AND idle_months > 0 AND open_points > 0
),

dated AS (
    SELECT
        a.account_id,
        a.member_id,
        l.point_currency,
        l.open_points,
        least(
            l.expires_on,
            CASE WHEN l.awaits <> '' THEN l.cancels_on END,
            CASE WHEN l.idle_months > 0 THEN views.idle_on_v1(
                l.earned_on,
                l.idle_months,
                l.activities,
                greatest(a.last_purchase_on, (
                    SELECT max(b.last_purchase_on) FROM views.balances AS b
                    WHERE b.partition = l.partition AND b.account_id = l.account_id
                )),
                a.last_accrual_on,
                a.last_redemption_on,
                a.last_adjustment_on,
                a.last_transfer_in_on,
                a.last_transfer_out_on
            ) END
        ) AS lapses_on
    FROM candidates
    CROSS JOIN LATERAL (
        SELECT *
        FROM views.lots
        WHERE partition = %(partition)s AND account_id = candidates.account_id AND lot = candidates.lot
        OFFSET 0
    ) AS l
    CROSS JOIN LATERAL (
        SELECT *
        FROM views.accounts
        WHERE partition = %(partition)s AND account_id = candidates.account_id AND program_id = %(program_id)s AND status <> 'closed'
        OFFSET 0
    ) AS a
)

SELECT
    account_id,
    member_id,
    point_currency,
    sum(open_points)::bigint AS points,
    min(lapses_on) AS first_on
FROM dated
WHERE lapses_on > %(on)s AND lapses_on <= %(until)s
GROUP BY account_id, member_id, point_currency
ORDER BY account_id, point_currency

-- ending_tiers --
SELECT
    a.account_id,
    a.member_id,
    t.ladder,
    t.tier,
    t.valid_until
FROM views.tiers AS t
CROSS JOIN LATERAL (
    SELECT account_id, member_id
    FROM views.accounts
    WHERE partition = %(partition)s AND account_id = t.account_id AND program_id = %(program_id)s AND status <> 'closed'
    OFFSET 0
) AS a
WHERE t.partition = %(partition)s AND t.tier <> '' AND t.valid_until IS NOT NULL
    AND t.valid_until > %(on)s AND t.valid_until <= %(until)s
ORDER BY t.account_id, t.ladder
