"""The library's event store, application and snapshots, on our tables and our events."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import pytest
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    EventStore,
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    MapperDeserialisationError,
    StoredEvent,
)
from psycopg.conninfo import make_conninfo

from khaywe.wiring import Database
from ledger.account.events import AccountOpened, Accrual, PointsAccrued
from ledger.account.state import Account
from ledger.posting.instruction import Posted
from ledger.store import codec
from ledger.store.factory import LedgerFactory
from ledger.store.mapper import LedgerMapper, Recorded, Snapshot
from ledger.store.partitions import partition_of
from ledger.store.recorder import PartitionRecorder, SnapshotRecorder
from ledger.streams import ACCOUNT
from tests.databases import NewDatabase
from tests.integration.ledger import till

ALICE = UUID(bytes=till.account_id(1))
OPENED = AccountOpened("club", str(UUID(int=1)), till.NOON, till.TODAY)


def accrued(lot: int) -> PointsAccrued:
    """Ten points were given, for the ``lot``-th time."""
    accruals = (Accrual(lot, till.POINTS, 10, till.TODAY),)
    return PointsAccrued("till", str(lot), till.NOON, till.TODAY, "goodwill", accruals, {till.POINTS: 10 * lot})


@dataclass
class Holder:
    """An account as the library sees aggregates: with its id and version."""

    id: UUID
    version: int
    state: Account


def fold(holder: Holder | None, events: Iterable[DomainEventProtocol[UUID]]) -> Holder | None:
    """Fold recorded events, perhaps after a snapshot, into an account."""
    for event in events:
        if isinstance(event, Snapshot):
            holder = Holder(event.originator_id, event.originator_version, event.state)
        else:
            assert isinstance(event, Recorded)
            state = ACCOUNT.evolve(holder and holder.state, event.event)
            holder = Holder(event.originator_id, event.originator_version, state)
    return holder


class Club(Application[UUID]):
    """The smallest application that has snapshots."""

    is_snapshotting_enabled = True
    snapshot_class = Snapshot

    def account(self, account_id: UUID, version: int | None = None) -> Holder:
        """Return an account as it is, or as it was at a version."""
        return self.repository.get(account_id, version=version, projector_func=fold)


def environment(database: Database, **variables: str) -> dict[str, str]:
    """Spell where the ledger is."""
    return {
        "PERSISTENCE_MODULE": "ledger.store.factory",
        "LEDGER_DATABASE_URL": make_conninfo(database.owner_url, options="-c role=khaywe_app"),
        **variables,
    }


@pytest.fixture
def club(database: Database) -> Iterator[Club]:
    """Provide the library's application on a fresh ledger."""
    with Club(environment(database)) as club:
        yield club


def put(club: Club, events: Sequence[Any], *, first_version: int = 1) -> list[int]:
    """Save events of Alice's account, and return their positions."""
    recorded = [Recorded(ALICE, version, event) for version, event in enumerate(events, first_version)]
    return [recording.notification.id for recording in club.save(*recorded)]


def test_events_come_back_as_they_were(club: Club) -> None:
    """What the event store is given, it returns, in order."""
    put(club, [OPENED, accrued(1), accrued(2)])
    expected = [Recorded(ALICE, 1, OPENED), Recorded(ALICE, 2, accrued(1)), Recorded(ALICE, 3, accrued(2))]
    assert expected == list(club.events.get(ALICE))
    assert expected[1:2] == list(club.events.get(ALICE, gt=1, lte=2))


def test_positions_are_notification_ids(club: Club) -> None:
    """Recordings, the notification log and the ledger agree on where an event stands."""
    assert put(club, [OPENED, accrued(1)]) == [1, 2]
    section = club.notification_log["1,10"]
    assert [notification.id for notification in section.items] == [1, 2]
    assert [Recorded(ALICE, 1, OPENED), Recorded(ALICE, 2, accrued(1))] == list(
        map(club.mapper.to_domain_event, section.items),
    )


def test_stored_bytes_are_those_of_the_codec(club: Club) -> None:
    """The library's way in stores the same bytes and topics as the poster's."""
    put(club, [OPENED, accrued(1)])
    stored = club.recorder.select_events(ALICE)
    assert [codec.encode(OPENED), codec.encode(accrued(1))] == [event.state for event in stored]
    assert [event.topic for event in stored] == ["account.opened.v1", "account.points_accrued.v1"]


def test_concurrent_version_is_an_integrity_error(club: Club) -> None:
    """Optimistic concurrency works as the library documents it."""
    put(club, [OPENED, accrued(1)])
    with pytest.raises(IntegrityError):
        put(club, [accrued(1)], first_version=2)


def test_repository_folds_any_version(club: Club) -> None:
    """The library's repository reconstructs an account as it is and as it was."""
    put(club, [OPENED, accrued(1), accrued(2)])
    assert club.account(ALICE).state.balances() == {till.POINTS: 20}
    assert club.account(ALICE, version=2).state.balances() == {till.POINTS: 10}
    with pytest.raises(AggregateNotFoundError):
        club.account(UUID(int=2))


