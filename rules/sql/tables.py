"""Where a warehouse keeps the customers, and who is in which segment."""

from msgspec import Struct

from rules.catalog import Variable


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
