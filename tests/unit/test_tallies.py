"""Days that are over are counted ahead: what follows from the counts is what the lake says, and it is not asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.commands.run import Scheduler
from pipeline.lake import Lake, Snapshot, day_files
from pipeline.lake.retain import retain
from pipeline.lake.storage import storage
from pipeline.questions import activity, facets, tallies
from pipeline.questions.masking import masked
from pipeline.questions.timeline import timeline
from pipeline.questions.view import View
from pipeline.recovery.verify import verify
from tests.support import NOW, add_events, count_days, make_lake, make_settings

DAY = timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0, minute=0)
PAST = "from=2026-11-20&to=2026-11-22"
FIELDS = ("event", "path", "modal", "utm_source")
MODALS = ("meter", "newsletter", "", None)


def day(ago: int, events: int = 12) -> list[dict[str, Any]]:
    """Events all over a day, so many days ago, by as many people as it is days."""
    return [
        {
            "message_id": f"{ago} {number}",
            "occurred_at": MIDNIGHT - ago * DAY + number * timedelta(minutes=117),
            "event": ("Page Viewed", "Modal Displayed", "Registered")[number % 3],
            "modal": MODALS[number % 4],
            "path": f"/{number % 5}",
            "customer_id": f"c{number % (ago + 1)}" if number % 2 else None,
            "anonymous_id": f"v{number % (ago + 1)}",
        }
        for number in range(events)
    ]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """Four days, today included."""
    with closing(make_lake(tmp_path, [event for ago in range(4) for event in day(ago)])) as made:
        yield made


def view(query: str, zone: str = "UTC") -> View:
    return View.parse(query, now=NOW, zone=ZoneInfo(zone))


def answers(snapshot: Snapshot, asked: View) -> tuple[list[tuple[int, int]], object, object]:
    counted = timeline(snapshot, asked)
    told = facets.facets(snapshot, asked, FIELDS, 3)
    return [*zip(counted.buckets, counted.counts, strict=True)], told, facets.glance(snapshot, asked)


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called on, no event of the lake may be read."""
    real = Snapshot.table

    def refuse(snapshot: Snapshot, name: str, *columns: Any) -> Any:
        assert name != "events", "the lake was asked for events"
        return real(snapshot, name, *columns)

    return lambda: monkeypatch.setattr(Snapshot, "table", refuse)


FILTERS = (
    *("event is Registered", "event is_not Registered|Page Viewed", "modal is_set", "modal is_not_set"),
    *("modal is meter", "modal is_not meter", "type is track", "event contains view", "path is /1"),
    *("event is Registered&f=event is Page Viewed", "event is_not Registered&f=event is_not Page Viewed"),
    *("path is /1|/nowhere", "path contains /", "path not_contains 2", "path starts_with /3", "referrer is_set"),
    *("path is_not /1", "path is /1&f=path is_not /2", "event starts_with Modal", "event not_contains VIEW"),
    *("event is Registered&f=modal is meter", "event is Registered&f=event is_set", "country is_not_set"),
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Snapshot, Snapshot]]:
    """The same events in two lakes, of which one was counted ahead."""
    events = [event for ago in range(4) for event in day(ago)]
    folders = [tmp_path_factory.mktemp(name) for name in ("asked", "counted")]
    with closing(make_lake(folders[0], events)) as asked, closing(make_lake(folders[1], events)) as counted:
        with patch.object(day_files, "_ROW_GROUP", 2):  # so that there are some to leave out
            assert count_days(counted) == 3
        yield asked.snapshot(), counted.snapshot()


@pytest.mark.parametrize(
    ("range", "zone"),
    [
        *((PAST, zone) for zone in ("UTC", "Europe/Paris", "Asia/Kathmandu")),
        *((range, "Europe/Paris") for range in ("14D", "24H")),
        ("from=2026-11-21T05:52:00Z&to=2026-11-22T11:00:00Z", "UTC"),
    ],
)
def test_what_follows_from_counts_is_what_the_lake_says(both: tuple[Snapshot, Snapshot], range: str, zone: str) -> None:
    range = range if "=" in range else f"range={range}"
    assert answers(both[1], view(range, zone)) == answers(both[0], view(range, zone))
    for filters in FILTERS:
        asked = view(f"{range}&f={filters}", zone)
        assert timeline(both[1], asked).total == activity.count(both[0], asked), filters


