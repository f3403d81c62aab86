-- What analysts read: views with names that stay, a comment on each of them and on every column (docs/analytics.md is made of
-- these), and nothing about persons. khaywe_read loses the tables behind them, whose layout is nobody's business but ours;
-- ledger.event_log stays. Rebuilding a view points these to the new tables (projections/following.py).
-- Locks: none that anybody waits for. Runtime: instant.

CREATE SCHEMA IF NOT EXISTS analytics;
COMMENT ON SCHEMA analytics IS 'Views for analysts, with names that stay.';
GRANT USAGE ON SCHEMA analytics TO khaywe_app, khaywe_read;

CREATE VIEW analytics.accounts AS
SELECT
    x.program_id,
    x.member_id,
    x.account_id,
    x.opened_on,
    x.status,
    nullif(x.merged_into, '') AS merged_into,
    x.last_purchase_on,
    x.last_accrual_on,
    x.last_redemption_on,
    x.last_adjustment_on,
    x.last_transfer_in_on,
    x.last_transfer_out_on
FROM views.accounts AS x;
COMMENT ON VIEW analytics.accounts IS
    'Every account: one per member and program.';
COMMENT ON COLUMN analytics.accounts.program_id IS 'The program.';
COMMENT ON COLUMN analytics.accounts.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.accounts.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.accounts.opened_on IS 'Program-local date on which the account was opened.';
COMMENT ON COLUMN analytics.accounts.status IS 'open, suspended or closed.';
COMMENT ON COLUMN analytics.accounts.merged_into IS
    'Member whose account took over after a merger; NULL where there was none.';
COMMENT ON COLUMN analytics.accounts.last_purchase_on IS 'Effective date of the latest purchase; NULL: none.';
COMMENT ON COLUMN analytics.accounts.last_accrual_on IS 'Effective date of the latest accrual without a purchase.';
COMMENT ON COLUMN analytics.accounts.last_redemption_on IS 'Effective date of the latest redemption.';
COMMENT ON COLUMN analytics.accounts.last_adjustment_on IS 'Effective date of the latest adjustment.';
COMMENT ON COLUMN analytics.accounts.last_transfer_in_on IS 'Effective date of the latest transfer to the account.';
COMMENT ON COLUMN analytics.accounts.last_transfer_out_on IS 'Effective date of the latest transfer from the account.';

CREATE VIEW analytics.balances AS
SELECT
    a.program_id,
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
FROM views.balances AS x
INNER JOIN views.accounts AS a ON a.partition = x.partition AND a.account_id = x.account_id;
COMMENT ON VIEW analytics.balances IS
    'What every account has, by point currency. balance = accrued + reversed + reinstated + credited + transferred in - redeemed - expired - clawed back - debited - transferred out. Points are counted in the smallest unit of the point currency.';
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
COMMENT ON COLUMN analytics.balances.held_points IS
    'Reserved by holds that are not resolved, in points; part of the balance.';
COMMENT ON COLUMN analytics.balances.owed_points IS
    'Taken back when they were gone already, in points; later points pay them.';
COMMENT ON COLUMN analytics.balances.version IS
    'Version of the account''s stream after its last event that moved this currency.';

CREATE VIEW analytics.lots AS
SELECT
    a.program_id,
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
    nullif(x.awaits, '') AS awaits,
    x.cancels_on,
    x.kind,
    nullif(x.rule, '') AS rule_id,
    x.funding,
    x.converts
FROM views.lots AS x
INNER JOIN views.accounts AS a ON a.partition = x.partition AND a.account_id = x.account_id;
COMMENT ON VIEW analytics.lots IS
    'Every lot ever made: the points of one accrual, with one expiry. Points are counted in the smallest unit of the point currency.';
COMMENT ON COLUMN analytics.lots.program_id IS 'The program.';
COMMENT ON COLUMN analytics.lots.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.lots.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.lots.lot IS 'Number of the lot within the account, from 1.';
COMMENT ON COLUMN analytics.lots.point_currency IS 'Code of the point currency.';
COMMENT ON COLUMN analytics.lots.accrued_points IS 'Points the lot was made with.';
COMMENT ON COLUMN analytics.lots.open_points IS 'Points left in it: neither gone nor held.';
COMMENT ON COLUMN analytics.lots.earned_on IS
    'Program-local date on which they were earned; its month is the vintage. Points of a transfer keep theirs.';
COMMENT ON COLUMN analytics.lots.available_from IS 'First date on which they can be spent.';
COMMENT ON COLUMN analytics.lots.expires_on IS 'First date on which they can no longer be spent; NULL: never by age.';
COMMENT ON COLUMN analytics.lots.idle_months IS
    'Months without activity after which they lapse; 0: inactivity does not matter.';
