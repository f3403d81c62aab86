"""
Chain ladder: how a triangle goes on, if later vintages develop as earlier ones did.

Source: T. Mack, "Distribution-free calculation of the standard error of chain ladder reserve estimates", ASTIN Bulletin
23/2 (1993), equations for factors, variances and the mean squared error, with the last variance as he extrapolates it.
"""

import math
from typing import Any

import pandas as pd
from msgspec import Struct

from models.errors import TooLittleHistory

LEAST_VINTAGES = 4
_TAIL_MONTHS = 600
"""Ages to which a tail is followed; beyond them its factors are 1 to the last digit that is shown."""


class Projection(Struct, frozen=True):
    """A triangle and how it goes on."""

    development: Any
    """
    DataFrame of float64, shape ``(n - 1, 2)``, indexed by ``age``: ``factor`` from this age to the next,
    volume-weighted, and ``variance`` (Mack's sigma squared).
    """
    tail_factor: float
    """From the last age to the ultimate."""
    vintages: Any
    """
    DataFrame of float64, shape ``(n, 4)``, indexed as the triangle: ``latest`` and ``ultimate`` in points,
    ``developed`` as a share of the ultimate, ``standard_error`` of the ultimate in points (the tail adds none).
    """
    total_standard_error: float
    """Of all ultimates together, in points: larger than if they were independent, because they share factors."""


def project(triangle: Any, *, tail: str = "none") -> Projection:
    """
    Project a triangle to its ultimates.

    Args:
        triangle: DataFrame of float64, shape ``(n, n)``: cumulative, one row per vintage, oldest first, NaN below the
            diagonal.
        tail: ``none``: nothing happens after the last age; ``exponential``: what the factors exceed 1 by goes on
            falling at the rate at which it fell.

    Raises:
        TooLittleHistory: Fewer than four vintages, or nothing was redeemed.
    """
    if len(triangle) < LEAST_VINTAGES:
        raise TooLittleHistory(f"At least {LEAST_VINTAGES} whole months are needed; there are {len(triangle)}.")
    if not triangle.max().max() > 0:
        raise TooLittleHistory("Nothing was redeemed yet, so there is nothing to estimate from.")
    development = _development(triangle)
    tail_factor = _tail(development) if tail == "exponential" else 1.0
    full = _completed(triangle, development)
    errors, total = _standard_errors(triangle, full, development)
    vintages = pd.DataFrame(
        {
            "latest": _latest(triangle),
            "ultimate": full.iloc[:, -1] * tail_factor,
            "developed": _developed(triangle.index, development, tail_factor),
            "standard_error": errors * tail_factor,
        }
    )
    return Projection(development, tail_factor, vintages, total * tail_factor)


def follow(triangle: Any, leading: Projection) -> Projection:
    """
    Project a triangle that is too small to tell by itself as a larger one went on, of which it is a part.

    Args:
        triangle: As `project` takes it, of any size up to that of the larger one.
        leading: The larger one, through the same month. Its relative errors are taken over.
    """
    latest = _latest(triangle)
    developed = _developed(triangle.index, leading.development, leading.tail_factor)
    whole = leading.vintages.loc[triangle.index]
    relative = (whole["standard_error"] / whole["ultimate"].where(whole["ultimate"] > 0)).fillna(0.0)
    ultimate = latest / developed
    errors = ultimate * relative
    vintages = pd.DataFrame({"latest": latest, "ultimate": ultimate, "developed": developed, "standard_error": errors})
    # They share their factors, so they err together.
    return Projection(leading.development, leading.tail_factor, vintages, float(errors.sum()))


def _latest(triangle: Any) -> Any:
    return pd.Series([row.dropna().iloc[-1] for _, row in triangle.iterrows()], triangle.index)


def _developed(vintages: Any, development: Any, tail_factor: float) -> Any:
    """Return what part of its ultimate each vintage has seen; the oldest first, the youngest at age 0."""
    to_ultimate = [*(development["factor"][::-1].cumprod()[::-1] * tail_factor), tail_factor]
    ages = range(len(vintages) - 1, -1, -1)
    return pd.Series([1 / to_ultimate[age] for age in ages], vintages)


def _development(triangle: Any) -> Any:
    size = len(triangle)
    factors, variances = [], []
    for age in range(size - 1):
        known = triangle[[age, age + 1]].iloc[: size - age - 1]
        base = known[age].sum()
        # Where nothing was redeemed by an age, there is nothing that could develop.
        factor = known[age + 1].sum() / base if base > 0 else 1.0
        factors.append(max(factor, 1e-9))
        count = len(known) - 1
        if count:
            weighed = known[known[age] > 0]
            squares = weighed[age] * (weighed[age + 1] / weighed[age] - factor) ** 2
            variances.append(squares.sum() / count)
    variances.append(_last_variance(variances))
    return pd.DataFrame({"factor": factors, "variance": variances}, pd.RangeIndex(size - 1, name="age"))


def _last_variance(variances: list[float]) -> float:
    before, last = variances[-2:]
    return min(last**2 / before, before, last) if before > 0 else 0.0


def _tail(development: Any) -> float:
    """Fit ``log(factor - 1)`` to a line over the ages, by least squares, and follow it."""
    points = [(age, math.log(factor - 1)) for age, factor in development["factor"].items() if factor > 1]
    if len(points) < LEAST_VINTAGES - 1:
        return 1.0
    mean_age = math.fsum(age for age, _ in points) / len(points)
    mean = math.fsum(value for _, value in points) / len(points)
    slope = math.fsum((age - mean_age) * (value - mean) for age, value in points) / math.fsum(
        (age - mean_age) ** 2 for age, _ in points
    )
    if slope >= 0:
        raise TooLittleHistory("Redemption does not slow down with age yet, so no tail can be told; use tail none.")
    first = len(development)
    return math.prod(1 + math.exp(mean + slope * (age - mean_age)) for age in range(first, first + _TAIL_MONTHS))


def _completed(triangle: Any, development: Any) -> Any:
    full = triangle.copy()
    for age, factor in development["factor"].items():
        missing = full[age + 1].isna()
        full.loc[missing, age + 1] = full.loc[missing, age] * factor
    return full


def _standard_errors(triangle: Any, full: Any, development: Any) -> tuple[Any, float]:
    size = len(triangle)
    bases = [triangle[age].iloc[: size - age - 1].sum() for age in range(size - 1)]
    relative = [
        variance / factor**2 for factor, variance in zip(development["factor"], development["variance"], strict=True)
    ]
    squares, total = [], 0.0
    ultimates = list(full.iloc[:, -1])
    for row in range(size):
        ages = range(size - 1 - row, size - 1)
        square = shared = 0.0
        for age in ages:
            at_age = full.iloc[row, age]
            if bases[age] > 0:
                square += relative[age] * ((1 / at_age if at_age > 0 else 0.0) + 1 / bases[age])
                shared += 2 * relative[age] / bases[age]
        squares.append(ultimates[row] ** 2 * square)
        total += squares[-1] + ultimates[row] * math.fsum(ultimates[row + 1 :]) * shared
    return pd.Series([math.sqrt(square) for square in squares], triangle.index), math.sqrt(total)