def test_addresses_of_other_spellings_are_found(lake: Lake) -> None:
    """Which ones there are is kept, too."""
    events = [
        {"message_id": text, "occurred_at": MIDNIGHT - DAY, "ip": text}
        for text in ("198.51.100.7", "::ffff:198.51.100.7", "::FFFF:c633:6407", "2001:db8::ffff")
    ]
    add_events(lake, events, key="addresses")
    assert count_days(lake) == 3
    snapshot = lake.snapshot()
    yesterday = max(name for day, (*_, name) in snapshot.days.of(snapshot.version).items() if day < NOW.date())
    assert len(snapshot.days.files.read(yesterday, "mapped")) == 3
    assert activity.count(snapshot, view(f"{PAST}&f=ip is 198.51.100.7")) == 3
    for path in (lake.folder / "days").glob("*/mapped.parquet"):
        pq.write_table(pa.table({"ip": pa.array([], pa.string())}), path)
    snapshot.days.forget()
    assert activity.count(snapshot, view(f"{PAST}&f=ip is 198.51.100.7")) == 1, "it is read from there"


@pytest.mark.parametrize(
    "filters", ["", "event is Registered", "modal is_not meter", "event contains regi", "path is /1", "path contains 1"]
)
def test_days_that_are_over_are_not_read_again(lake: Lake, filters: str, unasked: Callable[[], None]) -> None:
    asked = view(f"{PAST}&f={filters}" if filters else PAST)
    expected = answers(lake.snapshot(), asked)
    count_days(lake)
    lake.snapshot().days.forget()
    unasked()
    if filters:
        assert timeline(lake.snapshot(), asked).total == sum(count for _, count in expected[0]) > 0
    else:
        assert answers(lake.snapshot(), asked) == expected
        assert facets.suggestions(lake.snapshot(), asked, "nobody's") == []


def test_a_process_that_starts_finds_them(lake: Lake, unasked: Callable[[], None]) -> None:
    count_days(lake)
    unasked()
    with closing(Lake.open(make_settings(lake.folder.parent))) as another:
        assert timeline(another.snapshot(), view(PAST)).total == 36


def test_only_days_that_are_over_are_counted(lake: Lake) -> None:
    assert day_files.waiting(lake, MIDNIGHT - 3 * DAY) is None
    assert day_files.waiting(lake, MIDNIGHT + timedelta(minutes=59)) == (MIDNIGHT - 2 * DAY).date()
    assert day_files.waiting(lake, MIDNIGHT + timedelta(minutes=61)) == (MIDNIGHT - DAY).date()


def test_a_late_event_is_counted_at_once_and_its_day_again(lake: Lake) -> None:
    count_days(lake)
    assert answers(lake.snapshot(), view(PAST))
    add_events(lake, [{"message_id": "late", "occurred_at": MIDNIGHT - 2 * DAY, "path": "/late"}], key="late")
    assert timeline(lake.snapshot(), view(PAST)).total == 37
    assert "/late" in {each.value for each in facets.facet(lake.snapshot(), view(PAST), "path").top}
    assert count_days(lake) == 1
    assert day_files.clear(lake) == 1, "what it was before"
    lake.snapshot().days.forget()
    assert timeline(lake.snapshot(), view(PAST)).total == 37


def test_retention_takes_them_along(lake: Lake) -> None:
    count_days(lake)
    retain(lake, NOW, 2, force=True)
    assert sorted(path.name[:10] for path in (lake.folder / "days").iterdir()) == ["2026-11-21", "2026-11-22"]


def test_what_changes_while_it_is_counted_is_not_kept(lake: Lake) -> None:
    def count(snapshot: Snapshot, day: Any) -> Any:
        add_events(lake, [{"message_id": "late", "occurred_at": MIDNIGHT - DAY}], key="late")
        return tallies.count(snapshot, day)

    yesterday = (MIDNIGHT - DAY).date()
    assert not day_files.keep(lake, yesterday, count)
    assert day_files.waiting(lake, NOW) == yesterday
    assert day_files.keep(lake, yesterday, tallies.count)
    assert not day_files.keep(lake, yesterday, tallies.count), "it is there"


