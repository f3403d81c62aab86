"""How many points can pay for a basket, and what keeps it from being more."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec import Struct

from ledger.account.activity import available_points
from ledger.account.commands import ExpireHolds
from ledger.account.decide import decide
from ledger.account.errors import InsufficientPoints, InvalidPoints
from ledger.account.events import PointsRedeemed
from ledger.account.state import Account
from ledger.dates import as_utc, local_date
from ledger.errors import LedgerError
from ledger.program.state import Program
from ledger.program.terms import BurnRule
from rules.activity import Redemption
from rules.errors import BelowMinimum, ShareExceeded
from rules.instructions.asking import folded
from rules.pricing.plans import plan_of
from rules.pricing.price import price_redemption, version_in_force

_NOBODYS_ID: Final = "\x00"
"""An id that no redemption can have, so that none that is booked stands in the way."""

_ROUNDS: Final = 8


class Refused(Struct, frozen=True):
    """What a redemption would be refused for."""

    points: int
    refusal: LedgerError


class Spendable(Struct, frozen=True):
    """What the points of one currency can pay of a basket."""

    point_currency: str
    available_points: int
    maximum_points: int
    """The most that one redemption may ask for; 0 if none can."""
    value_minor: int
    """What they are worth."""
    reasons: tuple[Refused, ...]
    """Why not more, or why none."""


Attempt = Callable[[int], PointsRedeemed | LedgerError]


class Basket(Struct, frozen=True):
    """Something to be paid for."""

    program: Program
    account: Account
    """As it is; left alone."""
    occurred_at: datetime
    amount: Decimal
    """In major units."""


def attempt(basket: Basket, point_currency: str | None, points: int) -> PointsRedeemed | LedgerError:
    """
    Return what a redemption would be booked as, or refused for; asked of the same functions that book one.

    Args:
        basket: It would help to pay.
        point_currency: Of the points; ``None`` for that of the first burn rule.
        points: In its smallest unit.
    """
    asked = Redemption("quote", _NOBODYS_ID, "", basket.occurred_at, points, point_currency, basket.amount)
    try:
        made = decide(basket.account, price_redemption(asked, basket.program, basket.account))
    except LedgerError as refusal:
        return refusal
    event = made[-1]
    assert isinstance(event, PointsRedeemed)
    return event


def spendable(basket: Basket) -> list[Spendable]:
    """
    Return what the points of every currency that has a burn rule can pay of a basket.

    Raises:
        NoVersionInForce: Nothing was published for that moment.
    """
    plan = plan_of(basket.program, version_in_force(basket.program, basket.occurred_at))
    at, on = as_utc(basket.occurred_at), local_date(basket.occurred_at, plan.zone)
    settled = folded(basket.account, decide(basket.account, ExpireHolds(at, on)))
    found = []
    for code in dict.fromkeys(one.terms.point_currency for one in plan.burn):
        rules = [one.terms for one in plan.burn if one.terms.point_currency == code]
        available = available_points(settled, code, on)

        def ask(points: int, code: str = code) -> PointsRedeemed | LedgerError:
            return attempt(basket, code, points)

        found.append(_best(code, rules, available, ask))
    return found


def _best(code: str, rules: list[BurnRule], available: int, ask: Attempt) -> Spendable:
    found = [(_most(ask, rule, available), rule) for rule in rules]
    most, rule = max(found, key=lambda one: one[0])
    accepted = ask(most) if most else None
    value_minor = accepted.value_minor if isinstance(accepted, PointsRedeemed) else 0
    step = rule.step_points or 1
    tried = [most + step] if most else sorted({_least(rule), available} - {0})
    return Spendable(code, available, most, value_minor, tuple(_refusals(ask, tried)))


def _refusals(ask: Attempt, tried: list[int]) -> Iterator[Refused]:
    """Give what numbers of points are refused for, each reason once."""
    seen: set[type] = set()
    for points in tried:
        refusal = ask(points)
        if isinstance(refusal, LedgerError) and type(refusal) not in seen:
            seen.add(type(refusal))
            yield Refused(points, refusal)


def _least(rule: BurnRule) -> int:
    """Return the smallest number of points that a rule lets anybody redeem."""
    step = rule.step_points or 1
    return -(-(rule.minimum_points or 1) // step) * step


def _most(ask: Attempt, rule: BurnRule, available: int) -> int:
    """
    Return the largest number of points that is accepted; 0 if none is.

    What points are worth grows with them in any sensible rule, so it is found by halving. A rule that does otherwise
    gets a number that is accepted, with the next one refused, though perhaps not the largest of all.
    """
    step = rule.step_points or 1
    low, high, best = _least(rule) // step, available // step, 0
    if low > high:
        return 0
    for _ in range(_ROUNDS):
        found = _halved(ask, step, low, high)
        if not found:
            break
        best, low = found, found + 1
        if low > high or isinstance(ask(low * step), LedgerError):
            break
    if not best and not isinstance(ask(low * step), LedgerError):
        best = low
    return best * step


def _halved(ask: Attempt, step: int, low: int, high: int) -> int:
    """Return the largest number of steps that halving finds accepted; 0 if it finds none."""
    best, middle = 0, high
    while low <= high:
        match ask(middle * step):
            case PointsRedeemed():
                best, low = middle, middle + 1
            case BelowMinimum():
                low = middle + 1
            case InsufficientPoints() | ShareExceeded() | InvalidPoints():
                high = middle - 1
            case _:
                # The account, or the condition of the rule; fewer points are the likelier ones to be let through.
                high = middle - 1
        middle = (low + high) // 2
    return best
