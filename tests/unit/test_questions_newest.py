"""The first page of a view without filters, read while it is counted, is the one that the count leads to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.lake import Lake, Snapshot
from pipeline.questions import activity, newest
from pipeline.questions.activity import STORED_FIELDS, Page
from pipeline.questions.masking import masked
from pipeline.questions.timeline import timeline
from pipeline.questions.view import View
from tests.support import NOW, add_events, make_lake

UTC_TIME, NEW_YORK = ZoneInfo("UTC"), ZoneInfo("America/New_York")


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """400 events of some three days, many in the same second, in two batches that overlap."""
    told = [
        {
            "message_id": f"{number}",
            "occurred_at": NOW - timedelta(seconds=(number * 7919 % 250) * 900),
            "path": f"/{number % 5}",
            "customer_id": f"c{number % 9}",
        }
        for number in range(400)
    ]
    lake = make_lake(tmp_path, told[::2])
    add_events(lake, told[1::2], key="more")
    yield lake
    lake.close()


def plain(snapshot: Snapshot, view: View) -> Page:
    """The page as the count leads to it, when nothing was read ahead."""
    return activity.page(snapshot, view, counted=timeline(snapshot, view), also=STORED_FIELDS)


def together(snapshot: Snapshot, view: View) -> Page:
    """The page as it comes with the count."""
    counted = activity.counted(snapshot, view, also=STORED_FIELDS)
    return activity.page(snapshot, view, counted=counted, also=STORED_FIELDS)


QUERIES = ["range=90D", "range=24H", "range=14D&page=2", "range=14D&page=8", "f=path is /3"]
DAYS = [f"{NOW - timedelta(days=days):%Y-%m-%d}" for days in (0, 1, 2, 3, 9)]


@pytest.mark.parametrize("hidden", [False, True])
def test_it_is_the_same_page(lake: Lake, hidden: bool) -> None:
    """Of each view, whatever was asked of this version of the lake before."""
    snapshot = masked(lake.snapshot(), b"secret") if hidden else lake.snapshot()
    queries = (*QUERIES, *(f"from={day}&to={day}" for day in DAYS))
    views = [View.parse(query, now=NOW, zone=zone) for query, zone in product(queries, (UTC_TIME, NEW_YORK))]
    expected = [plain(snapshot, view) for view in views]
    for view, page in zip(views, expected, strict=True):
        assert together(snapshot, view) == page, view


def test_it_comes_with_the_count(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, view = lake.snapshot(), View.parse("range=14D", now=NOW, zone=NEW_YORK)
    counted = activity.counted(snapshot, view, also=STORED_FIELDS)

    def refused(*_: Any) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(Snapshot, "fetch", refused)
    rows = activity.page(snapshot, view, counted=counted, also=STORED_FIELDS).rows
    assert len(rows) == activity.ROWS
    assert {*rows[0]} == {*STORED_FIELDS}


@pytest.mark.parametrize("query", ["f=path is /3", "page=2", "from=2020-01-01&to=2020-01-02"])
def test_it_is_not_read_where_it_is_not_shown(lake: Lake, query: str) -> None:
    snapshot, view = lake.snapshot(), View.parse(query, now=NOW, zone=NEW_YORK)
    activity.counted(snapshot, view)
    assert newest.known(snapshot, view, activity.ROWS, activity.LIST_FIELDS) is None


def test_a_days_first_events_do_not_pass_for_all_of_a_page(tmp_path: Path) -> None:
    """After midnight most of the page is of the day before."""
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    told = [
        {"message_id": f"{number}", "occurred_at": midnight + timedelta(seconds=20 - number)} for number in range(120)
    ]
    lake = make_lake(tmp_path, told)
    view = View.parse("range=90D", now=NOW, zone=NEW_YORK)
    expected = plain(lake.snapshot(), view)
    assert together(lake.snapshot(), view) == expected
    assert len(expected.rows) == activity.ROWS
    view = View.parse("range=24H", now=midnight + timedelta(seconds=10), zone=NEW_YORK)  # whose newest day is cut short
    counted = activity.counted(lake.snapshot(), view)
    assert activity.page(lake.snapshot(), view, counted=counted).rows[0]["occurred_at"] == midnight + timedelta(
        seconds=9
    )
    lake.close()
