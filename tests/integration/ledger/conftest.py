"""What tests of the ledger share."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    """Keep what is logged out of the output, and provide it."""
    with capture_logs() as logs:
        yield logs
