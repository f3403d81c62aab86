-- moved --
-- Points by vintage and funding, and by the month in which they moved: what was issued, what left a lot, and what came
-- back to it. Points that became a voucher were exercised, so they count; others that lapsed do not.
SELECT
    date_trunc('month', l.earned_on)::date, l.funding, date_trunc('month', l.earned_on)::date, 'issued',
    sum(l.accrued_points)::bigint
FROM analytics.lots AS l
WHERE l.program_id = %(program_id)s AND l.point_currency = %(point_currency)s
GROUP BY 1, 2
UNION ALL
SELECT
    date_trunc('month', m.earned_on)::date,
    m.funding,
    date_trunc('month', greatest(m.effective_on, m.earned_on))::date,
    CASE m.movement WHEN 'expired' THEN 'converted' ELSE m.movement END,
    sum(m.points)::bigint
FROM analytics.lot_movements AS m
LEFT JOIN ledger.events AS e
    ON m.movement = 'expired' AND e.partition = m.partition AND e.position = m.position
WHERE
    m.program_id = %(program_id)s AND m.point_currency = %(point_currency)s
    AND (m.movement <> 'expired' OR ledger.state_v1(e.state) ->> 'reason' = 'converted')
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4

-- positions --
-- How far the views show the ledger, and on which day of the program its newest event counts.
SELECT p.partition, p.position FROM analytics.positions AS p ORDER BY p.partition

-- newest_day --
SELECT max(t.effective_on) FROM analytics.timeline AS t WHERE t.program_id = %(program_id)s

-- has_removed --
-- Whether the bulk of any event is in an archive, where SQL cannot read it.
SELECT EXISTS (
    SELECT FROM ledger.removals AS r
    INNER JOIN ledger.events AS e ON e.partition = r.partition AND e.position <= r.position
    WHERE ledger.is_reference_v1(e.state)
)
