"""Everything that can happen to points is in the views, and workers find what they have to look at."""

from collections import defaultdict, deque
from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from khaywe.wiring import Database
from ledger.account.activity import available_points, lapses_on
from ledger.account.books import Totals
from ledger.account.events import PurchasePosted, PurchaseRepriced, PurchaseReturned
from ledger.account.state import Account
from ledger.posting.cache import StateCache
from ledger.store.codec import decode
from ledger.store.partitions import partition_of
from ledger.streams import ACCOUNT, StreamId
from projections import due
from projections.balances import read_accounts
from projections.due import Scope
from projections.holds import read_holds
from projections.lots import read_lots
from projections.purchases import read_purchases
from projections.rebuild import BESIDE, build_beside, compare_and_swap
from projections.runner import Runner
from projections.tiers import read_tiers, read_vouchers
from projections.timeline import read_timeline
from projections.views import VIEWS
from tests.integration.projections.walks import CURRENCIES, START, at, walk
from tests.programs import PROGRAM_ID, publish_program

DAYS = [START + timedelta(days=days) for days in (0, 30, 100, 200, 240, 300, 700)]


@pytest.fixture
def walked(any_database: Database) -> tuple[Database, dict[StreamId, Account]]:
    """Provide accounts with a long history, as states, and views that follow."""
    with any_database.poster() as poster:
        publish_program(poster)
        publish_program(poster, "another")
        accounts = [account for seed in (1, 2, 3) for account in walk(poster, PROGRAM_ID, seed)]
        walk(poster, "another", 4, members=2, steps=20)
    follow(any_database, page_size=50)
    cache = StateCache(any_database.partition_count)
    with any_database.connect() as connection:
        cache.load(connection, dict.fromkeys(accounts, ACCOUNT))
    return any_database, {account_id: cache.entries[account_id].state for account_id in accounts}


Walked = tuple[Database, dict[StreamId, Account]]


def follow(database: Database, page_size: int) -> None:
    """Bring the views up to date."""
    with database.connect() as reader, database.connect_views() as writer:
        deque(Runner(reader, writer, list(VIEWS.values())).catch_up(page_size=page_size), maxlen=0)


def test_every_event_happens(walked: Walked) -> None:
    """The walk leaves nothing out that views have to follow."""
    database, _ = walked
    with database.connect() as connection:
        seen = {topic for (topic,) in connection.execute("SELECT DISTINCT topic FROM ledger.events")}
    assert {event_type.TOPIC for event_type in ACCOUNT.event_types} <= seen  # type: ignore[attr-defined]


def test_figures_are_those_of_the_states(walked: Walked) -> None:
    """Totals, held and owed points, and on any day what is available; the parts add up to the balance."""
    database, states = walked
    with database.connect() as connection:
        for on in DAYS:
            shown = read_accounts(connection, list(states), on, database.partition_count)
            for account_id, state in states.items():
                account = shown[account_id]
                assert (account.status, account.merged_into) == (state.status, state.merged_into)
                assert {row.point_currency for row in account.balances} == set(state.books)
                for row in account.balances:
                    book = state.books[row.point_currency]
                    for name in (*Totals.__struct_fields__, "held_points", "owed_points", "balance_points"):
                        assert getattr(book, name) == getattr(row, name), name
                    assert available_points(state, row.point_currency, on) == row.available_points
                    spendable = book.open_points - row.promised_points - row.lapsed_points
                    assert row.available_points == max(0, spendable - row.owed_points)
                    coming = [day for lot in book.lots.values() if (day := lapses_on(state, lot)) and day > on]
                    assert row.next_expiry_on == min(coming, default=None)


def test_lists_are_those_of_the_states(walked: Walked) -> None:
    """Lots with their dates, holds, tiers, vouchers, purchases, and a story whose balances follow one another."""
    database, states = walked
    count = database.partition_count
    with database.connect() as connection:
        for account_id, state in states.items():
            lots = {lot.lot: (code, lot) for code, book in state.books.items() for lot in book.lots.values()}
            for row in read_lots(connection, account_id, count, limit=1000):
                code, lot = lots.pop(row.lot)
                assert (code, lot.points) == (row.point_currency, row.open_points)
                for name in ("earned_on", "available_from", "expires_on", "awaits", "cancels_on", "idle_months"):
                    assert getattr(lot, name) == getattr(row, name)
                assert (list(lot.activities), lot.converts) == (row.activities, row.converts)
                assert lot.is_released == row.is_released
            assert not lots
            holds = read_holds(connection, account_id, count, with_resolved=True, limit=1000)
            assert {hold.hold_id: hold.status for hold in holds} == (
                dict.fromkeys(state.holds, "open") | state.resolved_holds
            )
            still_open = read_holds(connection, account_id, count)
            assert [hold for hold in holds if hold.status == "open"] == still_open
            assert {hold.hold_id: hold.points for hold in still_open} == {
                hold_id: hold.points for hold_id, hold in state.holds.items()
            }
            held = {ladder: held.tier for ladder, held in state.tiers.items() if held.tier}
            tiers = read_tiers(connection, account_id, count)
            assert {row.ladder: row.tier for row in tiers} == held
            for tier in tiers:
                assert state.tiers[tier.ladder].secured[tier.tier] == tier.valid_until
            vouchers = read_vouchers(connection, account_id, count, limit=1000)
            assert {one.voucher_id: one.value_minor for one in vouchers} == {
                voucher_id: voucher.value_minor for voucher_id, voucher in state.vouchers.items()
            }
            bought = read_purchases(connection, account_id, count, limit=1000)
            assert len(bought) == state.purchase_count
            lines = read_timeline(connection, account_id, count, limit=1000)
            for code in CURRENCIES:
                story = [line for line in reversed(lines) if line.point_currency == code]
                assert all(two.balance_points == (one.balance_points or 0) + two.points for one, two in pairwise(story))
                assert [line.balance_points for line in story[-1:]] in ([], [state.balances().get(code)])


