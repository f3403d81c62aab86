"""Several posters on one ledger: none is misled by what it has cached, and no effect is had twice."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from msgspec import Struct
from structlog.typing import EventDict

from khaywe.wiring import Database
from ledger.account.errors import InsufficientPoints
from ledger.account.state import Account
from ledger.posting import batch, cache
from ledger.posting.instruction import KeyReused, NotCarriedOut, Outcome, Posted, StreamKey
from ledger.posting.poster import Poster
from ledger.store.append import lock_heads_and_ask
from ledger.streams import ACCOUNT
from tests.databases import NewDatabase
from tests.integration.ledger import till
from tests.integration.ledger.posting import tills
from tests.integration.ledger.till import accrue, open_account, redeem

Overtake = Callable[[Callable[[], object]], None]


@pytest.fixture
def posters(any_database: Database) -> Iterator[tuple[Poster, Poster]]:
    """Provide two posters that both know the accounts 1 and 2, with 100 points each."""
    with any_database.poster() as here, any_database.poster() as there:
        here.post([open_account(1), open_account(2), accrue(1, 100, "start-1"), accrue(2, 100, "start-2")])
        there.post([accrue(1, 100, "start-1"), accrue(2, 100, "start-2")])
        for poster in (here, there):
            poster.post([redeem(1, 1000, "look"), redeem(2, 1000, "look")])
        yield here, there


@pytest.fixture
def overtake(monkeypatch: pytest.MonkeyPatch) -> Overtake:
    """Provide a way to do something after the next batch has found its streams, and before it locks."""
    waiting: list[Callable[[], object]] = []

    def lock_later(*arguments: Any) -> object:
        if waiting:
            waiting.pop()()
        return lock_heads_and_ask(*arguments)

    monkeypatch.setattr(batch, "lock_heads_and_ask", lock_later)
    return waiting.append


def refusals(outcomes: Sequence[Outcome]) -> list[type]:
    """Return the class of each outcome."""
    return [type(outcome) for outcome in outcomes]


def test_each_sees_what_the_other_did(posters: tuple[Poster, Poster], any_database: Database) -> None:
    """Taking turns, each poster decides on the state that the other one left behind."""
    for turn in range(20):
        here, there = posters if turn % 2 else posters[::-1]
        assert refusals(here.post([redeem(1, 100, f"all-{turn}")])) == [Posted]
        (refusal,) = there.post([redeem(1, 1, f"none-{turn}")])
        assert isinstance(refusal, InsufficientPoints)
        assert refusal.members["available_points"] == 0
        assert refusals(there.post([accrue(1, 100, f"again-{turn}")])) == [Posted]
    assert till.balance(any_database, 1) == 100


@pytest.mark.parametrize("forget_all_after", [0, 100_000])
def test_overtaken_batch_is_not_refused_on_old_news(
    posters: tuple[Poster, Poster],
    overtake: Overtake,
    monkeypatch: pytest.MonkeyPatch,
    forget_all_after: int,
) -> None:
    """Points that arrive just before the lock can be spent."""
    monkeypatch.setattr(cache, "_FORGET_ALL", forget_all_after)
    here, there = posters
    overtake(lambda: there.post([accrue(1, 50, "a1")]))
    (outcome,) = here.post([redeem(1, 150, "r1")])
    assert isinstance(outcome, Posted)
    assert outcome.event.balances == {till.POINTS: 0}


def test_overtaken_batch_does_not_overdraw(
    posters: tuple[Poster, Poster],
    overtake: Overtake,
) -> None:
    """Points that were spent just before the lock cannot be spent again; other accounts are not concerned."""
    here, there = posters
    overtake(lambda: there.post([redeem(1, 60, "r1")]))
    refusal, other = here.post([redeem(1, 60, "r2"), redeem(2, 60, "r3")])
    assert isinstance(refusal, InsufficientPoints)
    assert refusal.members["available_points"] == 40
    assert isinstance(other, Posted)


def test_overtaken_group_is_undone(
    posters: tuple[Poster, Poster],
    overtake: Overtake,
    any_database: Database,
) -> None:
    """A group that was possible when it was sent, and is not any more, leaves nothing."""
    here, there = posters
    overtake(lambda: there.post([redeem(1, 60, "r1")]))
    outcomes = here.post([accrue(2, 60, "to"), redeem(1, 60, "from")], together=True)
    assert refusals(outcomes) == [NotCarriedOut, InsufficientPoints]
    assert (till.balance(any_database, 1), till.balance(any_database, 2)) == (40, 100)


def test_overtaken_by_the_same_request(
    posters: tuple[Poster, Poster],
    overtake: Overtake,
    any_database: Database,
) -> None:
    """The same request at two posters at the same moment has one effect, and both get its result."""
    here, there = posters
    first: list[Outcome] = []
    overtake(lambda: first.extend(there.post([redeem(1, 60, "r1")])))
    (outcome,) = here.post([redeem(1, 60, "r1")])
    assert isinstance(outcome, Posted)
    assert isinstance(first[0], Posted)
    assert (outcome.replayed, first[0].replayed) == (True, False)
    assert (outcome.position, outcome.event) == (first[0].position, first[0].event)
    assert till.balance(any_database, 1) == 40


def test_overtaken_by_another_request_under_the_same_key(
    posters: tuple[Poster, Poster],
    overtake: Overtake,
    any_database: Database,
) -> None:
    """Of two different requests under one key, whoever is second is told so."""
    here, there = posters
    overtake(lambda: there.post([redeem(1, 60, "r1")]))
    assert refusals(here.post([redeem(1, 1, "r1")])) == [KeyReused]
    assert till.balance(any_database, 1) == 40


def test_overtaken_by_another_members_request_under_the_same_key(
    database: Database,
    overtake: Overtake,
    logs: list[EventDict],
) -> None:
    """Within a partition a key is unique whatever was cached: the table refuses it, and the second look says why."""
    with database.poster() as here, database.poster() as there:
        here.post([open_account(1), open_account(2), open_account(3)])
        there.post([open_account(4)])
        overtake(lambda: there.post([accrue(2, 60, "a1")]))
        assert refusals(here.post([accrue(3, 7, "a2"), accrue(1, 60, "a1")])) == [Posted, KeyReused]
    assert [entry["event"] for entry in logs] == ["batch_held_repeats"]
    assert till.keys_of(till.log_of(database)) == ["a1", "a2"]


def test_overtaken_on_a_stream_that_is_only_read(
    posters: tuple[Poster, Poster],
    overtake: Overtake,
    any_database: Database,
) -> None:
    """A decision that looks at another stream of the same partition sees it as it is at the moment of recording."""
    here, there = posters
    seen: list[int] = []

    def decide(mine: Account, other: Account) -> Sequence[Struct]:
        seen.append(other.balances()[till.POINTS])
        return accrue(1, 1, "x").decide(mine)

    key = StreamKey(ACCOUNT, till.account_id(2))
    look = till.instruct(1, "look", ("till", "x"), decided_by=decide, reads=(key,))
    # The account itself changes too, so that this holds in whichever partitions the two live.
    overtake(lambda: there.post([redeem(1, 1, "r1"), redeem(2, 60, "r2")]))
    assert refusals(here.post([look])) == [Posted]
    assert seen == [40]


@pytest.mark.parametrize("partition_count", [1, 4])
def test_every_effect_is_had_once_however_often_it_is_asked_for(
    new_database: NewDatabase,
    partition_count: int,
) -> None:
    """
    Three processes ask for the same, for conflicting things under the same keys, and for more than there is.

    Balances are sums of distinct powers of two, so each one names exactly the accruals that are in it.
    """
    database = new_database(partition_count)
    with database.poster() as poster:
        for account in tills.ACCOUNTS:
            poster.post([open_account(account), accrue(account, 20 * tills.UNIT, f"start-{account}")])
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        working = [pool.submit(tills.post_everything, database.owner_url, partition_count, n) for n in range(3)]
        answers = [answer for done in working for answer in done.result(60)]
    log = till.log_of(database)

    effects = {answer.asked for answer in answers if answer.refusal is None}
    assert sorted(asked.key for asked in effects) == sorted(
        key for key in till.keys_of(log) if not key.startswith("start")
    )
    firsts = [answer.asked for answer in answers if answer.refusal is None and not answer.replayed]
    assert sorted(firsts) == sorted(effects)
    for account in tills.ACCOUNTS:
        mine = {asked for asked in effects if asked.account == account}
        assert set(tills.accruals(account)) <= mine
        assert all(len({*pair} & mine) == 1 for pair in tills.conflicts(account))
        assert len([asked for asked in mine if asked.points < 0]) == 20
        assert till.balance(database, account) == 20 * tills.UNIT + sum(asked.points for asked in mine)
    require_honest_answers(answers, effects)
    require_honest_balances(log)


def require_honest_answers(answers: Sequence[tills.Answered], effects: set[tills.Asked]) -> None:
    """Make sure that a refusal had its reason, and that each effect was told with one version to everybody."""
    versions: dict[tills.Asked, int] = {}
    for answer in answers:
        if answer.refusal is None:
            assert versions.setdefault(answer.asked, answer.version) == answer.version
        elif answer.refusal == KeyReused.slug:
            assert {asked.key for asked in effects} >= {answer.asked.key}
        else:
            assert answer.refusal == InsufficientPoints.slug
            assert answer.asked.points < 0
    # A redemption that was refused may have been carried out when it was sent again, but not the other way round:
    # points only become fewer than a unit once, for nobody accrues a whole one.
    refused = {answer.asked for answer in answers if answer.refusal == InsufficientPoints.slug}
    assert not refused & effects


def require_honest_balances(log: Sequence[till.Recorded]) -> None:
    """Make sure that each event tells the balance that all events before it and itself add up to."""
    balances: dict[bytes, int] = {}
    for recorded in log:
        event = recorded.event
        points = sum(accrual.points for accrual in getattr(event, "accruals", ())) - getattr(event, "points", 0)
        balance = balances[recorded.stream_id] = balances.get(recorded.stream_id, 0) + points
        assert getattr(event, "balances", {}).get(till.POINTS, 0) == balance
