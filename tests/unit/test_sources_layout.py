"""Which folders carry a date, and which of them a sweep looks into."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.landing import object_key
from pipeline.sources import Sweep
from pipeline.sources.layout import MAX_FOLDERS, Span, span, walk
from pipeline.sources.objects import ObjectRef


def at(*parts: int) -> datetime:
    return datetime(*parts[:3], *parts[3:], tzinfo=UTC)


NOW = at(2026, 11, 23, 14, 30)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("v1/dt=2026-11-23/", Span(at(2026, 11, 23), at(2026, 11, 24))),
        ("v1/dt=2026-11-23/hh=23/", Span(at(2026, 11, 23, 23), at(2026, 11, 24))),
        ("x/rudder-logs/id/2026-12-31/", Span(at(2026, 12, 31), at(2027, 1, 1))),
        ("rudder-logs/id/12-31-2026/", Span(at(2026, 12, 31), at(2027, 1, 1))),
        ("segment-logs/id/1795392000000/", Span(at(2026, 11, 23), at(2026, 11, 24))),
        ("2026/", Span(at(2026, 1, 1), at(2027, 1, 1))),
        ("2026/12/", Span(at(2026, 12, 1), at(2027, 1, 1))),
        ("a/2026/12/31/", Span(at(2026, 12, 31), at(2027, 1, 1))),
        ("2026/12/31/23/", Span(at(2026, 12, 31, 23), at(2027, 1, 1))),
        ("segment-logs/", None),
        ("2026/13/", None),
        ("2026-02-30/", None),
        ("9999/12/", None),  # no date comes after it
        ("id-2026-11-23/", None),
        ("202611/", None),
    ],
)
def test_span(folder: str, expected: Span | None) -> None:
    assert span(folder) == expected


class CountingTree:
    """A tree of keys that counts what it is asked."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self.asked: list[str] = []

    def children(self, folder: str, after: str = "") -> tuple[list[str], list[ObjectRef]]:
        self.asked.append(folder + after)
        below = [key.removeprefix(folder) for key in self.keys if key.startswith(folder)]
        folders = sorted({f"{folder}{rest.partition('/')[0]}/" for rest in below if "/" in rest})
        return folders, [_ref(folder + rest) for rest in below if "/" not in rest and rest > after]

    def everything(self, folder: str) -> list[ObjectRef]:  # type: ignore[override]
        self.asked.append(f"{folder}**")
        return [_ref(key) for key in self.keys if key.startswith(folder)]


def _ref(key: str) -> ObjectRef:
    return ObjectRef("s3://b", key, "e", 1, NOW)


def test_a_year_of_hours_takes_a_handful_of_requests() -> None:
    keys = [
        f"v1/dt=2026-{month:02}-{day:02}/hh={hour:02}/a"
        for month in range(1, 13)
        for day in range(1, 29)
        for hour in range(24)
    ]
    tree = CountingTree(keys)
    assert [ref.key for ref in walk(tree, "", NOW, Sweep.RECENT)] == [
        "v1/dt=2026-11-23/hh=13/a",
        "v1/dt=2026-11-23/hh=14/a",
        "v1/dt=2026-11-23/hh=15/a",  # a writer whose clock is ahead
    ]
    assert len(tree.asked) == 7


def test_of_a_collectors_hour_the_newest_sweep_lists_the_last_minutes() -> None:
    def key(minutes: float) -> str:
        return object_key(int((NOW - timedelta(minutes=minutes)).timestamp() * 1000))

    old, new, next_hour = [key(70), key(6)], [key(4), key(0)], key(-40)
    named = ["v1/dt=2026-11-23/hh=14/part-0", "2026/11/23/14/stream-1-2026-11-23-14-00-00-a"]  # by no time of ours
    tree = CountingTree([*old, *new, next_hour, *named])
    assert sorted(ref.key for ref in walk(tree, "", NOW, Sweep.NEWEST)) == sorted([*new, next_hour, *named])
    assert sorted(ref.key for ref in walk(tree, "", NOW, Sweep.RECENT)) == sorted(tree.keys)


def test_a_tree_of_very_many_unknown_folders_is_listed_flat() -> None:
    keys = [f"customer-{number}/deep/er/a" for number in range(MAX_FOLDERS + 1)]
    tree = CountingTree(keys)
    assert sorted(ref.key for ref in walk(tree, "", NOW, Sweep.RECENT)) == sorted(keys)
    assert len(tree.asked) == 1 + len(keys)


def test_all_is_one_flat_listing() -> None:
    tree = CountingTree(["2020/01/01/00/a", "b"])
    assert [ref.key for ref in walk(tree, "", NOW, Sweep.ALL)] == ["2020/01/01/00/a", "b"]
    assert tree.asked == ["**"]
