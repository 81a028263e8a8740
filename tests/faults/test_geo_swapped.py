"""The geo database missing, corrupt, cut off, replaced or deleted while a batch is on its way: no event is lost, and
each has the place that a database then there gives it, or none."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.state import State
from tests.faults.checks import check
from tests.faults.places import Folder
from tests.faults.world import POINTS, World, slow, until
from tests.unit.test_enrich_geo import BERLIN, write

ADDRESSES = "198.51.100.0/24"  # those of the producer's events


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "landing").mkdir()
    data = tmp_path / "data"
    data.mkdir()
    return World(data, Folder(tmp_path / "landing"), {"ACTIVITY_GEO_DATABASE": str(tmp_path / "geo.mmdb")})


def database(path: Path, city: str) -> bytes:
    return write(path, **{ADDRESSES: BERLIN | {"city": {"names": {"en": city}}}}).read_bytes()


def replaced(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def cities(world: World) -> dict[str, str | None]:
    """By message id."""
    lake = world.lake()
    try:
        with lake.engine.cursor() as cursor:
            return dict(cursor.execute("SELECT message_id, city FROM lake.events").fetchall())
    finally:
        lake.close()


def told(world: World) -> dict[str, str]:
    return State(world.data).told("geo") or {}


def test_no_state_of_the_geo_database_loses_an_event(world: World, tmp_path: Path) -> None:
    path, rng = Path(world.more["ACTIVITY_GEO_DATABASE"]), random.Random(3)
    first, second = (database(tmp_path / f"{city}.mmdb", city) for city in ("First", "Second"))
    world.producer.land()
    world.recover()
    assert told(world)["state"] == "missing"
    changes: list[tuple[str, Callable[[], None], set[str | None], set[str]]] = [
        ("replaced", lambda: replaced(path, second), {"First", "Second"}, {"ready"}),
        ("written over", lambda: _write_over(path, second), {"First", "Second", None}, {"ready"}),
        ("deleted", path.unlink, {"First", None}, {"missing"}),
        ("cut off", lambda: replaced(path, first[: rng.randrange(len(first))]), {"First", None}, {"corrupt"}),
        ("garbage", lambda: replaced(path, rng.randbytes(rng.randrange(5_000))), {"First", None}, {"corrupt"}),
        ("damaged", lambda: replaced(path, _damaged(first, rng)), {"First", None, "damaged"}, {"ready", "corrupt"}),
        ("emptied in place", lambda: os.truncate(path, 0), {"First", None}, {"corrupt"}),
        ("cut off in place", lambda: os.truncate(path, rng.randrange(len(first))), {"First", None}, {"corrupt"}),
    ]
    with world.reader() as reader:
        for _ in range(POINTS):
            for number, (how, change, allowed, states) in enumerate(changes):
                replaced(path, first)
                before = set(cities(world))
                world.producer.land(2, 400)
                hold = tmp_path / f"hold-{len(before)}"
                hold.mkdir()
                point = "placing" if "in place" in how else rng.choice(("listed", "placing", "inserting", "written"))
                running = world.start(fault=f"{point}:1:hold:{hold}")
                until((hold / "held").exists, f"held at {point}: {world.log()}")
                change()
                (hold / "go").touch()
                assert running.wait() == 0, (how, world.log())
                fresh = {city for text, city in cities(world).items() if text not in before}
                assert fresh <= allowed or "damaged" in allowed, (how, point, fresh)
                assert told(world)["state"] in states, (how, number)
                assert bool(told(world)["problem"]) == (told(world)["state"] != "ready"), how
    reader.check()
    assert "Traceback" not in world.log()
    check(world)


@slow
def test_the_scheduler_takes_the_next_database_and_goes_on_without_one(world: World, tmp_path: Path) -> None:
    path = Path(world.more["ACTIVITY_GEO_DATABASE"])
    first, second = (database(tmp_path / f"{city}.mmdb", city) for city in ("First", "Second"))
    running = world.start("run", "--every", "0.2")
    try:
        for content, state, city in (
            (None, "missing", None),
            (first, "ready", "First"),
            (second, "ready", "Second"),
            (second[:-200], "corrupt", None),
            (first, "ready", "First"),
        ):
            if content is not None:
                replaced(path, content)
            until(lambda state=state: told(world).get("state") == state, f"told that it is {state}")
            until(lambda known=world.producer.ledger.objects: len(objects(world)) == known, "what landed is loaded")
            before = set(cities(world))
            world.producer.land()
            until(lambda: len(objects(world)) == world.producer.ledger.objects, "what landed is loaded")
            assert {found for text, found in cities(world).items() if text not in before} == {city}, state
        assert running.stop() == 0
    finally:
        running.kill()
    check(world)


def objects(world: World) -> list[str]:
    lake = world.lake()
    try:
        with lake.engine.cursor() as cursor:
            return [key for (key,) in cursor.execute("SELECT key FROM lake.objects").fetchall()]
    finally:
        lake.close()


def _write_over(path: Path, content: bytes) -> None:
    """As nobody should, but `cp` does: in place, in two steps."""
    with path.open("r+b") as file:
        file.write(content[: len(content) // 2])
        file.flush()
        file.write(content[len(content) // 2 :])
        file.truncate()


def _damaged(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(20):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)
