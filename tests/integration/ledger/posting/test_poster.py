"""What a caller of the poster can count on, one promise after the other."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Event

import pytest
from msgspec import Struct
from structlog.typing import EventDict

from khaywe.wiring import Database
from ledger.account.errors import AccountNotOpen, InsufficientPoints, InvalidPoints
from ledger.account.state import Account
from ledger.members.directory import UnknownMember
from ledger.posting.instruction import (
    Instruction,
    KeyReused,
    LedgerBusy,
    NotCarriedOut,
    Outcome,
    Posted,
    StreamKey,
)
from ledger.posting.poster import Poster
from ledger.store.partitions import partition_of
from ledger.streams import ACCOUNT
from tests.integration.ledger import till
from tests.integration.ledger.till import accrue, open_account, redeem


@pytest.fixture
def poster(any_database: Database) -> Iterator[Poster]:
    """Provide a running poster on a ledger with ten open accounts."""
    with any_database.poster() as poster:
        poster.post([open_account(number) for number in range(10)])
        yield poster


def posted(outcome: Outcome) -> Posted:
    """Expect that the instruction was carried out."""
    assert isinstance(outcome, Posted), outcome
    return outcome


def refusals(outcomes: Sequence[Outcome]) -> list[type]:
    """Return the class of each outcome."""
    return [type(outcome) for outcome in outcomes]


@contextmanager
def held_up(poster: Poster) -> Iterator[None]:
    """Keep the poster busy with one instruction, so that whatever is sent meanwhile waits."""
    is_busy, may_go_on = Event(), Event()

    def decide(_: Account | None) -> Sequence[Struct]:
        is_busy.set()
        assert may_go_on.wait(10)
        return []

    waiting = poster.begin([till.instruct(9, "hold-up", ("till", "hold-up"), decided_by=decide)])
    assert is_busy.wait(10)
    try:
        yield
    finally:
        may_go_on.set()
        posted(waiting.result(10)[0])


def test_each_instruction_has_its_own_outcome(poster: Poster, any_database: Database) -> None:
    """In one batch some are carried out and some refused, and each sees what those before it did."""
    outcomes = poster.post(
        [
            accrue(1, 10, "a1"),
            redeem(1, 11, "r1"),
            redeem(1, 10, "r2"),
            redeem(1, 1, "r3"),
            accrue(99, 5, "a2"),
            accrue(2, -5, "a3"),
            accrue(2, 5, "a4"),
        ],
    )
    assert [Posted, InsufficientPoints, Posted, InsufficientPoints, AccountNotOpen, InvalidPoints, Posted] == refusals(
        outcomes,
    )
    assert [outcome.version for outcome in outcomes if isinstance(outcome, Posted)] == [2, 3, 2]
    assert sorted(till.keys_of(till.log_of(any_database))) == ["a1", "a4", "r2"]


def test_outcome_names_the_recorded_event(poster: Poster, any_database: Database) -> None:
    """Partition, position, version and the event itself are those of the log."""
    outcomes = [posted(outcome) for outcome in poster.post([accrue(n, n + 1, f"a{n}") for n in range(10)])]
    log = {(one.partition, one.position): one for one in till.log_of(any_database)}
    for number, outcome in enumerate(outcomes):
        recorded = log[outcome.partition, outcome.position]
        assert recorded.stream_id == outcome.stream_id == till.account_id(number)
        assert (recorded.version, recorded.event) == (outcome.version, outcome.event)
        assert not outcome.replayed


def test_refused_instruction_may_be_sent_again(poster: Poster) -> None:
    """A refusal is not remembered: the same request is decided afresh when it is sent again."""
    assert refusals(poster.post([redeem(1, 5, "r1")])) == [InsufficientPoints]
    assert refusals(poster.post([accrue(1, 5, "a1")])) == [Posted]
    assert not posted(poster.post([redeem(1, 5, "r1")])[0]).replayed


def test_resent_instruction_gets_its_first_result(poster: Poster, any_database: Database) -> None:
    """Sending again changes nothing and answers what was answered, however much has happened since."""
    first = posted(poster.post([accrue(1, 5, "a1")])[0])
    poster.post([accrue(1, 7, "a2")])
    again = posted(poster.post([accrue(1, 5, "a1")])[0])
    with any_database.poster() as other:
        elsewhere = posted(other.post([accrue(1, 5, "a1")])[0])
    assert again == elsewhere
    assert again.replayed
    assert (first.partition, first.position, first.version, first.recorded_at, first.event) == (
        again.partition,
        again.position,
        again.version,
        again.recorded_at,
        again.event,
    )
    assert till.balance(any_database, 1) == 12


def test_duplicates_in_one_batch_have_one_effect(poster: Poster, any_database: Database) -> None:
    """The same request three times in one batch is carried out once and answered three times."""
    outcomes = [posted(outcome) for outcome in poster.post([accrue(1, 5, "a1")] * 3)]
    assert [outcome.replayed for outcome in outcomes] == [False, True, True]
    assert len({outcome.position for outcome in outcomes}) == 1
    assert till.balance(any_database, 1) == 5


def test_duplicates_in_flight_have_one_effect(poster: Poster, any_database: Database) -> None:
    """The same request from many callers at the same time is carried out once."""
    with ThreadPoolExecutor(16) as pool:
        outcomes = [posted(got[0]) for got in pool.map(poster.post, [[accrue(1, 5, "a1")]] * 64)]
    assert [outcome.replayed for outcome in outcomes].count(False) == 1
    assert len({outcome.position for outcome in outcomes}) == 1
    assert till.balance(any_database, 1) == 5


@pytest.mark.parametrize("other", [accrue(1, 6, "a1"), accrue(2, 5, "a1")], ids=["other amount", "other member"])
def test_key_of_another_request_is_refused(poster: Poster, any_database: Database, other: Instruction) -> None:
    """A key stands for one request: in the same batch, in a later one, and at another poster."""
    key = "a1"
    assert [Posted, KeyReused] == refusals(poster.post([accrue(1, 5, key), other]))
    (refusal,) = poster.post([other])
    assert isinstance(refusal, KeyReused)
    assert refusal.members == {"source": "till", "key": key}
    with any_database.poster() as elsewhere:
        assert [KeyReused] == refusals(elsewhere.post([other]))
    assert till.keys_of(till.log_of(any_database)) == [key]


def test_nothing_asked_is_nothing_answered(poster: Poster) -> None:
    """An empty list of instructions has an empty list of outcomes, and is no bug."""
    assert poster.post([]) == []
    assert poster.post([], together=True) == []
    told: SimpleQueue[object] = SimpleQueue()
    poster.submit([], told.put)
    assert told.get(timeout=10) == []


def test_any_of_several_references_finds_the_effect(poster: Poster) -> None:
    """A purchase is known by its business reference and by the caller's key; each is taken once it is used."""
    both = till.instruct(1, "visit", ("till", "t1"), ("key", "k1"), decided_by=accrue(1, 5, "t1").decide)
    by_reference = till.instruct(1, "visit", ("till", "t1"), ("key", "k2"), decided_by=both.decide)
    by_key = till.instruct(1, "another visit", ("till", "t2"), ("key", "k1"), decided_by=both.decide)
    assert not posted(poster.post([both])[0]).replayed
    assert posted(poster.post([both])[0]).replayed
    assert posted(poster.post([by_reference])[0]).replayed
    assert [KeyReused] == refusals(poster.post([by_key]))


