"""The jobs that keep time: lots of a whole program lapsing on one night, and the tiers of all members ending."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec.structs import replace

from bench.figures import figure, note
from bench.ledgers import RICH_TERMS, TERMS, ledger
from bench.posting import post
from khaywe.collecting import calm_collector
from khaywe.wiring import Database
from ledger.program.ladders import Tier
from ledger.program.terms import Terms
from projections.runner import Runner
from projections.views import VIEWS
from workers.jobs import JOBS
from workers.runs import Report
from workers.sweeping import Deps

MEMBERS = 200_000
LOTS_EACH = 5

_EASY = Tier("silver", "Silver", min_points=100, benefits={"bonus": "0.2"})
_TIERED = replace(
    RICH_TERMS,
    ladders=(replace(RICH_TERMS.ladders[0], tiers=(RICH_TERMS.ladders[0].tiers[0], _EASY)),),
)


def run() -> None:
    """Measure a run of each job on accounts that no process has in memory, with its events durable and listed."""
    seconds, report = _measure(TERMS, LOTS_EACH, "expire-lots", datetime(2028, 1, 1, tzinfo=UTC))
    figure("expire_lots_per_s", MEMBERS * LOTS_EACH / seconds, "lots/s")
    figure("expire_million_lots_s", seconds * 1_000_000 / (MEMBERS * LOTS_EACH), "s")
    note(f"{report.account_count:,} accounts, {report.event_count:,} instructions with events, in {seconds:.1f} s")
    seconds, report = _measure(_TIERED, 1, "end-tiers", datetime(2027, 4, 2, tzinfo=UTC))
    figure("tier_reevaluation_per_s", report.account_count / seconds, "accounts/s")
    note(f"{report.account_count:,} accounts, {report.event_count:,} instructions with events, in {seconds:.1f} s")


def _measure(terms: Terms, purchases_each: int, job: str, now: datetime) -> tuple[float, Report]:
    with ledger(MEMBERS, terms=terms) as database:
        post(database, list(_purchases(purchases_each)))
        with database.connect() as reader, database.connect_views() as writer:
            for _ in Runner(reader, writer, list(VIEWS.values())).catch_up():
                pass
        return _timed(database, job, now)


def _timed(database: Database, job: str, now: datetime) -> tuple[float, Report]:
    calm_collector()
    with database.poster() as poster:
        deps = Deps(database.connect, poster, 1)
        started = time.perf_counter()
        report = JOBS[job].work(deps, now, lambda _: None)
        return time.perf_counter() - started, report


def _purchases(each: int) -> Iterator[bytes]:
    """Give everybody some purchases, a month apart."""
    for turn in range(each):
        for member in range(MEMBERS):
            yield (
                b'{"source":"store","transaction_id":"T%d-%d","member":"card:%d",'
                b'"occurred_at":"2025-%02d-10T12:00:00Z","amount":"%d.00","currency":"USD"}'
            ) % (turn, member, member, turn + 1, 150 + member % 100)
