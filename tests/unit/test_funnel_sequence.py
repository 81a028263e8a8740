"""Sorting events, each way it is done: by one number that holds everything, by its order, and by columns."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.questions.funnel.considered import Events
from pipeline.questions.funnel.sequence import ordered

ONE = {"barred": np.uint8(0), "breaks": np.bool_(False), "value": np.uint64(0)}


def events(rng: np.random.Generator, longest: int, **columns: np.ndarray) -> Events:
    """Of 300 people among a million numbers, many at one instant."""
    size = 5_000
    instants = np.append(rng.integers(0, longest, 200), [0, longest])
    return Events(
        people=1_000_000,
        person=rng.choice(rng.integers(0, 1_000_000, 300), size).astype(np.int32),
        at=rng.choice(instants, size) - 10**15,
        steps=rng.integers(0, 1024, size).astype(np.uint16),
        **{name: columns.get(name, np.broadcast_to(value, size)) for name, value in ONE.items()},
    )


@pytest.mark.parametrize("longest", [10**12, 1 << 58], ids=["weeks", "too long for one number"])
@pytest.mark.parametrize("columns", [(), ("value",)], ids=["only steps", "values"])
def test_events_are_sorted_by_person_time_and_step_and_stay_whole(longest: int, columns: tuple[str, ...]) -> None:
    rng = np.random.default_rng(5)
    given = events(rng, longest, **{name: np.arange(5_000, dtype=np.uint64) for name in columns})
    found = ordered(given)
    names = ("person", "at", "steps", *columns)
    assert whole(found, names[:3]) == sorted(whole(given, names[:3]))
    assert sorted(whole(found, names)) == sorted(whole(given, names))
    assert [getattr(found, name).dtype for name in names] == [getattr(given, name).dtype for name in names]


def test_nothing_is_in_order() -> None:
    nothing = events(np.random.default_rng(5), 10).take(slice(0, 0))
    assert len(ordered(nothing)) == 0


def whole(some: Events, names: tuple[str, ...]) -> list[tuple[int, ...]]:
    return list(zip(*(getattr(some, name).tolist() for name in names), strict=True))
