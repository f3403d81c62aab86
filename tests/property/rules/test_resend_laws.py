"""Deciding is pure, and what was recorded says everything: asked again, or read again, it comes to the same."""

from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.account.evolve import evolve
from ledger.account.state import Account
from ledger.store.codec import decode, encode, topic_bytes
from rules.errors import ReturnExceedsPurchase
from tests.property.rules.histories import ANCHOR, arrivals, purchases, redemptions, returns
from tests.property.rules.order_programs import PROGRAMS
from tests.property.rules.till import Till, instruction_of

LAWS = settings(max_examples=25, derandomize=True, database=None, deadline=None)


@pytest.mark.parametrize("name", PROGRAMS)
@given(data=st.data())
@LAWS
def test_the_same_asked_twice_is_decided_alike(name: str, data: st.DataObject) -> None:
    """Also by an instruction that was made anew, as a till makes it that sends its batch again."""
    till = Till(PROGRAMS[name])
    sold = data.draw(purchases())
    for happening in [ANCHOR, *data.draw(arrivals([*sold, *data.draw(returns(sold)), *data.draw(redemptions())]))]:
        first, again = instruction_of(happening), instruction_of(happening)
        assert (first.references, first.request_hash, first.address) == (
            again.references,
            again.request_hash,
            again.address,
        )
        assert till.decide(first) == till.decide(first) == till.decide(again)
        till.book(happening)


@pytest.mark.parametrize("name", PROGRAMS)
@given(data=st.data())
@LAWS
def test_what_was_stored_folds_into_the_same_account(name: str, data: st.DataObject) -> None:
    """From the bytes, event by event; or from a snapshot anywhere on the way."""
    till = Till(PROGRAMS[name])
    sold = data.draw(purchases())
    for happening in [ANCHOR, *data.draw(arrivals([*sold, *data.draw(returns(sold)), *data.draw(redemptions())]))]:
        till.book(happening)
    stored = [(topic_bytes(event).decode(), encode(event)) for event in till.events]
    snapshot_at = data.draw(st.integers(1, len(stored)))
    account: Account | None = None
    for number, (topic, state) in enumerate(stored, 1):
        event = decode(topic, state)
        assert till.events[number - 1] == event
        account = evolve(account, cast("Any", event))
        if number == snapshot_at:
            account = msgspec.json.decode(msgspec.json.encode(account), type=Account)
    assert till.account == account
    assert msgspec.json.encode(till.account) == msgspec.json.encode(account)


@given(data=st.data())
@LAWS
def test_a_refused_request_leaves_everything_as_it_was(data: st.DataObject) -> None:
    """So it can be sent again later; here a return of everything that was returned before."""
    till = Till(PROGRAMS["calendar"])
    sold = data.draw(purchases())
    for sale in sold:
        till.book(sale)
    sale = data.draw(st.sampled_from(sold))
    back = {"kind": "return", "occurred_at": sale["occurred_at"], "of": (sale["source"], sale["transaction_id"])}
    till.book({**back, "return_id": "first"})
    before = msgspec.json.encode(till.account)
    with pytest.raises(ReturnExceedsPurchase):
        till.book({**back, "return_id": "second"})
    assert before == msgspec.json.encode(till.account)
