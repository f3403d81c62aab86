"""
What `eventsourcing` builds an `Application` from: ``PERSISTENCE_MODULE=ledger.store.factory``.

The rest comes from the application's environment, each name optionally preceded by the application's own, as the
library has it: ``LEDGER_DATABASE_URL`` says where, and connects as the application role; ``LEDGER_PARTITION`` is the
partition the application lives in, by default 0.
"""

from eventsourcing.persistence import (
    InfrastructureFactory,
    InfrastructureFactoryError,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.utils import Environment, EnvType
from psycopg_pool import ConnectionPool

from ledger.sql import load_queries
from ledger.store.recorder import PartitionRecorder, Pool, SnapshotRecorder

_SQL = load_queries("ledger.store")

_POOL_SIZE = 4


class LedgerFactory(InfrastructureFactory[TrackingRecorder]):
    """Builds recorders on the ledger's tables, and the mapper that goes with them."""

    DATABASE_URL = "LEDGER_DATABASE_URL"
    PARTITION = "LEDGER_PARTITION"

    def __init__(self, env: Environment | EnvType | None) -> None:
        """
        Raises:
            InfrastructureFactoryError: The environment lacks the database, or names no partition of it.
        """
        super().__init__(env)
        self.env.setdefault(self.MAPPER_TOPIC, "ledger.store.mapper:LedgerMapper")
        url = self.env.get(self.DATABASE_URL)
        if not url:
            raise InfrastructureFactoryError(f"{self.DATABASE_URL} is not set; it says where the ledger is.")
        self._pool: Pool = ConnectionPool(url, min_size=1, max_size=_POOL_SIZE, kwargs={"autocommit": True}, open=True)
        try:
            self._partition_count = self._count_partitions()
            self._partition = self._chosen_partition()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def aggregate_recorder(self, purpose: str = "events") -> PartitionRecorder | SnapshotRecorder:
        """Return the recorder of events or of ``snapshots``."""
        if purpose == "snapshots":
            return SnapshotRecorder(self._pool, self._partition_count)
        return self.application_recorder()

    def application_recorder(self) -> PartitionRecorder:
        """Return the recorder of the application's partition."""
        return PartitionRecorder(self._pool, self._partition, self._partition_count)

    def tracking_recorder(
        self,
        tracking_recorder_class: type[TrackingRecorder] | None = None,  # noqa: ARG002  # the library's interface
    ) -> TrackingRecorder:
        """Refuse: views keep their own tracking, see projections."""
        raise InfrastructureFactoryError("Views keep their own tracking; see projections.")

    def process_recorder(self) -> ProcessRecorder:
        """Refuse: views keep their own tracking, see projections."""
        raise InfrastructureFactoryError("Views keep their own tracking; see projections.")

    def _count_partitions(self) -> int:
        with self._pool.connection() as connection:
            return len(connection.execute(_SQL["positions"]).fetchall())

    def _chosen_partition(self) -> int:
        text = self.env.get(self.PARTITION, "0")
        if not text.isdecimal() or int(text) >= self._partition_count:
            message = f"{self.PARTITION} is {text!r}, and the ledger has {self._partition_count} partition(s)."
            raise InfrastructureFactoryError(message)
        return int(text)
