"""What became of every object and line: the numbers of the Pipeline page and of `python -m pipeline status`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis

from pipeline.lake.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Totals:
    """The ledger summed up; all are lines but those named `objects_…`, and `events`: rows in the lake.

    lines = loaded + duplicate + rejected + expired, and events = loaded - removed, by retention and erasure
    ("The ledger" in docs/semantics.md).
    """

    objects_loaded: int
    objects_retrying: int
    objects_rejected: int
    lines: int
    loaded: int
    duplicate: int
    rejected: int
    expired: int
    removed: int
    events: int
    newest_event: datetime | None
    oldest_event: datetime | None

    @property
    def lines_over(self) -> int:
        """Lines read beyond those accounted for; below zero, those accounted for and never read."""
        return self.lines - (self.loaded + self.duplicate + self.rejected + self.expired)

    @property
    def events_over(self) -> int:
        """Events in the lake beyond those loaded and not removed; below zero, those missing."""
        return self.events - (self.loaded - self.removed)

    @property
    def balanced(self) -> bool:
        return self.lines_over == 0 and self.events_over == 0


def totals(snapshot: Snapshot) -> Totals:
    """The ledger's totals at `snapshot`."""
    objects, events = snapshot.objects, snapshot.events
    counted = {
        name: objects[name].sum().coalesce(0) for name in ("lines", "loaded", "duplicate", "rejected", "expired")
    }
    states = {
        f"objects_{state}": (objects.state == state).sum().coalesce(0) for state in ("loaded", "retrying", "rejected")
    }
    # DuckDB sums whole numbers into its 128-bit type, which arrives as a decimal.
    summed = snapshot.fetch(objects.aggregate(**counted, **states)).to_pylist()[0]
    span = events.aggregate(
        events=events.count(), newest_event=events.occurred_at.max(), oldest_event=events.occurred_at.min()
    )
    left = snapshot.removed.aggregate(removed=snapshot.removed.events.sum().coalesce(0))
    row: dict[str, Any] = {name: int(value) for name, value in summed.items()}
    row["removed"] = int(snapshot.fetch(left)["removed"][0].as_py())
    return Totals(**row, **snapshot.fetch(span).to_pylist()[0])


def sources(snapshot: Snapshot) -> set[str]:
    """The canonical names of the sources that objects were read from."""
    return set(snapshot.fetch(snapshot.objects.select("source").distinct())["source"].to_pylist())


def recent_batches(snapshot: Snapshot, limit: int = 20) -> list[dict[str, Any]]:
    """The last batches, newest first: the columns of the lake's `batches`, and `seconds` from start to commit."""
    batches = snapshot.batches
    seconds = (batches.committed_at.epoch_seconds() - batches.started_at.epoch_seconds()).name("seconds")
    newest = batches.select(batches, seconds).order_by(ibis.desc("committed_at")).limit(limit)
    return _rows(snapshot, newest)


def rejected_by_code(snapshot: Snapshot) -> list[dict[str, Any]]:
    """How many lines were rejected for what: code, lines, the newest one's `seen_at`, one example of the reason."""
    rejected = snapshot.rejected
    grouped = rejected.group_by("code").aggregate(
        lines=rejected.count(), seen_at=rejected.seen_at.max(), reason=rejected.reason.arbitrary()
    )
    return _rows(snapshot, grouped.order_by(ibis.desc("lines"), "code"))


def rejected_lines(snapshot: Snapshot, limit: int = 100, code: str | None = None) -> list[dict[str, Any]]:
    """The newest rejected lines, of one code if given: source, key, line, code, reason, raw (bytes), seen_at."""
    rejected = snapshot.rejected if code is None else snapshot.rejected.filter(snapshot.rejected.code == code)
    columns = rejected.select("source", "key", "line", "code", "reason", "raw", "seen_at")
    return _rows(snapshot, columns.order_by(ibis.desc("seen_at"), "source", "key", "line").limit(limit))


def unread_objects(snapshot: Snapshot, limit: int = 100) -> list[dict[str, Any]]:
    """Objects that are being retried or were rejected whole, newest first, each with its last error."""
    unread = snapshot.objects.filter(snapshot.objects.state != "loaded")
    columns = unread.select("source", "key", "state", "attempts", "last_error", "modified", "seen_at", "batch_id")
    return _rows(snapshot, columns.order_by(ibis.desc("seen_at"), "source", "key").limit(limit))


def _rows(snapshot: Snapshot, expression: ibis.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = snapshot.fetch(expression).to_pylist()
    return rows