def test_nothing_to_do_is_done(poster: Poster, any_database: Database) -> None:
    """What is already as asked for is no refusal, and leaves no event."""
    before = till.log_of(any_database)
    again = till.instruct(1, "join", ("enrolment", "again"), decided_by=open_account(1).decide)
    (outcome,) = poster.post([again])
    assert (posted(outcome).event, posted(outcome).version) == (None, 1)
    assert before == till.log_of(any_database)


def test_unknown_card_is_refused(poster: Poster) -> None:
    """An instruction for a card that nobody has is refused, and the others of its batch are carried out."""
    stray = accrue(1, 5, "a1")
    stray.address = ("club", "card", "4711")
    assert [Posted, UnknownMember, Posted] == refusals(poster.post([accrue(1, 1, "b"), stray, accrue(2, 1, "c")]))


def test_decision_sees_the_streams_it_reads(poster: Poster) -> None:
    """A decision may look at other streams, as they are after what came before it in the batch."""
    seen: list[int] = []

    def decide(mine: Account, other: Account) -> Sequence[Struct]:
        seen.append(other.balances().get(till.POINTS, 0))
        return accrue(1, 1, "x").decide(mine)

    key = StreamKey(ACCOUNT, till.account_id(2))
    look = till.instruct(1, "look", ("till", "look"), decided_by=decide, reads=(key,))
    poster.post([accrue(2, 7, "a1"), look])
    assert seen == [7]


