"""Funnels over a large lake, side by side with ClickHouse's `windowFunnel` on the same events (chdb, in this process).

ClickHouse is given what we have to find: a table of its own, ordered by person, with the person in it.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from chdb import session

from pipeline.event import PARSED_SCHEMA
from pipeline.lake import Entry, Lake, maintain
from pipeline.questions.funnel import Funnel, Group, behind, measure, named
from pipeline.questions.people import with_people
from pipeline.settings import Settings

DAYS, CUSTOMERS, RUNS, THREADS = 60, 300_000, 7, 2
STEPS = ("Page Viewed", "Registered", "Subscribed")
WINDOW = timedelta(days=7)

# A third of the visitors are customers, who come as either; a few of both come often. Fixed text and whole numbers.
_DAY = """
WITH rolled AS (SELECT i, hash(i, $day, 1) % 1000000 / 1e6 AS a, hash(i, $day, 2) % 100 AS kind,
                    hash(i, $day, 3) % 86400000 AS ms, (hash(i, $day, 4) % 1000000)::BIGINT AS salt
             FROM range($events) t(i)),
event AS (SELECT *, floor(900000 * a * a)::BIGINT AS visitor, $start + to_milliseconds(ms::BIGINT) AS moment
          FROM rolled)
SELECT CASE WHEN kind < 70 THEN 'Page Viewed' WHEN kind < 90 THEN 'Modal Displayed' WHEN kind < 96 THEN 'Shared'
            WHEN kind < 99 THEN 'Registered' ELSE 'Subscribed' END AS event,
       CASE WHEN kind BETWEEN 70 AND 89 THEN ['meter', 'register', 'subscribe'][1 + salt % 3] END AS modal,
       CASE WHEN kind < 70 THEN 'page' ELSE 'track' END AS type, moment AS occurred_at, moment AS received_at,
       CASE WHEN visitor < $customers AND salt % 5 > 0 THEN printf('cus_%08d', visitor) END AS customer_id,
       printf('%08x-aaaa-4bbb-8ccc-%012x', visitor * 7919, visitor) AS anonymous_id,
       ['United States', 'Germany', 'France', 'United Kingdom', 'Spain', 'Italy', 'Canada', 'India', 'Brazil', 'Japan'][
           1 + floor(10 * power(visitor % 1000 / 1000, 2))::INTEGER] AS country,
       ['Desktop', 'Mobile', 'Mobile', 'Tablet', 'Bot'][1 + visitor % 5] AS device,
       '/news/a-story-worth-reading-' || salt % 4000 AS path, md5(concat(i, '-', $day))::UUID::VARCHAR AS event_id,
       'bench-' || i AS message_id, 'bench' AS source, '{"section": "news"}' AS properties, 0 AS object, i AS line
