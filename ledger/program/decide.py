"""What a program allows. Pure: rules were checked before the command arrived here."""

from datetime import datetime
from typing import assert_never

from msgspec import Struct

from ledger.errors import InvalidInput, LedgerError
from ledger.program.consistency import check_terms
from ledger.program.events import ProgramCreated, ProgramDrafted, ProgramEvent, ProgramPublished
from ledger.program.state import Program
from ledger.program.terms import Terms


class UnknownProgram(LedgerError):
    """There is no such program."""

    slug = "unknown-program"


class ProgramExists(LedgerError):
    """A program with this id exists already."""

    slug = "program-exists"


class NothingToPublish(LedgerError):
    """The program has no draft."""

    slug = "nothing-to-publish"


class VersionOutOfOrder(LedgerError):
    """A version must take effect after the one before it."""

    slug = "version-out-of-order"


class CreateProgram(Struct, frozen=True):
    """Set a program up, with the terms of its first draft."""

    program_id: str
    name: str
    currency: str
    timezone: str
    terms: Terms
    occurred_at: datetime


class DraftProgram(Struct, frozen=True):
    """Replace the draft."""

    terms: Terms
    occurred_at: datetime


class PublishProgram(Struct, frozen=True):
    """Turn the draft into the next version."""

    effective_from: datetime
    occurred_at: datetime


ProgramCommand = CreateProgram | DraftProgram | PublishProgram


def decide(program: Program | None, command: ProgramCommand) -> list[ProgramEvent]:
    """
    Turn a command into facts, or refuse it.

    Raises:
        ProgramExists: A program to be created exists.
        UnknownProgram: Anything but creating is asked of a program that does not exist.
        InvalidInput: The terms contradict themselves.
        NothingToPublish: There is no draft.
        VersionOutOfOrder: A version would take effect no later than the one before it.
    """
    if isinstance(command, CreateProgram):
        if program:
            message = f"Program {command.program_id!r} exists; change its draft instead."
            raise ProgramExists(message, pointer="/program_id")
        check_terms(command.terms, command.currency)
        return [
            ProgramCreated(
                command.program_id,
                command.name,
                command.currency,
                command.timezone,
                command.occurred_at,
            ),
            ProgramDrafted(command.terms, command.occurred_at),
        ]
    if program is None:
        raise UnknownProgram("There is no such program; create it first.")
    match command:
        case DraftProgram():
            check_terms(command.terms, program.currency)
            _check_scales(program, command.terms)
            return [] if command.terms == program.draft else [ProgramDrafted(command.terms, command.occurred_at)]
        case PublishProgram():
            return [_published(program, command)]
        case _:
            assert_never(command)


def _check_scales(program: Program, terms: Terms) -> None:
    """Refuse to count points that members hold in another unit: every balance would be worth something else."""
    published = {one.code: one.scale for version in program.versions for one in version.terms.point_currencies}
    for index, one in enumerate(terms.point_currencies):
        if one.scale != published.get(one.code, one.scale):
            message = (
                f"{one.code!r} was published with scale {published[one.code]}, which members' points are counted in; "
                "take a new code for another scale."
            )
            raise InvalidInput(message, pointer=f"/terms/point_currencies/{index}/scale")


def _published(program: Program, command: PublishProgram) -> ProgramPublished:
    if program.draft is None:
        raise NothingToPublish("There is no draft to publish; write one first.")
    last = program.versions[-1] if program.versions else None
    if last and command.effective_from <= last.effective_from:
        message = (
            f"Version {last.version} takes effect at {last.effective_from.isoformat()}; "
            "the next one must take effect later."
        )
        raise VersionOutOfOrder(message, pointer="/effective_from")
    version = last.version + 1 if last else 1
    return ProgramPublished(version, command.effective_from, program.draft, command.occurred_at)
