"""Loading: rate against DuckDB's `read_json`, peak memory, and how soon what landed can be seen."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psutil

from pipeline.lake import Lake
from pipeline.questions import ledger
from pipeline.settings import Settings
from tests.bench import baseline


def compare(objects: Path, work: Path) -> dict[str, float]:
    """Seconds of both ways over the same objects, each in a process of its own; the ratio is of their rates."""
    context = multiprocessing.get_context("spawn")
    figures: dict[str, float] = {}
    with context.Pool(1) as pool:
        figures["read_json s"], rows = pool.apply(baseline.load, (objects, work / "baseline"))
    data = work / "load"
    command = [sys.executable, "-m", "pipeline", "load", str(objects), "--format", "segment"]
    started = time.perf_counter()
    with peak_memory() as peak:
        subprocess.run(command, env=environment(data), check=True, capture_output=True)
    figures["load s"] = time.perf_counter() - started
    figures["peak MB"] = peak[0] / 1e6
    lake = Lake.open(Settings(data=data))
    totals = ledger.totals(lake.snapshot())
    lake.close()
    assert totals.balanced
    assert totals.loaded == rows, (totals, rows)
    figures["events/s"] = rows / figures["load s"]
    figures["ratio"] = figures["read_json s"] / figures["load s"]
    shutil.rmtree(work / "baseline")
    shutil.rmtree(data)
    return figures


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
                _land(landing / key)
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


def _land(path: Path) -> None:
    stamp = datetime.now(UTC).isoformat()
    lines = [
        {
            "type": "track",
            "event": "Test",
            "messageId": str(uuid4()),
            "userId": "u",
            "timestamp": stamp,
            "receivedAt": stamp,
        }
        for _ in range(50)
    ]
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    temporary.rename(path)


def environment(data: Path) -> dict[str, str]:
    """The default settings, in a data folder of the bench's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ACTIVITY_")}
    return {**kept, "ACTIVITY_DATA": str(data)}


@contextmanager
def peak_memory(process: psutil.Process | None = None) -> Iterator[list[int]]:
    """The most memory a process (by default ours' children) and all below it used at once, in bytes (PSS)."""
    peak, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.2):
            root = process or psutil.Process()
            family = root.children(recursive=True) + ([root] if process else [])
            peak[0] = max(peak[0], sum(map(_resident, family)))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def _resident(process: psutil.Process) -> int:
    """Shared pages counted once between those that share them, where the system tells (Linux)."""
    try:
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.rss))
    except psutil.Error:
        return 0