COMMENT ON COLUMN analytics.lots.awaits IS 'Business event that makes them available; NULL: none.';
COMMENT ON COLUMN analytics.lots.cancels_on IS 'First date on which they are lost if that event has not come.';
COMMENT ON COLUMN analytics.lots.kind IS 'base, bonus, adjustment or transfer.';
COMMENT ON COLUMN analytics.lots.rule_id IS 'Rule that priced them; NULL: none did.';
COMMENT ON COLUMN analytics.lots.funding IS 'Who pays for them: own, or a partner.';
COMMENT ON COLUMN analytics.lots.converts IS 'Whether what is left becomes a voucher when it lapses.';

CREATE VIEW analytics.lot_movements AS
SELECT
    a.program_id,
    a.member_id,
    a.account_id,
    l.lot,
    l.point_currency,
    l.earned_on,
    l.funding,
    (s.state ->> 'effective_on')::date AS effective_on,
    f.movement,
    (m.moved ->> 'points')::bigint AS points,
    e.partition,
    e.position,
    e.recorded_at
FROM (
    VALUES
    ('account.points_redeemed.v1', 'taken', 'redeemed'),
    ('account.hold_captured.v1', 'taken', 'redeemed'),
    ('account.redemption_reversed.v1', 'returned', 'redemption_reversed'),
    ('account.purchase_returned.v1', 'taken', 'clawed_back'),
    ('account.purchase_repriced.v1', 'taken', 'clawed_back'),
    ('account.points_adjusted.v1', 'taken', 'debited'),
    ('account.points_transferred_out.v1', 'taken', 'transferred_out'),
    ('account.lots_expired.v1', 'lots', 'expired'),
    ('account.purchase_posted.v1', 'repaid', 'repaid'),
    ('account.points_accrued.v1', 'repaid', 'repaid'),
    ('account.purchase_returned.v1', 'repaid', 'repaid'),
    ('account.purchase_repriced.v1', 'repaid', 'repaid'),
    ('account.redemption_reversed.v1', 'repaid', 'repaid'),
    ('account.hold_captured.v1', 'repaid', 'repaid'),
    ('account.hold_voided.v1', 'repaid', 'repaid'),
    ('account.hold_expired.v1', 'repaid', 'repaid'),
    ('account.points_reinstated.v1', 'repaid', 'repaid'),
    ('account.points_adjusted.v1', 'repaid', 'repaid'),
    ('account.points_transferred_in.v1', 'repaid', 'repaid')
) AS f (topic, field, movement)
INNER JOIN ledger.events AS e
    -- Looking for the field's name is far cheaper than parsing every purchase.
    ON e.topic = f.topic AND position(convert_to('"' || f.field || '"', 'UTF8') IN e.state) > 0
INNER JOIN (SELECT t.partition, min(t.position) AS position FROM views.tracking AS t
GROUP BY t.partition) AS shown
    ON shown.partition = e.partition AND e.position <= shown.position
CROSS JOIN LATERAL (SELECT convert_from(e.state, 'UTF8')::jsonb AS state OFFSET 0) AS s
CROSS JOIN LATERAL jsonb_array_elements(s.state -> f.field) AS m (moved)
INNER JOIN views.lots AS l
    ON l.partition = e.partition AND l.account_id = e.stream_id AND l.lot = (m.moved ->> 'lot')::int
INNER JOIN views.accounts AS a ON a.partition = e.partition AND a.account_id = e.stream_id;
COMMENT ON VIEW analytics.lot_movements IS
    'What took points out of lots, and what brought redeemed ones back, event by event. Holds that are not resolved are no movement. Points are counted in the smallest unit of the point currency.';
COMMENT ON COLUMN analytics.lot_movements.program_id IS 'The program.';
COMMENT ON COLUMN analytics.lot_movements.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.lot_movements.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.lot_movements.lot IS 'Number of the lot within the account.';
COMMENT ON COLUMN analytics.lot_movements.point_currency IS 'Code of the point currency.';
COMMENT ON COLUMN analytics.lot_movements.earned_on IS 'Date on which the lot was earned; its month is the vintage.';
COMMENT ON COLUMN analytics.lot_movements.funding IS 'Who pays for the points: own, or a partner.';
COMMENT ON COLUMN analytics.lot_movements.effective_on IS 'Program-local date on which the movement counts.';
COMMENT ON COLUMN analytics.lot_movements.movement IS
    'redeemed; redemption_reversed; clawed_back by a return or repricing; debited by an adjustment; repaid: paid a debt; transferred_out; expired.';
