-- The schema as it is after every migration, to be read: nobody runs this file. It does not say why; the migrations do.
-- Made by `.venv/bin/python -m tests.schema`; a test compares it with what the migrations yield. The roles khaywe_app
-- and khaywe_read belong to the whole server, and are made by the first migration.

-- Functions stand before the tables and functions that they read.
SET check_function_bodies = off;

CREATE SCHEMA access;
GRANT USAGE ON SCHEMA access TO khaywe_app;

CREATE SCHEMA analytics;
COMMENT ON SCHEMA analytics IS 'Views for analysts, with names that stay.';
GRANT USAGE ON SCHEMA analytics TO khaywe_app;
GRANT USAGE ON SCHEMA analytics TO khaywe_read;

CREATE SCHEMA audit;
GRANT USAGE ON SCHEMA audit TO khaywe_app;

CREATE SCHEMA batches;
GRANT USAGE ON SCHEMA batches TO khaywe_app;

CREATE SCHEMA books;
GRANT USAGE ON SCHEMA books TO khaywe_app;

CREATE SCHEMA ledger;
GRANT USAGE ON SCHEMA ledger TO khaywe_app;
GRANT USAGE ON SCHEMA ledger TO khaywe_read;

CREATE SCHEMA members;
GRANT USAGE ON SCHEMA members TO khaywe_app;

CREATE SCHEMA views;
GRANT USAGE ON SCHEMA views TO khaywe_app;
GRANT USAGE ON SCHEMA views TO khaywe_read;

CREATE SCHEMA webhooks;
GRANT USAGE ON SCHEMA webhooks TO khaywe_app;

CREATE SCHEMA what_ifs;
GRANT USAGE ON SCHEMA what_ifs TO khaywe_app;

CREATE SCHEMA workers;
GRANT USAGE ON SCHEMA workers TO khaywe_app;

CREATE FUNCTION analytics.account_as_of(account_id uuid, as_of date DEFAULT NULL::date, as_at timestamptz DEFAULT NULL::timestamptz) RETURNS TABLE(point_currency text, available_points bigint, promised_points bigint, held_points bigint, lapsed_points bigint, owed_points bigint, balance_points bigint, accrued_points bigint, redeemed_points bigint, reversed_points bigint, expired_points bigint, reinstated_points bigint, clawed_back_points bigint, credited_points bigint, debited_points bigint, transferred_in_points bigint, transferred_out_points bigint, next_expiry_on date)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT b.*
    FROM analytics.moment_v1(analytics.program_of_v1(account_id), as_of, as_at) AS m
    CROSS JOIN LATERAL analytics.balances_v1(account_id, m.on_date, as_at, m.ends_at) AS b
$$;
COMMENT ON FUNCTION analytics.account_as_of(account_id uuid, as_of date, as_at timestamptz) IS 'Balances of an account, a row per point currency, as of a program-local date, as at a recorded instant.';

CREATE FUNCTION analytics.balances_as_of(program_id text, as_of date DEFAULT NULL::date, as_at timestamptz DEFAULT NULL::timestamptz) RETURNS TABLE(account_id uuid, member_id uuid, point_currency text, available_points bigint, promised_points bigint, held_points bigint, lapsed_points bigint, owed_points bigint, balance_points bigint, accrued_points bigint, redeemed_points bigint, reversed_points bigint, expired_points bigint, reinstated_points bigint, clawed_back_points bigint, credited_points bigint, debited_points bigint, transferred_in_points bigint, transferred_out_points bigint, next_expiry_on date)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT l.stream_id, (l.state ->> 'member_id')::uuid, b.*
    FROM analytics.moment_v1(balances_as_of.program_id, as_of, as_at) AS m
    CROSS JOIN ledger.event_log AS l
    CROSS JOIN LATERAL analytics.balances_v1(l.stream_id, m.on_date, as_at, m.ends_at) AS b
    WHERE l.topic = 'account.opened.v1'
        AND l.recorded_at <= coalesce(as_at, 'infinity')
        AND l.state ->> 'program_id' = balances_as_of.program_id
$$;
COMMENT ON FUNCTION analytics.balances_as_of(program_id text, as_of date, as_at timestamptz) IS 'The same of every account of a program. It reads every event of it: hundreds of accounts a second.';

CREATE FUNCTION analytics.balances_v1(account_id uuid, as_of date, as_at timestamptz, ends_at timestamptz) RETURNS TABLE(point_currency text, available_points bigint, promised_points bigint, held_points bigint, lapsed_points bigint, owed_points bigint, balance_points bigint, accrued_points bigint, redeemed_points bigint, reversed_points bigint, expired_points bigint, reinstated_points bigint, clawed_back_points bigint, credited_points bigint, debited_points bigint, transferred_in_points bigint, transferred_out_points bigint, next_expiry_on date)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
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

CREATE FUNCTION analytics.dated_lots_v1(account_id uuid, as_of date, as_at timestamptz, ends_at timestamptz) RETURNS TABLE(lot int, point_currency text, accrued_points bigint, open_points bigint, earned_on date, available_from date, expires_on date, kind text, rule text, funding text, awaits text, cancels_on date, idle_months int, activities text[], converts boolean, is_released boolean, version bigint, lapses_on date)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
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

