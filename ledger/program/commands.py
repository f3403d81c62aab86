"""What a program is asked to do. Whoever asks is named as ``key:…`` or ``user:…``, empty where nobody said."""

from datetime import datetime

from msgspec import Struct

from ledger.program.terms import Terms

Expected = tuple[int, ...] | None
"""The stream's version is one of these; ``None``: whatever it is."""


class CreateProgram(Struct, frozen=True):
    """Set a program up, with the terms of its first draft."""

    program_id: str
    name: str
    currency: str
    timezone: str
    terms: Terms
    occurred_at: datetime
    by: str = ""


class DraftProgram(Struct, frozen=True):
    """Replace the draft."""

    terms: Terms
    occurred_at: datetime
    by: str = ""
    expected: Expected = None


class ImportProgram(Struct, frozen=True):
    """Take terms over from a document: as a new program, or as the draft of one that is there."""

    program_id: str
    name: str
    currency: str
    timezone: str
    terms: Terms
    document: str
    """Its content hash."""
    occurred_at: datetime
    by: str = ""
    expected: Expected = None


class DiscardDraft(Struct, frozen=True):
    """Give the draft up."""

    occurred_at: datetime
    by: str = ""
    expected: Expected = None


class RestoreVersion(Struct, frozen=True):
    """Make a draft of the terms of an earlier version; what was published stays as it is."""

    version: int
    occurred_at: datetime
    by: str = ""
    expected: Expected = None


class PublishProgram(Struct, frozen=True):
    """Turn the draft into the next version."""

    effective_from: datetime
    occurred_at: datetime
    by: str = ""
    expected: Expected = None
    is_approved: bool = False
    """A second person agreed."""


class WithdrawVersion(Struct, frozen=True):
    """Take a version back that is not in force yet."""

    version: int
    in_force_at: datetime
    """What takes effect by then may have priced something already, and stays."""
    occurred_at: datetime
    by: str = ""
    expected: Expected = None


ProgramCommand = (
    CreateProgram | DraftProgram | ImportProgram | DiscardDraft | RestoreVersion | PublishProgram | WithdrawVersion
)
