"""What was promised against what was booked: each purchase, and the sums of stores and days."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict
from psycopg import Connection

from ledger.sql import load_queries

_SQL = load_queries("projections.promises")


class Window(Struct, frozen=True):
    """Which promises are asked about."""

    program_id: str
    from_on: date | None = None
    """First effective date."""
    to_on: date | None = None
    """First effective date that no longer belongs."""
    source: str | None = None


class Variance(Struct, frozen=True):
    """A purchase for which a till promised points, in one point currency. All points in its smallest unit."""

    account_id: UUID
    source: str
    transaction_id: str
    occurred_at: datetime
    effective_on: date
    bundle_version: int
    """That the till priced by."""
    program_version: int
    """That was in force."""
    point_currency: str
    promised_points: int
    booked_points: int
    difference_points: int
    """Booked less promised, when it was booked."""
    difference_now_points: int
    """The same with what late arrivals changed since; returns of the purchase itself are no difference."""
    returned_points: int
    """Taken back because the purchase was returned."""
    points: int
    """It earns now."""
    reason: str
    """Why booked and promised differ; ``repriced`` where only what came later made a difference; empty for none."""


class VarianceCursor(Struct, array_like=True, frozen=True):
    """The last row of the page before."""

    after_on: date
    after_source: str
    after_transaction_id: str
    after_account_id: UUID
    after_point_currency: str


class VarianceSum(Struct, frozen=True):
    """What a store promised on a day by one bundle version, in one point currency."""

    effective_on: date
    source: str
    bundle_version: int
    point_currency: str
    purchase_count: int
    different_count: int
    promised_points: int
    booked_points: int
    difference_points: int
    difference_now_points: int


class SumCursor(Struct, array_like=True, frozen=True):
    """The last row of the page before."""

    after_on: date
    after_source: str
    after_bundle_version: int
    after_point_currency: str


def read_variances(
    connection: Connection[Any],
    window: Window,
    after: VarianceCursor | None = None,
    *,
    only_different: bool,
    limit: int,
) -> list[Variance]:
    """
    Return promises with what became of them, oldest first.

    Args:
        connection: To the database.
        window: Which.
        after: The last row of the page before.
        only_different: Leave out those that were kept to the point.
        limit: Rows at most.
    """
    asked = asdict(window) | _after(VarianceCursor, after) | {"only_different": only_different, "limit": limit}
    return [Variance(*row) for row in connection.execute(_SQL["variances"], asked)]


def sum_variances(
    connection: Connection[Any],
    window: Window,
    after: SumCursor | None = None,
    *,
    limit: int,
) -> list[VarianceSum]:
    """Return the sums of stores, days, bundle versions and point currencies, oldest day first."""
    asked = asdict(window) | _after(SumCursor, after) | {"limit": limit}
    return [VarianceSum(*row) for row in connection.execute(_SQL["sums"], asked)]


def _after(kind: type[Struct], after: Struct | None) -> dict[str, Any]:
    return asdict(after) if after is not None else dict.fromkeys(kind.__struct_fields__)
