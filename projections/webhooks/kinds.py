"""What events are called outside: names that stay, whatever becomes of topics and classes."""

from typing import Final

from ledger.account import events
from ledger.account.events import AccountEvent

TEST: Final = "webhook.test"
"""Sent by hand only; nobody has to subscribe to it."""

EVERY: Final = "*"
"""Subscribes to every kind there is, and to those to come."""

_KINDS: dict[type[AccountEvent], str] = {
    events.AccountOpened: "account.opened",
    events.AccountSuspended: "account.suspended",
    events.SuspensionLifted: "account.resumed",
    events.AccountClosed: "account.closed",
    events.MemberErased: "member.erased",
    events.PurchasePosted: "purchase.posted",
    events.PurchaseReturned: "purchase.returned",
    events.PurchaseRepriced: "purchase.repriced",
    events.PointsAccrued: "points.accrued",
    events.PointsAdjusted: "points.adjusted",
    events.PointsRedeemed: "points.redeemed",
    events.RedemptionReversed: "redemption.reversed",
    events.PointsHeld: "hold.placed",
    events.HoldCaptured: "hold.captured",
    events.HoldVoided: "hold.voided",
    events.HoldExpired: "hold.expired",
    events.LotsReleased: "points.released",
    events.LotsExpired: "points.lapsed",
    events.PointsReinstated: "points.reinstated",
    events.ExpiryChanged: "points.expiry_changed",
    events.VoucherIssued: "voucher.issued",
    events.PointsTransferredOut: "points.transferred_out",
    events.PointsTransferredIn: "points.transferred_in",
    events.TierChanged: "tier.changed",
    events.TierRetained: "tier.retained",
    events.QualifyingPeriodClosed: "period.closed",
}

KIND_OF: Final = {event_type.TOPIC: kind for event_type, kind in _KINDS.items()}
"""From topic to public name. Several versions of a topic may share one."""

KINDS: Final = tuple(sorted(set(KIND_OF.values())))
"""Everything that can be subscribed to by name."""
