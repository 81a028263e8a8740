"""Killed (`kill -9`) while the lake is merged, sorted, trimmed, backed up, restored, replayed, rebuilt or rid of
a customer.

Kills fall at the beginning of a step, or after a seeded part of the time that it takes, so that SQLite, DuckLake or the
file system is at work. The same command again must finish what was begun.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.lake.backup import list_backups
from tests.faults.checks import check
from tests.faults.places import Folder
from tests.faults.world import POINTS, World

ONCE = ("run", "--once")
ANY = 10**6  # as many snapshots as there are may be removed under a reader


@dataclass
class Killer:
    """Kills steps of one world. `killed` of the `tried` kills came before the step was over."""

    world: World
    seed: int
    tried: int = 0
    killed: int = 0
    lasted: dict[str, float] = field(default_factory=dict)  # ms, as measured when last done in peace

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    def kill(self, points: tuple[str, ...], *command: str) -> None:
        """Kill `command` somewhere: of `points`, the first is passed once and the kill falls into it as often as not.
        Then run it again to its end."""
        first = points[0]
        point, nth, later = first, 1, self._rng.uniform(0, self.lasted.get(first, 100))
        if self._rng.random() < 0.5:
            point, later = self._rng.choice(points), 0.0
            nth = self._rng.randint(1, 3) if point == "replaced" else 1
        code = self.world.run(*command, fault=f"{point}:{nth}:kill:{later:.2f}")
        assert code in (0, -9), self.world.log()
        self.tried += 1
        self.killed += code == -9
        if command[0] == "erase" and self._rng.random() < 0.5:
            self.world.recover()  # the pipeline may look before anybody repeats it
        watch = self.world.data / "ms"
        assert self.world.run(*command, fault=f"{first}:0:time:{watch}") == 0, self.world.log()
        if watch.exists():
            self.lasted[first] = float(watch.read_text())


def test_upkeep_killed_anywhere_ends_with_the_next_run(tmp_path: Path) -> None:
    world = _world(tmp_path, ACTIVITY_MERGE_EVERY="1", ACTIVITY_RETENTION_DAYS="30")
    killer = Killer(world, seed=51)
    days_ago = iter(range(25, 0, -1))  # each newer than all that lies by person already
    steps: tuple[tuple[Callable[[World], set[str]], tuple[str, ...], tuple[str, ...]], ...] = (
        (_land, ("merging",), ONCE),
        (lambda world: _land_of(world, next(days_ago)), ("sorting",), ONCE),
        (_age, ("expiring",), ONCE),
        (_too_old, ("retaining",), ONCE),
        (_far_too_old, ("retaining",), ("retain", "--force")),
        (_land, ("backing_up",), ("backup",)),
    )
    with world.reader() as reader:
        for _ in range(POINTS):
            for prepare, points, command in steps:
                gone = prepare(world)
                killer.kill(points, *command)
                world.producer.ledger.gone |= gone
        world.recover()
    reader.check()
    check(world)
    _tell(killer)


def test_a_restore_killed_anywhere_is_repeated(tmp_path: Path) -> None:
    world = _world(tmp_path)
    killer = Killer(world, seed=52)
    with world.reader() as reader:
        for _ in range(POINTS):
            assert world.run("backup") == 0, world.log()
            name = list_backups(world.settings.backups)[0].path.name
            _land(world)
            world.recover()
            killer.kill(("restoring", "installing"), "backup", "--restore", name)
            world.recover()
    reader.check(gone=ANY)
    check(world)
    _tell(killer)


# What differs in S3 is the writing of objects, of which tests/contract/test_erasure.py makes sure at every `make test`.
@pytest.mark.parametrize("place", ["folder"] if POINTS < 20 else ["folder", "s3"], indirect=True)
def test_a_replay_a_rebuild_and_an_erasure_killed_anywhere_are_repeated(world: World) -> None:
    killer = Killer(world, seed=53)
    with world.reader() as reader:
        for _ in range(POINTS):
            _too_long(world)
            killer.kill(("replaying", "amended"), "replay")
    reader.check()
    with world.reader() as reader:
        for _ in range(POINTS):
            _land(world)
            killer.kill(("rebuilding", "taking_place", "installing"), "rebuild")
    reader.check(gone=ANY)
    check(world)
    with world.reader() as reader:
        for number in range(POINTS):
            gone = world.producer.customer(f"gone_{number}")
            world.recover()
            assert world.run("erase", f"gone_{number}", fault="purging:1:kill") == -9
            killer.kill(("erasing", "replaced", "removed", "purging", "purged", "renewed"), "erase", f"gone_{number}")
            world.producer.ledger.gone |= gone
            late = world.producer.body(0)
            late.add_event(world.producer.event(userId=None, anonymousId=f"visitor of gone_{number}"))
            world.place.put(f"late-{number}.jsonl.gz", late.packed())  # not booked: nobody takes theirs any more
        world.recover()
    reader.check(gone=ANY)
    check(world, versions=True)
    _tell(killer)


def _world(tmp_path: Path, **more: str) -> World:
    """Over a folder: what these steps do is the same wherever the objects are."""
    for name in ("landing", "data"):
        (tmp_path / name).mkdir()
    world = World(tmp_path / "data", Folder(tmp_path / "landing"), more)
    world.producer.land(objects=4, events=100)
    world.recover()
    return world


def _land(world: World) -> set[str]:
    world.producer.land(2)
    return set()


def _land_of(world: World, days_ago: int) -> set[str]:
    world.producer.put(world.producer.body(20, datetime.now(UTC) - timedelta(days=days_ago)))
    return set()


def _age(world: World) -> set[str]:
    """Snapshots that nobody reads any more were made three days ago, and so were the files let go of."""
    old = (datetime.now(UTC) - timedelta(days=3)).strftime("%Y-%m-%d %H:%M:%S.%f+00")
    with closing(sqlite3.connect(world.settings.lake / "catalog.sqlite", timeout=30)) as catalog, catalog:
        catalog.execute(
            """UPDATE ducklake_snapshot SET snapshot_time = ?
               WHERE snapshot_id < (SELECT max(snapshot_id) - 20 FROM ducklake_snapshot)""",
            [old],
        )
        catalog.execute("UPDATE ducklake_files_scheduled_for_deletion SET schedule_start = ?", [old])
    return _land(world)


def _too_old(world: World, events: int = 2) -> set[str]:
    """Loaded while they were young enough, as these settings did not know of 30 days yet."""
    at = datetime.now(UTC) - timedelta(days=40)
    gone = world.producer.once([world.producer.event(at) for _ in range(events)])
    assert world.run(ACTIVITY_RETENTION_DAYS="400") == 0, world.log()
    return gone


def _far_too_old(world: World) -> set[str]:
    return _too_old(world, events=40)


def _too_long(world: World) -> set[str]:
    """Events rejected for a limit that has been raised since."""
    world.producer.once([world.producer.event(comment="x" * 2000) for _ in range(20)])
    assert world.run(ACTIVITY_MAX_LINE_BYTES="1500") == 0, world.log()
    return set()


def _tell(killer: Killer) -> None:
    print(f"{killer.killed} of {killer.tried} kills came in time")
    if POINTS >= 20:
        assert killer.killed > killer.tried / 2
