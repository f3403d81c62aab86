"""What an account allows. Pure: the same account and command always give the same facts."""

from datetime import date
from typing import assert_never

from ledger.account.commands import (
    MAX_POINTS,
    AccountCommand,
    Accrue,
    Award,
    OpenAccount,
    PostPurchase,
    Redeem,
    ReverseRedemption,
)
from ledger.account.errors import (
    AccountNotOpen,
    InsufficientPoints,
    InvalidPoints,
    RedemptionAlreadyReversed,
    RedemptionExists,
    UnknownRedemption,
)
from ledger.account.events import (
    AccountEvent,
    AccountOpened,
    Accrual,
    LotPoints,
    PointsAccrued,
    PointsRedeemed,
    PurchasePosted,
    RedemptionReversed,
)
from ledger.account.state import Account, Book, Lot
from ledger.money import MAX_AMOUNT_MINOR


def decide(account: Account | None, command: AccountCommand) -> list[AccountEvent]:
    """
    Turn a command into facts, or refuse it.

    The checks of each command run in the order in which its errors are listed.

    Raises:
        AccountNotOpen: Anything but opening is asked of an account that is not open.
        InvalidPoints: A number of points is negative, zero where something must move, or beyond the largest.
        RedemptionExists: A redemption with this id is booked.
        InsufficientPoints: A redemption exceeds the points available on its effective date.
        UnknownRedemption: A reversal names no booked redemption.
        RedemptionAlreadyReversed: The redemption was reversed before.
    """
    if isinstance(command, OpenAccount):
        return [] if account else [_opened(command)]
    if account is None:
        raise AccountNotOpen("The member has no account in this program; enrol the member first.")
    match command:
        case PostPurchase():
            return [_purchase(account, command)]
        case Accrue():
            return [_accrue(account, command)]
        case Redeem():
            return [_redeem(account, command)]
        case ReverseRedemption():
            return [_reverse(account, command)]
        case _:
            assert_never(command)


def _opened(command: OpenAccount) -> AccountOpened:
    return AccountOpened(command.program_id, command.member_id, command.occurred_at, command.effective_on)


def _purchase(account: Account, command: PostPurchase) -> PurchasePosted:
    accruals, balances = _booked(account, command.awards)
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
    )


def _accrue(account: Account, command: Accrue) -> PointsAccrued:
    accruals, balances = _booked(account, command.awards)
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
    )


def _booked(account: Account, awards: tuple[Award, ...]) -> tuple[tuple[Accrual, ...], dict[str, int]]:
    """Number the lots of what was awarded, and return them with the balances after."""
    balances = account.balances()
    accruals = []
    lot = account.lot_count
    booked_points = 0
    for award in awards:
        booked_points += award.points
        if award.points < 0 or booked_points > MAX_POINTS:
            message = f"{booked_points} points cannot be booked at once; the largest number is {MAX_POINTS}."
            raise InvalidPoints(message, pointer="/points")
        if award.points:
            lot += 1
            code = award.point_currency
            balances[code] = balances.get(code, 0) + award.points
            accruals.append(
                Accrual(
                    lot,
                    code,
                    award.points,
                    award.available_from,
                    award.expires_on,
                    award.kind,
                    award.rule,
                    award.funding,
                    award.cap_periods,
                ),
            )
    return tuple(accruals), balances


def _redeem(account: Account, command: Redeem) -> PointsRedeemed:
    if not 0 < command.points <= MAX_POINTS:
        message = f"{command.points} points cannot be redeemed; ask for 1 to {MAX_POINTS}."
        raise InvalidPoints(message, pointer="/points")
    if command.redemption_id in account.redemptions:
        message = f"Redemption {command.redemption_id!r} is booked already; a new one needs a new id."
        raise RedemptionExists(message, pointer="/redemption_id")
    if not 0 <= command.value_minor <= MAX_AMOUNT_MINOR:
        message = f"{command.points} points would be worth {command.value_minor}, which no redemption can be."
        raise InvalidPoints(message, pointer="/points")
    book = account.books.get(command.point_currency)
    taken = _consume(book, command.points, command.effective_on)
    balances = account.balances()
    balances[command.point_currency] -= command.points
    return PointsRedeemed(
        command.source,
        command.redemption_id,
        command.occurred_at,
        command.effective_on,
        command.point_currency,
        command.points,
        command.value_minor,
        command.currency,
        command.program_version,
        taken,
        balances,
    )


def _consume(book: Book | None, points: int, on: date) -> tuple[LotPoints, ...]:
    """Name the lots that ``points`` come from: earliest expiry first, then oldest, then first made."""
    lots = sorted((lot for lot in book.lots.values() if lot.is_available(on)), key=_urgency) if book else []
    available = sum(lot.points for lot in lots)
    if available < points:
        message = f"{points} points were asked for on {on}, and {available} are available."
        raise InsufficientPoints(message, pointer="/points", available_points=available, requested_points=points)
    taken = []
    for lot in lots:
        part = min(lot.points, points)
        taken.append(LotPoints(lot.lot, part))
        points -= part
        if not points:
            break
    return tuple(taken)


def _urgency(lot: Lot) -> tuple[date, date, int]:
    return (lot.expires_on or date.max, lot.earned_on, lot.lot)


def _reverse(account: Account, command: ReverseRedemption) -> RedemptionReversed:
    redemption = account.redemptions.get(command.redemption_id)
    if redemption is None:
        message = f"No redemption {command.redemption_id!r} is booked on this account."
        raise UnknownRedemption(message, pointer="/redemption_id")
    if redemption.is_reversed:
        message = f"Redemption {command.redemption_id!r} was reversed before."
        raise RedemptionAlreadyReversed(message, pointer="/redemption_id")
    balances = account.balances()
    balances[redemption.point_currency] += redemption.points
    return RedemptionReversed(
        command.source,
        command.redemption_id,
        command.occurred_at,
        command.effective_on,
        command.reason,
        redemption.point_currency,
        redemption.points,
        tuple(LotPoints(lot.lot, lot.points) for lot in redemption.taken),
        balances,
    )
