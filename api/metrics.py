"""Figures for Prometheus: what is counted here, what the poster counts, and what the database tells."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import accumulate
from threading import Lock
from typing import Any

import psycopg
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from ledger.posting.figures import Distribution
from ledger.posting.poster import Poster
from projections.jobs import JobRun, read_last_finished
from projections.tracking import ViewStatus, view_status

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_AGE_S = 5.0
"""How old what the database told may be: several scrapers, or one in a hurry, ask it once."""

CHECK = "check-balances"
"""The job whose last result says whether the books add up."""


class RequestMetrics:
    """What the edge counts. One child per route, method and class of status, looked up in a plain dictionary."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """
        Args:
            registry: Of this application.
        """
        self.in_flight_count = 0
        """Changed by the event loop alone."""
        self._seconds = Histogram(
            "khaywe_request_duration_seconds",
            "Time from a request's arrival to its answer's last byte.",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._refusals = Counter("khaywe_refusals_total", "Problems answered.", ("slug",), registry=registry)
        in_flight = Gauge("khaywe_requests_in_flight", "Requests being answered.", registry=registry)
        in_flight.set_function(lambda: self.in_flight_count)
        self._observe: dict[tuple[str, str | None, int], Callable[[float], None]] = {}

    def answered(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count an answer; the route is a template, or ``None`` where none was found, so that labels stay few."""
        key = (method, route, status // 100)
        observe = self._observe.get(key)
        if observe is None:
            shown = method if method in _METHODS else "other"
            observe = self._seconds.labels(shown, route or "none", f"{status // 100}xx").observe
            if method in _METHODS:
                self._observe[key] = observe
        observe(seconds)

    def refused(self, slug: str) -> None:
        """Count a problem."""
        self._refusals.labels(slug).inc()


class PosterCollector(Collector):
    """Reads what a poster has counted."""

    def __init__(self, poster: Poster) -> None:
        """
        Args:
            poster: Of this process.
        """
        self._poster = poster

    def collect(self) -> Iterator[Metric]:
        """Give the poster's figures."""
        figures = self._poster.figures
        yield _gauge("poster_running", "1 while the poster's thread lives.", self._poster.is_running())
        yield _gauge("poster_waiting_instructions", "Instructions that wait for a batch.", self._poster.waiting_count)
        yield _distribution("poster_batch_size", "Instructions per batch.", figures.batch_sizes)
        yield _distribution("poster_batch_duration_seconds", "Time until a batch was durable.", figures.batch_seconds)
        yield _counter("poster_events", "Events recorded.", figures.event_count)
        yield _counter("poster_replays", "Instructions that had been carried out before.", figures.replayed_count)
        yield _counter("poster_refusals", "Instructions refused.", figures.refused_count)
        yield _counter("poster_database_lost", "Connections lost under a batch.", figures.database_lost_count)
        retries = CounterMetricFamily(
            "khaywe_poster_conflicts", "Batches that had to be decided again.", labels=["reason"]
        )
        for reason, count in figures.retries.items():
            retries.add_metric([reason], count)
        yield retries


class LedgerCollector(Collector):
    """Asks the database how far the views are and what the jobs did, at most once in a few seconds."""

    def __init__(self, pool: ConnectionPool[Connection[Any]]) -> None:
        """
        Args:
            pool: Of this process.
        """
        self._pool = pool
        self._lock = Lock()
        self._asked_at = -_AGE_S
        self._views: list[ViewStatus] = []
        self._runs: dict[str, JobRun] = {}
        self._is_reachable = False

    def collect(self) -> Iterator[Metric]:
        """Give what the database tells; when it cannot be reached, only that."""
        stats = self._pool.get_stats()
        yield _gauge("pool_connections", "Connections of the pool.", stats.get("pool_size", 0))
        yield _gauge("pool_waiting_requests", "Requests that wait for a connection.", stats.get("requests_waiting", 0))
        self._ask()
        yield _gauge("database_reachable", "1 if the database answered.", self._is_reachable)
        if self._is_reachable:
            yield from _views(self._views)
            yield from _jobs(self._runs)

    def _ask(self) -> None:
        with self._lock:
            if time.monotonic() < self._asked_at + _AGE_S:
                return
            self._is_reachable = False
            with suppress(PoolTimeout, psycopg.Error), self._pool.connection(timeout=1.0) as connection:
                self._views = view_status(connection)
                self._runs = read_last_finished(connection)
                self._is_reachable = True
            self._asked_at = time.monotonic()


def new_registry(poster: Poster, pool: ConnectionPool[Connection[Any]]) -> CollectorRegistry:
    """Return a registry of everything but requests, which `RequestMetrics` adds."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(PosterCollector(poster))
    registry.register(LedgerCollector(pool))
    return registry


def exposition(registry: CollectorRegistry) -> bytes:
    """Return the figures in Prometheus' text format."""
    return generate_latest(registry)


def _views(views: list[ViewStatus]) -> Iterator[Metric]:
    labels = ["view", "partition"]
    events = GaugeMetricFamily("khaywe_projection_lag_events", "Events a view does not show yet.", labels=labels)
    seconds = GaugeMetricFamily("khaywe_projection_lag_seconds", "Age of what a view lacks.", labels=labels)
    for one in views:
        events.add_metric([one.view, str(one.partition)], one.behind)
        seconds.add_metric([one.view, str(one.partition)], one.behind_s)
    yield events
    yield seconds


def _jobs(runs: dict[str, JobRun]) -> Iterator[Metric]:
    succeeded = GaugeMetricFamily("khaywe_job_last_success_seconds", "Unix time a job last finished.", labels=["job"])
    for job, run in runs.items():
        assert run.finished_at is not None
        succeeded.add_metric([job], run.finished_at.timestamp())
    yield succeeded
    if check := runs.get(CHECK):
        assert check.finished_at is not None
        yield _gauge("invariants_hold", "1 if open lots added up to balances.", check.refused_count == 0)
        yield _gauge("invariants_checked_seconds", "Unix time of that check.", check.finished_at.timestamp())


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"khaywe_{name}", documentation, value=value)


def _counter(name: str, documentation: str, value: float) -> Metric:
    return CounterMetricFamily(f"khaywe_{name}", documentation, value=value)


def _distribution(name: str, documentation: str, found: Distribution) -> Metric:
    bounds = [*(str(bound) for bound in found.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(found.counts), strict=True))
    return HistogramMetricFamily(f"khaywe_{name}", documentation, buckets=buckets, sum_value=found.total)
