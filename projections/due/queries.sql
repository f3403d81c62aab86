-- lapsed --
-- One branch per reason, each with an index that holds only open lots which that reason can take.
SELECT DISTINCT a.account_id
FROM (
    SELECT account_id FROM views.lots
    WHERE partition = %(partition)s AND expires_on IS NOT NULL AND expires_on <= %(on)s AND open_points > 0
    UNION ALL
    SELECT account_id FROM views.lots
    WHERE partition = %(partition)s AND cancels_on IS NOT NULL AND cancels_on <= %(on)s AND awaits <> ''
        AND open_points > 0
    UNION ALL
    SELECT l.account_id
    FROM views.lots AS l
    INNER JOIN views.accounts AS a ON a.partition = l.partition AND a.account_id = l.account_id
    WHERE l.partition = %(partition)s AND l.idle_months > 0 AND l.open_points > 0
        AND views.idle_on_v1(
            l.earned_on,
            l.idle_months,
            l.activities,
            greatest(a.last_purchase_on, (
                SELECT max(b.last_purchase_on) FROM views.balances AS b
                WHERE b.partition = a.partition AND b.account_id = a.account_id
            )),
            a.last_accrual_on,
            a.last_redemption_on,
            a.last_adjustment_on,
            a.last_transfer_in_on,
            a.last_transfer_out_on
        ) <= %(on)s
) AS due
INNER JOIN views.accounts AS a ON a.partition = %(partition)s AND a.account_id = due.account_id
WHERE a.program_id = %(program_id)s
ORDER BY a.account_id

-- to_release --
-- A closed account records no release any more.
SELECT DISTINCT a.account_id
FROM views.lots AS l
INNER JOIN views.accounts AS a ON a.partition = l.partition AND a.account_id = l.account_id
WHERE l.partition = %(partition)s AND l.available_from > l.earned_on AND NOT l.is_released AND l.awaits = ''
    AND l.open_points > 0 AND l.available_from <= %(on)s
    AND a.program_id = %(program_id)s AND a.status <> 'closed'
ORDER BY a.account_id

-- ended_holds --
SELECT DISTINCT a.account_id
FROM views.holds AS h
INNER JOIN views.accounts AS a ON a.partition = h.partition AND a.account_id = h.account_id
WHERE h.partition = %(partition)s AND h.status = 'open' AND h.expires_at <= %(at)s
    AND a.program_id = %(program_id)s
ORDER BY a.account_id

-- ended_tiers --
-- A closed account changes its tier no more.
SELECT DISTINCT a.account_id
FROM views.tiers AS t
INNER JOIN views.accounts AS a ON a.partition = t.partition AND a.account_id = t.account_id
WHERE t.partition = %(partition)s AND t.tier <> '' AND t.valid_until IS NOT NULL AND t.valid_until <= %(on)s
    AND a.program_id = %(program_id)s AND a.status <> 'closed'
ORDER BY a.account_id

-- of_program --
SELECT account_id FROM views.accounts
WHERE partition = %(partition)s AND program_id = %(program_id)s
ORDER BY account_id

-- lapsing --
-- Candidates come from the same indexes; what they lapse on decides.
SELECT
    account_id,
    member_id,
    point_currency,
    sum(open_points)::bigint AS points,
    min(lapses_on) AS first_on
FROM (
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
                    WHERE b.partition = a.partition AND b.account_id = a.account_id
                )),
                a.last_accrual_on,
                a.last_redemption_on,
                a.last_adjustment_on,
                a.last_transfer_in_on,
                a.last_transfer_out_on
            ) END
        ) AS lapses_on
    FROM (
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
    ) AS candidates
    INNER JOIN views.lots AS l
        ON l.partition = %(partition)s AND l.account_id = candidates.account_id AND l.lot = candidates.lot
    INNER JOIN views.accounts AS a ON a.partition = l.partition AND a.account_id = l.account_id
    WHERE a.program_id = %(program_id)s AND a.status <> 'closed'
) AS dated
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
INNER JOIN views.accounts AS a ON a.partition = t.partition AND a.account_id = t.account_id
WHERE t.partition = %(partition)s AND t.tier <> '' AND t.valid_until IS NOT NULL
    AND t.valid_until > %(on)s AND t.valid_until <= %(until)s
    AND a.program_id = %(program_id)s AND a.status <> 'closed'
ORDER BY t.account_id, t.ladder
