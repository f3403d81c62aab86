"""The views show what the events say: replay equals live, whatever happens in between."""

import random
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from khaywe.wiring import Database
from ledger.members import directory
from ledger.posting.cache import StateCache
from ledger.posting.instruction import Instruction, Posted
from ledger.posting.poster import Poster
from ledger.streams import ACCOUNT, StreamId, account_stream_id
from projections.balances import read_accounts
from projections.lots import read_lots
from projections.purchases import read_purchases
from projections.rebuild import BESIDE, build_beside, compare_and_swap, compare_beside
from projections.runner import Overtaken, Runner
from projections.timeline import read_timeline
from projections.tracking import shown_position, view_status
from projections.views import VIEWS
from rules.activity import Purchase, Redemption, Reversal
from rules.instructions import open_account, post_purchase, redeem, reverse_redemption
from tests.programs import PROGRAM_ID, publish_program

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MEMBERS = 5


def history(database: Database, poster: Poster, seed: int, count: int = 120) -> list[StreamId]:
    """Post a random history of purchases, redemptions and reversals; return the accounts."""
    draw = random.Random(seed)
    with database.connect() as connection:
        newcomers = {uuid.uuid4(): [("card", f"{seed}-{card}")] for card in range(MEMBERS)}
        members = list(directory.enrol(connection, PROGRAM_ID, newcomers, NOW).values())
    poster.post([open_account(PROGRAM_ID, member, NOW - timedelta(days=500)) for member in members])
    booked: list[tuple[str, StreamId]] = []
    for number in range(count):
        member, occurred_at = str(draw.choice(members)), NOW - timedelta(days=draw.randrange(400))
        instruction: Instruction
        if booked and draw.random() < 0.1:
            redemption_id, account_id = booked.pop()
            reversal = Reversal("s", occurred_at, "test")
            instruction = reverse_redemption(PROGRAM_ID, redemption_id, account_id, reversal, NOW)
        elif draw.random() < 0.3:
            redemption_id = f"R{seed}-{number}"
            points = draw.randrange(1, 60)
            instruction = redeem(PROGRAM_ID, Redemption("s", redemption_id, member, occurred_at, points), NOW)
            (outcome,) = poster.post([instruction])
            if isinstance(outcome, Posted):
                booked.append((redemption_id, outcome.stream_id))
            continue
        else:
            amount = Decimal(draw.choice(["50", "150.00", "249.90", "1000"]))
            purchase = Purchase("s", f"T{seed}-{number}", member, occurred_at, amount, "EUR")
            instruction = post_purchase(PROGRAM_ID, purchase, NOW)
        poster.post([instruction])
    return [account_stream_id(PROGRAM_ID, member) for member in members]


@contextmanager
def runner(database: Database, names: list[str] | None = None) -> Iterator[Runner]:
    """Provide a runner of the live views."""
    with database.connect() as reader, database.connect_views() as writer:
        yield Runner(reader, writer, [VIEWS[name] for name in names or VIEWS])


def follow(database: Database, names: list[str] | None = None, page_size: int = 7) -> None:
    """Bring the views up to date, a few events at a time."""
    with runner(database, names) as follower:
        deque(follower.catch_up(page_size=page_size), maxlen=0)


def rebuild_equals(database: Database, *, swap: bool = False) -> bool:
    """Build all views anew and tell whether they equal the live ones."""
    views = list(VIEWS.values())
    with (
        database.connect_as_owner() as owner,
        database.connect() as reader,
        database.connect_views(BESIDE) as writer,
    ):
        build_beside(owner, reader, writer, views)
        compared = (compare_and_swap if swap else compare_beside)(owner, reader, writer, views)
        return all(one.is_equal for one in compared)


@pytest.mark.parametrize("seed", range(3))
def test_views_agree_with_the_states_that_decide(any_database: Database, seed: int) -> None:
    """Balances, lots, purchases and timeline say what the folded accounts say, for every account."""
    database = any_database
    with database.poster() as poster:
        publish_program(poster)
        accounts = history(database, poster, seed)
    follow(database)
    cache = StateCache(database.partition_count)
    with database.connect() as connection:
        cache.load(connection, dict.fromkeys(accounts, ACCOUNT))
        shown = read_accounts(connection, accounts, NOW.date(), database.partition_count)
        for account_id in accounts:
            state = cache.entries[account_id].state
            for row in shown[account_id].balances:
                book = state.books[row.point_currency]
                assert row.balance_points == book.balance_points
                assert row.available_points == book.available_points(NOW.date())
                assert row.available_points + row.promised_points + row.lapsed_points == row.balance_points
            lots = read_lots(connection, account_id, database.partition_count, limit=1000)
            open_lots = {lot.lot: lot.points for book in state.books.values() for lot in book.lots.values()}
            assert {lot.lot: lot.open_points for lot in lots} == open_lots
            lines = read_timeline(connection, account_id, database.partition_count, limit=1000)
            assert [line.version for line in lines] == list(range(cache.entries[account_id].version, 0, -1))
            assert sum(line.points for line in lines) == sum(state.balances().values())
            purchases = read_purchases(connection, account_id, database.partition_count, limit=1000)
            assert sum(one.points for one in purchases) == sum(book.accrued_points for book in state.books.values())


