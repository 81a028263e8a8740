"""A clock that is wrong, ahead or behind: nothing is put off for as long, and nothing is removed for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, repeat
from pathlib import Path

import pytest

from pipeline.commands.run import Scheduler
from pipeline.lake import Entry, maintain
from pipeline.sources import Sweep
from tests.support import make_lake, make_settings
from tests.unit.test_run import NOW, Site, event

MINUTE, HOUR, DAY, YEAR = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=365)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    scheduler = Scheduler(make_settings(tmp_path, workers=1, log="text"))
    yield scheduler
    scheduler.close()


@pytest.mark.parametrize("back", [HOUR / 2, HOUR, DAY, YEAR])
def test_everything_is_looked_through_once_the_clock_was_put_back(scheduler: Scheduler, back: timedelta) -> None:
    assert scheduler._sweep(NOW) is Sweep.ALL
    assert scheduler._sweep(NOW + MINUTE / 4) is Sweep.NEWEST
    assert scheduler._sweep(NOW + HOUR / 4) is Sweep.RECENT
    assert scheduler._sweep(NOW - back) is Sweep.ALL
    sweeps = [scheduler._sweep(NOW - back + quarters * MINUTE / 4) for quarters in range(1, 4 * 119)]
    assert sweeps.count(Sweep.ALL) == 0
    assert sweeps.count(Sweep.DAYS) == 1, "an hour later: the one of all took it in"
    assert sweeps.count(Sweep.RECENT) == 117, "each other minute"


@pytest.mark.parametrize(("ahead", "sweep"), [(HOUR, Sweep.DAYS), (DAY, Sweep.ALL), (YEAR, Sweep.ALL)])
def test_a_clock_put_forward_has_more_looked_through(scheduler: Scheduler, ahead: timedelta, sweep: Sweep) -> None:
    scheduler._sweep(NOW)
    assert scheduler._sweep(NOW + ahead) is sweep
    assert scheduler._sweep(NOW) is sweep, "as soon as it is right again"


def test_large_files_are_merged_once_an_hour(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    merged: list[bool] = []
    monkeypatch.setattr(maintain, "merge", lambda lake, *, small: merged.append(small))
    for now in (NOW, NOW + MINUTE, NOW + 59 * MINUTE, NOW + HOUR, NOW + HOUR + MINUTE, NOW - DAY):
        monkeypatch.setattr("pipeline.commands.run._now", lambda now=now: now)
        scheduler._unmerged = scheduler._settings.merge_every
        scheduler._maintain(now)
    assert merged == [False, True, True, False, True, False]


def test_snapshots_are_not_removed_right_after_the_clock_jumped(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[datetime] = []
    monkeypatch.setattr(maintain, "expire", lambda lake, now, hours: removed.append(now))
    times = [NOW, NOW + HOUR, NOW + DAY + 2 * HOUR, NOW + DAY + 3 * HOUR, NOW, NOW + HOUR]
    for now in times:
        monkeypatch.setattr("pipeline.commands.run._now", lambda now=now: now)
        scheduler.poll(now, lambda: False)
    assert removed == [times[0], times[1], times[3], times[5]]
    [put_off, *_] = [run.outcome for run in scheduler.state.upkeep.last(kind="expire") if "put off" in run.outcome]
    assert "the clock has moved" in put_off


def test_a_clock_that_jumps_during_a_poll_is_seen_too(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noted as the time of an expiry that the old time had called for, it would have looked like the usual one."""
    removed: list[datetime] = []
    monkeypatch.setattr(maintain, "expire", lambda lake, now, hours: removed.append(now))
    for asked, is_now in ((NOW, NOW), (NOW + HOUR, NOW + 2 * DAY), (NOW + 2 * DAY + HOUR / 60,) * 2):
        monkeypatch.setattr("pipeline.commands.run._now", lambda is_now=is_now: is_now)
        scheduler.poll(asked, lambda: False)
    assert removed == [NOW]


def test_a_clock_that_jumps_while_an_expiry_is_noted_is_seen_too(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The expiry was by the old time, and its run has the new one as its beginning."""
    removed: list[datetime] = []
    monkeypatch.setattr(maintain, "expire", lambda lake, now, hours: removed.append(now))
    for first, later in ((NOW, NOW), (NOW + HOUR, NOW + 2 * DAY), (NOW + 2 * DAY + MINUTE,) * 2):
        times = chain([first], repeat(later))
        monkeypatch.setattr("pipeline.commands.run._now", lambda times=times: next(times))
        scheduler._expire_in_time(first)
    assert removed == [NOW, NOW + HOUR]


@pytest.mark.parametrize("jump", [YEAR, DAY])
def test_a_clock_ahead_expires_no_line(tmp_path: Path, jump: timedelta) -> None:
    """The objects of a lake with a window of 30 days are read once: what counts as expired then is lost."""
    site = Site(tmp_path, retention_days=30)
    site.land("1.jsonl", event("before"), compress=False)
    site.poll()
    site.now = NOW + jump
    aged = (NOW - 20 * DAY).isoformat()
    site.land("2.jsonl", event("during"), event("aged", timestamp=aged, receivedAt=aged), compress=False)
    old = (NOW - 40 * DAY).isoformat()
    site.land("3.jsonl", event("old", timestamp=old, receivedAt=old), compress=False)
    assert [(batch.loaded, batch.expired) for batch in site.poll()] == [(2, 1)]


def test_what_failed_while_the_clock_was_ahead_is_tried_again_at_once(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    failed = Entry("made://tests", "key", "version", bytes=0, modified=NOW, state="retrying", last_error="busy")
    with lake.write(NOW + YEAR) as transaction:
        transaction.finish([failed], NOW + YEAR)
    assert lake.pending([failed], NOW + YEAR) == [], "it is waited as long as ever where the clock is right"
    assert lake.pending([failed], NOW) == [0]