def test_purchases_tell_what_they_earn_now(walked: Walked) -> None:
    """What was booked with them, changed by every return and every pricing since."""
    database, states = walked
    partitions = database.partition_count
    with database.connect() as connection:
        changed = 0
        for account_id in states:
            rows = connection.execute(
                "SELECT topic, state FROM ledger.events WHERE partition = %s AND stream_id = %s ORDER BY version",
                (partition_of(account_id, partitions), UUID(bytes=account_id)),
            )
            points: dict[str, int] = {}
            returned: dict[str, int] = defaultdict(int)
            for topic, state in rows:
                match event := decode(topic, state):
                    case PurchasePosted():
                        points[event.transaction_id] = sum(accrual.points for accrual in event.accruals)
                    case PurchaseReturned() | PurchaseRepriced() if event.transaction_id in points:
                        changed += 1
                        points[event.transaction_id] += sum(c.after_points - c.before_points for c in event.changes)
                        if isinstance(event, PurchaseReturned):
                            returned[event.transaction_id] += event.amount_minor
            shown = read_purchases(connection, account_id, partitions, limit=1000)
            assert {one.transaction_id: one.points for one in shown} == points
            assert {one.transaction_id: one.returned_minor for one in shown if one.returned_minor} == returned
    assert changed


def test_a_rebuild_equals_the_live_views(walked: Walked) -> None:
    """Whatever the pages were."""
    database, _ = walked
    views = list(VIEWS.values())
    with (
        database.connect_as_owner() as owner,
        database.connect() as reader,
        database.connect_views(BESIDE) as writer,
    ):
        build_beside(owner, reader, writer, views)
        compared = compare_and_swap(owner, reader, writer, views)
    assert [one.table for one in compared if not one.is_equal] == []


def test_workers_find_what_time_has_decided(walked: Walked) -> None:
    """Exactly the accounts whose states say so, in order, page by page, of one program."""
    database, states = walked
    expected: dict[str, set[StreamId]] = {}
    counts: list[dict[str, int]] = []
    with database.connect() as connection:
        for on in DAYS:
            expected = {
                "lapsed": {key for key, state in states.items() if _lapsed(state, on)},
                "release": {key for key, state in states.items() if _to_release(state, on)},
                "holds": {
                    key
                    for key, state in states.items()
                    if any(hold.expires_at <= at(on) for hold in state.holds.values())
                },
                "tiers": {key for key, state in states.items() if _tier_ended(state, on)},
                "all": set(states),
            }
            found = {
                "lapsed": _all(database, connection, due.accounts_with_lapsed_lots, on),
                "release": _all(database, connection, due.accounts_with_lots_to_release, on),
                "holds": _all(database, connection, due.accounts_with_ended_holds, at(on)),
                "tiers": _all(database, connection, due.accounts_with_ended_tiers, on),
                "all": _all(database, connection, due.accounts_of_program),
            }
            assert expected == found, on
            counts.append({name: len(ids) for name, ids in found.items()})
    assert all(any(0 < count[name] < count["all"] for count in counts) for name in expected if name != "all")


def test_warnings_name_what_will_be_lost(walked: Walked) -> None:
    """Points and the first date per account and currency, and tiers; nothing that is lost already."""
    database, states = walked
    with database.connect() as connection:
        for on in DAYS:
            until = on + timedelta(days=60)
            expected = {}
            for account_id, state in states.items():
                for code, book in state.books.items():
                    days = [(lapses_on(state, lot), lot.points) for lot in book.lots.values()]
                    soon = [(day, points) for day, points in days if day and on < day <= until]
                    if soon and state.status != "closed":
                        expected[account_id, code] = (sum(points for _, points in soon), min(soon)[0])
            found = {
                (row.account_id.bytes, row.point_currency): (row.points, row.first_on)
                for partition in range(database.partition_count)
                for page in due.lapsing_points(connection, Scope(PROGRAM_ID, partition), on, 60, size=2)
                for row in page
            }
            assert expected == found
            ending = {
                (row.account_id.bytes, row.ladder, row.tier, row.valid_until)
                for partition in range(database.partition_count)
                for page in due.tiers_ending(connection, Scope(PROGRAM_ID, partition), on, 60, size=2)
                for row in page
            }
            assert ending == {
                (account_id, ladder, held.tier, end)
                for account_id, state in states.items()
                for ladder, held in state.tiers.items()
                if held.tier and state.status != "closed" and (end := held.secured[held.tier]) and on < end <= until
            }


def _lapsed(state: Account, on: date) -> bool:
    days = [lapses_on(state, lot) for book in state.books.values() for lot in book.lots.values()]
    return any(day is not None and day <= on for day in days)


def _to_release(state: Account, on: date) -> bool:
    return state.status != "closed" and any(
        not lot.is_released and not lot.awaits and lot.earned_on < lot.available_from <= on
        for book in state.books.values()
        for lot in book.lots.values()
    )


def _tier_ended(state: Account, on: date) -> bool:
    ends = [held.secured[held.tier] for held in state.tiers.values() if held.tier]
    return state.status != "closed" and any(end is not None and end <= on for end in ends)


def _all(database: Database, connection: Connection[Any], find: Any, *moment: Any) -> set[StreamId]:
    found: list[StreamId] = []
    for partition in range(database.partition_count):
        for page in find(connection, Scope(PROGRAM_ID, partition), *moment, size=2):
            assert page == sorted(page)
            assert all(partition_of(account_id, database.partition_count) == partition for account_id in page)
            found += page
    assert len(found) == len(set(found))
    return set(found)
