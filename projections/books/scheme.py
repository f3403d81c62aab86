"""
The posting scheme, version 1: what each event of an account means in accounts. Version 2 builds on it.

Source: shared/finance.md 1.3; IFRS 15.B34-B47.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from ledger.account.events import (
    OWN,
    AccountEvent,
    Accrual,
    HoldCaptured,
    LotMove,
    LotsExpired,
    PointsAccrued,
    PointsAdjusted,
    PointsRedeemed,
    PointsReinstated,
    PointsTransferredIn,
    PointsTransferredOut,
    PurchasePosted,
    PurchaseRepriced,
    PurchaseReturned,
    RedemptionReversed,
    Repayment,
)
from ledger.bookkeeping.events import Funder, Supplier
from projections.books import chart
from projections.books.amounts import ZERO, add, divide, multiply
from projections.books.cohorts import CONTRACT, GIVEN, SERVICE, Cohort, key_of
from projections.books.entries import Entry, Known, LotWorth, RedeemedLot
from projections.books.pricing import PointPrice, number
from projections.books.subledger import Subledger

_NOTHING = ("0", "0", "0")

FUNDED = "at-redemption:"
"""Before the name of a funder, among those who are owed or owe."""

Redeemed = PointsRedeemed | HoldCaptured


class Terms(NamedTuple):
    """Who settles points that are redeemed: who gives the reward, and a funder that pays only then."""

    source: str
    supplier: Supplier | None
    funder: Funder | None


class Scheme:
    """Posts the events of accounts to a sub-ledger, one after the other."""

    def __init__(self, ledger: Subledger) -> None:
        self.ledger = ledger
        self.account = b""
        self.day = date.min
        self.known = Known()
        """Of the event at hand."""

    def book(self, account: bytes, event: AccountEvent, entry: Entry, known: Known) -> None:
        """
        Post an event.

        Args:
            account: Whose.
            event: What happened.
            entry: Its entry, without postings yet.
            known: What else is known of it.
        """
        self.account, self.day, self.known = account, event.effective_on, known
        match event:
            case PurchasePosted():
                self._sell(event, entry)
            case PurchaseReturned() | PurchaseRepriced():
                self._give_back(event, entry)
            case PointsAccrued() | PointsReinstated():
                for accrual in event.accruals:
                    self._give(entry, accrual, "issued")
            case PointsAdjusted():
                for accrual in event.accruals:
                    self._give(entry, accrual, "adjusted")
                self._take(entry, event.taken, "adjusted")
            case PointsRedeemed() | HoldCaptured():
                self._redeem(event, entry)
            case RedemptionReversed():
                self._reverse(event, entry)
            case _:
                self._move(event, entry)
        self._recover(entry, getattr(event, "repaid", ()))

    def _move(self, event: AccountEvent, entry: Entry) -> None:
        match event:
            case LotsExpired():
                self._expire(event, entry)
            case PointsTransferredOut():
                for part in event.taken:
                    self.ledger.count(entry, self._cohort(part.lot, event.point_currency), "transferred", -part.points)
            case PointsTransferredIn():
                self._receive(event, entry)
            case _:
                pass  # neither points nor money of the books

    def _sell(self, event: PurchasePosted, entry: Entry) -> None:
        """Allocate the price to goods and points by relative stand-alone selling prices (IFRS 15.74)."""
        amount = Decimal(event.amount_minor)
        own = [(one, self._price(one.point_currency)) for one in event.accruals if one.funding == OWN]
        weights = [multiply(price.selling_price, Decimal(one.points)) if price else ZERO for one, price in own]
        whole = sum(weights, amount) if len(weights) > 1 else add(amount, weights[0]) if weights else amount
        to_points = 0
        for (accrual, _), weight in zip(own, weights, strict=True):
            exact = divide(multiply(amount, weight), whole) if whole else ZERO
            to_points += self._issue(entry, accrual, (exact, ZERO, ZERO), "issued")
        self.ledger.post(entry, chart.CASH, event.amount_minor)
        self.ledger.post(entry, chart.GOODS, to_points - event.amount_minor)
        for accrual in event.accruals:
            if accrual.funding != OWN:
                self._give(entry, accrual, "issued")

    def _give_back(self, event: PurchaseReturned | PurchaseRepriced, entry: Entry) -> None:
        """Undo what was allocated to points that are taken back; the rest of the refund is of the goods."""
        from_points = -self._take(entry, event.taken, "clawed_back")
        for accrual, exact in zip(event.accruals, self.later_worth(event.accruals), strict=True):
            if exact is None:
                self._give(entry, accrual, "issued")
            else:
                from_points += self._issue(entry, accrual, (exact, ZERO, ZERO), "issued")
        refund = event.amount_minor - event.refund_reduction_minor if isinstance(event, PurchaseReturned) else 0
        self.ledger.post(entry, chart.CASH, -refund)
        self.ledger.post(entry, chart.GOODS, refund + from_points)

    def later_worth(self, accruals: Iterable[Accrual]) -> list[Decimal | None]:
        """Return what is allocated to points that a sale earns later; ``None`` for those that it does not pay for."""
        found: list[Decimal | None] = []
        for accrual in accruals:
            price = self._price(accrual.point_currency) if accrual.funding == OWN else None
            found.append(multiply(price.selling_price, Decimal(accrual.points)) if price else None)
        return found

    def _give(self, entry: Entry, accrual: Accrual, column: str) -> None:
        """Issue points that no sale of ours pays for: a partner does, or it is an expense."""
        price, points = self._price(accrual.point_currency), Decimal(accrual.points)
        funder = price.funders.get(accrual.funding) if price else None
        if price is None or (accrual.funding != OWN and funder is None):
            self._issue(entry, accrual, (ZERO, ZERO, ZERO), column)
        elif funder is None:
            expected = multiply(price.given_cost, points)
            delta = self._issue(entry, accrual, (ZERO, expected, ZERO), column)
            self.ledger.post(entry, chart.MARKETING, delta, self._cohort(accrual.lot, accrual.point_currency))
        else:
            redemption = multiply(number(funder.redemption_minor), points)
            service = multiply(number(funder.service_minor), points)
            delta = self._issue(entry, accrual, (redemption, ZERO, service), column)
            self.ledger.post(entry, chart.UNBILLED, delta, self._cohort(accrual.lot, accrual.point_currency))

    def _issue(self, entry: Entry, accrual: Accrual, exact: tuple[Decimal, Decimal, Decimal], column: str) -> int:
        """Make a lot, and return by how many minor units the liability grows."""
        key = key_of(accrual.earned_on or self.day, accrual.funding, accrual.point_currency)
        cohort, points = self.ledger.cohort(key), Decimal(accrual.points)
        units = tuple(str(divide(one, points)) if one else "0" for one in exact)
        self._keep(accrual.lot, LotWorth(key, (units[0], units[1], units[2])))
        self.ledger.count(entry, cohort, column, accrual.points)
        grows = 0
        for part, one in enumerate(exact):
            if one:
                delta = self.ledger.allocate(entry, cohort, part, one, column, accrual.points)
                grows += delta
                if part == SERVICE:
                    self._render_at_once(entry, cohort, delta)
        return grows

    def _take(self, entry: Entry, taken: Iterable[LotMove], column: str) -> int:
        """Take points out of lots with what was allocated to them; return how many minor units less of own sales."""
        own = 0
        for part in taken:
            worth = self._worth(part.lot, part.point_currency)
            cohort, points = self.ledger.cohort(worth.cohort), Decimal(part.points)
            self.ledger.count(entry, cohort, column, part.points if column == "clawed_back" else -part.points)
            for index, unit in enumerate(worth.units):
                if unit == "0":
                    continue
                delta = self.ledger.allocate(
                    entry, cohort, index, multiply(number(unit), points).copy_negate(), column, -part.points
                )
                if index == SERVICE:
                    self._render_at_once(entry, cohort, delta)
                if column == "clawed_back" and not cohort.is_own:
                    self.ledger.post(entry, chart.UNBILLED, delta, cohort)
                elif column == "clawed_back" and index == CONTRACT:
                    own -= delta
                else:
                    self.ledger.post(entry, chart.MARKETING, delta, cohort)
        return own

    def _render_at_once(self, entry: Entry, cohort: Cohort, delta: int) -> None:
        """Recognise the service of points whose funder pays for no time."""
        price = self._price(cohort.point_currency)
        funder = price.funders.get(cohort.funding) if price else None
        if funder is None or not funder.life_months:
            self.ledger.render(entry, cohort, delta)

    def _redeem(self, event: Redeemed, entry: Entry) -> None:
        for part in event.taken:
            cohort = self._cohort(part.lot, event.point_currency)
            self.ledger.count(entry, cohort, "redeemed", part.points)
            terms = self.settled(cohort, event.source, event.effective_on)
            self._settle(entry, cohort, "redeemed", part.points, terms, (event.redemption_id, part.lot))

    def _reverse(self, event: RedemptionReversed, entry: Entry) -> None:
        """Mirror the redemption, at the rates that held for it."""
        original = self.known.original or event
        for part in event.returned:
            cohort = self._cohort(part.lot, event.point_currency)
            self.ledger.count(entry, cohort, "reversed", part.points)
            terms = self.settled(cohort, original.source, original.effective_on)
            self._settle(entry, cohort, "reversed", -part.points, terms, (event.redemption_id, part.lot))

    def settled(self, cohort: Cohort, source: str, day: date) -> Terms:
        """Return who settles points of a cohort that are redeemed at a source on a day."""
        price = self.ledger.prices.on(cohort.point_currency, day)
        supplier = price.suppliers.get(source) if price else None
        funder = price.funders.get(cohort.funding) if price else None
        if funder is not None and funder.at_redemption_minor == "0":
            funder = None
        return Terms(source, supplier, funder)

    def _settle(  # noqa: PLR0917  # points, of which redemption, and at whose terms
        self, entry: Entry, cohort: Cohort, column: str, points: int, terms: Terms, name: tuple[str, int]
    ) -> None:
        """Release the liability, and owe the supplier of the reward."""
        contract, given = cohort.released[CONTRACT], cohort.released[GIVEN]
        owed = funded = 0
        supplier, funder = terms.supplier, terms.funder
        if supplier is None:
            self.ledger.release(entry, cohort, column)
        else:
            owed = self.ledger.owe(terms.source, multiply(number(supplier.reimbursement_minor), Decimal(points)))
            if supplier.role == "agent":
                margin = self.ledger.release(entry, cohort, column, "-") - owed
                self.ledger.post(entry, chart.SERVICE, -margin, cohort, points)
            else:
                self.ledger.release(entry, cohort, column)
                self.ledger.post(entry, chart.REWARDS, owed, cohort, points)
            self.ledger.post(entry, chart.REIMBURSEMENT, -owed, cohort, points)
        if funder is not None:
            exact = multiply(number(funder.at_redemption_minor), Decimal(points))
            funded = self.ledger.owe(f"{FUNDED}{cohort.funding}", exact)
            self.ledger.post(entry, chart.UNBILLED, funded, cohort, points)
            self.ledger.post(entry, chart.REDEMPTIONS, -funded, cohort, points)
        if supplier is not None or funder is not None:
            released = cohort.released[CONTRACT] - contract, cohort.released[GIVEN] - given
            self._note(name, points, (*released, owed, funded))

    def _note(self, name: tuple[str, int], points: int, amounts: tuple[int, int, int, int]) -> None:
        """Keep what was posted, for what may be taken back of it."""
        key = self.account, *name
        self.ledger.new_redeemed_lots.append((key, points, amounts))
        kept = self.ledger.redeemed_lots
        if points > 0:
            kept[key] = RedeemedLot(points, amounts)
        elif key in kept:
            kept[key].points_back -= points
            back = [was - more for was, more in zip(kept[key].back, amounts, strict=True)]
            kept[key].back = (back[0], back[1], back[2], back[3])

    def _expire(self, event: LotsExpired, entry: Entry) -> None:
        """Points that became a voucher were exercised; others lapsed."""
        for part in event.lots:
            cohort = self._cohort(part.lot, part.point_currency)
            if event.reason == "converted":
                self.ledger.count(entry, cohort, "redeemed", part.points)
                self.ledger.release(entry, cohort, "redeemed")
            else:
                self.ledger.count(entry, cohort, "expired", part.points)
                self.ledger.lapse(entry, cohort, is_ended=False)

    def _receive(self, event: PointsTransferredIn, entry: Entry) -> None:
        """Take in points of another account: they stay in their cohort, with its average worth."""
        for accrual in event.accruals:
            key = key_of(accrual.earned_on or self.day, accrual.funding, accrual.point_currency)
            cohort = self.ledger.cohort(key)
            net = cohort.used_points + cohort.points["expired"] + cohort.open_points
            units = [str(divide(one, Decimal(net))) if net > 0 and one else "0" for one in cohort.exact]
            self._keep(accrual.lot, LotWorth(key, (units[0], units[1], units[2])))
            self.ledger.count(entry, cohort, "transferred", accrual.points)

    def _recover(self, entry: Entry, repaid: Iterable[Repayment]) -> None:
        """Points that pay a debt pay for what was redeemed before they were taken back."""
        for part in repaid:
            cohort = self._cohort(part.lot, part.point_currency)
            self.ledger.count(entry, cohort, "recovered", part.points)
            self.ledger.release(entry, cohort, "redeemed")

    def _price(self, point_currency: str) -> PointPrice | None:
        return self.ledger.prices.on(point_currency, self.day)

    def _keep(self, lot: int, worth: LotWorth) -> None:
        self.ledger.lots[self.account, lot] = worth
        self.ledger.new_lots.append((self.account, lot, worth))

    def _worth(self, lot: int, point_currency: str) -> LotWorth:
        # A lot is always booked before it loses points; a ledger that was damaged still has to add up.
        return self.ledger.lots.get((self.account, lot)) or LotWorth(key_of(self.day, OWN, point_currency), _NOTHING)

    def _cohort(self, lot: int, point_currency: str) -> Cohort:
        return self.ledger.cohort(self._worth(lot, point_currency).cohort)


def lots_named(event: Any) -> list[int]:
    """Return the lots that lose or regain points by an event."""
    kind = type(event)
    fields = _NAMING.get(kind)
    if fields is None:
        fields = _NAMING[kind] = tuple(name for name in kind.__struct_fields__ if name in _LOTS)
    return [part.lot for name in fields for part in getattr(event, name)]


_LOTS = frozenset({"taken", "returned", "lots", "repaid"})
_NAMING: dict[type, tuple[str, ...]] = {}
"""Fields of each kind of event that name lots."""