CREATE FUNCTION analytics.events_as_of_v1(account_id uuid, as_of date, as_at timestamptz) RETURNS TABLE(version bigint, topic text, state jsonb, effective_on date)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    WITH known AS MATERIALIZED (
        SELECT
            l.version,
            l.topic,
            analytics.required_v1(l.state) AS state,
            (l.state ->> 'effective_on')::date AS effective_on
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

CREATE FUNCTION analytics.holds_as_of(account_id uuid, as_of date DEFAULT NULL::date, as_at timestamptz DEFAULT NULL::timestamptz) RETURNS TABLE(hold_id text, point_currency text, points bigint, held_at timestamptz, expires_at timestamptz, status text, captured_points bigint, resolved_at timestamptz, version bigint)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
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
COMMENT ON FUNCTION analytics.holds_as_of(account_id uuid, as_of date, as_at timestamptz) IS 'Holds of an account, newest first, with what had become of each.';

CREATE FUNCTION analytics.lots_as_of(account_id uuid, as_of date DEFAULT NULL::date, as_at timestamptz DEFAULT NULL::timestamptz) RETURNS TABLE(lot int, point_currency text, accrued_points bigint, open_points bigint, earned_on date, available_from date, expires_on date, kind text, rule text, funding text, awaits text, cancels_on date, idle_months int, activities text[], converts boolean, is_released boolean, version bigint, lapses_on date)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT l.*
    FROM analytics.moment_v1(analytics.program_of_v1(account_id), as_of, as_at) AS m
    CROSS JOIN LATERAL analytics.dated_lots_v1(account_id, m.on_date, as_at, m.ends_at) AS l
    ORDER BY coalesce(l.expires_on, 'infinity'), l.earned_on, l.lot
$$;
COMMENT ON FUNCTION analytics.lots_as_of(account_id uuid, as_of date, as_at timestamptz) IS 'Lots of an account that had come, used ones too, in the order in which they are used.';

CREATE FUNCTION analytics.moment_v1(program_id text, as_of date, as_at timestamptz) RETURNS TABLE(on_date date, ends_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
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

CREATE FUNCTION analytics.moves_as_of_v1(account_id uuid, as_of date, as_at timestamptz, ends_at timestamptz) RETURNS TABLE(point_currency text, lot int, total text, points bigint, lot_points bigint, held_points bigint, owed_points bigint)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
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

CREATE FUNCTION analytics.program_of_v1(account_id uuid) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT l.state ->> 'program_id' FROM ledger.event_log AS l
    WHERE l.partition = (
            SELECT ('x' || right(replace(account_id::text, '-', ''), 8))::bit(32)::bigint % count(*) FROM ledger.heads
        )
        AND l.stream_id = account_id AND l.version = 1
$$;

CREATE FUNCTION analytics.required_v1(state jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
    IF state IS NULL THEN
        RAISE EXCEPTION 'events of this account are in an archive, which SQL cannot read'
            USING HINT = 'Ask over REST or with khaywe account, or bring them back: khaywe audit return.';
    END IF;
    RETURN state;
END
$$;

CREATE FUNCTION analytics.tiers_as_of(account_id uuid, as_of date DEFAULT NULL::date, as_at timestamptz DEFAULT NULL::timestamptz) RETURNS TABLE(ladder text, tier text, since date, valid_until date)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
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
COMMENT ON FUNCTION analytics.tiers_as_of(account_id uuid, as_of date, as_at timestamptz) IS 'The tier held on each ladder, as it had been recorded; it ends at valid_until.';

CREATE FUNCTION ledger.guard_states_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    changed ledger.events := new;
BEGIN
    changed.state := old.state;
    IF changed IS NOT DISTINCT FROM old THEN
        IF NOT ledger.is_reference_v1(old.state) AND ledger.is_reference_v1(new.state) AND length(new.state) = 47
            -- It must name this event, and half of the SHA-256 of this state; see ledger.archive.packs.
            AND substring(new.state FROM 4 FOR 12) = int4send(old.partition) || int8send(old.position)
            AND substring(new.state FROM 32) = substring(sha256(old.state) FOR 16)
            AND old.topic LIKE 'account.%' AND old.topic <> 'account.opened.v1'
            AND EXISTS (
                SELECT FROM ledger.removals AS r WHERE r.partition = old.partition AND r.position >= old.position
            )
        THEN
            RETURN new;
        END IF;
        IF ledger.is_reference_v1(old.state) AND sha256(
            coalesce(
                (
                    SELECT e.hash FROM ledger.events AS e
                    WHERE e.partition = old.partition AND e.position = old.position - 1
                ),
                decode(repeat('00', 32), 'hex')
            ) || ledger.row_v1(new)
        ) = old.hash
        THEN
            RETURN new;
        END IF;
    END IF;
    RAISE EXCEPTION '% on %.% is refused: recorded facts never change; correct them with a new event',
        tg_op, tg_table_schema, tg_table_name USING ERRCODE = 'restrict_violation';
END
$$;

CREATE FUNCTION ledger.is_reference_v1(state bytea) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT substring(state FROM 1 FOR 1) = '\x00'::bytea
$$;

CREATE FUNCTION ledger.refuse_change_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: recorded facts never change; correct them with a new event',
        tg_op, tg_table_schema, tg_table_name USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TABLE ledger.events (
    partition int NOT NULL,
    position bigint NOT NULL,
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    topic text NOT NULL COLLATE "C",
    state bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT events_position_v1 UNIQUE (partition, position),
    CONSTRAINT events_stream_version_v1 PRIMARY KEY (partition, stream_id, version)
);
CREATE INDEX events_access_v1 ON ledger.events USING btree (recorded_at, partition, position) WHERE (topic ~~ 'access.%'::text);
CREATE INDEX events_approvals_v1 ON ledger.events USING btree (recorded_at, partition, position) WHERE (topic = 'approval.requested.v1'::text);
CREATE INDEX events_programs_v1 ON ledger.events USING btree (partition, position) WHERE (topic = 'program.created.v1'::text);
CREATE TRIGGER events_are_immutable_v2 BEFORE DELETE OR TRUNCATE ON ledger.events FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_v1();
CREATE TRIGGER events_keep_their_states_v1 BEFORE UPDATE ON ledger.events FOR EACH ROW EXECUTE FUNCTION ledger.guard_states_v1();
GRANT SELECT,INSERT ON TABLE ledger.events TO khaywe_app;

CREATE FUNCTION ledger.row_v1(event ledger.events) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT int4send(4) || int4send(event.partition)
        || int4send(8) || int8send(event.position)
        || int4send(16) || uuid_send(event.stream_id)
        || int4send(8) || int8send(event.version)
        || int4send(octet_length(event.topic)) || convert_to(event.topic, 'UTF8')
        || int4send(length(event.state)) || event.state
        || int4send(8) || timestamptz_send(event.recorded_at)
$$;

CREATE FUNCTION ledger.state_v1(state bytea) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN NOT ledger.is_reference_v1(state) THEN convert_from(state, 'UTF8')::jsonb END
$$;

CREATE FUNCTION members.count_revision_v1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'members', 'pg_temp'
    AS $$
BEGIN
    UPDATE members.revision SET revision = revision + 1;
    RETURN NULL;
END
$$;

CREATE FUNCTION views.idle_on_v1(earned_on date, idle_months int, activities text[], last_purchase_on date, last_accrual_on date, last_redemption_on date, last_adjustment_on date, last_transfer_in_on date, last_transfer_out_on date) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN came_on < idle_on THEN idle_on ELSE (came_on + months + interval '1 day')::date END
FROM (
    SELECT
        came_on,
        months,
        (last_on + months + interval '1 day')::date AS idle_on
    FROM (
        SELECT
            greatest(earned_on, last_adjustment_on, last_transfer_in_on) AS came_on,
            make_interval(months => nullif(idle_months, 0)) AS months,
            greatest(
                CASE WHEN activities IS NULL OR 'purchase' = ANY(activities) THEN last_purchase_on END,
                CASE WHEN activities IS NULL OR 'accrual' = ANY(activities) THEN last_accrual_on END,
                CASE WHEN activities IS NULL OR 'redemption' = ANY(activities) THEN last_redemption_on END,
                CASE WHEN 'adjustment' = ANY(activities) THEN last_adjustment_on END,
                CASE WHEN 'transfer_in' = ANY(activities) THEN last_transfer_in_on END,
                CASE WHEN 'transfer_out' = ANY(activities) THEN last_transfer_out_on END
            ) AS last_on
    ) AS dated
) AS dated
$$;

CREATE TABLE access.api_keys (
    key_id text NOT NULL,
    role text NOT NULL,
    key_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    family text NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    actions text[] DEFAULT '{}'::text[] NOT NULL,
    programs text[] DEFAULT '{}'::text[] NOT NULL,
    partners text[] DEFAULT '{}'::text[] NOT NULL,
    stores text[] DEFAULT '{}'::text[] NOT NULL,
    requests_per_s int,
    issued_by text DEFAULT 'cli'::text NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    CONSTRAINT api_keys_key_hash_check CHECK ((length(key_hash) = 32)),
    CONSTRAINT api_keys_requests_per_s_check CHECK ((requests_per_s > 0)),
    CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT api_keys_pkey PRIMARY KEY (key_id)
);
GRANT SELECT,INSERT,UPDATE ON TABLE access.api_keys TO khaywe_app;

CREATE TABLE access.sessions (
    session_hash bytea NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT sessions_session_hash_check CHECK ((length(session_hash) = 32)),
    CONSTRAINT sessions_pkey PRIMARY KEY (session_hash)
);
CREATE INDEX sessions_by_user_v1 ON access.sessions USING btree (user_id);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE access.sessions TO khaywe_app;

CREATE TABLE access.users (
    user_id uuid NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    role text NOT NULL,
    actions text[] DEFAULT '{}'::text[] NOT NULL,
    programs text[] DEFAULT '{}'::text[] NOT NULL,
    partners text[] DEFAULT '{}'::text[] NOT NULL,
    stores text[] DEFAULT '{}'::text[] NOT NULL,
    is_enabled boolean DEFAULT true NOT NULL,
    created_at timestamptz NOT NULL,
    failed_count int DEFAULT 0 NOT NULL,
    locked_until timestamptz,
    CONSTRAINT users_email_v1 UNIQUE (email),
    CONSTRAINT users_pkey PRIMARY KEY (user_id)
);
GRANT SELECT,INSERT,UPDATE ON TABLE access.users TO khaywe_app;

CREATE TABLE views.accounts (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    program_id text NOT NULL COLLATE "C",
    member_id uuid NOT NULL,
    opened_on date NOT NULL,
    status text DEFAULT 'open'::text NOT NULL COLLATE "C",
    merged_into text DEFAULT ''::text NOT NULL COLLATE "C",
    last_purchase_on date,
    last_accrual_on date,
    last_redemption_on date,
    last_adjustment_on date,
    last_transfer_in_on date,
    last_transfer_out_on date,
    CONSTRAINT accounts_pkey PRIMARY KEY (partition, account_id)
);
CREATE INDEX accounts_merged_v1 ON views.accounts USING btree (program_id, member_id) WHERE (merged_into <> ''::text);
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.accounts TO khaywe_app;

CREATE VIEW analytics.accounts AS
 SELECT program_id,
    member_id,
    account_id,
    opened_on,
    status,
    NULLIF(merged_into, ''::text) AS merged_into,
    last_purchase_on,
    last_accrual_on,
    last_redemption_on,
    last_adjustment_on,
    last_transfer_in_on,
    last_transfer_out_on
   FROM views.accounts x;
COMMENT ON VIEW analytics.accounts IS 'Every account: one per member and program.';
COMMENT ON COLUMN analytics.accounts.program_id IS 'The program.';
COMMENT ON COLUMN analytics.accounts.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.accounts.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.accounts.opened_on IS 'Program-local date on which the account was opened.';
COMMENT ON COLUMN analytics.accounts.status IS 'open, suspended or closed.';
COMMENT ON COLUMN analytics.accounts.merged_into IS 'Member whose account took over after a merger; NULL where there was none.';
COMMENT ON COLUMN analytics.accounts.last_purchase_on IS 'Effective date of the latest purchase; NULL: none.';
COMMENT ON COLUMN analytics.accounts.last_accrual_on IS 'Effective date of the latest accrual without a purchase.';
COMMENT ON COLUMN analytics.accounts.last_redemption_on IS 'Effective date of the latest redemption.';
COMMENT ON COLUMN analytics.accounts.last_adjustment_on IS 'Effective date of the latest adjustment.';
COMMENT ON COLUMN analytics.accounts.last_transfer_in_on IS 'Effective date of the latest transfer to the account.';
COMMENT ON COLUMN analytics.accounts.last_transfer_out_on IS 'Effective date of the latest transfer from the account.';
GRANT SELECT ON TABLE analytics.accounts TO khaywe_app;
GRANT SELECT ON TABLE analytics.accounts TO khaywe_read;

CREATE TABLE views.balances (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    point_currency text NOT NULL COLLATE "C",
    accrued_points bigint DEFAULT 0 NOT NULL,
    redeemed_points bigint DEFAULT 0 NOT NULL,
    reversed_points bigint DEFAULT 0 NOT NULL,
    version bigint NOT NULL,
    expired_points bigint DEFAULT 0 NOT NULL,
    reinstated_points bigint DEFAULT 0 NOT NULL,
    clawed_back_points bigint DEFAULT 0 NOT NULL,
    credited_points bigint DEFAULT 0 NOT NULL,
    debited_points bigint DEFAULT 0 NOT NULL,
    transferred_in_points bigint DEFAULT 0 NOT NULL,
    transferred_out_points bigint DEFAULT 0 NOT NULL,
    held_points bigint DEFAULT 0 NOT NULL,
    owed_points bigint DEFAULT 0 NOT NULL,
    last_purchase_on date,
    balance_points bigint GENERATED ALWAYS AS ((((((((((accrued_points + reversed_points) + reinstated_points) + credited_points) + transferred_in_points) - redeemed_points) - expired_points) - clawed_back_points) - debited_points) - transferred_out_points)) STORED NOT NULL,
    CONSTRAINT balances_pkey PRIMARY KEY (partition, account_id, point_currency)
)
WITH (fillfactor='70');
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.balances TO khaywe_app;

CREATE VIEW analytics.balances AS
 SELECT a.program_id,
    a.member_id,
    x.account_id,
    x.point_currency,
    x.balance_points,
    x.accrued_points,
    x.reversed_points,
    x.reinstated_points,
    x.credited_points,
    x.transferred_in_points,
    x.redeemed_points,
    x.expired_points,
    x.clawed_back_points,
    x.debited_points,
    x.transferred_out_points,
    x.held_points,
    x.owed_points,
    x.version
   FROM (views.balances x
     JOIN views.accounts a ON (((a.partition = x.partition) AND (a.account_id = x.account_id))));
COMMENT ON VIEW analytics.balances IS 'What every account has, by point currency. balance = accrued + reversed + reinstated + credited + transferred in - redeemed - expired - clawed back - debited - transferred out. Points are counted in the smallest unit of the point currency.';
COMMENT ON COLUMN analytics.balances.program_id IS 'The program.';
COMMENT ON COLUMN analytics.balances.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.balances.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.balances.point_currency IS 'Code of the point currency.';
COMMENT ON COLUMN analytics.balances.balance_points IS 'Booked points: open lots + held - owed, whatever dates say.';
COMMENT ON COLUMN analytics.balances.accrued_points IS 'Ever accrued, in points.';
COMMENT ON COLUMN analytics.balances.reversed_points IS 'Given back by reversals of redemptions, in points.';
COMMENT ON COLUMN analytics.balances.reinstated_points IS 'Given back after they had lapsed, in points.';
COMMENT ON COLUMN analytics.balances.credited_points IS 'Given by adjustments, in points.';
COMMENT ON COLUMN analytics.balances.transferred_in_points IS 'Came from other accounts, in points.';
COMMENT ON COLUMN analytics.balances.redeemed_points IS 'Ever redeemed, in points.';
COMMENT ON COLUMN analytics.balances.expired_points IS 'Recorded as lapsed, in points.';
COMMENT ON COLUMN analytics.balances.clawed_back_points IS 'Taken back by returns and repricing, in points.';
COMMENT ON COLUMN analytics.balances.debited_points IS 'Taken by adjustments, in points.';
COMMENT ON COLUMN analytics.balances.transferred_out_points IS 'Went to other accounts, in points.';
COMMENT ON COLUMN analytics.balances.held_points IS 'Reserved by holds that are not resolved, in points; part of the balance.';
COMMENT ON COLUMN analytics.balances.owed_points IS 'Taken back when they were gone already, in points; later points pay them.';
COMMENT ON COLUMN analytics.balances.version IS 'Version of the account''s stream after its last event that moved this currency.';
GRANT SELECT ON TABLE analytics.balances TO khaywe_app;
GRANT SELECT ON TABLE analytics.balances TO khaywe_read;

CREATE TABLE views.holds (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    hold_id text NOT NULL COLLATE "C",
    point_currency text NOT NULL COLLATE "C",
    points bigint NOT NULL,
    held_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    status text NOT NULL COLLATE "C",
    captured_points bigint NOT NULL,
    resolved_at timestamptz,
    version bigint NOT NULL,
    CONSTRAINT holds_pkey PRIMARY KEY (partition, account_id, hold_id)
)
WITH (fillfactor='90');
CREATE INDEX holds_open_v1 ON views.holds USING btree (partition, expires_at) WHERE (status = 'open'::text);
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.holds TO khaywe_app;

CREATE VIEW analytics.holds AS
 SELECT a.program_id,
    a.member_id,
    x.account_id,
    x.hold_id,
    x.point_currency,
    x.points,
    x.held_at,
    x.expires_at,
    x.status,
    x.captured_points,
    x.resolved_at
   FROM (views.holds x
     JOIN views.accounts a ON (((a.partition = x.partition) AND (a.account_id = x.account_id))));
COMMENT ON VIEW analytics.holds IS 'Points reserved for checkouts. Points are counted in the smallest unit of the point currency.';
COMMENT ON COLUMN analytics.holds.program_id IS 'The program.';
COMMENT ON COLUMN analytics.holds.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.holds.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.holds.hold_id IS 'The caller''s id of the hold.';
COMMENT ON COLUMN analytics.holds.point_currency IS 'Code of the point currency.';
COMMENT ON COLUMN analytics.holds.points IS 'Points reserved.';
COMMENT ON COLUMN analytics.holds.held_at IS 'Since when.';
COMMENT ON COLUMN analytics.holds.expires_at IS 'From this moment on they are free, recorded or not.';
COMMENT ON COLUMN analytics.holds.status IS 'open, captured, voided or expired, as recorded.';
COMMENT ON COLUMN analytics.holds.captured_points IS 'Of them, redeemed.';
COMMENT ON COLUMN analytics.holds.resolved_at IS 'When it was captured, voided or expired; NULL: not yet recorded.';
GRANT SELECT ON TABLE analytics.holds TO khaywe_app;
GRANT SELECT ON TABLE analytics.holds TO khaywe_read;

CREATE TABLE workers.runs (
    run_id uuid NOT NULL,
    job text NOT NULL COLLATE "C",
    as_of timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    status text NOT NULL,
    account_count bigint DEFAULT 0 NOT NULL,
    event_count bigint DEFAULT 0 NOT NULL,
    refused_count bigint DEFAULT 0 NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    CONSTRAINT runs_status_check CHECK ((status = ANY (ARRAY['running'::text, 'finished'::text, 'failed'::text, 'interrupted'::text]))),
    CONSTRAINT runs_pkey PRIMARY KEY (run_id)
);
CREATE INDEX runs_by_start_v1 ON workers.runs USING btree (started_at DESC, run_id);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE workers.runs TO khaywe_app;

CREATE VIEW analytics.job_runs AS
 SELECT run_id,
    job,
    as_of,
    started_at,
    finished_at,
    status,
    account_count,
    event_count,
    refused_count
   FROM workers.runs x;
COMMENT ON VIEW analytics.job_runs IS 'Runs of the jobs that keep time, over all programs.';
COMMENT ON COLUMN analytics.job_runs.run_id IS 'Id of the run.';
COMMENT ON COLUMN analytics.job_runs.job IS 'Which job.';
COMMENT ON COLUMN analytics.job_runs.as_of IS 'Moment it ran for.';
COMMENT ON COLUMN analytics.job_runs.started_at IS 'When it began.';
COMMENT ON COLUMN analytics.job_runs.finished_at IS 'When it ended; NULL: not yet.';
COMMENT ON COLUMN analytics.job_runs.status IS 'running, finished, failed or interrupted.';
COMMENT ON COLUMN analytics.job_runs.account_count IS 'Accounts looked at.';
COMMENT ON COLUMN analytics.job_runs.event_count IS 'Events recorded.';
COMMENT ON COLUMN analytics.job_runs.refused_count IS 'Accounts refused.';
GRANT SELECT ON TABLE analytics.job_runs TO khaywe_app;
GRANT SELECT ON TABLE analytics.job_runs TO khaywe_read;

CREATE TABLE views.lots (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    lot int NOT NULL,
    point_currency text NOT NULL COLLATE "C",
    accrued_points bigint NOT NULL,
    open_points bigint NOT NULL,
    earned_on date NOT NULL,
    available_from date NOT NULL,
    expires_on date,
    kind text NOT NULL,
    rule text NOT NULL,
    funding text NOT NULL,
    version bigint NOT NULL,
    awaits text DEFAULT ''::text NOT NULL COLLATE "C",
    cancels_on date,
    idle_months int DEFAULT 0 NOT NULL,
    activities text[] COLLATE "C",
    converts boolean DEFAULT false NOT NULL,
    is_released boolean DEFAULT false NOT NULL,
    CONSTRAINT lots_pkey PRIMARY KEY (partition, account_id, lot)
)
WITH (fillfactor='90');
CREATE INDEX lots_by_cancelling_v1 ON views.lots USING btree (partition, cancels_on) WHERE ((cancels_on IS NOT NULL) AND (awaits <> ''::text) AND (open_points > 0));
CREATE INDEX lots_by_expiry_v1 ON views.lots USING btree (partition, expires_on) WHERE ((expires_on IS NOT NULL) AND (open_points > 0));
CREATE INDEX lots_by_release_v1 ON views.lots USING btree (partition, available_from) WHERE ((available_from > earned_on) AND (NOT is_released) AND (awaits = ''::text) AND (open_points > 0));
CREATE INDEX lots_idle_v1 ON views.lots USING btree (partition, account_id) WHERE ((idle_months > 0) AND (open_points > 0));
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.lots TO khaywe_app;

CREATE TABLE views.tracking (
    view text NOT NULL COLLATE "C",
    partition int NOT NULL,
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT tracking_view_partition PRIMARY KEY (view, partition)
)
WITH (fillfactor='10');
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.tracking TO khaywe_app;

CREATE VIEW analytics.lot_movements AS
 SELECT a.program_id,
    a.member_id,
    a.account_id,
    l.lot,
    l.point_currency,
    l.earned_on,
    l.funding,
    ((s.state ->> 'effective_on'::text))::date AS effective_on,
    f.movement,
    ((m.moved ->> 'points'::text))::bigint AS points,
    e.partition,
    e.position,
    e.recorded_at
   FROM ((((((( VALUES ('account.points_redeemed.v1'::text,'taken'::text,'redeemed'::text), ('account.hold_captured.v1'::text,'taken'::text,'redeemed'::text), ('account.redemption_reversed.v1'::text,'returned'::text,'redemption_reversed'::text), ('account.purchase_returned.v1'::text,'taken'::text,'clawed_back'::text), ('account.purchase_repriced.v1'::text,'taken'::text,'clawed_back'::text), ('account.points_adjusted.v1'::text,'taken'::text,'debited'::text), ('account.points_transferred_out.v1'::text,'taken'::text,'transferred_out'::text), ('account.lots_expired.v1'::text,'lots'::text,'expired'::text), ('account.purchase_posted.v1'::text,'repaid'::text,'repaid'::text), ('account.points_accrued.v1'::text,'repaid'::text,'repaid'::text), ('account.purchase_returned.v1'::text,'repaid'::text,'repaid'::text), ('account.purchase_repriced.v1'::text,'repaid'::text,'repaid'::text), ('account.redemption_reversed.v1'::text,'repaid'::text,'repaid'::text), ('account.hold_captured.v1'::text,'repaid'::text,'repaid'::text), ('account.hold_voided.v1'::text,'repaid'::text,'repaid'::text), ('account.hold_expired.v1'::text,'repaid'::text,'repaid'::text), ('account.points_reinstated.v1'::text,'repaid'::text,'repaid'::text), ('account.points_adjusted.v1'::text,'repaid'::text,'repaid'::text), ('account.points_transferred_in.v1'::text,'repaid'::text,'repaid'::text)) f(topic, field, movement)
     JOIN ledger.events e ON (((e.topic = f.topic) AND (POSITION((convert_to((('"'::text || f.field) || '"'::text), 'UTF8'::name)) IN (e.state)) > 0))))
     JOIN ( SELECT t.partition,
            min(t.position) AS position
           FROM views.tracking t
          GROUP BY t.partition) shown ON (((shown.partition = e.partition) AND (e.position <= shown.position))))
     CROSS JOIN LATERAL ( SELECT (convert_from(e.state, 'UTF8'::name))::jsonb AS state
         OFFSET 0) s)
     CROSS JOIN LATERAL jsonb_array_elements((s.state -> f.field)) m(moved))
     JOIN views.lots l ON (((l.partition = e.partition) AND (l.account_id = e.stream_id) AND (l.lot = ((m.moved ->> 'lot'::text))::int))))
     JOIN views.accounts a ON (((a.partition = e.partition) AND (a.account_id = e.stream_id))));
COMMENT ON VIEW analytics.lot_movements IS 'What took points out of lots, and what brought redeemed ones back, event by event. Holds that are not resolved are no movement. Events that are in an archive are not shown. Points are counted in the smallest unit of the point currency.';
COMMENT ON COLUMN analytics.lot_movements.program_id IS 'The program.';
COMMENT ON COLUMN analytics.lot_movements.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.lot_movements.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.lot_movements.lot IS 'Number of the lot within the account.';
COMMENT ON COLUMN analytics.lot_movements.point_currency IS 'Code of the point currency.';
COMMENT ON COLUMN analytics.lot_movements.earned_on IS 'Date on which the lot was earned; its month is the vintage.';
COMMENT ON COLUMN analytics.lot_movements.funding IS 'Who pays for the points: own, or a partner.';
COMMENT ON COLUMN analytics.lot_movements.effective_on IS 'Program-local date on which the movement counts.';
COMMENT ON COLUMN analytics.lot_movements.movement IS 'redeemed; redemption_reversed; clawed_back by a return or repricing; debited by an adjustment; repaid: paid a debt; transferred_out; expired.';
COMMENT ON COLUMN analytics.lot_movements.points IS 'Points moved, always above zero.';
COMMENT ON COLUMN analytics.lot_movements.partition IS 'Partition of the event.';
COMMENT ON COLUMN analytics.lot_movements.position IS 'Position of the event in its partition.';
COMMENT ON COLUMN analytics.lot_movements.recorded_at IS 'When the event was recorded.';
GRANT SELECT ON TABLE analytics.lot_movements TO khaywe_app;
GRANT SELECT ON TABLE analytics.lot_movements TO khaywe_read;

CREATE VIEW analytics.lots AS
 SELECT a.program_id,
    a.member_id,
    x.account_id,
    x.lot,
    x.point_currency,
    x.accrued_points,
    x.open_points,
    x.earned_on,
    x.available_from,
    x.expires_on,
    x.idle_months,
    NULLIF(x.awaits, ''::text) AS awaits,
    x.cancels_on,
    x.kind,
    NULLIF(x.rule, ''::text) AS rule_id,
    x.funding,
    x.converts
   FROM (views.lots x
     JOIN views.accounts a ON (((a.partition = x.partition) AND (a.account_id = x.account_id))));
COMMENT ON VIEW analytics.lots IS 'Every lot ever made: the points of one accrual, with one expiry. Points are counted in the smallest unit of the point currency.';
COMMENT ON COLUMN analytics.lots.program_id IS 'The program.';
COMMENT ON COLUMN analytics.lots.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.lots.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.lots.lot IS 'Number of the lot within the account, from 1.';
COMMENT ON COLUMN analytics.lots.point_currency IS 'Code of the point currency.';
COMMENT ON COLUMN analytics.lots.accrued_points IS 'Points the lot was made with.';
COMMENT ON COLUMN analytics.lots.open_points IS 'Points left in it: neither gone nor held.';
COMMENT ON COLUMN analytics.lots.earned_on IS 'Program-local date on which they were earned; its month is the vintage. Points of a transfer keep theirs.';
COMMENT ON COLUMN analytics.lots.available_from IS 'First date on which they can be spent.';
COMMENT ON COLUMN analytics.lots.expires_on IS 'First date on which they can no longer be spent; NULL: never by age.';
COMMENT ON COLUMN analytics.lots.idle_months IS 'Months without activity after which they lapse; 0: inactivity does not matter.';
COMMENT ON COLUMN analytics.lots.awaits IS 'Business event that makes them available; NULL: none.';
COMMENT ON COLUMN analytics.lots.cancels_on IS 'First date on which they are lost if that event has not come.';
COMMENT ON COLUMN analytics.lots.kind IS 'base, bonus, adjustment or transfer.';
COMMENT ON COLUMN analytics.lots.rule_id IS 'Rule that priced them; NULL: none did.';
COMMENT ON COLUMN analytics.lots.funding IS 'Who pays for them: own, or a partner.';
COMMENT ON COLUMN analytics.lots.converts IS 'Whether what is left becomes a voucher when it lapses.';
GRANT SELECT ON TABLE analytics.lots TO khaywe_app;
GRANT SELECT ON TABLE analytics.lots TO khaywe_read;

CREATE VIEW analytics.positions AS
 SELECT partition,
    min(position) AS position,
    min(recorded_at) AS recorded_at
   FROM views.tracking x
  GROUP BY partition;
COMMENT ON VIEW analytics.positions IS 'How far the other views show the ledger, by partition.';
COMMENT ON COLUMN analytics.positions.partition IS 'Partition of the ledger.';
COMMENT ON COLUMN analytics.positions.position IS 'Position of the last event that every view shows.';
COMMENT ON COLUMN analytics.positions.recorded_at IS 'When it was recorded.';
GRANT SELECT ON TABLE analytics.positions TO khaywe_app;
GRANT SELECT ON TABLE analytics.positions TO khaywe_read;

CREATE VIEW analytics.program_versions AS
 SELECT p.program_id,
    ((s.state ->> 'version'::text))::int AS version,
    ((s.state ->> 'effective_from'::text))::timestamptz AS effective_from,
    (EXISTS ( SELECT
           FROM ledger.events w
          WHERE ((w.partition = e.partition) AND (w.stream_id = e.stream_id) AND (w.topic = 'program.version_withdrawn.v1'::text) AND (((convert_from(w.state, 'UTF8'::name))::jsonb -> 'version'::text) = (s.state -> 'version'::text))))) AS is_withdrawn,
    (s.state -> 'terms'::text) AS terms,
    e.recorded_at
   FROM ((( SELECT c.partition,
            c.stream_id,
            ((convert_from(c.state, 'UTF8'::name))::jsonb ->> 'program_id'::text) AS program_id
           FROM ledger.events c
          WHERE (c.topic = 'program.created.v1'::text)) p
     JOIN ledger.events e ON (((e.partition = p.partition) AND (e.stream_id = p.stream_id) AND (e.topic = 'program.published.v1'::text))))
     CROSS JOIN LATERAL ( SELECT (convert_from(e.state, 'UTF8'::name))::jsonb AS state
         OFFSET 0) s);
COMMENT ON VIEW analytics.program_versions IS 'Published versions of the programs'' terms.';
COMMENT ON COLUMN analytics.program_versions.program_id IS 'The program.';
COMMENT ON COLUMN analytics.program_versions.version IS 'Number of the version.';
COMMENT ON COLUMN analytics.program_versions.effective_from IS 'From when on it prices.';
COMMENT ON COLUMN analytics.program_versions.is_withdrawn IS 'It was taken back before it took effect.';
COMMENT ON COLUMN analytics.program_versions.terms IS 'All terms, as JSON.';
COMMENT ON COLUMN analytics.program_versions.recorded_at IS 'When it was published.';
GRANT SELECT ON TABLE analytics.program_versions TO khaywe_app;
GRANT SELECT ON TABLE analytics.program_versions TO khaywe_read;

CREATE VIEW analytics.programs AS
 SELECT (s.state ->> 'program_id'::text) AS program_id,
    (s.state ->> 'name'::text) AS name,
    (s.state ->> 'currency'::text) AS currency,
    (s.state ->> 'timezone'::text) AS timezone,
    e.recorded_at
   FROM (ledger.events e
     CROSS JOIN LATERAL ( SELECT (convert_from(e.state, 'UTF8'::name))::jsonb AS state
         OFFSET 0) s)
  WHERE (e.topic = 'program.created.v1'::text);
COMMENT ON VIEW analytics.programs IS 'The programs of this ledger.';
COMMENT ON COLUMN analytics.programs.program_id IS 'The program.';
COMMENT ON COLUMN analytics.programs.name IS 'What people call it.';
COMMENT ON COLUMN analytics.programs.currency IS 'ISO 4217 code of the money it counts in.';
COMMENT ON COLUMN analytics.programs.timezone IS 'IANA zone whose calendar decides effective dates.';
COMMENT ON COLUMN analytics.programs.recorded_at IS 'When it was created.';
GRANT SELECT ON TABLE analytics.programs TO khaywe_app;
GRANT SELECT ON TABLE analytics.programs TO khaywe_read;

CREATE TABLE views.promises (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    point_currency text NOT NULL COLLATE "C",
    source text NOT NULL COLLATE "C",
    transaction_id text NOT NULL COLLATE "C",
    occurred_at timestamptz NOT NULL,
    effective_on date NOT NULL,
    bundle_version int NOT NULL,
    program_version int NOT NULL,
    reason text NOT NULL COLLATE "C",
    promised_points bigint NOT NULL,
    booked_points bigint NOT NULL,
    repriced_points bigint DEFAULT 0 NOT NULL,
    returned_points bigint DEFAULT 0 NOT NULL,
    CONSTRAINT promises_pkey PRIMARY KEY (partition, account_id, version, point_currency)
);
CREATE INDEX promises_by_day_v1 ON views.promises USING btree (effective_on, source, transaction_id, account_id, point_currency);
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.promises TO khaywe_app;

CREATE VIEW analytics.promises AS
 SELECT a.program_id,
    a.member_id,
    x.account_id,
    x.source,
    x.transaction_id,
    x.point_currency,
    x.occurred_at,
    x.effective_on,
    x.bundle_version,
    x.program_version,
    x.promised_points,
    x.booked_points,
    NULLIF(x.reason, ''::text) AS reason,
    x.repriced_points,
    x.returned_points
   FROM (views.promises x
     JOIN views.accounts a ON (((a.partition = x.partition) AND (a.account_id = x.account_id))));
COMMENT ON VIEW analytics.promises IS 'What offline tills promised, and what was booked for it. Points are counted in the smallest unit of the point currency.';
COMMENT ON COLUMN analytics.promises.program_id IS 'The program.';
COMMENT ON COLUMN analytics.promises.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.promises.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.promises.source IS 'System that reported the purchase.';
COMMENT ON COLUMN analytics.promises.transaction_id IS 'The source''s id of the purchase.';
COMMENT ON COLUMN analytics.promises.point_currency IS 'Code of the point currency.';
COMMENT ON COLUMN analytics.promises.occurred_at IS 'When it happened.';
COMMENT ON COLUMN analytics.promises.effective_on IS 'Program-local date on which it counts.';
COMMENT ON COLUMN analytics.promises.bundle_version IS 'Program version of the till''s rule bundle.';
COMMENT ON COLUMN analytics.promises.program_version IS 'Program version that priced what was booked.';
COMMENT ON COLUMN analytics.promises.promised_points IS 'Points on the receipt.';
COMMENT ON COLUMN analytics.promises.booked_points IS 'Points booked.';
COMMENT ON COLUMN analytics.promises.reason IS 'Why they differ; NULL: they do not, or nobody knows.';
COMMENT ON COLUMN analytics.promises.repriced_points IS 'Added later because of late arrivals; negative: taken.';
COMMENT ON COLUMN analytics.promises.returned_points IS 'Taken back by returns.';
GRANT SELECT ON TABLE analytics.promises TO khaywe_app;
GRANT SELECT ON TABLE analytics.promises TO khaywe_read;

CREATE TABLE views.purchases (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    source text NOT NULL COLLATE "C",
    transaction_id text NOT NULL COLLATE "C",
    occurred_at timestamptz NOT NULL,
    effective_on date NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    program_version int NOT NULL,
    points bigint NOT NULL,
    returned_minor bigint DEFAULT 0 NOT NULL,
    CONSTRAINT purchases_pkey PRIMARY KEY (partition, account_id, version)
);
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.purchases TO khaywe_app;

CREATE VIEW analytics.purchases AS
 SELECT a.program_id,
    a.member_id,
    x.account_id,
    x.source,
    x.transaction_id,
    x.occurred_at,
    x.effective_on,
    x.amount_minor,
    x.currency,
    x.returned_minor,
    x.points,
    x.program_version,
    x.version
   FROM (views.purchases x
     JOIN views.accounts a ON (((a.partition = x.partition) AND (a.account_id = x.account_id))));
COMMENT ON VIEW analytics.purchases IS 'What members bought, as it was booked.';
COMMENT ON COLUMN analytics.purchases.program_id IS 'The program.';
COMMENT ON COLUMN analytics.purchases.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.purchases.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.purchases.source IS 'System that reported it: a store, a till, a billing run.';
COMMENT ON COLUMN analytics.purchases.transaction_id IS 'The source''s own id of the purchase.';
COMMENT ON COLUMN analytics.purchases.occurred_at IS 'When it happened.';
COMMENT ON COLUMN analytics.purchases.effective_on IS 'Program-local date on which it counts.';
COMMENT ON COLUMN analytics.purchases.amount_minor IS 'Amount in minor units of the currency.';
COMMENT ON COLUMN analytics.purchases.currency IS 'ISO 4217 code.';
COMMENT ON COLUMN analytics.purchases.returned_minor IS 'Of the amount, what came back, in minor units.';
COMMENT ON COLUMN analytics.purchases.points IS 'Points it earned when it was booked, all point currencies together.';
COMMENT ON COLUMN analytics.purchases.program_version IS 'Published version of the program that priced it.';
COMMENT ON COLUMN analytics.purchases.version IS 'Version of the account''s stream.';
GRANT SELECT ON TABLE analytics.purchases TO khaywe_app;
GRANT SELECT ON TABLE analytics.purchases TO khaywe_read;

CREATE TABLE views.tiers (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    ladder text NOT NULL COLLATE "C",
    tier text NOT NULL COLLATE "C",
    since date NOT NULL,
    valid_until date,
    version bigint NOT NULL,
    CONSTRAINT tiers_pkey PRIMARY KEY (partition, account_id, ladder)
)
WITH (fillfactor='90');
CREATE INDEX tiers_by_end_v1 ON views.tiers USING btree (partition, valid_until) WHERE ((tier <> ''::text) AND (valid_until IS NOT NULL));
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.tiers TO khaywe_app;

CREATE VIEW analytics.tiers AS
 SELECT a.program_id,
    a.member_id,
    x.account_id,
    x.ladder,
    NULLIF(x.tier, ''::text) AS tier,
    x.since,
    x.valid_until
   FROM (views.tiers x
     JOIN views.accounts a ON (((a.partition = x.partition) AND (a.account_id = x.account_id))));
COMMENT ON VIEW analytics.tiers IS 'The tier every account holds, by ladder, as last recorded.';
COMMENT ON COLUMN analytics.tiers.program_id IS 'The program.';
COMMENT ON COLUMN analytics.tiers.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.tiers.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.tiers.ladder IS 'Ladder of the program.';
COMMENT ON COLUMN analytics.tiers.tier IS 'Tier on it; NULL: none.';
COMMENT ON COLUMN analytics.tiers.since IS 'Date from which it is held.';
COMMENT ON COLUMN analytics.tiers.valid_until IS 'First date on which it is no longer secured; NULL: for good.';
GRANT SELECT ON TABLE analytics.tiers TO khaywe_app;
GRANT SELECT ON TABLE analytics.tiers TO khaywe_read;

CREATE TABLE views.timeline (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    topic text NOT NULL COLLATE "C",
    occurred_at timestamptz NOT NULL,
    effective_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    reference text NOT NULL COLLATE "C",
    line smallint NOT NULL,
    point_currency text COLLATE "C",
    points bigint NOT NULL,
    balance_points bigint,
    CONSTRAINT timeline_pkey PRIMARY KEY (partition, account_id, version, line)
);
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.timeline TO khaywe_app;

CREATE VIEW analytics.timeline AS
 SELECT a.program_id,
    a.member_id,
    x.account_id,
    x.version,
    x.line,
    x.topic,
    x.occurred_at,
    x.effective_on,
    x.recorded_at,
    x.reference,
    x.point_currency,
    x.points,
    x.balance_points
   FROM (views.timeline x
     JOIN views.accounts a ON (((a.partition = x.partition) AND (a.account_id = x.account_id))));
COMMENT ON VIEW analytics.timeline IS 'What happened to every account, a line per event and point currency it moved. Points are counted in the smallest unit of the point currency.';
COMMENT ON COLUMN analytics.timeline.program_id IS 'The program.';
COMMENT ON COLUMN analytics.timeline.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.timeline.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.timeline.version IS 'Version of the account''s stream: the order of what happened.';
COMMENT ON COLUMN analytics.timeline.line IS 'Line within the event, from 0.';
COMMENT ON COLUMN analytics.timeline.topic IS 'Kind of event.';
COMMENT ON COLUMN analytics.timeline.occurred_at IS 'When it happened.';
COMMENT ON COLUMN analytics.timeline.effective_on IS 'Program-local date on which it counts.';
COMMENT ON COLUMN analytics.timeline.recorded_at IS 'When it was recorded.';
COMMENT ON COLUMN analytics.timeline.reference IS 'What the outside calls it.';
COMMENT ON COLUMN analytics.timeline.point_currency IS 'Code of the point currency. NULL: no points moved.';
COMMENT ON COLUMN analytics.timeline.points IS 'Points that came, or went if below zero.';
COMMENT ON COLUMN analytics.timeline.balance_points IS 'Booked points after the event.';
GRANT SELECT ON TABLE analytics.timeline TO khaywe_app;
GRANT SELECT ON TABLE analytics.timeline TO khaywe_read;

CREATE TABLE views.vouchers (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    voucher_id text NOT NULL COLLATE "C",
    point_currency text NOT NULL COLLATE "C",
    points bigint NOT NULL,
    value_minor bigint NOT NULL,
    currency text NOT NULL COLLATE "C",
    issued_on date NOT NULL,
    expires_on date NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT vouchers_pkey PRIMARY KEY (partition, account_id, version)
);
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.vouchers TO khaywe_app;

CREATE VIEW analytics.vouchers AS
 SELECT a.program_id,
    a.member_id,
    x.account_id,
    x.voucher_id,
    x.point_currency,
    x.points,
    x.value_minor,
    x.currency,
    x.issued_on,
    x.expires_on
   FROM (views.vouchers x
     JOIN views.accounts a ON (((a.partition = x.partition) AND (a.account_id = x.account_id))));
COMMENT ON VIEW analytics.vouchers IS 'Vouchers that lapsed points became. Points are counted in the smallest unit of the point currency.';
COMMENT ON COLUMN analytics.vouchers.program_id IS 'The program.';
COMMENT ON COLUMN analytics.vouchers.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.vouchers.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.vouchers.voucher_id IS 'Id of the voucher.';
COMMENT ON COLUMN analytics.vouchers.point_currency IS 'Code of the point currency. Of the points it was made of.';
COMMENT ON COLUMN analytics.vouchers.points IS 'Points it was made of.';
COMMENT ON COLUMN analytics.vouchers.value_minor IS 'Worth, in minor units of the currency.';
COMMENT ON COLUMN analytics.vouchers.currency IS 'ISO 4217 code.';
COMMENT ON COLUMN analytics.vouchers.issued_on IS 'Date of issue.';
COMMENT ON COLUMN analytics.vouchers.expires_on IS 'First date on which it can no longer be used.';
GRANT SELECT ON TABLE analytics.vouchers TO khaywe_app;
GRANT SELECT ON TABLE analytics.vouchers TO khaywe_read;

CREATE TABLE workers.warnings (
    program_id text NOT NULL COLLATE "C",
    account_id uuid NOT NULL,
    kind text NOT NULL COLLATE "C",
    subject text NOT NULL COLLATE "C",
    due_on date NOT NULL,
    member_id uuid NOT NULL,
    points bigint DEFAULT 0 NOT NULL,
    warned_at timestamptz NOT NULL,
    CONSTRAINT warnings_kind_check CHECK ((kind = ANY (ARRAY['points_lapse'::text, 'tier_ends'::text]))),
    CONSTRAINT warnings_pkey PRIMARY KEY (program_id, account_id, kind, subject, due_on)
);
CREATE INDEX warnings_by_time_v1 ON workers.warnings USING btree (program_id, warned_at, account_id);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE workers.warnings TO khaywe_app;

CREATE VIEW analytics.warnings AS
 SELECT program_id,
    member_id,
    account_id,
    kind,
    subject,
    due_on,
    points,
    warned_at
   FROM workers.warnings x;
COMMENT ON VIEW analytics.warnings IS 'Members who were told that points lapse or a tier ends.';
COMMENT ON COLUMN analytics.warnings.program_id IS 'The program.';
COMMENT ON COLUMN analytics.warnings.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.warnings.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.warnings.kind IS 'points_lapse or tier_ends.';
COMMENT ON COLUMN analytics.warnings.subject IS 'Point currency or ladder.';
COMMENT ON COLUMN analytics.warnings.due_on IS 'When it happens.';
COMMENT ON COLUMN analytics.warnings.points IS 'Points concerned; 0 for tiers.';
COMMENT ON COLUMN analytics.warnings.warned_at IS 'When the warning was made.';
GRANT SELECT ON TABLE analytics.warnings TO khaywe_app;
GRANT SELECT ON TABLE analytics.warnings TO khaywe_read;

CREATE TABLE audit.blocks (
    partition int NOT NULL,
    number bigint NOT NULL,
    root bytea NOT NULL,
    CONSTRAINT blocks_root_check CHECK ((length(root) = 32)),
    CONSTRAINT blocks_number_v1 PRIMARY KEY (partition, number)
);
GRANT SELECT,INSERT,DELETE ON TABLE audit.blocks TO khaywe_app;

CREATE TABLE audit.checkpoints (
    number bigint NOT NULL,
    taken_at timestamptz NOT NULL,
    root bytea NOT NULL,
    envelope bytea NOT NULL,
    CONSTRAINT checkpoints_number_check CHECK ((number > 0)),
    CONSTRAINT checkpoints_root_check CHECK ((length(root) = 32)),
    CONSTRAINT checkpoints_pkey PRIMARY KEY (number)
);
CREATE TRIGGER checkpoints_are_immutable_v1 BEFORE DELETE OR UPDATE OR TRUNCATE ON audit.checkpoints FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_v1();
GRANT SELECT,INSERT ON TABLE audit.checkpoints TO khaywe_app;

CREATE TABLE batches.batches (
    batch_id uuid NOT NULL,
    program_id text NOT NULL COLLATE "C",
    family text NOT NULL COLLATE "C",
    key text NOT NULL COLLATE "C",
    principal text NOT NULL,
    media_type text NOT NULL,
    body_sha256 bytea NOT NULL,
    body_bytes bigint NOT NULL,
    status text NOT NULL,
    item_count bigint NOT NULL,
    done_count bigint DEFAULT 0 NOT NULL,
    posted_count bigint DEFAULT 0 NOT NULL,
    replayed_count bigint DEFAULT 0 NOT NULL,
    refused_count bigint DEFAULT 0 NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    cancel_requested_at timestamptz,
    items_deleted_at timestamptz,
    CONSTRAINT batches_body_sha256_check CHECK ((length(body_sha256) = 32)),
    CONSTRAINT batches_check CHECK (((done_count <= item_count) AND (((posted_count + replayed_count) + refused_count) = done_count))),
    CONSTRAINT batches_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'cancelled'::text]))),
    CONSTRAINT batches_key_v1 UNIQUE (program_id, family, key),
    CONSTRAINT batches_pkey PRIMARY KEY (batch_id)
);
CREATE INDEX batches_by_time_v1 ON batches.batches USING btree (program_id, created_at DESC, batch_id);
CREATE INDEX batches_kept_v1 ON batches.batches USING btree (ended_at) WHERE (items_deleted_at IS NULL);
CREATE INDEX batches_open_v1 ON batches.batches USING btree (created_at) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));
GRANT SELECT,INSERT,UPDATE ON TABLE batches.batches TO khaywe_app;

