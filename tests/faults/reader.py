"""Somebody who reads all the while: list, count and export at one snapshot after another, in a process of its own.

A batch is seen whole or not at all, no question fails, and no number contradicts another, whatever befalls the writer.
"""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import ibis

from pipeline import settings
from pipeline.errors import SnapshotGone
from pipeline.lake import Lake, Snapshot
from pipeline.questions import activity, export, ledger
from pipeline.questions.view import View
from tests.unit.test_cli import ROOT


@dataclass
class Seen:
    """`problems` are what must not be; `gone` snapshots were removed under the reader, as only erasure, restore and
    rebuild may do. `seconds` are those of each round."""

    rounds: int = 0
    snapshots: int = 0
    events: int = 0
    gone: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class Reader:
    """Reads from `with` to its end; `seen` says what it saw, once it ended."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self.seen = Seen()

    def __enter__(self) -> Reader:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.reader"],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "reading\n", self._process.communicate()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        out, error = self._process.communicate(timeout=120)
        assert self._process.returncode == 0, f"the reader died:\n{error[-4000:]}"
        self.seen = Seen(**json.loads(out))

    def check(self, *, gone: int = 0) -> None:
        """That it read, saw no contradiction and no error; at most `gone` snapshots were removed under it."""
        assert self.seen.problems == []
        assert self.seen.rounds > 0
        assert self.seen.gone <= gone


def read(lake: Lake, seen: Seen) -> None:
    """One round."""
    view = View.parse("range=90D", now=datetime.now(UTC), zone=ZoneInfo("UTC"))
    try:
        snapshot = lake.snapshot()
        count = activity.count(snapshot, view)
        page = activity.page(snapshot, view)
        text = b"".join(export.csv(snapshot, view)).decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except SnapshotGone:
        seen.gone += 1
        return
    _expect(seen, snapshot, "the list's count", count, page.total)
    _expect(seen, snapshot, "rows on the first page", min(count, activity.ROWS), len(page.rows))
    _expect(seen, snapshot, "rows of the export", count, len(rows))
    _expect(seen, snapshot, "events exported twice", 0, len(rows) - len({row["event_id"] for row in rows}))
    _expect(seen, snapshot, "objects seen in part", [], _partial(snapshot))
    _expect(seen, snapshot, "the ledger balances", True, ledger.totals(snapshot).balanced)
    seen.events = count


def _partial(snapshot: Snapshot) -> list[Any]:
    """Objects of which this snapshot has other rows than its own ledger says were loaded and not removed."""
    events, objects, removed = snapshot.events, snapshot.objects, snapshot.removed
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


def main() -> None:
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    lake = Lake.open(settings.load(), threads=1)
    seen, last = Seen(), -1
    print("reading", flush=True)
    while not stopping:
        began = time.monotonic()
        try:
            read(lake, seen)
            version = lake.snapshot().version
            seen.snapshots += version != last
            last = version
        except Exception as error:  # whatever a reader would be shown is what is looked for
            seen.problems.append(f"{type(error).__name__}: {error}")
        seen.rounds += 1
        seen.seconds.append(time.monotonic() - began)
    print(json.dumps(asdict(seen)))


if __name__ == "__main__":
    main()
