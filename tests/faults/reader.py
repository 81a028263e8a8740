"""Somebody who reads all the while: list, count and export at one snapshot after another, in a process of its own.

A batch is seen whole or not at all, no question fails, and no number contradicts another, whatever befalls the writer.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import signal
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import psutil

from pipeline import settings
from pipeline.errors import SnapshotGone
from pipeline.lake import Lake, Snapshot
from pipeline.questions import activity, export, ledger
from pipeline.questions.view import View
from tests import nursery

_LATE = timedelta(minutes=5)  # for how long at most a sender tries


@dataclass
class Seen:
    """`problems` are what must not be; `gone` snapshots were removed under the reader, as only erasure, restore and
    rebuild may do. `timed` are rounds, `worked` the seconds of CPU they took, whatever else the machine does, `memory`
    the resident bytes: each with the second it was taken at."""

    rounds: int = 0
    snapshots: int = 0
    events: int = 0
    gone: int = 0
    problems: list[str] = field(default_factory=list)
    timed: list[tuple[float, float]] = field(default_factory=list)
    worked: list[tuple[float, float]] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)


class Reader:
    """Reads from `with` to its end; `seen` says what it saw, once it ended.

    It asks for the last `minutes` (0: for 90 days), and waits `pause` seconds after each round, or `rest` times as long
    as that took.
    """

    def __init__(self, environment: dict[str, str], *, minutes: int = 0, pause: float = 0, rest: float = 1) -> None:
        self._environment = environment
        self._arguments = [f"--minutes={minutes}", f"--pause={pause}", f"--rest={rest}"]
        self.seen = Seen()

    def __enter__(self) -> Reader:
        self._folder = tempfile.TemporaryDirectory(prefix="reader-")
        self._seen, self._out, self._error = (Path(self._folder.name) / name for name in ("seen", "out", "error"))
        arguments = [*self._arguments, f"--to={self._seen}"]
        self._process = nursery.start("tests.faults.reader", arguments, self._environment, self._out, self._error)
        while not (self._out.exists() and self._out.read_text().startswith("reading\n")):
            assert self._process.poll() is None, self._error.read_text()
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        with self._folder:
            self._process.send_signal(signal.SIGTERM)
            assert self._process.wait(120) == 0, f"the reader died:\n{self._error.read_text()[-4000:]}"
            self.seen = Seen(**json.loads(self._seen.read_text()))

    def check(self, *, gone: int = 0) -> None:
        """That it read, saw no contradiction and no error; at most `gone` snapshots were removed under it."""
        assert self.seen.problems == []
        assert self.seen.rounds > 0
        assert self.seen.gone <= gone


def read(lake: Lake, seen: Seen, view: View, at: float, since: datetime | None = None) -> None:
    """One round, `at` that second; `since` is when the objects were loaded that are looked at."""
    began, work = time.monotonic(), time.process_time()
    snapshot = lake.snapshot()
    count = activity.count(snapshot, view)
    page = activity.page(snapshot, view)
    text = b"".join(export.csv(snapshot, view))
    seen.timed.append((at, time.monotonic() - began))
    seen.worked.append((at, time.process_time() - work))
    ids = exported(text)
    _expect(seen, snapshot, "the list's count", count, page.total)
    _expect(seen, snapshot, "rows on the first page", min(count, activity.ROWS), len(page.rows))
    _expect(seen, snapshot, "rows of the export", count, len(ids))
    _expect(seen, snapshot, "events exported twice", 0, len(ids) - len(set(ids)))
    _expect(seen, snapshot, "objects seen in part", [], _partial(snapshot, since))
    _expect(seen, snapshot, "the ledger balances", True, ledger.totals(snapshot).balanced)
    seen.events = count


def exported(text: bytes) -> list[str]:
    """The events' ids in a CSV file of the product's."""
    csv.field_size_limit(len(text) + 1)  # Python's own limit is less than an event's metadata may take
    rows = csv.reader(io.TextIOWrapper(io.BytesIO(text), "utf-8", newline=""))
    place = next(rows).index("event_id")
    return [row[place] for row in rows]


def _partial(snapshot: Snapshot, since: datetime | None) -> list[Any]:
    """Objects of which this snapshot has other rows than its own ledger says were loaded and not removed."""
    events, objects, removed = snapshot.events, snapshot.objects, snapshot.removed
    if since is not None:
        objects = objects.filter(objects.seen_at >= since)
        # Of an hour of events only those are read that these objects can hold.
        recent = events.filter(events.occurred_at >= since - _LATE)
        events = recent.semi_join(objects, recent.object_key == objects.key)
    one = ibis.literal(1).cast("int64")
    sides = ibis.union(
        events.select(key=events.object_key, rows=one),
        objects.select(key="key", rows=-objects.loaded),
        removed.select(key="key", rows=removed.events),
    )
    summed = sides.group_by("key").aggregate(over=sides.rows.sum())
    return list(snapshot.fetch(summed.filter(summed.over != 0).limit(5)).to_pylist())


def _expect(seen: Seen, snapshot: Snapshot, what: str, expected: object, found: object) -> None:
    if found != expected:
        seen.problems.append(f"snapshot {snapshot.version}: {what}: {found} instead of {expected}")


def last(minutes: int, now: datetime) -> View:
    """The view of the last `minutes`, or of 90 days."""
    first, end = (f"{now + timedelta(minutes=by):%Y-%m-%dT%H:%M:%SZ}" for by in (-minutes, minutes))
    return View.parse(f"from={first}&to={end}" if minutes else "range=90D", now=now, zone=ZoneInfo("UTC"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, required=True)
    parser.add_argument("--pause", type=float, required=True)
    parser.add_argument("--rest", type=float, required=True)
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    lake = Lake.open(settings.load(), threads=1)
    seen, before, began = Seen(), -1, time.monotonic()
    print("reading", flush=True)
    while not stopping.is_set():
        at = time.monotonic() - began
        try:
            now = datetime.now(UTC)
            since = now - timedelta(minutes=args.minutes) if args.minutes else None
            read(lake, seen, last(args.minutes, now), at, since)
            version = lake.snapshot().version
            seen.snapshots += version != before
            before = version
        except SnapshotGone:
            seen.gone += 1
        except Exception as error:  # whatever a reader would be shown is what is looked for
            seen.problems.append(f"{type(error).__name__}: {error}")
        seen.rounds += 1
        seen.memory.append((at, psutil.Process().memory_info().rss))
        stopping.wait(max(args.pause, args.rest * (time.monotonic() - began - at)))
    # Not printed: DuckDB draws a bar onto standard output while a catalog that is locked keeps it waiting.
    args.to.write_text(json.dumps(asdict(seen)))


if __name__ == "__main__":
    main()
