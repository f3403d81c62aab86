"""What a rule may read: the variables of a catalog, and the type a rule over it must yield."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, Literal

import msgspec

VariableType = Literal["decimal", "int", "bool", "str", "date", "list[str]", "list[object]"]
Unit = str
"""What one of a number stands for: ``money`` (of the program's currency), ``money:USD`` (of another), ``points``,
``days``, ``count``, or ``none`` for a plain number, or no number at all."""

MAX_ITEMS: Final = 500
"""Items of a list that is a fact: the lines of a basket, the words about a customer."""

ResultType = Literal["number", "bool", "str", "date", "list"]
Scope = Literal["earn", "burn", "tier", "segment", "campaign", "journey"]


class Variable(msgspec.Struct, frozen=True):
    """A fact that rules can read with ``{"var": name}``."""

    name: str
    type: VariableType
    unit: Unit
    nullable: bool
    """Whether the fact may be absent; null and absent are the same."""
    description: str
    scopes: frozenset[str] = frozenset()
    null_as: Decimal | None = None
    """What an absent number counts as, wherever a rule reads it; it settles what would otherwise be a trap."""
    enum: tuple[str, ...] = ()
    """The only texts there are, if there are few."""
    source: str = ""
    """Where the fact comes from: a path in the activity, or table and column of the warehouse."""
    fields: tuple["Variable", ...] = ()
    """Of a ``list[object]``: what each of its items holds."""


class Catalog(msgspec.Struct, frozen=True, eq=False):
    """
    Everything that a rule is checked against.

    Two catalogs are equal only if they are the same one, so that compiled rules can be remembered by it.
    """

    scope: Scope
    yields: ResultType
    """The type that a rule must yield."""
    variables: Mapping[str, Variable]

    def yielding(self, result: ResultType) -> "Catalog":
        """Return a catalog of the same variables for rules that yield another type."""
        return Catalog(self.scope, result, self.variables)

    def extended(self, variables: Iterable[Variable]) -> "Catalog":
        """Return a catalog with more variables; one of the same name takes the place of the first."""
        return Catalog(self.scope, self.yields, {**self.variables, **{one.name: one for one in variables}})
