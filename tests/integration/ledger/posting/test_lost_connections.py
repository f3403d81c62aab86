"""The wire between poster and server is cut at every possible place: each instruction takes effect exactly once."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import Connection, errors
from psycopg.conninfo import make_conninfo
from structlog.typing import EventDict

from khaywe.wiring import Database
from ledger.account.errors import InsufficientPoints
from ledger.posting import batch
from ledger.posting.batch import Batch
from ledger.posting.instruction import Instruction, LedgerUnavailable, Outcome, Posted
from ledger.posting.poster import Poster
from ledger.store.append import lock_heads_and_ask
from tests.integration.ledger import till
from tests.integration.ledger.till import accrue, open_account, redeem
from tests.proxy import (
    TO_CLIENT,
    TO_SERVER,
    AtAnswerToCommit,
    AtCommit,
    Counter,
    CutAfter,
    Fault,
    Proxy,
    Wire,
    proxied,
)

CUTS_PER_DIRECTION = 40


class Line:
    """A poster whose wire to the server can be cut."""

    def __init__(self, proxy: Proxy, database: Database, poster: Poster) -> None:
        self.proxy = proxy
        self.database = database
        self.poster = poster
        self.asked: list[str] = []

    def post(self, *instructions: Instruction, fault: Fault | None = None, together: bool = False) -> list[Outcome]:
        """Post while a fault waits for its moment."""
        self.asked += [key for one in instructions for _, key in one.references]
        self.proxy.fault = fault
        try:
            return self.poster.post(instructions, together=together)
        finally:
            self.proxy.fault = None

    def require_exactly_once(self, outcomes: Sequence[Outcome]) -> None:
        """Make sure that all was carried out, once, and that the outcomes say where."""
        log = till.log_of(self.database)
        by_place = {(recorded.partition, recorded.position): recorded for recorded in log}
        assert sorted(self.asked) == sorted(till.keys_of(log))
        for outcome in outcomes:
            assert isinstance(outcome, Posted), outcome
            recorded = by_place[outcome.partition, outcome.position]
            assert (recorded.version, recorded.event) == (outcome.version, outcome.event)


@pytest.fixture
def line(any_database: Database) -> Iterator[Line]:
    """Provide a poster on the far end of a proxy, and three open accounts with points."""
    with any_database.poster() as poster:
        numbers = (1, 2, 3)
        poster.post([open_account(number) for number in numbers])
        poster.post([accrue(number, 10_000, f"start-{number}") for number in numbers])
    with proxied(any_database) as (proxy, distant), distant.poster() as poster:
        line = Line(proxy, any_database, poster)
        line.asked = [f"start-{number}" for number in numbers]
        yield line


def three(name: str) -> list[Instruction]:
    """Spell instructions for three accounts."""
    return [accrue(1, 5, f"{name}-1"), redeem(2, 5, f"{name}-2"), accrue(3, 5, f"{name}-3")]


@pytest.mark.parametrize("direction", [TO_SERVER, TO_CLIENT])
def test_cut_after_any_number_of_bytes(line: Line, direction: str) -> None:
    """Wherever in the conversation the wire is cut, everything takes effect once and is told so."""
    line.post(*three("warm-up"))
    counter = Counter()
    line.post(*three("counted"), fault=counter)
    size = counter.counts[direction]
    outcomes: list[Outcome] = []
    for number in range(CUTS_PER_DIRECTION):
        fault = CutAfter(direction, number * size // CUTS_PER_DIRECTION)
        outcomes += line.post(*three(f"cut-{number}"), fault=fault)
        assert fault.has_cut
    line.require_exactly_once(outcomes)


def before_commit(wire: Wire, _: bytes) -> None:
    """COMMIT never arrives, and the server notices at once."""
    wire.cut()


def after_commit(wire: Wire, block: bytes) -> None:
    """COMMIT arrives, and the wire is cut before the server can answer."""
    wire.send(TO_SERVER, block)
    wire.cut()


def late_commit(wire: Wire, block: bytes) -> None:
    """COMMIT stays on its way for a while after the client has lost its connection."""
    wire.cut_client()
    threading.Timer(0.3, wire.send, (TO_SERVER, block)).start()


def lost_commit(wire: Wire, _: bytes) -> None:
    """COMMIT never arrives, and the server takes a while to notice that its client is gone."""
    wire.cut_client()
    threading.Timer(0.3, wire.cut).start()


HAPPENINGS = [
    pytest.param(lambda: AtCommit(before_commit), False, id="before COMMIT"),
    pytest.param(lambda: AtCommit(after_commit), None, id="right after COMMIT"),
    pytest.param(AtAnswerToCommit, True, id="instead of the answer"),
    pytest.param(lambda: AtCommit(late_commit), True, id="COMMIT is late"),
    pytest.param(lambda: AtCommit(lost_commit), False, id="COMMIT is lost"),
]


@pytest.mark.parametrize(("fault_of", "was_committed"), HAPPENINGS)
@pytest.mark.parametrize("together", [False, True], ids=["each", "group"])
def test_cut_around_commit(
    line: Line,
    fault_of: Callable[[], AtCommit | AtAnswerToCommit],
    was_committed: bool | None,
    together: bool,
) -> None:
    """Whether the lost transaction was committed or not, its instructions take effect once."""
    outcomes: list[Outcome] = []
    for number in range(3):
        fault = fault_of()
        outcomes += line.post(*three(f"c-{number}"), fault=fault, together=together)
        assert fault.has_happened.is_set()
    if was_committed is not None:
        assert {was_committed} == {outcome.replayed for outcome in outcomes if isinstance(outcome, Posted)}
    line.require_exactly_once(outcomes)
    line.require_exactly_once(line.post(*three("after")))


def test_refusal_is_not_decided_beside_a_late_commit(line: Line) -> None:
    """Points that a lost transaction is about to spend are not promised, or refused, to anybody else meanwhile."""
    first, second = line.post(
        redeem(1, 6_000, "r1"),
        redeem(1, 6_000, "r2"),
        fault=AtCommit(late_commit),
    )
    assert isinstance(first, Posted)
    assert isinstance(second, InsufficientPoints)
    assert second.members["available_points"] == 4_000


def test_cut_again_and_again(line: Line) -> None:
    """A line that breaks after a random number of bytes, also while it is set up anew, only takes longer."""
    chance = random.Random(1)
    keys = [f"k{number}" for number in range(150)]
    stop = threading.Event()

    def break_now_and_then() -> None:
        while not stop.wait(0.01):
            fault = line.proxy.fault
            if not isinstance(fault, CutAfter) or fault.has_cut:
                line.proxy.fault = CutAfter(chance.choice([TO_SERVER, TO_CLIENT]), chance.randrange(30_000))

    breaking = threading.Thread(target=break_now_and_then)
    breaking.start()
    with ThreadPoolExecutor(8) as pool:
        posting = [pool.submit(line.poster.post, [accrue(n % 3 + 1, 1, key)]) for n, key in enumerate(keys)]
        answers = [done.result(60)[0] for done in posting]
    stop.set()
    breaking.join()
    line.proxy.fault = None
    unknown = [key for key, answer in zip(keys, answers, strict=True) if isinstance(answer, LedgerUnavailable)]
    resent = line.post(*[accrue(keys.index(key) % 3 + 1, 1, key) for key in unknown]) if unknown else []
    line.asked = sorted({*line.asked, *keys})
    line.require_exactly_once([answer for answer in answers if not isinstance(answer, LedgerUnavailable)] + resent)


@pytest.mark.parametrize(("fault_of", "was_committed"), HAPPENINGS)
def test_server_that_stays_away_is_told(
    any_database: Database,
    fault_of: Callable[[], AtCommit | AtAnswerToCommit],
    was_committed: bool | None,
) -> None:
    """When patience ends nobody is told a lie: sent again later, the key tells what happened, and it happens once."""
    with any_database.poster() as poster:
        poster.post([open_account(1), open_account(2)])
    count = any_database.partition_count
    with proxied(any_database) as (proxy, distant), Poster(distant.connect, count, patience_s=0.2) as poster:
        posted(poster, accrue(1, 1, "before"))
        fault = fault_of()

        def cut_off(wire: Wire, direction: str, block: bytes) -> bool:
            is_seen_to = fault(wire, direction, block)
            proxy.is_reachable = not fault.has_happened.is_set()
            return is_seen_to

        proxy.fault = cut_off
        (unknown,) = poster.post([accrue(1, 2, "lost")])
        assert isinstance(unknown, LedgerUnavailable)
        assert isinstance(poster.post([accrue(2, 4, "refused")])[0], LedgerUnavailable)
        proxy.fault, proxy.is_reachable = None, True
        outcome = posted(poster, accrue(1, 2, "lost"))
        assert was_committed in {None, outcome.replayed}
        posted(poster, accrue(2, 4, "refused"))
    assert sorted(till.keys_of(till.log_of(any_database))) == ["before", "lost", "refused"]


def posted(poster: Poster, instruction: Instruction) -> Posted:
    """Post, and expect that it is carried out."""
    (outcome,) = poster.post([instruction])
    assert isinstance(outcome, Posted), outcome
    return outcome


@pytest.fixture
def open_ledger(database: Database) -> Database:
    """Provide a ledger with an open account."""
    with database.poster() as poster:
        poster.post([open_account(1)])
    return database


def test_session_ended_by_the_server_is_replaced(
    open_ledger: Database,
    monkeypatch: pytest.MonkeyPatch,
    logs: list[EventDict],
) -> None:
    """A process that was suspended inside a transaction finds its session gone, and does its work again."""
    pauses_s = [0.4]

    def lock_slowly(*arguments: Any) -> Any:
        locked = lock_heads_and_ask(*arguments)
        time.sleep(pauses_s.pop() if pauses_s else 0)
        return locked

    monkeypatch.setattr(batch, "lock_heads_and_ask", lock_slowly)
    with open_ledger.connect_as_owner() as owner:
        owner.execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET idle_in_transaction_session_timeout = 100', "
            "current_database()); END $$",
        )
    with open_ledger.poster() as poster:
        assert not posted(poster, accrue(1, 5, "a1")).replayed
    assert [entry["error_type"] for entry in logs] == ["IdleInTransactionSessionTimeout"]
    assert till.balance(open_ledger, 1) == 5


def test_server_that_only_reads_is_unavailable(open_ledger: Database) -> None:
    """A standby, or a primary that was demoted, is no server to post to: callers are told to come back."""

    def connect() -> Connection[Any]:
        connection = open_ledger.connect()
        if is_standby:
            connection.execute("SET default_transaction_read_only = on")
        return connection

    is_standby = True
    with Poster(connect, 1, patience_s=0.2) as poster:
        assert isinstance(poster.post([accrue(1, 5, "a1")])[0], LedgerUnavailable)
        is_standby = False
        posted(poster, accrue(1, 5, "a1"))


def test_head_locked_by_somebody_else_is_waited_for(open_ledger: Database, logs: list[EventDict]) -> None:
    """Who holds a head for longer than a session may wait costs time, and nothing else."""

    def connect() -> Connection[Any]:
        options = "-c role=khaywe_app -c lock_timeout=50"
        return psycopg.connect(make_conninfo(open_ledger.owner_url, options=options), autocommit=True)

    with Poster(connect, 1) as poster, open_ledger.connect() as holder:
        posted(poster, accrue(1, 5, "a1"))
        holder.execute("BEGIN; SELECT FROM ledger.heads FOR UPDATE")
        threading.Timer(0.5, holder.execute, ["ROLLBACK"]).start()
        posted(poster, accrue(1, 5, "a2"))
    assert {entry["error_type"] for entry in logs} == {"LockNotAvailable"}


def test_full_disk_is_told_at_once(open_ledger: Database) -> None:
    """Waiting does not make room: callers are told, and nothing was recorded; with room again all is well."""
    with open_ledger.poster() as poster, open_ledger.connect_as_owner() as owner:
        posted(poster, accrue(1, 5, "a1"))
        owner.execute(
            "CREATE FUNCTION fill_up() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$;"
            "CREATE TRIGGER fill_up BEFORE INSERT ON ledger.receipts FOR EACH ROW EXECUTE FUNCTION fill_up()",
        )
        asked_at = time.monotonic()
        (refusal,) = poster.post([accrue(1, 5, "a2")])
        assert isinstance(refusal, LedgerUnavailable)
        assert "no room left" in refusal.detail
        assert time.monotonic() - asked_at < 5
        owner.execute("DROP TRIGGER fill_up ON ledger.receipts")
        posted(poster, accrue(1, 5, "a2"))
    assert till.balance(open_ledger, 1) == 10


def test_conflict_that_does_not_go_away_is_told(open_ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that the table refuses and the look-up does not find is a fault, and not tried for ever."""
    with Poster(open_ledger.connect, 1, patience_s=0.2) as poster:
        posted(poster, accrue(1, 5, "a1"))
        with monkeypatch.context() as patch:
            patch.setattr(Batch, "_answer_from_receipts", lambda *_: None)
            with pytest.raises(errors.UniqueViolation):
                poster.post([accrue(1, 5, "a1")])
        posted(poster, accrue(1, 5, "a2"))
    assert till.balance(open_ledger, 1) == 10


