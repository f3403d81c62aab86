"""What finance is asked to approve: a redemption rate per vintage, what it rests on, and how wrong it may be."""

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from msgspec import Struct

from ledger.errors import InvalidInput
from models.breakage.back_test import back_test, mean_absolute_error
from models.breakage.chain_ladder import Projection, project
from models.breakage.triangle import History, cumulative, issued

TAILS = ("none", "exponential")
_DIGITS = Decimal("0.000001")
_LEAST_DEVELOPED = 0.1
"""A vintage that has seen less of its redemptions than this is estimated from what the others came to."""
_PERCENTAGE_POINT = Decimal("0.01")


class CohortEstimate(Struct, frozen=True):
    """Of one month of issue. Points in the smallest unit of the point currency; rates are shares of issued points."""

    vintage: str
    """``2026-11``."""
    issued_points: int
    """Less what was taken back, without redemption."""
    redeemed_points: int
    ultimate_redemption_rate: str
    """Decimal digits, from 0 to 1."""
    standard_error: str
    """Of that rate."""
    expected_breakage_points: int
    method: str
    """``chain_ladder``, or ``cape_cod`` where too little of the vintage's life is over."""


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
    cohorts: tuple[CohortEstimate, ...]
    development: tuple[Development, ...]
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
    points, triangle = issued(history, last), cumulative(history, last)
    projection = project(triangle, tail=tail)
    cohorts = _cohorts(points, projection)
    issued_points = sum(cohort.issued_points for cohort in cohorts)
    rates = [(cohort.issued_points, Decimal(cohort.ultimate_redemption_rate)) for cohort in cohorts]
    tested = back_test(triangle, held_out_months)
    error = mean_absolute_error(tested)
    return Proposal(
        history.program_id,
        history.point_currency,
        history.positions,
        history.sha256,
        f"{last:%Y-%m}",
        "chain_ladder, volume-weighted, by month of issue",
        tail,
        _rate(projection.tail_factor),
        issued_points,
        sum(cohort.redeemed_points for cohort in cohorts),
        _overall(rates),
        _rate(projection.total_standard_error / issued_points if issued_points else 0.0),
        sum(cohort.expected_breakage_points for cohort in cohorts),
        Sensitivity(_breakage(rates, _PERCENTAGE_POINT), _breakage(rates, -_PERCENTAGE_POINT)),
        cohorts,
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


def _cohorts(points: Any, projection: Projection) -> tuple[CohortEstimate, ...]:
    vintages = projection.vintages
    # What all vintages came to, as if each counted by the part of its life that is over (Bühlmann's Cape Cod).
    used = float((points * vintages["developed"]).sum())
    common = min(1.0, float(vintages["latest"].sum()) / used) if used > 0 else 0.0
    found = []
    for vintage, row in vintages.iterrows():
        count = int(points[vintage])
        if count <= 0:
            continue
        is_young = row["developed"] < _LEAST_DEVELOPED or row["latest"] <= 0
        share = (row["latest"] / count + common * (1 - row["developed"])) if is_young else row["ultimate"] / count
        # Nobody redeems more than there is, and what was redeemed stays so.
        rate = Decimal(_rate(min(1.0, max(share, row["latest"] / count, 0.0))))
        found.append(
            CohortEstimate(
                str(vintage),
                count,
                round(row["latest"]),
                f"{rate:f}",
                _rate(row["standard_error"] / count),
                _breakage([(count, rate)]),
                "cape_cod" if is_young else "chain_ladder",
            )
        )
    return tuple(found)


def _overall(rates: list[tuple[int, Decimal]]) -> str:
    count = sum(points for points, _ in rates)
    redeemed = sum((points * rate for points, rate in rates), Decimal())
    return f"{(redeemed / count).quantize(_DIGITS, ROUND_HALF_EVEN):f}" if count else "0.000000"


def _breakage(rates: list[tuple[int, Decimal]], change: Decimal = Decimal()) -> int:
    """Return the points that nobody will redeem, in whole units per vintage."""
    shares = ((points, min(Decimal(1), max(Decimal(0), rate + change))) for points, rate in rates)
    return sum(int((points * (1 - rate)).quantize(Decimal(1), ROUND_HALF_EVEN)) for points, rate in shares)


def _rate(value: float) -> str:
    # Twelve digits are what a calculation in another order would agree on.
    return f"{Decimal(f'{value:.12g}').quantize(_DIGITS, ROUND_HALF_EVEN):f}"
