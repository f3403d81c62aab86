from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ledger.program.terms import BurnRule, EarnRule, PointCurrency, RoundingMode, Terms
from tests.unit.ledger.program.facts import EARN

POINTS = {"code": "points", "name": "Points"}
EARNING = {"rule": "1", "point_currency": "points"}
TERMS = {"point_currencies": [POINTS], "earn": EARNING}


def read(**changes: Any) -> Terms:
    """Read terms as they come from outside, with these parts instead of the ordinary ones."""
    return msgspec.json.decode(msgspec.json.encode(TERMS | changes), type=Terms)


def with_point_currency(**changes: Any) -> Terms:
    """Read terms whose one point currency has these fields."""
    return read(point_currencies=[POINTS | changes])


def with_earn(**changes: Any) -> Terms:
    """Read terms whose earn rule has these fields."""
    return read(earn=EARNING | changes)


def with_burn(**changes: Any) -> Terms:
    """Read terms whose burn rule has these fields."""
    return read(burn=EARNING | changes)


def many(count: int) -> list[dict[str, str]]:
    """Return so many point currencies."""
    return [{"code": f"p{number}", "name": "P"} for number in range(count)]


def test_what_is_left_out_has_its_default() -> None:
    """Whole points that can be spent, never lapse and make no status; fractions are dropped."""
    expected = Terms(
        (PointCurrency("points", "Points", 0, redeemable=True, qualifying=False, expiry_months=None),),
        EarnRule("1", "points", "earn", RoundingMode.FLOOR),
        None,
    )
    assert expected == read()
    assert with_burn().burn == BurnRule("1", "points", "burn", RoundingMode.FLOOR)


@pytest.mark.parametrize(
    ("make", "changes"),
    [
        (with_point_currency, {"code": "p"}),
        (with_point_currency, {"code": "p" * 63}),
        (with_point_currency, {"code": "0_my-points_9"}),
        (with_point_currency, {"name": "P"}),
        (with_point_currency, {"name": "ü" * 100}),
        (with_point_currency, {"scale": 6}),
        (with_point_currency, {"expiry_months": 1}),
        (with_point_currency, {"expiry_months": 1200}),
        (with_point_currency, {"expiry_months": None}),
        (with_earn, {"rule": "x" * 32768}),
        (with_earn, {"rounding": "half_even"}),
        (with_burn, {"rule": "x" * 32768, "rule_id": "b"}),
        (read, {"point_currencies": many(20)}),
        (read, {"burn": None}),
    ],
)
def test_terms_within_their_bounds_are_read(make: Callable[..., Terms], changes: dict[str, Any]) -> None:
    """The bounds themselves are allowed, and are stored so that they come back."""
    terms = make(**changes)
    assert terms == msgspec.json.decode(msgspec.json.encode(terms), type=Terms)


@pytest.mark.parametrize(
    ("make", "changes"),
    [
        (with_point_currency, {"code": ""}),
        (with_point_currency, {"code": "p" * 64}),
        (with_point_currency, {"code": "Points"}),
        (with_point_currency, {"code": "-points"}),
        (with_point_currency, {"code": "points_"}),
        (with_point_currency, {"code": "my points"}),
        (with_point_currency, {"code": "pünktli"}),
        (with_point_currency, {"name": ""}),
        (with_point_currency, {"name": "n" * 101}),
        (with_point_currency, {"scale": -1}),
        (with_point_currency, {"scale": 7}),
        (with_point_currency, {"scale": 0.5}),
        (with_point_currency, {"expiry_months": 0}),
        (with_point_currency, {"expiry_months": 1201}),
        (with_point_currency, {"colour": "red"}),
        (with_earn, {"rule": ""}),
        (with_earn, {"rule": "x" * 32769}),
        (with_earn, {"rule_id": "Earn"}),
        (with_earn, {"rounding": "nearest"}),
        (with_earn, {"colour": "red"}),
        (with_burn, {"rule": ""}),
        (with_burn, {"rule": "x" * 32769}),
        (with_burn, {"point_currency": "Points"}),
        (with_burn, {"colour": "red"}),
        (read, {"point_currencies": []}),
        (read, {"point_currencies": many(21)}),
        (read, {"earn": None}),
        (read, {"tiers": []}),
    ],
)
def test_terms_beyond_their_bounds_are_not_read(make: Callable[..., Terms], changes: dict[str, Any]) -> None:
    """Nor are fields that nobody knows: a misspelled one would be silently without effect."""
    with pytest.raises(msgspec.ValidationError):
        make(**changes)


def test_terms_cannot_be_changed_once_written() -> None:
    """A version means for ever what it meant when it was published."""
    terms = read(burn=EARNING)
    for part in (terms, terms.earn, terms.burn, terms.point_currencies[0], EARN):
        for field in part.__struct_fields__ if part else ():
            with pytest.raises(AttributeError):
                setattr(part, field, None)


def test_terms_find_a_point_currency_by_its_code() -> None:
    """A code they do not have is a mistake of the caller."""
    terms = read(point_currencies=[POINTS, POINTS | {"code": "status"}])
    assert [terms.point_currencies[1], terms.point_currencies[0]] == [
        terms.point_currency("status"),
        terms.point_currency("points"),
    ]
    with pytest.raises(KeyError, match="miles"):
        terms.point_currency("miles")
