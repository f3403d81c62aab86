"""The sub-ledger of a month under way: cohorts, balances, and what suppliers are owed."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from projections.books import chart
from projections.books.amounts import ZERO, add, rounded
from projections.books.cohorts import (
    CONTRACT,
    GIVEN,
    SERVICE,
    Cohort,
    lapsed_value,
    new_cohort,
    redeemed_value,
)
from projections.books.entries import Entry, LotWorth, Posting, RedeemedLot
from projections.books.pricing import PriceList

RedeemedLotKey = tuple[bytes, str, int]
"""Account, redemption, lot."""


class Subledger:
    """What the scheme posts to."""

    def __init__(  # noqa: PLR0917  # everything that a month goes on from
        self,
        prices: PriceList,
        cohorts: dict[str, Cohort],
        balances: Mapping[str, int],
        owed: Mapping[str, str],
        last_day: date,
        estimates: Mapping[str, int],
    ) -> None:
        """
        Args:
            prices: Effective-dated settings.
            cohorts: As the month before left them; changed in place.
            balances: By account, debits less credits.
            owed: Per supplier, exact.
            last_day: Of the month.
            estimates: By cohort, as they were before the month was closed.
        """
        self.prices = prices
        self.cohorts = cohorts
        self.balances = dict(balances)
        self.points: dict[tuple[str, str], int] = defaultdict(int)
        """By account and point currency: of this month."""
        self.owed = {source: Decimal(text) for source, text in owed.items()}
        self.last_day = last_day
        self.estimates = estimates
        self.lots: dict[tuple[bytes, int], LotWorth] = {}
        """Worth of lots: those that the events at hand name."""
        self.new_lots: list[tuple[bytes, int, LotWorth]] = []
        self.redeemed_lots: dict[RedeemedLotKey, RedeemedLot] = {}
        """Those that the reversals at hand name."""
        self.new_redeemed_lots: list[tuple[RedeemedLotKey, int, tuple[int, int, int, int]]] = []
        """Points and amounts; below zero where they were taken back."""
        self._posted: dict[str, int] = {}
        """What was posted of ``owed``, where that is not its rounded figure."""

    def all_balances(self) -> dict[str, int]:
        """Return the balances of accounts, those that count points with their currency: ``9000:points``."""
        both = dict(self.balances)
        for (account, code), amount in self.points.items():
            name = f"{account}:{code}"
            both[name] = both.get(name, 0) + amount
        return {name: amount for name, amount in sorted(both.items()) if amount}

    def cohort(self, key: str) -> Cohort:
        """Return a cohort, new if it has to be."""
        found = self.cohorts.get(key)
        if found is None:
            found = self.cohorts[key] = new_cohort(key)
        return found

    def post(self, entry: Entry, account: str, amount: int, cohort: Cohort | None = None, points: int = 0) -> None:
        """Add a line of money to an entry, unless it is nothing."""
        if not amount:
            return
        self.balances[account] = self.balances.get(account, 0) + amount
        if cohort is None:
            entry.postings.append(Posting(account, amount))
            return
        partner = "" if cohort.is_own else cohort.funding
        entry.postings.append(Posting(account, amount, cohort.key, cohort.point_currency, points, partner))

    def count(self, entry: Entry, cohort: Cohort, column: str, points: int) -> None:
        """
        Count points in a column of the roll-forward, and post them.

        Args:
            entry: To post in.
            cohort: Whose points.
            column: As the roll-forward names it.
            points: As the column counts them: those of ``redeemed`` leave, and are above zero.
        """
        cohort.points[column] += points
        more = -points if column in {"redeemed", "expired", "clawed_back", "recovered"} else points
        key, code, counter = cohort.key, cohort.point_currency, chart.COUNTER[column]
        self.points[chart.MEMBERS_POINTS, code] -= more
        self.points[counter, code] += more
        entry.postings.append(Posting(chart.MEMBERS_POINTS, -more, key, code, points, "", True))
        entry.postings.append(Posting(counter, more, key, code, points, "", True))

    def allocate(  # noqa: PLR0917  # a change of one figure, and all that is told with it
        self, entry: Entry, cohort: Cohort, part: int, exact: Decimal, column: str, points: int
    ) -> int:
        """Change what is allocated to a part, post the liability, and return by how many minor units it grows."""
        delta = cohort.change(part, exact)
        name = "service_issued" if part == SERVICE else column
        cohort.values[name] += -delta if name == "clawed_back" else delta
        self.post(entry, liability_account(cohort, part), -delta, cohort, points)
        return delta

    def release(
        self, entry: Entry, cohort: Cohort, column: str, income: str = "", estimates: Mapping[str, int] | None = None
    ) -> int:
        """
        Recognise what the redemptions so far amount to; return it in minor units.

        Args:
            entry: To post in.
            cohort: Whose points were redeemed or given back.
            column: Of the roll-forward.
            income: Account, where it is not the usual one; empty for that. ``-`` posts the liability alone.
            estimates: Others than those of before.
        """
        price = self.prices.on(cohort.point_currency, self.last_day)
        if price is None:
            return 0
        total = 0
        estimate = (self.estimates if estimates is None else estimates).get(cohort.key)
        for part in (CONTRACT, GIVEN):
            value = redeemed_value(cohort, part, price.settings, estimate)
            delta = value - cohort.released[part]
            cohort.released[part] = value
            cohort.values[column] += delta if column != "reversed" else -delta
            self.post(entry, liability_account(cohort, part), delta, cohort)
            if income != "-":
                usual = chart.REWARDS if part == GIVEN else chart.REDEMPTIONS
                self.post(entry, income or usual, -delta, cohort)
            total += delta
        return total

    def lapse(self, entry: Entry, cohort: Cohort, *, is_ended: bool) -> None:
        """Recognise what lapsed points amount to."""
        price = self.prices.on(cohort.point_currency, self.last_day)
        if price is None:
            return
        for part in (CONTRACT, GIVEN):
            value = lapsed_value(cohort, part, price.settings, is_ended=is_ended)
            delta = value - cohort.lapsed[part]
            cohort.lapsed[part] = value
            cohort.values["expired"] += delta
            self.post(entry, liability_account(cohort, part), delta, cohort)
            self.post(entry, chart.MARKETING if part == GIVEN else chart.BREAKAGE, -delta, cohort)

    def render(self, entry: Entry, cohort: Cohort, delta: int) -> None:
        """Recognise service to a partner."""
        cohort.released[SERVICE] += delta
        cohort.values["service_rendered"] += delta
        self.post(entry, chart.SERVICE_TO_RENDER, delta, cohort)
        self.post(entry, chart.SERVICE, -delta, cohort)

    def owe(self, source: str, exact: Decimal) -> int:
        """Owe a supplier more, and return by how many minor units the rounded figure moves."""
        before = self.posted(source)
        self.owed[source] = after = add(self.owed.get(source, ZERO), exact)
        self._posted.pop(source, None)
        return rounded(after) - before

    def owe_less(self, source: str, exact: Decimal, minor: int) -> None:
        """Take back what was owed to a supplier, as it was posted; rounding is made good later."""
        posted = self.posted(source) - minor
        self.owed[source] = add(self.owed.get(source, ZERO), exact.copy_negate())
        self._posted[source] = posted

    def posted(self, source: str) -> int:
        """Return what was posted of what a supplier is owed."""
        found = self._posted.get(source)
        return rounded(self.owed.get(source, ZERO)) if found is None else found

    def unsettled(self) -> dict[str, int]:
        """Return by how many minor units what was posted is less than what is owed, per supplier, and settle it."""
        missing = {source: rounded(self.owed[source]) - posted for source, posted in sorted(self._posted.items())}
        self._posted.clear()
        return {source: minor for source, minor in missing.items() if minor}

    def take_back(self, entry: Entry, cohort: Cohort, part: int, minor: int) -> None:
        """Owe again to members what was recognised because they redeemed."""
        cohort.released[part] -= minor
        cohort.values["reversed"] += minor
        self.post(entry, liability_account(cohort, part), -minor, cohort)


def liability_account(cohort: Cohort, part: int) -> str:
    """Return the account that a part of a cohort's value stands in."""
    if part == SERVICE:
        return chart.SERVICE_TO_RENDER
    if part == GIVEN:
        return chart.GIVEN_POINTS
    return chart.OWN_POINTS if cohort.is_own else chart.PARTNER_POINTS
