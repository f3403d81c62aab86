"""What time has decided: holds that ended, points that became available or lapsed. Dates decide; this records it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

from ledger.account.activity import idle_on, lapse_reason, lapses_on
from ledger.account.books import Lot
from ledger.account.commands import CancelLots, ChangeExpiry, ConfirmLots, Conversion, ExpireLots, ReleaseLots
from ledger.account.deciding.booking import owed, repaid_by
from ledger.account.errors import NothingAwaits
from ledger.account.events import (
    AccountEvent,
    ExpiryChanged,
    HoldExpired,
    LotMove,
    LotPoints,
    LotsExpired,
    LotsReleased,
    VoucherIssued,
)
from ledger.account.state import Account


def ended_holds(account: Account, at: datetime, on: date) -> list[AccountEvent]:
    """
    Return the holds whose time was up at a moment.

    Args:
        account: With its open holds.
        at: The moment.
        on: Its program-local date.
    """
    debts = owed(account)
    events: list[AccountEvent] = []
    for hold_id, hold in account.holds.items():
        if hold.expires_at <= at:
            ended_at, code = hold.expires_at.astimezone(UTC), hold.point_currency
            returned = tuple(LotPoints(lot.lot, lot.points) for lot in hold.taken)
            repaid = repaid_by(debts, code, returned)
            events.append(HoldExpired(hold_id, ended_at, on, code, hold.points, returned, account.balances(), repaid))
    return events


def idle_lots(account: Account, at: datetime, on: date) -> list[AccountEvent]:
    """Return the lots that inactivity had taken before something happened, which does not bring them back."""
    lapsed: dict[date, list[LotMove]] = defaultdict(list)
    for code, lot in _lots(account):
        day = idle_on(account, lot)
        if day is not None and day <= on and not lot.has_lapsed(day):
            lapsed[day].append(LotMove(lot.lot, code, lot.points))
    return [*_expired(account, at, {(day, "inactivity"): lots for day, lots in lapsed.items()})]


def release(account: Account, command: ReleaseLots) -> list[AccountEvent]:
    """Record the lots whose day has come."""
    due = [
        (lot.available_from, LotMove(lot.lot, code, lot.points))
        for code, lot in _lots(account)
        if not lot.is_released and not lot.awaits and lot.earned_on < lot.available_from <= command.effective_on
    ]
    by_day: dict[date, list[LotMove]] = defaultdict(list)
    for day, move in due:
        by_day[day].append(move)
    return [
        LotsReleased(command.occurred_at, day, tuple(moves), account.balances())
        for day, moves in sorted(by_day.items())
    ]


def confirm(account: Account, command: ConfirmLots) -> list[AccountEvent]:
    """Make lots available because the event that they await has come."""
    lots = _awaiting(account, command.awaited, command.lots, command.effective_on)
    return [
        LotsReleased(
            command.occurred_at,
            command.effective_on,
            lots,
            account.balances(),
            command.awaited,
            command.source,
            command.reference,
        )
    ]


def cancel(account: Account, command: CancelLots) -> list[AccountEvent]:
    """Take lots away because the event that they await will not come."""
    lots = _awaiting(account, command.awaited, command.lots, command.effective_on)
    return [*_expired(account, command.occurred_at, {(command.effective_on, "cancelled"): lots})]


def expire(account: Account, command: ExpireLots) -> list[AccountEvent]:
    """Record the lots that lapsed until a date, each as of its own; what is to become a voucher becomes one."""
    lapsed: dict[tuple[date, str], list[LotMove]] = defaultdict(list)
    converting: dict[str, int] = defaultdict(int)
    for code, lot in _lots(account):
        day = lapses_on(account, lot)
        if day is None or day > command.effective_on:
            continue
        reason = lapse_reason(account, lot, day) or "age"
        if lot.converts and code in command.conversions and reason == "age":
            reason = "converted"
            converting[code] += lot.points
        lapsed[day, reason].append(LotMove(lot.lot, code, lot.points))
    expired = _expired(account, command.occurred_at, lapsed)
    balances = expired[-1].balances if expired else {}
    events: list[AccountEvent] = [*expired]
    for code, points in converting.items():
        voucher = _voucher(command, code, points, command.conversions[code], balances)
        if voucher is not None:
            events.append(voucher)
    return events


def change_expiry(account: Account, command: ChangeExpiry) -> list[AccountEvent]:
    """Give lots other dates."""
    present = {(code, lot.lot) for code, lot in _lots(account)}
    lots = tuple([dates for dates in command.lots if (dates.point_currency, dates.lot) in present])
    if not lots:
        return []
    return [ExpiryChanged(command.occurred_at, command.effective_on, command.program_version, lots, account.balances())]


def everything(account: Account, at: datetime, on: date) -> list[LotsExpired]:
    """Let everything lapse that is left, because the account ends."""
    moves = [LotMove(lot.lot, code, lot.points) for code, lot in _lots(account)]
    return _expired(account, at, {(on, "closure"): moves}) if moves else []


def _voucher(
    command: ExpireLots,
    code: str,
    points: int,
    conversion: Conversion,
    balances: dict[str, int],
) -> VoucherIssued | None:
    steps = points // conversion.step_points
    if not steps:
        return None
    return VoucherIssued(
        f"{command.voucher_id}-{code}",
        command.occurred_at,
        command.effective_on,
        code,
        steps * conversion.step_points,
        steps * conversion.value_minor,
        conversion.currency,
        conversion.expires_on,
        balances,
    )


def _lots(account: Account) -> Iterator[tuple[str, Lot]]:
    for code, book in account.books.items():
        for lot in book.lots.values():
            yield code, lot


def _awaiting(account: Account, awaited: str, numbers: Iterable[int], on: date) -> tuple[LotMove, ...]:
    wanted = set(numbers)
    lots = [
        LotMove(lot.lot, code, lot.points)
        for code, lot in _lots(account)
        if lot.awaits == awaited and not lot.has_lapsed(on) and (not wanted or lot.lot in wanted)
    ]
    if not lots or wanted - {lot.lot for lot in lots}:
        message = f"There are no promised points of this account that await {awaited!r}, or not all of these lots do."
        raise NothingAwaits(message, pointer="/event")
    return tuple(lots)


def _expired(
    account: Account,
    at: datetime,
    lapsed: dict[tuple[date, str], list[LotMove]] | dict[tuple[date, str], tuple[LotMove, ...]],
) -> list[LotsExpired]:
    """Return one event per date and reason, with balances that follow one from the other."""
    balances = account.balances()
    events = []
    for (day, reason), moves in sorted(lapsed.items()):
        balances = dict(balances)
        for move in moves:
            balances[move.point_currency] -= move.points
        events.append(LotsExpired(at, day, reason, tuple(moves), balances))
    return events