CREATE TABLE batches.blocks (
    batch_id uuid NOT NULL,
    number int NOT NULL,
    items bytea NOT NULL,
    unreadable bytea NOT NULL,
    CONSTRAINT blocks_pkey PRIMARY KEY (batch_id, number)
);
GRANT SELECT,INSERT,DELETE ON TABLE batches.blocks TO khaywe_app;

CREATE TABLE batches.results (
    batch_id uuid NOT NULL,
    number int NOT NULL,
    results bytea NOT NULL,
    refused_count int NOT NULL,
    CONSTRAINT results_pkey PRIMARY KEY (batch_id, number)
);
GRANT SELECT,INSERT,DELETE ON TABLE batches.results TO khaywe_app;

CREATE TABLE books.kept (
    program_id text NOT NULL COLLATE "C",
    period text NOT NULL COLLATE "C",
    version bigint NOT NULL,
    CONSTRAINT kept_pkey PRIMARY KEY (program_id, period)
);
GRANT SELECT,INSERT,DELETE ON TABLE books.kept TO khaywe_app;

CREATE TABLE books.lots (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    lot int NOT NULL,
    program_id text NOT NULL COLLATE "C",
    period text NOT NULL COLLATE "C",
    cohort text NOT NULL COLLATE "C",
    contract_unit text NOT NULL,
    given_unit text NOT NULL,
    service_unit text NOT NULL,
    CONSTRAINT lots_pkey PRIMARY KEY (partition, account_id, lot)
);
GRANT SELECT,INSERT,DELETE ON TABLE books.lots TO khaywe_app;

