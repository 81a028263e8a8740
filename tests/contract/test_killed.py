"""Exactly once, when the pipeline is killed at any moment: while it reads, while it writes, right after it commits."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from pipeline.lake import Lake
from pipeline.questions import ledger
from tests.bench.data import write_objects
from tests.support import make_settings
from tests.support_cli import ROOT, environment

EVENTS, OBJECTS, KILLS = 40_000, 40, 6


def test_killing_the_pipeline_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    write_objects(tmp_path / "landing", events=EVENTS, objects=OBJECTS, days=5, end=datetime.now(UTC), customers=500)
    settings = {"ACTIVITY_BATCH_EVENTS": "2000", "ACTIVITY_MERGE_EVERY": "2", "ACTIVITY_WORKERS": "1"}
    rng = random.Random(11)
    moments: list[float | None] = [*(rng.uniform(0, 0.3) for _ in range(KILLS)), None]
    assert sum(_run(tmp_path, settings, after) for after in moments) >= KILLS - 1

    lake = Lake.open(make_settings(tmp_path))
    snapshot = lake.snapshot()
    totals = ledger.totals(snapshot)
    assert totals.balanced
    assert (totals.objects_loaded, totals.lines, totals.loaded, totals.duplicate) == (OBJECTS, EVENTS, EVENTS, 0)
    distinct = snapshot.fetch(snapshot.events.event_id.nunique().name("n").as_table())
    assert distinct["n"].to_pylist() == [EVENTS]


def _run(data: Path, settings: dict[str, str], kill_after: float | None) -> bool:
    """One look at the landing folder; true when it was killed, so many seconds after it wrote its first file.

    From there on it is at work for many batches, however quick the machine.
    """
    before = _files(data)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", "--once"],
        cwd=ROOT,
        env=environment(data, **settings),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and (kill_after is None or _files(data) <= before):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    try:
        assert process.wait(timeout=kill_after) == 0
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True


def _files(data: Path) -> set[Path]:
    return set(data.glob("lake/files/**/*.parquet"))
