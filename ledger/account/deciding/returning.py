"""Points that a purchase no longer earns: from its own lots first, then as the program says."""

from collections.abc import Iterable, Iterator
from datetime import date

from ledger.account.activity import lapses_on
from ledger.account.books import Lot, urgency
from ledger.account.commands import Beyond, RepricePurchase, ReturnPurchase
from ledger.account.deciding.booking import booked, open_book
from ledger.account.events import LotMove, PurchaseRepriced, PurchaseReturned
from ledger.account.state import Account


def return_purchase(account: Account, command: ReturnPurchase) -> PurchaseReturned:
    """Book a return."""
    taken, missing, forgiven = _taken_back(account, command)
    debts, written_off = _settled(missing, forgiven, command.beyond)
    balances = _after(account, taken, debts)
    accruals, repaid = booked(account, command.awards, balances)
    return PurchaseReturned(
        command.source,
        command.return_id,
        command.purchase_source,
        command.transaction_id,
        command.occurred_at,
        command.effective_on,
        command.reason,
        command.amount_minor,
        command.currency,
        command.program_version,
        command.lines,
        command.changes,
        taken,
        accruals,
        debts,
        written_off,
        _reduction(command, missing) if command.beyond == "waterfall" else 0,
        command.counts,
        balances,
        repaid,
        command.attributes,
    )


def reprice_purchase(account: Account, command: RepricePurchase) -> PurchaseRepriced:
    """Book what an earlier purchase earns more or less."""
    taken, missing, forgiven = _taken_back(account, command)
    debts, written_off = _settled(missing, forgiven, command.beyond)
    balances = _after(account, taken, debts)
    accruals, repaid = booked(account, command.awards, balances)
    return PurchaseRepriced(
        command.purchase_source,
        command.transaction_id,
        command.occurred_at,
        command.effective_on,
        command.cause,
        command.changes,
        taken,
        accruals,
        debts,
        written_off,
        command.counts,
        balances,
        repaid,
    )


def _taken_back(
    account: Account,
    command: ReturnPurchase | RepricePurchase,
) -> tuple[tuple[LotMove, ...], dict[str, int], dict[str, int]]:
    """
    Take points from the lots that are to lose them, then from others, in the order in which they would be used.

    Returns:
        What lots lose; per point currency the points that are not there; and those of them that are forgiven, because
        they lapsed meanwhile: the member does not have them either, so other lots are not asked for them.
    """
    left = {(code, number): lot.points for code, book in account.books.items() for number, lot in book.lots.items()}
    taken: dict[tuple[str, int], int] = {}
    missing: dict[str, int] = {}
    for part in command.losing:
        key = (part.point_currency, part.lot)
        points = min(part.points, left.get(key, 0))
        if points:
            taken[key] = taken.get(key, 0) + points
            left[key] -= points
        missing[part.point_currency] = missing.get(part.point_currency, 0) + part.points - points
    forgiven = {code: min(points, command.lapsed.get(code, 0)) for code, points in missing.items()}
    still_missing: dict[str, int] = {}
    for code, asked in missing.items():
        wanted = asked - forgiven[code]
        for lot in sorted(_present(account, code, command.effective_on), key=urgency):
            key = (code, lot.lot)
            points = min(wanted, left[key])
            if points:
                taken[key] = taken.get(key, 0) + points
                wanted -= points
        still_missing[code] = wanted
    return tuple(LotMove(lot, code, points) for (code, lot), points in taken.items()), still_missing, forgiven


def _present(account: Account, point_currency: str, on: date) -> Iterator[Lot]:
    """Give the lots that have not lapsed, whether or not that was recorded."""
    for lot in open_book(account, point_currency).lots.values():
        lapses = lapses_on(account, lot)
        if lapses is None or on < lapses:
            yield lot


def _settled(
    missing: dict[str, int],
    forgiven: dict[str, int],
    beyond: Beyond,
) -> tuple[dict[str, int], dict[str, int]]:
    """Return what is owed from now on, and what nobody asks for any more."""
    written_off = {code: points for code, points in forgiven.items() if points}
    if beyond == "negative":
        return {code: points for code, points in missing.items() if points}, written_off
    for code, points in missing.items():
        if points:
            written_off[code] = written_off.get(code, 0) + points
    return {}, written_off


def _reduction(command: ReturnPurchase, missing: dict[str, int]) -> int:
    """Return what the refund is less: the worth of the missing points, as a part of all that are taken back."""
    reduction = 0
    for code, points in missing.items():
        asked = sum(part.points for part in command.losing if part.point_currency == code)
        if points and asked:
            # Rounded down, in the member's favour.
            reduction += command.point_value_minor.get(code, 0) * points // asked
    return min(reduction, command.amount_minor)


def _after(account: Account, taken: Iterable[LotMove], debts: dict[str, int]) -> dict[str, int]:
    balances = account.balances()
    for part in taken:
        balances[part.point_currency] -= part.points
    for code, points in debts.items():
        balances[code] = balances.get(code, 0) - points
    return balances
