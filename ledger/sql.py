"""SQL kept in files beside the code that runs it."""

import re
from collections.abc import Sequence
from importlib import resources
from typing import LiteralString

UNIT_SEPARATOR = "\x1f"
"""Stands between the items of a list that travels as one text."""

_HEADING = re.compile(r"^-- ([a-z_]+) --$", re.MULTILINE)


def joined(items: Sequence[str]) -> str:
    """
    Return the items as one text, for the server to split at the unit separator.

    Raises:
        ValueError: An item contains the separator, or is the only one and empty: the list would be read as another.
    """
    text = UNIT_SEPARATOR.join(items)
    if not text or text.count(UNIT_SEPARATOR) != len(items) - 1:
        raise ValueError("An id is empty or contains the unit separator, or there are no ids.")
    return text


def load_queries(package: str, file: str = "queries.sql") -> dict[str, LiteralString]:
    """
    Read the named statements of ``file`` in ``package``.

    Each begins with a heading ``-- name --``; the text up to the next heading is the statement.
    """
    text = (resources.files(package) / file).read_text("utf-8")
    _, *parts = _HEADING.split(text)
    return {name: sql.strip() for name, sql in zip(parts[::2], parts[1::2], strict=True)}
