"""Rules as SQL over REST."""

from typing import Any

import pytest

from rules.sql import DIALECTS
from tests.acceptance.conftest import GUIDE_EARN, Client
from tests.acceptance.test_rules import GUIDE_SEGMENT


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_guides_segment_in_every_dialect(lone_client: Client, dialect: str) -> None:
    """A statement that leaves out who never bought, with the digest that checking the rule gives."""
    answer = lone_client.post("/v1/rules/sql", {"scope": "segment", "rule": GUIDE_SEGMENT, "dialect": dialect})
    verdict = lone_client.post("/v1/rules/validate", {"scope": "segment", "rule": GUIDE_SEGMENT}).json
    assert (answer.status, answer.json["dialect"], answer.json["digest"]) == (200, dialect, verdict["digest"])
    sql = answer.json["sql"].replace("`", '"')
    assert 'FROM "customers"' in sql
    assert 'COALESCE("t0"."last_purchase_days_ago", 99999) < 30' in sql


@pytest.mark.parametrize(
    ("body", "slug", "problem"),
    [
        ({"rule": {">": [{"/": [{"var": "total_revenue"}, {"var": "points_balance"}]}, 2]}}, "invalid-rule", "/>/0/~1"),
        ({"rule": {"<": [{"var": "average_basket"}, 2]}}, "invalid-rule", "/<"),
        ({"rule": GUIDE_EARN, "scope": "earn"}, "invalid-rule", "/if/0/>/0/var"),
        ({"rule": GUIDE_SEGMENT, "dialect": "cobol"}, "invalid-input", None),
        ({"rule": GUIDE_SEGMENT, "scope": "weather"}, "invalid-input", None),
    ],
)
def test_what_has_no_sql_is_refused(lone_client: Client, body: dict[str, Any], slug: str, problem: str | None) -> None:
    """With the place in the rule."""
    answer = lone_client.post("/v1/rules/sql", {"scope": "segment"} | body)
    assert (answer.status, answer.slug) == (422, slug)
    if problem is not None:
        assert answer.json["problems"][0]["pointer"] == problem
