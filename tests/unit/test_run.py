"""The pipeline from landed objects to committed rows: nothing lost, nothing twice, the rest goes on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ObjectGone
from pipeline.lake import Batch, Lake, Snapshot
from pipeline.questions import ledger
from pipeline.raw import raw_line
from pipeline.run import Look, Pipeline
from pipeline.settings import Settings, SourceSpec
from pipeline.sources import Sweep
from tests.support import make_settings

NOW = datetime.now(UTC).replace(microsecond=0)


class Site:
    """An installation in a folder, and the objects that land in it."""

    def __init__(self, folder: Path, **overrides: Any) -> None:
        self.settings: Settings = make_settings(folder, **overrides)
        self.settings.landing_folder.mkdir(parents=True, exist_ok=True)
        self.lake = Lake.open(self.settings)
        self.looks: list[Look] = []
        self.now = NOW

    def land(self, key: str, *lines: dict[str, Any] | str, compress: bool = True) -> Path:
        text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines).encode()
        path = self.settings.landing_folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text) if compress else text)
        return path

    def poll(self, *specs: SourceSpec) -> list[Batch]:
        pipeline = Pipeline(self.settings, self.lake, lambda: self.now, specs=specs, heard=self.looks.append)
        try:
            return pipeline.poll(Sweep.ALL)
        finally:
            pipeline.close()

    @property
    def snapshot(self) -> Snapshot:
        return self.lake.snapshot()

    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.snapshot.fetch(self.snapshot.events).to_pylist()
        return found

    def ids(self) -> list[str]:
        return sorted(row["message_id"] for row in self.events())


def event(message_id: str, **more: Any) -> dict[str, Any]:
    stamp = NOW.isoformat()
    fixed = {"type": "track", "event": "Test", "messageId": message_id, "anonymousId": "a"}
    return {**fixed, "timestamp": stamp, "receivedAt": stamp, "source": "site", **more}


def test_what_landed_is_loaded_once_however_often_it_is_looked_for(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land("v1/1.jsonl.gz", event("a"), event("b"))
    site.land("v1/2.jsonl.gz", event("b"), event("c"))
    [batch] = site.poll()
    assert (batch.objects, batch.lines, batch.loaded, batch.duplicate) == (2, 4, 3, 1)
    assert site.poll() == []
    assert site.ids() == ["a", "b", "c"]
    site.land("v1/late.jsonl.gz", event("d"))
    assert [batch.loaded for batch in site.poll()] == [1]


def test_the_same_object_under_another_key_adds_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land("1.jsonl", event("a"), compress=False)
    site.poll()
    site.land("copies/1.jsonl", event("a"), compress=False)
    assert [(batch.loaded, batch.duplicate) for batch in site.poll()] == [(0, 1)]


def test_an_overwritten_object_is_read_again(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land("1.jsonl", event("a"), compress=False)
    site.poll()
    site.land("1.jsonl", event("a"), event("appended"), compress=False)
    site.poll()
    assert site.ids() == ["a", "appended"]


def test_bad_lines_are_kept_with_their_place_and_reason(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land("1.jsonl.gz", event("a"), "{broken", "", event("b"), {"type": "track", "userId": "u"})
    [batch] = site.poll()
    assert (batch.lines, batch.loaded, batch.rejected) == (4, 2, 2)
    found = {row["line"]: (row["code"], row["raw"]) for row in ledger.rejected_lines(site.snapshot)}
    assert found[2] == ("line.not_json", b"{broken")
    assert found[5][0] == "line.track_without_name"


def test_an_object_of_bad_lines_alone_is_kept_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.run._REJECTED_BYTES", 1_000)
    site = Site(tmp_path)
    for key in ("1.txt", "2.txt"):
        site.land(key, *[f"not json, line {number} of {key}" for number in range(1, 101)], compress=False)
    assert sum(batch.rejected for batch in site.poll()) == 200
    kept = {(row["key"], row["line"]): row["raw"] for row in ledger.rejected_lines(site.snapshot, limit=1_000)}
    assert len(kept) == 200
    assert kept["2.txt", 7] == b"not json, line 7 of 2.txt"


def test_a_broken_object_is_rejected_whole_and_the_rest_goes_on(tmp_path: Path) -> None:
    site = Site(tmp_path)
    broken = site.land("1.jsonl.gz", *[event(f"lost {number}") for number in range(500)])
    broken.write_bytes(broken.read_bytes()[:-9])
    site.land("2.jsonl.gz", event("a"))
    site.poll()
    assert site.ids() == ["a"]
    [entry] = ledger.unread_objects(site.snapshot)
    assert (entry["key"], entry["state"]) == ("1.jsonl.gz", "rejected")
    assert entry["last_error"].startswith("object.truncated: ")
    assert site.poll() == [], "a rejected object is settled"


def test_a_source_that_fails_does_not_stop_the_others_and_is_never_just_empty(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land("1.jsonl.gz", event("a"))
    site.poll(SourceSpec(str(tmp_path / "nowhere")), SourceSpec(str(site.settings.landing_folder)))
    assert site.ids() == ["a"]
    missing, fine = sorted(site.looks, key=lambda look: look.error is None)[0], site.looks[-1]
    assert missing.error is not None
    assert "nowhere" in str(missing.error)
    assert missing.error.hint
    assert (fine.error, fine.waiting) == (None, 0)


def test_an_object_gone_between_list_and_read_is_in_the_ledger_and_read_when_it_is_back(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.land("kept.jsonl.gz", event("a"))
    gone = site.land("gone.jsonl.gz", event("b"))

    asked: list[datetime] = []

    def clock() -> datetime:  # asked once before the listing, and again when the batch begins
        asked.append(NOW)
        if len(asked) == 2:
            gone.unlink()
        return NOW

    pipeline = Pipeline(site.settings, site.lake, clock, heard=site.looks.append)
    pipeline.poll(Sweep.ALL)
    pipeline.close()
    assert site.ids() == ["a"]
    [entry] = ledger.unread_objects(site.snapshot)
    assert (entry["key"], entry["state"], entry["attempts"]) == ("gone.jsonl.gz", "retrying", 1)
    assert entry["last_error"].startswith("object.gone: ")
    assert site.looks[-1].waiting == 0, "what is gone does not make the data look behind for ever"
    site.land("gone.jsonl.gz", event("b"), event("c"))
    site.poll()
    assert site.ids() == ["a", "b", "c"]
    assert ledger.unread_objects(site.snapshot) == []


def passing(each: timedelta) -> Callable[[], datetime]:
    """A clock that goes on by so much whenever it is asked."""
    times = count(1)
    return lambda: NOW + next(times) * each


def test_a_batch_does_not_wait_for_objects_that_are_slow_to_come(tmp_path: Path) -> None:
    """What has been read shows up, however long the others take."""
    site = Site(tmp_path)
    for name in "abc":
        site.land(f"{name}.jsonl.gz", event(name))
    pipeline = Pipeline(site.settings, site.lake, passing(timedelta(seconds=31)))
    assert [batch.loaded for batch in pipeline.poll(Sweep.ALL)] == [1, 1, 1]
    pipeline.close()


def test_a_batch_at_work_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.sources.pool.INLINE_BYTES", 1)
    site = Site(tmp_path, workers=1)
    for name in "abc":
        site.land(f"{name}.jsonl.gz", event(name))
    pipeline = Pipeline(site.settings, site.lake, passing(timedelta(seconds=2)), heard=site.looks.append)
    assert [batch.loaded for batch in pipeline.poll(Sweep.ALL)] == [3]
    pipeline.close()
    assert [(look.reading, look.waiting) for look in site.looks if look.reading] == [(1, 2), (2, 1), (3, 1)]


def test_a_batch_is_bounded_and_an_object_larger_than_one_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sources.pool.INLINE_BYTES", 1_000)
    site = Site(tmp_path, batch_events=1_000, workers=1)
    for number in range(6):
        site.land(f"{number}.jsonl.gz", *[event(f"{number} {line}") for line in range(700)])
    site.land("large.jsonl.gz", *[event(f"large {line}") for line in range(4_500)])
    batches = site.poll()
    assert sum(batch.loaded for batch in batches) == 8_700
    assert len(batches) == 2
    assert ledger.totals(site.snapshot).balanced


def test_a_batch_is_a_few_inserts_and_what_is_parsed_when_it_is_full_joins_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsing goes on beside all inserts but the last; a small one more would be a file more for each day."""
    monkeypatch.setattr("pipeline.sources.pool.INLINE_BYTES", 1_000)
    site = Site(tmp_path, batch_events=1_000, workers=2)
    for number in range(20):
        site.land(f"{number:02}.jsonl.gz", *[event(f"{number} {line}") for line in range(300)])
    # Full with the 14th object, when three more are being parsed.
    assert [batch.loaded for batch in site.poll()] == [17 * 300, 3 * 300]
    # Three times 1,200 events beside the parsing, then 1,500.
    assert len(list(site.settings.data.glob("lake/files/main/events/**/*.parquet"))) == 4 + 1


