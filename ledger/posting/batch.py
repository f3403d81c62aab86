"""
One batch: lock, look up, decide, append.

Under the lock of the heads nobody else can append, so what is looked up and decided there cannot be overtaken: there
are no conflicts to resolve. A small batch whose members and accounts are in memory takes two round trips: one that
locks, and one that writes. In a big one deciding and storing overlap: rows go to the server as they are decided.

Whether an instruction was carried out before is nearly always answered by no, so it need not be asked beforehand: the
receipts' primary key refuses a second one, and then the batch is run again, asking first.
"""

import copy
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from psycopg import Connection

from ledger.archive.cold import whole
from ledger.errors import LedgerError
from ledger.members.directory import Identifier, unknown_member
from ledger.posting.cache import Entry, StateCache
from ledger.posting.histories import read_histories
from ledger.posting.instruction import HistoryNeeded, KeyReused, NotCarriedOut, On, Posted, Reference, StreamKey
from ledger.posting.work import CarriedOutBefore, Group, LookBack, PartitionNotLocked, Work
from ledger.sql import joined, load_queries
from ledger.store.append import Appender, Head, lock_heads_and_ask
from ledger.store.chain import NewEvent
from ledger.store.codec import decode, encode, topic_bytes
from ledger.store.partitions import partition_of
from ledger.streams import PROGRAM, Stream, StreamId

_SQL = load_queries("ledger.store")

_NEWS = load_queries("ledger.posting")["news"]

_Add = Callable[[int, NewEvent], int]


