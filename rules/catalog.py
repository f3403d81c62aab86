"""What a rule may read: the variables of each scope, and the type a rule of that scope must yield."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal

import msgspec

VariableType = Literal["decimal", "int", "bool", "str", "date", "list[str]"]
Unit = Literal["money", "points", "days", "count", "none"]
ResultType = Literal["number", "bool", "str", "date", "list"]
Scope = Literal["earn", "burn", "tier", "segment", "campaign", "journey"]


class Variable(msgspec.Struct, frozen=True):
    """A fact that rules can read with ``{"var": name}``."""

    name: str
    type: VariableType
    unit: Unit
    """What one stands for. ``none`` is a plain number, or no number at all; money is in the program's currency."""
    nullable: bool
    """Whether the fact may be absent; null and absent are the same."""
    description: str
    scopes: frozenset[str]
    null_as: Decimal | None = None
    """What an absent number counts as, wherever a rule reads it; it settles what would otherwise be a trap."""
    enum: tuple[str, ...] = ()
    """The only texts there are, if there are few."""
    source: str = ""
    """Where the fact comes from: a path in the activity, or table and column of the warehouse."""


_EARN: Final = frozenset({"earn"})
_BURN: Final = frozenset({"burn"})
_CUSTOMER: Final = frozenset({"tier", "segment", "campaign", "journey"})

NEVER_DAYS: Final = Decimal(99_999)
"""Days since something that never happened: longer ago than any rule asks for (273 years)."""

_VARIABLES: Final = (
    Variable(
        "transaction_amount",
        "decimal",
        "money",
        nullable=False,
        description="What the purchase cost, in major units of its currency.",
        scopes=_EARN,
        source="purchase.amount",
    ),
    Variable(
        "currency",
        "str",
        "none",
        nullable=False,
        description="Currency of the purchase, as its ISO 4217 code.",
        scopes=_EARN,
        source="purchase.currency",
    ),
    Variable(
        "source",
        "str",
        "none",
        nullable=False,
        description="The system that reported the purchase.",
        scopes=_EARN,
        source="purchase.source",
    ),
    Variable(
        "points_requested",
        "decimal",
        "points",
        nullable=False,
        description="Points the member wants to redeem.",
        scopes=_BURN,
        source="redemption.points",
    ),
    Variable(
        "total_revenue",
        "decimal",
        "money",
        nullable=True,
        null_as=Decimal(0),
        description="What the customer has spent in all; 0 for one who never bought.",
        scopes=_CUSTOMER,
        source="customers.total_revenue",
    ),
    Variable(
        "purchase_count",
        "int",
        "count",
        nullable=True,
        null_as=Decimal(0),
        description="How often the customer has bought; 0 for one who never did.",
        scopes=_CUSTOMER,
        source="customers.purchase_count",
    ),
    Variable(
        "average_basket",
        "decimal",
        "money",
        nullable=True,
        description="What the customer spends at a time; absent for one who never bought.",
        scopes=_CUSTOMER,
        source="customers.average_basket",
    ),
    Variable(
        "last_purchase_days_ago",
        "int",
        "days",
        nullable=True,
        null_as=NEVER_DAYS,
        description="Days since the last purchase; for one who never bought, longer than any rule asks for.",
        scopes=_CUSTOMER,
        source="customers.last_purchase_days_ago",
    ),
    Variable(
        "points_balance",
        "decimal",
        "points",
        nullable=True,
        null_as=Decimal(0),
        description="Points the customer holds.",
        scopes=_CUSTOMER,
        source="customers.points_balance",
    ),
    Variable(
        "member_since",
        "date",
        "none",
        nullable=True,
        description="The day the customer joined; absent for one who is no member.",
        scopes=_CUSTOMER,
        source="customers.member_since",
    ),
    Variable(
        "country",
        "str",
        "none",
        nullable=True,
        description="Where the customer lives, as an ISO 3166 code of two letters.",
        scopes=_CUSTOMER,
        source="customers.country",
    ),
    Variable(
        "accepts_marketing",
        "bool",
        "none",
        nullable=True,
        description="Whether the customer agreed to be written to.",
        scopes=_CUSTOMER,
        source="customers.accepts_marketing",
    ),
    Variable(
        "tags",
        "list[str]",
        "none",
        nullable=True,
        description="Words that the warehouse attaches to the customer.",
        scopes=_CUSTOMER,
        source="customers.tags",
    ),
)

RESULT_TYPES: Final[dict[str, ResultType]] = {
    "earn": "number",
    "burn": "number",
    "tier": "bool",
    "segment": "bool",
    "campaign": "bool",
    "journey": "bool",
}
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
