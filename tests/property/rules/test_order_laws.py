"""The books do not depend on the order in which things arrive."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.rules.histories import ANCHOR, arrivals, in_order, purchases, redemptions, returns
from tests.property.rules.order_programs import PROGRAMS
from tests.property.rules.till import Happening, Till

LAWS = settings(max_examples=40, derandomize=True, database=None, deadline=None)


def told(program: Any, happenings: list[Happening]) -> Till:
    """Return a till that booked happenings one after the other."""
    till = Till(program)
    for happening in happenings:
        till.book(happening)
    return till


@pytest.mark.parametrize("name", PROGRAMS)
@given(data=st.data())
@LAWS
def test_purchases_in_any_order_come_to_the_same_books(name: str, data: st.DataObject) -> None:
    """Points of every rule, caps, counters, tiers, and what can be spent when."""
    sold = data.draw(purchases())
    expected = told(PROGRAMS[name], in_order(sold))
    till = told(PROGRAMS[name], data.draw(arrivals(sold)))
    assert expected.books() == till.books()
    assert expected.lots() == till.lots()
    assert expected.available() == till.available()


@pytest.mark.parametrize("name", PROGRAMS)
@given(data=st.data())
@LAWS
def test_returns_in_any_order_come_to_the_same_books(name: str, data: st.DataObject) -> None:
    """As long as each arrives after its purchase."""
    sold = data.draw(purchases())
    all_of_it = [*sold, *data.draw(returns(sold))]
    expected = told(PROGRAMS[name], in_order(all_of_it))
    till = told(PROGRAMS[name], data.draw(arrivals(all_of_it)))
    assert expected.books() == till.books()
    assert expected.lots() == till.lots()


@pytest.mark.parametrize("name", PROGRAMS)
@given(data=st.data())
@LAWS
def test_small_redemptions_in_any_order_leave_the_same_totals(name: str, data: st.DataObject) -> None:
    """Other lots may have paid; whoever came too late for that says so."""
    sold = [ANCHOR, *data.draw(purchases())]
    spent = data.draw(redemptions())
    all_of_it = [*sold[1:], *data.draw(returns(sold[1:])), *spent]
    expected = told(PROGRAMS[name], in_order([ANCHOR, *all_of_it]))
    till = told(PROGRAMS[name], [ANCHOR, *data.draw(arrivals(all_of_it))])
    assert expected.books() == till.books()
    book = till.book_of("points")
    assert sum(one["points"] for one in spent) == book.redeemed_points
    assert not book.debts
