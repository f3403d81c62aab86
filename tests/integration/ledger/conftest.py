"""What tests of the ledger share."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

Logs = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True)
def logs() -> Iterator[Logs]:
    """Keep what is logged out of the output, and provide it."""
    with capture_logs() as logs:
        yield logs
