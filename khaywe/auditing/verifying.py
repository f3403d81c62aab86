"""The chain in ranges and the accounts in slices, each by whichever process is free."""

import multiprocessing
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from khaywe.auditing.report import AccountsPart, ChainPart, Report
from khaywe.wiring import Database
from ledger.archive.confirming import unconfirmed
from ledger.audit.checkpoint import Checkpoint, read
from ledger.audit.ranges import Verified, first_fault, ranges_of, verify_range
from ledger.audit.spreading import Place
from ledger.audit.storing import envelopes
from ledger.signing import NotSigned
from projections.refolding.comparing import Slice, compare_slice, places_of, slices_of
from projections.refolding.folding import Fault

OnProgress = Callable[[str, int, int], None]
"""Told what is being done, how many parts of it are done, and how many there are."""

_Asked = TypeVar("_Asked")
_Found = TypeVar("_Found")

_ALONE = 40_000
"""Events that are verified before other processes would have started."""


def verify_ledger(
    database: Database,
    keys: Sequence[Ed25519PublicKey],
    anchors: Sequence[bytes] = (),
    *,
    with_accounts: bool = True,
    on_progress: OnProgress = lambda *_: None,
) -> Report:
    """
    Verify every chain and every checkpoint; then fold every account anew and compare it with the views.

    Accounts are looked at only where the chain is whole, because nothing follows from events that are not.

    Args:
        database: Up; its views have followed.
        keys: Trusted, for checkpoints.
        anchors: Envelopes of checkpoints that were kept elsewhere.
        with_accounts: Whether to look at accounts.
        on_progress: Told of each part.
    """
    report = Report()
    with database.connect() as connection:
        heads = connection.execute("SELECT partition, position FROM ledger.heads ORDER BY partition").fetchall()
        stored = list(envelopes(connection))
    checkpoints = list(_readable([*stored, *anchors], keys, len(heads), report))
    report.checkpoints = [one.number for one in checkpoints]
    total = sum(position for _, position in heads)
    with _workers(database, total) as carry_out, TemporaryDirectory(prefix="khaywe-verify-") as folder:
        places = places_of(folder, dict(heads)) if with_accounts else {}
        ranges = ranges_of(heads, checkpoints, os.cpu_count() or 1, places)
        by_partition: dict[int, list[Verified]] = defaultdict(list)
        for number, one in enumerate(carry_out(verify_range, ranges), 1):
            by_partition[one.range.partition].append(one)
            on_progress("chain", number, len(ranges))
        for partition, _ in heads:
            _judge(report, sorted(by_partition[partition], key=lambda one: one.range.after), checkpoints)
        if report.is_whole:
            for fault in _unconfirmed(database):
                report.add(fault)
        if with_accounts and report.is_whole:
            slices = [
                one for partition, place in places.items() for one in _slices(partition, place, by_partition[partition])
            ]
            report.accounts = AccountsPart(0, 0)
            for number, compared in enumerate(carry_out(compare_slice, slices), 1):
                report.accounts = AccountsPart(
                    report.accounts.stream_count + compared.stream_count,
                    report.accounts.event_count + compared.event_count,
                )
                for fault in compared.faults:
                    report.add(fault)
                on_progress("accounts", number, len(slices))
    return report


def _slices(partition: int, place: Place, verified: Sequence[Verified]) -> Iterator[Slice]:
    in_order = sorted(verified, key=lambda one: one.range.after)
    return slices_of(partition, in_order[-1].last_position, place, [one.file for one in in_order])


def _unconfirmed(database: Database) -> Iterator[Fault]:
    with database.connect() as connection:
        for partition, position, confirmed in unconfirmed(connection, database.partition_count):
            reason = f"states up to position {position} may leave, and nobody has confirmed more than {confirmed}"
            yield Fault(partition, confirmed + 1, reason)


def _readable(
    sealed: Iterable[bytes], keys: Sequence[Ed25519PublicKey], partition_count: int, report: Report
) -> Iterator[Checkpoint]:
    for envelope in dict.fromkeys(sealed):
        try:
            found = read(envelope, keys)
        except NotSigned as error:
            report.add(Fault(0, 0, f"a checkpoint cannot be trusted: {error}"))
            continue
        if len(found.trees) == partition_count:
            yield found
        else:
            report.add(Fault(0, 0, f"checkpoint {found.number} is that of a ledger with other partitions"))


def _judge(report: Report, verified: Sequence[Verified], checkpoints: Sequence[Checkpoint]) -> None:
    fault = first_fault(verified, checkpoints)
    last = verified[-1]
    if fault is None:
        report.partitions.append(ChainPart(last.range.partition, last.last_position, last.last_link.hex()))
    else:
        report.partitions.append(ChainPart(last.range.partition, fault.position - 1, ""))
        report.add(Fault(fault.partition, fault.position, fault.reason))


@contextmanager
def _workers(database: Database, event_count: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Give what carries out a function on many things, in several processes if it is worth it."""
    process_count = os.cpu_count() or 1
    if event_count < _ALONE or process_count == 1:
        yield lambda work, things: (_with_connection(database, work, one) for one in things)
        return
    plain = Database(database.owner_url, database.partition_count)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(process_count, context) as pool:

        def carry_out(work: Callable[[Any, _Asked], _Found], things: Sequence[_Asked]) -> Iterator[_Found]:
            waiting = [pool.submit(_with_connection, plain, work, one) for one in things]
            try:
                for done in as_completed(waiting):
                    yield done.result()
            finally:
                for one in waiting:
                    one.cancel()

        yield carry_out


def _with_connection(database: Database, work: Callable[[Any, _Asked], _Found], asked: _Asked) -> _Found:
    with database.connect() as connection:
        # Ranges of streams and of positions are read in the order of an index.
        return work(connection, asked)
