"""What a program allows. Pure: rules were checked before the command arrived here."""

from typing import assert_never

from ledger.approval.decide import ApprovalNeeded
from ledger.errors import LedgerError
from ledger.program.commands import (
    CreateProgram,
    DiscardDraft,
    DraftProgram,
    Expected,
    ImportProgram,
    ProgramCommand,
    PublishProgram,
    RestoreVersion,
    WithdrawVersion,
)
from ledger.program.consistency import check_scales, check_terms
from ledger.program.events import (
    ProgramCreated,
    ProgramDraftDiscarded,
    ProgramDrafted,
    ProgramEvent,
    ProgramPublished,
    ProgramVersionWithdrawn,
)
from ledger.program.state import Program, ProgramVersion

__all__ = [
    "CreateProgram",
    "DiscardDraft",
    "DraftProgram",
    "ImportProgram",
    "NothingToPublish",
    "ProgramCommand",
    "ProgramDiffers",
    "ProgramExists",
    "PublishProgram",
    "RestoreVersion",
    "StaleVersion",
    "UnknownProgram",
    "UnknownVersion",
    "VersionInForce",
    "VersionOutOfOrder",
    "WithdrawVersion",
    "decide",
]


class UnknownProgram(LedgerError):
    """There is no such program."""

    slug = "unknown-program"


class ProgramExists(LedgerError):
    """A program with this id exists already."""

    slug = "program-exists"


class StaleVersion(LedgerError):
    """Somebody changed the program since it was read."""

    slug = "stale-version"


class ProgramDiffers(LedgerError):
    """The document is of a program that counts in other money, or by another calendar."""

    slug = "program-differs"


class UnknownVersion(LedgerError):
    """The program never published a version of this number."""

    slug = "unknown-version"


class NothingToPublish(LedgerError):
    """The program has no draft."""

    slug = "nothing-to-publish"


class VersionOutOfOrder(LedgerError):
    """A version must take effect after the one before it."""

    slug = "version-out-of-order"


class VersionInForce(LedgerError):
    """The version has taken effect, or is just about to."""

    slug = "version-in-force"


def decide(program: Program | None, command: ProgramCommand) -> list[ProgramEvent]:
    """
    Turn a command into facts, or refuse it. What is so already is not stale: it is done, and changes nothing.

    Raises:
        ProgramExists: A program to be created exists.
        UnknownProgram: Anything but creating or importing is asked of a program that does not exist.
        StaleVersion: The program's version is none of those that were expected.
        ProgramDiffers: What is imported counts in other money, or by another calendar.
        UnknownVersion: It has no version of this number.
        InvalidInput: The terms contradict themselves.
        NothingToPublish: There is no draft.
        VersionOutOfOrder: A version would take effect no later than the one before it.
        VersionInForce: A version to be withdrawn has taken effect.
        ApprovalNeeded: It is to be published, and the version in force wants a second person for that.
    """
    if program is not None:
        return _changed(program, command)
    if not isinstance(command, CreateProgram | ImportProgram):
        raise UnknownProgram("There is no such program; create it first.")
    if isinstance(command, ImportProgram) and command.expected is not None:
        raise StaleVersion("There is no such program yet; import it without If-Match.", current=None)
    return _created(command)


def _changed(program: Program, command: ProgramCommand) -> list[ProgramEvent]:
    match command:
        case DraftProgram():
            return _drafted(program, command, ProgramDrafted(command.terms, command.occurred_at, command.by))
        case ImportProgram():
            _check_same(program, command)
            drafted = ProgramDrafted(command.terms, command.occurred_at, command.by, imported=command.document)
            return _drafted(program, command, drafted)
        case RestoreVersion():
            terms = _version(program, command.version).terms
            drafted = ProgramDrafted(terms, command.occurred_at, command.by, command.version)
            return _drafted(program, command, drafted)
        case DiscardDraft():
            return _discarded(program, command)
        case PublishProgram():
            return _published(program, command)
        case WithdrawVersion():
            return _withdrawn(program, command)
        case CreateProgram():
            message = f"Program {command.program_id!r} exists; change its draft instead."
            raise ProgramExists(message, pointer="/program_id")
        case _:
            assert_never(command)


def _created(command: CreateProgram | ImportProgram) -> list[ProgramEvent]:
    check_terms(command.terms, command.currency)
    document = command.document if isinstance(command, ImportProgram) else ""
    return [
        ProgramCreated(
            command.program_id,
            command.name,
            command.currency,
            command.timezone,
            command.occurred_at,
            command.by,
        ),
        ProgramDrafted(command.terms, command.occurred_at, command.by, imported=document),
    ]


def _drafted(
    program: Program, command: DraftProgram | ImportProgram | RestoreVersion, drafted: ProgramDrafted
) -> list[ProgramEvent]:
    check_terms(drafted.terms, program.currency)
    check_scales(program, drafted.terms)
    if drafted.terms == program.draft:
        return []
    _check_expected(program, command.expected)
    return [drafted]


def _discarded(program: Program, command: DiscardDraft) -> list[ProgramEvent]:
    if program.draft is None:
        return []
    _check_expected(program, command.expected)
    return [ProgramDraftDiscarded(command.occurred_at, command.by)]


def _check_expected(program: Program, expected: Expected) -> None:
    """Refuse to overwrite what the caller has not seen."""
    if expected is not None and program.revision not in expected:
        message = f'The program is at "{program.revision}" now; read it again, and decide whether to change that.'
        raise StaleVersion(message, pointer="/If-Match", current=program.revision)


def _check_same(program: Program, command: ImportProgram) -> None:
    for name in ("currency", "timezone"):
        ours, theirs = getattr(program, name), getattr(command, name)
        if ours != theirs:
            message = (
                f"The {name} of {program.program_id!r} is {ours}, and the document's is {theirs}; neither changes."
            )
            raise ProgramDiffers(message, pointer=f"/program/{name}")


def _version(program: Program, number: int) -> ProgramVersion:
    found = program.numbered(number)
    if found is None:
        raise UnknownVersion(f"{program.program_id!r} never published a version {number}.", pointer="/version")
    return found


def _published(program: Program, command: PublishProgram) -> list[ProgramEvent]:
    _check_expected(program, command.expected)
    if program.draft is None:
        raise NothingToPublish("There is no draft to publish; write one first.")
    last = program.versions[-1] if program.versions else None
    if last and command.effective_from <= last.effective_from:
        message = (
            f"Version {last.version} takes effect at {last.effective_from.isoformat()}; "
            "the next one must take effect later."
        )
        if last.effective_from > command.occurred_at:
            message += " If it is not wanted any more, withdraw it first."
        raise VersionOutOfOrder(message, pointer="/effective_from")
    in_force = program.version_at(command.occurred_at)
    if in_force and in_force.terms.approvals.publishing and not command.is_approved:
        raise ApprovalNeeded(
            "In this program a second person has to agree to a publication.", revision=program.revision
        )
    number = program.next_number
    return [ProgramPublished(number, command.effective_from, program.draft, command.occurred_at, command.by)]


def _withdrawn(program: Program, command: WithdrawVersion) -> list[ProgramEvent]:
    version = _version(program, command.version)
    if version.withdrawn_at is not None:
        return []
    _check_expected(program, command.expected)
    if version.effective_from <= command.in_force_at:
        message = (
            f"Version {version.version} takes effect at {version.effective_from.isoformat()}, and something may have "
            "been priced by it; publish another version after it instead."
        )
        raise VersionInForce(message, effective_from=version.effective_from)
    return [ProgramVersionWithdrawn(version.version, command.occurred_at, command.by)]
