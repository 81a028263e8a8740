"""Exactly once, when the pipeline is killed at any moment: while it reads, while it writes, right after it commits."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from pipeline.lake import Lake
from pipeline.questions import ledger
from tests.bench.data import write_objects
from tests.support import make_settings
from tests.unit.test_cli import ROOT, environment

EVENTS, OBJECTS, KILLS = 30_000, 30, 6


def test_killing_the_pipeline_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    write_objects(tmp_path / "landing", events=EVENTS, objects=OBJECTS, days=5, end=datetime.now(UTC), customers=500)
    settings = {"ACTIVITY_BATCH_EVENTS": "2000", "ACTIVITY_MERGE_EVERY": "2", "ACTIVITY_WORKERS": "1"}
    rng = random.Random(11)
    moments: list[float | None] = [*(rng.uniform(1.5, 4) for _ in range(KILLS)), None]
    killed = sum(_run(tmp_path, settings, after) for after in moments)
    assert killed, "the machine was too quick for the test to prove anything"

    lake = Lake.open(make_settings(tmp_path))
    snapshot = lake.snapshot()
    totals = ledger.totals(snapshot)
    assert totals.balanced
    assert (totals.objects_loaded, totals.lines, totals.loaded, totals.duplicate) == (OBJECTS, EVENTS, EVENTS, 0)
    distinct = snapshot.fetch(snapshot.events.event_id.nunique().name("n").as_table())
    assert distinct["n"].to_pylist() == [EVENTS]


def _run(data: Path, settings: dict[str, str], kill_after: float | None) -> bool:
    """One look at the landing folder; true when it was killed before it was done."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", "--once"],
        cwd=ROOT,
        env=environment(data, **settings),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert process.wait(timeout=kill_after or 120) == 0
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
