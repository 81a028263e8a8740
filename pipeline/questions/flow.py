"""How the pipeline runs: what came through when, what was refused of it, and which objects are in which state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import ibis

from pipeline.lake.snapshot import Snapshot


def throughput(snapshot: Snapshot, start: datetime, end: datetime, width: timedelta) -> list[dict[str, Any]]:
    """What was committed in `[start, end)` by spans of `width` from `start`: number (from 0), lines, loaded, rejected,
    bytes. Spans without a batch are left out."""
    batches = snapshot.batches
    within = batches.filter((batches.committed_at >= start) & (batches.committed_at < end))
    since = within.committed_at.epoch_seconds() - int(start.timestamp())
    named = within.mutate(number=since // int(width.total_seconds()))
    sums = {name: named[name].sum() for name in ("lines", "loaded", "rejected", "bytes")}
    return [_whole(row) for row in _rows(snapshot, named.group_by("number").aggregate(**sums).order_by("number"))]


@dataclass(frozen=True, slots=True)
class Refusals:
    """Of the lines and objects of some batches, how many were rejected; an object counts when rejected whole."""

    lines: int
    rejected: int
    objects: int
    objects_rejected: int


def refusals(snapshot: Snapshot, since: datetime) -> Refusals:
    """What was rejected of all that was settled since."""
    objects = snapshot.objects
    settled = objects.filter((objects.seen_at >= since) & (objects.state != "retrying"))
    row = snapshot.fetch(
        settled.aggregate(
            lines=settled.lines.sum().coalesce(0),
            rejected=settled.rejected.sum().coalesce(0),
            objects=settled.count(),
            objects_rejected=(settled.state == "rejected").sum().coalesce(0),
        )
    ).to_pylist()[0]
    return Refusals(**_whole(row))


def _whole(row: dict[str, Any]) -> dict[str, int]:
    """DuckDB sums whole numbers into its 128-bit type, which arrives as a decimal, and JSON knows none."""
    return {name: int(value) for name, value in row.items()}


def objects(
    snapshot: Snapshot, state: str, *, limit: int = 50, offset: int = 0, containing: str = ""
) -> list[dict[str, Any]]:
    """The objects in a state, last seen first, as the ledger has them; `containing`: text of their keys."""
    found = _in_state(snapshot, state, containing)
    return _rows(snapshot, found.order_by(ibis.desc("seen_at"), "source", "key", "etag").limit(limit, offset=offset))


def objects_count(snapshot: Snapshot, state: str, *, containing: str = "") -> int:
    """How many objects `objects` has in all."""
    found = snapshot.fetch(_in_state(snapshot, state, containing).count().name("n").as_table())
    return int(found["n"][0].as_py())


def _in_state(snapshot: Snapshot, state: str, containing: str) -> ibis.Table:
    found = snapshot.objects.filter(snapshot.objects.state == state)
    return found.filter(found.key.contains(containing)) if containing else found


def _rows(snapshot: Snapshot, expression: ibis.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = snapshot.fetch(expression).to_pylist()
    return rows