def test_a_field_of_too_many_values_is_asked(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    before = answers(lake.snapshot(), view(PAST))
    for most in ("_MOST", "_MOST_SEARCHED"):
        monkeypatch.setattr(tallies, most, 4)
    count_days(lake)
    snapshot = lake.snapshot()
    snapshot.days.forget()
    names = [each.name for each in snapshot.days.of(snapshot.version).values()]
    assert [snapshot.days.files.read(name, "path") for name in names] == [None] * 4
    assert answers(snapshot, view(PAST)) == before


@pytest.mark.parametrize("damage", [b"", b"PAR1 and nothing else"])
def test_what_cannot_be_read_is_asked_and_made_again(lake: Lake, damage: bytes) -> None:
    count_days(lake)
    for path in (lake.folder / "days").glob("*-22-*/type.parquet"):
        path.write_bytes(damage)
    assert timeline(lake.snapshot(), view(PAST)).total == 36
    assert count_days(lake) == 1


def test_whoever_may_not_see_values_is_told_hidden_ones(lake: Lake) -> None:
    hers = {"message_id": "hers", "occurred_at": MIDNIGHT - DAY, "path": "/reset/zoe@example.com", "customer_id": "z"}
    add_events(lake, [hers], key="hers")
    count_days(lake)
    hidden = masked(lake.snapshot(), b"of these tests, and long enough!")
    assert "/reset/zoe@example.com" in {each.value for each in facets.facet(lake.snapshot(), view(PAST), "path").top}
    told = facets.facets(hidden, view(PAST), FIELDS, 100)
    assert len(told["path"].top) == 6
    assert "zoe" not in repr(told)
    assert timeline(hidden, view(PAST)).total == 37


def test_verification_finds_a_wrong_count(lake: Lake) -> None:
    count_days(lake)
    assert verify(make_settings(lake.folder.parent), lake, NOW).differences == []
    [yesterday, before] = [next((lake.folder / "days").glob(f"2026-11-{each}-*")) for each in (22, 21)]
    add_events(lake, [{"message_id": "late", "occurred_at": MIDNIGHT - DAY}], key="late")
    assert verify(make_settings(lake.folder.parent), lake, NOW).differences == [], "of what a day was before"
    (before / "type.parquet").unlink()
    next((lake.folder / "days").glob("2026-11-20-*")).joinpath("type.parquet").rename(before / "type.parquet")
    assert verify(make_settings(lake.folder.parent), lake, NOW).differences == [], "as many"
    count_days(lake)
    [changed] = [each for each in (lake.folder / "days").glob("2026-11-22-*") if each != yesterday]
    (yesterday / "type.parquet").replace(changed / "type.parquet")
    [found] = verify(make_settings(lake.folder.parent), lake, NOW).differences
    assert (found.what, found.expected, found.found) == ("events of 2026-11-22 that were counted ahead", 13, 12)


def test_a_filter_by_path_reads_the_rows_of_its_value_alone(lake: Lake) -> None:
    with patch.object(day_files, "_ROW_GROUP", 2):
        count_days(lake)
    snapshot = lake.snapshot()
    *_, name = min(snapshot.days.of(snapshot.version).items())[1]
    every, some, none = (snapshot.days.files.read(name, "path", among=among) for among in (None, ["/1"], ["/9"]))
    assert every is not None
    assert some is not None
    assert none is not None
    assert 0 < len(some) < len(every)
    assert len(none) == 0
    assert some["value"].to_pylist().count("/1") == every["value"].to_pylist().count("/1") > 0


def test_a_scheduler_that_starts_leaves_counting_for_later(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    make_lake(tmp_path, [{"message_id": "1", "occurred_at": now - 3 * DAY}]).close()
    with closing(Scheduler(make_settings(tmp_path))) as scheduler:
        scheduler.put_off(now)
        for later, counted in ((0, 0), (30, 0), (61, 1)):
            scheduler.poll(now + timedelta(seconds=later), lambda: False)
            assert len(scheduler.state.upkeep.last(9, "count")) == counted


def test_the_scheduler_counts_days_once_they_are_over(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    days = [{"message_id": f"{ago}", "occurred_at": now - ago * DAY} for ago in range(4)]
    make_lake(tmp_path, days).close()
    with closing(Scheduler(make_settings(tmp_path))) as scheduler:
        for _ in range(3):
            scheduler.poll(now, lambda: False)
        told = [run.outcome for run in scheduler.state.upkeep.last(9, "count")]
        assert told == ["values of 3 days counted"]
    with closing(Lake.open(make_settings(tmp_path))) as lake:
        assert day_files.waiting(lake, now) is None
        assert storage(lake.snapshot()).counted > 0