def test_snapshot_saves_reading_what_came_before(club: Club, database: Database) -> None:
    """An account is the same with a snapshot, and the events before it are not needed any more."""
    put(club, [OPENED, accrued(1), accrued(2)])
    without = club.account(ALICE)
    club.take_snapshot(ALICE, version=2, projector_func=fold)
    assert without == club.account(ALICE)
    assert club.snapshots is not None
    (snapshot,) = club.snapshots.get(ALICE)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.originator_version == 2
    with database.connect_as_owner() as owner:
        owner.execute("SET session_replication_role = replica; DELETE FROM ledger.events WHERE version < 3")
    assert without == club.account(ALICE)


def test_library_and_poster_share_streams_and_snapshots(club: Club, database: Database) -> None:
    """Each goes on where the other one stopped."""
    put(club, [OPENED, accrued(1)])
    club.take_snapshot(ALICE, projector_func=fold)
    with database.poster() as poster:
        (outcome,) = poster.post([till.redeem(1, 4, "r1")])
    assert isinstance(outcome, Posted)
    assert outcome.version == 3
    assert club.account(ALICE).state.balances() == {till.POINTS: 6}


def test_application_lives_in_the_partition_it_names(new_database: NewDatabase) -> None:
    """The factory takes the partition from the environment, and the recorder keeps to it."""
    database = new_database(4)
    home = partition_of(ALICE.bytes, 4)
    with Club(environment(database, LEDGER_PARTITION=str(home))) as club:
        assert put(club, [OPENED]) == [1]
    (recorded,) = till.log_of(database)
    assert recorded.partition == home


def test_mapper_round_trips_without_a_database() -> None:
    """Stored event to domain event and back gives the same bytes, for events and for snapshots."""
    mapper = LedgerMapper()
    account = ACCOUNT.evolve(ACCOUNT.evolve(None, OPENED), accrued(1))
    for original in (Recorded(ALICE, 2, accrued(1)), Snapshot(ALICE, 2, account)):
        stored = mapper.to_stored_event(original)
        assert isinstance(original, DomainEventProtocol)
        assert original == mapper.to_domain_event(stored)
        assert stored == mapper.to_stored_event(mapper.to_domain_event(stored))
    assert msgspec.json.decode(mapper.to_stored_event(Recorded(ALICE, 1, OPENED)).state)["program_id"] == "club"


@pytest.mark.parametrize(
    "unreadable", [("nobody.knows.v1", b"{}"), ("account.opened.v1", b"{}"), ("account.opened.v1", b"")]
)
def test_unreadable_events_are_named(unreadable: tuple[str, bytes]) -> None:
    """The error says which event of which stream cannot be read."""
    with pytest.raises(MapperDeserialisationError, match=f"Version 7 of stream {ALICE}"):
        LedgerMapper().to_domain_event(StoredEvent(ALICE, 7, *unreadable))


def test_mapper_takes_nothing_else() -> None:
    """The library's own event classes are not silently stored as something else."""

    @dataclass(frozen=True)
    class Other:
        originator_id: UUID = ALICE
        originator_version: int = 1

    with pytest.raises(TypeError, match="Other is neither Recorded nor Snapshot"):
        LedgerMapper().to_stored_event(Other())


def test_compressing_is_refused(database: Database) -> None:
    """A setting that would make the log unreadable for everybody else stops the application."""
    with pytest.raises(InfrastructureFactoryError, match="neither compressed nor enciphered"):
        Club(environment(database, COMPRESSOR_TOPIC="zlib"))


@pytest.mark.parametrize("partition", ["4", "-1", "all"])
def test_partition_must_exist(new_database: NewDatabase, partition: str) -> None:
    """An application cannot be put where the ledger has no head."""
    with pytest.raises(InfrastructureFactoryError, match="the ledger has 4 partition"):
        LedgerFactory(environment(new_database(4), LEDGER_PARTITION=partition))


def test_database_must_be_named() -> None:
    """Without a database there is no application."""
    with pytest.raises(InfrastructureFactoryError, match="LEDGER_DATABASE_URL is not set"):
        InfrastructureFactory.construct({"PERSISTENCE_MODULE": "ledger.store.factory"})


def test_factory_builds_what_the_library_asks_for(database: Database) -> None:
    """Recorders by purpose and the event store; tracking is not ours to give."""
    with LedgerFactory(environment(database)) as factory:
        assert isinstance(factory.aggregate_recorder(), PartitionRecorder)
        assert isinstance(factory.aggregate_recorder("snapshots"), SnapshotRecorder)
        assert isinstance(factory.event_store(), EventStore)
        for build in (factory.tracking_recorder, factory.process_recorder):
            with pytest.raises(InfrastructureFactoryError, match="Views keep their own tracking"):
                build()
        factory.close()
