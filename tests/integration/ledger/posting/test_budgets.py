"""One budget, many members, several posters: never overdrawn, and never out of step with what was booked."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from khaywe.wiring import Database
from ledger.posting.instruction import Posted
from ledger.posting.poster import Poster
from ledger.program.terms import EarnRule, PointCurrency, Terms
from ledger.store.verify import verify_chain
from ledger.streams import budget_stream_id
from rules.activity import Purchase
from rules.instructions import open_account, post_purchase
from tests import programs
from tests.programs import PROGRAM_ID, STARTED, publish_program

MEMBERS = 8
BUDGET_POINTS = 500
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def posters(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Poster]]:
    """Provide three posters on a program whose rule gives 7 points a purchase, and 500 in all."""
    rule = EarnRule("7", "points", "promotion", budget_points=BUDGET_POINTS)
    monkeypatch.setattr(programs, "terms", lambda: Terms((PointCurrency("points", "Points"),), rule))
    with any_database.poster() as first, any_database.poster() as second, any_database.poster() as third:
        publish_program(first)
        first.post([open_account(PROGRAM_ID, UUID(int=number), STARTED) for number in range(MEMBERS)])
        yield [first, second, third]


def buy(poster: Poster, who: int) -> int:
    """Post ten purchases of a member, and return the points they earned."""
    purchases = [
        Purchase(f"till-{who}", str(number), str(UUID(int=who % MEMBERS)), NOW, Decimal(1), "EUR")
        for number in range(10)
    ]
    outcomes = [poster.post([post_purchase(PROGRAM_ID, purchase, NOW)])[0] for purchase in purchases]
    assert all(isinstance(outcome, Posted) for outcome in outcomes), outcomes
    return sum(accrual.points for one in outcomes if isinstance(one, Posted) for accrual in one.event.accruals)


def test_a_budget_is_spent_to_the_last_point_and_no_further(posters: list[Poster], any_database: Database) -> None:
    """Whichever poster, whichever partition; the budget's stream says what the accounts' streams say."""
    with ThreadPoolExecutor(12) as pool:
        given = list(pool.map(lambda who: buy(posters[who % 3], who), range(12)))
    assert sum(given) == BUDGET_POINTS
    with any_database.connect() as connection:
        row = connection.execute(
            "SELECT sum((state ->> 'points')::bigint) FROM ledger.event_log WHERE stream_id = %s",
            (UUID(bytes=budget_stream_id(PROGRAM_ID)),),
        ).fetchone()
        assert row == (BUDGET_POINTS,)
        for partition in range(any_database.partition_count):
            deque(verify_chain(connection, partition), maxlen=0)
