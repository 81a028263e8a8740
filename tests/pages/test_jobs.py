"""Files made in the background: progress, cancelling, a limit, and nothing left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pages.parts.jobs import Busy, Job, Jobs, Make
from pipeline.errors import ActivityError
from pipeline.questions.export import Progress

PATIENCE = 10.0


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def _seen(jobs: Jobs, identifier: str) -> Job:
    job = jobs.look(identifier)
    assert job is not None
    return job


def _start(jobs: Jobs, make: Make) -> str:
    return jobs.start(make, name="events.xlsx", media_type="x/y", total=3)


class Steps:
    """A file of three rows, each written when `go` is released; `over` is set once it is no longer being made."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.over = threading.Event()

    def __call__(self, path: Path, progress: Progress) -> None:
        try:
            for row in (1, 2, 3):
                assert self.go.acquire(timeout=PATIENCE)
                path.write_text("x" * row)
                progress(row, 3)
        finally:
            self.over.set()


def test_a_file_tells_how_far_it_is_and_goes_once_fetched() -> None:
    jobs, steps = Jobs(), Steps()
    identifier = _start(jobs, steps)
    assert (_seen(jobs, identifier).rows, _seen(jobs, identifier).total) == (0, 3)
    steps.go.release()
    _until(lambda: _seen(jobs, identifier).rows == 1)
    assert not _seen(jobs, identifier).ready
    steps.go.release(2)
    _until(lambda: _seen(jobs, identifier).ready)
    path = _seen(jobs, identifier).path
    assert path.read_text() == "xxx"
    jobs.drop(identifier)
    assert not path.exists()
    assert jobs.look(identifier) is None


def test_a_cancelled_file_is_made_no_further() -> None:
    jobs, steps = Jobs(), Steps()
    identifier = _start(jobs, steps)
    path = _seen(jobs, identifier).path
    jobs.drop(identifier)
    steps.go.release()
    assert steps.over.wait(PATIENCE)
    _until(lambda: not path.exists())
    assert steps.go.acquire(blocking=False) is False
    assert jobs.look(identifier) is None


def test_a_file_that_nobody_asks_about_is_forgotten() -> None:
    jobs, steps = Jobs(forgotten_after=0.05), Steps()
    identifier = _start(jobs, steps)
    path = _seen(jobs, identifier).path
    time.sleep(0.1)
    steps.go.release()
    assert steps.over.wait(PATIENCE)
    assert jobs.look(identifier) is None
    _until(lambda: not path.exists())


def test_there_is_room_for_a_few_at_a_time() -> None:
    jobs, made = Jobs(at_once=2), [Steps(), Steps(), Steps()]
    first, _ = _start(jobs, made[0]), _start(jobs, made[1])
    with pytest.raises(Busy, match="2 other files"):
        _start(jobs, made[2])
    jobs.drop(first)
    _start(jobs, made[2])
    for steps in made:
        steps.go.release(3)
    assert all(steps.over.wait(PATIENCE) for steps in made)


def test_what_went_wrong_is_told() -> None:
    def refuse(path: Path, progress: Progress) -> None:
        raise ActivityError("The disk is full.", hint="Make room.")

    jobs = Jobs()
    identifier = _start(jobs, refuse)
    _until(lambda: bool(_seen(jobs, identifier).problem))
    assert _seen(jobs, identifier).problem == "The disk is full. Make room."
    assert not _seen(jobs, identifier).ready


def test_a_file_is_its_owner_s_alone() -> None:
    jobs = Jobs()
    identifier = jobs.start(lambda path, _: path.write_text("x"), name="x", media_type="x/y", total=1, owner="ana")
    assert jobs.look(identifier, "ana") is not None
    assert jobs.look(identifier, "eve") is None
    assert jobs.look(identifier) is None
