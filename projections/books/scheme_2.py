"""
The posting scheme, version 2: what differs from version 1.

- The reversal of a redemption that a supplier or funder settled posts the amounts of the original entry, whatever rates
  and estimates hold by now, and in parts that add up to them. What rounding and estimates make of the whole is posted
  when the month ends.
- Points that a sale earns later, because something else was returned or arrived late, get the part of its price that
  they would have got had they come with the sale.
- Entries say in words what happened, and who agreed.

Source: shared/finance.md 1.3; IFRS 15.74, 15.88-89.
"""

from collections.abc import Iterable
from decimal import Decimal

from ledger.account.events import OWN, Accrual, RedemptionReversed
from projections.books import chart
from projections.books.amounts import ZERO, add, divide, multiply
from projections.books.cohorts import CONTRACT, GIVEN, Cohort
from projections.books.entries import Entry
from projections.books.pricing import number
from projections.books.scheme import FUNDED, Scheme, Terms


class Scheme2(Scheme):
    """Posts as version 1 does, but for what is said above."""

    def _reverse(self, event: RedemptionReversed, entry: Entry) -> None:
        for part in event.returned:
            name = self.account, event.redemption_id, part.lot
            there = self.ledger.redeemed_lots.get(name)
            cohort = self._cohort(part.lot, event.point_currency)
            self.ledger.count(entry, cohort, "reversed", part.points)
            if there is None:
                self.ledger.release(entry, cohort, "reversed")
                continue
            amounts = there.take_back(part.points)
            original = self.known.original or event
            terms = self.settled(cohort, original.source, original.effective_on)
            self._mirror(entry, cohort, terms, part.points, amounts)
            contract, given, owed, funded = amounts
            self.ledger.new_redeemed_lots.append((name, -part.points, (-contract, -given, -owed, -funded)))

    def _mirror(  # points, at whose terms, and their part of what was posted
        self, entry: Entry, cohort: Cohort, terms: Terms, points: int, amounts: tuple[int, int, int, int]
    ) -> None:
        """Post the lines of the original entry the other way round."""
        ledger, (contract, given, owed, funded) = self.ledger, amounts
        is_agent = terms.supplier is not None and terms.supplier.role == "agent"
        for part, amount, income in ((CONTRACT, contract, chart.REDEMPTIONS), (GIVEN, given, chart.REWARDS)):
            ledger.take_back(entry, cohort, part, amount)
            if not is_agent:
                ledger.post(entry, income, amount, cohort)
        if terms.supplier is not None:
            exact = multiply(number(terms.supplier.reimbursement_minor), Decimal(points))
            ledger.owe_less(terms.source, exact, owed)
            cost, less = (chart.SERVICE, contract + given - owed) if is_agent else (chart.REWARDS, -owed)
            ledger.post(entry, cost, less, cohort, -points)
            ledger.post(entry, chart.REIMBURSEMENT, owed, cohort, -points)
        if terms.funder is not None:
            exact = multiply(number(terms.funder.at_redemption_minor), Decimal(points))
            ledger.owe_less(f"{FUNDED}{cohort.funding}", exact, funded)
            ledger.post(entry, chart.UNBILLED, -funded, cohort, -points)
            ledger.post(entry, chart.REDEMPTIONS, funded, cohort, -points)

    def later_worth(self, accruals: Iterable[Accrual]) -> list[Decimal | None]:
        """Return the part of the sale's price that points would have got had they come with it."""
        later, sale = list(accruals), self.known.sale
        if sale is None:
            return super().later_worth(later)
        self.day, day = sale.effective_on, self.day
        weights = [self._weight(one) for one in later]
        amount = whole = Decimal(sale.amount_minor)
        for weight in (*map(self._weight, sale.accruals), *weights):
            whole = add(whole, weight or ZERO)
        self.day = day
        return [
            None if weight is None else divide(multiply(amount, weight), whole) if whole else ZERO for weight in weights
        ]

    def _weight(self, accrual: Accrual) -> Decimal | None:
        """Return the selling price of points that the sale pays for."""
        price = self._price(accrual.point_currency) if accrual.funding == OWN else None
        return multiply(price.selling_price, Decimal(accrual.points)) if price else None
