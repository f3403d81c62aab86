"""Promises of offline tills: what receipts say, and what was booked."""

from projections.promises.project import PROMISES
from projections.promises.rows import (
    SumCursor,
    Variance,
    VarianceCursor,
    VarianceSum,
    Window,
    read_variances,
    sum_variances,
)

__all__ = [
    "PROMISES",
    "SumCursor",
    "Variance",
    "VarianceCursor",
    "VarianceSum",
    "Window",
    "read_variances",
    "sum_variances",
]
