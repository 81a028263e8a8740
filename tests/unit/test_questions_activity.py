"""One event, its neighbours, deep pages through a crowded minute, suggestions, and what is refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipeline.errors import QuestionError, SnapshotGone, UnknownField
from pipeline.lake import Lake, Snapshot
from pipeline.questions import activity, export, facets, people
from pipeline.questions.matching import matching
from pipeline.questions.timeline import QUARTER_HOUR, Timeline, histogram, slices, stretch, timeline
from pipeline.questions.view import View
from tests import nasty
from tests.oracle import Oracle
from tests.support import NOW, add_events, make_lake

PARIS = ZoneInfo("Europe/Paris")
EVENTS = nasty.events(11, 250)
ORACLE = Oracle(EVENTS)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    lake = make_lake(tmp_path_factory.mktemp("lake"), EVENTS)
    yield lake
    lake.close()


def view(query: str = "range=90D", zone: ZoneInfo = PARIS, now: datetime = NOW) -> View:
    return View.parse(query, now=now, zone=zone)


def test_an_event_has_every_field(lake: Lake) -> None:
    snapshot = lake.snapshot()
    for told in EVENTS[:8]:
        event = activity.event(snapshot, told["event_id"])
        assert event == activity.event(snapshot, told["event_id"], near=told["occurred_at"])
        assert event is not None
        assert tuple(event) == export.EXPORTED
        for field in ("event", "country", "occurred_at", "customer_id", "properties", "line", "ip"):
            assert event[field] == told[field]
        for field in ("person", "name", "email"):
            assert event[field] == ORACLE.value(told, field)


def test_who_somebody_is_is_asked_once_of_each_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = make_lake(tmp_path, [{"message_id": "as a visitor", "anonymous_id": "v"}])
    known: list[int] = []
    look_up = people._numbers_of_people

    def counted(snapshot: Snapshot, named: Collection[str]) -> people.Numbers:
        known.append(snapshot.version)
        return look_up(snapshot, named)

    monkeypatch.setattr(people, "_numbers_of_people", counted)

    def counts(snapshot: Snapshot) -> list[int]:
        return [activity.count(snapshot, view(f"range=90D&f=person is {person}")) for person in ("c:ada", "a:v")]

    before = lake.snapshot()
    assert counts(before) == counts(before) == [0, 1]
    add_events(lake, [{"message_id": "as ada", "anonymous_id": "v", "customer_id": "ada"}], key="later")
    after = lake.snapshot()
    assert counts(after) == counts(after) == [2, 0], "whoever was a visitor is the customer from the beginning"
    assert counts(before) == [0, 1]
    assert known == [before.version] * 2 + [after.version] * 2


def test_a_question_reads_only_the_columns_that_it_asks_for(lake: Lake) -> None:
    of_all = matching(lake.snapshot(), view("range=90D&f=ip is 1.2.3.4&f=properties.plan is set"), ["country"])
    assert {*of_all.columns} == {"event_id", "occurred_at", "country", "ip", "ip_number", "properties"}


def test_there_is_no_such_event(lake: Lake) -> None:
    assert activity.event(lake.snapshot(), "0b6f0f2e-7f43-5d6e-9a42-1f0c5b9f7a11") is None


def test_neighbours_are_the_same_persons_events(lake: Lake) -> None:
    snapshot = lake.snapshot()
    for told in EVENTS[::25]:
        person = ORACLE.person(told)
        theirs = sorted((e["occurred_at"], e["event_id"]) for e in EVENTS if ORACLE.person(e) == person)
        at = theirs.index((told["occurred_at"], told["event_id"]))
        event = activity.event(snapshot, told["event_id"])
        assert event is not None
        before, after = activity.neighbours(snapshot, event)
        if person is None:
            assert (before, after) == (None, None)
            continue
        assert before == (theirs[at - 1][::-1] if at else None)
        assert after == (theirs[at + 1][::-1] if at + 1 < len(theirs) else None)


def test_a_page_beyond_the_last_is_the_last(lake: Lake) -> None:
    page = activity.page(lake.snapshot(), view("page=9999&range=90D"))
    assert page.page == page.pages
    assert page.last == page.total == activity.count(lake.snapshot(), view())
    assert page.first == (page.pages - 1) * activity.ROWS + 1


def test_a_page_has_more_fields_where_its_events_lie_close(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    rare = view("range=90D&f=event is Registered")
    assert activity.page(lake.snapshot(), rare).total > 1

    def fields() -> set[tuple[str, ...]]:
        found = activity.page(lake.snapshot(), rare, also=activity.STORED_FIELDS).rows
        assert [row["event_id"] for row in found] == [
            row["event_id"] for row in activity.page(lake.snapshot(), rare).rows
        ]
        return {tuple(row) for row in found}

    assert {frozenset(names) for names in fields()} == {frozenset(activity.STORED_FIELDS)}
    monkeypatch.setattr(activity, "CLOSE", 10)
    assert fields() == {activity.LIST_FIELDS}


def test_an_empty_view_has_one_empty_page(lake: Lake) -> None:
    page = activity.page(lake.snapshot(), view("f=event is nothing"))
    assert (page.rows, page.total, page.page, page.pages, page.first, page.last) == ([], 0, 1, 1, 0, 0)


def test_a_page_has_the_fields_asked_for(lake: Lake) -> None:
    rows = activity.page(lake.snapshot(), view(), fields=("event_id", "occurred_at", "person", "name")).rows
    told = {event["event_id"]: event for event in EVENTS}
    assert [row["person"] for row in rows] == [ORACLE.person(told[row["event_id"]]) for row in rows]
    assert [row["name"] for row in rows] == [ORACLE.trait(told[row["event_id"]], "name") for row in rows]


def test_a_snapshot_does_not_move(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, EVENTS[:50])
    before = lake.snapshot()
    count = activity.count(before, view())
    add_events(lake, EVENTS[50:], key="more.jsonl")
    assert activity.count(lake.snapshot(before.version), view()) == activity.count(before, view()) == count
    assert activity.count(lake.snapshot(), view()) > count
    with pytest.raises(SnapshotGone):
        lake.snapshot(10**6)
    lake.close()


def test_a_crowded_minute_pages_and_slices_like_any_other(tmp_path: Path) -> None:
    start = datetime(2026, 11, 20, 10, 1, tzinfo=UTC)
    number = 120_000
    rows = [{"message_id": f"m{n}", "occurred_at": start + timedelta(microseconds=n * 7)} for n in range(number)]
    lake = make_lake(tmp_path, rows)
    snapshot = lake.snapshot()
    counted = timeline(snapshot, view())
    assert counted.counts.tolist() == [number]
    for page in (1, 1200, 2400):
        listed = activity.page(snapshot, view(f"page={page}"), counted=counted)
        newest = number - (page - 1) * activity.ROWS - 1
        expected = [start + timedelta(microseconds=n * 7) for n in range(newest, newest - activity.ROWS, -1)]
        assert [row["occurred_at"] for row in listed.rows] == expected
        assert stretch(snapshot, view(), counted, (page - 1) * activity.ROWS, activity.ROWS).count < number / 2
    parts = list(slices(snapshot, view(), counted, lambda: 20_000, 1_000))
    assert sum(part.count for part in parts) == number
    assert parts[0].count < 2_000  # one bucket is the least
    assert max(part.count for part in parts) <= 20_000
    assert all(newer.bounds[0] >= older.bounds[1] for newer, older in pairwise(parts))
    lake.close()


@pytest.mark.parametrize(
    ("query", "zone", "bars", "lengths"),
    [
        ("range=24H", "Europe/Paris", 25, {0.5, 1}),
        ("from=2026-10-25&to=2026-10-25", "Europe/Paris", 25, {1}),
        ("from=2026-03-29&to=2026-03-30", "Europe/Paris", 47, {1}),
        ("from=2026-10-24&to=2026-10-25", "Europe/Paris", 49, {1}),
        ("from=2026-10-24&to=2026-10-26", "Europe/Paris", 3, {24, 25}),
        ("from=2026-03-28&to=2026-03-30", "Europe/Paris", 3, {24, 23}),
        ("range=7D", "Asia/Kathmandu", 7, {24}),
        ("from=2026-11-20&to=2026-11-20", "Asia/Kathmandu", 24, {1}),
    ],
)
def test_bars_are_hours_or_days_of_the_zone(query: str, zone: str, bars: int, lengths: set[float]) -> None:
    asked = view(query, ZoneInfo(zone))
    nothing = np.zeros(0, dtype=np.int64)
    chart = histogram(Timeline(QUARTER_HOUR, nothing, nothing), asked)
    assert len(chart) == bars
    assert {(bar.end - bar.start) / timedelta(hours=1) for bar in chart} == lengths
    assert (chart[0].start, chart[-1].end) == asked.bounds()


def test_suggestions_are_values_that_exist(lake: Lake) -> None:
    snapshot = lake.snapshot()
    for text in ("É", "%", "o'br", "\\"):
        for found in facets.suggestions(snapshot, view(), text, limit=50):
            assert text.lower() in found.value.lower()
            counts = ORACLE.counts(ORACLE.view(view()), found.field)
            assert counts[found.value] == found.count
    top = facets.suggestions(snapshot, view(), "")
    assert [found.count for found in top] == sorted((found.count for found in top), reverse=True)
    assert facets.suggestions(snapshot, view(), "no such thing anywhere") == []


@pytest.mark.parametrize("field", ["properties", "occurred_at"])
def test_what_is_not_countable_is_refused(lake: Lake, field: str) -> None:
    with pytest.raises(QuestionError, match="not counted"):
        facets.facet(lake.snapshot(), view(), field)
    with pytest.raises(UnknownField, match="county"):
        facets.facet(lake.snapshot(), view(), "county")
