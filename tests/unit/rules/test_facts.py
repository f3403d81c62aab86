"""Facts as the outside spells them."""

from datetime import date
from decimal import Decimal

import pytest

from rules import InvalidFacts
from rules.facts import read_facts


def test_numbers_and_dates_are_read_by_what_the_catalog_says() -> None:
    """As numbers or as text, digit by digit; a whole number however it is written."""
    text = (
        '{"total_revenue":"1200.50","purchase_count":3.0,"last_purchase_days_ago":"7","average_basket":0.10,'
        '"member_since":"2024-02-29","country":"CH","tags":["vip"]}'
    )
    facts = read_facts(text, "segment")
    expected = {
        "total_revenue": Decimal("1200.50"),
        "purchase_count": Decimal(3),
        "average_basket": Decimal("0.10"),
        "last_purchase_days_ago": Decimal(7),
        "points_balance": None,
        "member_since": date(2024, 2, 29),
        "country": "CH",
        "accepts_marketing": None,
        "tags": ("vip",),
    }
    assert facts == expected
    assert str(facts["average_basket"]) == "0.10"


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("{", ""),
        ("[1]", ""),
        ('{"total_revenue":NaN}', ""),
        ('{"total_revenue":1e99999999999999999999}', ""),
        ('{"weather":1}', "/weather"),
        ('{"a/b":1}', "/a~1b"),
        ('{"total_revenue":"lots"}', "/total_revenue"),
        ('{"purchase_count":2.5}', "/purchase_count"),
        ('{"member_since":"2024-02-30"}', "/member_since"),
        ('{"tags":["a",1]}', "/tags"),
    ],
)
def test_what_does_not_fit_is_refused(text: str, pointer: str) -> None:
    """The pointer names the fact; none names all of them."""
    with pytest.raises(InvalidFacts) as refusal:
        read_facts(text, "segment")
    assert refusal.value.pointer == pointer
