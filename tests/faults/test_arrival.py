"""Objects that are overwritten or deleted before they are read, lie in two places, or come late and out of order."""

from __future__ import annotations

import random
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.lake import Lake
from tests.faults.checks import check
from tests.faults.world import POINTS, World, until


def test_overwritten_and_deleted_between_list_and_get(world: World, tmp_path: Path) -> None:
    """An old version counts if it was loaded, beside the new one; what was gone before it was read was not accepted."""
    rng, producer, old = random.Random(7), world.producer, list[str]()
    with world.reader() as reader:
        for point in range(POINTS):
            loaded = producer.land(2, 20)
            world.recover()
            unread = [f"{rng.randrange(10**6):06d}-{point}-{number}.jsonl.gz" for number in range(4)]
            for key in unread:
                world.place.put(key, producer.body(20).packed())
            producer.land(2, 20)
            (gate := tmp_path / f"gate-{point}").mkdir()
            running = world.start(fault=f"listed:1:hold:{gate}")
            until((gate / "held").exists, "the objects are listed")
            for key in (*unread[:2], loaded[0]):
                producer.put(producer.body(20), key)
            for key in unread[2:]:
                world.place.delete(key)
            (gate / "go").touch()
            assert running.wait() == 0, world.log()
            producer.put(producer.body(20), unread[3])  # it comes again
            old.append(loaded[0])
        world.recover()
    reader.check()
    check(world, old=old)


def test_the_same_object_under_two_keys_and_through_two_sources(world: World) -> None:
    """Every copy is read and its lines are counted; its events are stored once."""
    whole = world.place.settings["ACTIVITY_SOURCES"]
    world.more["ACTIVITY_SOURCES"] = f"{whole},{whole}/inner"
    with world.reader() as reader:
        for point in range(POINTS):
            body = world.producer.body(30)
            for key in (f"{point}.jsonl.gz", f"inner/{point}.jsonl.gz", f"inner/copy-{point}.jsonl.gz"):
                world.producer.put(body, key)
                if key.startswith("inner/"):
                    world.producer.book(body)  # the other source has it, too
            world.recover()
    reader.check()
    check(world)


def test_late_and_out_of_order(world: World) -> None:
    """Folders of the hour are looked into at once, those of three days within an hour, any within a day."""
    hour = timedelta(hours=1)
    with closing(world.lake()) as lake, world.reader() as reader:
        running = world.start("run", "--every", "0.2")
        try:
            _lands(world, "2", timedelta(0))
            _is_loaded(world, lake)
            _lands(world, "1", timedelta(0))  # sorts before what was loaded already
            _is_loaded(world, lake)
            for point in range(POINTS):
                for late in (5 * hour, 50 * hour):
                    _lands(world, f"point-{point}", late)  # not a name that was there before
                world.put_off(world.off + 3_601)
                _is_loaded(world, lake)
                for late in (100 * hour, 1_000 * hour):
                    _lands(world, f"point-{point}", late)  # not a name that was there before
                world.put_off(world.off + 86_401)
                _is_loaded(world, lake)
            assert running.stop() == 0, world.log()
        finally:
            running.kill()
    # By the pipeline's clock readers look for a day at a time, which is longer than old snapshots are kept.
    reader.check(gone=POINTS - 1)
    world.put_off(0)
    check(world)


def _lands(world: World, name: str, late: timedelta) -> None:
    """An object of events as old as the folder says, beginning from the pipeline's own now."""
    at = datetime.now(UTC) + timedelta(seconds=world.off) - late
    key = f"v1/dt={at:%Y-%m-%d}/hh={at:%H}/{name}.jsonl.gz"
    world.producer.put(world.producer.body(20, min(at, datetime.now(UTC))), key)


def _is_loaded(world: World, lake: Lake) -> None:
    def loaded() -> bool:
        with lake.engine.cursor() as cursor:
            row = cursor.execute("SELECT count(*) FROM lake.objects WHERE state = 'loaded'").fetchone()
        return row == (world.producer.ledger.objects,)

    until(loaded, "all is loaded")
