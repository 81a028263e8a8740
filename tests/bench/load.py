"""Loading: rate against DuckDB's `read_json`, and peak memory."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

from pipeline.lake import Lake
from pipeline.questions import ledger
from pipeline.settings import Settings
from tests.bench import baseline
from tests.bench.data import write_objects
from tests.bench.figure import Figure

OBJECTS, RUNS, LEAST, MOST_MB = 100, 3, 0.75, 1_500


def measure(work: Path, events: int) -> Iterator[Figure]:
    """Loading gz objects of Segment's format, beside DuckDB's own `read_json` of the same ones, in turn."""
    objects = work / "objects"
    write_objects(objects, events=events, objects=OBJECTS, days=14, end=datetime.now(UTC), customers=50_000)
    runs = [_compare(objects, work) for _ in range(RUNS)]

    def of(name: str) -> float:
        return statistics.median(run[name] for run in runs)

    yield Figure("load", of("events/s"), "events/s")
    yield Figure("load / read_json into the same table", of("ratio"), "×", at_least=LEAST)
    yield Figure("peak memory", of("peak MB"), "MB", at_most=MOST_MB)


def _compare(objects: Path, work: Path) -> dict[str, float]:
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
            peak[0] = max(peak[0], sum(map(resident, family)))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def resident(process: psutil.Process) -> int:
    """Bytes in memory; shared pages counted once between those that share them, where the system tells (Linux)."""
    try:
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.rss))
    except psutil.Error:
        return 0