CREATE TABLE books.proposals (
    proposal_id uuid NOT NULL,
    program_id text NOT NULL COLLATE "C",
    point_currency text NOT NULL COLLATE "C",
    through text NOT NULL COLLATE "C",
    document bytea NOT NULL,
    sha256 bytea NOT NULL,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    CONSTRAINT proposals_sha256_check CHECK ((length(sha256) = 32)),
    CONSTRAINT proposals_pkey PRIMARY KEY (proposal_id)
);
CREATE UNIQUE INDEX proposals_by_document_v1 ON books.proposals USING btree (program_id, sha256);
CREATE INDEX proposals_by_time_v1 ON books.proposals USING btree (program_id, made_at DESC, proposal_id);
CREATE TRIGGER proposals_are_immutable_v1 BEFORE DELETE OR UPDATE OR TRUNCATE ON books.proposals FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_v1();
GRANT SELECT,INSERT ON TABLE books.proposals TO khaywe_app;

CREATE TABLE books.redeemed_lots (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    redemption_id text NOT NULL COLLATE "C",
    lot int NOT NULL,
    program_id text NOT NULL COLLATE "C",
    period text NOT NULL COLLATE "C",
    points bigint NOT NULL,
    contract_minor bigint NOT NULL,
    given_minor bigint NOT NULL,
    owed_minor bigint NOT NULL,
    funded_minor bigint NOT NULL
);
CREATE INDEX redeemed_lots_by_period_v1 ON books.redeemed_lots USING btree (program_id, period);
CREATE INDEX redeemed_lots_by_redemption_v1 ON books.redeemed_lots USING btree (partition, account_id, redemption_id, lot);
GRANT SELECT,INSERT,DELETE ON TABLE books.redeemed_lots TO khaywe_app;

