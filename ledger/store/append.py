"""Write a batch of events, its receipts and its head in one transaction."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct as Layout
from typing import Any, LiteralString

from msgspec import Struct
from psycopg import Connection, Copy, OperationalError
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, Escaping, ExecStatus
from psycopg.pq.abc import PGresult

from ledger.store.chain import NewEvent, copy_rows, link, microseconds, row
from ledger.streams import StreamId

_COPY_EVENTS: LiteralString = """
COPY ledger.events (partition, position, stream_id, version, topic, state, recorded_at, hash)
FROM STDIN (FORMAT BINARY)
"""
_COPY_RECEIPTS: LiteralString = """
COPY ledger.receipts (partition, source, key, request_hash, stream_id, version) FROM STDIN (FORMAT BINARY)
"""
_INSERT_EVENTS = b"""
INSERT INTO ledger.events (partition, position, stream_id, version, topic, state, recorded_at, hash) VALUES
"""
_INSERT_RECEIPTS = b"""
INSERT INTO ledger.receipts (partition, source, key, request_hash, stream_id, version) VALUES
"""
_LOCK_HEADS = b"""
BEGIN;
WITH locked AS MATERIALIZED (
    SELECT partition, position, hash, greatest(recorded_at, clock_timestamp()) AS recorded_at FROM ledger.heads
    WHERE partition IN (%s) ORDER BY partition FOR UPDATE
)
SELECT partition, position, encode(hash, 'hex'), (extract(epoch FROM recorded_at) * 1000000)::bigint, %s FROM locked
"""
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER = b"\xff\xff"

_FLUSH_COUNT = 128
"""Events that are sent to the server together while more are being decided. A batch that never has as many is written
with one statement list: a COPY takes three round trips, and for a few rows those are all it costs."""


NewReceipt = tuple[str, str, bytes, StreamId, int]
"""Source, key, request hash, stream id, version: proof that a request was carried out, and by which event."""


class Head(Struct, frozen=True):
    """Where a partition ends."""

    partition: int
    position: int
    hash: bytes
    recorded_at: datetime
    """Of the last event; while its row is locked: of the events about to be written."""


def lock_heads(connection: Connection[Any], partitions: Iterable[int]) -> dict[int, Head]:
    """
    Begin a transaction and lock the heads of ``partitions``: from here on nobody else appends to them.

    The heads come with the time of recording, which never runs backwards within a partition.

    Args:
        connection: In autocommit mode, outside a transaction. The caller ends the one that begins here.
        partitions: All of them, so that the rows are locked in one order by everybody.
    """
    heads, _ = lock_heads_and_ask(connection, partitions, "NULL")
    return heads


def lock_heads_and_ask(
    connection: Connection[Any],
    partitions: Iterable[int],
    question: LiteralString,
) -> tuple[dict[int, Head], bytes | None]:
    """
    Lock heads as `lock_heads` does, and in the same round trip ask for something else.

    Args:
        connection: See `lock_heads`.
        partitions: See `lock_heads`; at least one.
        question: An SQL expression. It is answered as of when the lock was asked for.

    Returns:
        The heads, and the answer as PostgreSQL spells it.
    """
    # The numbers are ours.
    result = _run(connection, _LOCK_HEADS % (",".join(map(str, sorted(partitions))).encode(), question.encode()))
    heads = {}
    for index in range(result.ntuples):
        partition, position, last, recorded_at_us = (result.get_value(index, column) or b"" for column in range(4))
        heads[int(partition)] = Head(
            int(partition),
            int(position),
            bytes.fromhex(last.decode()),
            _UNIX_EPOCH + timedelta(microseconds=int(recorded_at_us)),
        )
    return heads, result.get_value(0, 4)


def _run(connection: Connection[Any], statements: bytes) -> PGresult:
    """
    Run statements in one round trip, and return what the last one yields.

    One blocking call of libpq. The driver's own way of waiting returns to the interpreter several times per statement,
    and each time another thread may keep it for a millisecond: under load that was most of a post's latency.
    """
    result = connection.pgconn.exec_(statements)
    if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        if not result.error_field(DiagnosticField.SQLSTATE):
            # The server did not say it: libpq did, because the connection is gone.
            raise OperationalError(result.get_error_message())
        raise error_from_result(result)
    return result


class Appender:
    """
    Writes behind locked heads, while its caller is still deciding.

    Rows go to the server as they come, so that it stores the first events of a batch while the last ones are being
    decided. Nothing is visible, and nothing acknowledged, before `commit` returns.
    """

    def __init__(self, connection: Connection[Any], heads: Mapping[int, Head]) -> None:
        """
        Args:
            connection: Inside the transaction that `lock_heads` began; the caller rolls back if anything is raised.
            heads: As `lock_heads` returned them.
        """
        self.heads = dict(heads)
        """Where each partition ends, as far as rows were chained."""
        self._connection = connection
        self._locked = heads
        self._events: dict[int, list[NewEvent]] = {partition: [] for partition in heads}
        self._receipts: dict[int, list[NewReceipt]] = {partition: [] for partition in heads}
        self._positions = {partition: head.position for partition, head in heads.items()}
        self._recorded_at_us = {partition: microseconds(head.recorded_at) for partition, head in heads.items()}
        self._copy: Copy | None = None

    @contextmanager
    def events(self) -> Iterator[Callable[[int, NewEvent], int]]:
        """Give ``add(partition, event) -> position``, to be called for each event in order."""
        waiting, positions = self._events, self._positions
        waiting_count = 0
        with ExitStack() as stack:

            def add(partition: int, event: NewEvent) -> int:
                nonlocal waiting_count
                waiting[partition].append(event)
                waiting_count += 1
                if waiting_count == _FLUSH_COUNT:
                    waiting_count = 0
                    if self._copy is None:
                        self._copy = stack.enter_context(self._connection.cursor().copy(_COPY_EVENTS))
                        self._copy.write(_COPY_HEADER)
                    self._copy.write(self._waiting_rows())
                position = positions[partition] = positions[partition] + 1
                return position

            yield add
            if self._copy is not None:
                self._copy.write(self._waiting_rows() + _COPY_TRAILER)

    def receipt(self, partition: int, receipt: NewReceipt) -> None:
        """
        Take a receipt, to be written with `commit`.

        Raises:
            ValueError: The source or the key is empty or holds something that cannot be printed.
        """
        source, key = receipt[:2]
        if not (source and key and source.isprintable() and key.isprintable()):
            raise ValueError(f"{source!r}, {key!r} cannot be a reference: a separator, NUL or the like, or empty.")
        self._receipts[partition].append(receipt)

    def commit(self) -> dict[int, Head]:
        """
        Write the receipts, move the heads, and commit.

        Returns:
            The new heads. When this returns, everything is durable.

        Raises:
            psycopg.errors.UniqueViolation: A receipt or an event of this version was there; nothing was written.
        """
        statements: list[bytes] = []
        if self._copy is None:
            statements += self._inserts()
        else:
            with self._connection.cursor().copy(_COPY_RECEIPTS) as copy:
                copy.write(b"".join((_COPY_HEADER, *_receipt_rows(self._receipts), _COPY_TRAILER)))
        # A head names its partition's last event, so one behind which nothing was written stays as it is.
        statements += [
            _move_head(head) for head in self.heads.values() if head.position > self._locked[head.partition].position
        ]
        _run(self._connection, b"; ".join([*statements, b"COMMIT"]))
        return self.heads

    def _waiting_rows(self) -> bytes:
        """Number, chain and spell for COPY the events that wait."""
        parts = []
        for partition, events in self._events.items():
            if events:
                head = self.heads[partition]
                rows, last = copy_rows(partition, head.position, head.hash, events, self._recorded_at_us[partition])
                parts.append(rows)
                self.heads[partition] = Head(partition, head.position + len(events), last, head.recorded_at)
                events.clear()
        return b"".join(parts)

    def _inserts(self) -> Iterator[bytes]:
        """Number, chain and spell as SQL the events that wait, and all receipts."""
        literal = Escaping(self._connection.pgconn).escape_literal
        events = []
        for partition, new_events in self._events.items():
            head = self.heads[partition]
            position, last = head.position, head.hash
            recorded_at = head.recorded_at.isoformat().encode()
            for event in new_events:
                position += 1
                last = link(last, row(partition, position, event, self._recorded_at_us[partition]))
                stream_id, version, topic, state = event
                events.append(
                    b"(%d,%d,'%s',%d,%s,'\\x%s','%s','\\x%s')"
                    % (
                        partition,
                        position,
                        stream_id.hex().encode(),
                        version,
                        literal(topic),
                        state.hex().encode(),
                        recorded_at,
                        last.hex().encode(),
                    ),
                )
            self.heads[partition] = Head(partition, position, last, head.recorded_at)
        if events:
            yield _INSERT_EVENTS + b",".join(events)
        receipts = [
            b"(%d,%s,%s,'\\x%s','%s',%d)"
            % (
                partition,
                literal(source.encode()),
                literal(key.encode()),
                request_hash.hex().encode(),
                stream_id.hex().encode(),
                version,
            )
            for partition, new_receipts in self._receipts.items()
            for source, key, request_hash, stream_id, version in new_receipts
        ]
        if receipts:
            yield _INSERT_RECEIPTS + b",".join(receipts)


def append(
    connection: Connection[Any],
    heads: Mapping[int, Head],
    events: Mapping[int, Sequence[NewEvent]],
    receipts: Mapping[int, Sequence[NewReceipt]],
) -> dict[int, Head]:
    """
    Write events and receipts that are known beforehand; see `Appender`.

    Args:
        connection: Inside the transaction that `lock_heads` began.
        heads: As `lock_heads` returned them.
        events: Per partition, in the order in which they are to stand.
        receipts: Per partition.

    Returns:
        The new heads. When this returns, everything is durable.

    Raises:
        psycopg.errors.UniqueViolation: Another writer was faster; nothing was written.
    """
    appender = Appender(connection, heads)
    with appender.events() as add:
        for partition, new_events in events.items():
            for event in new_events:
                add(partition, event)
    for partition, new_receipts in receipts.items():
        for receipt in new_receipts:
            appender.receipt(partition, receipt)
    return appender.commit()


def _receipt_rows(receipts: Mapping[int, Sequence[NewReceipt]]) -> Iterable[bytes]:
    for partition, new_receipts in receipts.items():
        for source, key, request_hash, stream_id, version in new_receipts:
            spelled_source, spelled_key = source.encode(), key.encode()
            source_length, key_length = len(spelled_source), len(spelled_key)
            yield _receipt_layout(source_length, key_length).pack(
                6,
                4,
                partition,
                source_length,
                spelled_source,
                key_length,
                spelled_key,
                32,
                request_hash,
                16,
                stream_id,
                8,
                version,
            )


@lru_cache(maxsize=4096)
def _receipt_layout(source_length: int, key_length: int) -> Layout:
    return Layout(f">hiii{source_length}si{key_length}si32si16siq")


def _move_head(head: Head) -> bytes:
    return b"UPDATE ledger.heads SET position = %d, hash = '\\x%s', recorded_at = '%s' WHERE partition = %d" % (
        head.position,
        head.hash.hex().encode(),
        head.recorded_at.isoformat().encode(),
        head.partition,
    )