COMMENT ON COLUMN analytics.lot_movements.points IS 'Points moved, always above zero.';
COMMENT ON COLUMN analytics.lot_movements.partition IS 'Partition of the event.';
COMMENT ON COLUMN analytics.lot_movements.position IS 'Position of the event in its partition.';
COMMENT ON COLUMN analytics.lot_movements.recorded_at IS 'When the event was recorded.';

CREATE VIEW analytics.purchases AS
SELECT
    a.program_id,
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
FROM views.purchases AS x
INNER JOIN views.accounts AS a ON a.partition = x.partition AND a.account_id = x.account_id;
COMMENT ON VIEW analytics.purchases IS
    'What members bought, as it was booked.';
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

CREATE VIEW analytics.timeline AS
SELECT
    a.program_id,
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
FROM views.timeline AS x
INNER JOIN views.accounts AS a ON a.partition = x.partition AND a.account_id = x.account_id;
COMMENT ON VIEW analytics.timeline IS
    'What happened to every account, a line per event and point currency it moved. Points are counted in the smallest unit of the point currency.';
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

CREATE VIEW analytics.holds AS
SELECT
    a.program_id,
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
FROM views.holds AS x
INNER JOIN views.accounts AS a ON a.partition = x.partition AND a.account_id = x.account_id;
COMMENT ON VIEW analytics.holds IS
    'Points reserved for checkouts. Points are counted in the smallest unit of the point currency.';
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

CREATE VIEW analytics.tiers AS
SELECT
    a.program_id,
    a.member_id,
    x.account_id,
    x.ladder,
    nullif(x.tier, '') AS tier,
    x.since,
    x.valid_until
FROM views.tiers AS x
INNER JOIN views.accounts AS a ON a.partition = x.partition AND a.account_id = x.account_id;
COMMENT ON VIEW analytics.tiers IS
    'The tier every account holds, by ladder, as last recorded.';
COMMENT ON COLUMN analytics.tiers.program_id IS 'The program.';
COMMENT ON COLUMN analytics.tiers.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.tiers.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.tiers.ladder IS 'Ladder of the program.';
COMMENT ON COLUMN analytics.tiers.tier IS 'Tier on it; NULL: none.';
COMMENT ON COLUMN analytics.tiers.since IS 'Date from which it is held.';
COMMENT ON COLUMN analytics.tiers.valid_until IS 'First date on which it is no longer secured; NULL: for good.';

CREATE VIEW analytics.vouchers AS
SELECT
    a.program_id,
    a.member_id,
    x.account_id,
    x.voucher_id,
    x.point_currency,
    x.points,
    x.value_minor,
    x.currency,
    x.issued_on,
    x.expires_on
FROM views.vouchers AS x
INNER JOIN views.accounts AS a ON a.partition = x.partition AND a.account_id = x.account_id;
COMMENT ON VIEW analytics.vouchers IS
    'Vouchers that lapsed points became. Points are counted in the smallest unit of the point currency.';
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

CREATE VIEW analytics.promises AS
SELECT
    a.program_id,
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
    nullif(x.reason, '') AS reason,
    x.repriced_points,
    x.returned_points
FROM views.promises AS x
INNER JOIN views.accounts AS a ON a.partition = x.partition AND a.account_id = x.account_id;
COMMENT ON VIEW analytics.promises IS
    'What offline tills promised, and what was booked for it. Points are counted in the smallest unit of the point currency.';
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

CREATE VIEW analytics.warnings AS
SELECT
    x.program_id,
    x.member_id,
    x.account_id,
    x.kind,
    x.subject,
    x.due_on,
    x.points,
    x.warned_at
FROM workers.warnings AS x;
COMMENT ON VIEW analytics.warnings IS
    'Members who were told that points lapse or a tier ends.';
COMMENT ON COLUMN analytics.warnings.program_id IS 'The program.';
COMMENT ON COLUMN analytics.warnings.member_id IS 'The member: an id of ours that says nothing about the person.';
COMMENT ON COLUMN analytics.warnings.account_id IS 'The member''s account in the program.';
COMMENT ON COLUMN analytics.warnings.kind IS 'points_lapse or tier_ends.';
COMMENT ON COLUMN analytics.warnings.subject IS 'Point currency or ladder.';
COMMENT ON COLUMN analytics.warnings.due_on IS 'When it happens.';
COMMENT ON COLUMN analytics.warnings.points IS 'Points concerned; 0 for tiers.';
COMMENT ON COLUMN analytics.warnings.warned_at IS 'When the warning was made.';

CREATE VIEW analytics.job_runs AS
SELECT
    x.run_id,
    x.job,
    x.as_of,
    x.started_at,
    x.finished_at,
    x.status,
    x.account_count,
    x.event_count,
    x.refused_count
