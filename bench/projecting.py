"""The views catching up with a ledger: all account views together."""

import time

from bench.figures import figure
from bench.ledgers import ledger, purchase_lines
from bench.posting import post
from khaywe.collecting import calm_collector
from projections.runner import Runner
from projections.views import VIEWS

PURCHASES = 200_000
MEMBERS = 20_000


def run() -> None:
    """Measure from the first event to the last, every purchase with a lot."""
    with ledger(MEMBERS) as database:
        post(database, list(purchase_lines(PURCHASES, MEMBERS)))
        with database.connect() as reader, database.connect_views() as writer:
            runner = Runner(reader, writer, list(VIEWS.values()))
            calm_collector()
            started = time.perf_counter()
            count = sum(page.last_position - page.first_position for page in runner.catch_up())
            seconds = time.perf_counter() - started
    figure("projection_events_per_s", count / seconds, "events/s")
