"""What happened to a program: the stored contract, version 1."""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from ledger.program.terms import Terms


class ProgramCreated(Struct, frozen=True, omit_defaults=True):
    """A program was set up; it prices nothing until a version is published."""

    TOPIC: ClassVar = "program.created.v1"

    program_id: str
    name: str
    currency: str
    """ISO 4217 code of the money the program counts in."""
    timezone: str
    """IANA time zone whose calendar decides effective dates."""
    occurred_at: datetime
    by: str = ""
    """Who did it: ``key:…`` or ``user:…``, never a name. Empty where nobody said."""


class ProgramDrafted(Struct, frozen=True, omit_defaults=True):
    """New terms were written down; they are not in force."""

    TOPIC: ClassVar = "program.drafted.v1"

    terms: Terms
    occurred_at: datetime
    by: str = ""
    restores: int | None = None
    """The version whose terms these are again."""
    imported: str = ""
    """Content hash of the document that these terms came with."""


class ProgramDraftDiscarded(Struct, frozen=True, omit_defaults=True):
    """The draft was given up."""

    TOPIC: ClassVar = "program.draft_discarded.v1"

    occurred_at: datetime
    by: str = ""


class ProgramPublished(Struct, frozen=True, omit_defaults=True):
    """Terms became a version, in force from a moment on until the next version's."""

    TOPIC: ClassVar = "program.published.v1"

    version: int
    effective_from: datetime
    terms: Terms
    occurred_at: datetime
    by: str = ""


class ProgramVersionWithdrawn(Struct, frozen=True, omit_defaults=True):
    """A version was taken back before it took effect; its number is not used again."""

    TOPIC: ClassVar = "program.version_withdrawn.v1"

    version: int
    occurred_at: datetime
    by: str = ""


ProgramEvent = ProgramCreated | ProgramDrafted | ProgramDraftDiscarded | ProgramPublished | ProgramVersionWithdrawn
