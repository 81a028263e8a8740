"""Killed (`kill -9`) anywhere on the way from a landed object to a committed batch."""

from __future__ import annotations

import random

from tests.faults.checks import check
from tests.faults.world import POINTS, World

# Objects of a run: points that are passed once an object are passed often enough for every seed.
OBJECTS, LINES = 12, 100
BY_OBJECT = ("getting", "got", "parsing", "parsed")
BY_INSERT = ("inserting", "written")  # of the second, when the transaction holds the first one's files already
BY_BATCH = ("listed", "committing", "committed")


def test_a_kill_anywhere_loses_nothing_and_doubles_nothing(world: World) -> None:
    rng = random.Random(5)
    with world.reader() as reader:
        for point in (*BY_OBJECT, *BY_INSERT, *BY_BATCH):
            for _ in range(POINTS):
                world.producer.land(OBJECTS, LINES)
                nth = rng.randint(1, OBJECTS) if point in BY_OBJECT else 2 if point in BY_INSERT else 1
                # SQLite commits within these milliseconds.
                later = f":{rng.uniform(0, 40):.2f}" if point == "committing" else ""
                assert world.run(fault=f"{point}:{nth}:kill{later}") == -9, world.log()
        world.recover()
    reader.check()
    check(world)