def test_stopping_ends_after_the_batch_in_hand_and_the_rest_is_loaded_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sources.pool.INLINE_BYTES", 1_000)
    site = Site(tmp_path, batch_events=1_000, workers=1)
    for number in range(6):
        site.land(f"{number}.jsonl.gz", *[event(f"{number} {line}") for line in range(1_000)])
    done: list[Batch] = []
    pipeline = Pipeline(site.settings, site.lake, lambda: NOW)
    pipeline.poll(Sweep.ALL, lambda batch, _: done.append(batch), stopping=lambda: bool(done))
    pipeline.close()
    assert 0 < len(site.events()) < 6_000
    site.poll()
    assert len(site.events()) == 6_000


def test_events_beyond_retention_are_counted_as_expired(tmp_path: Path) -> None:
    site = Site(tmp_path, retention_days=30)
    old = (NOW - timedelta(days=40)).isoformat()
    site.land("1.jsonl.gz", event("old", timestamp=old, receivedAt=old), event("new"))
    [batch] = site.poll()
    assert (batch.lines, batch.loaded, batch.expired) == (2, 1, 1)


def test_large_batches_parsed_by_processes_give_the_same_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [event(f"{number}", properties={"text": "x" * 400}) for number in range(3_000)]
    one, many = Site(tmp_path / "one", workers=1), Site(tmp_path / "many", workers=2)
    monkeypatch.setattr("pipeline.sources.pool.INLINE_BYTES", 1_000_000)
    for site in (one, many):
        for part in range(2):
            site.land(f"{part}.jsonl.gz", *lines[part::2])
        site.poll()
    first, second = (
        sorted(({**row, "ingested_at": None} for row in site.events()), key=lambda row: str(row["event_id"]))
        for site in (one, many)
    )
    assert first == second
    assert len(first) == 3_000


def test_a_line_is_read_again_as_it_was_received(tmp_path: Path) -> None:
    site = Site(tmp_path)
    path = site.land("v1/1.jsonl.gz", event("a"), event("b", properties={"plan": "år"}))
    site.poll()
    row = next(row for row in site.events() if row["message_id"] == "b")
    line = raw_line(site.settings, site.snapshot, row["object_key"], row["line"])
    assert json.loads(line) == event("b", properties={"plan": "år"})
    path.unlink()
    with pytest.raises(ObjectGone):
        raw_line(site.settings, site.snapshot, row["object_key"], row["line"])
