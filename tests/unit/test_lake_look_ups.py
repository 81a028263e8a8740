"""Events of days that are over, sorted for look-ups, too: always the same events, and look-ups read them there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from pipeline.commands.run import Scheduler
from pipeline.lake import Lake, Snapshot, look_ups, maintain
from pipeline.lake.retain import retain
from pipeline.lake.storage import storage
from pipeline.questions import activity, customers
from pipeline.questions.timeline import timeline
from pipeline.questions.view import View
from pipeline.recovery.verify import verify
from tests.support import NOW, add_events, make_lake, make_settings

DAY = timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0, minute=0)


def events(ago: int, *names: str) -> list[dict[str, Any]]:
    """An event of each customer at noon, so many days ago."""
    at = MIDNIGHT - ago * DAY + DAY / 2
    return [
        {"message_id": f"{name} {ago}", "customer_id": name, "occurred_at": at, "ip": f"198.51.100.{len(name)}"}
        for name in names
    ]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """Three customers on each of four days, today included."""
    with closing(make_lake(tmp_path, [each for ago in range(4) for each in events(ago, "a", "bb", "ccc")])) as made:
        yield made


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three events are worth one: here, a day's."""
    monkeypatch.setattr(look_ups, "_ENOUGH", 3)


def sort(lake: Lake, now: datetime = NOW) -> int:
    """Add every block there is; says how many."""
    blocks = 0
    while look_ups.add_block(lake, now) is not None:
        blocks += 1
    return blocks


def day(ago: int) -> date:
    return (MIDNIGHT - ago * DAY).date()


def held(lake: Lake, table: str) -> list[str]:
    snapshot = lake.snapshot()
    at = snapshot.fetch(snapshot.table(table, ["customer_id", "occurred_at"])).to_pylist()
    return sorted(f"{row['customer_id']} {(MIDNIGHT + DAY - row['occurred_at']).days}" for row in at)


def wrong(lake: Lake) -> list[tuple[str, int, int]]:
    """What a verification finds."""
    return [
        (each.what, each.expected, each.found)
        for each in verify(make_settings(lake.folder.parent), lake, NOW).differences
    ]


def view(condition: str) -> View:
    return View.parse(f"from=2026-11-01&to=2026-11-30&f={condition}", now=NOW, zone=ZoneInfo("UTC"))


def test_days_are_added_once_they_are_over(lake: Lake) -> None:
    assert look_ups.next_block(lake, NOW) == (day(3), day(3))
    assert [look_ups.add_block(lake, NOW) for _ in range(4)] == [*((day(ago), day(ago)) for ago in (3, 2, 1)), None]
    assert held(lake, "by_person") == sorted(set(held(lake, "events")) - {"a 0", "bb 0", "ccc 0"})
    assert look_ups.next_block(lake, MIDNIGHT + DAY + timedelta(minutes=59)) is None, "some of its events are late"
    assert look_ups.next_block(lake, MIDNIGHT + DAY + timedelta(hours=1)) == (day(0), day(0))
    assert wrong(lake) == []


def test_a_block_is_of_as_many_days_as_are_worth_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_ups, "_ENOUGH", 5)
    with closing(make_lake(tmp_path, [each for ago in range(1, 25) for each in events(ago, "a")])) as lake:
        assert look_ups.add_block(lake, NOW) == (day(24), day(20))
        monkeypatch.setattr(look_ups, "_ENOUGH", 1_000)
        assert look_ups.add_block(lake, NOW) == (day(19), day(4)), "after so many days, few events are enough"
        assert look_ups.next_block(lake, NOW) is None
        assert str(look_ups.Block(day(4), day(4))) == "2026-11-19"


def test_what_comes_later_of_days_that_were_added_is_sorted_too(lake: Lake) -> None:
    look_ups.add_block(lake, NOW)
    add_events(lake, [*events(5, "early"), *events(3, "late"), *events(2, "later")], key="late.jsonl")
    assert set(held(lake, "by_person")) == {"early 5", "late 3", "a 3", "bb 3", "ccc 3"}
    assert sort(lake) == 2
    assert "later 2" in held(lake, "by_person")
    assert wrong(lake) == []


