"""What the end of a month posts, cohort by cohort, after all of its events."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from projections.books.amounts import divide, multiply, rounded
from projections.books.cohorts import SERVICE, Cohort
from projections.books.entries import Entry
from projections.books.subledger import Subledger

_KIND = "books.period_closed.v1"
CHANGE_OF_ESTIMATE = "Change of estimate"


def end_month(ledger: Subledger, period: str, currency: str, estimates: Mapping[str, int]) -> Iterator[Entry]:
    """
    Post what only the whole month tells; a change of estimate is cumulative, and an entry of its own.

    Args:
        ledger: After the last event.
        period: The month.
        currency: Of its money.
        estimates: By cohort, as they are now.
    """
    number = 0
    for key in sorted(ledger.cohorts):
        cohort = ledger.cohorts[key]
        for description, post in (
            ("Release by redemption, up to date", _redeem),
            (CHANGE_OF_ESTIMATE, _estimate),
            ("Rest of points that are no longer open", _lapse),
            ("Service rendered", _render),
        ):
            entry = Entry(f"{period}:{number + 1}", ledger.last_day, ledger.last_day, _KIND, currency, description, [])
            post(ledger, cohort, entry, estimates)
            if entry.postings:
                number += 1
                yield entry


def _redeem(ledger: Subledger, cohort: Cohort, entry: Entry, estimates: Mapping[str, int]) -> None:  # noqa: ARG001  # one of four
    ledger.release(entry, cohort, "redeemed")


def _estimate(ledger: Subledger, cohort: Cohort, entry: Entry, estimates: Mapping[str, int]) -> None:
    ledger.release(entry, cohort, "redeemed", estimates=estimates)


def _lapse(ledger: Subledger, cohort: Cohort, entry: Entry, estimates: Mapping[str, int]) -> None:  # noqa: ARG001  # one of four
    ledger.lapse(entry, cohort, is_ended=cohort.open_points == 0)


def _render(ledger: Subledger, cohort: Cohort, entry: Entry, estimates: Mapping[str, int]) -> None:  # noqa: ARG001  # one of four
    """Render service evenly over the life of points; the month in which they were issued counts as one."""
    price = ledger.prices.on(cohort.point_currency, ledger.last_day)
    funder = price.funders.get(cohort.funding) if price else None
    if funder is None or not cohort.exact[SERVICE]:
        return
    months = _number(ledger.last_day) - _number(date.fromisoformat(f"{cohort.period}-01")) + 1
    if months < funder.life_months:
        part = divide(multiply(cohort.exact[SERVICE], Decimal(max(months, 0))), Decimal(funder.life_months))
    else:
        part = cohort.exact[SERVICE]
    ledger.render(entry, cohort, rounded(part) - cohort.released[SERVICE])


def _number(day: date) -> int:
    return day.year * 12 + day.month
