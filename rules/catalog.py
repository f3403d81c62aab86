"""What a rule may read: the variables of each scope, and the type a rule of that scope must yield."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

VariableType = Literal["decimal", "int", "bool", "str", "date"]
Unit = Literal["money", "points", "days", "none"]
ResultType = Literal["number", "bool", "str", "date"]


class Variable(msgspec.Struct, frozen=True):
    """A fact that rules can read with ``{"var": name}``."""

    name: str
    type: VariableType
    unit: Unit
    """What one stands for. ``none`` is a plain number, or no number at all."""
    nullable: bool
    """Whether the fact may be absent; null and absent are the same."""
    description: str
    scopes: frozenset[str]


_EARN: Final = frozenset({"earn"})
_BURN: Final = frozenset({"burn"})

_VARIABLES: Final = (
    Variable(
        "transaction_amount",
        "decimal",
        "money",
        nullable=False,
        description="What the purchase cost, in major units of its currency.",
        scopes=_EARN,
    ),
    Variable(
        "currency",
        "str",
        "none",
        nullable=False,
        description="Currency of the purchase, as its ISO 4217 code.",
        scopes=_EARN,
    ),
    Variable(
        "source",
        "str",
        "none",
        nullable=False,
        description="The system that reported the purchase.",
        scopes=_EARN,
    ),
    Variable(
        "points_requested",
        "decimal",
        "points",
        nullable=False,
        description="Points the member wants to redeem.",
        scopes=_BURN,
    ),
)

RESULT_TYPES: Final[dict[str, ResultType]] = {"earn": "number", "burn": "number"}
"""The type that a rule of each scope must yield."""

_CATALOGS: Final[dict[str, Mapping[str, Variable]]] = {
    scope: {variable.name: variable for variable in _VARIABLES if scope in variable.scopes} for scope in RESULT_TYPES
}


def catalog(scope: str) -> Mapping[str, Variable]:
    """
    Return the variables that rules of a scope may read, by name.

    Raises:
        ValueError: There is no such scope.
    """
    try:
        return _CATALOGS[scope]
    except KeyError:
        raise ValueError(f"no rule scope {scope!r}; there are {', '.join(_CATALOGS)}") from None