CREATE TABLE ledger.archives (
    number smallint NOT NULL,
    folder text NOT NULL,
    CONSTRAINT archives_number_check CHECK ((number > 0)),
    CONSTRAINT archives_pkey PRIMARY KEY (number)
);
GRANT SELECT ON TABLE ledger.archives TO khaywe_app;

CREATE VIEW ledger.event_log AS
 SELECT partition,
    position,
    stream_id,
    version,
    topic,
    ledger.state_v1(state) AS state,
    recorded_at,
    encode(hash, 'hex'::text) AS hash
   FROM ledger.events;
COMMENT ON VIEW ledger.event_log IS 'Every recorded event, its state readable as jsonb; null where the state is in an archive.';
GRANT SELECT ON TABLE ledger.event_log TO khaywe_app;
GRANT SELECT ON TABLE ledger.event_log TO khaywe_read;

CREATE TABLE ledger.heads (
    partition int NOT NULL,
    position bigint DEFAULT 0 NOT NULL,
    hash bytea DEFAULT decode(repeat('00'::text, 32), 'hex'::text) NOT NULL,
    recorded_at timestamptz DEFAULT '2000-01-01 00:00:00+00'::timestamptz NOT NULL,
    CONSTRAINT heads_hash_check CHECK ((length(hash) = 32)),
    CONSTRAINT heads_partition_check CHECK ((partition >= 0)),
    CONSTRAINT heads_pkey PRIMARY KEY (partition)
)
WITH (fillfactor='10');
GRANT SELECT,UPDATE ON TABLE ledger.heads TO khaywe_app;
GRANT SELECT(partition) ON TABLE ledger.heads TO khaywe_read;

