"""From the ledger to the outbox: one delivery for each event and each endpoint that wants it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from psycopg import Connection

from ledger.account.events import AccountOpened
from ledger.archive.cold import whole
from ledger.sql import load_queries
from ledger.store.codec import decode
from ledger.streams import StreamId
from projections.page import Recorded
from projections.webhooks.kinds import EVERY, KIND_OF
from projections.webhooks.payload import Holder, body_of, holder_of

_EVENTS = load_queries("ledger.store")
_SQL = load_queries("projections.webhooks")

_PAGE_SIZE: Final = 2_000
_FULL: Final = 50_000
"""Deliveries that may wait for an endpoint; further events wait in the ledger."""


class _Behind(NamedTuple):
    endpoint_id: UUID
    partition: int
    position: int
    program_id: str
    kinds: list[str]

    def wants(self, program_id: str, kind: str) -> bool:
        return self.program_id == program_id and (kind in self.kinds or EVERY in self.kinds)


class _Placed(NamedTuple):
    position: int
    recorded: Recorded


class _Delivery(NamedTuple):
    delivery_id: UUID
    endpoint_id: UUID
    account_id: UUID
    version: int
    partition: int
    position: int
    kind: str
    body: str
    recorded_at: datetime


def feed(connection: Connection[Any], now: datetime) -> int:
    """
    Take every endpoint a page further, deliveries and position in one transaction.

    Returns:
        How many events were read; 0 when all endpoints are where the ledger is, or full.
    """
    with connection.transaction():
        behind = [_Behind(*row) for row in connection.execute(_SQL["to_feed"])]
        if not behind:
            return 0
        asked = {"endpoint_ids": list({one.endpoint_id for one in behind}), "limit": _FULL}
        full = {endpoint_id for (endpoint_id,) in connection.execute(_SQL["full"], asked)}
        hungry = (one for one in behind if one.endpoint_id not in full)
        return sum(
            _feed_from(connection, partition, position, list(group), now)
            for (partition, position), group in groupby(hungry, lambda one: (one.partition, one.position))
        )


def _feed_from(connection: Connection[Any], partition: int, after: int, group: list[_Behind], now: datetime) -> int:
    asked = {"partition": partition, "after": after, "limit": _PAGE_SIZE}
    rows = whole(connection, connection.execute(_EVENTS["page"], asked, binary=True), 4)
    if not rows:
        return 0
    wanted = [
        _Placed(position, Recorded(stream_id, version, topic, recorded_at, decode(topic, state)))
        for position, stream_id, version, topic, state, recorded_at in rows
        if topic in KIND_OF and any(EVERY in one.kinds or KIND_OF[topic] in one.kinds for one in group)
    ]
    holders = _holders(connection, partition, {one.recorded.account_id for one in wanted})
    deliveries = [delivery for placed in wanted for delivery in _deliveries(holders, partition, placed, group)]
    if deliveries:
        _add(connection, deliveries, now)
    last = rows[-1][0]
    ids = [one.endpoint_id for one in group]
    connection.execute(_SQL["advance"], {"endpoint_ids": ids, "partition": partition, "position": last})
    return len(rows)


def _holders(connection: Connection[Any], partition: int, account_ids: set[StreamId]) -> dict[StreamId, Holder]:
    if not account_ids:
        return {}
    asked = {"partition": partition, "account_ids": [UUID(bytes=one) for one in account_ids]}
    return {
        stream_id: holder_of(decode(AccountOpened.TOPIC, state))
        for stream_id, state in connection.execute(_SQL["holders"], asked, binary=True)
    }


def _deliveries(
    holders: dict[StreamId, Holder], partition: int, placed: _Placed, group: Sequence[_Behind]
) -> Iterable[_Delivery]:
    position, recorded = placed
    holder, kind, place = holders[recorded.account_id], KIND_OF[recorded.topic], f"{partition}:{position}"
    takers = [one.endpoint_id for one in group if one.wants(holder.program_id, kind)]
    body = body_of(holder, recorded, place) if takers else ""
    account_id = UUID(bytes=recorded.account_id)
    for endpoint_id in takers:
        yield _Delivery(
            uuid5(endpoint_id, place),
            endpoint_id,
            account_id,
            recorded.version,
            partition,
            position,
            kind,
            body,
            recorded.recorded_at,
        )


def _add(connection: Connection[Any], deliveries: Sequence[_Delivery], now: datetime) -> None:
    ids, endpoints, accounts, versions, partitions, positions, kinds, bodies, recorded_at = (
        list(column) for column in zip(*deliveries, strict=True)
    )
    asked = {
        "delivery_ids": ids,
        "endpoint_ids": endpoints,
        "account_ids": accounts,
        "versions": versions,
        "partitions": partitions,
        "positions": positions,
        "kinds": kinds,
        "bodies": bodies,
        "recorded_at": recorded_at,
    }
    fill_lanes(connection, connection.execute(_SQL["add_deliveries"], asked).fetchall(), now)


def fill_lanes(connection: Connection[Any], added: Sequence[tuple[UUID, UUID]], now: datetime) -> None:
    """
    Let deliveries wait in the lanes of their accounts.

    Args:
        connection: In the transaction that made them wait.
        added: Endpoint and account of each.
        now: From when on they are due, where nothing waits before them.
    """
    endpoints, accounts = [one for one, _ in added], [one for _, one in added]
    connection.execute(_SQL["fill_lanes"], {"endpoint_ids": endpoints, "account_ids": accounts, "now": now})
