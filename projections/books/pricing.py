"""Settings, looked up by date."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from ledger.bookkeeping.events import Funder, SettingsSet, Supplier
from projections.books.amounts import multiply


class PointPrice(Struct, frozen=True):
    """Settings of one point currency, with their figures as numbers."""

    settings: SettingsSet
    selling_price: Decimal
    """Stand-alone, per point, in minor units: adjusted for the likelihood of redemption."""
    given_cost: Decimal
    """Expected, of a point given without a sale."""
    funders: dict[str, Funder]
    suppliers: dict[str, Supplier]


class PriceList:
    """What holds on which date. Before the first settings the first hold."""

    def __init__(self, settings: Iterable[SettingsSet]) -> None:
        """
        Args:
            settings: In order of point currency and date.
        """
        self._dates: dict[str, list[date]] = {}
        self._prices: dict[str, list[PointPrice]] = {}
        self.currency = ""
        for one in settings:
            self.currency = one.currency
            self._dates.setdefault(one.point_currency, []).append(one.effective_on)
            self._prices.setdefault(one.point_currency, []).append(_price(one))

    def on(self, point_currency: str, day: date) -> PointPrice | None:
        """Return what holds, or ``None`` where the points of the currency are worth nothing."""
        dates = self._dates.get(point_currency)
        if dates is None:
            return None
        return self._prices[point_currency][max(bisect_right(dates, day) - 1, 0)]

    def role_of(self, source: str, day: date) -> str:
        """Return the program's role where a supplier gives the reward; principal, unless the settings say otherwise."""
        for code in sorted(self._dates):
            price = self.on(code, day)
            if price is not None and source in price.suppliers:
                return price.suppliers[source].role
        return "principal"


@lru_cache(maxsize=256)
def number(text: str) -> Decimal:
    """Return a figure of the settings as a number."""
    return Decimal(text)


def _price(settings: SettingsSet) -> PointPrice:
    rate = Decimal(settings.redemption_rate)
    return PointPrice(
        settings,
        multiply(Decimal(settings.point_value_minor), rate),
        multiply(Decimal(settings.point_cost_minor or settings.point_value_minor), rate),
        {one.funding: one for one in settings.funders},
        {one.source: one for one in settings.suppliers},
    )
