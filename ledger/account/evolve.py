"""Folding events into an account. Never refuses: what is recorded has happened."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import assert_never

from ledger.account import activity
from ledger.account.books import Book, Lot
from ledger.account.events import (
    AccountClosed,
    AccountEvent,
    AccountOpened,
    AccountSuspended,
    Accrual,
    Count,
    ExpiryChanged,
    HoldCaptured,
    HoldExpired,
    HoldVoided,
    LotMove,
    LotPoints,
    LotsExpired,
    LotsReleased,
    MemberErased,
    PointsAccrued,
    PointsAdjusted,
    PointsHeld,
    PointsRedeemed,
    PointsReinstated,
    PointsTransferredIn,
    PointsTransferredOut,
    PurchasePosted,
    PurchaseRepriced,
    PurchaseReturned,
    QualifyingPeriodClosed,
    RedemptionReversed,
    Repayment,
    RuleChange,
    SuspensionLifted,
    TierChanged,
    TierRetained,
    VoucherIssued,
)
from ledger.account.order import ACCRUAL, MOVES, PURCHASE, Place, place_of
from ledger.account.state import Account, Held, Hold, Redemption, Voucher


def evolve(account: Account | None, event: AccountEvent) -> Account:
    """Fold one recorded fact into the account."""
    if account is None:
        # Every account stream begins with AccountOpened; the decider lets nothing else through.
        assert isinstance(event, AccountOpened)
        return Account(event.program_id, event.member_id, event.effective_on)
    match event:
        case PurchasePosted():
            _purchase(account, event)
        case PointsAccrued():
            _accrue(account, event.accruals, event.effective_on)
            _repay(account, event.repaid)
            _count(account, event.counts)
            _active(account, activity.ACCRUAL, event.effective_on)
            _reached(account, (event.occurred_at, ACCRUAL, event.source, event.accrual_id))
        case PointsRedeemed():
            book = account.books[event.point_currency]
            book.redeemed_points += event.points
            _remember(account, event, _take(book, event.taken))
            _active(account, activity.REDEMPTION, event.effective_on)
            _moved(account, event.occurred_at)
        case _:
            _evolve_further(account, event)
            if isinstance(event, MOVES):
                _moved(account, event.occurred_at)
    return account


def _evolve_further(account: Account, event: AccountEvent) -> None:
    match event:
        case PointsHeld() | HoldCaptured() | HoldVoided() | HoldExpired() | RedemptionReversed():
            _spending(account, event)
        case PurchaseReturned() | PurchaseRepriced():
            _reprice(account, event)
        case LotsReleased() | LotsExpired() | VoucherIssued() | ExpiryChanged():
            _time(account, event)
        case PointsReinstated() | PointsAdjusted() | PointsTransferredIn() | PointsTransferredOut():
            _moving(account, event)
        case AccountSuspended() | SuspensionLifted() | AccountClosed():
            _status(account, event)
        case TierChanged() | TierRetained():
            _tier(account, event)
        case MemberErased() | QualifyingPeriodClosed() | AccountOpened():
            pass
        case PurchasePosted() | PointsAccrued() | PointsRedeemed():
            pass
        case _:
            assert_never(event)


def _purchase(account: Account, event: PurchasePosted) -> None:
    account.purchase_count += 1
    account.spent_minor += event.amount_minor
    if account.last_purchase_on is None or account.last_purchase_on < event.effective_on:
        account.last_purchase_on = event.effective_on
    if event.accruals:
        _accrue(account, event.accruals, event.effective_on)
    if event.repaid:
        _repay(account, event.repaid)
    if event.counts:
        _count(account, event.counts)
    _active(account, activity.PURCHASE, event.effective_on)
    _reached(account, (event.occurred_at, PURCHASE, event.source, event.transaction_id))


def _reached(account: Account, place: Place) -> None:
    if account.last_place is None or account.last_place < place:
        account.last_place = place


def _moved(account: Account, at: datetime) -> None:
    if account.last_moved_at is None or account.last_moved_at < at:
        account.last_moved_at = at


def _active(account: Account, kind: str, on: date) -> None:
    last = account.last_active.get(kind)
    if last is None or last < on:
        account.last_active[kind] = on


def _accrue(account: Account, accruals: Iterable[Accrual], earned_on: date, *, is_new: bool = True) -> None:
    """Make lots; those that are not new points, but came from elsewhere, are not counted as accrued."""
    for accrual in accruals:
        book = account.books.get(accrual.point_currency)
        if book is None:
            book = account.books[accrual.point_currency] = Book()
        account.lot_count = accrual.lot
        if is_new:
            book.accrued_points += accrual.points
        book.lots[accrual.lot] = Lot(
            accrual.lot,
            accrual.points,
            accrual.earned_on or earned_on,
            accrual.available_from,
            accrual.expires_on,
            accrual.kind,
            accrual.funding,
            accrual.awaits,
            accrual.cancels_on,
            accrual.idle_months,
            accrual.activities,
            accrual.converts,
        )
        if accrual.idle_months:
            account.has_idle_lots = True
        if accrual.cap_periods:
            _use_cap(account, accrual.rule, accrual.cap_periods, accrual.points)


def _use_cap(account: Account, rule: str, periods: Iterable[str], points: int) -> None:
    used = account.capped_points.setdefault(rule, {})
    for period in periods:
        used[period] = used.get(period, 0) + points
        if not used[period]:
            del used[period]
    if not used:
        del account.capped_points[rule]


def _count(account: Account, counts: Iterable[Count]) -> None:
    for count in counts:
        periods = account.counters.setdefault(count.counter, {})
        periods[count.period] = periods.get(count.period, 0) + count.amount
        if not periods[count.period]:
            del periods[count.period]
        if not periods:
            del account.counters[count.counter]


def _repay(account: Account, repaid: Iterable[Repayment]) -> None:
    for part in repaid:
        book = account.books[part.point_currency]
        _take_lot(book, part.lot, part.points)
        book.debts[part.debt] -= part.points
        if not book.debts[part.debt]:
            del book.debts[part.debt]


def _owe(account: Account, debts: dict[str, int], cause: str) -> None:
    for code, points in debts.items():
        book = account.books[code]
        book.debts[cause] = book.debts.get(cause, 0) + points


def _take_lot(book: Book, number: int, points: int) -> Lot:
    """Take points from a lot, and return what was taken as a lot of its own."""
    lot = book.lots[number]
    lot.points -= points
    if not lot.points:
        del book.lots[number]
    return lot.part(points)


def _take(book: Book, taken: Iterable[LotPoints]) -> list[Lot]:
    return [_take_lot(book, part.lot, part.points) for part in taken]


def _take_moves(account: Account, taken: Iterable[LotMove]) -> None:
    for part in taken:
        _take_lot(account.books[part.point_currency], part.lot, part.points)


def _give_back(book: Book, lot: Lot, points: int) -> None:
    open_lot = book.lots.get(lot.lot)
    if open_lot is None:
        book.lots[lot.lot] = lot.part(points)
    else:
        open_lot.points += points


def _return(book: Book, taken: list[Lot], returned: Iterable[LotPoints]) -> list[Lot]:
    """Give points back to the lots they were taken from, and return what is still taken."""
    left = {lot.lot: lot for lot in taken}
    for part in returned:
        lot = left[part.lot]
        _give_back(book, lot, part.points)
        left[part.lot] = lot.part(lot.points - part.points)
    return [lot for lot in left.values() if lot.points]


def _remember(account: Account, event: PointsRedeemed | HoldCaptured, taken: list[Lot]) -> None:
    account.redemptions[event.redemption_id] = Redemption(
        event.point_currency,
        event.points,
        event.effective_on,
        taken,
        event.value_minor,
    )


def _spending(
    account: Account,
    event: PointsHeld | HoldCaptured | HoldVoided | HoldExpired | RedemptionReversed,
) -> None:
    book = account.books[event.point_currency]
    match event:
        case RedemptionReversed():
            book.reversed_points += event.points
            redemption = account.redemptions[event.redemption_id]
            redemption.taken = _return(book, redemption.taken, event.returned)
            redemption.reversed_points += event.points
            _repay(account, event.repaid)
        case PointsHeld():
            book.held_points += event.points
            taken = _take(book, event.taken)
            account.holds[event.hold_id] = Hold(
                event.point_currency, event.points, event.expires_at, taken, event.amount_minor
            )
        case HoldCaptured():
            hold = account.holds.pop(event.hold_id)
            book.held_points -= hold.points
            book.redeemed_points += event.points
            _remember(account, event, _return(book, hold.taken, event.returned))
            _repay(account, event.repaid)
            account.resolved_holds[event.hold_id] = "captured"
            _active(account, activity.REDEMPTION, event.effective_on)
        case HoldVoided() | HoldExpired():
            hold = account.holds.pop(event.hold_id)
            book.held_points -= hold.points
            _return(book, hold.taken, event.returned)
            _repay(account, event.repaid)
            account.resolved_holds[event.hold_id] = "voided" if isinstance(event, HoldVoided) else "expired"
        case _:
            assert_never(event)


def _reprice(account: Account, event: PurchaseReturned | PurchaseRepriced) -> None:
    for part in event.taken:
        _take_lot(account.books[part.point_currency], part.lot, part.points)
        account.books[part.point_currency].clawed_back_points += part.points
    for code, points in event.debts.items():
        account.books[code].clawed_back_points += points
    _owe(account, event.debts, event.return_id if isinstance(event, PurchaseReturned) else event.cause)
    _give_caps_back(account, event.changes)
    _accrue(account, event.accruals, event.effective_on)
    _repay(account, event.repaid)
    _count(account, event.counts)
    if isinstance(event, PurchaseReturned):
        account.spent_minor -= event.amount_minor
        _reached(account, place_of(event))


def _give_caps_back(account: Account, changes: Iterable[RuleChange]) -> None:
    """What a rule gives less counts no longer against its caps; what it gives more is counted with its accrual."""
    for change in changes:
        if change.cap_periods and change.after_points < change.before_points:
            less = change.after_points - change.before_points
            _use_cap(account, change.rule, change.cap_periods, less)


def _time(account: Account, event: LotsReleased | LotsExpired | VoucherIssued | ExpiryChanged) -> None:
    match event:
        case LotsReleased():
            for part in event.lots:
                for lot in _all_of(account, part.point_currency, part.lot):
                    lot.available_from = min(lot.available_from, event.effective_on)
                    lot.awaits, lot.is_released = "", True
        case LotsExpired():
            _take_moves(account, event.lots)
            for part in event.lots:
                account.books[part.point_currency].expired_points += part.points
        case VoucherIssued():
            account.vouchers[event.voucher_id] = Voucher(
                event.value_minor, event.currency, event.expires_on, event.point_currency, event.points
            )
        case ExpiryChanged():
            for dates in event.lots:
                for lot in _all_of(account, dates.point_currency, dates.lot):
                    lot.expires_on = dates.expires_on
                    lot.idle_months, lot.activities = dates.idle_months, dates.activities
                account.has_idle_lots = account.has_idle_lots or bool(dates.idle_months)
        case _:
            assert_never(event)


def _all_of(account: Account, point_currency: str, number: int) -> Iterator[Lot]:
    """Give a lot, and what was taken from it and may come back: it has one set of dates, wherever its points are."""
    lot = account.books[point_currency].lots.get(number)
    if lot is not None:
        yield lot
    for hold in account.holds.values():
        yield from [part for part in hold.taken if part.lot == number]
    for redemption in account.redemptions.values():
        yield from [part for part in redemption.taken if part.lot == number]


def _moving(
    account: Account,
    event: PointsReinstated | PointsAdjusted | PointsTransferredIn | PointsTransferredOut,
) -> None:
    match event:
        case PointsReinstated():
            _accrue(account, event.accruals, event.effective_on, is_new=False)
            for accrual in event.accruals:
                account.books[accrual.point_currency].reinstated_points += accrual.points
            _repay(account, event.repaid)
        case PointsAdjusted():
            _accrue(account, event.accruals, event.effective_on, is_new=False)
            book = account.books.setdefault(event.point_currency, Book())
            if event.points > 0:
                book.credited_points += event.points
            else:
                book.debited_points -= event.points
            _take_moves(account, event.taken)
            _owe(account, event.debts, event.adjustment_id)
            _repay(account, event.repaid)
            _active(account, activity.ADJUSTMENT, event.effective_on)
        case PointsTransferredIn():
            _accrue(account, event.accruals, event.effective_on, is_new=False)
            account.books.setdefault(event.point_currency, Book()).transferred_in_points += event.points
            if not event.is_merger:
                _use_cap(account, f"transfer_in:{event.point_currency}", (str(event.effective_on.year),), event.points)
            _repay(account, event.repaid)
            _active(account, activity.TRANSFER_IN, event.effective_on)
        case PointsTransferredOut():
            book = account.books.setdefault(event.point_currency, Book())
            _take(book, event.taken)
            book.transferred_out_points += event.points
            if not event.is_merger:
                _use_cap(account, f"transfer_out:{event.point_currency}", (str(event.effective_on.year),), event.points)
            _active(account, activity.TRANSFER_OUT, event.effective_on)
        case _:
            assert_never(event)


def _status(account: Account, event: AccountSuspended | SuspensionLifted | AccountClosed) -> None:
    match event:
        case AccountSuspended():
            account.status = "earn_only" if event.may_earn else "suspended"
        case SuspensionLifted():
            account.status = "open"
        case AccountClosed():
            account.status = "closed"
            account.merged_into = event.merged_into
        case _:
            assert_never(event)


def _tier(account: Account, event: TierChanged | TierRetained) -> None:
    held = account.tiers.setdefault(event.ladder, Held())
    if isinstance(event, TierRetained):
        _secure(held, event.tier, event.valid_until, event.period)
        if not (event.period or event.reason):
            _reached(account, place_of(event))
        return
    held.tier = event.tier
    for tier in event.withdrawn:
        held.secured.pop(tier, None)
        held.bases.pop(tier, None)
    # Where a tier is only what is left, on the way down or because everybody holds it, nothing secures it; and that
    # time is up changes nothing about what was secured.
    if event.tier and event.reason != "lapsed" and (event.period or event.reason == "assigned"):
        _secure(held, event.tier, event.valid_until, event.period)
    if event.reason == "assigned":
        _reached(account, place_of(event))


def _secure(held: Held, tier: str, valid_until: date | None, period: str) -> None:
    held.secured[tier] = valid_until
    held.bases[tier] = period
