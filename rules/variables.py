"""The facts that every rule of a scope can read, whatever program or warehouse it is about."""

from decimal import Decimal
from typing import Final

from rules.catalog import Variable

_EARN: Final = frozenset({"earn"})
_BURN: Final = frozenset({"burn"})
_ACTIVITY: Final = _EARN | _BURN
_CUSTOMER: Final = frozenset({"tier", "segment", "campaign", "journey"})

NEVER_DAYS: Final = Decimal(99_999)
"""Days since something that never happened: longer ago than any rule asks for (273 years)."""

LINE_FIELDS: Final = (
    Variable("amount", "decimal", "money", nullable=False, description="What the line cost.", source="line.amount"),
    Variable(
        "quantity", "decimal", "count", nullable=False, description="Pieces, litres, nights.", source="line.quantity"
    ),
    Variable("sku", "str", "none", nullable=True, description="The article.", source="line.sku"),
    Variable("category", "str", "none", nullable=True, description="Its kind of goods.", source="line.category"),
    Variable("brand", "str", "none", nullable=True, description="Its brand.", source="line.brand"),
)
"""What every line of a basket holds."""

BASE_POINTS: Final = Variable(
    "base_points",
    "decimal",
    "points",
    nullable=False,
    description="Points that the base rules gave for this purchase, in the rule's point currency, after their caps.",
    source="pricing",
)
"""Read by bonus rules only."""

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
        "purchased_on",
        "date",
        "none",
        nullable=False,
        description="The day of the purchase on the program's calendar.",
        scopes=_EARN,
        source="purchase.occurred_at",
    ),
    Variable(
        "weekday",
        "int",
        "none",
        nullable=False,
        description="Day of the week of the purchase on the program's calendar: 1 is Monday, 7 is Sunday.",
        scopes=_EARN,
        source="purchase.occurred_at",
    ),
    Variable(
        "hour",
        "int",
        "none",
        nullable=False,
        description="Hour of the purchase in the program's time zone, 0 to 23.",
        scopes=_EARN,
        source="purchase.occurred_at",
    ),
    Variable(
        "member_since",
        "date",
        "none",
        nullable=False,
        description="The day the member joined.",
        scopes=_ACTIVITY,
        source="account.opened_on",
    ),
    Variable(
        "purchase_count",
        "int",
        "count",
        nullable=False,
        description="Purchases the member made before this one.",
        scopes=_ACTIVITY,
        source="account.purchase_count",
    ),
    Variable(
        "lifetime_spend",
        "decimal",
        "money",
        nullable=False,
        description="What the member's purchases before this one cost together.",
        scopes=_ACTIVITY,
        source="account.spent",
    ),
    Variable(
        "last_purchase_days_ago",
        "int",
        "days",
        nullable=True,
        null_as=NEVER_DAYS,
        description="Days since the member's purchase before this one; for the first, longer than any rule asks for.",
        scopes=_ACTIVITY,
        source="account.last_purchase_on",
    ),
    Variable(
        "points_balance",
        "decimal",
        "points",
        nullable=False,
        description="Points the member held before, in the program's first point currency.",
        scopes=_ACTIVITY,
        source="account.balances",
    ),
    Variable(
        "lines",
        "list[object]",
        "none",
        nullable=False,
        description="The basket's lines, for the operators over lists; empty if none were sent.",
        scopes=_EARN,
        source="purchase.lines",
        fields=LINE_FIELDS,
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
        "transaction_amount",
        "decimal",
        "money",
        nullable=True,
        description="What the purchase costs that the points help to pay, if it was told.",
        scopes=_BURN,
        source="redemption.amount",
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
