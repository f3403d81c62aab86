-- Accounts as they were, for analysts: as of an effective date, as at a recorded instant, told from the events alone. The
-- rules are those of projections/lookback, and a test compares the two over random histories. A function takes null for
-- "now": for as_at everything that is recorded, for as_of the program-local date of as_at. What ends in _v1 serves the
-- others. Locks: none on tables. Runtime: instant.

CREATE SCHEMA IF NOT EXISTS analytics;
GRANT USAGE ON SCHEMA analytics TO khaywe_app, khaywe_read;

-- How many there are decides where a stream lives.
GRANT SELECT (partition) ON ledger.heads TO khaywe_read;

-- The date that a question is about, and the moment by which holds have ended: as_at where it falls on that date, or else
-- the start of the day.
CREATE FUNCTION analytics.moment_v1(program_id text, as_of date, as_at timestamptz)
RETURNS TABLE (on_date date, ends_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        coalesce(as_of, z.today),
        CASE
            WHEN coalesce(as_of, z.today) = z.today THEN z.instant
            ELSE as_of::timestamp AT TIME ZONE z.zone
        END
    FROM (
        SELECT
            l.state ->> 'timezone' AS zone,
            coalesce(as_at, now()) AS instant,
            (coalesce(as_at, now()) AT TIME ZONE (l.state ->> 'timezone'))::date AS today
        FROM ledger.event_log AS l
        WHERE l.topic = 'program.created.v1' AND l.state ->> 'program_id' = moment_v1.program_id
    ) AS z
$$;

-- The program of an account; null where there is no such account.
CREATE FUNCTION analytics.program_of_v1(account_id uuid)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT l.state ->> 'program_id' FROM ledger.event_log AS l
    WHERE l.partition = (
            SELECT ('x' || right(replace(account_id::text, '-', ''), 8))::bit(32)::bigint % count(*) FROM ledger.heads
        )
        AND l.stream_id = account_id AND l.version = 1
$$;

-- The events of an account that were known and whose effective date had come; a migration of dates, which moves no points,
-- counts as soon as it is known. What resolves a hold, or reverses a
-- redemption, counts only once that does.
CREATE FUNCTION analytics.events_as_of_v1(account_id uuid, as_of date, as_at timestamptz)
RETURNS TABLE (version bigint, topic text, state jsonb, effective_on date)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH known AS MATERIALIZED (
        SELECT l.version, l.topic, l.state, (l.state ->> 'effective_on')::date AS effective_on
        FROM ledger.event_log AS l
        WHERE l.partition = (
                SELECT ('x' || right(replace(account_id::text, '-', ''), 8))::bit(32)::bigint % count(*)
                FROM ledger.heads
            )
            AND l.stream_id = account_id
            AND l.recorded_at <= coalesce(as_at, 'infinity')
    ),
    effective AS MATERIALIZED (
        SELECT k.* FROM known AS k
        WHERE k.effective_on <= as_of OR k.topic IN ('account.opened.v1', 'account.expiry_changed.v1')
    ),
    held AS MATERIALIZED (
        SELECT e.* FROM effective AS e
        WHERE e.topic NOT IN ('account.hold_captured.v1', 'account.hold_voided.v1', 'account.hold_expired.v1')
            OR e.state ->> 'hold_id' IN (
                SELECT h.state ->> 'hold_id' FROM effective AS h WHERE h.topic = 'account.points_held.v1'
            )
    )
    SELECT h.* FROM held AS h
    WHERE h.topic <> 'account.redemption_reversed.v1'
        OR h.state ->> 'redemption_id' IN (
            SELECT r.state ->> 'redemption_id' FROM held AS r
            WHERE r.topic IN ('account.points_redeemed.v1', 'account.hold_captured.v1')
        )
$$;

-- What those events move, a line for each part: which total grows, and what lots, holds and debts gain or lose. A part
-- counts once its lot has come, a repayment once its debt has.
CREATE FUNCTION analytics.moves_as_of_v1(account_id uuid, as_of date, as_at timestamptz, ends_at timestamptz)
RETURNS TABLE (
    point_currency text, lot int, total text, points bigint, lot_points bigint, held_points bigint, owed_points bigint
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH events AS MATERIALIZED (
        SELECT e.* FROM analytics.events_as_of_v1(account_id, as_of, as_at) AS e
    ),
    come AS MATERIALIZED (
        SELECT e.topic, a.lot, a.point_currency, a.points
        FROM events AS e
        CROSS JOIN LATERAL jsonb_to_recordset(e.state -> 'accruals') AS a (lot int, point_currency text, points bigint)
    ),
    debts AS MATERIALIZED (
        SELECT
            e.topic,
            d.key AS point_currency,
            d.value::bigint AS points,
            coalesce(e.state ->> 'return_id', e.state ->> 'adjustment_id', e.state ->> 'cause') AS debt
        FROM events AS e
        CROSS JOIN LATERAL jsonb_each_text(e.state -> 'debts') AS d
    ),
    parts AS (
        SELECT e.topic, 'taken' AS part, p.lot, p.points
        FROM events AS e
        CROSS JOIN LATERAL jsonb_to_recordset(e.state -> 'taken') AS p (lot int, points bigint)
        UNION ALL
        SELECT e.topic, 'returned', p.lot, p.points
        FROM events AS e
        CROSS JOIN LATERAL jsonb_to_recordset(e.state -> 'returned') AS p (lot int, points bigint)
        UNION ALL
        SELECT e.topic, 'lots', p.lot, p.points
        FROM events AS e
        CROSS JOIN LATERAL jsonb_to_recordset(e.state -> 'lots') AS p (lot int, points bigint)
        WHERE e.topic = 'account.lots_expired.v1'
        UNION ALL
        SELECT 'time', 'returned', p.lot, p.points
        FROM events AS e
        CROSS JOIN LATERAL jsonb_to_recordset(e.state -> 'taken') AS p (lot int, points bigint)
        WHERE e.topic = 'account.points_held.v1' AND (e.state ->> 'expires_at')::timestamptz <= ends_at
            AND e.state ->> 'hold_id' NOT IN (
                SELECT r.state ->> 'hold_id' FROM events AS r
                WHERE r.topic IN ('account.hold_captured.v1', 'account.hold_voided.v1', 'account.hold_expired.v1')
            )
    ),
    signs (topic, part, total, in_total, in_lot, in_held) AS (
        VALUES
        ('account.purchase_returned.v1', 'taken', 'clawed_back', 1, -1, 0),
        ('account.purchase_repriced.v1', 'taken', 'clawed_back', 1, -1, 0),
        ('account.points_redeemed.v1', 'taken', 'redeemed', 1, -1, 0),
        ('account.redemption_reversed.v1', 'returned', 'reversed', 1, 1, 0),
        ('account.points_held.v1', 'taken', 'none', 0, -1, 1),
        ('account.hold_captured.v1', 'taken', 'redeemed', 1, 0, -1),
        ('account.hold_captured.v1', 'returned', 'none', 0, 1, -1),
        ('account.hold_voided.v1', 'returned', 'none', 0, 1, -1),
        ('account.hold_expired.v1', 'returned', 'none', 0, 1, -1),
        ('time', 'returned', 'none', 0, 1, -1),
        ('account.lots_expired.v1', 'lots', 'expired', 1, -1, 0),
        ('account.points_adjusted.v1', 'taken', 'debited', 1, -1, 0),
        ('account.points_transferred_out.v1', 'taken', 'transferred_out', 1, -1, 0)
    )
    SELECT
        c.point_currency,
        c.lot,
        CASE c.topic
            WHEN 'account.points_reinstated.v1' THEN 'reinstated'
            WHEN 'account.points_adjusted.v1' THEN 'credited'
            WHEN 'account.points_transferred_in.v1' THEN 'transferred_in'
            ELSE 'accrued'
        END,
        c.points,
        c.points,
        0,
        0
    FROM come AS c
    UNION ALL
    SELECT c.point_currency, p.lot, s.total, p.points * s.in_total, p.points * s.in_lot, p.points * s.in_held, 0
    FROM parts AS p
    INNER JOIN signs AS s ON s.topic = p.topic AND s.part = p.part
    INNER JOIN come AS c ON c.lot = p.lot
    UNION ALL
    SELECT r.point_currency, r.lot, 'none', 0, -r.points, 0, -r.points
    FROM events AS e
    CROSS JOIN LATERAL jsonb_to_recordset(e.state -> 'repaid') AS r (
        lot int, point_currency text, points bigint, debt text
    )
    WHERE r.lot IN (SELECT c.lot FROM come AS c)
        AND (r.point_currency, r.debt) IN (SELECT d.point_currency, d.debt FROM debts AS d)
    UNION ALL
    SELECT
        d.point_currency,
        NULL,
        CASE d.topic WHEN 'account.points_adjusted.v1' THEN 'debited' ELSE 'clawed_back' END,
        d.points,
        0,
        0,
        d.points
    FROM debts AS d
    UNION ALL
    SELECT e.state ->> 'point_currency', NULL, 'none', 0, 0, 0, 0
    FROM events AS e
    WHERE e.topic = 'account.voucher_issued.v1'
$$;

-- The lots that had come, with what was left in them and the dates they had; when each lapses if nothing happens.
CREATE FUNCTION analytics.dated_lots_v1(account_id uuid, as_of date, as_at timestamptz, ends_at timestamptz)
RETURNS TABLE (
    lot int, point_currency text, accrued_points bigint, open_points bigint, earned_on date, available_from date,
    expires_on date, kind text, rule text, funding text, awaits text, cancels_on date, idle_months int,
    activities text[], converts boolean, is_released boolean, version bigint, lapses_on date
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH events AS MATERIALIZED (
        SELECT e.* FROM analytics.events_as_of_v1(account_id, as_of, as_at) AS e
    ),
    active AS MATERIALIZED (
        SELECT
            max(e.effective_on) FILTER (WHERE e.topic = 'account.purchase_posted.v1') AS purchase_on,
            max(e.effective_on) FILTER (WHERE e.topic = 'account.points_accrued.v1') AS accrual_on,
            max(e.effective_on) FILTER (
                WHERE e.topic IN ('account.points_redeemed.v1', 'account.hold_captured.v1')
            ) AS redemption_on,
            max(e.effective_on) FILTER (WHERE e.topic = 'account.points_adjusted.v1') AS adjustment_on,
            max(e.effective_on) FILTER (WHERE e.topic = 'account.points_transferred_in.v1') AS transfer_in_on,
            max(e.effective_on) FILTER (WHERE e.topic = 'account.points_transferred_out.v1') AS transfer_out_on
        FROM events AS e
    ),
    open AS (
        SELECT m.lot, sum(m.lot_points)::bigint AS points
        FROM analytics.moves_as_of_v1(account_id, as_of, as_at, ends_at) AS m
        WHERE m.lot IS NOT NULL
        GROUP BY m.lot
    ),
    released AS (
        SELECT p.lot, min(e.effective_on) AS released_on
        FROM events AS e
        CROSS JOIN LATERAL jsonb_to_recordset(e.state -> 'lots') AS p (lot int)
        WHERE e.topic = 'account.lots_released.v1'
        GROUP BY p.lot
    ),
    redated AS (
        SELECT DISTINCT ON (p.lot) p.lot, p.expires_on, p.idle_months, p.activities
        FROM events AS e
        CROSS JOIN LATERAL jsonb_to_recordset(e.state -> 'lots') AS p (
            lot int, expires_on date, idle_months int, activities text[]
        )
        WHERE e.topic = 'account.expiry_changed.v1'
        ORDER BY p.lot, e.version DESC
    ),
    dated AS (
        SELECT
            a.lot,
            a.point_currency,
            a.points AS accrued_points,
            o.points AS open_points,
            coalesce(a.earned_on, e.effective_on) AS earned_on,
            least(a.available_from, r.released_on) AS available_from,
            CASE WHEN d.lot IS NULL THEN a.expires_on ELSE d.expires_on END AS expires_on,
            coalesce(a.kind, 'base') AS kind,
            coalesce(a.rule, '') AS rule,
            coalesce(a.funding, 'own') AS funding,
            CASE WHEN r.lot IS NULL THEN coalesce(a.awaits, '') ELSE '' END AS awaits,
            a.cancels_on,
            coalesce(CASE WHEN d.lot IS NULL THEN a.idle_months ELSE d.idle_months END, 0) AS idle_months,
            CASE WHEN d.lot IS NULL THEN a.activities ELSE d.activities END AS activities,
            coalesce(a.converts, FALSE) AS converts,
            r.lot IS NOT NULL AS is_released,
            e.version
        FROM events AS e
        CROSS JOIN LATERAL jsonb_to_recordset(e.state -> 'accruals') AS a (
            lot int, point_currency text, points bigint, earned_on date, available_from date, expires_on date,
            kind text, rule text, funding text, awaits text, cancels_on date, idle_months int, activities text[],
            converts boolean
        )
        LEFT JOIN open AS o ON o.lot = a.lot
        LEFT JOIN released AS r ON r.lot = a.lot
        LEFT JOIN redated AS d ON d.lot = a.lot
    )
    SELECT
        d.lot,
        d.point_currency,
        d.accrued_points,
        d.open_points,
        d.earned_on,
        d.available_from,
        d.expires_on,
        d.kind,
        d.rule,
        d.funding,
        d.awaits,
        d.cancels_on,
        d.idle_months,
        coalesce(d.activities, '{}'),
        d.converts,
        d.is_released,
        d.version,
        least(
            d.expires_on,
            CASE WHEN d.awaits <> '' THEN d.cancels_on END,
            CASE WHEN d.idle_months > 0 THEN views.idle_on_v1(
                d.earned_on,
                d.idle_months,
                d.activities,
                l.purchase_on,
                l.accrual_on,
                l.redemption_on,
                l.adjustment_on,
                l.transfer_in_on,
                l.transfer_out_on
            ) END
        )
    FROM dated AS d
    CROSS JOIN active AS l
$$;

-- The balances of an account whose date and moment are known.
CREATE FUNCTION analytics.balances_v1(account_id uuid, as_of date, as_at timestamptz, ends_at timestamptz)
RETURNS TABLE (
    point_currency text, available_points bigint, promised_points bigint, held_points bigint, lapsed_points bigint,
    owed_points bigint, balance_points bigint, accrued_points bigint, redeemed_points bigint, reversed_points bigint,
    expired_points bigint, reinstated_points bigint, clawed_back_points bigint, credited_points bigint,
    debited_points bigint, transferred_in_points bigint, transferred_out_points bigint, next_expiry_on date
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH totals AS (
        SELECT
            m.point_currency,
            coalesce(sum(m.lot_points), 0)::bigint AS open_points,
            coalesce(sum(m.held_points), 0)::bigint AS held_points,
            coalesce(sum(m.owed_points), 0)::bigint AS owed_points,
            coalesce(sum(m.points) FILTER (WHERE m.total = 'accrued'), 0)::bigint AS accrued_points,
            coalesce(sum(m.points) FILTER (WHERE m.total = 'redeemed'), 0)::bigint AS redeemed_points,
            coalesce(sum(m.points) FILTER (WHERE m.total = 'reversed'), 0)::bigint AS reversed_points,
            coalesce(sum(m.points) FILTER (WHERE m.total = 'expired'), 0)::bigint AS expired_points,
            coalesce(sum(m.points) FILTER (WHERE m.total = 'reinstated'), 0)::bigint AS reinstated_points,
            coalesce(sum(m.points) FILTER (WHERE m.total = 'clawed_back'), 0)::bigint AS clawed_back_points,
            coalesce(sum(m.points) FILTER (WHERE m.total = 'credited'), 0)::bigint AS credited_points,
            coalesce(sum(m.points) FILTER (WHERE m.total = 'debited'), 0)::bigint AS debited_points,
            coalesce(sum(m.points) FILTER (WHERE m.total = 'transferred_in'), 0)::bigint AS transferred_in_points,
            coalesce(sum(m.points) FILTER (WHERE m.total = 'transferred_out'), 0)::bigint AS transferred_out_points
        FROM analytics.moves_as_of_v1(account_id, as_of, as_at, ends_at) AS m
        GROUP BY m.point_currency
    ),
    lots AS (
        SELECT
            l.point_currency,
            coalesce(sum(l.open_points) FILTER (WHERE NOT l.has_lapsed AND l.available_from <= as_of), 0)::bigint
                AS spendable_points,
            coalesce(sum(l.open_points) FILTER (WHERE NOT l.has_lapsed AND l.available_from > as_of), 0)::bigint
                AS promised_points,
            coalesce(sum(l.open_points) FILTER (WHERE l.has_lapsed), 0)::bigint AS lapsed_points,
            min(l.lapses_on) FILTER (WHERE NOT l.has_lapsed) AS next_expiry_on
        FROM (
            SELECT d.*, coalesce(d.lapses_on <= as_of, FALSE) AS has_lapsed
            FROM analytics.dated_lots_v1(account_id, as_of, as_at, ends_at) AS d
            WHERE d.open_points <> 0
        ) AS l
        GROUP BY l.point_currency
    )
    SELECT
        t.point_currency,
        greatest(0, coalesce(l.spendable_points, 0) - t.owed_points),
        coalesce(l.promised_points, 0),
        t.held_points,
        coalesce(l.lapsed_points, 0),
        t.owed_points,
        t.open_points + t.held_points - t.owed_points,
        t.accrued_points,
        t.redeemed_points,
        t.reversed_points,
        t.expired_points,
        t.reinstated_points,
        t.clawed_back_points,
        t.credited_points,
        t.debited_points,
        t.transferred_in_points,
        t.transferred_out_points,
        l.next_expiry_on
    FROM totals AS t
    LEFT JOIN lots AS l ON l.point_currency = t.point_currency
    ORDER BY t.point_currency COLLATE "C"
$$;

CREATE FUNCTION analytics.account_as_of(account_id uuid, as_of date DEFAULT NULL, as_at timestamptz DEFAULT NULL)
RETURNS TABLE (
    point_currency text, available_points bigint, promised_points bigint, held_points bigint, lapsed_points bigint,
    owed_points bigint, balance_points bigint, accrued_points bigint, redeemed_points bigint, reversed_points bigint,
    expired_points bigint, reinstated_points bigint, clawed_back_points bigint, credited_points bigint,
    debited_points bigint, transferred_in_points bigint, transferred_out_points bigint, next_expiry_on date
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT b.*
    FROM analytics.moment_v1(analytics.program_of_v1(account_id), as_of, as_at) AS m
    CROSS JOIN LATERAL analytics.balances_v1(account_id, m.on_date, as_at, m.ends_at) AS b
$$;
COMMENT ON FUNCTION analytics.account_as_of IS
'Balances of an account, a row per point currency, as of a program-local date, as at a recorded instant.';

CREATE FUNCTION analytics.lots_as_of(account_id uuid, as_of date DEFAULT NULL, as_at timestamptz DEFAULT NULL)
RETURNS TABLE (
    lot int, point_currency text, accrued_points bigint, open_points bigint, earned_on date, available_from date,
    expires_on date, kind text, rule text, funding text, awaits text, cancels_on date, idle_months int,
    activities text[], converts boolean, is_released boolean, version bigint, lapses_on date
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT l.*
    FROM analytics.moment_v1(analytics.program_of_v1(account_id), as_of, as_at) AS m
    CROSS JOIN LATERAL analytics.dated_lots_v1(account_id, m.on_date, as_at, m.ends_at) AS l
    ORDER BY coalesce(l.expires_on, 'infinity'), l.earned_on, l.lot
$$;
COMMENT ON FUNCTION analytics.lots_as_of IS
'Lots of an account that had come, used ones too, in the order in which they are used.';

CREATE FUNCTION analytics.holds_as_of(account_id uuid, as_of date DEFAULT NULL, as_at timestamptz DEFAULT NULL)
RETURNS TABLE (
    hold_id text, point_currency text, points bigint, held_at timestamptz, expires_at timestamptz, status text,
    captured_points bigint, resolved_at timestamptz, version bigint
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH moment AS MATERIALIZED (
        SELECT m.* FROM analytics.moment_v1(analytics.program_of_v1(account_id), as_of, as_at) AS m
    ),
    events AS MATERIALIZED (
        SELECT e.* FROM moment AS m
        CROSS JOIN LATERAL analytics.events_as_of_v1(account_id, m.on_date, as_at) AS e
    )
    SELECT
        h.state ->> 'hold_id',
        h.state ->> 'point_currency',
        (h.state ->> 'points')::bigint,
        (h.state ->> 'occurred_at')::timestamptz,
        (h.state ->> 'expires_at')::timestamptz,
        CASE r.topic
            WHEN 'account.hold_captured.v1' THEN 'captured'
            WHEN 'account.hold_voided.v1' THEN 'voided'
            WHEN 'account.hold_expired.v1' THEN 'expired'
            ELSE CASE WHEN (h.state ->> 'expires_at')::timestamptz <= m.ends_at THEN 'expired' ELSE 'open' END
        END,
        CASE r.topic WHEN 'account.hold_captured.v1' THEN (r.state ->> 'points')::bigint ELSE 0 END,
        coalesce(
            (r.state ->> 'occurred_at')::timestamptz,
            CASE
                WHEN (h.state ->> 'expires_at')::timestamptz <= m.ends_at THEN (h.state ->> 'expires_at')::timestamptz
            END
        ),
        h.version
    FROM events AS h
    CROSS JOIN moment AS m
    LEFT JOIN events AS r
        ON r.topic IN ('account.hold_captured.v1', 'account.hold_voided.v1', 'account.hold_expired.v1')
        AND r.state ->> 'hold_id' = h.state ->> 'hold_id'
    WHERE h.topic = 'account.points_held.v1'
    ORDER BY h.version DESC
$$;
COMMENT ON FUNCTION analytics.holds_as_of IS 'Holds of an account, newest first, with what had become of each.';

CREATE FUNCTION analytics.tiers_as_of(account_id uuid, as_of date DEFAULT NULL, as_at timestamptz DEFAULT NULL)
RETURNS TABLE (ladder text, tier text, since date, valid_until date)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH events AS MATERIALIZED (
        SELECT e.* FROM analytics.moment_v1(analytics.program_of_v1(account_id), as_of, as_at) AS m
        CROSS JOIN LATERAL analytics.events_as_of_v1(account_id, m.on_date, as_at) AS e
        WHERE e.topic IN ('account.tier_changed.v1', 'account.tier_retained.v1')
    ),
    held AS (
        SELECT DISTINCT ON (e.state ->> 'ladder') e.*
        FROM events AS e
        WHERE e.topic = 'account.tier_changed.v1'
        ORDER BY e.state ->> 'ladder', e.version DESC
    )
    SELECT
        h.state ->> 'ladder',
        h.state ->> 'tier',
        h.effective_on,
        CASE WHEN r.version IS NULL THEN h.state ->> 'valid_until' ELSE r.state ->> 'valid_until' END::date
    FROM held AS h
    LEFT JOIN LATERAL (
        SELECT e.version, e.state FROM events AS e
        WHERE e.topic = 'account.tier_retained.v1' AND e.version > h.version
            AND e.state ->> 'ladder' = h.state ->> 'ladder' AND e.state ->> 'tier' = h.state ->> 'tier'
        ORDER BY e.version DESC LIMIT 1
    ) AS r ON TRUE
    WHERE h.state ->> 'tier' <> ''
    ORDER BY (h.state ->> 'ladder') COLLATE "C"
$$;
COMMENT ON FUNCTION analytics.tiers_as_of IS 'The tier held on each ladder, as it had been recorded; it ends at valid_until.';

CREATE FUNCTION analytics.balances_as_of(program_id text, as_of date DEFAULT NULL, as_at timestamptz DEFAULT NULL)
RETURNS TABLE (
    account_id uuid, member_id uuid, point_currency text, available_points bigint, promised_points bigint,
    held_points bigint, lapsed_points bigint, owed_points bigint, balance_points bigint, accrued_points bigint,
    redeemed_points bigint, reversed_points bigint, expired_points bigint, reinstated_points bigint,
    clawed_back_points bigint, credited_points bigint, debited_points bigint, transferred_in_points bigint,
    transferred_out_points bigint, next_expiry_on date
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT l.stream_id, (l.state ->> 'member_id')::uuid, b.*
    FROM analytics.moment_v1(balances_as_of.program_id, as_of, as_at) AS m
    CROSS JOIN ledger.event_log AS l
    CROSS JOIN LATERAL analytics.balances_v1(l.stream_id, m.on_date, as_at, m.ends_at) AS b
    WHERE l.topic = 'account.opened.v1'
        AND l.recorded_at <= coalesce(as_at, 'infinity')
        AND l.state ->> 'program_id' = balances_as_of.program_id
$$;
COMMENT ON FUNCTION analytics.balances_as_of IS
'The same of every account of a program. It reads every event of it: hundreds of accounts a second.';
