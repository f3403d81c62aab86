-- Points over time: holds, returns, expiry, adjustments, transfers, debts, tiers and vouchers in the views.
-- Only adds. What the views know by now has no such points, so that most columns begin with a constant; the last date
-- of each kind of activity is read once from the timeline and the purchases, so that live views equal rebuilt ones.
-- Locks: the view tables, briefly, and views.balances while it is rewritten for the new identity; not the ledger.
-- Runtime: instant for lots, purchases and the new tables; a pass over timeline, purchases and balances, about a minute
-- per 20 million events; the indexes on lots read that table once, about ten seconds per 10 million lots.

-- accounts --
-- last_purchase_on of an account is about purchases that moved no points. Those that did are told by its balances,
-- which they change anyway: see account_activity.
ALTER TABLE views.accounts
ADD COLUMN status text COLLATE "C" NOT NULL DEFAULT 'open',
ADD COLUMN merged_into text COLLATE "C" NOT NULL DEFAULT '',
ADD COLUMN last_purchase_on date,
ADD COLUMN last_accrual_on date,
ADD COLUMN last_redemption_on date,
ADD COLUMN last_adjustment_on date,
ADD COLUMN last_transfer_in_on date,
ADD COLUMN last_transfer_out_on date;

-- balances --
ALTER TABLE views.balances
DROP COLUMN balance_points,
ADD COLUMN expired_points bigint NOT NULL DEFAULT 0,
ADD COLUMN reinstated_points bigint NOT NULL DEFAULT 0,
ADD COLUMN clawed_back_points bigint NOT NULL DEFAULT 0,
ADD COLUMN credited_points bigint NOT NULL DEFAULT 0,
ADD COLUMN debited_points bigint NOT NULL DEFAULT 0,
ADD COLUMN transferred_in_points bigint NOT NULL DEFAULT 0,
ADD COLUMN transferred_out_points bigint NOT NULL DEFAULT 0,
ADD COLUMN held_points bigint NOT NULL DEFAULT 0,
ADD COLUMN owed_points bigint NOT NULL DEFAULT 0,
ADD COLUMN last_purchase_on date,
ALTER COLUMN accrued_points SET DEFAULT 0,
ALTER COLUMN redeemed_points SET DEFAULT 0,
ALTER COLUMN reversed_points SET DEFAULT 0;

ALTER TABLE views.balances
ADD COLUMN balance_points bigint NOT NULL GENERATED ALWAYS AS (
    accrued_points + reversed_points + reinstated_points + credited_points + transferred_in_points
    - redeemed_points - expired_points - clawed_back_points - debited_points - transferred_out_points
) STORED;

UPDATE views.accounts AS a SET
    last_accrual_on = t.last_accrual_on,
    last_redemption_on = t.last_redemption_on
FROM (
    SELECT
        partition,
        account_id,
        max(effective_on) FILTER (WHERE topic = 'account.points_accrued.v1') AS last_accrual_on,
        max(effective_on) FILTER (WHERE topic = 'account.points_redeemed.v1') AS last_redemption_on
    FROM views.timeline
    WHERE topic IN ('account.points_accrued.v1', 'account.points_redeemed.v1')
    GROUP BY partition, account_id
) AS t
WHERE a.partition = t.partition AND a.account_id = t.account_id;

UPDATE views.accounts AS a SET last_purchase_on = t.last_purchase_on
FROM (
    SELECT partition, account_id, max(effective_on) AS last_purchase_on
    FROM views.timeline
    WHERE topic = 'account.purchase_posted.v1' AND point_currency IS NULL
    GROUP BY partition, account_id
) AS t
WHERE a.partition = t.partition AND a.account_id = t.account_id;

UPDATE views.balances AS b SET last_purchase_on = t.last_purchase_on
FROM (
    SELECT partition, account_id, point_currency, max(effective_on) AS last_purchase_on
    FROM views.timeline
    WHERE topic = 'account.purchase_posted.v1' AND point_currency IS NOT NULL
    GROUP BY partition, account_id, point_currency
) AS t
WHERE b.partition = t.partition AND b.account_id = t.account_id AND b.point_currency = t.point_currency;

-- lots --
ALTER TABLE views.lots
ADD COLUMN awaits text COLLATE "C" NOT NULL DEFAULT '',
ADD COLUMN cancels_on date,
ADD COLUMN idle_months int NOT NULL DEFAULT 0,
ADD COLUMN activities text[] COLLATE "C",
ADD COLUMN converts boolean NOT NULL DEFAULT false,
ADD COLUMN is_released boolean NOT NULL DEFAULT false;

-- Each holds only the lots that a worker may still have to look at: most lots are in the first alone. The condition that
-- fails for most stands first, because every new lot is tried against all of them.
CREATE INDEX lots_by_expiry_v1 ON views.lots (partition, expires_on)
WHERE expires_on IS NOT NULL AND open_points > 0;
CREATE INDEX lots_by_release_v1 ON views.lots (partition, available_from)
WHERE available_from > earned_on AND NOT is_released AND awaits = '' AND open_points > 0;
CREATE INDEX lots_by_cancelling_v1 ON views.lots (partition, cancels_on)
WHERE cancels_on IS NOT NULL AND awaits <> '' AND open_points > 0;
CREATE INDEX lots_idle_v1 ON views.lots (partition, account_id)
WHERE idle_months > 0 AND open_points > 0;

-- The first date on which inactivity has taken a lot if nothing happens, as ledger.account.activity tells it; null
-- where inactivity does not matter. The anniversary of the last activity is still a day on which it can be spent.
CREATE FUNCTION views.idle_on_v1(
    earned_on date,
    idle_months int,
    activities text[],
    last_purchase_on date,
    last_accrual_on date,
    last_redemption_on date,
    last_adjustment_on date,
    last_transfer_in_on date,
    last_transfer_out_on date
) RETURNS date
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

-- purchases --
ALTER TABLE views.purchases ADD COLUMN returned_minor bigint NOT NULL DEFAULT 0;

-- holds --
CREATE TABLE views.holds (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    hold_id text COLLATE "C" NOT NULL,
    point_currency text COLLATE "C" NOT NULL,
    points bigint NOT NULL,
    held_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    status text COLLATE "C" NOT NULL,
    captured_points bigint NOT NULL,
    resolved_at timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (partition, account_id, hold_id)
) WITH (fillfactor = 90);
CREATE INDEX holds_open_v1 ON views.holds (partition, expires_at) WHERE status = 'open';

-- tiers, vouchers --
CREATE TABLE views.tiers (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    ladder text COLLATE "C" NOT NULL,
    tier text COLLATE "C" NOT NULL,
    since date NOT NULL,
    valid_until date,
    version bigint NOT NULL,
    PRIMARY KEY (partition, account_id, ladder)
) WITH (fillfactor = 90);
CREATE INDEX tiers_by_end_v1 ON views.tiers (partition, valid_until) WHERE tier <> '' AND valid_until IS NOT NULL;

CREATE TABLE views.vouchers (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    voucher_id text COLLATE "C" NOT NULL,
    point_currency text COLLATE "C" NOT NULL,
    points bigint NOT NULL,
    value_minor bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    issued_on date NOT NULL,
    expires_on date NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (partition, account_id, version)
);

GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON views.holds, views.tiers, views.vouchers TO khaywe_app;
GRANT SELECT ON views.holds, views.tiers, views.vouchers TO khaywe_read;