def test_group_is_carried_out_as_a_whole(poster: Poster, any_database: Database) -> None:
    """All of a group, over several accounts, or nothing."""
    outcomes = poster.post([accrue(1, 5, "a1"), redeem(1, 2, "r1"), accrue(2, 2, "a2")], together=True)
    assert refusals(outcomes) == [Posted] * 3
    assert (till.balance(any_database, 1), till.balance(any_database, 2)) == (3, 2)


@pytest.mark.parametrize(
    ("refused", "refusal"),
    [
        (redeem(3, 60, "r1"), InsufficientPoints),
        (accrue(99, 1, "a9"), AccountNotOpen),
        (accrue(1, 6, "old"), KeyReused),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_group_with_one_refusal_leaves_nothing(
    poster: Poster,
    any_database: Database,
    refused: Instruction,
    refusal: type,
    place: int,
) -> None:
    """One refusal, wherever in the group, undoes the others, and says which one it was."""
    poster.post([accrue(3, 5, "old")])
    before = till.log_of(any_database)
    group = [accrue(3, 1, "g1"), redeem(3, 1, "g2")]
    group.insert(place, refused)
    expected: list[type] = [NotCarriedOut, NotCarriedOut]
    expected.insert(place, refusal)
    assert expected == refusals(poster.post(group, together=True))
    assert before == till.log_of(any_database)


def test_undone_group_is_forgotten(any_database: Database) -> None:
    """In the same batch, what follows an undone group is decided as if the group had never been there."""
    with Poster(any_database.connect, any_database.partition_count) as poster:
        poster.post([open_account(1), open_account(2), open_account(9)])
        with held_up(poster):
            futures = [
                poster.begin([accrue(1, 10, "a1"), redeem(2, 1, "r1")], together=True),
                poster.begin([redeem(1, 10, "r2")]),
                poster.begin([accrue(1, 3, "a1")]),
                poster.begin([accrue(1, 3, "a1")]),
            ]
        outcomes = [future.result(10) for future in futures]
    assert [NotCarriedOut, InsufficientPoints] == refusals(outcomes[0])
    assert [InsufficientPoints] == refusals(outcomes[1])
    assert [posted(outcome[0]).replayed for outcome in outcomes[2:]] == [False, True]
    assert till.balance(any_database, 1) == 3


def test_group_that_was_carried_out_is_answered_again(poster: Poster, any_database: Database) -> None:
    """A group sent again after its answer was lost has no second effect."""
    group = [accrue(1, 5, "a1"), accrue(2, 5, "a2"), accrue(1, 5, "a1")]
    first = poster.post(group, together=True)
    assert [posted(outcome).replayed for outcome in first] == [False, False, True]
    again = poster.post(group, together=True)
    assert [posted(outcome).replayed for outcome in again] == [True] * 3
    assert [posted(outcome).position for outcome in first] == [posted(outcome).position for outcome in again]


def test_group_may_span_partitions(poster: Poster, any_database: Database) -> None:
    """Points that move between accounts in different partitions leave one and arrive at the other, or neither."""
    numbers = range(10)
    group = [accrue(number, 5, f"a{number}") for number in numbers]
    partitions = {partition_of(till.account_id(number), any_database.partition_count) for number in numbers}
    assert len(partitions) == min(any_database.partition_count, 4)
    assert {posted(outcome).partition for outcome in poster.post(group, together=True)} == partitions


class Bug(Exception):
    """Somebody's mistake."""


def faulty(_: Account | None) -> Sequence[Struct]:
    """Decide, and fall over."""
    raise Bug


def test_bug_in_one_decision_does_not_hurt_the_others(
    poster: Poster, any_database: Database, logs: list[EventDict]
) -> None:
    """The faulty caller gets the exception; everybody who was gathered into the same batch is served."""
    with held_up(poster):
        before = [poster.begin([accrue(n, 1, f"a{n}")]) for n in range(5)]
        bad = poster.begin([accrue(1, 100, "lost"), till.instruct(1, "bug", ("till", "bug"), decided_by=faulty)])
        after = [poster.begin([accrue(n, 1, f"b{n}")]) for n in range(5)]
        after.append(poster.begin([accrue(1, 100, "group"), accrue(1, -1, "bad")], together=True))
    with pytest.raises(Bug):
        bad.result(10)
    for future in [*before, *after[:-1]]:
        posted(future.result(10)[0])
    assert [NotCarriedOut, InvalidPoints] == refusals(after[-1].result(10))
    assert till.balance(any_database, 1) == 2
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["instruction_failed"]


@pytest.mark.parametrize("key", ["with\x1fseparator", "with\0zero", ""])
def test_key_that_cannot_be_stored_fails_alone(poster: Poster, key: str) -> None:
    """A key the interfaces should have turned away does no harm to others."""
    with pytest.raises(Exception, match=r"separator|NUL"):
        poster.post([accrue(1, 1, key)])
    with held_up(poster):
        with_bad, good = poster.begin([accrue(1, 1, key or "\x1f")]), poster.begin([accrue(2, 1, "good")])
    with pytest.raises(Exception, match=r"separator|NUL"):
        with_bad.result(10)
    posted(good.result(10)[0])


def test_full_queue_turns_callers_away(database: Database) -> None:
    """Beyond the limit nothing is queued and nothing dropped; when there is room again all is well."""
    with Poster(database.connect, 1, waiting_limit=3) as poster:
        poster.post([open_account(1), open_account(9)])
        with held_up(poster):
            waiting = [poster.begin([accrue(1, 1, "a1"), accrue(1, 1, "a2")])]
            with pytest.raises(LedgerBusy, match="More is waiting"):
                poster.begin([accrue(1, 1, "b1"), accrue(1, 1, "b2")])
            waiting.append(poster.begin([accrue(1, 1, "a3")]))
            with pytest.raises(LedgerBusy):
                poster.begin([accrue(1, 1, "b3")])
        assert [[Posted, Posted], [Posted]] == [refusals(future.result(10)) for future in waiting]
        posted(poster.post([accrue(1, 1, "b3")])[0])
    assert till.keys_of(till.log_of(database)) == ["a1", "a2", "a3", "b3"]


def test_large_request_is_taken_when_nothing_waits(database: Database) -> None:
    """A request larger than the limit is not turned away for ever."""
    with Poster(database.connect, 1, waiting_limit=3) as poster:
        assert refusals(poster.post([open_account(number) for number in range(8)])) == [Posted] * 8


def test_batches_are_bounded(database: Database) -> None:
    """What has gathered is carried out in several batches if it is more than one should hold."""
    with Poster(database.connect, 1, batch_size=10) as poster:
        poster.post([open_account(n) for n in range(10)])
        with held_up(poster):
            futures = [poster.begin([accrue(n % 9, 1, f"a{n}")]) for n in range(35)]
        times = [posted(future.result(10)[0]).recorded_at for future in futures]
    assert [times.count(time) for time in sorted(set(filter(None, times)))] == [10, 10, 10, 5]


def test_stopping_carries_out_what_was_accepted(any_database: Database) -> None:
    """Leaving the poster waits for everything it took on, and it takes on nothing more."""
    with any_database.poster() as poster:
        futures = [poster.begin([open_account(number)]) for number in range(50)]
    assert all(future.done() for future in futures)
    assert len(till.log_of(any_database)) == 50
    with pytest.raises(LedgerBusy, match="stopping"):
        poster.post([open_account(50)])


def test_caller_who_hung_up_does_not_stop_the_poster(poster: Poster, any_database: Database) -> None:
    """A future that was cancelled changes nothing: what was accepted is carried out, and the next one too."""
    with held_up(poster):
        future = poster.begin([accrue(1, 5, "a1")])
        future.cancel()
    posted(poster.post([accrue(1, 5, "a2")])[0])
    assert till.balance(any_database, 1) == 10


def test_faulty_delivery_does_not_stop_the_poster(poster: Poster, logs: list[EventDict]) -> None:
    """A caller who cannot take the answer, because its event loop is gone, is nobody else's problem."""

    def fail(_: object) -> None:
        raise RuntimeError("Event loop is closed")

    with held_up(poster):
        poster.submit([accrue(1, 5, "a1")], fail)
        poster.submit([till.instruct(1, "bug", ("till", "bug"), decided_by=faulty)], fail)
        waiting = poster.begin([accrue(2, 5, "a2")])
    posted(waiting.result(10)[0])
    posted(poster.post([accrue(1, 5, "a3")])[0])
    assert [entry["event"] for entry in logs].count("delivery_failed") == 2
