"""The warehouses that a rule can be written for, and where they differ in what a rule may say."""

from datetime import date
from typing import Final, Literal, get_args

from msgspec import Struct

Dialect = Literal["duckdb", "postgres", "clickhouse", "snowflake", "bigquery", "trino"]

DIALECTS: Final[tuple[Dialect, ...]] = get_args(Dialect)


class Traits(Struct, frozen=True):
    """What there is to know about a dialect beyond what Ibis knows."""

    driver: str
    """The module that talks to it; installed with the extra of the dialect's name where it is not one of ours."""
    has_code_points: bool = True
    """Whether the functions that Ibis uses count characters instead of bytes."""
    max_digits: int = 27
    """Significant digits that a written number keeps."""
    dates: tuple[date, date] = (date.min, date.max)
    """The first and the last day that a written date can be."""
    is_executed: bool = False
    """Whether our tests run its SQL, besides comparing it with what was read and found good."""


TRAITS: Final[dict[Dialect, Traits]] = {
    "duckdb": Traits("duckdb", is_executed=True),
    "postgres": Traits("psycopg", is_executed=True),
    # Written numbers with a fraction pass through Float64 there, LENGTH and SUBSTRING count bytes, and other days than
    # these become the nearest of them.
    "clickhouse": Traits(
        "clickhouse_connect", has_code_points=False, max_digits=15, dates=(date(1970, 1, 1), date(2149, 6, 6))
    ),
    "snowflake": Traits("snowflake.connector"),
    "bigquery": Traits("google.cloud.bigquery"),
    "trino": Traits("trino"),
}
