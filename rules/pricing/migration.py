"""A changed policy of expiry, for points that were earned under an older one."""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from ledger.account.activity import lapses_on
from ledger.account.events import NewDates
from ledger.account.state import Account
from rules.pricing.plans import LotPolicy, Plan, lot_policy


class Concerned(Struct, frozen=True):
    """A lot that would get other dates."""

    dates: NewDates
    points: int
    before: date | None
    """First date on which it lapses as it is; null for never."""
    after: date | None
    """As it would be, if the member does nothing."""


def policies(plan: Plan) -> dict[str, LotPolicy]:
    """Return the policy of every point currency of a version; rules with an expiry of their own are not asked."""
    return {one.code: lot_policy(one) for one in plan.version.terms.point_currencies}


def concerned(account: Account, found: dict[str, LotPolicy]) -> Iterable[Concerned]:
    """
    Give the open lots that a version's policies would give other dates.

    Args:
        account: As it is.
        found: From `policies`.
    """
    if account.status == "closed":
        return
    for code, book in account.books.items():
        policy = found.get(code)
        if policy is None:
            continue
        for lot in book.lots.values():
            expires_on = policy.dates(lot.earned_on)[1]
            if (expires_on, policy.idle_months, policy.activities) == (
                lot.expires_on,
                lot.idle_months,
                lot.activities,
            ):
                continue
            dates = NewDates(lot.lot, code, expires_on, policy.idle_months, policy.activities)
            changed = lot.part(lot.points)
            changed.expires_on = expires_on
            changed.idle_months, changed.activities = policy.idle_months, policy.activities
            yield Concerned(dates, lot.points, lapses_on(account, lot), lapses_on(account, changed))
