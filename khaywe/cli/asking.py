"""``khaywe what-if``: what another version of a program would have come to."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.bodies import decoded
from api.terms import decode_terms, read_terms
from api.what_if_views import what_if_view
from api.what_ifs import check_question, terms_of
from khaywe.wiring import Database
from ledger.errors import InvalidInput
from ledger.posting.cache import StateCache
from ledger.program.consistency import check_scales
from ledger.program.state import Program
from ledger.program.terms import Terms
from ledger.streams import PROGRAM, program_stream_id
from projections.whatifs.rows import NewWhatIf, WhatIf, read_top, read_what_if, read_what_ifs, store_what_if
from rules.pricing.price import existing
from workers.sweeping import Deps
from workers.what_ifs import answer_what_ifs

_LOOK_AGAIN_S = 0.5


class Asked(msgspec.Struct, frozen=True):
    """What was typed."""

    program_id: str
    version: str
    file: Path | None
    start: str
    end: str | None
    as_of: str | None
    sample: int | None
    values: Sequence[str]


def run(database: Database, asked: Asked) -> None:
    """
    Ask, and show how far the answer is until it is there; a worker that is running may be the one that answers.

    Raises:
        InvalidInput: What was typed makes no question.
        LedgerError: There is no such program, version or draft.
    """
    with database.connect() as connection:
        cache = StateCache(database.partition_count)
        stream_id = program_stream_id(asked.program_id)
        cache.load(connection, {stream_id: PROGRAM})
        program = existing(cache.entries[stream_id].state)
        new = _new(program, asked)
        check_question(new)
        what_if, _ = store_what_if(connection, new)
    _answered(database, what_if)
    show(database, str(what_if.what_if_id))


def _answered(database: Database, what_if: WhatIf) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("accounts"),
        TimeRemainingColumn(),
    )
    with database.poster() as poster, Progress(*columns) as progress, database.connect() as connection:
        task = progress.add_task(f"What-if {what_if.what_if_id}", total=what_if.account_count)

        def show_progress(now: WhatIf) -> None:
            progress.update(task, completed=now.done_count)

        deps = Deps(database.connect, poster, database.partition_count)
        while True:
            answer_what_ifs(deps, uuid4(), only=what_if.what_if_id, on_progress=show_progress)
            now = read_what_if(connection, what_if.what_if_id)
            if now is None or now.ended_at is not None:
                return
            show_progress(now)
            time.sleep(_LOOK_AGAIN_S)


def show_all(database: Database, program_id: str | None, limit: int) -> None:
    """Print what-ifs, newest first."""
    with database.connect() as connection:
        for one in read_what_ifs(connection, program_id, None, limit):
            until = f"{one.window_end:%Y-%m-%d}" if one.window_end else "now"
            typer.echo(
                f"{one.what_if_id}  {one.created_at:%Y-%m-%d %H:%M:%S}  {one.program_id}  {one.status:9} "
                f"{one.done_count} of {one.account_count}: version {one.version} from {one.window_start:%Y-%m-%d} "
                f"to {until}"
            )


def show(database: Database, what_if_id: str) -> None:
    """
    Print how far a what-if is, and what it comes to.

    Raises:
        InvalidInput: There is none of this id.
    """
    try:
        wanted = UUID(what_if_id)
    except ValueError:
        raise InvalidInput(f"{what_if_id!r} is no id of a what-if; it is a UUID.") from None
    with database.connect() as connection:
        found = read_what_if(connection, wanted)
        if found is None:
            raise InvalidInput(f"There is no what-if {what_if_id}.")
        winners, losers = read_top(connection, wanted)
    view = what_if_view(found, winners, losers)
    totals = view.totals
    typer.echo(f"{view.what_if_id}: {view.status}{', ' + view.failure if view.failure else ''}")
    typer.echo(
        f"{totals.account_count} accounts, {totals.different_count} of them different; "
        f"{totals.purchase_count} purchases, {totals.window_purchase_count} of them in the window"
    )
    for one in totals.currencies:
        money = "" if one.liability_change_minor is None else f", {one.liability_change_minor:+} minor units"
        typer.echo(
            f"{one.point_currency}: awarded {one.awarded_points}, would be {one.hypothetical_points} "
            f"({one.difference_points:+}); balances {one.liability_change_points:+}{money}; "
            f"{one.winner_count} would have more, {one.loser_count} less; "
            f"{one.uncovered_redemption_count} redemptions not covered"
        )
    for name, count in totals.tiers.items():
        typer.echo(f"{name}: {count} accounts")
    for title, members in (("gains", view.winners), ("loses", view.losers)):
        for member in members:
            typer.echo(f"  {member.member_id} {title} {abs(member.change_points)}")
    typer.echo(f"result {view.result_sha256}")


def _new(program: Program, asked: Asked) -> NewWhatIf:
    now = datetime.now(UTC)
    terms, name = _terms(program, asked)
    return NewWhatIf(
        uuid4(),
        program.program_id,
        "cli",
        bytes(32),
        name,
        terms,
        _moment(asked.start),
        _moment(asked.end) if asked.end else None,
        _moment(asked.as_of) if asked.as_of else now,
        asked.sample,
        dict(map(_value, asked.values)),
    )


def _terms(program: Program, asked: Asked) -> tuple[Terms, str]:
    if asked.file is not None:
        terms = read_terms(decoded(decode_terms, asked.file.read_bytes()), program.currency, "")
        check_scales(program, terms, "")
        return terms, "inline"
    if asked.version == "draft":
        return terms_of(program, "draft"), "draft"
    if not asked.version.isdecimal():
        raise InvalidInput(f"A version is draft or a number, not {asked.version!r}.")
    return terms_of(program, int(asked.version)), asked.version


def _value(text: str) -> tuple[str, Decimal]:
    code, _, value = text.partition("=")
    try:
        return code, Decimal(value)
    except InvalidOperation:
        raise InvalidInput(f"{text!r} is no value of a point; write it like points=0.5.") from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no moment; write it like 2026-01-31T00:00Z.") from None
    if moment.tzinfo is None:
        raise InvalidInput(f"{text!r} names no time zone; write it like 2026-01-31T00:00Z.")
    return moment.astimezone(UTC)
