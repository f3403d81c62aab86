"""Journals made up for the tests of exports."""

import random
from collections.abc import Iterator
from datetime import date, timedelta

from projections.books import JournalLine
from projections.books.exporting import Cover

COVER = Cover(
    "Journal of demo",
    ("0:5000",),
    "khaywe test",
    {"program": "demo", "from": "2026-01", "to": "2026-04"},
    {"demo/points": 0, "air-miles/points": 2},
)
NAMES = {
    "1000": "Cash",
    "2000": "Contract liability: own points",
    "4100": "Redemption revenue",
    "5000": "Cost of rewards",
    "9000": "Members' points",
    "9100": "Points redeemed",
    "2.1": "-",
    "2-1": "-",
}


def line(entry: int, number: int, account: str, amount_minor: int, currency: str, **changes: object) -> JournalLine:
    """Spell a line; amounts above zero are debits."""
    on = date(2026, 1, 10) + timedelta(days=entry // 3)
    values: dict[str, object] = {
        "entry_id": f"0:{entry}",
        "line": number,
        "posting_date": on,
        "service_date": on - timedelta(days=1),
        "period": f"{on:%Y-%m}",
        "account": account,
        "account_name": NAMES[account],
        "debit_minor": max(amount_minor, 0),
        "credit_minor": max(-amount_minor, 0),
        "currency": currency,
        "program_id": "demo",
        "point_currency": "points",
        "points": 500,
        "cohort": "2026-01/own/points",
        "partner": "",
        "event_kind": "account.points_redeemed.v1",
        "position": f"0:{entry}",
        "program_version": 1,
        "scheme_version": 1,
        "entered_by": "till-1",
        "approved_by": "",
        "description": "redeem 500",
    }
    return JournalLine(**(values | changes))  # type: ignore[arg-type]


def journal(entry_count: int, seed: int = 1) -> Iterator[JournalLine]:
    """Return balanced entries of money and points, of two programs, with odd texts among them."""
    draw = random.Random(seed)
    texts = ["redeem", "=HYPERLINK(1)", 'say "hi" \\ there', "two\nlines", "Bäckerei, Köln; 5 €"]
    for entry in range(1, entry_count + 1):
        points, program = draw.randrange(1, 10_000), draw.choice(["demo", "air-miles"])
        common = {"description": draw.choice(texts), "points": points, "program_id": program}
        yield line(entry, 1, "2000", points, "EUR", **common)
        yield line(entry, 2, "4100", -points, "EUR", **common)
        yield line(entry, 3, "9000", points, "points", partner="R & Co", **common)
        yield line(entry, 4, "9100", -points, "points", **common)
