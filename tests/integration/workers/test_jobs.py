"""The jobs that keep time, on real accounts: once is enough, twice does no harm, and being killed neither."""

import multiprocessing
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from typing import Any
from uuid import uuid4

import pytest

from khaywe.wiring import Database
from projections.jobs import read_last_runs, read_runs, read_warnings
from tests.integration.workers.members import NOW, PROGRAM_ID, buy, catch_up, prepare, topics
from workers.jobs import JOBS
from workers.leases import Lease
from workers.running import run_job
from workers.runs import Report
from workers.sweeping import Deps

MEMBERS = 12
BOUGHT = datetime(2025, 9, 1, 12, tzinfo=UTC)
SMALL = 2
"""Accounts in a page, so that a dozen members are several."""

RECORDED = {
    "expire-holds": {"account.hold_expired.v1": MEMBERS},
    "release-lots": {"account.hold_expired.v1": MEMBERS, "account.lots_released.v1": MEMBERS},
    "expire-lots": {
        "account.hold_expired.v1": MEMBERS,
        "account.lots_expired.v1": MEMBERS,
        "account.voucher_issued.v1": MEMBERS,
    },
    "end-tiers": {"account.hold_expired.v1": MEMBERS, "account.tier_changed.v1": 2 * MEMBERS},
    "close-periods": {},
    "warn-members": {},
    "check-balances": {},
    "finish-mergers": {},
    "finish-erasures": {},
    "forget-deliveries": {},
    "delete-batch-items": {},
    "take-checkpoint": {},
}
"""What each job records of members who bought in September and did nothing until November, if it alone runs."""


@pytest.fixture
def ledger(any_database: Database) -> Database:
    """Provide members about whom time has decided something."""
    prepare(any_database, MEMBERS, BOUGHT)
    return any_database


def run(
    database: Database, name: str, now: datetime, on_progress: Callable[[Report], None] = lambda _: None
) -> Report | None:
    """Run a job as a worker of its own would, and let the views follow."""
    with database.poster() as poster:
        deps = Deps(database.connect, poster, database.partition_count, SMALL)
        report = run_job(deps, JOBS[name], now=now, holder=uuid4(), on_progress=on_progress)
    catch_up(database)
    return report


def done(database: Database, name: str, now: datetime) -> Report:
    """Run a job that nobody else is running."""
    report = run(database, name, now)
    assert report is not None
    return report


