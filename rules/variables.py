"""The facts that every rule of a scope can read, whatever program or warehouse it is about."""

from decimal import Decimal
from typing import Final

from rules.catalog import Variable

_EARN: Final = frozenset({"earn"})
_BURN: Final = frozenset({"burn"})
_CUSTOMER: Final = frozenset({"tier", "segment", "campaign", "journey"})

NEVER_DAYS: Final = Decimal(99_999)
"""Days since something that never happened: longer ago than any rule asks for (273 years)."""

VARIABLES: Final = (
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
"""All of them, each with the scopes it is read in."""