FROM workers.runs AS x;
COMMENT ON VIEW analytics.job_runs IS
    'Runs of the jobs that keep time, over all programs.';
COMMENT ON COLUMN analytics.job_runs.run_id IS 'Id of the run.';
COMMENT ON COLUMN analytics.job_runs.job IS 'Which job.';
COMMENT ON COLUMN analytics.job_runs.as_of IS 'Moment it ran for.';
COMMENT ON COLUMN analytics.job_runs.started_at IS 'When it began.';
COMMENT ON COLUMN analytics.job_runs.finished_at IS 'When it ended; NULL: not yet.';
COMMENT ON COLUMN analytics.job_runs.status IS 'running, finished, failed or interrupted.';
COMMENT ON COLUMN analytics.job_runs.account_count IS 'Accounts looked at.';
COMMENT ON COLUMN analytics.job_runs.event_count IS 'Events recorded.';
COMMENT ON COLUMN analytics.job_runs.refused_count IS 'Accounts refused.';

CREATE VIEW analytics.programs AS
SELECT
    s.state ->> 'program_id' AS program_id,
    s.state ->> 'name' AS name,
    s.state ->> 'currency' AS currency,
    s.state ->> 'timezone' AS timezone,
    e.recorded_at
FROM ledger.events AS e
CROSS JOIN LATERAL (SELECT convert_from(e.state, 'UTF8')::jsonb AS state OFFSET 0) AS s
WHERE e.topic = 'program.created.v1';
COMMENT ON VIEW analytics.programs IS
    'The programs of this ledger.';
COMMENT ON COLUMN analytics.programs.program_id IS 'The program.';
COMMENT ON COLUMN analytics.programs.name IS 'What people call it.';
COMMENT ON COLUMN analytics.programs.currency IS 'ISO 4217 code of the money it counts in.';
COMMENT ON COLUMN analytics.programs.timezone IS 'IANA zone whose calendar decides effective dates.';
COMMENT ON COLUMN analytics.programs.recorded_at IS 'When it was created.';

CREATE VIEW analytics.program_versions AS
SELECT
    p.program_id,
    (s.state ->> 'version')::int AS version,
    (s.state ->> 'effective_from')::timestamptz AS effective_from,
    EXISTS (
        SELECT FROM ledger.events AS w
        WHERE w.partition = e.partition AND w.stream_id = e.stream_id AND w.topic = 'program.version_withdrawn.v1'
            AND convert_from(w.state, 'UTF8')::jsonb -> 'version' = s.state -> 'version'
    ) AS is_withdrawn,
    s.state -> 'terms' AS terms,
    e.recorded_at
FROM (
    SELECT c.partition, c.stream_id, convert_from(c.state, 'UTF8')::jsonb ->> 'program_id' AS program_id
    FROM ledger.events AS c WHERE c.topic = 'program.created.v1'
) AS p
INNER JOIN ledger.events AS e
    ON e.partition = p.partition AND e.stream_id = p.stream_id AND e.topic = 'program.published.v1'
CROSS JOIN LATERAL (SELECT convert_from(e.state, 'UTF8')::jsonb AS state OFFSET 0) AS s;
COMMENT ON VIEW analytics.program_versions IS
    'Published versions of the programs'' terms.';
COMMENT ON COLUMN analytics.program_versions.program_id IS 'The program.';
COMMENT ON COLUMN analytics.program_versions.version IS 'Number of the version.';
COMMENT ON COLUMN analytics.program_versions.effective_from IS 'From when on it prices.';
COMMENT ON COLUMN analytics.program_versions.is_withdrawn IS 'It was taken back before it took effect.';
COMMENT ON COLUMN analytics.program_versions.terms IS 'All terms, as JSON.';
COMMENT ON COLUMN analytics.program_versions.recorded_at IS 'When it was published.';

CREATE VIEW analytics.positions AS
SELECT
    x.partition,
    min(x.position) AS position,
    min(x.recorded_at) AS recorded_at
FROM views.tracking AS x
GROUP BY x.partition;
COMMENT ON VIEW analytics.positions IS
    'How far the other views show the ledger, by partition.';
COMMENT ON COLUMN analytics.positions.partition IS 'Partition of the ledger.';
COMMENT ON COLUMN analytics.positions.position IS 'Position of the last event that every view shows.';
COMMENT ON COLUMN analytics.positions.recorded_at IS 'When it was recorded.';

GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO khaywe_app, khaywe_read;
REVOKE SELECT ON ALL TABLES IN SCHEMA views, workers FROM khaywe_read;
-- Functions that look back are looked up in views, so it may still be entered; nothing in it can be read.
REVOKE USAGE ON SCHEMA workers FROM khaywe_read;
