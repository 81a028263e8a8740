"""A full disk, or too few file handles, while the pipeline runs: it says so, goes on running, and loads everything once
there is room again. Readers go on reading."""

from __future__ import annotations

import errno
import os
import random
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.errors import LakeError
from pipeline.state import State
from tests.faults.checks import check
from tests.faults.places import Folder
from tests.faults.reader import Reader
from tests.faults.world import POINTS, Running, World, until

TOO_MANY = "too many files open"
# Of an object, and bytes more than usual in each line: enough that a batch needs room; what is read goes to a file from
# 32 MB on.
LINES = {"data": (3_000, 0), "catalog": (3_000, 0), "temp": (20_000, 2_000)}


class Disk:
    """A small disk of its own at `path`, which can be filled up to some bytes and freed again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, left: int) -> None:
        """Fill it, but for `left` bytes."""
        with self._filler.open("ab") as file:
            try:
                while True:
                    os.write(file.fileno(), bytes(4096))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
            os.ftruncate(file.fileno(), max(0, file.seek(0, os.SEEK_END) - left))

    def free(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk needs root: {mounted.stderr.strip()}")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture
def roomy(tmp_path: Path) -> World:
    """A world of which no part lies on the small disk yet."""
    (tmp_path / "landing").mkdir()
    data = tmp_path / "data"
    data.mkdir()
    return World(data, Folder(tmp_path / "landing"))


def put_on_disk(world: World, disk: Disk, what: str) -> dict[str, str]:
    """Let `what` be kept on the small disk; says what the pipeline's environment needs for it."""
    if what == "temp":
        return {"TMPDIR": str(disk.path)}
    if what == "data":
        (disk.path / "lake").mkdir()
        (world.data / "lake").symlink_to(disk.path / "lake")
        (world.data / "state.sqlite").symlink_to(disk.path / "state.sqlite")
    else:  # the catalog alone, without the events
        (disk.path / "lake").mkdir()
        (world.data / "files").mkdir()
        (disk.path / "lake" / "files").symlink_to(world.data / "files")
        (world.data / "lake").symlink_to(disk.path / "lake")
    return {}


@contextmanager
def running(world: World, **more: str) -> Iterator[Running]:
    """The scheduler, from its first look on."""
    before = polled_at(world)
    process = world.start("run", "--every", "0.2", **more)
    try:
        until(lambda: polled_at(world) > before, "it runs")
        yield process
        assert process.stop() == 0, world.log()
    finally:
        process.kill()


def polled_at(world: World) -> datetime:
    return max(poll.polled_at for poll in State(world.data).polls())


def last_errors(world: World) -> str:
    """What the ledger says of objects that could not be read."""
    lake = world.lake()
    try:
        with lake.engine.cursor() as cursor:
            rows = cursor.execute("SELECT last_error FROM lake.objects WHERE state = 'retrying'").fetchall()
    finally:
        lake.close()
    return "\n".join(text for (text,) in rows)


def clear(reader: Reader) -> None:
    """That it saw nothing wrong. Where not even 32 KB are left beside the catalog SQLite cannot open it for reading
    either, which is said in so many words."""
    said = [text for text in reader.seen.problems if "Is the disk full" not in text]
    assert said == []
    assert reader.seen.rounds > len(reader.seen.problems)


def at_rest(pid: int) -> int:
    """How many files it has open between two batches."""
    counts = []
    for _ in range(10):
        counts.append(len(os.listdir(f"/proc/{pid}/fd")))
        time.sleep(0.05)
    return min(counts)


def all_loaded(world: World) -> None:
    try:
        until(lambda: not waits(world), "all is loaded", 60)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{world.log()}") from None


def goes_on(running: Running, world: World) -> None:
    assert running.alive, world.log()
    assert "Traceback" not in world.log()
    assert "could not answer" not in world.log_from(0), world.log()  # DuckDB's own words


def waits(world: World) -> bool:
    """Whether something has landed that is not loaded, or that cannot be seen: SQLite may want room to open its log."""
    try:
        lake = world.lake()
    except LakeError:
        return True
    try:
        with lake.engine.cursor() as cursor:
            row = cursor.execute("SELECT count(*) FROM lake.objects WHERE state = 'loaded'").fetchone()
    finally:
        lake.close()
    return row != (world.producer.ledger.objects,)


@pytest.mark.parametrize("what", ["data", "temp", "catalog"])
def test_a_full_disk_is_told_and_what_waited_is_loaded_once_there_is_room(roomy: World, disk: Disk, what: str) -> None:
    world, rng = roomy, random.Random(11)
    more = put_on_disk(world, disk, what)
    world.producer.land()
    world.recover()
    with world.reader() as reader, running(world, **more) as process:
        for _ in range(POINTS):
            told = world.log_size()
            disk.fill(rng.choice((0, rng.randrange(20_000), rng.randrange(200_000))))
            world.producer.land(1, *LINES[what])
            if what == "temp":
                until(lambda: "disk.full" in last_errors(world), "its error")
            else:  # what little room is left may be enough
                until(lambda told=told: "disk" in world.log_from(told) or not waits(world), "said, or loaded")  # type: ignore[misc]
            goes_on(process, world)
            disk.free()
            world.put_off(world.off + 3_601)  # what failed is due again
            all_loaded(world)
            goes_on(process, world)
    clear(reader)
    check(world)


def test_too_few_file_handles_are_told_and_survived(roomy: World) -> None:
    world, rng = roomy, random.Random(12)
    world.producer.land()
    world.recover()
    with world.reader() as reader, running(world) as process:
        pid = process.pid
        usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        for _ in range(POINTS):
            told = world.log_size()
            few = at_rest(pid) + rng.randrange(3)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, usual[1]))
            world.producer.land(3, 200)
            # What a batch still held when they were counted may be enough for the next.
            until(lambda told=told: TOO_MANY in world.log_from(told) or not waits(world), "said, or loaded")  # type: ignore[misc]
            goes_on(process, world)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
            world.put_off(world.off + 3_601)
            all_loaded(world)
            goes_on(process, world)
    reader.check()
    assert TOO_MANY in world.log_from(0)
    check(world)
