"""Pricing on a till: the vector of the documentation, what a till knows, and when a bundle holds."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from ledger.errors import InvalidInput
from ledger.program.ladders import Ladder
from ledger.program.state import Program, ProgramVersion
from ledger.program.terms import EarnRule, PointCurrency, Terms
from ledger.signing import opened
from rules.errors import NoVersionInForce
from rules.tills.bundle import PAYLOAD_TYPE, Bundle, BundleUnreadable, bundle_of, read, written
from rules.tills.offline import Known, TillPurchase, assumptions, price_on_till

PAGE = (Path(__file__).parents[4] / "docs/how-to/offline-tills.md").read_text()
VECTOR = PAGE.split("## Check your own implementation", 1)[1]
PAYLOAD, ENVELOPE, PURCHASE, UPLOAD, RECEIPT = re.findall(r"```(?:text|json)\n(.*?)\n```", VECTOR, re.DOTALL)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Till:
    """Has a bundle of a program with one rule."""

    bundle: Bundle

    def points(self, **changes: Any) -> int:
        """Return what it promises for the purchase of the documentation, changed as told."""
        purchase = msgspec.json.decode(json.dumps(json.loads(PURCHASE) | changes), type=TillPurchase)
        return price_on_till(self.bundle, purchase).receipt.points["points"]


def till(rule: Any, *ladders: Ladder) -> Till:
    """Return a till that prices by one rule."""
    terms = Terms((PointCurrency("points", "Points"),), EarnRule(json.dumps(rule), "points"), ladders=ladders)
    return Till(bundle_of(Program("coffee", "", "EUR", "UTC", None, [ProgramVersion(1, NEW_YEAR, terms)]), 1))


def test_the_vector_of_the_documentation_holds() -> None:
    """To the byte, from the envelope to the receipt."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    payload = opened(ENVELOPE.encode(), PAYLOAD_TYPE, [key])
    assert payload.decode() == PAYLOAD
    bundle = read(payload)
    assert written(bundle) == payload
    priced = price_on_till(bundle, msgspec.json.decode(PURCHASE, type=TillPurchase))
    assert msgspec.json.encode(priced.upload).decode() == UPLOAD
    assert msgspec.json.encode(priced.receipt).decode() == RECEIPT


@pytest.mark.parametrize(
    ("fact", "known", "unknown", "points"),
    [
        ({"var": "purchase_count"}, {"purchase_count": 7}, 0, 7),
        ({"var": "lifetime_spend"}, {"lifetime_spend": "12.34"}, 0, 12),
        ({"var": "last_purchase_days_ago"}, {"last_purchase_on": "2026-11-20"}, 99999, 2),
    ],
)
def test_what_a_till_knows_is_used_and_no_longer_assumed(
    fact: Any, known: dict[str, Any], unknown: int, points: int
) -> None:
    """What it does not know is as of somebody who just joined."""
    found = till(fact)
    assert (found.points(), found.points(known=known)) == (unknown, points)
    assert list(assumptions(found.bundle, None)) == [f"member:{fact['var']}"]
    assert list(assumptions(found.bundle, msgspec.convert(known, type=Known))) == []


def test_a_tier_that_the_till_knows_is_used() -> None:
    """One that there is not, is refused."""
    gold = msgspec.convert({"code": "club", "tiers": [{"code": "gold", "name": "Gold", "min_points": 9}]}, type=Ladder)
    found = till({"if": [{"==": [{"var": "tier"}, "gold"]}, 2, 1]}, gold)
    assert (found.points(), found.points(known={"tiers": {"club": "gold"}})) == (1, 2)
    with pytest.raises(InvalidInput):
        found.points(known={"tiers": {"club": "tin"}})


def test_a_bundle_holds_from_its_first_moment_until_its_successors() -> None:
    """Before and after, another one is to be taken."""
    found = till(1)
    found.bundle = replace(found.bundle, valid_until=datetime(2027, 1, 1, tzinfo=UTC), next_version=2)
    assert found.points(occurred_at="2026-01-01T00:00:00Z") == 1
    assert found.points(occurred_at="2026-12-31T23:59:59.999999Z") == 1
    for outside in ("2025-12-31T23:59:59.999999Z", "2027-01-01T00:00:00Z"):
        with pytest.raises(NoVersionInForce):
            found.points(occurred_at=outside)


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff", PAYLOAD.replace('language":1', 'language":2').encode()])
def test_what_is_no_bundle_is_refused(payload: bytes) -> None:
    """And one whose rules are in another language."""
    with pytest.raises(BundleUnreadable):
        read(payload)
