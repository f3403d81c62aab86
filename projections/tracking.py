"""How far the views have read."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import Connection

from ledger.sql import load_queries
from projections.views import VIEWS

_SQL = load_queries("projections")


class ViewStatus(Struct, frozen=True):
    """Where one view is in one partition."""

    view: str
    partition: int
    position: int
    behind: int
    """Events the ledger has and the view does not show yet."""
    recorded_at: datetime
    """When the last event it shows was recorded."""
    behind_s: float
    """Age of the first event it does not show, in seconds; 0 if it shows all."""


def shown_position(connection: Connection[Any], partition: int) -> int:
    """Return the position that every view of the partition shows at least."""
    row = connection.execute(_SQL["position_of"], {"partition": partition, "views": list(VIEWS)}).fetchone()
    return row[0] or 0 if row else 0


def view_status(connection: Connection[Any]) -> list[ViewStatus]:
    """Return where every view is."""
    return [ViewStatus(*row) for row in connection.execute(_SQL["status"])]
