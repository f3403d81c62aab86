"""Keep the views in step with the ledger, for as long as the process runs."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from threading import Event
from typing import Any

import psycopg
import structlog
from psycopg import Connection

from projections.runner import Overtaken, Runner
from projections.views import VIEWS

_log = structlog.get_logger("worker")

_PAUSE_S = 0.1
"""Pause after the views have caught up: a fraction of the lag that readers may see, and long enough for events to
gather, because a page of one event costs nearly as much as a page of a hundred."""

_RECONNECT_S = 0.5


def follow(
    connect: Callable[[], Connection[Any]],
    connect_views: Callable[[], Connection[Any]],
    stopping: Event,
) -> None:
    """
    Follow the ledger until told to stop.

    A lost database is waited for; another follower on the same views does no harm.

    Args:
        connect: Opens a connection as the application role.
        connect_views: The same, with the search path on the live views.
        stopping: Set to stop; the page under way is finished.
    """
    while not stopping.is_set():
        try:
            with ExitStack() as stack:
                runner = Runner(
                    stack.enter_context(connect()),
                    stack.enter_context(connect_views()),
                    list(VIEWS.values()),
                )
                _follow_connected(runner, stopping)
        except Overtaken:
            _log.info("views_overtaken")
        except psycopg.Error as error:
            _log.warning("views_paused", error=str(error).strip(), error_type=type(error).__name__)
            stopping.wait(_RECONNECT_S)


def _follow_connected(runner: Runner, stopping: Event) -> None:
    while not stopping.is_set():
        started = time.perf_counter()
        event_count = 0
        for page in runner.catch_up():
            event_count += page.last_position - page.first_position
            if stopping.is_set():
                return
        if event_count:
            duration_ms = round((time.perf_counter() - started) * 1000, 1)
            _log.debug("views_advanced", event_count=event_count, duration_ms=duration_ms)
        stopping.wait(_PAUSE_S)
