"""Whether an account may be used, and which tier it holds."""

from ledger.account.commands import (
    ChangeTier,
    CloseAccount,
    CloseQualifyingPeriod,
    EraseMember,
    LiftSuspension,
    RetainTier,
    SuspendAccount,
)
from ledger.account.deciding.timing import everything
from ledger.account.errors import AlreadySuspended, HoldsOpen, NotSuspended, PointsOwed
from ledger.account.events import (
    AccountClosed,
    AccountEvent,
    AccountSuspended,
    MemberErased,
    QualifyingPeriodClosed,
    SuspensionLifted,
    TierChanged,
    TierRetained,
)
from ledger.account.state import Account


def suspend(account: Account, command: SuspendAccount) -> AccountSuspended:
    """Stop the account; one that is stopped in another way is stopped in this one from now on."""
    wanted = "earn_only" if command.may_earn else "suspended"
    if account.status == wanted:
        raise AlreadySuspended("The account is suspended in this way already.")
    return AccountSuspended(
        command.source,
        command.occurred_at,
        command.effective_on,
        command.reason,
        command.may_earn,
        account.balances(),
    )


def lift(account: Account, command: LiftSuspension) -> SuspensionLifted:
    """Let the account go on."""
    if account.status == "open":
        raise NotSuspended("The account is not suspended.")
    return SuspensionLifted(
        command.source, command.occurred_at, command.effective_on, command.reason, account.balances()
    )


def close(account: Account, command: CloseAccount) -> list[AccountEvent]:
    """End the account; points that are left lapse."""
    _check_holds(account)
    if command.merged_into and any(book.debts for book in account.books.values()):
        owed = {code: book.owed_points for code, book in account.books.items() if book.debts}
        raise PointsOwed("An account that owes points cannot be merged into another; settle it first.", owed=owed)
    events = everything(account, command.occurred_at, command.effective_on)
    balances = events[-1].balances if events else account.balances()
    return [
        *events,
        AccountClosed(
            command.source,
            command.occurred_at,
            command.effective_on,
            command.reason,
            balances,
            command.merged_into,
        ),
    ]


def erase(account: Account, command: EraseMember) -> list[AccountEvent]:
    """Record that the member is forgotten; where points are forfeited, the account ends first."""
    _check_holds(account)
    at, on = command.occurred_at, command.effective_on
    ended: list[AccountEvent] = []
    balances = account.balances()
    if command.forfeits and account.status != "closed":
        lapsed = everything(account, at, on)
        balances = lapsed[-1].balances if lapsed else balances
        ended = [*lapsed, AccountClosed(command.source, at, on, command.reason, balances)]
    points = "forfeit" if command.forfeits else "keep"
    erased = MemberErased(
        command.source, at, on, account.member_id, command.reason, points, command.principal, balances
    )
    return [*ended, erased]


def _check_holds(account: Account) -> None:
    if account.holds:
        message = f"{len(account.holds)} hold(s) are open; capture or void them first."
        raise HoldsOpen(message, hold_ids=sorted(account.holds)[:10])


def change_tier(account: Account, command: ChangeTier) -> list[AccountEvent]:
    """Record another tier."""
    return [tier_event(account, command, account.balances())]


def retain_tier(account: Account, command: RetainTier) -> list[AccountEvent]:
    """Record that a tier is held, or waits below, for longer."""
    return [tier_event(account, command, account.balances())]


def tier_event(account: Account, command: ChangeTier | RetainTier, balances: dict[str, int]) -> AccountEvent:
    """
    Return what is recorded of a tier in the same breath with what changed it.

    Args:
        account: As it was before both.
        command: What becomes of the tier.
        balances: After what changed it.
    """
    if isinstance(command, RetainTier):
        return TierRetained(
            command.ladder,
            command.tier,
            command.occurred_at,
            command.effective_on,
            command.valid_until,
            command.period,
            balances,
            command.reason,
        )
    held = account.tiers.get(command.ladder)
    return TierChanged(
        command.ladder,
        command.tier,
        held.tier if held else "",
        command.occurred_at,
        command.effective_on,
        command.reason,
        command.valid_until,
        command.period,
        command.withdrawn,
        balances,
    )


def close_period(account: Account, command: CloseQualifyingPeriod) -> list[AccountEvent]:
    """Record that a window is over."""
    return [
        QualifyingPeriodClosed(
            command.ladder,
            command.period,
            command.occurred_at,
            command.effective_on,
            command.counted,
            command.carried,
            command.tier,
            account.balances(),
        )
    ]
