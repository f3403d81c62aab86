"""
One batch: look up, decide, append.

Everything is decided against one view of each stream, outside the transaction. The heads are locked only to number,
chain and write. If another writer got in between, exactly the instructions whose streams it touched are decided
again, under the lock, where nobody can get in between any more.
"""

import copy
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from psycopg import Connection

from ledger.errors import LedgerError
from ledger.members.directory import resolve, unknown_member
from ledger.posting.cache import Entry, StateCache
from ledger.posting.instruction import Instruction, KeyReused, NotCarriedOut, Outcome, Posted, Reference, StreamKey
from ledger.sql import joined, load_queries
from ledger.store.append import Head, NewReceipt, append, lock_heads
from ledger.store.chain import NewEvent
from ledger.store.codec import decode, encode, topic_bytes
from ledger.store.partitions import partition_of
from ledger.streams import StreamId

_SQL = load_queries("ledger.store")


class Work(Struct):
    """One instruction on its way through a batch."""

    instruction: Instruction
    stream_id: StreamId | None = None
    """``None`` until it is known who is meant."""
    partition: int = 0
    outcome: Outcome | None = None
    """Set as soon as it is known: a refusal, an earlier result, or nothing to do."""
    first_version: int = 0
    events: Sequence[tuple[Any, bytes]] = ()
    """Each with the bytes that will be stored."""
    same_as: "Work | None" = None
    """The same request earlier in the batch; its result is this one's too."""


Group = list[Work]
"""Instructions that succeed or fail together; most groups have one."""


