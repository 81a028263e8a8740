"""Funnels over a large lake, side by side with ClickHouse's `windowFunnel` on the same events (chdb, in this process).

ClickHouse is given what we have to find: a table of its own, ordered by person, with the person in it.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from chdb import session

from pipeline.lake import Snapshot
from pipeline.questions.funnel import Answer, Funnel, Group, behind, measure, named
from pipeline.questions.people import with_people
from tests.bench.apart import Apart
from tests.bench.dataset import DataSet
from tests.bench.figure import Figure, milliseconds

DAYS, RUNS, THREADS = 60, 7, 2
STEPS = ("Page Viewed", "Registered", "Subscribed")
WINDOW = timedelta(days=7)

RATIO, BROKEN_DOWN, MOST_MB = 1.0, 1.3, 2_000
MOST = {14: 600, DAYS: 2_000}  # milliseconds, by days
PEOPLE = 500  # milliseconds


def measure_funnels(work: Path, data_set: DataSet) -> Iterator[Figure]:
    """Page Viewed → Registered → Subscribed within 7 days, ours beside theirs, in turn."""
    theirs = ClickHouse(work, data_set)
    with data_set.held(), Apart(Ours, data_set) as ours:
        for days in (14, DAYS):
            yield from _side_by_side(ours, theirs, days)
        for group in ("reached:1", "dropped:1", "converted"):
            seconds = [ours.ask({"days": DAYS, "people": group})[0] for _ in range(RUNS)]
            yield milliseconds(f"people of {group}, a page of 50 with names", seconds, at_most=PEOPLE)
        yield Figure("peak memory of the process that asked", ours.peak(), "MB", at_most=MOST_MB)


def _side_by_side(ours: Apart, theirs: ClickHouse, days: int) -> Iterator[Figure]:
    asked: dict[str, Callable[[], tuple[float, object]]] = {
        "ours": lambda: ours.ask({"days": days}),
        "ours by country": lambda: ours.ask({"days": days, "breakdown": "country"}),
        "windowFunnel": lambda: theirs.ask(days),
        "windowFunnel strict_once": lambda: theirs.ask(days, "strict_once"),
    }
    first = {name: ask()[1] for name, ask in asked.items()}
    assert first["ours"] == first["windowFunnel strict_once"], first
    runs = [{name: ask()[0] for name, ask in asked.items()} for _ in range(RUNS)]
    for name in asked:
        limit = MOST[days] if name == "ours" else None
        yield milliseconds(f"{days} days, {name}", [run[name] for run in runs], at_most=limit)
    for of, to, limit in (
        ("ours", "windowFunnel strict_once", RATIO),
        ("ours", "windowFunnel", None),
        ("ours by country", "ours", BROKEN_DOWN),
    ):
        ratio = statistics.median(run[of] / run[to] for run in runs)
        yield Figure(f"{days} days, {of} / {to}", ratio, "×", at_most=limit)


class Ours:
    """Our funnels. Asked for `people`, the first page of a group of the funnel measured last."""

    def __init__(self, data_set: DataSet) -> None:
        self._data_set, self._lake = data_set, data_set.opened(threads=THREADS)
        self._last: Answer | None = None

    def ready(self, asked: Mapping[str, Any]) -> Callable[[], object]:
        snapshot = self._lake.snapshot()
        if asked.get("people") and self._last:
            last, group = self._last, Group.parse(asked["people"], len(STEPS))
            return lambda: named(snapshot, last, behind(last, group)[:50]).num_rows
        funnel = self._funnel(asked)
        return lambda: self._measured(snapshot, funnel, "breakdown" in asked)

    def _funnel(self, asked: Mapping[str, Any]) -> Funnel:
        end = self._data_set.end
        spec = {
            "steps": [{"event": name} for name in STEPS],
            "from": f"{end - timedelta(days=asked['days']):%Y-%m-%d}",
            "to": f"{end - timedelta(days=1):%Y-%m-%d}",
            "window": f"{WINDOW.days}d",
            **({"breakdown": asked["breakdown"]} if "breakdown" in asked else {}),
        }
        return Funnel.parse(spec, now=end, zone=ZoneInfo("UTC"))

    def _measured(self, snapshot: Snapshot, funnel: Funnel, broken_down: bool) -> list[int]:
        """How many people reached each step."""
        self._last = answer = measure(snapshot, funnel)
        counts = [step.people for step in answer.steps]
        assert not broken_down or sum(part.people[0] for part in answer.breakdown) == counts[0]
        return counts


class ClickHouse:
    """The same events in a MergeTree ordered by person."""

    def __init__(self, work: Path, data_set: DataSet) -> None:
        self._end = data_set.end
        self._session = session.Session(str(work / "clickhouse"))
        lake = data_set.opened()
        snapshot = lake.snapshot()
        with pq.ParquetWriter(work / "events.parquet", _GIVEN) as file:
            events = with_people(snapshot, snapshot.events, ["person"])
            for batch in snapshot.stream(events.select("person", "event", at=events.occurred_at)):
                file.write_batch(
                    pa.record_batch([batch["person"], batch["at"].cast(pa.int64()), batch["event"]], _GIVEN)
                )
        lake.close()
        self._session.query("CREATE DATABASE bench")
        self._session.query(
            "CREATE TABLE bench.events (person String, at UInt64, event LowCardinality(String))"
            " ENGINE = MergeTree ORDER BY (person, at)"
        )
        self._session.query(f"INSERT INTO bench.events SELECT * FROM file('{work}/events.parquet', Parquet)")  # noqa: S608
        self._session.query("OPTIMIZE TABLE bench.events FINAL")

    def ask(self, days: int, mode: str = "") -> tuple[float, object]:
        """Seconds, and how many people reached each step."""
        start, end = (int(at.timestamp()) * 1_000_000 for at in (self._end - timedelta(days=days), self._end))
        window = int(WINDOW.total_seconds()) * 1_000_000
        steps = ", ".join(f"event = '{name}'" for name in STEPS)
        modes = f", '{mode}'" if mode else ""
        names = ", ".join(f"'{name}'" for name in STEPS)
        query = f"""SELECT depth, count() AS people FROM (
            SELECT person, windowFunnel({window}{modes})(at, {steps}) AS depth FROM bench.events
            WHERE at >= {start} AND at < {end} AND event IN ({names}) GROUP BY person)
            GROUP BY depth SETTINGS max_threads = {THREADS}"""  # noqa: S608
        started = time.perf_counter()
        answer = json.loads(self._session.query(query, "JSON").data())
        seconds = time.perf_counter() - started
        depths = {int(row["depth"]): int(row["people"]) for row in answer["data"]}
        return seconds, [sum(people for depth, people in depths.items() if depth >= step) for step in (1, 2, 3)]


_GIVEN = pa.schema([("person", pa.string()), ("at", pa.int64()), ("event", pa.string())])
