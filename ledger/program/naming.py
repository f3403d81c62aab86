"""Names that have to be there once."""

from collections.abc import Iterable

from ledger.errors import InvalidInput


def refuse_twice(names: Iterable[object], what: str, pointer: str) -> None:
    """
    Refuse names that are not unique.

    Args:
        names: In their order; of a tuple the last part is told.
        what: They name.
        pointer: JSON pointer with ``{}`` for the place.

    Raises:
        InvalidInput: One is there twice.
    """
    seen: set[object] = set()
    for index, name in enumerate(names):
        if name in seen:
            told = name[-1] if isinstance(name, tuple) else name
            raise InvalidInput(f"The {what} {told!r} is there twice.", pointer=pointer.format(index))
        seen.add(name)
