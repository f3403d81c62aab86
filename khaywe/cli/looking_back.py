"""``khaywe account show`` and ``khaywe report balances``: what was, from the events."""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import typer
from msgspec import Struct
from psycopg import Connection
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from api.looking_back import read_as_at
from khaywe.wiring import Database
from ledger.dates import time_zone
from ledger.errors import InvalidInput
from ledger.members.directory import UnknownMember, find_member
from ledger.posting.cache import StateCache
from ledger.program.state import Program
from ledger.store.partitions import partition_of
from ledger.streams import PROGRAM, StreamId, account_stream_id, program_stream_id
from projections.lookback import Cut, PastAccount, ProgramBalances, cut_at, past_account, program_balances
from projections.runner import Overtaken, Runner
from projections.views import VIEWS
from rules.activity import member_address
from rules.pricing.price import existing


class Question(Struct, frozen=True):
    """What is looked back at."""

    program_id: str
    as_of: str | None
    as_at: str | None


def show_account(database: Database, question: Question, member: str, *, as_json: bool) -> None:
    """
    Print an account as it was.

    Raises:
        LedgerError: There is no such program or member, or the question is none.
    """
    with database.connect() as connection:
        program = _program(database, connection, question.program_id)
        account_id = _account_id(connection, program.program_id, member)
        partition = partition_of(account_id, database.partition_count)
        cut = _cut(database, connection, program, question, [partition])
        account = past_account(connection, account_id, database.partition_count, cut)
    if account is None:
        message = f"{program.program_id!r} had no account of this member as at {cut.as_at.isoformat()}."
        raise UnknownMember(message)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(account), indent=2).decode())
    else:
        _print_account(account, cut)


def report(database: Database, question: Question, *, as_json: bool) -> None:
    """
    Print the balances of a program as they were.

    Raises:
        LedgerError: There is no such program, or the question is none.
    """
    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:.0f} events"), TimeElapsedColumn())
    with database.connect() as connection, Progress(*columns, transient=True) as progress:
        program = _program(database, connection, question.program_id)
        cut = _cut(database, connection, program, question, range(database.partition_count))
        _bring_views_to(database, cut)
        task = progress.add_task("reading", total=None)
        found = program_balances(connection, program.program_id, cut, lambda count: progress.advance(task, count))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        _print_program(found)


def _bring_views_to(database: Database, cut: Cut) -> None:
    """Let the views show which accounts there are, whether or not somebody follows the ledger right now."""
    with database.connect() as reader, database.connect_views() as writer:
        runner = Runner(reader, writer, list(VIEWS.values()))
        while True:
            try:
                deque(runner.catch_up(cut.positions), maxlen=0)
            except Overtaken:
                continue
            return


def _cut(
    database: Database, connection: Connection[Any], program: Program, question: Question, partitions: Sequence[int]
) -> Cut:
    as_of = as_at = None
    if question.as_of is not None:
        try:
            as_of = date.fromisoformat(question.as_of)
        except ValueError:
            raise InvalidInput(f"--as-of is a date such as 2026-11-22, not {question.as_of!r}.") from None
    if question.as_at is not None:
        as_at = read_as_at(question.as_at, database.partition_count)
    return cut_at(connection, partitions, time_zone(program.timezone), datetime.now(UTC), as_of=as_of, as_at=as_at)


def _program(database: Database, connection: Connection[Any], program_id: str) -> Program:
    cache = StateCache(database.partition_count)
    stream_id = program_stream_id(program_id)
    cache.load(connection, {stream_id: PROGRAM})
    return existing(cache.entries[stream_id].state)


def _account_id(connection: Connection[Any], program_id: str, member: str) -> StreamId:
    address = member_address(program_id, member)
    if isinstance(address, tuple):
        return account_stream_id(program_id, find_member(connection, address))
    return address


def _print_account(account: PastAccount, cut: Cut) -> None:
    typer.echo(f"account {account.account_id} of member {account.member_id}, {account.status}")
    _print_cut(cut.as_of, cut.as_at, [f"{partition}:{position}" for partition, position in cut.positions.items()])
    for row in account.balances:
        typer.echo(
            f"{row.point_currency:12} {row.balance_points:>12} points: {row.available_points} available, "
            f"{row.promised_points} promised, {row.held_points} held, {row.lapsed_points} lapsed, "
            f"{row.owed_points} owed"
        )
    for lot in account.lots:
        if lot.open_points:
            lapses = f"until {lot.expires_on}" if lot.expires_on else "for good"
            typer.echo(
                f"  lot {lot.lot:<6} {lot.open_points:>12} {lot.point_currency} of {lot.earned_on}, "
                f"from {lot.available_from} {lapses}, {lot.kind}, {lot.funding}"
            )
    for hold in account.holds:
        if hold.status == "open":
            typer.echo(f"  hold {hold.hold_id} {hold.points} {hold.point_currency} until {hold.expires_at.isoformat()}")
    for tier in account.tiers:
        until = f"until {tier.valid_until}" if tier.valid_until else "for good"
        typer.echo(f"  tier {tier.tier} on {tier.ladder} since {tier.since}, {until}")


def _print_program(found: ProgramBalances) -> None:
    typer.echo(f"program {found.program_id}, {found.account_count} accounts")
    _print_cut(found.as_of, found.as_at, found.positions)
    for row in found.balances:
        typer.echo(
            f"{row.point_currency:12} {row.balance_points:>15} points of {row.account_count} accounts: "
            f"{row.available_points} available, {row.promised_points} promised, {row.held_points} held, "
            f"{row.lapsed_points} lapsed, {row.owed_points} owed; {row.open_lot_count} open lots"
        )
    for lot in found.lots:
        typer.echo(
            f"  {lot.point_currency:10} {lot.earned_in} {lot.funding:12} {lot.open_points:>15} points "
            f"in {lot.lot_count} lots"
        )


def _print_cut(as_of: date, as_at: datetime, positions: Iterable[str]) -> None:
    typer.echo(f"as of {as_of}, as at {as_at.isoformat()} (position {', '.join(positions)})")
