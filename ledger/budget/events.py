"""
What happened to the budgets of a program: the stored contract, version 1.

A budget belongs to a rule and stays its own over all versions of the program. Only rules with a budget draw on one,
each time in the same batch as the accrual that it pays for.
"""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class BudgetDrawn(Struct, frozen=True, omit_defaults=True):
    """A rule with a budget gave points to a member."""

    TOPIC: ClassVar = "budget.drawn.v1"

    rule: str
    """The rule, by its id in the program."""
    points: int
    source: str
    transaction_id: str
    """With the source: the purchase that earned them."""
    occurred_at: datetime


class BudgetReturned(Struct, frozen=True, omit_defaults=True):
    """Points that a rule with a budget had given were taken back; the budget can give them again."""

    TOPIC: ClassVar = "budget.returned.v1"

    rule: str
    points: int
    source: str
    reference: str
    """With the source: the return."""
    occurred_at: datetime


BudgetEvent = BudgetDrawn | BudgetReturned
