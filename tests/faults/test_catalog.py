"""The lake's catalog, held by somebody else, damaged or lost: said, never taken for an empty lake, and made again."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pipeline.lake.engine import CATALOG
from tests.faults.checks import check
from tests.faults.world import POINTS, World, slow

PAGE = 4096
_HOLD = """
import sqlite3, sys
con = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
con.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""
# The catalog is the lake's, wherever objects lie.
pytestmark = pytest.mark.parametrize("place", ["folder"], indirect=True)


@contextmanager
def held(world: World) -> Iterator[None]:
    """Somebody else writes to the catalog and does not end: in a process of their own, where SQLite's locks hold."""
    command = [sys.executable, "-c", _HOLD, str(world.data / "lake" / CATALOG)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    try:
        yield
    finally:
        process.communicate()


def test_a_catalog_that_others_hold(world: World) -> None:
    rng = random.Random(71)
    with world.reader() as reader:
        running = world.start("run", "--every", "0.2")
        try:
            for _ in range(POINTS):
                said = world.log_size()
                time.sleep(rng.uniform(0, 1))
                with held(world):
                    world.producer.land(2)
                    world.hears("locked by another process", said)
            assert running.alive
            assert running.stop() == 0
        finally:
            running.kill()
        world.recover()
    reader.check()
    assert "Traceback" not in world.log()
    check(world)


def zero_the_head(catalog: Path, rng: random.Random) -> None:
    _overwrite(catalog, 0, bytes(100))


def zero_a_page(catalog: Path, rng: random.Random) -> None:
    _overwrite(catalog, rng.randrange(catalog.stat().st_size // PAGE) * PAGE, bytes(PAGE))


def fill_pages_with_noise(catalog: Path, rng: random.Random) -> None:
    for _ in range(20):
        _overwrite(catalog, rng.randrange(catalog.stat().st_size // PAGE) * PAGE, rng.randbytes(PAGE))


def cut_it_short(catalog: Path, rng: random.Random) -> None:
    with catalog.open("r+b") as file:
        file.truncate(rng.randrange(catalog.stat().st_size))


def delete_it(catalog: Path, rng: random.Random) -> None:
    catalog.unlink()


def _overwrite(catalog: Path, start: int, content: bytes) -> None:
    with catalog.open("r+b") as file:
        file.seek(start)
        file.write(content)


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (
    zero_the_head,
    zero_a_page,
    fill_pages_with_noise,
    cut_it_short,
    delete_it,
)


def test_a_damaged_or_lost_catalog_is_put_back_or_made_again(world: World) -> None:
    """A page that nobody reads may be damaged unnoticed: then nothing is to be said, and rebuilding does no harm."""
    rng = random.Random(73)
    for number, damage in enumerate(DAMAGES * POINTS):
        assert world.run("backup") == 0, world.log()
        world.producer.land(2)
        counted = _count(world)[1]
        damage(_settled(world), rng)
        code, told = _count(world)
        assert "Traceback" not in told, f"{damage.__name__}:\n{told}"
        assert (code, told) == (0, counted) or "backup --list" in told, f"{damage.__name__}:\n{told}"
        if number % 2:
            assert world.run("rebuild") == 0, f"{damage.__name__}:\n{world.log()}"
        else:
            assert world.run("backup", "--restore", _newest(world)) == 0, f"{damage.__name__}:\n{world.log()}"
        world.recover()
        check(world, again=False)


def _count(world: World) -> tuple[int, str]:
    """The exit code of `count`, and all that it said."""
    said = world.log_size()
    return world.run("count", "range=90D"), world.log_from(said)


def _settled(world: World) -> Path:
    """The catalog, with nothing of it in a log beside."""
    catalog = world.data / "lake" / CATALOG
    for beside in ("-wal", "-shm"):
        catalog.with_name(CATALOG + beside).unlink(missing_ok=True)
    return catalog


def _newest(world: World) -> str:
    return max(path.name for path in (world.data / "backups").glob("*.sqlite"))


def _needed(world: World) -> list[Path]:
    """The files that hold the events; others may lie beside them, which only an older version reads."""
    with closing(world.lake()) as lake, lake.engine.cursor() as cursor:
        rows = cursor.execute("SELECT data_file FROM ducklake_list_files('lake', 'events')").fetchall()
    return sorted(Path(path) for (path,) in rows)


@slow
def test_a_lost_data_file_is_said_and_made_again(world: World) -> None:
    rng = random.Random(79)
    for _ in range(POINTS):
        world.producer.land(3)
        world.recover()
        rng.choice(_needed(world)).unlink()
        said = world.log_size()
        assert world.run("export", "range=90D", "--to", str(world.data / "all.csv")) != 0
        assert "A file of the lake is missing" in world.log_from(said), world.log()
        assert world.run("rebuild") == 0, world.log()
        shutil.rmtree(world.data / "backups", ignore_errors=True)
        check(world)
