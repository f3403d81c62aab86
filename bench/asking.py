"""What another version would have come to, over a year of purchases of a program with tiers, caps and bonuses."""

import resource
import time
from datetime import UTC, datetime
from uuid import uuid4

from msgspec.structs import replace

from bench.figures import figure, note
from bench.ledgers import PROGRAM_ID, RICH_TERMS, STARTED, ledger, purchase_lines
from bench.posting import post
from khaywe.collecting import calm_collector
from khaywe.wiring import Database
from ledger.program.terms import EarnRule, Terms
from projections.whatifs.rows import NewWhatIf, decode_totals, read_what_if, store_what_if
from workers.sweeping import Deps
from workers.what_ifs import answer_what_ifs

PURCHASES = 1_000_000
MEMBERS = 50_000

_OTHER = replace(
    RICH_TERMS,
    earn=(
        EarnRule('{"*":[{"var":"transaction_amount"},1.1]}', "points", "base", caps=RICH_TERMS.earn_rules[0].caps),
        *RICH_TERMS.earn_rules[1:],
    ),
)


def run(purchases: int = PURCHASES, members: int = MEMBERS) -> None:
    """Measure from the question to its answer, with what is different for every account on disk."""
    with ledger(members, terms=RICH_TERMS) as database:
        post(database, list(purchase_lines(purchases, members, in_order=True)))
        seconds = answer(database, _OTHER)
    figure("what_if_purchases_per_s", purchases / seconds, "purchases/s")
    figure("what_if_million_s", seconds * 1_000_000 / purchases, "s")
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    note(f"largest process so far, making the purchases included: {largest / 1024:,.0f} MiB")


def answer(database: Database, terms: Terms) -> float:
    """Ask about a year, and return how many seconds the answer took."""
    new = NewWhatIf(
        uuid4(), PROGRAM_ID, "bench", bytes(32), "inline", terms, STARTED, None, datetime(2026, 1, 1, tzinfo=UTC)
    )
    calm_collector()
    with database.poster() as poster, database.connect() as connection:
        store_what_if(connection, new)
        started = time.perf_counter()
        answer_what_ifs(Deps(database.connect, poster, database.partition_count), uuid4())
        seconds = time.perf_counter() - started
        done = read_what_if(connection, new.what_if_id)
    assert done is not None
    assert done.status == "done", done.failure
    totals = decode_totals(done.totals)
    note(f"{totals.different_count:,} of {totals.account_count:,} accounts would be different, in {seconds:.1f} s")
    return seconds