def test_connection_lost_after_a_conflict(open_ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """When not even ROLLBACK gets through, the batch is carried out over a new connection."""
    run = Batch.run

    def conflict(self: Batch, connection: Connection[Any]) -> int:
        monkeypatch.setattr(Batch, "run", run)
        connection.close()
        raise errors.UniqueViolation

    with open_ledger.poster() as poster:
        posted(poster, accrue(1, 5, "a1"))
        monkeypatch.setattr(Batch, "run", conflict)
        assert not posted(poster, accrue(1, 5, "a2")).replayed


def test_poster_forgets_what_a_lost_server_knew(open_ledger: Database) -> None:
    """A server that took over may lack the newest events; nothing is decided on what was cached of them."""
    with open_ledger.poster() as poster, open_ledger.connect_as_owner() as owner:
        posted(poster, accrue(1, 5, "a1"))
        posted(poster, accrue(1, 7, "a2"))
        owner.execute(
            "SET session_replication_role = replica; DELETE FROM ledger.events WHERE position = 3; "
            "DELETE FROM ledger.receipts WHERE key = 'a2'; "
            "UPDATE ledger.heads AS h SET position = e.position, hash = e.hash, recorded_at = e.recorded_at "
            "FROM ledger.events AS e WHERE e.position = 2; "
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'khaywe'",
        )
        (refusal,) = poster.post([redeem(1, 12, "r1")])
        assert isinstance(refusal, InsufficientPoints)
        assert posted(poster, redeem(1, 5, "r2")).version == 3
    assert till.balance(open_ledger, 1) == 0
