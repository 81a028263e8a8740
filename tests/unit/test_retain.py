"""Retention: whole UTC days leave, the ledger says so, and a clock that jumps deletes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.run import Scheduler
from pipeline.errors import LakeError
from pipeline.lake import Entry, Lake
from pipeline.lake.retain import Due, cutoff, due, retain
from pipeline.questions import ledger
from pipeline.recovery.verify import verify
from pipeline.sources import Rejected
from tests.support import NOW, make_lake, make_settings
from tests.support_cli import pipeline

DAY = timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0, minute=0)


def history(days: int, a_day: int = 2) -> list[dict[str, Any]]:
    """So many events at noon of each of the last `days`, today included."""
    noon = MIDNIGHT + DAY / 2
    return [
        {"message_id": f"{day} {number}", "occurred_at": noon - day * DAY}
        for day in range(days)
        for number in range(a_day)
    ]


def oldest(lake: Lake) -> datetime | None:
    return ledger.totals(lake.snapshot()).oldest_event


def test_whole_utc_days_leave_and_the_ledger_balances(tmp_path: Path) -> None:
    edge = [
        {"message_id": "last", "occurred_at": MIDNIGHT - 40 * DAY - timedelta(microseconds=1)},
        {"message_id": "first", "occurred_at": MIDNIGHT - 40 * DAY},
    ]
    lake = make_lake(tmp_path, [*history(40), *edge])
    gone = retain(lake, NOW, 40)
    assert gone.days == (((MIDNIGHT - 41 * DAY).date(), 1),)
    assert oldest(lake) == MIDNIGHT - 40 * DAY, "a day inside the window stays whole"
    totals = ledger.totals(lake.snapshot())
    assert (totals.loaded, totals.removed, totals.events) == (82, 1, 81)
    assert totals.balanced
    assert retain(lake, NOW, 40).events == 0, "a second run finds nothing"


def reject_lines(lake: Lake, at: datetime, lines: int, landed: datetime | None = None) -> None:
    entry = Entry("made://tests", f"{at:%F}", "1", bytes=0, modified=landed or at, format="activity", lines=lines)
    with lake.write(at) as transaction:
        bad = [Rejected(number, "line.not_json", "Not JSON.", b"{kim@example.net") for number in range(1, lines + 1)]
        transaction.reject([(entry, each) for each in bad])
        transaction.finish([entry], at)


def kept_texts(lake: Lake) -> list[bytes]:
    with lake.engine.cursor() as cursor:
        return [bytes(raw) for (raw,) in cursor.execute("SELECT raw FROM lake.rejected ORDER BY seen_at").fetchall()]


def test_the_texts_of_lines_rejected_long_ago_leave_and_their_reasons_stay(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, history(40))
    for days in (41, 40, 0):
        reject_lines(lake, MIDNIGHT - days * DAY, 2)
    assert due(lake, NOW, 40).lines == 2
    assert retain(lake, NOW, 40).lines == 2
    assert kept_texts(lake) == [b"", b"", *[b"{kim@example.net"] * 4]
    assert ledger.rejected_by_code(lake.snapshot())[0]["lines"] == 6
    assert ledger.totals(lake.snapshot()).balanced
    assert verify(make_settings(tmp_path), lake, NOW).differences == []
    assert retain(lake, NOW, 40).lines == 0, "a second run finds nothing"


def test_a_line_that_was_read_while_the_clock_was_behind_is_no_older_than_its_object(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    reject_lines(lake, NOW - 365 * DAY, 2, landed=NOW)
    assert due(lake, NOW, 40).lines == 0
    assert retain(lake, NOW, 40).lines == 0
    assert kept_texts(lake) == [b"{kim@example.net"] * 2
    assert retain(lake, NOW + 41 * DAY, 40).lines == 2, "it grows old with its object"


def test_a_clock_that_jumps_empties_no_rejected_lines(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    for days in range(5):
        reject_lines(lake, MIDNIGHT - days * DAY, 1)
    with pytest.raises(LakeError, match=r"5 rejected lines .* more than 3 days"):
        retain(lake, NOW + 400 * DAY, 40)
    assert kept_texts(lake) == [b"{kim@example.net"] * 5
    assert retain(lake, NOW + 400 * DAY, 40, force=True).lines == 5
    assert kept_texts(lake) == [b""] * 5


def test_a_dry_run_removes_nothing(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, history(42))
    before = lake.snapshot().version
    found = due(lake, NOW, 40)
    assert (len(found.days), found.events, found.total, found.too_much) == (1, 2, 84, "")
    assert lake.snapshot().version == before


@pytest.mark.parametrize(("jump", "removed"), [(3, 3), (4, None), (400, None), (-400, 0)])
def test_a_clock_that_jumps_deletes_nothing(tmp_path: Path, jump: int, removed: int | None) -> None:
    lake = make_lake(tmp_path, history(100, a_day=1))
    if removed is None:
        with pytest.raises(LakeError, match="more than 3 days") as caught:
            retain(lake, NOW + jump * DAY, 99)
        assert caught.value.code == "retention.too_much"
    else:
        assert len(retain(lake, NOW + jump * DAY, 99).days) == removed
    assert ledger.totals(lake.snapshot()).events == 100 - (removed or 0)


def test_more_than_a_twentieth_of_the_events_needs_a_go_ahead(tmp_path: Path) -> None:
    crowd = [{"message_id": f"old {number}", "occurred_at": MIDNIGHT - 50 * DAY} for number in range(6)]
    lake = make_lake(tmp_path, [*crowd, *history(47)])
    with pytest.raises(LakeError, match="more than 5% of all events"):
        retain(lake, NOW, 49)
    assert ledger.totals(lake.snapshot()).events == 100
    assert retain(lake, NOW, 49, force=True).events == 6
    assert ledger.totals(lake.snapshot()).balanced


def test_a_reader_keeps_its_snapshot_while_events_leave(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, history(42))
    pinned = lake.snapshot()
    retain(lake, NOW, 40)
    assert len(pinned.fetch(pinned.events)) == 84
    assert len(lake.snapshot().fetch(lake.snapshot().events)) == 82


def test_no_window_keeps_for_ever(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, history(3))
    assert cutoff(NOW, 0) is None
    assert retain(lake, NOW + 10_000 * DAY, 0).events == 0
    assert ledger.totals(lake.snapshot()).events == 6


def test_the_scheduler_retains_daily_and_tells_when_it_stops(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_lake(tmp_path, history(42)).close()
    scheduler = Scheduler(make_settings(tmp_path, retention_days=40, workers=1))
    try:
        scheduler.poll(NOW, lambda: False)
        assert (scheduler.state.told("retention") or {})["events"] == "2"
        scheduler.poll(NOW + DAY / 2, lambda: False)
        assert (scheduler.state.told("retention") or {})["events"] == "2", "not before a day has passed"
        scheduler.poll(NOW + DAY, lambda: False)
        assert (scheduler.state.told("retention") or {})["state"] == "done"
        scheduler.poll(NOW + 30 * DAY, lambda: False)
        told = scheduler.state.told("retention") or {}
        assert told["state"] == "stopped"
        assert "--force" in told["problem"]
        assert told["problem"] in capsys.readouterr().err
    finally:
        scheduler.close()


def test_the_command_tells_and_then_removes(tmp_path: Path) -> None:
    noon = datetime.now(UTC).replace(hour=0, minute=0) - 60 * DAY
    make_lake(tmp_path, [{"message_id": f"{day}", "occurred_at": noon + day * DAY} for day in range(60)]).close()
    told = pipeline(tmp_path, "retain", "--dry-run", ACTIVITY_RETENTION_DAYS="58")
    assert "2 of 60 events would be removed" in told.stdout
    stopped = pipeline(tmp_path, "retain", ACTIVITY_RETENTION_DAYS="50")
    assert stopped.returncode == 2
    assert "Nothing was removed." in stopped.stderr
    forced = pipeline(tmp_path, "retain", "--force", ACTIVITY_RETENTION_DAYS="50")
    assert "10 of 60 events removed" in forced.stdout


@pytest.mark.parametrize(
    ("days", "rejected", "told"),
    [
        ([], [], "nothing"),
        ([1], [], "1 event of 1 day"),
        ([2, 1_202], [], "1,204 events of 2 days"),
        ([1], [1], "1 event of 1 day and the texts of 1 rejected line"),
        ([], [3], "the texts of 3 rejected lines"),
    ],
)
def test_what_is_due_is_told_in_words(days: list[int], rejected: list[int], told: str) -> None:
    day = NOW.date()
    found = Due(NOW, tuple((day, events) for events in days), 9, tuple((day, lines) for lines in rejected))
    assert found.told == told
