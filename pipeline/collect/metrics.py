"""What a collector counts, for Prometheus. Nothing in it tells of a person, an address or a key."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The figures of one collector. `lag` gives the age in seconds of the oldest event not stored yet."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, lag: Callable[[], float], waiting: Callable[[], int]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each counter, which nobody asks for
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter(
            "activity_collector_requests", "Requests with events, by status.", ["status"], registry=registry
        )
        self._refused = Counter(
            "activity_collector_refused", "Requests refused, by reason.", ["code"], registry=registry
        )
        self.accepted = Counter(
            "activity_collector_events_accepted", "Events stored and answered 200.", registry=registry
        )
        self.rejected = Counter(
            "activity_collector_events_rejected",
            "Events stored as they came that are no JSON objects, or too long: the pipeline rejects them.",
            registry=registry,
        )
        self.bytes = Counter(
            "activity_collector_bytes", "Bytes of bodies received, as they were sent.", registry=registry
        )
        self._latency = Histogram(
            "activity_collector_request_seconds",
            "From the request's headers to its answer.",
            registry=registry,
            buckets=_SECONDS,
        )
        self.objects = Counter("activity_collector_objects", "Objects written.", registry=registry)
        self.failures = Counter("activity_collector_write_failures", "Objects not written.", registry=registry)
        self.write_seconds = Histogram(
            "activity_collector_write_seconds", "To write one object.", registry=registry, buckets=_SECONDS
        )
        Gauge(
            "activity_collector_lag_seconds", "Age of the oldest event that is not stored yet.", registry=registry
        ).set_function(lag)
        Gauge("activity_collector_waiting_bytes", "Held in memory now.", registry=registry).set_function(waiting)

    def answered(self, status: int, code: str | None, seconds: float) -> None:
        self._requests.labels(str(status)).inc()
        self._latency.observe(seconds)
        if code is not None:
            self._refused.labels(code).inc()

    def text(self) -> bytes:
        """The exposition that Prometheus reads."""
        return generate_latest(self._registry)
