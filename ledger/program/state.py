"""What a program is, folded from its events."""

from datetime import datetime
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from ledger.program.events import (
    ProgramCreated,
    ProgramDraftDiscarded,
    ProgramDrafted,
    ProgramEvent,
    ProgramPublished,
    ProgramVersionWithdrawn,
)
from ledger.program.terms import Terms


class ProgramVersion(Struct, frozen=True):
    """Published terms and the moment from which they hold."""

    version: int
    effective_from: datetime
    terms: Terms
    published_at: datetime | None = None
    by: str = ""
    """Who published it."""
    withdrawn_at: datetime | None = None
    withdrawn_by: str = ""


class Program(Struct):
    """A program with its draft and every version it ever published, oldest first."""

    program_id: str
    name: str
    currency: str
    timezone: str
    draft: Terms | None = None
    versions: list[ProgramVersion] = []
    """Without those that were withdrawn, so that nothing is ever priced by one."""
    withdrawn: list[ProgramVersion] = []
    revision: int = 0
    """How many events it is folded from: the version of its stream."""

    def version_at(self, instant: datetime) -> ProgramVersion | None:
        """Return the version in force at ``instant``, or ``None`` before the first one."""
        for version in reversed(self.versions):
            if version.effective_from <= instant:
                return version
        return None

    def numbered(self, number: int) -> ProgramVersion | None:
        """Return the version of this number, also if it was withdrawn; ``None`` if there never was one."""
        for version in (*self.versions, *self.withdrawn):
            if version.version == number:
                return version
        return None

    @property
    def next_number(self) -> int:
        """The number of the version that is published next."""
        return max((one.version for one in (*self.versions, *self.withdrawn)), default=0) + 1


def evolve(program: Program | None, event: ProgramEvent) -> Program:
    """Fold one recorded fact into the program."""
    if program is None:
        # Every program stream begins with ProgramCreated; the decider lets nothing else through.
        assert isinstance(event, ProgramCreated)
        return Program(event.program_id, event.name, event.currency, event.timezone, revision=1)
    program.revision += 1
    match event:
        case ProgramDrafted():
            program.draft = event.terms
        case ProgramDraftDiscarded():
            program.draft = None
        case ProgramPublished():
            program.draft = None
            program.versions.append(
                ProgramVersion(event.version, event.effective_from, event.terms, event.occurred_at, event.by)
            )
        case ProgramVersionWithdrawn():
            _withdraw(program, event)
        case ProgramCreated():
            pass
        case _:
            assert_never(event)
    return program


def _withdraw(program: Program, event: ProgramVersionWithdrawn) -> None:
    for version in program.versions:
        if version.version == event.version:
            program.versions.remove(version)
            program.withdrawn.append(replace(version, withdrawn_at=event.occurred_at, withdrawn_by=event.by))
            return