CREATE TABLE ledger.receipts (
    partition int NOT NULL,
    source text NOT NULL COLLATE "C",
    key text NOT NULL COLLATE "C",
    request_hash bytea NOT NULL,
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT receipts_key_v1 PRIMARY KEY (partition, source, key)
);
CREATE TRIGGER receipts_are_immutable_v1 BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.receipts FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_v1();
GRANT SELECT,INSERT ON TABLE ledger.receipts TO khaywe_app;

CREATE TABLE ledger.removals (
    partition int NOT NULL,
    position bigint NOT NULL,
    CONSTRAINT removals_pkey PRIMARY KEY (partition)
);
GRANT SELECT ON TABLE ledger.removals TO khaywe_app;

CREATE TABLE ledger.snapshots (
    partition int NOT NULL,
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    topic text NOT NULL COLLATE "C",
    state bytea NOT NULL,
    CONSTRAINT snapshots_stream_version_v1 PRIMARY KEY (partition, stream_id, version)
);
GRANT SELECT,INSERT,DELETE ON TABLE ledger.snapshots TO khaywe_app;

CREATE TABLE members.enrolment_keys (
    source text NOT NULL COLLATE "C",
    key text NOT NULL COLLATE "C",
    request_hash bytea,
    program_id text NOT NULL COLLATE "C",
    member_id uuid,
    enrolled_at timestamptz NOT NULL,
    CONSTRAINT enrolment_keys_key_v1 PRIMARY KEY (source, key)
);
CREATE INDEX enrolment_keys_by_member_v1 ON members.enrolment_keys USING btree (program_id, member_id);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE members.enrolment_keys TO khaywe_app;

