-- positions --
-- How far the views are that are compared.
SELECT min(position), max(position) FROM views.tracking
WHERE partition = %(partition)s AND view IN ('balances', 'lots')

-- newer --
-- Events of a range of streams that came after the chain was gone through, in the bytes of the chain.
SELECT ledger.row_v1(e) FROM ledger.events AS e
WHERE e.partition = %(partition)s AND e.position > %(after)s AND e.position <= %(until)s
    AND e.stream_id >= %(first)s::uuid AND e.stream_id <= %(last)s::uuid
ORDER BY e.position

-- snapshots --
-- What posting begins with: the newest snapshot of each stream, and the position of its last event, if there is that.
SELECT DISTINCT ON (s.stream_id)
    uuid_send(s.stream_id),
    s.version,
    s.topic,
    s.state,
    (
        SELECT e.position FROM ledger.events AS e
        WHERE e.partition = s.partition AND e.stream_id = s.stream_id AND e.version = s.version
    )
FROM ledger.snapshots AS s
WHERE s.partition = %(partition)s AND s.stream_id >= %(first)s::uuid AND s.stream_id <= %(last)s::uuid
    AND s.topic = ANY(%(topics)s)
ORDER BY s.stream_id, s.version DESC

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

-- lot_sums --
-- What the open lots of each account come to; dates are days since the year 1, each counted as often as the lot's number
-- says, so that lots that changed places are noticed.
SELECT
    uuid_send(account_id),
    point_currency,
    count(*),
    sum(open_points)::bigint,
    sum(open_points * lot)::bigint,
    sum(lot::bigint * (earned_on - DATE '0001-01-01' + 1))::bigint,
    sum(lot::bigint * (available_from - DATE '0001-01-01' + 1))::bigint,
    coalesce(sum(lot::bigint * (expires_on - DATE '0001-01-01' + 1)), 0)::bigint,
    bool_or(kind <> %(kind)s OR funding <> %(funding)s)
FROM views.lots
WHERE partition = %(partition)s AND account_id >= %(first)s::uuid AND account_id <= %(last)s::uuid
    AND open_points <> 0
GROUP BY account_id, point_currency

-- lots --
SELECT
    lot,
    point_currency,
    open_points,
    earned_on,
    available_from,
    expires_on,
    kind,
    funding
FROM views.lots
WHERE partition = %(partition)s AND account_id = %(account_id)s AND open_points <> 0
