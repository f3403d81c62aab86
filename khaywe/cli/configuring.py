"""``khaywe program``: a whole program to a file, and from a file."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import typer

from api.changing import instruction
from api.documents import checked_id, chosen, document_of, read_document
from api.exporting import import_command
from api.terms import read_terms
from khaywe.wiring import Database
from ledger.errors import InvalidInput, LedgerError
from ledger.posting.cache import StateCache
from ledger.posting.instruction import Posted
from ledger.posting.poster import Poster
from ledger.program import decide as program
from ledger.program.state import Program
from ledger.streams import PROGRAM, program_stream_id
from rules.problems import InvalidRule

_BY = "cli"
_LIMIT = 8 * 1024 * 1024
"""Bytes of a document, as over REST."""


def export(database: Database, program_id: str, *, with_versions: bool) -> None:
    """
    Print the document of a program.

    Raises:
        UnknownProgram: There is no such program.
    """
    state = _program(database, program_id)
    if state is None:
        raise program.UnknownProgram(f"There is no program {program_id!r}.")
    document = document_of(state, datetime.now(UTC), with_versions=with_versions)
    typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def take_over(database: Database, file: str, wanted_id: str | None, take: str | None, *, is_published: bool) -> None:
    """
    Import a document, and publish it from now on if that is asked for; tell what was done.

    Raises:
        LedgerError: It cannot be imported, or not published.
        typer.Exit: Its rules have problems; they were printed.
    """
    document = read_document(_bytes(file))
    program_id = checked_id(wanted_id or document.program.program_id)
    taken, body, at = chosen(document, take)
    try:
        terms = read_terms(body, document.program.currency, at)
    except InvalidRule as refusal:
        for one in refusal.problems:
            typer.secho(f"{one.code} at {one.pointer}: {one.message}", err=True, fg=typer.colors.RED)
        raise typer.Exit(2) from None
    before = _program(database, program_id)
    if is_published and _is_in_force(before, terms):
        typer.echo(f"Nothing to do: the same terms are in force in {program_id!r}.")
        return
    with database.poster() as poster:
        posted = _carried_out(poster, program_id, import_command(document, program_id, terms, _BY))
        if posted.event is None:
            typer.echo(f"The draft of {program_id!r} was the same already.")
        else:
            done = "replaced the draft of" if before else "created"
            typer.echo(f"Took the terms {taken.replace('_', ' ')}, and {done} {program_id!r}.")
        if is_published:
            now = datetime.now(UTC)
            published = _carried_out(poster, program_id, program.PublishProgram(now, now, _BY))
            typer.echo(f"Published version {published.event.version}, in force from now on.")


def _is_in_force(state: Program | None, terms: object) -> bool:
    version = state.version_at(datetime.now(UTC)) if state else None
    return version is not None and version.terms == terms


def _carried_out(poster: Poster, program_id: str, command: program.ProgramCommand) -> Posted:
    (outcome,) = poster.post([instruction(program_id, command, msgspec.structs.asdict(command))])
    if isinstance(outcome, LedgerError):
        raise outcome
    return outcome


def _program(database: Database, program_id: str) -> Program | None:
    stream_id = program_stream_id(program_id)
    cache = StateCache(database.partition_count)
    with database.connect() as connection:
        cache.load(connection, {stream_id: PROGRAM})
    found: Program | None = cache.entries[stream_id].state
    return found


def _bytes(file: str) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read(_LIMIT)
        with Path(file).open("rb") as source:
            return source.read(_LIMIT)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.") from None
