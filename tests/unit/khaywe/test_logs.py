"""Logs that nobody reads any more."""

import io
import json
import sys
from collections.abc import Iterator

import pytest
import structlog

from khaywe.logs import configure_logging


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Leave logging as other tests expect it."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.BytesIO]:
    """Provide a standard error of our own."""
    wrapper = io.TextIOWrapper(stream := io.BytesIO())
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", wrapper)
        configure_logging("cli")
    yield stream
    wrapper.close()


def test_line_is_json(stream: io.BytesIO) -> None:
    """Each line is an object that names the process."""
    structlog.get_logger().info("something_happened", count=3)
    line = json.loads(stream.getvalue())
    assert (line["process"], line["message"], line["count"]) == ("cli", "something_happened", 3)


def test_closed_stream_stops_nobody(stream: io.BytesIO) -> None:
    """Whoever logs goes on working when the log's reader is gone."""
    log = structlog.get_logger()
    log.info("first")
    stream.close()
    log.info("second")