def test_what_retention_removes_leaves_both(lake: Lake) -> None:
    sort(lake)
    retain(lake, NOW, 2, force=True)
    assert held(lake, "by_person") == ["a 1", "a 2", "bb 1", "bb 2", "ccc 1", "ccc 2"]
    assert wrong(lake) == []
    retain(lake, NOW + 9 * DAY, 1, force=True)
    assert held(lake, "by_person") == []
    assert len(lake.snapshot().fetch(lake.snapshot().table("by_id"))) == 0
    add_events(lake, events(2, "new", "other", "third"), key="new.jsonl")
    assert sort(lake) <= 1
    assert wrong(lake) == []


def test_look_ups_read_what_lies_by_person(lake: Lake) -> None:
    sort(lake)
    event_id = activity.page(lake.snapshot(), view("customer_id%20is%20a")).rows[-1]["event_id"]
    found = activity.event(lake.snapshot(), event_id)
    assert found is not None
    assert found["message_id"] == "a 3"
    with lake.changing() as cursor:  # an accident, by which it shows where answers come from
        cursor.execute("DELETE FROM lake.events WHERE occurred_at < $1 AND customer_id <> 'bb'", [MIDNIGHT])
    snapshot = lake.snapshot()
    assert activity.count(snapshot, View.parse("range=30D", now=NOW, zone=ZoneInfo("UTC"))) == 6
    for condition in ("customer_id%20is%20a", "person%20is%20c:a", "ip%20is%20198.51.100.1"):
        assert activity.count(snapshot, view(condition)) == 4
        assert len(activity.page(snapshot, view(condition)).rows) == 4
    assert [mark is not None for mark in activity.neighbours(snapshot, found)] == [False, True]
    told = customers.profile(snapshot, "c:a")
    assert told is not None
    assert told.events == 4
    assert activity.count(snapshot, view("customer_id%20is_not%20a")) == 5, "no look-up"


def test_a_few_events_of_many_are_asked_for_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    sort(lake)
    before = activity.page(lake.snapshot(), view("person%20is%20c:a"))
    monkeypatch.setattr("pipeline.questions.few.CLOSE", 0)
    snapshot, asked = lake.snapshot(), view("person%20is%20c:a").with_(page=1)
    lake.snapshot().days.forget()
    counted = timeline(snapshot, asked)
    assert (counted.total, activity.page(snapshot, asked, counted=counted)) == (4, before)
    with monkeypatch.context() as patched:
        patched.setattr(Snapshot, "fetch", lambda *_: pytest.fail("asked again"))
        assert activity.page(snapshot, asked).rows == before.rows
    monkeypatch.setattr("pipeline.questions.few._MOST", 3)
    snapshot.days.forget()
    assert activity.page(snapshot, asked) == before, "more than a few"


def test_older_versions_know_how_far_it_went_then(lake: Lake) -> None:
    before = lake.snapshot()
    look_ups.add_block(lake, NOW)
    between = lake.snapshot()
    sort(lake)
    add_events(lake, events(2, "a2"), key="late.jsonl")
    maintain.merge(lake)
    for snapshot in (before, between, lake.snapshot(between.version)):
        assert activity.count(snapshot, view("customer_id%20is%20a")) == 4
        assert activity.count(snapshot, view("customer_id%20is%20a2")) == 0
    assert activity.count(lake.snapshot(), view("customer_id%20is%20a2")) == 1
    assert before.days.sorted_until(before.version) is None
    assert before.days.sorted_until(between.version) == MIDNIGHT - 2 * DAY


def test_files_are_sorted_in_small_groups_of_rows_also_when_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [
        {"message_id": f"{number}", "customer_id": f"{number * 7919 % 9_000}", "occurred_at": MIDNIGHT - DAY / 2}
        for number in range(18_000)
    ]
    monkeypatch.setattr(look_ups, "_GROUP", 8_192)
    with closing(make_lake(tmp_path, many[::2])) as lake:
        sort(lake)
        add_events(lake, many[1::2], key="late.jsonl")
        maintain.merge(lake)
        assert wrong(lake) == []
        with lake.engine.cursor() as cursor:
            paths = cursor.execute("SELECT data_file FROM ducklake_list_files('lake', 'by_person')").fetchall()
        [path] = [path for (path,) in paths]
    file = pq.ParquetFile(path)
    numbers = file.read(["person_number"])["person_number"].to_pylist()
    assert numbers == sorted(numbers)
    assert file.metadata.num_row_groups >= 3


