"""What views there are for analysts, and what their columns mean: the comments in the database are the dictionary."""

from itertools import groupby
from typing import Any

from msgspec import Struct
from psycopg import Connection

from ledger.errors import LedgerError
from ledger.sql import load_queries

_SQL = load_queries("projections.analytics")


class UnknownView(LedgerError):
    """There is no view of this name for analysts."""

    slug = "unknown-view"


class Column(Struct, frozen=True):
    """A column of a view."""

    name: str
    type: str
    """As PostgreSQL calls it."""
    description: str
    """With its unit."""


class View(Struct, frozen=True):
    """A view in the schema ``analytics``."""

    name: str
    description: str
    columns: list[Column]

    @property
    def is_of_programs(self) -> bool:
        """Whether every row belongs to a program."""
        return any(column.name == "program_id" for column in self.columns)


def read_dictionary(connection: Connection[Any]) -> list[View]:
    """Return every view, by name."""
    rows = connection.execute(_SQL["dictionary"]).fetchall()
    return [
        View(name, description, [Column(*row[2:]) for row in group])
        for (name, description), group in groupby(rows, lambda row: (row[0], row[1]))
    ]


def read_view(connection: Connection[Any], name: str, *, of_program: bool = False) -> View:
    """
    Return a view.

    Args:
        connection: To the database.
        name: Of the view.
        of_program: Only one whose rows belong to programs will do.

    Raises:
        UnknownView: There is none.
    """
    known = {view.name: view for view in read_dictionary(connection) if view.is_of_programs or not of_program}
    if name not in known:
        raise UnknownView(f"There is no view {name!r}; there are: {', '.join(known)}.")
    return known[name]