CREATE TABLE members.erasures (
    program_id text NOT NULL COLLATE "C",
    member_id uuid NOT NULL,
    request jsonb NOT NULL,
    principal text NOT NULL COLLATE "C",
    source text COLLATE "C",
    key text COLLATE "C",
    asked_at timestamptz NOT NULL,
    proof jsonb,
    CONSTRAINT erasures_key_v1 UNIQUE (source, key),
    CONSTRAINT erasures_member_v1 PRIMARY KEY (program_id, member_id)
);
CREATE INDEX erasures_unfinished_v1 ON members.erasures USING btree (asked_at) WHERE (proof IS NULL);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE members.erasures TO khaywe_app;

CREATE TABLE members.identifiers (
    program_id text NOT NULL COLLATE "C",
    kind text NOT NULL COLLATE "C",
    value text NOT NULL COLLATE "C",
    member_id uuid NOT NULL,
    account_id uuid NOT NULL,
    CONSTRAINT identifiers_value_v1 PRIMARY KEY (program_id, kind, value)
);
CREATE INDEX identifiers_by_member_v1 ON members.identifiers USING btree (program_id, member_id);
CREATE TRIGGER identifiers_count_revision_v1 AFTER DELETE OR UPDATE OR TRUNCATE ON members.identifiers FOR EACH STATEMENT EXECUTE FUNCTION members.count_revision_v1();
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE members.identifiers TO khaywe_app;

CREATE TABLE members.members (
    program_id text NOT NULL COLLATE "C",
    member_id uuid NOT NULL,
    account_id uuid NOT NULL,
    enrolled_at timestamptz NOT NULL,
    partner text COLLATE "C",
    merged_into uuid,
    erased_at timestamptz,
    CONSTRAINT members_member_v1 PRIMARY KEY (program_id, member_id)
);
CREATE INDEX members_merged_v1 ON members.members USING btree (program_id, merged_into) WHERE (merged_into IS NOT NULL);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE members.members TO khaywe_app;

CREATE TABLE members.profiles (
    program_id text NOT NULL COLLATE "C",
    member_id uuid NOT NULL,
    version bigint NOT NULL,
    profile jsonb NOT NULL,
    email_key text COLLATE "C",
    phone_key text COLLATE "C",
    family_key text COLLATE "C",
    given_key text COLLATE "C",
    changed_at timestamptz NOT NULL,
    CONSTRAINT profiles_size_v1 CHECK ((octet_length((profile)::text) <= 65536)),
    CONSTRAINT profiles_member_v1 PRIMARY KEY (program_id, member_id)
);
CREATE INDEX profiles_by_email_v1 ON members.profiles USING btree (program_id, email_key) WHERE (email_key IS NOT NULL);
CREATE INDEX profiles_by_family_v1 ON members.profiles USING btree (program_id, family_key) WHERE (family_key IS NOT NULL);
CREATE INDEX profiles_by_given_v1 ON members.profiles USING btree (program_id, given_key) WHERE (given_key IS NOT NULL);
CREATE INDEX profiles_by_phone_v1 ON members.profiles USING btree (program_id, phone_key) WHERE (phone_key IS NOT NULL);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE members.profiles TO khaywe_app;

CREATE TABLE members.revision (
    only_row boolean DEFAULT true NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT revision_only_row_check CHECK (only_row),
    CONSTRAINT revision_pkey PRIMARY KEY (only_row)
);
GRANT SELECT ON TABLE members.revision TO khaywe_app;

CREATE TABLE webhooks.attempts (
    delivery_id uuid NOT NULL,
    number int NOT NULL,
    started_at timestamptz NOT NULL,
    duration_ms int NOT NULL,
    status_code int,
    error text NOT NULL,
    response text NOT NULL,
    CONSTRAINT attempts_pkey PRIMARY KEY (delivery_id, number)
);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE webhooks.attempts TO khaywe_app;

CREATE TABLE webhooks.deliveries (
    delivery_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    partition int NOT NULL,
    position bigint NOT NULL,
    kind text NOT NULL COLLATE "C",
    body text NOT NULL,
    status text NOT NULL,
    attempt_count int DEFAULT 0 NOT NULL,
    retry_count int DEFAULT 0 NOT NULL,
    recorded_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT deliveries_status_check CHECK ((status = ANY (ARRAY['waiting'::text, 'delivered'::text, 'dead'::text]))),
    CONSTRAINT deliveries_pkey PRIMARY KEY (delivery_id)
)
WITH (fillfactor='80');
CREATE INDEX deliveries_dead_v1 ON webhooks.deliveries USING btree (endpoint_id, recorded_at) WHERE (status = 'dead'::text);
CREATE INDEX deliveries_ended_v1 ON webhooks.deliveries USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX deliveries_log_v1 ON webhooks.deliveries USING btree (endpoint_id, recorded_at DESC, delivery_id);
CREATE INDEX deliveries_waiting_v1 ON webhooks.deliveries USING btree (endpoint_id, account_id, version) WHERE (status = 'waiting'::text);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE webhooks.deliveries TO khaywe_app;

