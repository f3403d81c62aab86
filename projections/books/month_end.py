"""What the end of a month posts, cohort by cohort, after all of its events."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from projections.books import chart
from projections.books.amounts import divide, multiply, rounded
from projections.books.cohorts import SERVICE, Cohort
from projections.books.entries import Entry
from projections.books.scheme import FUNDED
from projections.books.subledger import Subledger

_KIND = "books.period_closed.v1"
CHANGE_OF_ESTIMATE = "Change of estimate"


def end_month(  # a month, and what is only known at its end
    ledger: Subledger, period: str, currency: str, estimates: Mapping[str, int], entry_type: type[Entry]
) -> Iterator[Entry]:
    """
    Post what only the whole month tells; a change of estimate is cumulative, and an entry of its own.

    Args:
        ledger: After the last event.
        period: The month.
        currency: Of its money.
        estimates: By cohort, as they are now.
        entry_type: As the version of the scheme has them.
    """
    number = 0
    day = ledger.last_day
    for key in sorted(ledger.cohorts):
        cohort = ledger.cohorts[key]
        for description, post in (
            ("Release by redemption, up to date", _redeem),
            (CHANGE_OF_ESTIMATE, _estimate),
            ("Rest of points that are no longer open", _lapse),
            ("Service rendered", _render),
        ):
            entry = entry_type(f"{period}:{number + 1}", day, day, _KIND, currency, description, [])
            post(ledger, cohort, entry, estimates)
            if entry.postings:
                number += 1
                yield entry
    for source, minor in ledger.unsettled().items():
        number += 1
        description = "Reimbursement, up to date"
        entry = entry_type(f"{period}:{number}", day, day, _KIND, currency, description, [])
        _settle(ledger, entry, source, minor)
        yield entry


def _settle(ledger: Subledger, entry: Entry, source: str, minor: int) -> None:
    """Post what rounding and reversals left between what a supplier or funder owes and what was posted of it."""
    if source.startswith(FUNDED):
        ledger.post(entry, chart.UNBILLED, minor)
        ledger.post(entry, chart.REDEMPTIONS, -minor)
        return
    role = ledger.prices.role_of(source, ledger.last_day)
    ledger.post(entry, chart.SERVICE if role == "agent" else chart.REWARDS, minor)
    ledger.post(entry, chart.REIMBURSEMENT, -minor)


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
