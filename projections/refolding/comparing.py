"""Folding a slice of all accounts from their events, and comparing them with what the views show."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection, IsolationLevel

from ledger.account.books import Book
from ledger.account.events import ORDINARY, OWN
from ledger.account.state import Account
from ledger.archive.cold import folders_of, respelled
from ledger.audit.spreading import Place, Spread, bucket_count, bucket_of, read_spread
from ledger.sql import load_queries
from ledger.streams import StreamId
from projections.refolding.folding import SNAPSHOT_TOPICS, Fault, Snapshot, Streams, broken_law, fold, sort

_SQL = load_queries("projections.refolding")
SLICE_SIZE = 50_000
"""Events in a slice, about: they, and what the views show of their accounts, are in memory."""
_SPACE = 1 << 128
_MAX_FAULTS = 20

_Balances = dict[str, tuple[int, ...]]
_Lots = set[tuple[Any, ...]]
_Sums = dict[str, tuple[int, ...]]
_NOTHING = (0,) * 12
_NO_LOTS = (0,) * 6


class Slice(Struct, frozen=True):
    """The streams of a partition between two ids."""

    partition: int
    first: bytes
    last: bytes
    until: int
    """Position up to which their events were spread."""
    spread: Spread
    """Where these are; others may be among them."""


class Compared(Struct, frozen=True):
    """What a slice yielded."""

    partition: int
    stream_count: int
    event_count: int
    faults: list[Fault]
    """The first ones, in order of positions."""


def places_of(folder: str, heads: Mapping[int, int]) -> dict[int, Place]:
    """
    Return where the events of each partition are to be spread.

    Args:
        folder: For temporary files.
        heads: Last position of each partition.
    """
    return {partition: Place(folder, bucket_count(_slice_count(head))) for partition, head in heads.items()}


def slices_of(partition: int, until: int, place: Place, files: Sequence[str]) -> Iterator[Slice]:
    """
    Split a partition; stream ids are hashes, so they are spread evenly.

    Args:
        partition: Which.
        until: Last position.
        place: Where its events were spread.
        files: That they were spread into, in the order of positions.
    """
    count = _slice_count(until)
    for number in range(count):
        first = (_SPACE * number // count).to_bytes(16)
        last = (_SPACE * (number + 1) // count - 1).to_bytes(16)
        buckets = bucket_of(first, place.bucket_count), bucket_of(last, place.bucket_count)
        yield Slice(partition, first, last, until, Spread(place.bucket_count, files, buckets))


def _slice_count(event_count: int) -> int:
    return max(1, -(-event_count // SLICE_SIZE))


def compare_slice(connection: Connection[Any], asked: Slice) -> Compared:
    """
    Fold every stream of a slice, look at the laws of the books, and compare with the views as of one moment.

    Args:
        connection: In autocommit mode; may read events and views.
        asked: Which streams.
    """
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        key: dict[str, Any] = {
            "partition": asked.partition,
            "first": asked.first.hex(),
            "last": asked.last.hex(),
            "after": asked.until,
            "kind": ORDINARY,
            "funding": OWN,
            "topics": SNAPSHOT_TOPICS,
        }
        lowest, highest = connection.execute(_SQL["positions"], key).fetchone() or (0, 0)
        if lowest != highest:
            reason = "the views stand at different positions; run: khaywe views rebuild"
            return Compared(asked.partition, 0, 0, [Fault(asked.partition, (lowest or 0) + 1, reason)])
        key["until"] = lowest or 0
        views = _Views(connection, key)
        stream_count = event_count = 0
        snapshots, faults = _snapshots(connection, key)
        for folded in fold(_streams(connection, asked, key), key["until"], snapshots):
            stream_count, event_count = stream_count + 1, event_count + folded.event_count
            difference = views.difference(folded.stream_id, folded.state)
            if reason := folded.reason or broken_law(folded.state) or difference:
                faults.append(Fault(asked.partition, folded.position, reason, str(UUID(bytes=folded.stream_id))))
        faults += views.rest(asked.partition)
    return Compared(asked.partition, stream_count, event_count, sorted(faults, key=_place)[:_MAX_FAULTS])


def streams_of(asked: Slice) -> Streams:
    """Return the events of a slice by their streams."""
    streams: Streams = {}
    for rows in read_spread(asked.spread):
        sort(streams, rows, asked.first, asked.last)
    return streams


def _streams(connection: Connection[Any], asked: Slice, key: dict[str, Any]) -> Streams:
    """Return what was spread, and what the views have taken in since."""
    streams = streams_of(asked)
    if key["until"] > asked.until:
        folders = folders_of(connection)
        newer = connection.execute(_SQL["newer"], key, binary=True)
        sort(streams, (respelled(folders, row) for (row,) in newer), asked.first, asked.last)
    return streams


def _snapshots(connection: Connection[Any], key: dict[str, Any]) -> tuple[dict[StreamId, Snapshot], list[Fault]]:
    """Return the snapshots of a slice, and which of them are of events that there are not."""
    found: dict[StreamId, Snapshot] = {}
    faults = []
    for stream_id, *snapshot, position in connection.execute(_SQL["snapshots"], key, binary=True):
        found[stream_id] = Snapshot(*snapshot)
        if position is None:
            reason = f"a snapshot is of version {snapshot[0]}, and there is no such event"
            faults.append(Fault(key["partition"], 0, reason, str(UUID(bytes=stream_id))))
    return found, faults


class _Views:
    """What the views show of a slice."""

    def __init__(self, connection: Connection[Any], key: dict[str, Any]) -> None:
        self._connection = connection
        self._partition = key["partition"]
        self._balances: dict[StreamId, _Balances] = defaultdict(dict)
        for account_id, code, *points in connection.execute(_SQL["balances"], key, binary=True):
            self._balances[account_id][code] = tuple(points)
        self._sums: dict[StreamId, _Sums] = defaultdict(dict)
        self._special: set[StreamId] = set()
        """Accounts with lots of whose kinds and funding the sums say nothing."""
        for account_id, code, *sums, is_special in connection.execute(_SQL["lot_sums"], key, binary=True):
            self._sums[account_id][code] = tuple(sums)
            if is_special:
                self._special.add(account_id)

    def difference(self, stream_id: StreamId, state: Any) -> str:
        """Return what a view shows otherwise than the events say; empty if nothing."""
        balances = self._balances.pop(stream_id, {})
        sums = self._sums.pop(stream_id, {})
        if not isinstance(state, Account):
            return "a view shows an account that is none" if balances or sums else ""
        expected = _balances_of(state)
        for code in sorted(expected.keys() | balances.keys()):
            ours, shown = expected.get(code, _NOTHING), balances.get(code, _NOTHING)
            if ours != shown:
                return f"the view balances shows {code} {shown}, the events give {ours}"
        if stream_id in self._special or sums != _sums_of(state):
            return self._lot_difference(stream_id, state)
        return ""

    def _lot_difference(self, stream_id: StreamId, state: Account) -> str:
        asked = {"partition": self._partition, "account_id": UUID(bytes=stream_id)}
        lots: _Lots = set(self._connection.execute(_SQL["lots"], asked, binary=True))
        wrong = _lots_of(state) ^ lots
        if not wrong:
            return ""
        lot = min(wrong, key=lambda one: one[0])
        told = "shows" if lot in lots else "does not show"
        return f"the view lots {told} lot {lot[0]} of {lot[1]} with {lot[2]} points, and the events say otherwise"

    def rest(self, partition: int) -> Iterator[Fault]:
        """Give what views show of streams that have no events."""
        for account_id in self._balances.keys() | self._sums.keys():
            yield Fault(partition, 0, "a view shows an account that has no events", str(UUID(bytes=account_id)))


def _sums_of(account: Account) -> _Sums:
    return {code: sums for code, book in account.books.items() if (sums := _sum(book)) != _NO_LOTS}


def _sum(book: Book) -> tuple[int, ...]:
    points = weighed = earned = available = expires = 0
    for lot in book.lots.values():
        number = lot.lot
        points += lot.points
        weighed += number * lot.points
        earned += number * lot.earned_on.toordinal()
        available += number * lot.available_from.toordinal()
        if lot.expires_on is not None:
            expires += number * lot.expires_on.toordinal()
    return len(book.lots), points, weighed, earned, available, expires


def _balances_of(account: Account) -> _Balances:
    return {
        code: (
            book.accrued_points,
            book.redeemed_points,
            book.reversed_points,
            book.expired_points,
            book.reinstated_points,
            book.clawed_back_points,
            book.credited_points,
            book.debited_points,
            book.transferred_in_points,
            book.transferred_out_points,
            book.held_points,
            book.owed_points,
        )
        for code, book in account.books.items()
    }


def _lots_of(account: Account) -> _Lots:
    return {
        (
            lot.lot,
            code,
            lot.points,
            lot.earned_on,
            lot.available_from,
            lot.expires_on,
            lot.kind,
            lot.funding,
        )
        for code, book in account.books.items()
        for lot in book.lots.values()
    }


def _place(fault: Fault) -> int:
    return fault.position
