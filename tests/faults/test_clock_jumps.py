"""The machine's clock wrong by an hour, a day or a year, ahead or behind, while the pipeline runs and between runs."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.lake import backup
from pipeline.state import State
from tests.faults.checks import check
from tests.faults.places import Folder
from tests.faults.world import POINTS, World, until

HOUR, DAY, YEAR = 3_600.0, 86_400.0, 365 * 86_400.0
JUMPS = (HOUR, -HOUR, DAY, -DAY, YEAR, -YEAR)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """With a window that a year's jump goes far beyond."""
    (tmp_path / "landing").mkdir()
    data = tmp_path / "data"
    data.mkdir()
    return World(data, Folder(tmp_path / "landing"), {"ACTIVITY_RETENTION_DAYS": "30", "ACTIVITY_EXPIRE_HOURS": "24"})


def key(number: int) -> str:
    """A key as the collector names it at this hour, by the right clock."""
    now = datetime.now(UTC)
    return f"v1/dt={now:%Y-%m-%d}/hh={now:%H}/{now.timestamp() * 1000:.0f}-{number:06d}.jsonl.gz"


def land(world: World, number: int) -> None:
    """An object of now, with events of up to twenty days ago."""
    body = world.producer.body(40)
    for days in range(20):
        body.add_event(world.producer.event(datetime.now(UTC) - timedelta(days=days)))
    world.producer.put(body, key(number))


def all_loaded(world: World, what: str) -> None:
    until(lambda: loaded(world) == world.producer.ledger.objects, f"loaded, {what}", 30)


def loaded(world: World) -> int:
    lake = world.lake()
    try:
        with lake.engine.cursor() as cursor:
            row = cursor.execute("SELECT count(*) FROM lake.objects WHERE state = 'loaded'").fetchone()
    finally:
        lake.close()
    return int(row[0]) if row else 0


def test_a_clock_that_jumps_loses_nothing_removes_nothing_and_puts_nothing_off(world: World) -> None:
    rng = random.Random(4)
    land(world, 0)
    world.recover()
    number = 0
    with world.reader() as reader:
        running = world.start("run", "--every", "0.2")
        try:
            for _ in range(POINTS):
                for jump in JUMPS:
                    for off in (jump + rng.uniform(-60, 60), 0.0):
                        number += 1
                        land(world, number)
                        world.put_off(off)
                        number += 1
                        land(world, number)  # in the right hour's folder, where a wrong clock may not look
                        if off == 0.0 or abs(off) < 2 * DAY:
                            all_loaded(world, f"the clock being {off:.0f} s off: {world.log()[-500:]}")
            assert running.stop() == 0
        finally:
            running.kill()
        for jump in JUMPS:  # between runs, as cron starts them
            number += 1
            land(world, number)
            world.put_off(jump)
            assert world.run() == 0
            world.put_off(0)
        world.recover()
    reader.check()
    assert "Traceback" not in world.log()
    assert len(backup.list_backups(world.settings.backups)) >= 2, "no backup is removed for a clock a year ahead"
    fresh = State(world.data).freshness(datetime.now(UTC), 180)
    assert fresh.health == "ok"
    assert fresh.data_through is not None
    assert abs(datetime.now(UTC) - fresh.data_through) < timedelta(minutes=3)
    check(world)


def test_what_was_told_by_a_clock_ahead_is_not_taken_for_fresh(world: World) -> None:
    land(world, 0)
    world.recover()
    land(world, 1)
    world.put_off(YEAR)
    assert world.run() == 0
    world.put_off(0)
    assert State(world.data).freshness(datetime.now(UTC), 180).health == "down"
    stopped = State(world.data).told("retention") or {}
    assert stopped["state"] == "stopped", "a year ahead all events are too old, and nothing goes unasked"
    world.recover()
    check(world)
