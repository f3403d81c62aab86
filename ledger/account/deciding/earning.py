"""Purchases, and accruals that no purchase stands behind."""

from ledger.account.commands import Accrue, PostPurchase
from ledger.account.deciding.booking import booked
from ledger.account.errors import InvalidPoints
from ledger.account.events import PointsAccrued, PurchasePosted
from ledger.account.state import Account


def post_purchase(account: Account, command: PostPurchase) -> PurchasePosted:
    """Book a purchase with everything that it earned."""
    balances = account.balances()
    accruals, repaid = booked(account, command.awards, balances)
    return PurchasePosted(
        command.source,
        command.transaction_id,
        command.occurred_at,
        command.effective_on,
        command.amount_minor,
        command.currency,
        command.program_version,
        accruals,
        balances,
        command.lines,
        command.attributes,
        command.counts,
        repaid,
        command.overtaken_by,
        command.promised,
    )


def accrue(account: Account, command: Accrue) -> PointsAccrued:
    """Book points that no purchase stands behind."""
    balances = account.balances()
    accruals, repaid = booked(account, command.awards, balances)
    if not accruals:
        raise InvalidPoints("An accrual without a purchase must book at least one point.", pointer="/points")
    return PointsAccrued(
        command.source,
        command.accrual_id,
        command.occurred_at,
        command.effective_on,
        command.reason,
        accruals,
        balances,
        command.counts,
        repaid,
    )
