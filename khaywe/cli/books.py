"""``khaywe books``: settings, closing months, and what finance asks of them."""

import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import typer
from psycopg import Connection

from khaywe import __version__
from khaywe.cli.book_tables import show_cut_off, show_liability, show_roll_forward, show_trial_balance
from khaywe.wiring import Database
from ledger.approval.events import ApprovalRequested
from ledger.audit.taking import take_checkpoint
from ledger.bookkeeping.decide import BookkeepingCommand, PeriodNotClosed, check_period
from ledger.bookkeeping.events import SettingsSet
from ledger.errors import InvalidInput, LedgerError
from ledger.posting.cache import StateCache
from ledger.posting.instruction import Instruction, Posted
from ledger.posting.poster import Poster
from ledger.program.state import Program
from ledger.signing import Keyring
from ledger.streams import PROGRAM, program_stream_id
from projections.books import reports
from projections.books.checks import check_month
from projections.books.disclosures import disclosures
from projections.books.exporting import export_month
from projections.books.history import read_history
from projections.books.journal import lines_of
from projections.books.reading import opened
from projections.books.reports import RollForward
from projections.books.translation import rates_of, translated
from rules.instructions.bookkeeping import keep_books
from rules.pricing.price import existing

_LIMIT = 1_000_000


def show(database: Database, program_id: str) -> None:
    """Print settings, estimates and closed months as JSON."""
    with database.connect() as connection:
        history = read_history(connection, program_id, database.partition_count)
    _print({"settings": history.books.settings, "estimates": history.books.estimates, "closed": history.closed_periods})


def set_settings(database: Database, program_id: str, text: str) -> None:
    """
    Take settings from JSON, as the REST API takes them.

    Raises:
        LedgerError: They cannot be.
    """
    fields = {"program_id": program_id, "by": _by(), "occurred_at": datetime.now(UTC)}
    try:
        given = {"expiry_method": "proportional"} | msgspec.json.decode(text, type=dict[str, Any])
        settings = msgspec.convert(given | msgspec.to_builtins(fields), SettingsSet)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InvalidInput(f"{error}.") from None
    _carry_out(database, program_id, settings, uuid4().hex)
    typer.echo(f"The books of {program_id!r} value {settings.point_currency!r} so from {settings.effective_on} on.")


def close(database: Database, program_id: str, period: str, keyring: Keyring) -> None:
    """
    Close a month, and print what it was closed with; signed checkpoints are taken before and after.

    Raises:
        LedgerError: It cannot be closed.
    """
    with _reading(database, program_id, period) as connection:
        take_checkpoint(connection, keyring, datetime.now(UTC))
        command = reports.worked_out(connection, program_id, database.partition_count, period, _by(), datetime.now(UTC))
    closed = _carry_out(database, program_id, command, f"close:{period}:{command.revision}").event
    typer.echo(f"Closed {period}: {closed.event_count} events, {closed.late_count} of them late.")
    typer.echo(f"journal {closed.journal_hash}")
    with database.connect() as connection:
        sealed = take_checkpoint(connection, keyring, datetime.now(UTC))
    typer.echo(f"checkpoint {sealed.checkpoint.number}; keep a copy elsewhere: khaywe audit checkpoint export")


def reopen(database: Database, program_id: str, period: str, reason: str) -> None:
    """
    Ask to open the last closed month again; somebody else agrees over the API.

    Raises:
        PeriodNotClosed: It is not the last closed month.
    """
    from api.approvals import asked_reopening
    from rules.instructions.approvals import ask

    with _reading(database, program_id, period) as connection:
        closings = read_history(connection, program_id, database.partition_count).books.closings
    if not closings or closings[-1].period != period:
        raise PeriodNotClosed("Only the last closed month can be opened again.")
    asked: ApprovalRequested = asked_reopening(
        program_id, period, closings[-1].version, reason, _by(), datetime.now(UTC)
    )
    with database.poster() as poster:
        _outcome(poster, ask(asked))
    typer.echo(f"Asked for approval {asked.approval_id}; a second person has to agree.")


def report(  # of which month, and how it is made and shown
    database: Database,
    program_id: str,
    period: str,
    make: Callable[..., Any],
    show: Callable[[Any], None] | None,
    *more: Any,
) -> None:
    """
    Print a report.

    Args:
        database: The ledger.
        program_id: Whose books.
        period: The month.
        make: The report.
        show: Prints it for people; ``None``: as JSON.
        more: What else it wants to know.
    """
    with _reading(database, program_id, period) as connection:
        found = make(connection, program_id, database.partition_count, period, *more)
    (show or _print)(found)


