"""What finance is asked to approve: how many points of each cohort will be redeemed, and how wrong that may be."""

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from msgspec import Struct

from ledger.errors import InvalidInput
from models.breakage.back_test import back_test, mean_absolute_error
from models.breakage.chain_ladder import Projection, follow, project
from models.breakage.triangle import History, cohort_key, cumulative, issued
from models.errors import TooLittleHistory

TAILS = ("none", "exponential")
OWN_DEVELOPMENT, SHARED_DEVELOPMENT = "own", "all fundings together"
_DIGITS = Decimal("0.000001")
_LEAST_DEVELOPED = 0.1
"""A vintage that has seen less of its redemptions than this is estimated from what the others came to."""
_LEAST_PART = 0.5
"""A funding that has seen less than this part of the months there are follows all fundings together."""
_PERCENTAGE_POINT = Decimal("0.01")


class CohortEstimate(Struct, frozen=True):
    """Of one cohort. Points in the smallest unit of the point currency; rates are shares of issued points."""

    cohort: str
    """As the books name it: ``2026-11/own/points``."""
    vintage: str
    """Its month of issue: ``2026-11``."""
    funding: str
    issued_points: int
    """Less what was taken back, without redemption."""
    redeemed_points: int
    """So far; as the books count them."""
    ultimate_points: int
    """What is applied to the books: those redeemed so far, and those to come."""
    ultimate_redemption_rate: str
    """Decimal digits, from 0 to 1."""
    standard_error: str
    """Of that rate."""
    expected_breakage_points: int
    method: str
    """
    ``chain_ladder``, or ``cape_cod`` where too little of the vintage's life is over; with ``, all fundings together``
    where its funding has too little history of its own.
    """


class FundingEstimate(Struct, frozen=True):
    """Of all cohorts of one funding."""

    funding: str
    issued_points: int
    redeemed_points: int
    ultimate_redemption_rate: str
    standard_error: str
    expected_breakage_points: int
    development: str
    """``own``, or ``all fundings together`` where it has too little history."""


class Development(Struct, frozen=True):
    """What is redeemed by an age as a multiple of what was by the age before."""

    from_age_months: int
    factor: str


class BackTested(Struct, frozen=True):
    """What the same method would have predicted, and what came."""

    vintage: str
    predicted_points: int
    actual_points: int


class BackTest(Struct, frozen=True):
    """See `models.breakage.back_test`."""

    held_out_months: int
    mean_absolute_percentage_error: str | None
    """As a share; ``None``: nothing was redeemed."""
    vintages: tuple[BackTested, ...]


class Sensitivity(Struct, frozen=True):
    """What expected breakage becomes when every rate is another by one percentage point."""

    rates_up_breakage_points: int
    rates_down_breakage_points: int


class Proposal(Struct, frozen=True):
    """The document: the same history and options give the same bytes."""

    program_id: str
    point_currency: str
    as_at: tuple[str, ...]
    """``<partition>:<position>``: all events up to these were taken in, from the first."""
    inputs_sha256: str
    through: str
    """The last month that was taken in: ``2026-11``."""
    method: str
    tail: str
    tail_factor: str
    issued_points: int
    redeemed_points: int
    ultimate_redemption_rate: str
    """Overall, weighted by issued points."""
    standard_error: str
    expected_breakage_points: int
    sensitivity: Sensitivity
    fundings: tuple[FundingEstimate, ...]
    cohorts: tuple[CohortEstimate, ...]
    """By vintage, then by funding."""
    development: tuple[Development, ...]
    """Of all fundings together."""
    back_test: BackTest
    generator: str


def propose(
    history: History,
    *,
    generator: str,
    through: date | None = None,
    tail: str = "exponential",
    held_out_months: int = 3,
) -> Proposal:
    """
    Estimate how many points of each vintage will ever be redeemed.

    Args:
        history: From the ledger.
        generator: Program and version.
        through: First day of the last month taken in; by default the last that is over.
        tail: What happens after the last age that was seen; see `models.breakage.chain_ladder.project`.
        held_out_months: For the back-test.

    Raises:
        TooLittleHistory: It does not suffice for the estimate or its back-test.
        InvalidInput: There is no such tail, or nothing was issued by ``through``.
    """
    last = through or history.last_whole_month
    if tail not in TAILS or last < min(vintage for vintage, *_ in history.moved):
        raise InvalidInput(f"Take a tail of {', '.join(TAILS)}, and a month in which points had been issued.")
    triangle = cumulative(history, last)
    projection = project(triangle, tail=tail)
    whole = _Whole(projection, _common(issued(history, last), projection), tail)
    parts = [_part(history.of(funding), funding, last, whole) for funding in history.fundings(last)]
    cohorts = sorted((one for part in parts for one in part.cohorts), key=lambda one: (one.vintage, one.funding))
    issued_points = sum(cohort.issued_points for cohort in cohorts)
    rates = _rates(cohorts)
    tested = back_test(triangle, held_out_months)
    error = mean_absolute_error(tested)
    return Proposal(
        history.program_id,
        history.point_currency,
        history.positions,
        history.sha256,
        f"{last:%Y-%m}",
        "chain_ladder, volume-weighted, by month of issue and funding",
        tail,
        _rate(projection.tail_factor),
        issued_points,
        sum(cohort.redeemed_points for cohort in cohorts),
        _overall(rates),
        _rate(projection.total_standard_error / issued_points if issued_points else 0.0),
        sum(cohort.expected_breakage_points for cohort in cohorts),
        Sensitivity(_breakage(rates, _PERCENTAGE_POINT), _breakage(rates, -_PERCENTAGE_POINT)),
        tuple(_summed(part) for part in parts),
        tuple(cohorts),
        tuple(Development(int(age), _rate(factor)) for age, factor in projection.development["factor"].items()),
        BackTest(
            held_out_months,
            None if error is None else _rate(error),
            tuple(
                BackTested(str(vintage), round(row["predicted"]), round(row["actual"]))
                for vintage, row in tested.iterrows()
            ),
        ),
        generator,
    )


