"""How soon what landed can be seen: by the clock at the default settings, and in seconds of work over a large lake."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from pipeline.lake import Lake
from pipeline.run import Pipeline
from pipeline.settings import Settings
from pipeline.sources import Sweep
from tests.bench.data import event
from tests.bench.dataset import DataSet
from tests.bench.figure import Figure, milliseconds, percentile95
from tests.bench.load import environment

BATCH, BATCHES = 1_000, 15
MOST_OF_WORK, MOST_BY_CLOCK = 1_000, 20  # milliseconds; seconds (p95)


def measure(work: Path, data_set: DataSet) -> Iterator[Figure]:
    """A small batch into the data set, then objects landing in an empty lake beside a running scheduler."""
    with data_set.copied() as data:
        seconds = batches(data, BATCHES)
    what = f"a batch of {BATCH:,} events into {data_set}, from landing to counted"
    yield milliseconds(what, seconds, at_most=MOST_OF_WORK)
    waits = freshness(work)
    p95 = percentile95(waits)
    yield Figure(f"visible after landing, of {len(waits)} objects: p95", p95, "s", at_most=MOST_BY_CLOCK)


def batches(data: Path, count: int) -> Sequence[float]:
    """Seconds of work of each of `count` batches: list, read, parse, enrich, commit, and count what is new."""
    settings = Settings(data=data)
    settings.landing_folder.mkdir(exist_ok=True)
    lake = Lake.open(settings, threads=settings.loading_threads)
    pipeline = Pipeline(settings, lake, lambda: datetime.now(UTC))
    rng, seconds = random.Random(1), []
    for _ in range(count + 1):  # the first brings up what a running scheduler has up
        key = f"{uuid4()}.jsonl.gz"
        land(settings.landing_folder / key, recent_events(rng, BATCH))
        started = time.perf_counter()
        pipeline.poll(Sweep.RECENT)
        _await_visible(lake, key)
        seconds.append(time.perf_counter() - started)
    pipeline.close()
    lake.close()
    return seconds[1:]


def recent_events(rng: random.Random, count: int) -> list[dict[str, object]]:
    """Lines of the last quarter of a minute, as collectors write them."""
    now = datetime.now(UTC)
    return [event(rng, now - timedelta(seconds=rng.uniform(0, 15)), 300_000) for _ in range(count)]


def _await_visible(lake: Lake, key: str) -> None:
    snapshot = lake.snapshot()
    events = snapshot.events
    recent = events.filter(events.occurred_at >= datetime.now(UTC) - timedelta(hours=1))
    found = snapshot.fetch(recent.filter(recent.object_key == key).count().name("n").as_table())["n"][0].as_py()
    assert found == BATCH, (key, found)


def freshness(work: Path, seconds: float = 120) -> list[float]:
    """Seconds from an object's landing to its events being countable, one every few seconds, default settings."""
    data = work / "fresh"
    landing = data / "landing"
    landing.mkdir(parents=True)
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run"], env=environment(data), stdout=subprocess.DEVNULL
    )
    lake = Lake.open(Settings(data=data))
    landed: dict[str, float] = {}
    seen: dict[str, float] = {}
    rng = random.Random(1)
    ends = time.monotonic() + seconds
    next_landing = time.monotonic()
    try:
        while time.monotonic() < ends or len(seen) < len(landed):
            if next_landing <= time.monotonic() < ends:
                key = f"{uuid4()}.jsonl.gz"
                land(landing / key, _small())
                landed[key] = time.monotonic()
                next_landing += rng.uniform(0.5, 3)
            snapshot = lake.snapshot()
            events = snapshot.events
            for key in snapshot.fetch(events.select("object_key").distinct())["object_key"].to_pylist():
                seen.setdefault(key, time.monotonic())
            time.sleep(0.1)
    finally:
        scheduler.terminate()
        scheduler.wait()
        lake.close()
    return sorted(seen[key] - at for key, at in landed.items())


def land(path: Path, events: Sequence[Mapping[str, object]]) -> None:
    """Put an object where the pipeline looks, whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(gzip.compress("\n".join(map(json.dumps, events)).encode()))
    temporary.rename(path)


def _small() -> list[dict[str, object]]:
    stamp = datetime.now(UTC).isoformat()
    fixed = {"type": "track", "event": "Test", "userId": "u", "timestamp": stamp, "receivedAt": stamp}
    return [{**fixed, "messageId": str(uuid4())} for _ in range(50)]
