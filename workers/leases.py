"""One leader when several workers run: a lease in the database, held for a while and renewed."""

from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.sql import load_queries

_SQL = load_queries("workers")

LEASE_S = 60.0
"""How long a worker that stopped without a word keeps the others waiting."""


class LeaseLost(Exception):  # not a refusal: another worker took over
    """Somebody else holds the lease; what is under way stops here, and goes on there."""


class Lease(Struct, frozen=True):
    """A worker's claim on a job."""

    name: str
    holder: UUID

    def take(self, connection: Connection[Any], seconds: float = LEASE_S) -> bool:
        """Take the lease, or renew it; tell whether it is ours."""
        asked = {"name": self.name, "holder": self.holder, "seconds": seconds}
        return connection.execute(_SQL["take_lease"], asked).fetchone() is not None

    def renew(self, connection: Connection[Any], seconds: float = LEASE_S) -> None:
        """
        Renew the lease.

        Raises:
            LeaseLost: It is somebody else's by now.
        """
        if not self.take(connection, seconds):
            raise LeaseLost(self.name)

    def leave(self, connection: Connection[Any]) -> None:
        """Give the lease up, so that the next does not have to wait for its end."""
        connection.execute(_SQL["leave_lease"], {"name": self.name, "holder": self.holder})
