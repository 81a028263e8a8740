"""Replaying: what a fix made good is loaded once, the ledger still adds up, and the rest stays as it was."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import LakeError
from pipeline.questions import ledger
from pipeline.recovery import replay as replaying
from pipeline.recovery.replay import Replayed, replay
from pipeline.recovery.verify import verify
from pipeline.state import State
from tests.support_cli import pipeline
from tests.unit.test_run import NOW, Site, event

LONG = {"text": "x" * 2_000}


def tight(folder: Path, **more: Any) -> Site:
    """An installation that takes short lines only, until `mend` raises the cap."""
    return Site(folder, max_line_bytes=1_000, **more)


def mend(site: Site, **settings: Any) -> None:
    site.settings = site.settings.model_copy(update={"max_line_bytes": 1_000_000, **settings})


def again(site: Site, reason: str | None = None) -> Replayed:
    return replay(site.settings, site.lake, lambda: site.now, reason)


def assert_well(site: Site, *, objects: bool = True) -> None:
    report = verify(site.settings, site.lake, site.now, objects=objects)
    assert (report.differences, report.unread) == ([], [])
    assert ledger.totals(site.snapshot).balanced
    batches, totals = ledger.recent_batches(site.snapshot, 1_000), ledger.totals(site.snapshot)
    for name in ("lines", "loaded", "duplicate", "rejected", "expired"):
        assert sum(batch[name] for batch in batches) == getattr(totals, name), name


def rejected(site: Site) -> dict[int, str]:
    return {row["line"]: row["code"] for row in ledger.rejected_lines(site.snapshot)}


def test_lines_that_are_good_now_are_loaded_once_and_the_ledger_adds_up(tmp_path: Path) -> None:
    site = tight(tmp_path)
    site.land("1.jsonl.gz", event("a"), event("b", properties=LONG), "{broken", event("c", properties=LONG), "[]")
    site.land("2.jsonl.gz", event("b", properties=LONG))
    site.poll()
    assert site.ids() == ["a"]
    mend(site)
    assert again(site) == Replayed(lines=5, loaded=2, duplicate=1)
    assert site.ids() == ["a", "b", "c"]
    assert rejected(site) == {3: "line.not_json", 5: "line.not_object"}
    assert {row["message_id"]: row["line"] for row in site.events()} == {"a": 1, "b": 2, "c": 4}
    assert_well(site)
    assert again(site) == Replayed(lines=2), "another replay changes nothing"
    assert site.poll() == []
    assert_well(site)


def test_a_replayed_event_is_what_it_would_have_been(tmp_path: Path) -> None:
    line = event("b", properties=LONG, userId="u", context={"ip": "192.0.2.1", "traits": {"email": "u@example.com"}})
    fields = []
    for name in ("replayed", "loaded"):
        site = tight(tmp_path / name) if name == "replayed" else Site(tmp_path / name)
        path = site.land("v1/dt=2026-11-23/1.jsonl.gz", event("a"), {**line, "receivedAt": None})
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))  # stands for the missing receivedAt
        site.poll()
        mend(site)
        again(site)
        fields.append([{**row, "ingested_at": None} for row in site.events() if row["message_id"] == "b"])
        assert len(site.snapshot.fetch(site.snapshot.links)) == 1
    assert fields[0] == fields[1] != []


def test_only_the_reason_asked_for_is_replayed(tmp_path: Path) -> None:
    site = tight(tmp_path)
    site.land("1.jsonl.gz", event("a", properties=LONG), "{broken")
    site.poll()
    mend(site)
    assert again(site, "line.not_json") == Replayed(lines=1)
    assert site.ids() == []
    assert again(site, "line.too_long").loaded == 1
    assert_well(site)


def test_a_line_rejected_for_another_reason_now_says_so(tmp_path: Path) -> None:
    site = tight(tmp_path)
    site.land("1.jsonl.gz", {"type": "track", "userId": "u", "properties": LONG})
    site.poll()
    assert rejected(site) == {1: "line.too_long"}
    mend(site)
    assert again(site) == Replayed(lines=1)
    assert rejected(site) == {1: "line.track_without_name"}
    assert_well(site)


def test_lines_of_many_objects_are_replayed_in_several_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "_LINES", 7)
    site = tight(tmp_path)
    for number in range(5):
        site.land(f"{number}.jsonl.gz", *[event(f"{number} {line}", properties=LONG) for line in range(9)], "{broken")
    site.poll()
    mend(site)
    assert again(site) == Replayed(lines=50, loaded=45)
    assert len(site.ids()) == len(set(site.ids())) == 45
    assert_well(site)


def test_a_line_kept_in_part_is_read_from_its_object_again(tmp_path: Path) -> None:
    site = tight(tmp_path)
    very_long = {"text": "x" * 200_000}
    site.land("1.jsonl.gz", event("a"), event("b", properties=very_long))
    gone = site.land("2.jsonl.gz", event("c", properties=very_long))
    site.poll()
    gone.unlink()
    mend(site)
    assert again(site) == Replayed(lines=2, loaded=1, out_of_reach=1)
    assert site.ids() == ["a", "b"]
    assert rejected(site) == {1: "line.too_long"}
    assert_well(site, objects=False)


def test_what_is_too_old_by_now_expires(tmp_path: Path) -> None:
    site = tight(tmp_path, retention_days=30)
    site.land("1.jsonl.gz", event("a", properties=LONG))
    site.poll()
    mend(site)
    site.now = NOW + timedelta(days=40)
    assert again(site) == Replayed(lines=1, expired=1)
    assert_well(site)


def test_objects_rejected_whole_are_tried_again(tmp_path: Path) -> None:
    site = Site(tmp_path, max_object_bytes=1_000_000)
    site.land("large.jsonl.gz", *[event(f"{number}", properties=LONG) for number in range(1_000)])
    broken = site.land("broken.jsonl.gz", *[event(f"lost {number}") for number in range(500)])
    broken.write_bytes(broken.read_bytes()[:-9])
    site.poll()
    assert site.ids() == []
    mend(site, max_object_bytes=8_000_000_000)
    assert again(site, "object.truncated") == Replayed(objects=1)
    assert again(site) == Replayed(objects=2, objects_loaded=1)
    assert len(site.ids()) == 1_000
    [entry] = ledger.unread_objects(site.snapshot)
    assert (entry["key"], entry["state"]) == ("broken.jsonl.gz", "rejected")
    assert site.poll() == []


def test_a_replay_that_would_not_add_up_changes_nothing(tmp_path: Path) -> None:
    site = tight(tmp_path)
    site.land("1.jsonl.gz", event("a", properties=LONG))
    site.poll()
    mend(site)
    with site.lake.engine.cursor() as cursor:
        cursor.execute("UPDATE lake.objects SET lines = 2")
    with pytest.raises(LakeError) as caught:
        again(site)
    assert caught.value.code == "ledger.unbalanced"
    assert site.ids() == []
    assert rejected(site) == {1: "line.too_long"}


def test_the_commands_show_and_replay(tmp_path: Path) -> None:
    site = tight(tmp_path)
    site.land("1.jsonl.gz", event("a", properties=LONG), '{"\x1b[31m"')
    site.land("2.jsonl.gz", event("lost")).write_bytes(b"\x1f\x8bno gzip")
    site.poll()
    shown = pipeline(tmp_path, "rejected").stdout
    assert "1 × line.too_long" in shown
    assert "1.jsonl.gz:2" in shown
    assert "\x1b" not in shown
    assert "Rejected whole: 2.jsonl.gz" in shown
    rows = [json.loads(line) for line in pipeline(tmp_path, "rejected", "--json").stdout.splitlines()]
    assert [row.get("line") for row in rows] == [1, 2, None]
    assert rows[1]["raw"] == '{"\x1b[31m"'
    [row] = map(json.loads, pipeline(tmp_path, "rejected", "--json", "--reason", "line.not_json").stdout.splitlines())
    assert row["line"] == 2
    for command in ("rejected", "replay"):
        refused = pipeline(tmp_path, command, "--reason", "line.not_jsn")
        assert (refused.returncode, "Did you mean 'line.not_json'?" in refused.stderr) == (2, True)
    done = pipeline(tmp_path, "replay", "--reason", "line.too_long")
    assert done.stdout == "1 line = 1 loaded + 0 duplicate + 0 expired + 0 still rejected\n", done.stderr
    assert site.ids() == ["a"]
    assert [(deed.act, deed.about) for deed in State(tmp_path).audit.last(9)] == [("replay", "line.too_long")]
    assert "line.too_long" not in pipeline(tmp_path, "rejected").stdout
