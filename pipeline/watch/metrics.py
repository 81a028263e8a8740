"""What the scheduler counts, for Prometheus. Its counters begin at zero with the process, as Prometheus expects."""

from __future__ import annotations

import math
from dataclasses import dataclass
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, start_http_server

from pipeline.errors import ActivityError
from pipeline.lake import Batch
from pipeline.questions.ledger import Totals
from pipeline.state import Freshness

_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_OUTCOMES = ("loaded", "duplicate", "rejected", "expired")
_STATES = ("loaded", "retrying", "rejected")


class Metrics:
    """The figures of one scheduler."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each counter, which nobody asks for
        self.registry = CollectorRegistry()
        made: dict[str, Any] = {"registry": self.registry}
        self._lines = Counter("activity_pipeline_lines", "Lines read, by what became of them.", ["outcome"], **made)
        self._bytes = Counter("activity_pipeline_bytes", "Bytes of the objects read, as stored.", **made)
        self._seconds = Histogram("activity_pipeline_batch_seconds", "To commit a batch.", buckets=_SECONDS, **made)
        self.problems = Counter("activity_pipeline_problems", "What went wrong and is tried again.", ["where"], **made)
        self._lag = Gauge("activity_pipeline_lag_seconds", "How far behind the data is.", **made)
        self._through = Gauge(
            "activity_pipeline_data_through_timestamp_seconds", "The time through which the data is complete.", **made
        )
        self._polled = Gauge("activity_pipeline_last_poll_timestamp_seconds", "The last look at any source.", **made)
        self._waiting = Gauge("activity_pipeline_waiting_objects", "Objects known and not loaded yet.", **made)
        self._events = Gauge("activity_lake_events", "Events in the lake.", **made)
        self._objects = Gauge("activity_ledger_objects", "Objects in the ledger, by state.", ["state"], **made)
        self._ledger = Gauge("activity_ledger_lines", "Lines in the ledger, by outcome.", ["outcome"], **made)
        self._balanced = Gauge("activity_ledger_balanced", "1 while the ledger balances, else 0.", **made)
        self.alerts = Gauge("activity_alert", "1 while an alert stands, else 0.", ["alert"], **made)
        for outcome in _OUTCOMES:  # so that a rate is 0 rather than unknown before the first
            self._lines.labels(outcome)
        for unknown in (self._lag, self._through, self._polled, self._waiting, self._events, self._balanced):
            unknown.set(math.nan)  # until the first look: a 0 would be an alarm, or an all-clear

    def batch(self, batch: Batch) -> None:
        for outcome in _OUTCOMES:
            self._lines.labels(outcome).inc(getattr(batch, outcome))
        self._bytes.inc(batch.bytes)
        self._seconds.observe((batch.committed_at - batch.started_at).total_seconds())

    def freshness(self, fresh: Freshness, lag: float) -> None:
        self._lag.set(lag)
        if fresh.data_through is not None:
            self._through.set(fresh.data_through.timestamp())
        if fresh.polls:
            self._polled.set(max(poll.polled_at for poll in fresh.polls).timestamp())
        self._waiting.set(sum(poll.waiting for poll in fresh.polls))

    def totals(self, totals: Totals) -> None:
        self._events.set(totals.events)
        self._balanced.set(totals.balanced)
        for state in _STATES:
            self._objects.labels(state).set(getattr(totals, f"objects_{state}"))
        for outcome in _OUTCOMES:
            self._ledger.labels(outcome).set(getattr(totals, outcome))


@dataclass(frozen=True, slots=True)
class Served:
    """The figures being served over HTTP, until closed."""

    _server: WSGIServer
    _thread: Thread

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(metrics: Metrics, address: str) -> Served:
    """Serve `metrics` on `HOST:PORT`. Raises `ActivityError` when that cannot be had."""
    host, _, port = address.rpartition(":")
    try:
        return Served(*start_http_server(int(port), host.strip("[]"), metrics.registry))
    except OSError as error:
        raise ActivityError(
            f"Metrics cannot be served on {address}: {error.strerror or error}.",
            hint="Choose another ACTIVITY_METRICS_ADDRESS.",
        ) from None
