"""What the page about rules shows is accepted as it stands there."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.terms import TermsBody, read_terms

PAGE = (Path(__file__).parents[4] / "docs/rules.md").read_text()
PARTS = [
    part
    for part in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    if part.startswith(('{"earn":', '{"attributes":'))
]


@pytest.mark.parametrize("part", PARTS, ids=range(len(PARTS)))
def test_a_documented_part_of_a_program_can_be_drafted(part: str) -> None:
    """Together with a point currency, and a plain earn rule where it has none."""
    terms: dict[str, Any] = {
        "point_currencies": [{"code": "points", "name": "Points"}],
        "earn": {"rule": {"var": "transaction_amount"}, "point_currency": "points"},
    }
    body = msgspec.json.decode(msgspec.json.encode(terms | msgspec.json.decode(part)), type=TermsBody)
    assert read_terms(body, "EUR", "").earn_rules


def test_the_page_shows_both_parts() -> None:
    """An empty list of examples would pass unseen."""
    assert len(PARTS) == 2
