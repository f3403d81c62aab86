"""A version that was withdrawn prices nothing more, and still explains what it priced."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from ledger.account.events import PurchasePosted
from ledger.program.decide import UnknownVersion
from ledger.program.events import ProgramVersionWithdrawn
from ledger.program.state import Program, ProgramVersion, evolve
from rules.activity import Purchase
from rules.errors import NoVersionInForce
from rules.pricing.drawing import budget_events
from rules.pricing.history import history_of
from rules.pricing.plans import numbered
from rules.pricing.simulation import Simulated, explained, simulate, under_draft
from tests.unit.ledger.program.facts import EARN, JANUARY, TERMS

BUDGETED = replace(TERMS, earn=replace(EARN, budget_points=100))
BOUGHT = Purchase("till", "T1", "card:1", datetime(2026, 3, 1, tzinfo=UTC), Decimal(5), "CHF")


def club() -> Program:
    """Return a program with one version."""
    return Program("club", "Club", "CHF", "UTC", TERMS, [ProgramVersion(1, JANUARY, BUDGETED)])


def withdrawn(program: Program) -> Program:
    """Return the program after its version was withdrawn."""
    return evolve(program, ProgramVersionWithdrawn(1, JANUARY, "key:a"))


def test_what_it_priced_stays_explained() -> None:
    """A purchase booked by a clock ahead of ours, and what it drew from a budget."""
    (priced,) = simulate(club(), [BOUGHT])
    assert isinstance(priced, Simulated)
    after = withdrawn(club())
    assert explained(after, priced.event, None).trace == explained(club(), priced.event, None).trace
    assert isinstance(priced.event, PurchasePosted)
    (drawn,) = budget_events(after, history_of([]), [priced.event])
    assert (drawn.rule, drawn.points) == ("earn", 5)


def test_it_prices_nothing_more() -> None:
    """As if it had never been published."""
    (refused,) = simulate(withdrawn(club()), [BOUGHT])
    assert isinstance(refused, NoVersionInForce)


def test_its_number_is_not_given_again() -> None:
    """Not even to a draft that is tried out."""
    (version,) = under_draft(withdrawn(club())).versions
    assert version.version == 2
    with pytest.raises(UnknownVersion):
        numbered(club(), 2)
