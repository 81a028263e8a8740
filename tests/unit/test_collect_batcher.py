"""Many requests, one object: who waits hears what became of it, and nothing is counted in memory for ever."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pipeline.collect import batcher
from pipeline.collect.batcher import Batcher, Written
from pipeline.collect.refused import Refused
from pipeline.collect.store import FolderStore
from pipeline.errors import ActivityError


class Slow(FolderStore):
    """A folder that takes its time, or fails."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.error: Exception | None = None

    def put(self, key: str, body: bytes) -> None:
        assert self.goes_on.wait(30)
        if self.error is not None:
            raise self.error
        super().put(key, body)


@pytest.fixture
def store(tmp_path: Path) -> Slow:
    return Slow(tmp_path)


Heard = list[Written]


def play(store: Slow, act: Callable[[Batcher, Heard], Awaitable[None]], linger: float = 0.01) -> Heard:
    heard: Heard = []

    async def run() -> None:
        made = Batcher(store, linger=linger, heard=heard.append)
        await act(made, heard)
        store.goes_on.set()
        await made.close()
        assert made.waiting_bytes == 0
        assert made.oldest_seconds == 0

    asyncio.run(run())
    return heard


def objects(folder: Path) -> list[list[bytes]]:
    """The lines of each object."""
    return [gzip.decompress(path.read_bytes()).splitlines() for path in sorted(folder.glob("v1/*/*/*.jsonl.gz"))]


def test_what_comes_together_is_one_object(store: Slow, tmp_path: Path) -> None:
    async def act(made: Batcher, heard: Heard) -> None:
        await asyncio.gather(*(made.add([b"%d" % number, b"x"]) for number in range(50)))
        assert len(heard) == 1
        await made.add([b"later"])

    heard = play(store, act)
    assert [(each.lines, each.problem) for each in heard] == [(100, None), (1, None)]
    assert [len(lines) for lines in objects(tmp_path)] == [100, 1]


@pytest.mark.parametrize("error", [ActivityError("The disk is full."), ValueError("nobody thought of it")])
def test_everyone_hears_that_it_failed_and_the_next_go_on(store: Slow, tmp_path: Path, error: Exception) -> None:
    async def act(made: Batcher, heard: Heard) -> None:
        store.error = error
        answers = await asyncio.gather(*(made.add([b"lost"]) for _ in range(3)), return_exceptions=True)
        assert [(type(answer), answer.status) for answer in answers if isinstance(answer, Refused)] == [
            (Refused, 503)
        ] * 3
        store.error = None
        await made.add([b"kept"])

    heard = play(store, act)
    assert [each.problem is None for each in heard] == [False, True]
    assert objects(tmp_path) == [[b"kept"]]


def test_one_that_goes_away_takes_nobody_along(store: Slow, tmp_path: Path) -> None:
    async def act(made: Batcher, heard: Heard) -> None:
        first, second = (asyncio.create_task(made.add([line])) for line in (b"first", b"second"))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert first.cancelled()

    play(store, act)
    assert objects(tmp_path) == [[b"first", b"second"]]


def test_closing_writes_what_lingers_and_what_still_comes(store: Slow, tmp_path: Path) -> None:
    async def act(made: Batcher, heard: Heard) -> None:
        lingering = asyncio.create_task(made.add([b"lingers"]))
        await asyncio.sleep(0)
        store.goes_on.clear()
        closing = asyncio.create_task(made.close())
        await asyncio.sleep(0.01)
        late = asyncio.create_task(made.add([b"late"]))
        await asyncio.sleep(0.01)
        assert not closing.done()
        store.goes_on.set()
        await asyncio.gather(lingering, late, closing)

    play(store, act, linger=60)
    assert sorted(objects(tmp_path)) == [[b"late"], [b"lingers"]]


def test_memory_is_counted_and_given_back(store: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher, "WAITING_BYTES", 100)

    async def act(made: Batcher, heard: Heard) -> None:
        with made.hold() as first, made.hold() as second:
            first.more(30)
            first.at_least(40)
            first.at_least(20)
            second.at_least(60)
            assert made.waiting_bytes == 100
            with pytest.raises(Refused, match="memory") as no:
                second.more(1)
            assert (no.value.status, no.value.retry_after) == (503, 1)
        assert made.waiting_bytes == 0

    play(store, act)


def test_while_the_store_hangs_newcomers_are_not_kept_waiting(store: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher, "OVERDUE_SECONDS", 0.2)

    async def act(made: Batcher, heard: Heard) -> None:
        store.goes_on.clear()
        waiting = asyncio.create_task(made.add([b"waits"]))
        made.hold()
        await asyncio.sleep(0.3)
        assert made.overdue
        with pytest.raises(Refused, match="slow") as no:
            made.hold()
        assert (no.value.status, no.value.retry_after) == (503, 5)
        store.goes_on.set()
        await waiting
        made.hold()

    play(store, act)


def test_lingering_long_is_not_being_slow(store: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher, "OVERDUE_SECONDS", 0.2)

    async def act(made: Batcher, heard: Heard) -> None:
        waiting = asyncio.create_task(made.add([b"lingers"]))
        await asyncio.sleep(0.3)
        assert not heard
        made.hold()
        await waiting

    play(store, act, linger=0.5)
