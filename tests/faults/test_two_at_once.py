"""Two that write the same lake at once: schedulers, runs by cron, a load, an erasure, a rebuild, a replay."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults.checks import check
from tests.faults.world import POINTS, World, slow, until

EVERY = ("run", "--every", "0.2")
# They meet in the lake, which knows nothing of places.
pytestmark = pytest.mark.parametrize("place", ["folder"] if POINTS < 20 else ["folder", "s3"], indirect=True)


def test_two_schedulers_one_of_them_killed_again_and_again(world: World) -> None:
    rng = random.Random(61)
    running = [world.start(*EVERY) for _ in range(2)]
    with world.reader() as reader:
        for _ in range(POINTS + 1):
            for _ in range(4):
                world.producer.land(2, 100)
                time.sleep(rng.uniform(0, 0.8))
            one = rng.randrange(2)
            assert all(each.alive for each in running), world.log()
            running[one].kill()
            running[one] = world.start(*EVERY)
        world.producer.land(4, 100)
        time.sleep(1)
        # One that is told to stop before it has begun ends by the signal itself.
        assert {each.stop() for each in running} <= {0, -signal.SIGTERM}, world.log()
        world.recover()
    reader.check()
    check(world)


@pytest.mark.parametrize("point", ["listed", "written", "committing", "committed"])
def test_two_runs_with_one_held(world: World, tmp_path: Path, point: str) -> None:
    """One is held before it has the lock, or while it has it; the other goes first, or waits."""
    world.producer.land(6, 100)
    one = world.start(fault=f"{point}:1:hold:{tmp_path}")
    until(lambda: (tmp_path / "held").exists(), "one is held")
    other = tmp_path / "other"
    other.mkdir()
    two = world.start(fault=f"locking:1:hold:{other}")
    until(lambda: (other / "held").exists(), "the other comes to the lock")
    (other / "go").touch()
    if point == "listed":
        assert two.wait() == 0, world.log()
    else:
        time.sleep(2)
    (tmp_path / "go").touch()
    assert (one.wait(), two.wait()) == (0, 0), world.log()
    check(world)


@slow
def test_a_scheduler_beside_all_that_writes_the_lake(world: World) -> None:
    scheduler = world.start(*EVERY)
    place = world.place.settings["ACTIVITY_SOURCES"]
    with world.reader() as reader:
        for _ in range(POINTS):
            world.producer.land(6, 100)
            assert world.run("load", place) in (0, 1), world.log()
            world.producer.once([world.producer.event(comment="x" * 2000) for _ in range(5)])
            assert world.run("replay") == 0, world.log()
    reader.check()
    with world.reader() as reader:
        for number in range(POINTS):
            gone = world.producer.customer(f"gone_{number}")
            time.sleep(1)
            assert world.run("erase", f"gone_{number}") == 0, world.log()
            world.producer.ledger.gone |= gone
            world.producer.land(3, 100)
            assert world.run("rebuild") == 0, world.log()
            world.producer.ledger.rebuild()
            world.producer.land(3, 100)
        assert scheduler.stop() == 0, world.log()
        world.recover()
    reader.check(gone=10**6)
    assert "Traceback" not in world.log(), world.log()
    check(world)