class _Whole(Struct):
    """All fundings together."""

    projection: Projection
    common_rate: float
    tail: str


class _Part(Struct):
    """The cohorts of one funding."""

    funding: str
    development: str
    total_standard_error: float
    cohorts: list[CohortEstimate]


def _part(history: History, funding: str, last: date, whole: _Whole) -> _Part:
    """Estimate the cohorts of one funding: by its own development, if it has enough of it."""
    points, triangle = issued(history, last), cumulative(history, last)
    projection = _alone(triangle, whole)
    if projection is None:
        projection, common, suffix = follow(triangle, whole.projection), whole.common_rate, f", {SHARED_DEVELOPMENT}"
    else:
        common, suffix = _common(points, projection), ""
    cohorts = []
    for vintage, row in projection.vintages.iterrows():
        count = int(points[vintage])
        if count > 0:
            key = cohort_key(vintage, funding, history.point_currency)
            cohorts.append(_cohort(key, count, row, common, suffix))
    development = SHARED_DEVELOPMENT if suffix else OWN_DEVELOPMENT
    return _Part(funding, development, projection.total_standard_error, cohorts)


def _alone(triangle: Any, whole: _Whole) -> Projection | None:
    """Project a funding by its own development; ``None`` where it has too little history for that."""
    if len(triangle) < _LEAST_PART * len(whole.projection.vintages):
        return None
    try:
        return project(triangle, tail=whole.tail)
    except TooLittleHistory:
        return None


def _common(points: Any, projection: Projection) -> float:
    """
    Return what all vintages came to, as if each counted by the part of its life that is over.

    Source: H. Bühlmann's Cape Cod method.
    """
    used = float((points * projection.vintages["developed"]).sum())
    return min(1.0, float(projection.vintages["latest"].sum()) / used) if used > 0 else 0.0


def _cohort(key: str, count: int, row: Any, common: float, suffix: str) -> CohortEstimate:
    is_young = row["developed"] < _LEAST_DEVELOPED or row["latest"] <= 0
    share = (row["latest"] / count + common * (1 - row["developed"])) if is_young else row["ultimate"] / count
    # Nobody redeems more than there is, and what was redeemed stays so.
    rate = Decimal(_rate(min(1.0, max(share, row["latest"] / count, 0.0))))
    breakage, redeemed = _breakage([(count, rate)]), round(row["latest"])
    vintage, funding, _ = key.split("/")
    return CohortEstimate(
        key,
        vintage,
        funding,
        count,
        redeemed,
        max(count - breakage, redeemed),
        f"{rate:f}",
        _rate(row["standard_error"] / count),
        breakage,
        f"{'cape_cod' if is_young else 'chain_ladder'}{suffix}",
    )


def _summed(part: _Part) -> FundingEstimate:
    count = sum(one.issued_points for one in part.cohorts)
    return FundingEstimate(
        part.funding,
        count,
        sum(one.redeemed_points for one in part.cohorts),
        _overall(_rates(part.cohorts)),
        _rate(part.total_standard_error / count if count else 0.0),
        sum(one.expected_breakage_points for one in part.cohorts),
        part.development,
    )


def _rates(cohorts: Iterable[CohortEstimate]) -> list[tuple[int, Decimal]]:
    return [(one.issued_points, Decimal(one.ultimate_redemption_rate)) for one in cohorts]


def _overall(rates: list[tuple[int, Decimal]]) -> str:
    count = sum(points for points, _ in rates)
    redeemed = sum((points * rate for points, rate in rates), Decimal())
    return f"{(redeemed / count).quantize(_DIGITS, ROUND_HALF_EVEN):f}" if count else "0.000000"


def _breakage(rates: list[tuple[int, Decimal]], change: Decimal = Decimal()) -> int:
    """Return the points that nobody will redeem, in whole units per cohort."""
    shares = ((points, min(Decimal(1), max(Decimal(0), rate + change))) for points, rate in rates)
    return sum(int((points * (1 - rate)).quantize(Decimal(1), ROUND_HALF_EVEN)) for points, rate in shares)


def _rate(value: float) -> str:
    # Twelve digits are what a calculation in another order would agree on.
    return f"{Decimal(f'{value:.12g}').quantize(_DIGITS, ROUND_HALF_EVEN):f}"