def new(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Return what was recorded in between."""
    return {topic: count - before.get(topic, 0) for topic, count in after.items() if count > before.get(topic, 0)}


@pytest.mark.parametrize("name", JOBS)
def test_once_is_enough(ledger: Database, name: str) -> None:
    """What time decided is recorded for everybody; a second run, at the same moment or later, changes nothing."""
    now = BOUGHT + timedelta(days=70)
    before = topics(ledger)
    done(ledger, name, now)
    assert new(before, topics(ledger)) == RECORDED[name]
    after = topics(ledger)
    for again in (now, now + timedelta(minutes=15)):
        assert done(ledger, name, again).event_count == 0
    assert after == topics(ledger)


def test_nothing_is_recorded_before_its_time(ledger: Database) -> None:
    """A minute after the purchase there is nothing to do."""
    before = topics(ledger)
    for name in JOBS:
        done(ledger, name, BOUGHT + timedelta(minutes=1))
    assert before == topics(ledger)


def test_the_same_moment_again_finds_what_came_meanwhile(ledger: Database) -> None:
    """A purchase that arrives late has lapsed already, and a run by hand for a moment of the past records it."""
    now = BOUGHT + timedelta(days=70)
    assert done(ledger, "expire-lots", now).event_count == MEMBERS
    with ledger.poster() as poster:
        buy(poster, MEMBERS, BOUGHT + timedelta(hours=3), "late")
    catch_up(ledger)
    assert done(ledger, "expire-lots", now).event_count == MEMBERS


def test_a_year_is_caught_up(ledger: Database) -> None:
    """In one run of each job, in any order, each thing as of its own day."""
    with ledger.poster() as poster:
        buy(poster, MEMBERS, BOUGHT + timedelta(days=60), "T2-")
    catch_up(ledger)
    now = BOUGHT + timedelta(days=400)
    for name in reversed(JOBS):
        done(ledger, name, now)
    found = topics(ledger)
    assert found["account.qualifying_period_closed.v1"] == 2 * MEMBERS
    assert found["account.lots_expired.v1"] == 2 * MEMBERS
    assert found["account.lots_released.v1"] == 2 * MEMBERS
    assert found["account.hold_expired.v1"] == MEMBERS
    with ledger.connect() as connection:
        days = connection.execute(
            "SELECT DISTINCT state ->> 'effective_on' FROM ledger.event_log WHERE topic = 'account.lots_expired.v1'"
        ).fetchall()
    assert sorted(days) == [("2025-10-01",), ("2025-11-30",)]
    for name in JOBS:
        assert done(ledger, name, now + timedelta(days=1)).event_count == 0


def _work_until_told(url: str, partition_count: int, name: str, now: datetime, pipe: "Pipe[Any, Any]") -> None:
    """Run a job in a process of its own, tell when the first page is done, and go no further."""

    def stop(report: Report) -> None:
        pipe.send(report.account_count)
        time.sleep(600)

    run(Database(url, partition_count), name, now, stop)


@pytest.mark.parametrize("name", ["expire-lots", "release-lots", "end-tiers", "expire-holds"])
def test_a_killed_run_is_finished_by_the_next(ledger: Database, name: str) -> None:
    """Nothing is lost or done twice; its place in the history says that it was interrupted."""
    now = BOUGHT + timedelta(days=70)
    before = topics(ledger)
    ours, theirs = multiprocessing.Pipe()
    work = (ledger.owner_url, ledger.partition_count, name, now, theirs)
    process = multiprocessing.get_context("spawn").Process(target=_work_until_told, args=work)
    process.start()
    assert ours.poll(60)
    assert 0 < ours.recv() <= SMALL
    process.kill()
    process.join()
    half = new(before, topics(ledger))
    assert 0 < sum(half.values()) < sum(RECORDED[name].values())
    catch_up(ledger)
    # Who was killed still holds the lease, for at most a minute.
    assert run(ledger, name, now) is None
    with ledger.connect() as connection:
        connection.execute("UPDATE workers.leases SET expires_at = clock_timestamp() - interval '1 second'")
    done(ledger, name, now)
    assert new(before, topics(ledger)) == RECORDED[name]
    with ledger.connect() as connection:
        runs = read_runs(connection, name)
    assert [one.status for one in runs] == ["finished", "interrupted"]
    assert runs[1].account_count > 0
    assert runs[1].detail == "the worker was stopped"


def test_of_two_workers_one_leads(ledger: Database) -> None:
    """The other does nothing, and takes over when the first is through."""
    now = BOUGHT + timedelta(days=70)
    seen: list[Report | None] = []
    run(ledger, "expire-lots", now, lambda _: seen.append(run(ledger, "expire-lots", now)))
    assert set(seen) == {None}
    with ledger.connect() as connection:
        assert [one.status for one in read_runs(connection, "expire-lots")] == ["finished"]
        assert Lease("job:expire-lots", uuid4()).take(connection)


def test_who_lost_the_lease_stops(ledger: Database) -> None:
    """A worker that was asleep for longer than its lease leaves the rest to the one that took over."""
    now = BOUGHT + timedelta(days=70)
    before = topics(ledger)

    def asleep(_: Report) -> None:
        with ledger.connect() as connection:
            connection.execute("UPDATE workers.leases SET expires_at = clock_timestamp() - interval '1 second'")
            Lease("job:expire-lots", uuid4()).take(connection)

    report = run(ledger, "expire-lots", now, asleep)
    assert report is not None
    assert report.detail == "another worker took over"
    assert 0 < sum(new(before, topics(ledger)).values()) < 3 * MEMBERS
    with ledger.connect() as connection:
        assert [one.status for one in read_runs(connection, "expire-lots")] == ["interrupted"]
        # The lease of the other one is still there.
        assert run(ledger, "expire-lots", now) is None


def test_a_failed_run_says_why(ledger: Database) -> None:
    """And does not keep others from running."""

    def fail(_: Report) -> None:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError):
        run(ledger, "expire-lots", BOUGHT + timedelta(days=70), fail)
    done(ledger, "expire-lots", NOW)
    with ledger.connect() as connection:
        failed, *_ = [one for one in read_runs(connection) if one.status == "failed"]
        assert failed.detail == "ZeroDivisionError: a bug"
        assert read_last_runs(connection)["expire-lots"].status == "finished"


def test_everybody_is_warned_once_for_each_date(ledger: Database) -> None:
    """Of points that lapse within 30 days and of tiers that end within 60, however often it is looked."""
    # The night before, what lapses in 31 days is nobody's news.
    assert done(ledger, "warn-members", datetime(2025, 8, 31, 12, tzinfo=UTC)).event_count == 0
    now = BOUGHT + timedelta(days=3)
    assert done(ledger, "warn-members", now).event_count == 3 * MEMBERS
    for later in (now, now + timedelta(days=1), now + timedelta(days=2)):
        assert done(ledger, "warn-members", later).event_count == 0
    with ledger.connect() as connection:
        rows = read_warnings(connection, PROGRAM_ID, limit=1000)
    kinds = {(one.kind, one.subject, one.due_on.isoformat(), one.points) for one in rows}
    assert kinds == {
        ("points_lapse", "points", "2025-10-01", 200),
        ("tier_ends", "club:gold", "2025-11-01", 0),
        ("tier_ends", "guild:gold", "2025-11-01", 0),
    }
    assert len(rows) == 3 * MEMBERS == len({(one.account_id, one.kind, one.subject) for one in rows})
