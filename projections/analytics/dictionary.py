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


def read_dictionary(connection: Connection[Any], view: str | None = None) -> list[View]:
    """Return every view, or the one of this name."""
    rows = connection.execute(_SQL["dictionary"], {"view": view}).fetchall()
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
    found = read_dictionary(connection, name)
    if not found or (of_program and not found[0].is_of_programs):
        known = [one.name for one in read_dictionary(connection) if one.is_of_programs or not of_program]
        raise UnknownView(f"There is no view {name!r}; there are: {', '.join(known)}.")
    return found[0]
