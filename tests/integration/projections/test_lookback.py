"""Looking back in a real ledger: from events, from views and in SQL the same, at every cut."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs
from psycopg import Connection

from khaywe.wiring import Database
from ledger.dates import time_zone
from ledger.errors import InvalidInput
from ledger.store.partitions import partition_of
from ledger.streams import StreamId
from projections.balances import BalanceRow, read_accounts
from projections.holds import read_holds
from projections.lookback import Cut, PastAccount, Position, cut_at, past_account, program_balances
from projections.lots import read_lots
from projections.tiers import read_tiers
from tests.integration.projections.test_points_over_time import follow
from tests.integration.projections.walks import START, go_on, walk
from tests.programs import PROGRAM_ID, publish_program

ZONE = time_zone("Europe/Berlin")
LATER = datetime(2030, 6, 1, 12, tzinfo=UTC)
DAYS = [START + timedelta(days=days) for days in (-10, 0, 20, 55, 56, 90, 130, 180, 239, 240, 300)]

Walked = tuple[Database, list[StreamId]]


@pytest.fixture
def walked(any_database: Database) -> Walked:
    """Provide accounts with a long history, and views that follow."""
    with any_database.poster() as poster:
        publish_program(poster)
        publish_program(poster, "another")
        accounts = [account for seed in (5, 6) for account in walk(poster, PROGRAM_ID, seed, members=4)]
        walk(poster, "another", 7, members=2, steps=20)
    follow(any_database, page_size=1_000)
    return any_database, accounts


def cuts(database: Database, connection: Connection[Any], seed: int, count: int) -> list[tuple[Cut, date, datetime]]:
    """Choose dates, and instants at which something was recorded; return each with where it cuts."""
    draw = random.Random(seed)
    instants = [at for (at,) in connection.execute("SELECT DISTINCT recorded_at FROM ledger.events ORDER BY 1")]
    partitions = range(database.partition_count)
    found = []
    for _ in range(count):
        on, at = draw.choice(DAYS), draw.choice(instants)
        found.append((cut_at(connection, partitions, ZONE, LATER, as_of=on, as_at=at), on, at))
    return found


def asked(connection: Connection[Any], function: str, *arguments: Any) -> Sequence[tuple[Any, ...]]:
    """Return what a function tells an analyst."""
    places = ", ".join(["%s"] * len(arguments))
    with connection.transaction():
        connection.execute("SET LOCAL ROLE khaywe_read")
        return connection.execute(f"SELECT * FROM analytics.{function}({places})", arguments).fetchall()  # type: ignore[arg-type]


def test_sql_tells_what_the_events_tell(walked: Walked) -> None:
    """Balances, lots, holds and tiers of every account, as of dates, as at instants; read with an analyst's role."""
    database, accounts = walked
    with database.connect_as_owner() as connection:
        for cut, on, at in cuts(database, connection, 1, 12):
            for account_id in accounts:
                past = past_account(connection, account_id, database.partition_count, cut)
                key = UUID(bytes=account_id)
                if past is None:
                    assert not asked(connection, "account_as_of", key, on, at)
                    continue
                assert asked(connection, "account_as_of", key, on, at) == rows(past.balances)
                lots = [row[:-1] for row in asked(connection, "lots_as_of", key, on, at)]
                assert lots == rows(past.lots)
                assert asked(connection, "holds_as_of", key, on, at) == rows(past.holds)
                assert asked(connection, "tiers_as_of", key, on, at) == rows(past.tiers)


