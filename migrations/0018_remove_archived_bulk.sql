-- States of old account events may leave ledger.events once an archive has them; a reference of 31 bytes that begins with
-- a zero byte stays in their place. Nothing else of an event can change, and a state can come back only as the one that
-- its link was taken over. Everything that reads states in SQL says null, or refuses, where there is but a reference.
-- Locks: ledger.events briefly, for its trigger. Runtime: instant.

-- archives --
-- Where the archives are that references name.
CREATE TABLE ledger.archives (
    number smallint PRIMARY KEY CHECK (number > 0),
    folder text NOT NULL UNIQUE
);

-- removals --
-- Up to which position states may leave; set after a person confirmed, which is an event of the stream of archives.
CREATE TABLE ledger.removals (
    partition int PRIMARY KEY,
    position bigint NOT NULL
);

GRANT SELECT ON ledger.archives, ledger.removals TO khaywe_app;

CREATE FUNCTION ledger.is_reference_v1(state bytea) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT substring(state FROM 1 FOR 1) = '\x00'::bytea
$$;

-- The state of an event where it is in the database.
CREATE FUNCTION ledger.state_v1(state bytea) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN NOT ledger.is_reference_v1(state) THEN convert_from(state, 'UTF8')::jsonb END
$$;

-- The bytes that an event's link is taken over.
CREATE FUNCTION ledger.row_v1(event ledger.events) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT int4send(4) || int4send(event.partition)
        || int4send(8) || int8send(event.position)
        || int4send(16) || uuid_send(event.stream_id)
        || int4send(8) || int8send(event.version)
        || int4send(octet_length(event.topic)) || convert_to(event.topic, 'UTF8')
        || int4send(length(event.state)) || event.state
        || int4send(8) || timestamptz_send(event.recorded_at)
$$;

CREATE FUNCTION ledger.guard_states_v1() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed ledger.events := new;
BEGIN
    changed.state := old.state;
    IF changed IS NOT DISTINCT FROM old THEN
        IF NOT ledger.is_reference_v1(old.state) AND ledger.is_reference_v1(new.state) AND length(new.state) = 31
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

DROP TRIGGER events_are_immutable_v1 ON ledger.events;
CREATE TRIGGER events_are_immutable_v2 BEFORE DELETE OR TRUNCATE ON ledger.events
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_v1();
CREATE TRIGGER events_keep_their_states_v1 BEFORE UPDATE ON ledger.events
FOR EACH ROW EXECUTE FUNCTION ledger.guard_states_v1();

CREATE OR REPLACE VIEW ledger.event_log AS
SELECT
    partition,
    position,
    stream_id,
    version,
    topic,
    ledger.state_v1(state) AS state,
    recorded_at,
    encode(hash, 'hex') AS hash
FROM ledger.events;
COMMENT ON VIEW ledger.event_log IS
    'Every recorded event, its state readable as jsonb; null where the state is in an archive.';

-- The functions that look back cannot do without a state.
CREATE FUNCTION analytics.required_v1(state jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF state IS NULL THEN
        RAISE EXCEPTION 'events of this account are in an archive, which SQL cannot read'
            USING HINT = 'Ask over REST or with khaywe account, or bring them back: khaywe audit return.';
    END IF;
    RETURN state;
END
$$;

CREATE OR REPLACE FUNCTION analytics.events_as_of_v1(account_id uuid, as_of date, as_at timestamptz)
RETURNS TABLE (version bigint, topic text, state jsonb, effective_on date)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
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

COMMENT ON VIEW analytics.lot_movements IS
    'What took points out of lots, and what brought redeemed ones back, event by event. Holds that are not resolved are no movement. Events that are in an archive are not shown. Points are counted in the smallest unit of the point currency.';