def test_the_scheduler_adds_a_block_with_each_poll(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    days = [{"message_id": f"{ago} {n}", "occurred_at": now - ago * DAY} for ago in range(1, 4) for n in range(3)]
    make_lake(tmp_path, days).close()
    with closing(Scheduler(make_settings(tmp_path))) as scheduler:
        for _ in range(5):
            scheduler.poll(now, lambda: False)
        told = [run.outcome for run in scheduler.state.upkeep.last(9, "sort")]
        assert told == [f"{(now - ago * DAY).date()} sorted for look-ups" for ago in (1, 2, 3)]
    with closing(Lake.open(make_settings(tmp_path))) as lake:
        assert len(held(lake, "by_person")) == 9


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("DELETE FROM lake.by_person WHERE customer_id = 'a' AND day(occurred_at) = 21", 2),
        (
            "INSERT INTO lake.by_person FROM lake.by_person WHERE customer_id = 'a' AND day(occurred_at) = 21",
            4,
        ),
        (
            "UPDATE lake.by_person SET event_id = uuid() WHERE customer_id = 'a' AND day(occurred_at) = 21",
            2,
        ),
    ],
)
def test_a_difference_between_both_is_found(lake: Lake, damage: str, found: int) -> None:
    sort(lake)
    with lake.changing() as cursor:
        cursor.execute(damage)
    assert wrong(lake) == [("events of 2026-11-21 that lie by person", 3, found)]


@pytest.mark.parametrize(("table", "how"), [("by_address", "by address"), ("by_id", "by id")])
def test_events_that_are_not_found_are_told(lake: Lake, table: str, how: str) -> None:
    sort(lake)
    with lake.changing() as cursor:
        cursor.execute(f"DELETE FROM lake.{table} WHERE day(occurred_at) = 21")  # noqa: S608
    assert wrong(lake) == [(f"events of 2026-11-21 that lie {how}", 3, 0)]


def test_events_are_found_by_their_address_alone(lake: Lake) -> None:
    at = MIDNIGHT - 2 * DAY
    nobody = [{"message_id": f"{n}", "occurred_at": at, "ip": "203.0.113.9"} for n in range(3)]
    many = [{"message_id": f"of {n}", "occurred_at": at, "ip": "203.0.113.8", "customer_id": f"{n}"} for n in range(3)]
    add_events(lake, [*nobody, *many], key="more.jsonl")
    sort(lake)
    with lake.changing() as cursor:  # an accident, by which it shows where answers come from
        cursor.execute("DELETE FROM lake.by_person")
    for condition in ("ip%20is%20203.0.113.9", "ip%20is%20203.0.113.8"):
        assert activity.count(lake.snapshot(), view(condition)) == 3


def test_an_event_is_found_by_its_id_where_it_lies_by_time(lake: Lake) -> None:
    sort(lake)
    rows = activity.page(lake.snapshot(), view("customer_id%20is%20a")).rows
    for row in rows:
        asked = view(f"event_id%20is%20{row['event_id']}")
        assert [each["event_id"] for each in activity.page(lake.snapshot(), asked).rows] == [row["event_id"]]
        assert activity.event(lake.snapshot(), row["event_id"]) is not None
    with lake.changing() as cursor:
        cursor.execute("DELETE FROM lake.by_id")
    found = [activity.event(lake.snapshot(), row["event_id"]) is not None for row in rows]
    assert found == [True, False, False, False], "of days that are not sorted yet alone"


def test_what_version_5_had_sorted_is_sorted_anew(lake: Lake) -> None:
    sort(lake)
    with lake.engine.cursor() as cursor:
        for table in ("by_address", "by_id"):
            cursor.execute(f"DROP TABLE lake.{table}")
        cursor.execute("CREATE TABLE lake.by_number (number INTEGER, person_number INTEGER, until TIMESTAMPTZ)")
        cursor.execute("DELETE FROM lake.migrations")
        cursor.execute("INSERT INTO lake.migrations VALUES (5, now())")
    with closing(Lake.open(make_settings(lake.folder.parent))) as current:
        assert held(current, "by_person") == []
        assert activity.count(current.snapshot(), view("ip%20is%20198.51.100.1")) == 4
        assert sort(current) == 3
        assert [len(held(current, table)) for table in ("by_person", "by_address")] == [9, 9]
        assert wrong(current) == []


def test_storage_counts_each_event_once(lake: Lake) -> None:
    before = storage(lake.snapshot())
    sort(lake)
    after = storage(lake.snapshot())
    assert [day.events for day in after.days] == [day.events for day in before.days] == [3, 3, 3, 3]
    assert (after.events, after.rest) == (before.events, before.rest)
    assert after.look_ups > before.look_ups == 0
