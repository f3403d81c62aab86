"""Views built anew: exactly alike, never half, one builder at a time, and what differs is shown."""

import random
from threading import Event, Thread
from typing import Any

import pytest

from khaywe.wiring import Database
from projections.beside import BESIDE, RebuildRunning, sole_builder
from projections.page import Page
from projections.rebuild import build_beside, compare_and_swap, compare_beside
from projections.views import VIEWS
from tests.integration.projections.test_points_over_time import follow
from tests.integration.projections.walks import go_on, walk
from tests.programs import PROGRAM_ID, publish_program
from tests.schema import dump, readable
from workers.follower import follow as keep_following

ALL = list(VIEWS.values())


@pytest.fixture
def filled(any_database: Database) -> Database:
    """Provide a ledger with views that follow."""
    with any_database.poster() as poster:
        publish_program(poster)
        walk(poster, PROGRAM_ID, 11, members=5, steps=40)
    follow(any_database, page_size=1_000)
    return any_database


def rebuilt(database: Database, finish: Any, on_page: Any = lambda _: None) -> Any:
    """Build all views and finish with a comparison."""
    with (
        database.connect_as_owner() as owner,
        sole_builder(owner),
        database.connect() as reader,
        database.connect_views(BESIDE) as writer,
    ):
        build_beside(owner, reader, writer, ALL, on_page)
        return finish(owner, reader, writer, ALL)


def beside_exists(database: Database) -> bool:
    """Tell whether anything stands beside the live tables."""
    with database.connect_as_owner() as owner:
        row = owner.execute("SELECT to_regnamespace(%s) IS NOT NULL", (BESIDE,)).fetchone()
    return bool(row and row[0])


def test_what_takes_over_is_made_alike(filled: Database) -> None:
    """Keys, indexes with their names, fill factors, grants, defaults and generated columns."""
    before = readable(dump(filled.owner_url))
    assert all(one.is_equal for one in rebuilt(filled, compare_and_swap))
    assert readable(dump(filled.owner_url)) == before
    assert not beside_exists(filled)
    with filled.poster() as poster, filled.connect() as connection:
        accounts = [account for (account,) in connection.execute("SELECT uuid_send(account_id) FROM views.accounts")]
        go_on(poster, accounts, 12, 20, random.Random(12))
    follow(filled, page_size=50)
    assert all(one.is_equal for one in rebuilt(filled, compare_beside))


def test_a_comparison_shows_what_differs_and_changes_nothing(filled: Database) -> None:
    """A row changed, one gone and one too many: in their table and partition, with the rows; the live ones stay."""
    with filled.connect_as_owner() as owner:
        (partition, hold_id) = owner.execute("SELECT partition, hold_id FROM views.holds LIMIT 1").fetchone() or ()
        owner.execute("UPDATE views.holds SET points = points + 7000 WHERE hold_id = %s", (hold_id,))
        owner.execute("DELETE FROM views.tiers WHERE ctid = (SELECT min(ctid) FROM views.tiers)")
        owner.execute(
            "INSERT INTO views.vouchers SELECT partition, account_id, 'forged', 'points', 1, 1, 'EUR', "
            "'2026-01-01', '2026-01-02', 99999 FROM views.accounts LIMIT 1"
        )
        before = owner.execute("SELECT * FROM views.holds ORDER BY 1, 2, 3").fetchall()
    differing = {one.table: one for one in rebuilt(filled, compare_beside) if not one.is_equal}
    assert set(differing) == {"holds", "tiers", "vouchers"}
    holds = differing["holds"]
    assert holds.partition == partition
    (live,), (anew,) = holds.only_live, holds.only_rebuilt
    assert hold_id in live
    assert hold_id in anew
    assert (len(differing["tiers"].only_live), len(differing["tiers"].only_rebuilt)) == (0, 1)
    assert "forged" in differing["vouchers"].only_live[0]
    assert differing["vouchers"].live_rows == differing["vouchers"].rebuilt_rows + 1
    with filled.connect_as_owner() as owner:
        assert owner.execute("SELECT * FROM views.holds ORDER BY 1, 2, 3").fetchall() == before
    assert not beside_exists(filled)
    rebuilt(filled, compare_and_swap)
    assert all(one.is_equal for one in rebuilt(filled, compare_beside))


def test_an_interrupted_run_leaves_nothing(filled: Database) -> None:
    """The live views are untouched, and the next run starts afresh; also where the builder could not clean up."""

    def interrupt(_: Page) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuilt(filled, compare_and_swap, interrupt)
    assert not beside_exists(filled)
    with filled.connect_as_owner() as owner:
        owner.execute("CREATE SCHEMA views_beside")
        owner.execute("CREATE TABLE views_beside.lots (half int)")
    assert all(one.is_equal for one in rebuilt(filled, compare_and_swap))


def test_one_builder_at_a_time(filled: Database) -> None:
    """The second is told, and does not touch what the first is making."""

    def meet(_: Page) -> None:
        with pytest.raises(RebuildRunning):
            rebuilt(filled, compare_beside)

    assert all(one.is_equal for one in rebuilt(filled, compare_and_swap, meet))


@pytest.mark.parametrize("finish", [compare_beside, compare_and_swap])
def test_followers_go_on_meanwhile(filled: Database, finish: Any) -> None:
    """Posting and following while views are built and compared: no difference is imagined, and nothing is lost."""
    stopping, done = Event(), Event()
    follower = Thread(target=keep_following, args=(filled.connect, filled.connect_views, stopping))
    with filled.connect() as connection:
        accounts = [account for (account,) in connection.execute("SELECT uuid_send(account_id) FROM views.accounts")]

    def post() -> None:
        with filled.poster() as poster:
            for seed in range(100, 200):
                go_on(poster, accounts, seed, 3, random.Random(seed))
                if done.is_set():
                    return

    posting = Thread(target=post)
    follower.start()
    posting.start()
    try:
        for _ in range(3):
            assert all(one.is_equal for one in rebuilt(filled, finish))
    finally:
        done.set()
        posting.join()
        stopping.set()
        follower.join()
    follow(filled, page_size=1_000)
    assert all(one.is_equal for one in rebuilt(filled, compare_beside))
