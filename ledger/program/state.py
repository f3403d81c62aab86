"""What a program is, folded from its events."""

from datetime import datetime
from typing import assert_never

from msgspec import Struct

from ledger.program.events import ProgramCreated, ProgramDrafted, ProgramEvent, ProgramPublished
from ledger.program.terms import Terms


class ProgramVersion(Struct, frozen=True):
    """Published terms and the moment from which they hold."""

    version: int
    effective_from: datetime
    terms: Terms


class Program(Struct):
    """A program with its draft and every version it ever published, oldest first."""

    program_id: str
    name: str
    currency: str
    timezone: str
    draft: Terms | None = None
    versions: list[ProgramVersion] = []

    def version_at(self, instant: datetime) -> ProgramVersion | None:
        """Return the version in force at ``instant``, or ``None`` before the first one."""
        for version in reversed(self.versions):
            if version.effective_from <= instant:
                return version
        return None


def evolve(program: Program | None, event: ProgramEvent) -> Program:
    """Fold one recorded fact into the program."""
    if program is None:
        # Every program stream begins with ProgramCreated; the decider lets nothing else through.
        assert isinstance(event, ProgramCreated)
        return Program(event.program_id, event.name, event.currency, event.timezone)
    match event:
        case ProgramDrafted():
            program.draft = event.terms
        case ProgramPublished():
            program.draft = None
            program.versions.append(ProgramVersion(event.version, event.effective_from, event.terms))
        case ProgramCreated():
            pass
        case _:
            assert_never(event)
    return program
