"""Where a warehouse keeps the customers, and who is in which segment."""

import re
from typing import Final

from msgspec import Struct

from rules.catalog import Variable

_NAME: Final = re.compile(r"[\w -]{1,128}")
"""What Ibis quotes faithfully in every dialect; for BigQuery it turns other characters into underscores."""


class Table(Struct, frozen=True):
    """A table with one row for each customer, or whoever else rules are about."""

    name: str = "customers"
    key: str = "customer_id"
    """The column that says which customer it is; whole numbers or texts, never null."""
    schema: str | None = None
    source: str = "customers"
    """What the catalog calls it, in the ``source`` of its variables."""
    columns: tuple[tuple[str, str], ...] = ()
    """Names of variables and of their columns, where the catalog's ``source`` says something else."""

    def __post_init__(self) -> None:
        """Raise ValueError for a name that no column or table should have."""
        _check_names(self.name, self.key, self.schema, *(column for _, column in self.columns))

    def column(self, variable: Variable) -> str | None:
        """Return the column a variable is read from; None if it is in another table."""
        if mapped := dict(self.columns).get(variable.name):
            return mapped
        source, _, column = variable.source.rpartition(".")
        return (column or variable.name) if source in {"", self.source} else None


class Members(Struct, frozen=True):
    """A table with one row for each customer in each segment."""

    name: str = "segment_members"
    key: str = "customer_id"
    """As in the table of customers, and of the same type."""
    segment: str = "segment_id"
    """The column, a text, that says which segment it is."""
    schema: str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a name that no column or table should have."""
        _check_names(self.name, self.key, self.segment, self.schema)


def _check_names(*names: str | None) -> None:
    for name in names:
        if name is not None and not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a table or column: letters, digits, underscores, spaces, hyphens")