def test_a_program_is_the_sum_of_its_accounts(walked: Walked) -> None:
    """Totals and open lots, in SQL account by account; another program's points are not among them."""
    database, accounts = walked
    with database.connect_as_owner() as connection:
        for cut, on, at in cuts(database, connection, 2, 3):
            found = program_balances(connection, PROGRAM_ID, cut)
            pasts = [past_account(connection, one, database.partition_count, cut) for one in accounts]
            known = [past for past in pasts if past is not None]
            assert found.account_count == len(known)
            in_sql = asked(connection, "balances_as_of", PROGRAM_ID, on, at)
            told = sorted((past.account_id, past.member_id, *row) for past in known for row in rows(past.balances))
            assert sorted(in_sql, key=lambda row: row[:3]) == told
            for totals in found.balances:
                ours = [row for past in known for row in past.balances if row.point_currency == totals.point_currency]
                lots = [
                    lot
                    for past in known
                    for lot in past.lots
                    if lot.point_currency == totals.point_currency and lot.open_points
                ]
                assert (totals.account_count, totals.open_lot_count) == (len(ours), len(lots))
                for name in BalanceRow.__struct_fields__[1:-1]:
                    assert getattr(totals, name) == sum(getattr(row, name) for row in ours), name
                vintages = [one for one in found.lots if one.point_currency == totals.point_currency]
                assert sum(one.open_points for one in vintages) == sum(lot.open_points for lot in lots)
                assert sum(one.lot_count for one in vintages) == len(lots)


def test_views_tell_the_same_once_everything_is_in_effect(walked: Walked) -> None:
    """Whatever takes effect before the date: balances, lots, holds and tiers, but for holds that nobody has ended."""
    database, accounts = walked
    count = database.partition_count
    with database.connect() as connection:
        for on in (START + timedelta(days=300), START + timedelta(days=700)):
            cut = structs.replace(
                cut_at(connection, range(count), ZONE, LATER, as_of=on), ends_at=datetime(2020, 1, 1, tzinfo=UTC)
            )
            shown = read_accounts(connection, accounts, on, count)
            for account_id in accounts:
                past = past_account(connection, account_id, count, cut)
                assert past is not None
                view = shown[account_id]
                assert (past.status, past.merged_into, past.opened_on, past.member_id) == (
                    view.status,
                    view.merged_into,
                    view.opened_on,
                    view.member_id,
                )
                assert past.balances == view.balances
                assert past.lots == read_lots(connection, account_id, count, with_used=True, limit=1000)
                assert past.holds == read_holds(connection, account_id, count, with_resolved=True, limit=1000)
                assert past.tiers == read_tiers(connection, account_id, count)


def test_positions_cut_like_the_instants_at_which_they_were_recorded(walked: Walked) -> None:
    """By position exactly there, in other partitions by its instant; an instant is found without reading everything."""
    database, _ = walked
    partitions = range(database.partition_count)
    with database.connect() as connection:
        events = connection.execute("SELECT partition, position, recorded_at FROM ledger.events").fetchall()
        for partition, position, recorded_at in random.Random(3).sample(events, 30):
            cut = cut_at(connection, partitions, ZONE, LATER, as_at=Position(partition, position))
            by_instant = {
                one: max((at for home, at, when in events if home == one and when <= recorded_at), default=0)
                for one in partitions
            }
            assert cut.positions == by_instant | {partition: position}
            assert cut.as_at == recorded_at
            assert cut_at(connection, partitions, ZONE, LATER, as_at=recorded_at).positions == by_instant
        before = cut_at(connection, partitions, ZONE, LATER, as_at=datetime(2000, 1, 1, tzinfo=UTC))
        assert set(before.positions.values()) == {0}
        with pytest.raises(InvalidInput):
            cut_at(connection, partitions, ZONE, LATER, as_at=Position(0, 10**9))


def test_what_is_recorded_later_does_not_change_what_was_known(any_database: Database) -> None:
    """The same question as at the same position has the same answer, however much follows; also backdated."""
    count = any_database.partition_count
    with any_database.poster() as poster, any_database.connect() as connection:
        publish_program(poster)
        accounts = walk(poster, PROGRAM_ID, 8, members=3, steps=30)
        then = cut_at(connection, range(count), ZONE, LATER).positions
        places = [Position(partition_of(one, count), then[partition_of(one, count)]) for one in accounts]

        def told() -> list[PastAccount | None]:
            return [
                past_account(connection, one, count, cut_at(connection, range(count), ZONE, LATER, as_of=on, as_at=at))
                for one, at in zip(accounts, places, strict=True)
                for on in DAYS
            ]

        before = told()
        walk(poster, PROGRAM_ID, 9, members=1, steps=30)
        go_on(poster, accounts, 99, 30, random.Random(99))
        assert told() == before


def rows(structs_: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return rows as the driver gives them."""
    return [structs.astuple(one) for one in structs_]
