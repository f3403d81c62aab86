"""What an account allows. Pure: the same account and command always give the same facts."""

import copy
from collections.abc import Callable
from typing import Any, Final

from ledger.account import commands as ask
from ledger.account.commands import AccountCommand, ExpireHolds, OpenAccount
from ledger.account.deciding import earning, moving, returning, spending, standing, timing
from ledger.account.errors import AccountClosed, AccountNotOpen, AccountSuspended
from ledger.account.events import AccountEvent, AccountOpened
from ledger.account.evolve import evolve
from ledger.account.state import Account

_ONE: Final[dict[type, Callable[[Account, Any], AccountEvent]]] = {
    ask.PostPurchase: earning.post_purchase,
    ask.Accrue: earning.accrue,
    ask.Redeem: spending.redeem,
    ask.ReverseRedemption: spending.reverse,
    ask.HoldPoints: spending.hold,
    ask.CaptureHold: spending.capture,
    ask.VoidHold: spending.void,
    ask.ReturnPurchase: returning.return_purchase,
    ask.RepricePurchase: returning.reprice_purchase,
    ask.AdjustPoints: moving.adjust,
    ask.ReinstatePoints: moving.reinstate,
    ask.TransferOut: moving.transfer_out,
    ask.TransferIn: moving.transfer_in,
    ask.SuspendAccount: standing.suspend,
    ask.LiftSuspension: standing.lift,
}
"""Commands that become one fact."""

_SEVERAL: Final[dict[type, Callable[[Account, Any], list[AccountEvent]]]] = {
    ask.ReleaseLots: timing.release,
    ask.ConfirmLots: timing.confirm,
    ask.CancelLots: timing.cancel,
    ask.ExpireLots: timing.expire,
    ask.ChangeExpiry: timing.change_expiry,
    ask.CloseAccount: standing.close,
    ask.EraseMember: standing.erase,
    ask.ChangeTier: standing.change_tier,
    ask.RetainTier: standing.retain_tier,
    ask.CloseQualifyingPeriod: standing.close_period,
}
"""Commands that become none, one or several."""

_SPENDING: Final = frozenset({ask.Redeem, ask.HoldPoints, ask.TransferOut})
_EARNING: Final = frozenset({ask.PostPurchase, ask.Accrue, ask.TransferIn})
_ACTIVITY: Final = _SPENDING | _EARNING | {ask.CaptureHold, ask.AdjustPoints}
"""What may be activity that keeps points alive."""
_OF_CLOSED: Final = frozenset(
    {
        ask.ReverseRedemption,
        ask.ReturnPurchase,
        ask.RepricePurchase,
        ask.ExpireLots,
        ask.AdjustPoints,
        ask.EraseMember,
        ExpireHolds,
    }
)
"""What is still booked on an account that was closed: the undoing of what was before, operators' corrections, and that
the member was forgotten."""


def decide(account: Account | None, command: AccountCommand) -> list[AccountEvent]:
    """
    Turn a command into facts, or refuse it.

    What time has decided before the command is recorded first, in the same breath: holds that ended, and points that
    inactivity took. Then the checks of each command run in the order in which `docs/errors.md` lists their refusals.

    Raises:
        AccountNotOpen: Anything but opening is asked of an account that is not open.
        AccountClosed: It was closed.
        AccountSuspended: It is suspended, and this is not allowed meanwhile.
        LedgerError: Further refusals of the command.
    """
    if isinstance(command, OpenAccount):
        return [] if account else [_opened(command)]
    if account is None:
        raise AccountNotOpen("The member has no account in this program; enrol the member first.")
    kind = type(command)
    if account.status != "open":
        _check_status(account, kind)
    settled: list[AccountEvent] = []
    if account.holds or account.has_idle_lots:
        account, settled = _settled(account, command)
    decide_one = _ONE.get(kind)
    if decide_one is not None:
        event = decide_one(account, command)
        return [*settled, event] if settled else [event]
    if kind is ExpireHolds:
        return settled
    return [*settled, *_SEVERAL[kind](account, command)]


def _opened(command: OpenAccount) -> AccountOpened:
    return AccountOpened(command.program_id, command.member_id, command.occurred_at, command.effective_on)


def _check_status(account: Account, kind: type) -> None:
    if account.status == "closed" and kind not in _OF_CLOSED:
        into = f" It was merged into that of member {account.merged_into}." if account.merged_into else ""
        raise AccountClosed(f"The account is closed.{into}", merged_into=account.merged_into or None)
    may_earn = account.status == "earn_only"
    if account.status != "closed" and (kind in _SPENDING or (kind in _EARNING and not may_earn)):
        allowed = "purchases earn, and nothing can be spent" if may_earn else "nothing can be earned or spent"
        raise AccountSuspended(f"The account is suspended: {allowed} until that is lifted.", may_earn=may_earn)


def _settled(account: Account, command: AccountCommand) -> tuple[Account, list[AccountEvent]]:
    """Return what time decided before a command, and the account as it is then; the one given is left alone."""
    at, on = command.occurred_at, command.effective_on
    events = timing.ended_holds(account, at, on)
    if events:
        account = _with(account, events)
    if account.has_idle_lots and type(command) in _ACTIVITY:
        idle = timing.idle_lots(account, at, on)
        if idle:
            account = _with(account, idle)
            events += idle
    return account, events


def _with(account: Account, events: list[AccountEvent]) -> Account:
    account = copy.deepcopy(account)
    for event in events:
        account = evolve(account, event)
    return account