class Batch:
    """Groups of instructions that are carried out in one transaction."""

    def __init__(self, groups: list[Group], cache: StateCache, partition_count: int) -> None:
        """
        Args:
            groups: In the order in which they arrived.
            cache: States of streams; the batch changes it, and its caller forgets `touched` if the batch fails.
            partition_count: Of the ledger.
        """
        self._groups = groups
        self._cache = cache
        self._partition_count = partition_count
        self._partitions = list(range(partition_count))
        self._done: dict[Reference, Work] = {}

    def run(self, connection: Connection[Any]) -> int:
        """
        Carry everything out; afterwards every work has its outcome.

        Returns:
            How many events were recorded.

        Raises:
            psycopg.Error: Nothing is known to have been written; the outcomes are not to be used.
        """
        self._cache.catch_up(connection)
        self._prepare(connection, self._groups)
        self._decide(self._groups)
        count = 0
        if partitions := {work.partition for work in self._pending()}:
            heads = lock_heads(connection, partitions)
            if any(head.position != self._cache.seen[head.partition] for head in heads.values()):
                self._decide_again(connection, heads)
            count = self._append(connection, heads)
        self._answer_repeats()
        return count

    def touched(self) -> Iterable[StreamId]:
        """Return the streams whose cached states this batch may have moved ahead of the log."""
        return [work.stream_id for group in self._groups for work in group if work.stream_id]

    def _pending(self) -> list[Work]:
        """Return the works that have events to append, in order."""
        return [work for group in self._groups for work in group if work.events]

    def _prepare(self, connection: Connection[Any], groups: list[Group]) -> None:
        """Answer what was done before, find out who is meant, and load what the decisions need."""
        works = [work for group in groups for work in group]
        if works:
            self._answer_from_receipts(connection, works)
        works = [work for work in works if work.outcome is None]
        self._find_streams(connection, [work for work in works if work.stream_id is None])
        needed = {
            work.stream_id: StreamKey(work.instruction.stream, work.stream_id) for work in works if work.stream_id
        }
        for reads in {id(work.instruction.reads): work.instruction.reads for work in works}.values():
            needed.update((key.stream_id, key) for key in reads)
        self._cache.load(connection, needed.values())

    def _answer_from_receipts(self, connection: Connection[Any], works: list[Work]) -> None:
        asked = [(work, reference) for work in works for reference in work.instruction.references]
        rows = connection.execute(
            _SQL["receipts"],
            {
                "sources": joined([source for _, (source, _) in asked]),
                "keys": joined([key for _, (_, key) in asked]),
                "partitions": self._partitions,
            },
            binary=True,
        )
        for ordinal, request_hash, partition, position, stream_id, version, topic, state, recorded_at in rows:
            work, reference = asked[ordinal - 1]
            if request_hash != work.instruction.request_hash:
                work.outcome = _key_reused(reference)
            elif work.outcome is None:
                event = decode(topic, state)
                work.outcome = Posted(partition, position, stream_id, version, recorded_at, event, replayed=True)

    def _find_streams(self, connection: Connection[Any], works: list[Work]) -> None:
        named = [work.instruction.address for work in works if isinstance(work.instruction.address, tuple)]
        accounts = resolve(connection, named)
        for work in works:
            address = work.instruction.address
            stream_id = accounts.get(address) if isinstance(address, tuple) else address
            if stream_id is None:
                assert isinstance(address, tuple)
                work.outcome = unknown_member(address)
            else:
                work.stream_id = stream_id
                work.partition = partition_of(stream_id, self._partition_count)

    def _decide(self, groups: list[Group]) -> None:
        for group in groups:
            if len(group) == 1:
                work = group[0]
                if work.outcome is None:
                    self._decide_one(work)
            else:
                self._decide_together(group)

    def _decide_one(self, work: Work) -> None:
        """Decide, and fold the events, so that the next decision sees them."""
        instruction = work.instruction
        for reference in instruction.references:
            if first := self._done.get(reference):
                self._repeat(work, first, reference)
                return
        entries = self._cache.entries
        entry = entries[work.stream_id]  # type: ignore[index]  # whoever has no outcome yet has a stream
        try:
            events = instruction.decide(entry.state, *[entries[key.stream_id].state for key in instruction.reads])
        except LedgerError as refusal:
            work.outcome = refusal
            return
        for reference in instruction.references:
            self._done[reference] = work
        if not events:
            work.outcome = self._nothing_to_do(work, entry)
            return
        work.first_version = entry.version + 1
        work.events = [(event, encode(event)) for event in events]
        for event in events:
            entry.fold(event)

    def _nothing_to_do(self, work: Work, entry: Entry) -> Posted:
        assert work.stream_id is not None
        seen = self._cache.seen[work.partition]
        return Posted(work.partition, seen, work.stream_id, entry.version, None, None, replayed=False)

    def _repeat(self, work: Work, first: Work, reference: Reference) -> None:
        if first.instruction.request_hash == work.instruction.request_hash:
            work.same_as = first
        else:
            work.outcome = _key_reused(reference)

    def _decide_together(self, group: Group) -> None:
        """Decide a group, and take everything back if one of its instructions is refused."""
        undecided = [work for work in group if work.outcome is None]
        entries = {work.stream_id: self._cache.entries[work.stream_id] for work in undecided if work.stream_id}
        before = [(entry, copy.deepcopy(entry.state), entry.version) for entry in entries.values()]
        refused = next((work.outcome for work in group if isinstance(work.outcome, LedgerError)), None)
        for work in undecided:
            if refused is None:
                self._decide_one(work)
                refused = work.outcome if isinstance(work.outcome, LedgerError) else None
        if refused is None:
            return
        for entry, state, version in before:
            entry.state, entry.version = state, version
        for work in undecided:
            if work.outcome is not refused:
                self._undo(work)
                work.outcome = NotCarriedOut("Another instruction of this all-or-nothing batch was refused.")

    def _undo(self, work: Work) -> None:
        """Forget what was decided for this one; its stream is put back by the caller."""
        for reference in work.instruction.references:
            if self._done.get(reference) is work:
                del self._done[reference]
        work.outcome, work.events, work.same_as = None, (), None

    def _decide_again(self, connection: Connection[Any], locked: Mapping[int, Head]) -> None:
        """Decide afresh whatever rests on a stream that somebody else appended to meanwhile."""
        stale = self._cache.catch_up(connection)
        again: dict[int, Group] = {}
        while grown := [
            group
            for group in self._groups
            if id(group) not in again and _rests_on(group, stale) and _lives_in(group, locked)
        ]:
            again |= {id(group): group for group in grown}
            stale |= {work.stream_id for group in grown for work in group if work.stream_id}
        self._cache.forget(stale)
        groups = [group for group in self._groups if id(group) in again]
        for work in (work for group in groups for work in group if work.stream_id):
            self._undo(work)
        self._prepare(connection, groups)
        self._decide(groups)

    def _append(self, connection: Connection[Any], heads: Mapping[int, Head]) -> int:
        pending = self._pending()
        if not pending:
            connection.execute("ROLLBACK")
            return 0
        events: dict[int, list[NewEvent]] = defaultdict(list)
        receipts: dict[int, list[NewReceipt]] = defaultdict(list)
        ends: list[int] = []
        for work in pending:
            stream_id, instruction = work.stream_id, work.instruction
            assert stream_id is not None
            appended = events[work.partition]
            version = work.first_version - 1
            for event, state in work.events:
                version += 1
                appended.append((stream_id, version, topic_bytes(event), state))
            for source, key in instruction.references:
                receipts[work.partition].append((source, key, instruction.request_hash, stream_id, version))
            ends.append(len(appended))
        for head in append(connection, heads, events, receipts).values():
            self._cache.seen[head.partition] = head.position
        for work, end in zip(pending, ends, strict=True):
            head = heads[work.partition]
            work.outcome = Posted(
                work.partition,
                head.position + end,
                work.stream_id,  # type: ignore[arg-type]  # asserted above
                work.first_version + len(work.events) - 1,
                head.recorded_at,
                work.events[-1][0],
                replayed=False,
            )
        return sum(map(len, events.values()))

    def _answer_repeats(self) -> None:
        for group in self._groups:
            for work in group:
                if work.same_as:
                    first = work.same_as.outcome
                    assert isinstance(first, Posted)
                    work.outcome = msgspec.structs.replace(first, replayed=True)


def _rests_on(group: Group, stream_ids: set[StreamId]) -> bool:
    return any(
        work.stream_id in stream_ids or any(key.stream_id in stream_ids for key in work.instruction.reads)
        for work in group
    )


def _lives_in(group: Group, partitions: Mapping[int, Head]) -> bool:
    return all(work.partition in partitions for work in group if work.stream_id)


def _key_reused(reference: Reference) -> KeyReused:
    source, key = reference
    message = f"{key!r} was used before for a different request; a new effect needs a new key."
    return KeyReused(message, source=source, key=key)