class Batch:
    """Groups of instructions that are carried out in one transaction."""

    def __init__(
        self,
        groups: list[Group],
        cache: StateCache,
        partition_count: int,
        *,
        asks_first: bool,
        locks_too: Collection[int] = (),
        looks_back_on: Collection[StreamId] = (),
    ) -> None:
        """
        Args:
            groups: In the order in which they arrived.
            cache: States of streams; the batch changes it, and its caller forgets `touched` if the batch fails.
            partition_count: Of the ledger.
            asks_first: Whether to look for receipts before deciding. With several partitions this is always done,
                because a receipt's key is unique only within one.
            locks_too: Partitions to lock besides those of the instructions' own streams.
            looks_back_on: Streams whose events are read, because a decision needs them.
        """
        self._groups = groups
        self._works = [work for group in groups for work in group.works]
        self._cache = cache
        self._partition_count = partition_count
        self._partitions = list(range(partition_count))
        self._asks_first = asks_first or partition_count > 1
        self._locks_too = locks_too
        self._locked: Collection[int] = ()
        self._looks_back_on = looks_back_on
        self._histories: dict[StreamId, list[Any]] = {}
        self._looking_back: set[StreamId] = set()
        self._done: dict[Reference, Work] = {}
        self._clashes: list[tuple[KeyReused, Work]] = []

    def run(self, connection: Connection[Any]) -> int:
        """
        Carry everything out; afterwards every work has its outcome.

        Returns:
            How many events were recorded.

        Raises:
            CarriedOutBefore: Nothing was written, the transaction is open; run the batch again with ``asks_first``.
            PartitionNotLocked: Likewise, with ``locks_too``.
            LookBack: Likewise, with ``looks_back_on``.
            psycopg.Error: Nothing is known to have been written; the outcomes are not to be used.
        """
        heads = self._lock(connection)
        self._locked = heads
        if self._asks_first:
            self._answer_from_receipts(connection, self._works)
        self._load(connection)
        if self._looks_back_on:
            self._histories = read_histories(connection, self._looks_back_on, self._partition_count)
        appender = Appender(connection, heads)
        with appender.events() as add:
            self._decide(add)
        if self._looking_back:
            raise LookBack(self._looking_back)
        # Refused, or without effect: perhaps because it had its effect before.
        suspects = [] if self._asks_first else [work for work in self._works if not work.events and not work.same_as]
        if self._answer_from_receipts(connection, suspects):
            raise CarriedOutBefore
        count = self._file_receipts(appender)
        if count:
            for head in appender.commit().values():
                self._cache.seen[head.partition] = head.position
        elif heads:
            connection.execute("ROLLBACK")
        self._answer(heads)
        return count

    def has_repeats(self) -> bool:
        """Tell whether something in the batch had been carried out before it."""
        return any(isinstance(work.outcome, Posted) and work.outcome.replayed for work in self._works)

    def touched(self) -> list[StreamId]:
        """Return the streams whose cached states this batch may have moved ahead of the log."""
        own = [work.stream_id for work in self._works if work.stream_id]
        return own + [event[0] for work in self._works for _, event in work.elsewhere]

    def _lock(self, connection: Connection[Any]) -> dict[int, Head]:
        """Find out who is meant, lock the heads of their partitions, and bring what is in memory up to date."""
        while True:
            self._find_streams(connection)
            partitions = {work.partition for work in self._works if work.stream_id}
            for work in self._works:
                partitions.update(partition_of(stream_id, self._partition_count) for stream_id in work.also)
            if not partitions:
                return {}
            heads, news = lock_heads_and_ask(connection, partitions.union(self._locks_too), _NEWS)
            assert news is not None
            revision, *positions = map(int, news.split())
            if self._cache.identifiers.holds_at(revision):
                seen = dict(zip(positions[::2], positions[1::2], strict=True))
                # A head that we had to wait for has moved since the question was put.
                seen.update((head.partition, head.position) for head in heads.values())
                self._cache.catch_up(connection, seen)
                return heads
            connection.execute("ROLLBACK")

    def _find_streams(self, connection: Connection[Any]) -> None:
        addresses = [work.instruction.address for work in self._works]
        also = [address for work in self._works for _, address, _ in work.instruction.also]
        named = [address for address in [*addresses, *also] if isinstance(address, tuple)]
        accounts = self._cache.identifiers.recall(connection, named)
        for work, address in zip(self._works, addresses, strict=True):
            work.stream_id = accounts.get(address) if isinstance(address, tuple) else address
            if work.instruction.also:
                self._find_also(work, accounts)
        if self._partition_count > 1:
            for work in self._works:
                if work.stream_id is not None:
                    work.partition = partition_of(work.stream_id, self._partition_count)

    def _find_also(self, work: Work, accounts: Mapping[Identifier, StreamId]) -> None:
        found = [
            (address, accounts.get(address) if isinstance(address, tuple) else address, pointer)
            for _, address, pointer in work.instruction.also
        ]
        for address, stream_id, pointer in found:
            if stream_id is None:
                assert isinstance(address, tuple)
                work.outcome = work.outcome or unknown_member(address, pointer)
        work.also = tuple([stream_id for _, stream_id, _ in found if stream_id is not None])

    def _load(self, connection: Connection[Any]) -> None:
        """Bring what the decisions need into memory, and refuse those whose stream nobody knows."""
        entries, now = self._cache.entries, self._cache.batch_count
        missing: dict[StreamId, Stream] = {}
        undecided: list[Work] = []
        reads: tuple[StreamKey, ...] = ()
        for work in self._works:
            if work.outcome is not None:
                continue
            instruction = work.instruction
            if work.stream_id is None:
                assert isinstance(instruction.address, tuple)
                work.outcome = unknown_member(instruction.address)
                continue
            undecided.append(work)
            entry = entries.get(work.stream_id)
            if entry is None:
                missing[work.stream_id] = instruction.stream
            else:
                work.entry = entry
                entry.last_used = now
            # Most instructions read the same streams; the very same tuple of keys is looked at once.
            if instruction.reads is not reads:
                reads = instruction.reads
                self._want(reads, missing)
            if work.also:
                streams = [one.stream for one in instruction.also]
                self._want(zip(streams, work.also, strict=True), missing)
        if missing:
            self._cache.load(connection, missing)
            for work in undecided:
                work.entry = entries[work.stream_id]  # type: ignore[index]  # who has none was refused above

    def _want(self, keys: Iterable[tuple[Stream, StreamId]], missing: dict[StreamId, Stream]) -> None:
        """Note that streams are used, and which of them are not in memory."""
        entries, now = self._cache.entries, self._cache.batch_count
        for stream, stream_id in keys:
            if stream_id in entries:
                entries[stream_id].last_used = now
            else:
                missing[stream_id] = stream

    def _answer_from_receipts(self, connection: Connection[Any], works: list[Work]) -> bool:
        """Answer what was done before, and tell whether there was anything."""
        sources: list[str] = []
        keys: list[str] = []
        for work in works:
            for source, key in work.instruction.references:
                sources.append(source)
                keys.append(key)
        if not keys:
            return False
        rows = connection.execute(
            _SQL["receipts"],
            {"sources": joined(sources), "keys": joined(keys), "partitions": self._partitions},
            binary=True,
        )
        found = whole(connection, rows, 7)
        if not found:
            return False
        asked = [(work, reference) for work in works for reference in work.instruction.references]
        for ordinal, request_hash, partition, position, stream_id, version, topic, state, recorded_at in found:
            work, reference = asked[ordinal - 1]
            first = Posted(partition, position, stream_id, version, recorded_at, decode(topic, state), replayed=True)
            if request_hash != work.instruction.request_hash:
                work.outcome = _key_reused(work, reference, first)
            elif work.outcome is None:
                work.outcome = first
        return True

    def _decide(self, add: _Add) -> None:
        for group in self._groups:
            works = group.works
            if group.together and len(works) > 1:
                self._decide_together(works)
                for work in works:
                    self._send(work, add)
            else:
                for work in works:
                    if work.outcome is None:
                        self._decide_one(work)
                        self._send(work, add)

    def _decide_one(self, work: Work) -> None:
        """Decide, and fold the events, so that the next decision sees them."""
        instruction, entry, done = work.instruction, work.entry, self._done
        assert entry is not None
        references = instruction.references
        for reference in references:
            if reference in done:
                self._repeat(work, done[reference], reference)
                return
        try:
            events = self._decided(work, entry)
        except LedgerError as refusal:
            work.outcome = refusal
            return
        except HistoryNeeded:
            # Nothing of this batch will be written; what else needs its history is found out in one go.
            self._looking_back.add(work.stream_id)  # type: ignore[arg-type]  # who has none was refused before
            work.outcome = NotCarriedOut("It is decided again.")
            return
        for reference in references:
            done[reference] = work
        if not events:
            work.outcome = self._nothing_to_do(work, entry)
            return
        self._fold(work, entry, events)

    def _decided(self, work: Work, entry: Entry) -> Sequence[Struct | On]:
        instruction, entries = work.instruction, self._cache.entries
        states = [entry.state, *[entries[key.stream_id].state for key in instruction.reads]]
        if work.also:
            states += [entries[stream_id].state for stream_id in work.also]
        if instruction.looks_back:
            return instruction.decide(*states, history=self._histories.get(work.stream_id))  # type: ignore[arg-type]
        return instruction.decide(*states)

    def _fold(self, work: Work, entry: Entry, events: Sequence[Struct | On]) -> None:
        version = entry.version
        own = []
        for event in events:
            if isinstance(event, On):
                self._decide_elsewhere(work, event)
            else:
                own.append((event, encode(event)))
                entry.fold(event)
        work.events, work.first_version, work.answer = own, version + 1, len(own) - 1
        if work.stream_id in self._histories:
            self._histories[work.stream_id] += [event for event, _ in own]
        if len(own) > 1:
            work.answer = max(at for at, (event, _) in enumerate(own) if isinstance(event, work.instruction.answer))

    def _decide_elsewhere(self, work: Work, on: On) -> None:
        stream_id = on.key.stream_id
        partition = partition_of(stream_id, self._partition_count)
        if partition not in self._locked:
            raise PartitionNotLocked(partition)
        entry = self._cache.entries[stream_id]
        entry.fold(on.event)
        work.elsewhere.append((partition, (stream_id, entry.version, topic_bytes(on.event), encode(on.event))))

    def _nothing_to_do(self, work: Work, entry: Entry) -> Posted:
        assert work.stream_id is not None
        seen = self._cache.seen[work.partition]
        return Posted(work.partition, seen, work.stream_id, entry.version, None, None, replayed=False)

    def _repeat(self, work: Work, first: Work, reference: Reference) -> None:
        if first.instruction.request_hash == work.instruction.request_hash:
            work.same_as = first
        else:
            work.outcome = refusal = _key_reused(work, reference)
            self._clashes.append((refusal, first))

    def _decide_together(self, group: list[Work]) -> None:
        """Decide a group, and take everything back if one of its instructions is refused."""
        undecided = [work for work in group if work.outcome is None]
        # What a group may change. Others only read programs, and a copy put in their place would be planned anew.
        reads = [key for work in undecided for key in work.instruction.reads]
        streams = {key.stream_id for key in reads if key.stream is not PROGRAM}
        streams.update(work.stream_id for work in undecided if work.stream_id)
        streams.update(stream_id for work in undecided for stream_id in work.also)
        entries = [self._cache.entries[stream_id] for stream_id in streams]
        before = [(entry, copy.deepcopy(entry.state), entry.version) for entry in entries]
        lengths = [(self._histories[one], len(self._histories[one])) for one in streams & self._histories.keys()]
        refused = next((work.outcome for work in group if isinstance(work.outcome, LedgerError)), None)
        for work in undecided:
            if refused is None:
                self._decide_one(work)
                refused = work.outcome if isinstance(work.outcome, LedgerError) else None
        if refused is None:
            return
        for entry, state, version in before:
            entry.state, entry.version = state, version
        for history, length in lengths:
            del history[length:]
        for work in undecided:
            for reference in work.instruction.references:
                if self._done.get(reference) is work:
                    del self._done[reference]
            work.events, work.elsewhere, work.same_as = (), [], None
            if work.outcome is not refused:
                work.outcome = NotCarriedOut("Another instruction of this all-or-nothing batch was refused.")

    def _send(self, work: Work, add: _Add) -> None:
        version = work.first_version
        for event, state in work.events:
            work.position = add(work.partition, (work.stream_id, version, topic_bytes(event), state))  # type: ignore[arg-type]
            version += 1
        for partition, event in work.elsewhere:
            add(partition, event)

    def _file_receipts(self, appender: Appender) -> int:
        """File a receipt under each reference of what was decided, and return how many events there are."""
        count = 0
        for work in self._works:
            if work.events:
                assert work.stream_id is not None
                count += len(work.events) + len(work.elsewhere)
                version = work.first_version + work.answer
                request_hash = work.instruction.request_hash
                for source, key in work.instruction.references:
                    appender.receipt(work.partition, (source, key, request_hash, work.stream_id, version))
        return count

    def _answer(self, heads: Mapping[int, Head]) -> None:
        for work in self._works:
            if work.events:
                work.outcome = Posted(
                    work.partition,
                    work.position,
                    work.stream_id,  # type: ignore[arg-type]  # what has events has a stream
                    work.first_version + work.answer,
                    heads[work.partition].recorded_at,
                    work.events[work.answer][0],
                    replayed=False,
                )
            elif work.same_as:
                first = work.same_as.outcome
                assert isinstance(first, Posted)
                work.outcome = msgspec.structs.replace(first, replayed=True)
        for refusal, used_by in self._clashes:
            if isinstance(used_by.outcome, Posted):
                refusal.first = used_by.outcome


def _key_reused(work: Work, reference: Reference, first: Posted | None = None) -> KeyReused:
    source, key = reference
    message = f"{key!r} was used before for a different request; a new effect needs a new key."
    refusal = KeyReused(message, source=source, key=key)
    refusal.first, refusal.reference = first, reference
    refusal.asked, refusal.stream_id = work.instruction.answer, work.stream_id
    return refusal
