"""What tests share: settings and lakes in a folder of their own, filled through the real commit."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa

from pipeline.event import PARSED_SCHEMA
from pipeline.lake import Entry, Lake, Snapshot, day_files
from pipeline.questions import tallies
from pipeline.settings import Settings

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


def make_settings(folder: Path, **overrides: Any) -> Settings:
    return Settings(data=folder, **overrides)


def make_lake(folder: Path, rows: Sequence[Mapping[str, Any]], **overrides: Any) -> Lake:
    """A lake under `folder` holding `rows` (keys of `PARSED_SCHEMA`; ids, times and line numbers filled in)."""
    settings = make_settings(folder, **overrides)
    if not settings.lake.exists():
        shutil.copytree(_empty_lake(), settings.lake)
    lake = Lake.open(settings)
    add_events(lake, rows)
    return lake


@cache
def _empty_lake() -> Path:
    """One without events, to be copied: to make it takes as long as many a test."""
    folder = Path(tempfile.mkdtemp(prefix="empty-lake-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = make_settings(folder)
    Lake.open(settings).close()
    return settings.lake


def add_events(lake: Lake, rows: Sequence[Mapping[str, Any]], key: str = "made.jsonl", now: datetime = NOW) -> Entry:
    """Commit `rows` as one object's lines; returns its entry, with what was loaded and what was a duplicate."""
    table = pa.Table.from_pylist([_complete(row, number) for number, row in enumerate(rows, start=1)], PARSED_SCHEMA)
    entry = Entry("made://tests", key, str(len(rows)), bytes=0, modified=now, format="activity", lines=len(rows))
    with lake.write(now) as transaction:
        transaction.insert(table, [entry])
        transaction.finish([entry], now)
    return entry


def count_days(lake: Lake, now: datetime = NOW) -> int:
    """Have every day that is over counted ahead; says how many."""
    days = 0
    while (day := day_files.waiting(lake, now)) is not None:
        assert day_files.keep(lake, day, tallies.count)
        days += 1
    return days


def _complete(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    message_id = row.get("message_id", f"message-{number}")
    occurred_at = row.get("occurred_at", NOW)
    filled: dict[str, Any] = {
        "message_id": message_id,
        "event_id": str(uuid5(NAMESPACE_URL, f"{row.get('source', 'tests')} {message_id}")),
        "source": "tests",
        "event": "Page Viewed",
        "type": "track",
        "occurred_at": occurred_at,
        "received_at": occurred_at,
        "object": 0,
        "line": number,
    }
    both = row.get("customer_id") and row.get("anonymous_id")
    if both:
        filled["linked_anonymous_id"] = row["anonymous_id"]
    return {**filled, **row}


def rows(snapshot: Snapshot, table: str) -> list[dict[str, Any]]:
    """All of a table of the lake."""
    found: list[dict[str, Any]] = snapshot.fetch(getattr(snapshot, table)).to_pylist()
    return found


def ids(snapshot: Snapshot) -> list[str]:
    """The message ids of all events, in order."""
    return sorted(row["message_id"] for row in rows(snapshot, "events"))
