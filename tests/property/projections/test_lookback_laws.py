"""Looking back against the reference, at any date and after any event of any history."""

import json
import random
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.account.decide import decide
from ledger.account.events import AccountEvent, AccountOpened
from ledger.account.evolve import evolve
from ledger.account.state import Account
from ledger.errors import LedgerError
from ledger.store.codec import encode
from projections.lookback import Past, past_state
from tests.integration.projections.walks import START, Step, at
from tests.property.projections.reference_lookback import TOTALS, Reference, Told

MEMBER = UUID("0195f3d2-8c4e-7cc1-9a52-6f1d2b7a4e11")
FIGURES = ("available", "promised", "held", "lapsed", "owed", "balance", "redeemed", "reversed", "expired")
OTHERS = (*sorted(set(TOTALS.values())), "clawed_back", "debited", "transferred_out")


def history(seed: int, steps: int) -> list[AccountEvent]:
    """Let an account be asked for anything, some of it backdated, and return what was recorded."""
    draw = random.Random(seed)
    recorded: list[AccountEvent] = [AccountOpened("tested", str(MEMBER), at(START), START)]
    state: Account | None = evolve(None, recorded[0])
    for step in range(steps):
        assert state is not None
        day = START + timedelta(days=3 * step)
        try:
            decided = decide(state, Step(state, day, f"{seed}-{step}", draw).command())
        except LedgerError:
            continue
        for event in decided:
            state = evolve(state, event)
        recorded += decided
    return recorded


def told(event: AccountEvent) -> Told:
    """Return an event as it is stored."""
    found: Told = json.loads(encode(event))
    return found | {"topic": event.TOPIC.removeprefix("account.").removesuffix(".v1")}


@given(
    seed=st.integers(0, 2**32),
    steps=st.integers(1, 60),
    share=st.floats(0, 1),
    on=st.integers(-30, 260),
    ends=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_what_an_account_was_is_what_the_reference_says(
    seed: int,
    steps: int,
    share: float,
    on: int,
    ends: bool,
) -> None:
    """Every figure, as of any date, as at any event; the open lots, held and owed points add up to the balance."""
    events = history(seed, steps)
    known, day = events[: 1 + int(share * (len(events) - 1))], START + timedelta(days=on)
    moment = datetime.combine(day, time.max, UTC) if ends else at(day)
    past = Past(day)
    for version, event in enumerate(known, 1):
        past.take(version, event)
    past.end_holds(moment)
    reference = Reference([told(event) for event in known])
    reference.timed_out(day, moment)
    expected = reference.balances(day)
    shown = past_state(past, MEMBER.bytes)
    assert shown is not None
    assert [row.point_currency for row in shown.balances] == sorted(expected)
    for row in shown.balances:
        book = expected[row.point_currency]
        for name in (*FIGURES, *OTHERS):
            assert getattr(row, f"{name}_points") == book[name], name
        assert row.next_expiry_on == (book["next_expiry_on"] or None)
        lots = [lot for lot in shown.lots if lot.point_currency == row.point_currency]
        assert row.balance_points == sum(lot.open_points for lot in lots) + row.held_points - row.owed_points


@given(seed=st.integers(0, 2**32), steps=st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_the_end_of_time_is_the_state_that_decides(seed: int, steps: int) -> None:
    """With everything known and in effect, the figures are those of the folded account."""
    events, state = history(seed, steps), None
    past = Past(START + timedelta(days=10_000))
    for version, event in enumerate(events, 1):
        past.take(version, event)
        state = evolve(state, event)
    assert state is not None
    assert state.balances() == {code: book.balance_points for code, book in past.books.items()}
    for code, book in state.books.items():
        for name in book.__struct_fields__:
            if name not in {"lots", "debts"}:
                assert getattr(past.books[code], name) == getattr(book, name), name
        lots = {lot.lot.lot: lot.lot for lot in past.lots.values() if lot.point_currency == code and lot.lot.points}
        assert lots == book.lots
    assert past.state is not None
    assert (past.state.status, past.state.last_active) == (state.status, state.last_active)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_time_alone_moves_no_points(seed: int) -> None:
    """From a day to the next the balance changes by what took effect that day, and by nothing else."""
    events = history(seed, 40)
    stories = Reference([told(event) for event in events])
    found = []
    for on in range(-25, 130, 5):
        past = Past(START + timedelta(days=on))
        for version, event in enumerate(events, 1):
            past.take(version, event)
        found.append((past.on, sum(book.balance_points for book in past.books.values())))
    for (one, before), (two, after) in pairwise(found):
        moved = [line for line in stories.lines if one < line[0] <= two]
        assert after - before == sum(in_lot + held - owed for *_, in_lot, held, owed, _ in moved)
