-- positions --
-- How far the views are that are compared.
SELECT min(position), max(position) FROM views.tracking
WHERE partition = %(partition)s AND view IN ('balances', 'lots')

-- events --
-- Events of a range of streams, stream by stream.
COPY (
    SELECT stream_id, position, version, topic, state FROM ledger.events
    WHERE partition = %(partition)s AND stream_id >= %(first)s::uuid AND stream_id <= %(last)s::uuid
        AND position <= %(until)s
    ORDER BY stream_id, version
) TO STDOUT (FORMAT BINARY)

-- balances --
SELECT
    uuid_send(account_id),
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
    owed_points
FROM views.balances
WHERE partition = %(partition)s AND account_id >= %(first)s::uuid AND account_id <= %(last)s::uuid

-- lots --
SELECT
    uuid_send(account_id),
    lot,
    point_currency,
    open_points,
    earned_on,
    available_from,
    expires_on,
    kind,
    funding
FROM views.lots
WHERE partition = %(partition)s AND account_id >= %(first)s::uuid AND account_id <= %(last)s::uuid
    AND open_points <> 0
