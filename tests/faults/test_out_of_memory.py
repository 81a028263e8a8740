"""The kernel takes memory back: it kills a process that parses, or the whole pipeline."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from pipeline.lake import Lake
from pipeline.questions import ledger
from pipeline.sources.pool import INLINE_BYTES
from tests.faults.checks import check
from tests.faults.world import POINTS, Running, World, slow, until

# More than is parsed in the pipeline's own process: in few lines, or in so many that it takes its time.
PADDING = 2_000
LONG_LINES, LINES = 3 * INLINE_BYTES // PADDING, 3 * INLINE_BYTES // 300
# What befalls processes has nothing to do with where objects lie.
pytestmark = pytest.mark.parametrize("place", ["folder"], indirect=True)


def parsers(running: Running) -> list[psutil.Process]:
    """Its processes that parse."""
    with_names = [(child, " ".join(child.cmdline())) for child in psutil.Process(running.pid).children()]
    return [child for child, name in with_names if "spawn_main" in name]


def test_a_killed_parser_fails_a_batch_and_not_the_scheduler(world: World) -> None:
    rng = random.Random(67)
    world.more["ACTIVITY_WORKERS"] = "2"
    with closing(world.lake()) as lake, world.reader() as reader:
        running = world.start("run", "--every", "0.2")
        try:
            for _ in range(POINTS):
                said = world.log_size()
                world.producer.land(1, LINES)
                until(lambda: len(parsers(running)) == 2, "it parses in processes")
                time.sleep(rng.uniform(0, 0.5))  # they come up, and begin
                os.kill(rng.choice(parsers(running)).pid, signal.SIGKILL)
                world.hears("most likely because memory ran out", said)
                until(lambda: _loaded(lake) == world.producer.ledger.objects, "all is loaded")
                assert running.alive
            assert running.stop() == 0
        finally:
            running.kill()
    reader.check()
    assert "Traceback" not in world.log()
    check(world)


@slow
def test_a_parser_killed_once_the_first_rows_are_written(world: World, tmp_path: Path) -> None:
    """Nothing of them stays: the batch is begun again."""
    world.more["ACTIVITY_WORKERS"] = "2"
    with world.reader() as reader:
        for point in range(POINTS):
            (gate := tmp_path / f"gate-{point}").mkdir()
            world.producer.land(1, LINES)
            running = world.start(fault=f"written:1:hold:{gate}")
            until((gate / "held").exists, "the first rows are written")
            os.kill(parsers(running)[0].pid, signal.SIGKILL)
            (gate / "go").touch()
            assert running.wait() == 1, world.log()
            world.recover()
    reader.check()
    assert "most likely because memory ran out" in (world.data / "victim.log").read_text()
    check(world)


def _loaded(lake: Lake) -> int:
    return ledger.totals(lake.snapshot()).objects_loaded


@contextmanager
def little_memory(megabytes: int) -> Iterator[Path]:
    """A control group whose processes the kernel kills when they take more."""
    group = Path("/sys/fs/cgroup/memory") / f"faults-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(f"{megabytes}M")
    except OSError as error:
        pytest.skip(f"memory control groups cannot be made here: {error}")
    try:
        yield group
    finally:
        group.rmdir()


def test_the_kernel_kills_the_pipeline(world: World, tmp_path: Path) -> None:
    with world.reader() as reader, little_memory(64) as group:
        for point in range(POINTS):
            (gate := tmp_path / f"gate-{point}").mkdir()
            world.producer.land(1, LONG_LINES, PADDING)
            running = world.start(fault=f"listed:1:hold:{gate}")  # or it is done before it is in the group
            until((gate / "held").exists, "it begins")
            (group / "cgroup.procs").write_text(f"{running.pid}")
            (gate / "go").touch()
            assert running.wait() == -signal.SIGKILL, world.log()
            world.recover()
    reader.check()
    check(world)
