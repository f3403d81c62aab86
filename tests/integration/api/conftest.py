"""What the tests of the API's resilience ask for."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from khaywe.wiring import Database
from tests.acceptance.conftest import Client, running


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    """Keep what is logged out of the output, and provide it."""
    with capture_logs() as logs:
        yield logs


@pytest.fixture
def lone_client(database: Database) -> Iterator[Client]:
    """Provide a client of a running server."""
    with running(database) as client:
        yield client
