"""What a caller is told about a key that was used before, and what is not theirs to know."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from api.access.caller import Caller
from api.reuse import described
from ledger.account.events import PointsRedeemed, PurchasePosted
from ledger.posting.instruction import KeyReused, Posted

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
BOOKED = PurchasePosted("till-1", "T1", AT, date(2026, 3, 1), 24990, "EUR", 1, attributes={"channel": "web"})
STREAM = bytes(16)
VALUES = {"pointer": "/amount", "first": "249.90", "now": "250"}


def told(caller: Caller, reference: tuple[str, str] = ("purchase:coffee:till-1", "T1"), **given: Any) -> dict[str, Any]:
    """Return the members of a refusal of a purchase that differs from the one booked in ``given``."""
    refusal = KeyReused("Used before.", source=reference[0], key=reference[1])
    refusal.first = Posted(0, 7, STREAM, 2, AT, BOOKED, replayed=True)
    refusal.reference, refusal.asked, refusal.stream_id = reference, PurchasePosted, STREAM
    body = {"source": "till-1", "amount": "249.9", "currency": "EUR", "attributes": {"channel": "web"}} | given
    return described(refusal, caller, body).members


@pytest.mark.parametrize(
    ("limits", "sees"),
    [
        ({}, True),
        ({"programs": ("coffee",)}, True),
        ({"stores": ("till-1", "till-2")}, True),
        ({"stores": ("till-2",)}, False),
        ({"partners": ("fuel",)}, False),
    ],
)
def test_values_are_for_those_who_may_see_them(limits: dict[str, Any], sees: bool) -> None:  # a column of the table
    """Whoever is limited to other stores, or to a partner, learns which field differs, not what others reported."""
    found = told(Caller("key:k", "family", frozenset(), **limits), amount="250")
    assert found["differences"] == [VALUES if sees else {"pointer": "/amount", "now": "250"}]
    assert ("transaction_id" in found["first"]) is sees
    assert found["first"]["position"] == "0:7"


def test_what_came_under_their_own_key_is_theirs() -> None:
    """Only they can have used it."""
    caller = Caller("key:k", "family", frozenset(), partners=("fuel",))
    assert told(caller, ("family", "k"), amount="250")["differences"] == [VALUES]


def test_spelling_is_no_difference() -> None:
    """Then something differs that is not kept, and nothing is made up."""
    caller = Caller("key:k", "family", frozenset())
    (difference,) = told(caller, occurred_at="2026-03-01T11:00:00+01:00")["differences"]
    assert (difference["pointer"], set(difference)) == ("", {"pointer", "note"})
    attributes = told(caller, attributes={"channel": "shop", "clerk": 3})["differences"]
    assert [(one["pointer"], one["first"], one["now"]) for one in attributes] == [
        ("/attributes/channel", "web", "shop"),
        ("/attributes/clerk", None, 3),
    ]


def test_another_kind_is_told_alone() -> None:
    """Fields of two kinds of request have nothing to do with each other."""
    refusal = KeyReused("Used before.")
    refusal.first = Posted(0, 7, STREAM, 2, AT, BOOKED, replayed=True)
    refusal.reference, refusal.asked, refusal.stream_id = ("family", "k"), PointsRedeemed, STREAM
    members = described(refusal, Caller("key:k", "family", frozenset()), {"source": "other"}).members
    assert members["differences"] == [{"pointer": "", "first": BOOKED.TOPIC, "now": PointsRedeemed.TOPIC}]