def roll_forward(
    database: Database, program_id: str, period: str, rates: tuple[str | None, ...], *, as_json: bool
) -> None:
    """
    Print the roll-forward, in another currency if there are rates.

    Args:
        database: The ledger.
        program_id: Whose books.
        period: The month.
        rates: Currency, opening, average and closing rate; all of them or none.
        as_json: As the REST API answers it.

    Raises:
        LedgerError: There is no such month, or a rate is none.
    """
    given = [one for one in rates if one is not None]
    if given and len(given) < len(rates):
        raise InvalidInput("Give --currency, --opening-rate, --average-rate and --closing-rate, or none of them.")
    exact = rates_of(*given) if given else None

    def make(*asked: Any) -> RollForward:
        found = reports.roll_forward(*asked)
        return translated(found, exact) if exact else found

    report(database, program_id, period, make, None if as_json else show_roll_forward)


def liability(database: Database, program_id: str, period: str, *, as_json: bool) -> None:
    """Print what is owed."""
    report(database, program_id, period, reports.liability, None if as_json else show_liability)


def trial_balance(database: Database, program_id: str, period: str, *, as_json: bool) -> None:
    """Print the balance of every account."""
    report(database, program_id, period, reports.trial_balance, None if as_json else show_trial_balance)


def cut_off(database: Database, program_id: str, period: str, *, as_json: bool) -> None:
    """Print the late events."""
    report(database, program_id, period, reports.cut_off, None if as_json else show_cut_off, _LIMIT)


def check(database: Database, program_id: str, period: str, *, is_json: bool) -> None:
    """
    Check a month, and tell what holds.

    Raises:
        typer.Exit: Something does not.
    """
    with _reading(database, program_id, period) as connection:
        found = check_month(connection, program_id, database.partition_count, period)
    if is_json:
        _print(found)
    else:
        for one in found.checks:
            typer.secho(
                f"{'holds' if one.is_passed else 'FAILS'}  {one.name}: {one.told}",
                fg=None if one.is_passed else typer.colors.RED,
            )
    if not found.is_passed:
        raise typer.Exit(1)


def disclose(database: Database, program_id: str, period: str, first_period: str | None) -> None:
    """Print what is to be disclosed."""
    report(database, program_id, period, disclosures, None, first_period)


def journal(database: Database, program_id: str, period: str) -> None:
    """Print every line of the journal, as JSON, one a line."""
    with _reading(database, program_id, period) as connection:
        history = read_history(connection, program_id, database.partition_count)
        with opened(connection, program_id, history, period) as (basis, reading):
            encoder = msgspec.json.Encoder()
            for line in lines_of(program_id, reading.entries(), basis.scheme_version):
                sys.stdout.write(encoder.encode(line).decode() + "\n")


def export(database: Database, program_id: str, period: str, file: str) -> None:
    """
    Write the journal to a file, with its manifest.

    Raises:
        LedgerError: The month is neither closed nor the next.
        ValueError: The file cannot be written, or its ending is no form.
    """
    check_period(period)
    target = Path(file)
    if not target.absolute().parent.is_dir():
        raise ValueError(f"The folder of {file!r} must be there.")
    with database.connect() as connection:
        program = _program(connection, program_id, database.partition_count)
        history = read_history(connection, program_id, database.partition_count)
        manifest = export_month(connection, program, history, period, target, f"khaywe {__version__}")
    cover = manifest.cover
    typer.echo(f"{manifest.line_count} lines, {manifest.byte_count} bytes, at position {', '.join(cover.positions)}")
    typer.echo(f"SHA-256 {manifest.sha256}")


@contextmanager
def _reading(database: Database, program_id: str, period: str) -> Iterator[Connection[Any]]:
    """
    Give a connection to read a month of a program with.

    Raises:
        InvalidInput: It is no month.
        UnknownProgram: There is no such program.
    """
    check_period(period)
    with database.connect() as connection:
        _program(connection, program_id, database.partition_count)
        yield connection


def _program(connection: Connection[Any], program_id: str, partition_count: int) -> Program:
    cache = StateCache(partition_count)
    stream_id = program_stream_id(program_id)
    cache.load(connection, {stream_id: PROGRAM})
    return existing(cache.entries[stream_id].state)


def _carry_out(database: Database, program_id: str, command: BookkeepingCommand, key: str) -> Posted:
    with database.poster() as poster:
        return _outcome(poster, keep_books(program_id, command, ((f"books:{program_id}", key),)))


def _outcome(poster: Poster, instruction: Instruction) -> Posted:
    (outcome,) = poster.post([instruction])
    if isinstance(outcome, LedgerError):
        raise outcome
    return outcome


def _by() -> str:
    return f"cli:{getpass.getuser()}"


def _print(body: Any) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(body), indent=2).decode())