def test_pages_of_any_size_give_the_same_rows(any_database: Database) -> None:
    """Events folded one by one, seven by seven or all at once leave the same views; a rebuild takes over quietly."""
    with any_database.poster() as poster:
        publish_program(poster)
        for seed, page_size in ((1, 1), (2, 7), (3, 8_000)):
            history(any_database, poster, seed, 40)
            follow(any_database, page_size=page_size)
            assert rebuild_equals(any_database, swap=page_size == 7)
    follow(any_database)
    assert rebuild_equals(any_database)
    with any_database.connect() as connection:
        assert all(one.behind == 0 for one in view_status(connection))


def test_lag_is_the_age_of_what_is_not_shown(database: Database) -> None:
    """A view that shows everything has none, however long ago that was; one that lacks an event is as late as it."""
    with database.poster() as poster, database.connect() as connection:
        publish_program(poster)
        history(database, poster, 1, 5)
        follow(database)
        assert {(one.behind, one.behind_s) for one in view_status(connection)} == {(0, 0.0)}
        history(database, poster, 2, 5)
        late = view_status(connection)
        assert all(one.behind > 0 for one in late)
        shown_s = (connection.execute("SELECT clock_timestamp()").fetchone()[0] - late[0].recorded_at).total_seconds()
        assert all(0 < one.behind_s < shown_s for one in late)


def test_a_new_view_joins_the_others(any_database: Database) -> None:
    """A view that was never filled is brought up to the others, and from then on they go together."""
    with any_database.poster() as poster:
        publish_program(poster)
        history(any_database, poster, 1, 40)
        follow(any_database, ["balances", "lots"])
        history(any_database, poster, 2, 40)
    follow(any_database)
    assert rebuild_equals(any_database)


def test_a_rebuild_finds_rows_that_were_changed(database: Database) -> None:
    """A live row that does not come from the events is noticed, and gone after the swap."""
    with database.poster() as poster:
        publish_program(poster)
        history(database, poster, 1, 40)
    follow(database)
    with database.connect_as_owner() as owner:
        owner.execute("UPDATE views.lots SET open_points = open_points + 1 WHERE lot = 1")
    assert not rebuild_equals(database, swap=True)
    assert rebuild_equals(database)
    with database.connect() as connection:
        # What took over can be read by whoever could read before.
        assert shown_position(connection, 0) > 0
    follow(database)


def test_a_rebuild_does_not_mind_views_that_lag(database: Database) -> None:
    """While nobody follows, what is built is compared at the position the live views are at."""
    with database.poster() as poster:
        publish_program(poster)
        history(database, poster, 1, 20)
        follow(database)
        history(database, poster, 2, 20)
    assert rebuild_equals(database, swap=True)
    follow(database)
    assert rebuild_equals(database)


def test_the_slower_of_two_runners_writes_nothing(database: Database) -> None:
    """Two runners at the same page: the second one is told, and the rows are there once."""
    with database.poster() as poster:
        publish_program(poster)
        history(database, poster, 1, 40)
    with runner(database) as slow:
        pages = slow.catch_up(page_size=10)
        next(pages)
        follow(database, page_size=10)
        with pytest.raises(Overtaken):
            deque(pages, maxlen=0)
    assert rebuild_equals(database)


def test_a_lot_used_in_the_page_that_made_it(database: Database) -> None:
    """Earned, spent and given back within one page: the lot is written once, as it stands at the end."""
    with database.poster() as poster:
        publish_program(poster)
        member = uuid.uuid4()
        poster.post([open_account(PROGRAM_ID, member, NOW)])
        when = datetime(2026, 5, 1, 12, tzinfo=UTC)
        purchase = Purchase("s", "T", str(member), when, Decimal("249.90"), "EUR")
        first = redeem(PROGRAM_ID, Redemption("s", "R1", str(member), when, 10), NOW)
        second = redeem(PROGRAM_ID, Redemption("s", "R2", str(member), when, 14), NOW)
        account_id = account_stream_id(PROGRAM_ID, member)
        undo = reverse_redemption(PROGRAM_ID, "R1", account_id, Reversal("s", when, "test"), NOW)
        outcomes = poster.post([post_purchase(PROGRAM_ID, purchase, NOW), first, second, undo])
        assert all(isinstance(outcome, Posted) for outcome in outcomes)
    follow(database, page_size=8_000)
    with database.connect() as connection:
        (lot,) = read_lots(connection, account_id, 1)
    assert (lot.accrued_points, lot.open_points, lot.expires_on) == (24, 10, date(2027, 5, 1))
