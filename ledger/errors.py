"""The one family of refusals: what the ledger says no to, and the exact words it uses."""

from typing import ClassVar


class LedgerError(Exception):
    """
    The ledger refused.

    One subclass per reason. Its ``slug`` is stable and ends the problem type's URI, its docstring's first
    sentence is the title a person reads, and its public attributes become extension members of the problem
    (RFC 9457). A refusal never changes anything, so the same command may be sent again later.
    """

    slug: ClassVar[str] = "refused"

    def __init__(self, detail: str, *, pointer: str | None = None, **members: object) -> None:
        """
        Args:
            detail: What was wrong this time, and what to do about it.
            pointer: JSON pointer (RFC 6901) of the field at fault, if one field is.
            members: Further facts for the caller, JSON-serialisable, named by the glossary.
        """
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer
        self.members = members

    @classmethod
    def title(cls) -> str:
        """Return the first sentence of the class docstring, without its full stop."""
        text = (cls.__doc__ or cls.__name__).strip()
        return text.split(".\n", 1)[0].split("\n", 1)[0].removesuffix(".")


class InvalidInput(LedgerError):
    """A field of the input has a value that cannot be accepted."""

    slug = "invalid-input"
