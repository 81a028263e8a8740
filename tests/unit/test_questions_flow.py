"""How the pipeline runs: throughput, refusals, objects by state; and what the lake takes on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.lake import Entry, Lake
from pipeline.lake.storage import storage
from pipeline.questions import flow
from tests.support import NOW, add_events, make_lake

MINUTE = timedelta(minutes=1)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """Four events of two days, an object that could not be read yet, and one that never can."""
    opened = make_lake(tmp_path, [{"occurred_at": NOW - timedelta(days=day)} for day in (0, 0, 0, 1)])
    with opened.write(NOW + 5 * MINUTE) as transaction:
        entries = [
            Entry("made://tests", f"bad%{state}", "1", 5, NOW, state=state, last_error=f"object.{state}: It says no.")
            for state in ("retrying", "rejected")
        ]
        transaction.finish(entries, NOW + 5 * MINUTE)
    yield opened
    opened.close()


def test_throughput_is_what_was_committed_by_spans(lake: Lake) -> None:
    add_events(lake, [{"message_id": "late"}], key="late", now=NOW + 12 * MINUTE)
    found = flow.throughput(lake.snapshot(), NOW, NOW + 15 * MINUTE, 5 * MINUTE)
    assert [(row["number"], row["lines"], row["loaded"]) for row in found] == [(0, 4, 4), (1, 0, 0), (2, 1, 1)]
    assert json.dumps(found)
    assert flow.throughput(lake.snapshot(), NOW + MINUTE, NOW + 5 * MINUTE, MINUTE) == []


def test_refusals_count_lines_and_objects_that_are_settled(lake: Lake) -> None:
    found = flow.refusals(lake.snapshot(), NOW)
    assert found == flow.Refusals(4, 0, 2, 1)
    assert json.dumps(asdict(found))
    assert flow.refusals(lake.snapshot(), NOW + MINUTE) == flow.Refusals(0, 0, 1, 1)
    assert flow.refusals(lake.snapshot(), NOW + 6 * MINUTE) == flow.Refusals(0, 0, 0, 0)


def test_objects_are_listed_by_state_and_text_without_wildcards(lake: Lake) -> None:
    snapshot = lake.snapshot()
    [waiting] = flow.objects(snapshot, "retrying")
    assert (waiting["key"], waiting["attempts"], waiting["last_error"]) == (
        "bad%retrying",
        1,
        "object.retrying: It says no.",
    )
    assert flow.objects(snapshot, "retrying", offset=1) == []
    assert flow.objects_count(snapshot, "rejected", containing="d%r") == 1
    assert flow.objects_count(snapshot, "loaded", containing="%") == 0


def test_storage_is_told_by_day_and_agrees_with_the_files(lake: Lake) -> None:
    told = storage(lake.snapshot())
    assert [(day.day, day.events, day.files) for day in told.days] == [
        (date(2026, 11, 23), 3, 1),
        (date(2026, 11, 22), 1, 1),
    ]
    assert NOW.date() == datetime(2026, 11, 23, tzinfo=UTC).date()
    sizes = {path: path.stat().st_size for path in (lake.folder / "files").rglob("*.parquet")}
    events = sum(size for path, size in sizes.items() if "events" in path.parts)
    assert told.events == sum(day.bytes for day in told.days) == events
    assert told.events + told.rest + told.old == sum(sizes.values())
    assert told.catalog > 10_000


def test_storage_counts_what_is_there_now_and_apart_what_old_snapshots_keep(lake: Lake) -> None:
    before = storage(lake.snapshot())
    with lake.engine.cursor() as cursor:
        cursor.execute("DELETE FROM lake.events WHERE message_id = 'message-1' OR occurred_at < $1", [NOW])
    after = storage(lake.snapshot())
    assert [(day.day, day.events) for day in after.days] == [(date(2026, 11, 23), 2)]
    assert after.days[0].bytes > before.days[0].bytes, "a file says which row is gone"
    assert after.events == after.days[0].bytes
    assert after.old == before.days[1].bytes
