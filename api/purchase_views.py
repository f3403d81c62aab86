"""A purchase as the outside sees it."""

from datetime import date, datetime

from msgspec import Struct

from api.resources import position_token, uuid_text
from ledger.account.events import Accrual, PurchasePosted, Repayment
from ledger.posting.instruction import Posted
from rules.tills.variance import variance


class AccrualView(Struct, frozen=True):
    """Points booked to one lot. Points in the smallest unit of their currency."""

    lot: int
    point_currency: str
    points: int
    available_from: date
    expires_on: date | None
    """First date on which they can no longer be spent; null means never."""
    kind: str
    rule: str
    funding: str
    awaits: str = ""
    """The business event that makes them available; empty if they await none."""
    cancels_on: date | None = None
    """First date on which they are lost if that event has not come."""


class PurchaseView(Struct, frozen=True):
    """A purchase as it was booked."""

    account_id: str
    version: int
    """Of the account: the number of this event in its stream."""
    position: str
    """Reads that are given this as min_position show the purchase."""
    recorded_at: datetime
    source: str
    transaction_id: str
    occurred_at: datetime
    effective_on: date
    amount_minor: int
    currency: str
    program_version: int
    """The published version that priced it."""
    points: int
    """Earned in all."""
    accruals: list[AccrualView]
    balances: dict[str, int]
    """Points of every point currency after it, held ones included and debts taken off."""
    repaid: tuple[Repayment, ...]
    """Points that paid back at once what the member owed, and what had left that debt."""
    overtaken_by: tuple[str, ...]
    """Redemptions that happened later, were booked before it arrived, and took other lots than they would have."""
    replayed: bool
    """It was booked before; this is the first answer again."""
    promised: dict[str, int] | None = None
    """What a till promised, per point currency; null where none did."""
    variance: dict[str, int] | None = None
    """What was booked less what was promised, per point currency."""
    variance_reason: str | None = None
    """Why they differ; null where they do not."""


def purchase_view(posted: Posted) -> PurchaseView:
    """Return a purchase as it was booked."""
    event = posted.event
    assert isinstance(event, PurchasePosted)
    assert posted.recorded_at is not None
    return PurchaseView(
        uuid_text(posted.stream_id),
        posted.version,
        position_token(posted),
        posted.recorded_at,
        event.source,
        event.transaction_id,
        event.occurred_at,
        event.effective_on,
        event.amount_minor,
        event.currency,
        event.program_version,
        sum(accrual.points for accrual in event.accruals),
        [accrual_view(accrual) for accrual in event.accruals],
        event.balances,
        event.repaid,
        event.overtaken_by,
        posted.replayed,
        *_against_promise(event),
    )


def _against_promise(event: PurchasePosted) -> tuple[dict[str, int] | None, dict[str, int] | None, str | None]:
    if event.promised is None:
        return None, None, None
    return event.promised.points, variance(event), event.promised.reason or None


def accrual_view(accrual: Accrual) -> AccrualView:
    """Return an accrual as the outside sees it."""
    return AccrualView(
        accrual.lot,
        accrual.point_currency,
        accrual.points,
        accrual.available_from,
        accrual.expires_on,
        accrual.kind,
        accrual.rule,
        accrual.funding,
        accrual.awaits,
        accrual.cancels_on,
    )
