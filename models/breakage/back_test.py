"""Would the estimate have been right? The last months are held out, predicted from those before, and compared."""

from typing import Any

import pandas as pd

from models.breakage.chain_ladder import LEAST_VINTAGES, project
from models.errors import TooLittleHistory


def back_test(triangle: Any, held_out_months: int) -> Any:
    """
    Predict what was redeemed by now from what was known some months ago.

    Args:
        triangle: DataFrame of float64, shape ``(n, n)``, as `models.breakage.chain_ladder.project` takes it.
        held_out_months: Diagonals that the prediction does not see.

    Returns:
        DataFrame of float64, shape ``(n - 2 * held_out_months, 2)``, indexed by vintage: ``predicted`` and ``actual``
        points redeemed by now. Not the oldest vintages: when they were that young, nothing older told how they go on.

    Raises:
        TooLittleHistory: Too few months are left to predict from.
    """
    known = len(triangle) - held_out_months
    if held_out_months < 1 or known < LEAST_VINTAGES:
        raise TooLittleHistory(f"{len(triangle)} months cannot be tested with {held_out_months} of them held out.")
    before = triangle.iloc[:known, :known].copy()
    for row in range(known):
        before.iloc[row, known - row :] = float("nan")
    factors = list(project(before).development["factor"])
    rows = {}
    for row, vintage in enumerate(before.index):
        then, now = known - 1 - row, len(triangle) - 1 - row
        if now > len(factors):
            continue
        predicted = before.iloc[row, then]
        for age in range(then, now):
            predicted *= factors[age]
        rows[vintage] = (predicted, triangle.iloc[row, now])
    tested = pd.DataFrame.from_dict(rows, orient="index", columns=["predicted", "actual"])
    tested.index.name = "vintage"
    return tested


def mean_absolute_error(tested: Any) -> float | None:
    """Return the mean of ``|predicted - actual| / actual`` over vintages that redeemed; ``None`` if none did."""
    redeemed = tested[tested["actual"] > 0]
    if redeemed.empty:
        return None
    return float(((redeemed["predicted"] - redeemed["actual"]).abs() / redeemed["actual"]).mean())
