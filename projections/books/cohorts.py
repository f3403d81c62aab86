"""
A cohort: points of one issue month, funding and point currency, and what is recognised of their value.

Amounts are kept exactly and rounded on the cumulative figure, so that rounding never drifts.

Source: IFRS 15.B39-B47; ASC 606-10-55-41..49.
"""

from decimal import Decimal

from msgspec import Struct

from ledger.account.events import OWN
from ledger.bookkeeping.decide import period_of
from ledger.bookkeeping.events import CohortFigures, SettingsSet
from projections.books.amounts import ZERO, add, divide, multiply, rounded

CONTRACT, GIVEN, SERVICE = range(3)
"""The parts of a cohort's value: sold with goods or to a partner; given without a sale; service to a partner."""

POINT_COLUMNS = ("issued", "redeemed", "reversed", "expired", "clawed_back", "adjusted", "recovered", "transferred")
VALUE_COLUMNS = (
    "issued",
    "redeemed",
    "reversed",
    "expired",
    "clawed_back",
    "adjusted",
    "service_issued",
    "service_rendered",
)


class Cohort(Struct):
    """Where a cohort stands."""

    key: str
    points: dict[str, int]
    """By column, since the beginning."""
    values: dict[str, int]
    exact: list[Decimal]
    allocated: list[int]
    released: list[int]
    lapsed: list[int]
    period: str
    """The month in which its points were earned."""
    funding: str
    """Who pays for its points."""
    point_currency: str
    is_own: bool
    """Whether the program pays for its points."""

    @property
    def used_points(self) -> int:
        """Redeemed and not given back; points that paid a debt paid for what was redeemed before."""
        points = self.points
        return points["redeemed"] + points["recovered"] - points["reversed"]

    @property
    def open_points(self) -> int:
        """In lots and holds."""
        points = self.points
        given = points["issued"] + points["adjusted"] + points["transferred"] - points["clawed_back"]
        return given - points["expired"] - self.used_points

    def liability(self, part: int) -> int:
        """Return what is not recognised of a part, in minor units."""
        return self.allocated[part] - self.released[part] - self.lapsed[part]

    def change(self, part: int, exact: Decimal) -> int:
        """Allocate more, or, below zero, less; return by how many minor units the rounded figure moves."""
        self.exact[part] = total = add(self.exact[part], exact)
        before = self.allocated[part]
        self.allocated[part] = after = rounded(total)
        return after - before


def new_cohort(key: str) -> Cohort:
    """Return a cohort of nothing."""
    period, funding, point_currency = key.split("/")
    points, values = dict.fromkeys(POINT_COLUMNS, 0), dict.fromkeys(VALUE_COLUMNS, 0)
    allocated, released, lapsed = [0] * 3, [0] * 3, [0] * 3
    names = period, funding, point_currency
    return Cohort(key, points, values, [ZERO] * 3, allocated, released, lapsed, *names, funding == OWN)


def key_of(earned: object, funding: str, point_currency: str) -> str:
    """Return the key of the cohort that points earned on a date belong to."""
    return f"{period_of(earned)}/{funding}/{point_currency}"  # type: ignore[arg-type]  # a date


def redeemed_value(cohort: Cohort, part: int, settings: SettingsSet, estimate: int | None) -> int:
    """
    Return what of a part is recognised because points were redeemed: ``allocated * min(1, redeemed / estimate)``.

    Args:
        cohort: As it stands.
        part: Of its value.
        settings: Method, and the redemption rate where there is no estimate.
        estimate: Points that will ever be redeemed.
    """
    used, net = cohort.used_points, cohort.used_points + cohort.points["expired"] + cohort.open_points
    if used <= 0:
        return 0
    ever: Decimal
    if settings.expiry_method == "remote":
        ever = Decimal(net)
    elif estimate is not None:
        ever = Decimal(estimate)
    else:
        ever = multiply(Decimal(net), Decimal(settings.redemption_rate))
    if used >= ever:
        return cohort.allocated[part]
    return rounded(divide(multiply(cohort.exact[part], Decimal(used)), ever))


def lapsed_value(cohort: Cohort, part: int, settings: SettingsSet, *, is_ended: bool) -> int:
    """
    Return what of a part is recognised because points lapsed; call after ``released`` is up to date.

    Args:
        cohort: As it stands.
        part: Of its value.
        settings: Method.
        is_ended: Whether nothing of it is open any more; then the rest is recognised.
    """
    if is_ended:
        return cohort.allocated[part] - cohort.released[part]
    if settings.expiry_method != "remote":
        return 0
    net = cohort.used_points + cohort.points["expired"] + cohort.open_points
    if net <= 0:
        return 0
    return rounded(divide(multiply(cohort.exact[part], Decimal(cohort.points["expired"])), Decimal(net)))


def figures_of(cohort: Cohort) -> CohortFigures:
    """Return what is stored of a cohort when a month is closed."""
    exact = tuple(map(str, cohort.exact))
    return CohortFigures(
        cohort.key,
        {name: points for name, points in cohort.points.items() if points},
        {name: minor for name, minor in cohort.values.items() if minor},
        (exact[0], exact[1], exact[2]),
        (cohort.allocated[0], cohort.allocated[1], cohort.allocated[2]),
        (cohort.released[0], cohort.released[1], cohort.released[2]),
        (cohort.lapsed[0], cohort.lapsed[1]),
    )


def cohort_of(figures: CohortFigures) -> Cohort:
    """Return a cohort as it was stored."""
    cohort = new_cohort(figures.cohort)
    cohort.points.update(figures.points)
    cohort.values.update(figures.values_minor)
    cohort.exact = [Decimal(text) for text in figures.exact]
    cohort.allocated, cohort.released = list(figures.allocated_minor), list(figures.released_minor)
    cohort.lapsed = [*figures.breakage_minor, 0]
    return cohort
