"""What is asked in shares at once is what is asked whole."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.questions import facets, shares
from pipeline.questions.timeline import timeline
from pipeline.questions.view import View
from tests.support import NOW, make_lake

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@given(st.lists(st.integers(0, 3_000_000), max_size=20))
def test_shares_hold_every_stretch_once_and_about_as_much_each(events: list[int]) -> None:
    days = [(START + number * DAY, START + (number + 1) * DAY) for number in range(len(events))]
    found = shares.cut([*zip(days, events, strict=True)])
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert [found[0][0], found[-1][1]] == [days[0][0], days[-1][1]] if events else found == []
    assert len(found) <= max(1, sum(events) // shares._WORTH)
    for start, end in found:
        held = sum(number for (first, _), number in zip(days, events, strict=True) if start <= first < end)
        assert held <= sum(events) / len(found) + max(events)


def test_shares_are_asked_at_once_and_told_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_MOST", 2)
    together = threading.Barrier(2, timeout=20)

    def ask(number: int) -> int:
        together.wait()
        return number * 10

    assert shares.at_once(ask, [1, 2]) == [10, 20]
    assert shares.at_once(lambda number: number, []) == []
    with pytest.raises(ZeroDivisionError):
        shares.at_once(lambda number: 1 // number, [1, 0])


@pytest.mark.parametrize("filters", ["", "path is /1", "city contains a", "name is_not_set", "person is a:v1"])
def test_a_view_in_shares_is_the_whole_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: str) -> None:
    events = [
        {"message_id": f"{n}", "occurred_at": NOW - n * timedelta(hours=7), "path": f"/{n % 3}", "city": "ab"[n % 2]}
        | {"anonymous_id": f"v{n % 5}"}
        for n in range(30)
    ]
    view = View.parse(f"range=14D&f={filters}" if filters else "range=14D", now=NOW, zone=ZoneInfo("UTC"))
    with closing(make_lake(tmp_path, events)) as lake:
        snapshot, cuts = lake.snapshot(), []

        def answers() -> object:
            snapshot.days.forget()
            counted = timeline(snapshot, view)
            told = facets.facets(snapshot, view, ["path", "person"], 9)
            return [*counted.buckets], [*counted.counts], told, facets.glance(snapshot, view)

        whole = answers()
        monkeypatch.setattr(shares, "_WORTH", 3)
        monkeypatch.setattr(shares, "_MOST", 3)
        real = shares.cut
        monkeypatch.setattr("pipeline.questions.daily.cut", lambda of: cuts.append(real(of)) or cuts[-1])
        assert answers() == whole
        assert max(map(len, cuts)) == 3