CREATE TABLE webhooks.endpoints (
    endpoint_id uuid NOT NULL,
    program_id text NOT NULL COLLATE "C",
    url text NOT NULL,
    kinds text[] NOT NULL,
    description text NOT NULL,
    status text NOT NULL,
    status_detail text DEFAULT ''::text NOT NULL,
    created_at timestamptz NOT NULL,
    failing_since timestamptz,
    resting_until timestamptz,
    last_success_at timestamptz,
    request text COLLATE "C",
    request_hash bytea,
    CONSTRAINT endpoints_status_check CHECK ((status = ANY (ARRAY['enabled'::text, 'disabled'::text, 'paused'::text]))),
    CONSTRAINT endpoints_pkey PRIMARY KEY (endpoint_id)
);
CREATE INDEX endpoints_by_program_v1 ON webhooks.endpoints USING btree (program_id, created_at, endpoint_id);
CREATE UNIQUE INDEX endpoints_by_request_v1 ON webhooks.endpoints USING btree (program_id, request) WHERE (request IS NOT NULL);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE webhooks.endpoints TO khaywe_app;

CREATE TABLE webhooks.lanes (
    endpoint_id uuid NOT NULL,
    account_id uuid NOT NULL,
    waiting_count int NOT NULL,
    due_at timestamptz NOT NULL,
    claim uuid,
    CONSTRAINT lanes_pkey PRIMARY KEY (endpoint_id, account_id)
)
WITH (fillfactor='70');
CREATE INDEX lanes_due_v1 ON webhooks.lanes USING btree (endpoint_id, due_at);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE webhooks.lanes TO khaywe_app;

CREATE TABLE webhooks.secrets (
    endpoint_id uuid NOT NULL,
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    CONSTRAINT secrets_secret_check CHECK (((length(secret) >= 24) AND (length(secret) <= 64))),
    CONSTRAINT secrets_pkey PRIMARY KEY (endpoint_id, secret)
);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE webhooks.secrets TO khaywe_app;

CREATE TABLE webhooks.tracking (
    endpoint_id uuid NOT NULL,
    partition int NOT NULL,
    position bigint NOT NULL,
    CONSTRAINT tracking_pkey PRIMARY KEY (endpoint_id, partition)
)
WITH (fillfactor='10');
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE webhooks.tracking TO khaywe_app;

CREATE TABLE what_ifs.members (
    what_if_id uuid NOT NULL,
    account_id uuid NOT NULL,
    member_id uuid NOT NULL,
    version bigint NOT NULL,
    absolute_points bigint NOT NULL,
    change_points bigint NOT NULL,
    outcome bytea NOT NULL,
    CONSTRAINT members_pkey PRIMARY KEY (what_if_id, account_id)
);
CREATE INDEX members_by_change_v1 ON what_ifs.members USING btree (what_if_id, change_points, account_id);
CREATE INDEX members_by_size_v1 ON what_ifs.members USING btree (what_if_id, absolute_points DESC, account_id);
GRANT SELECT,INSERT ON TABLE what_ifs.members TO khaywe_app;

CREATE TABLE what_ifs.repaired (
    repair_id uuid NOT NULL,
    account_id uuid NOT NULL,
    member_id uuid NOT NULL,
    result text NOT NULL,
    point_currency text NOT NULL COLLATE "C",
    points bigint NOT NULL,
    position text NOT NULL,
    slug text NOT NULL,
    detail text NOT NULL,
    CONSTRAINT repaired_result_check CHECK ((result = ANY (ARRAY['posted'::text, 'replayed'::text, 'skipped'::text, 'refused'::text]))),
    CONSTRAINT repaired_pkey PRIMARY KEY (repair_id, account_id, point_currency)
);
GRANT SELECT,INSERT ON TABLE what_ifs.repaired TO khaywe_app;

CREATE TABLE what_ifs.repairs (
    repair_id uuid NOT NULL,
    what_if_id uuid NOT NULL,
    program_id text NOT NULL COLLATE "C",
    principal text NOT NULL,
    request_sha256 bytea NOT NULL,
    reason text NOT NULL,
    chosen text NOT NULL,
    may_overdraw boolean NOT NULL,
    status text NOT NULL,
    account_count bigint NOT NULL,
    points bytea NOT NULL,
    done_count bigint DEFAULT 0 NOT NULL,
    posted_count bigint DEFAULT 0 NOT NULL,
    replayed_count bigint DEFAULT 0 NOT NULL,
    skipped_count bigint DEFAULT 0 NOT NULL,
    refused_count bigint DEFAULT 0 NOT NULL,
    after_account uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT repairs_chosen_check CHECK ((chosen = ANY (ARRAY['all'::text, 'losers'::text, 'winners'::text]))),
    CONSTRAINT repairs_request_sha256_check CHECK ((length(request_sha256) = 32)),
    CONSTRAINT repairs_status_check CHECK ((status = ANY (ARRAY['waiting'::text, 'running'::text, 'done'::text, 'rejected'::text]))),
    CONSTRAINT repairs_pkey PRIMARY KEY (repair_id)
);
CREATE INDEX repairs_of_what_if_v1 ON what_ifs.repairs USING btree (what_if_id, created_at);
CREATE INDEX repairs_open_v1 ON what_ifs.repairs USING btree (created_at) WHERE (status = ANY (ARRAY['waiting'::text, 'running'::text]));
GRANT SELECT,INSERT,UPDATE ON TABLE what_ifs.repairs TO khaywe_app;

CREATE TABLE what_ifs.what_ifs (
    what_if_id uuid NOT NULL,
    program_id text NOT NULL COLLATE "C",
    principal text NOT NULL,
    request_sha256 bytea NOT NULL,
    version text NOT NULL,
    terms bytea NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz,
    as_of timestamptz NOT NULL,
    sample bigint,
    last_account uuid,
    point_values bytea NOT NULL,
    repaired text[] NOT NULL,
    positions bigint[] NOT NULL,
    status text NOT NULL,
    account_count bigint NOT NULL,
    done_count bigint DEFAULT 0 NOT NULL,
    after_member uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    totals bytea NOT NULL,
    result_sha256 bytea NOT NULL,
    failure text DEFAULT ''::text NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    cancel_requested_at timestamptz,
    CONSTRAINT what_ifs_check CHECK (((window_end IS NULL) OR (window_end > window_start))),
    CONSTRAINT what_ifs_request_sha256_check CHECK ((length(request_sha256) = 32)),
    CONSTRAINT what_ifs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'cancelled'::text, 'failed'::text]))),
    CONSTRAINT what_ifs_pkey PRIMARY KEY (what_if_id)
);
CREATE INDEX what_ifs_by_time_v1 ON what_ifs.what_ifs USING btree (program_id, created_at DESC, what_if_id);
CREATE INDEX what_ifs_open_v1 ON what_ifs.what_ifs USING btree (created_at) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));
GRANT SELECT,INSERT,UPDATE ON TABLE what_ifs.what_ifs TO khaywe_app;

CREATE TABLE workers.completed (
    job text NOT NULL COLLATE "C",
    key text NOT NULL COLLATE "C",
    completed_at timestamptz NOT NULL,
    CONSTRAINT completed_pkey PRIMARY KEY (job, key)
);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE workers.completed TO khaywe_app;

CREATE TABLE workers.leases (
    name text NOT NULL COLLATE "C",
    holder uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT leases_pkey PRIMARY KEY (name)
);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE workers.leases TO khaywe_app;

ALTER TABLE access.sessions ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES access.users(user_id);

ALTER TABLE batches.blocks ADD CONSTRAINT blocks_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES batches.batches(batch_id);

ALTER TABLE batches.results ADD CONSTRAINT results_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES batches.batches(batch_id);

ALTER TABLE members.identifiers ADD CONSTRAINT identifiers_member_v1 FOREIGN KEY (program_id, member_id) REFERENCES members.members(program_id, member_id);

ALTER TABLE members.profiles ADD CONSTRAINT profiles_of_members_v1 FOREIGN KEY (program_id, member_id) REFERENCES members.members(program_id, member_id);

ALTER TABLE webhooks.attempts ADD CONSTRAINT attempts_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES webhooks.deliveries(delivery_id) ON DELETE CASCADE;

ALTER TABLE webhooks.deliveries ADD CONSTRAINT deliveries_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhooks.endpoints(endpoint_id) ON DELETE CASCADE;

ALTER TABLE webhooks.lanes ADD CONSTRAINT lanes_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhooks.endpoints(endpoint_id) ON DELETE CASCADE;

ALTER TABLE webhooks.secrets ADD CONSTRAINT secrets_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhooks.endpoints(endpoint_id) ON DELETE CASCADE;

ALTER TABLE webhooks.tracking ADD CONSTRAINT tracking_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhooks.endpoints(endpoint_id) ON DELETE CASCADE;

ALTER TABLE what_ifs.members ADD CONSTRAINT members_what_if_id_fkey FOREIGN KEY (what_if_id) REFERENCES what_ifs.what_ifs(what_if_id);

ALTER TABLE what_ifs.repaired ADD CONSTRAINT repaired_repair_id_fkey FOREIGN KEY (repair_id) REFERENCES what_ifs.repairs(repair_id);

ALTER TABLE what_ifs.repairs ADD CONSTRAINT repairs_what_if_id_fkey FOREIGN KEY (what_if_id) REFERENCES what_ifs.what_ifs(what_if_id);
