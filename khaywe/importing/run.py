"""Post what a file says, with progress, and tell what was refused and why."""

import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from psycopg import Connection
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from khaywe.collecting import calm_collector
from khaywe.importing.columns import ImportRefused, Mapping
from khaywe.importing.read import Record, Source, open_source
from khaywe.wiring import Database
from ledger.dates import time_zone
from ledger.errors import LedgerError
from ledger.members import directory
from ledger.posting.cache import StateCache
from ledger.posting.instruction import Instruction, LedgerUnavailable, Outcome, Posted
from ledger.posting.poster import Poster
from ledger.streams import PROGRAM, program_stream_id
from rules.activity import Purchase
from rules.instructions import open_account, post_purchase
from rules.pricing.price import existing

CHUNK_SIZE = 2_000
"""Rows that travel together."""

_IN_FLIGHT = 2
"""Chunks at the poster while the next one is read: enough to keep it busy, few enough to keep memory flat."""

_KNOWN_LIMIT = 200_000
"""Members remembered as enrolled; beyond, the memory starts afresh and asks the database again."""


class Report(Struct):
    """What became of a file."""

    posted_count: int = 0
    replayed_count: int = 0
    rejected_count: int = 0
    rejected_file: str = ""

    def summary(self) -> str:
        """Return it in a sentence."""
        text = f"{self.posted_count} posted, {self.replayed_count} were there already, {self.rejected_count} rejected"
        return f"{text}; see {self.rejected_file}." if self.rejected_count else f"{text}."


class _Row(Struct):
    number: int
    record: Any
    instruction: Instruction | None = None
    refusal: LedgerError | None = None


_Pending = tuple[list[_Row], "Future[list[Outcome]]"]


def run_import(
    database: Database,
    file: str,
    program_id: str,
    mapping: Mapping,
    *,
    enrol: bool = False,
) -> Report:
    """
    Post every purchase of a file.

    What was posted before is recognised by its source and transaction id, so an interrupted import is simply run
    again, and memory does not depend on the length of the file.

    Args:
        database: Up.
        file: CSV, NDJSON or Parquet.
        program_id: Prices the purchases.
        mapping: Columns to fields.
        enrol: Make members of those who are not known yet.

    Raises:
        ImportRefused: The file cannot be read, or the database was lost on the way.
        UnknownProgram: There is no such program.
    """
    path = Path(file)
    source = open_source(path, mapping)
    with database.poster() as poster, database.connect() as connection:
        # Asked for in any case: nobody is enrolled in a program that does not exist.
        default_zone = program_zone(connection, program_id, database.partition_count)
        zone = mapping.zone or default_zone
        rejected = path.with_name(path.name + ".rejected.ndjson")
        importer = Importer(poster, connection, program_id, rejected, enrol=enrol)
        with _progress(path.name, source) as show:
            rows = (_purchase(record, mapping, zone) for record in source.records)
            return importer.run(rows, show)


def program_zone(connection: Connection[Any], program_id: str, partition_count: int) -> ZoneInfo:
    """
    Return the program's time zone.

    Raises:
        UnknownProgram: There is no such program.
    """
    cache = StateCache(partition_count)
    stream_id = program_stream_id(program_id)
    cache.load(connection, {stream_id: PROGRAM})
    return time_zone(existing(cache.entries[stream_id].state).timezone)