FROM event
"""


def fill(data: Path, events: int, end: datetime) -> None:
    """A lake of so many events in the 60 days before `end`, through the real commit, a batch a day."""
    lake = Lake.open(Settings(data=data, memory_limit_mb=3000))
    made = ibis.duckdb.connect().con
    made.execute("SET TimeZone = 'UTC'")
    for day in range(DAYS):
        start = end - timedelta(days=DAYS - day)
        asked = {"day": day, "start": start, "events": events // DAYS, "customers": CUSTOMERS}
        rows = made.execute(_DAY, asked).to_arrow_table()
        nothing = pa.nulls(len(rows))
        names = PARSED_SCHEMA.names
        table = pa.table({name: rows[name] if name in rows.column_names else nothing for name in names})
        entry = Entry("bench://", str(day), "1", bytes=0, modified=start, format="activity", lines=len(rows))
        with lake.write(end) as transaction:
            transaction.insert(table.cast(PARSED_SCHEMA), [entry])
            transaction.finish([entry], end)
    maintain.merge(lake)
    lake.close()


def compare(work: Path, events: int) -> Iterator[str]:
    """Lines of figures, ours beside theirs."""
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    fill(work / "data", events, end)
    theirs = ClickHouse(work, end)
    with Ours(work / "data", end) as ours:
        yield f"{events:,} events in {DAYS} days, median of {RUNS} runs in turn, {THREADS} threads each"
        for days in (14, DAYS):
            yield from _side_by_side(ours, theirs, days)
        for group in ("reached:1", "dropped:1", "converted"):
            seconds = [ours.ask(days=DAYS, people=group)[0] for _ in range(RUNS)]
            yield f"people of {group}, a page of 50 with names: {_ms(seconds)}"
        yield f"peak memory of the process that asked all this: {ours.ask()[1]:,} MB"


def _side_by_side(ours: Ours, theirs: ClickHouse, days: int) -> Iterator[str]:
    asked: dict[str, Callable[[], tuple[float, object]]] = {
        "ours": lambda: ours.ask(days=days),
        "ours by country": lambda: ours.ask(days=days, breakdown="country"),
        "windowFunnel": lambda: theirs.ask(days),
        "windowFunnel strict_once": lambda: theirs.ask(days, "strict_once"),
    }
    first = {name: ask()[1] for name, ask in asked.items()}
    assert first["ours"] == first["windowFunnel strict_once"], first
    runs = [{name: ask()[0] for name, ask in asked.items()} for _ in range(RUNS)]
    for name in asked:
        yield f"{days} days, {name}: {_ms([run[name] for run in runs])}"
    for of, to in (("ours", "windowFunnel strict_once"), ("ours", "windowFunnel"), ("ours by country", "ours")):
        ratio = statistics.median(run[of] / run[to] for run in runs)
        yield f"{days} days, {of} / {to}: {ratio:.2f}"


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:,.0f} ms ({min(seconds) * 1000:,.0f}–{max(seconds) * 1000:,.0f})"


class Ours:
    """Our funnels in a process of their own, so that its memory is theirs alone."""

    def __init__(self, data: Path, end: datetime) -> None:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_answer, args=(theirs, data, end), daemon=True)
        self._process.start()

    def ask(self, **asked: object) -> tuple[float, object]:
        """Seconds, and how many reached each step; or, asked for nothing, the peak memory in MB."""
        self._ours.send(asked)
        seconds, found = self._ours.recv()
        return seconds, found

    def __enter__(self) -> Ours:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _answer(asked_by: Connection, data: Path, end: datetime) -> None:
    lake = Lake.open(Settings(data=data), threads=THREADS)
    last = None
    while True:
        asked = asked_by.recv()
        if not asked:
            asked_by.send((0.0, _peak()))
            continue
        snapshot = lake.snapshot()
        started = time.perf_counter()
        group = asked.get("people")
        if group and last:
            named(snapshot, last, behind(last, Group.parse(group, len(STEPS)))[:50])
            asked_by.send((time.perf_counter() - started, None))
            continue
        spec = {
            "steps": [{"event": name} for name in STEPS],
            "from": f"{end - timedelta(days=asked['days']):%Y-%m-%d}",
            "to": f"{end - timedelta(days=1):%Y-%m-%d}",
            "window": f"{WINDOW.days}d",
            **({"breakdown": asked["breakdown"]} if "breakdown" in asked else {}),
        }
        answer = measure(snapshot, Funnel.parse(spec, now=end, zone=ZoneInfo("UTC")))
        counts = [step.people for step in answer.steps]
        assert not asked.get("breakdown") or sum(part.people[0] for part in answer.breakdown) == counts[0]
        last = answer
        asked_by.send((time.perf_counter() - started, counts))


def _peak() -> int:
    """The most memory this process held, in MB. `getrusage` would count what its parent held when it began."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


class ClickHouse:
    """The same events in a MergeTree ordered by person."""

    def __init__(self, work: Path, end: datetime) -> None:
        self._end = end
        self._session = session.Session(str(work / "clickhouse"))
        lake = Lake.open(Settings(data=work / "data"))
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
