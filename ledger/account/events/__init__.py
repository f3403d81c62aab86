"""
What happened to an account: the stored contract, version 1.

Fields left at their default are not stored, so a default may never change. Points are integers in the smallest
unit of their point currency, money is integer minor units. ``balances`` names every point currency of the account
with the points it has after the event, held ones included and debts subtracted; together with the stream version it
lets a consumer drop stale news.
"""

from ledger.account.events.earning import (
    PointsAccrued,
    PurchasePosted,
    PurchaseRepriced,
    PurchaseReturned,
    RuleChange,
)
from ledger.account.events.moving import (
    ExpiryChanged,
    LotsExpired,
    LotsReleased,
    NewDates,
    PointsAdjusted,
    PointsReinstated,
    PointsTransferredIn,
    PointsTransferredOut,
    VoucherIssued,
)
from ledger.account.events.parts import (
    ORDINARY,
    OWN,
    Accrual,
    Attributes,
    Count,
    LotMove,
    LotPoints,
    Promised,
    PurchaseLine,
    Repayment,
)
from ledger.account.events.spending import (
    HoldCaptured,
    HoldExpired,
    HoldVoided,
    PointsHeld,
    PointsRedeemed,
    RedemptionReversed,
)
from ledger.account.events.standing import (
    AccountClosed,
    AccountOpened,
    AccountSuspended,
    MemberErased,
    QualifyingPeriodClosed,
    SuspensionLifted,
    TierChanged,
    TierRetained,
)

AccountEvent = (
    AccountOpened
    | PurchasePosted
    | PointsAccrued
    | PurchaseReturned
    | PurchaseRepriced
    | PointsRedeemed
    | RedemptionReversed
    | PointsHeld
    | HoldCaptured
    | HoldVoided
    | HoldExpired
    | LotsReleased
    | LotsExpired
    | VoucherIssued
    | PointsReinstated
    | ExpiryChanged
    | PointsAdjusted
    | PointsTransferredOut
    | PointsTransferredIn
    | AccountSuspended
    | SuspensionLifted
    | AccountClosed
    | MemberErased
    | TierChanged
    | TierRetained
    | QualifyingPeriodClosed
)

__all__ = [
    "ORDINARY",
    "OWN",
    "AccountClosed",
    "AccountEvent",
    "AccountOpened",
    "AccountSuspended",
    "Accrual",
    "Attributes",
    "Count",
    "ExpiryChanged",
    "HoldCaptured",
    "HoldExpired",
    "HoldVoided",
    "LotMove",
    "LotPoints",
    "LotsExpired",
    "LotsReleased",
    "MemberErased",
    "NewDates",
    "PointsAccrued",
    "PointsAdjusted",
    "PointsHeld",
    "PointsRedeemed",
    "PointsReinstated",
    "PointsTransferredIn",
    "PointsTransferredOut",
    "Promised",
    "PurchaseLine",
    "PurchasePosted",
    "PurchaseRepriced",
    "PurchaseReturned",
    "QualifyingPeriodClosed",
    "RedemptionReversed",
    "Repayment",
    "RuleChange",
    "SuspensionLifted",
    "TierChanged",
    "TierRetained",
    "VoucherIssued",
]
