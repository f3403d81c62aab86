"""Folding a slice of all accounts from their events, and comparing them with what the views show."""

from collections import defaultdict
from collections.abc import Iterator
from struct import Struct as Layout
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection, IsolationLevel

from ledger.account.state import Account
from ledger.archive.cold import folders_of, resolved
from ledger.archive.packs import is_reference
from ledger.sql import load_queries
from ledger.streams import StreamId
from projections.refolding.folding import Fault, Folded, Row, broken_law, fold

_SQL = load_queries("projections.refolding")
SLICE_SIZE = 50_000
"""Events in a slice, about: what the views show of its accounts is in memory."""
_SPACE = 1 << 128
_HEADER_LENGTH = 19
_TRAILER = b"\xff\xff"
_FRONT = Layout(">2x4x16s4xq4xqi")
_MAX_FAULTS = 20

_Balances = dict[str, tuple[int, ...]]
_Lots = set[tuple[Any, ...]]
_NOTHING = (0,) * 12


class Slice(Struct, frozen=True):
    """The streams of a partition between two ids."""

    partition: int
    first: bytes
    last: bytes


class Compared(Struct, frozen=True):
    """What a slice yielded."""

    partition: int
    stream_count: int
    event_count: int
    faults: list[Fault]
    """The first ones, in order of positions."""


def slices_of(partition: int, event_count: int) -> Iterator[Slice]:
    """Split a partition; stream ids are hashes, so they are spread evenly."""
    count = max(1, -(-event_count // SLICE_SIZE))
    for number in range(count):
        first, last = _SPACE * number // count, _SPACE * (number + 1) // count - 1
        yield Slice(partition, first.to_bytes(16), last.to_bytes(16))


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
        }
        lowest, highest = connection.execute(_SQL["positions"], key).fetchone() or (0, 0)
        if lowest != highest:
            reason = "the views stand at different positions; run: khaywe views rebuild"
            return Compared(asked.partition, 0, 0, [Fault(asked.partition, (lowest or 0) + 1, reason)])
        key["until"] = lowest or 0
        views = _Views(connection, key)
        streams = events = 0
        faults: list[Fault] = []
        for folded in fold(_rows(connection, key)):
            streams += 1
            events += folded.event_count
            difference = views.difference(folded)
            if reason := folded.reason or broken_law(folded.state) or difference:
                faults.append(Fault(asked.partition, folded.position, reason, str(UUID(bytes=folded.stream_id))))
        faults += views.rest(asked.partition)
    return Compared(asked.partition, streams, events, sorted(faults, key=_place)[:_MAX_FAULTS])


class _Views:
    """What the views show of a slice."""

    def __init__(self, connection: Connection[Any], key: dict[str, Any]) -> None:
        self._balances: dict[StreamId, _Balances] = defaultdict(dict)
        for account_id, code, *points in connection.execute(_SQL["balances"], key, binary=True):
            self._balances[account_id][code] = tuple(points)
        self._lots: dict[StreamId, _Lots] = defaultdict(set)
        for account_id, *lot in connection.execute(_SQL["lots"], key, binary=True):
            self._lots[account_id].add(tuple(lot))

    def difference(self, folded: Folded) -> str:
        """Return what a view shows otherwise than the events say; empty if nothing."""
        balances = self._balances.pop(folded.stream_id, {})
        lots = self._lots.pop(folded.stream_id, set())
        if not isinstance(folded.state, Account):
            return "a view shows an account that is none" if balances or lots else ""
        expected = _balances_of(folded.state)
        for code in sorted(expected.keys() | balances.keys()):
            ours, shown = expected.get(code, _NOTHING), balances.get(code, _NOTHING)
            if ours != shown:
                return f"the view balances shows {code} {shown}, the events give {ours}"
        wrong = _lots_of(folded.state) ^ lots
        if wrong:
            lot = min(wrong, key=lambda one: one[0])
            told = "shows" if lot in lots else "does not show"
            return f"the view lots {told} lot {lot[0]} of {lot[1]} with {lot[2]} points, and the events say otherwise"
        return ""

    def rest(self, partition: int) -> Iterator[Fault]:
        """Give what views show of streams that have no events."""
        for account_id in self._balances.keys() | self._lots.keys():
            yield Fault(partition, 0, "a view shows an account that has no events", str(UUID(bytes=account_id)))


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


def _rows(connection: Connection[Any], key: dict[str, Any]) -> Iterator[Row]:
    folders = folders_of(connection)
    next_row, unpack = connection.pgconn.get_copy_data, _FRONT.unpack_from
    start = _FRONT.size
    with connection.cursor().copy(_SQL["events"], key) as copy:
        row = bytes(copy.read())[_HEADER_LENGTH:]
        while row != _TRAILER:
            stream_id, position, version, topic_length = unpack(row)
            end = start + topic_length
            state = row[end + 4 :]
            if is_reference(state):
                state = resolved(folders, state)
            yield stream_id, position, version, row[start:end], state
            size, block = next_row(1)
            row = block.tobytes() if size > 0 else bytes(copy.read())
        while copy.read():
            pass


def _place(fault: Fault) -> int:
    return fault.position
