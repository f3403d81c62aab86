"""What the books let through. Pure."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import assert_never

from msgspec import Struct

from ledger.bookkeeping.events import (
    BookkeepingEvent,
    EstimateApplied,
    PeriodClosed,
    PeriodReopened,
    SettingsSet,
)
from ledger.bookkeeping.state import Bookkeeping
from ledger.errors import InvalidInput, LedgerError

_PERIOD = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_COHORT = re.compile(r"\d{4}-(0[1-9]|1[0-2])/[^/]+/[^/]+")
_LARGEST = Decimal(10) ** 12
_MAX_POINTS = 10**18
_FINEST_DIGITS = 12


class BooksNotSetUp(LedgerError):
    """Nobody has said what a point is worth."""

    slug = "books-not-set-up"


class PeriodNotNext(LedgerError):
    """Months are closed one after the other."""

    slug = "period-not-next"


class PeriodIsClosed(LedgerError):
    """A closed month does not change."""

    slug = "period-closed"


class PeriodNotOver(LedgerError):
    """A month is closed when it is over."""

    slug = "period-not-over"


class PeriodNotClosed(LedgerError):
    """The month is not closed, or not the last closed one."""

    slug = "period-not-closed"


class BooksChanged(LedgerError):
    """Somebody changed the books meanwhile."""

    slug = "books-changed"


class StaleProposal(LedgerError):
    """The proposal is older than what the books, or the ledger, say by now."""

    slug = "stale-proposal"


class ClosePeriod(Struct, frozen=True):
    """Close a month with figures that were worked out from the books as of a revision."""

    closed: PeriodClosed
    revision: int


class ApplyProposal(Struct, frozen=True):
    """Apply the estimates of a proposal: of all of its cohorts, or none."""

    sha256: str
    """Of the document, in hex."""
    point_currency: str
    through: str
    """The last month that the proposal took in."""
    estimates: tuple[EstimateApplied, ...]


BookkeepingCommand = SettingsSet | EstimateApplied | ApplyProposal | ClosePeriod | PeriodReopened
"""Facts that need no more than a check are their own commands."""


def decide(books: Bookkeeping | None, command: BookkeepingCommand) -> Sequence[BookkeepingEvent]:
    """
    Turn a command into facts, or refuse it.

    Raises:
        InvalidInput: A figure is out of range, or a name is none.
        BooksNotSetUp: A month is to be closed, or estimates are to be applied, without settings.
        PeriodIsClosed: Settings are to hold from a day in a closed month.
        PeriodNotNext: Another month comes first.
        PeriodNotOver: The month is not over.
        PeriodNotClosed: Only the last closed month can be opened again.
        BooksChanged: The figures are of an earlier revision.
        StaleProposal: A later month than the last that it took in is closed.
    """
    books = books or Bookkeeping()
    match command:
        case SettingsSet():
            _check(command)
            if books.closings and period_of(command.effective_on) <= books.closings[-1].period:
                last = books.closings[-1].period
                raise PeriodIsClosed(f"{last} is closed; let it hold from a later month on.", pointer="/effective_on")
            currencies = {one.currency for one in books.settings if one.point_currency == command.point_currency}
            if currencies - {command.currency}:
                raise InvalidInput("The currency of a point currency's books does not change.", pointer="/currency")
            return [command]
        case EstimateApplied():
            return [_estimated(command)]
        case ApplyProposal():
            return _applied(books, command)
        case ClosePeriod():
            return [_closed(books, command)]
        case PeriodReopened():
            if not books.closings or books.closings[-1].period != command.period:
                raise PeriodNotClosed("Only the last closed month can be opened again.", pointer="/period")
            return [command]
        case _:
            assert_never(command)


def check_next(books: Bookkeeping | None, period: str) -> None:
    """
    Tell whether a month can be closed now.

    Raises:
        InvalidInput: It is no month.
        BooksNotSetUp: There are no settings.
        PeriodIsClosed: It is closed.
        PeriodNotNext: Another month comes first.
    """
    check_period(period)
    if books is None or not books.settings:
        raise BooksNotSetUp("Say first what a point is worth.")
    if books.closings:
        last = books.closings[-1].period
        if period <= last:
            raise PeriodIsClosed(f"{last} is closed, and all before it.", pointer="/period")
        if period != following(last):
            raise PeriodNotNext(f"{following(last)} comes first.", pointer="/period", next_period=following(last))


def check_over(period: str, now: datetime) -> None:
    """
    Tell whether a month is over, in UTC.

    Raises:
        PeriodNotOver: It is not.
    """
    if period >= period_of(now.date()):
        raise PeriodNotOver(f"{period} is not over yet.", pointer="/period")


def check_period(period: str) -> None:
    """
    Tell whether a text names a month.

    Raises:
        InvalidInput: It does not.
    """
    if not _PERIOD.fullmatch(period) or period < "0001-01":
        raise InvalidInput(f"A month looks like 2026-11, not {period!r}.", pointer="/period")


def period_of(day: date) -> str:
    """Return the month of a date."""
    return f"{day.year:04}-{day.month:02}"


def following(period: str) -> str:
    """Return the month after."""
    year, month = map(int, period.split("-"))
    return f"{year + month // 12:04}-{month % 12 + 1:02}"


def _closed(books: Bookkeeping, command: ClosePeriod) -> PeriodClosed:
    check_next(books, command.closed.period)
    check_over(command.closed.period, command.closed.occurred_at)
    if command.revision != books.revision:
        raise BooksChanged("The settings, an estimate or a month changed while it was worked out; close it again.")
    return command.closed


def _applied(books: Bookkeeping, command: ApplyProposal) -> list[BookkeepingEvent]:
    code = command.point_currency
    if code not in {one.point_currency for one in books.settings}:
        raise BooksNotSetUp(f"Say first what a point of {code!r} is worth.", pointer="/point_currency")
    if books.closings and (last := books.closings[-1].period) > command.through:
        raise StaleProposal(
            f"It took in what happened through {command.through}, and {last} is closed; make another.",
            through=command.through,
            closed_period=last,
        )
    return [_estimated(one) for one in command.estimates]


def _estimated(command: EstimateApplied) -> EstimateApplied:
    if not _COHORT.fullmatch(command.cohort):
        raise InvalidInput("A cohort looks like 2026-11/own/points.", pointer="/cohort")
    if not 0 <= command.redeemed_points <= _MAX_POINTS:
        raise InvalidInput("An estimate is a number of points, zero or more.", pointer="/redeemed_points")
    return command


def _check(settings: SettingsSet) -> None:
    _amount(settings.point_value_minor, "/point_value_minor")
    if settings.point_cost_minor:
        _amount(settings.point_cost_minor, "/point_cost_minor")
    if _amount(settings.redemption_rate, "/redemption_rate") > 1:
        raise InvalidInput("A redemption rate lies between 0 and 1.", pointer="/redemption_rate")
    if settings.expiry_method not in {"proportional", "remote"}:
        raise InvalidInput("An expiry method is proportional or remote.", pointer="/expiry_method")
    _check_partners(settings)


def _check_partners(settings: SettingsSet) -> None:
    for number, funder in enumerate(settings.funders):
        for name in ("redemption_minor", "service_minor", "at_redemption_minor"):
            _amount(getattr(funder, name), f"/funders/{number}/{name}")
        if not 0 <= funder.life_months <= 1200:  # noqa: PLR2004  # a century
            raise InvalidInput("A life is 0 to 1200 months.", pointer=f"/funders/{number}/life_months")
    for number, supplier in enumerate(settings.suppliers):
        _amount(supplier.reimbursement_minor, f"/suppliers/{number}/reimbursement_minor")
        if supplier.role not in {"principal", "agent"}:
            raise InvalidInput("A role is principal or agent.", pointer=f"/suppliers/{number}/role")
    for names, pointer in (
        ([one.funding for one in settings.funders], "/funders"),
        ([one.source for one in settings.suppliers], "/suppliers"),
    ):
        if len(set(names)) != len(names):
            raise InvalidInput("Each is named once.", pointer=pointer)


def _amount(text: str, pointer: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise InvalidInput(f"{text!r} is no decimal number.", pointer=pointer) from None
    exponent = amount.as_tuple().exponent
    if not amount.is_finite() or not 0 <= amount < _LARGEST or not isinstance(exponent, int):
        raise InvalidInput("It lies between 0 and a million million.", pointer=pointer)
    if exponent < -_FINEST_DIGITS:
        raise InvalidInput(f"It has at most {_FINEST_DIGITS} digits after the point.", pointer=pointer)
    return amount