class Importer:
    """Feeds rows to the poster, chunk by chunk, and keeps the count."""

    def __init__(
        self,
        poster: Poster,
        connection: Connection[Any],
        program_id: str,
        rejected: Path,
        *,
        enrol: bool,
    ) -> None:
        """
        Args:
            poster: Running.
            connection: For enrolment.
            program_id: Prices the purchases.
            rejected: File that takes the rejected rows; written only if there are any.
            enrol: Make members of those who are not known yet.
        """
        self._poster = poster
        self._connection = connection
        self._program_id = program_id
        self._rejected = rejected
        self._enrol = enrol
        self._known: set[str] = set()
        self._report = Report(rejected_file=str(rejected))

    def run(self, rows: Iterable[tuple[int, Any, Purchase | LedgerError]], show: Any = lambda: None) -> Report:
        """
        Post rows.

        Args:
            rows: Number, record as read, and the purchase, or why there is none.
            show: Called after each chunk.
        """
        calm_collector()
        with _rejects(self._rejected) as rejects:
            pending: deque[_Pending] = deque()
            while chunk := list(islice(rows := iter(rows), CHUNK_SIZE)):
                pending.append(self._begin(chunk))
                if len(pending) > _IN_FLIGHT:
                    self._settle(pending.popleft(), rejects)
                show()
            while pending:
                self._settle(pending.popleft(), rejects)
            show()
        return self._report

    @property
    def settled_count(self) -> int:
        """Rows whose outcome is known."""
        return self._report.posted_count + self._report.replayed_count + self._report.rejected_count

    def _begin(self, chunk: list[tuple[int, Any, Purchase | LedgerError]]) -> _Pending:
        received_at = datetime.now(UTC)
        rows: list[_Row] = []
        accepted: list[Purchase] = []
        for number, record, purchase in chunk:
            row = _Row(number, record)
            try:
                if isinstance(purchase, LedgerError):
                    raise purchase
                row.instruction = post_purchase(self._program_id, purchase, received_at)
                accepted.append(purchase)
            except LedgerError as refusal:
                row.refusal = refusal
            rows.append(row)
        if self._enrol:
            self._enrol_unknown(accepted)
        instructions = [row.instruction for row in rows if row.instruction]
        if instructions:
            return rows, self._poster.begin(instructions)
        all_refused: Future[list[Outcome]] = Future()
        all_refused.set_result([])
        return rows, all_refused

    def _settle(self, pending: _Pending, rejects: "_Rejects") -> None:
        rows, future = pending
        outcomes = iter(future.result())
        for row in rows:
            outcome = next(outcomes) if row.instruction else row.refusal
            if isinstance(outcome, Posted):
                self._report.replayed_count += outcome.replayed
                self._report.posted_count += not outcome.replayed
            elif isinstance(outcome, LedgerUnavailable):
                raise ImportRefused(f"{outcome.detail} Run the same command again: it goes on where it stopped.")
            else:
                assert outcome is not None
                self._report.rejected_count += 1
                rejects.write(row.number, row.record, outcome)

    def _enrol_unknown(self, purchases: list[Purchase]) -> None:
        """Enrol members seen for the first time; they joined with their first purchase."""
        first: dict[str, datetime] = {}
        for purchase in purchases:
            if purchase.member not in self._known and ":" in purchase.member:
                joined = first.get(purchase.member, purchase.occurred_at)
                first[purchase.member] = min(joined, purchase.occurred_at)
        if not first:
            return
        newcomers = {uuid.uuid4(): [(kind, value)] for kind, _, value in (name.partition(":") for name in first)}
        owners = directory.enrol(self._connection, self._program_id, newcomers, datetime.now(UTC))
        openings = [
            open_account(self._program_id, member_id, first[f"{kind}:{value}"])
            for (kind, value), member_id in owners.items()
        ]
        for outcome in self._poster.post(openings):
            if isinstance(outcome, LedgerError):
                raise ImportRefused(f"A member could not be enrolled: {outcome.detail}")
        if len(self._known) > _KNOWN_LIMIT:
            self._known.clear()
        self._known.update(first)


class _Rejects:
    """The file of rejected rows; it comes into being with the first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def write(self, number: int, record: Any, refusal: LedgerError) -> None:
        if self._file is None:
            self._file = self._path.open("wb")
        reason = {"row": number, "slug": refusal.slug, "detail": refusal.detail, "pointer": refusal.pointer}
        self._file.write(msgspec.json.encode(reason | {"record": record}, enc_hook=str) + b"\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@contextmanager
def _rejects(path: Path) -> Iterator[_Rejects]:
    path.unlink(missing_ok=True)
    rejects = _Rejects(path)
    try:
        yield rejects
    finally:
        rejects.close()


def _purchase(record: Record, mapping: Mapping, zone: ZoneInfo) -> tuple[int, Any, Purchase | LedgerError]:
    number, cells = record
    if isinstance(cells, LedgerError):
        return number, None, cells
    try:
        return number, cells, mapping.purchase(cells, zone)
    except LedgerError as refusal:
        return number, cells, refusal


@contextmanager
def _progress(name: str, source: Source) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=False) as progress:
        task = progress.add_task(name, total=source.size)
        yield lambda: progress.update(task, completed=source.done[0])
