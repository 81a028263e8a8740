"""What was done to the lake, and how far behind it was: told also of what failed or was killed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.errors import LakeError
from pipeline.state import State, lags
from pipeline.state import upkeep as upkeep_module
from tests.support import NOW

SECOND = timedelta(seconds=1)


def test_a_run_says_what_it_did_and_how_long_it_took(tmp_path: Path) -> None:
    upkeep = State(tmp_path).upkeep
    times = iter([NOW, NOW + 3 * SECOND])
    with upkeep.running("merge", lambda: next(times)) as said:
        said("two files made one")
    [run] = State(tmp_path).upkeep.last()
    assert (run.kind, run.started_at, run.ended_at) == ("merge", NOW, NOW + 3 * SECOND)
    assert (run.outcome, run.problem) == ("two files made one", None)


def test_a_run_that_failed_says_why_and_quotes_no_foreign_error(tmp_path: Path) -> None:
    upkeep = State(tmp_path).upkeep
    with pytest.raises(LakeError), upkeep.running("merge", lambda: NOW):
        raise LakeError("It is full.")
    with pytest.raises(ValueError, match="anna"), upkeep.running("erase", lambda: NOW):
        raise ValueError("anna@example.com")
    assert [run.problem for run in upkeep.last()] == ["ValueError", "It is full."]
    assert [run.problem for run in upkeep.last(kind="merge")] == ["It is full."]


def test_a_run_that_was_killed_never_ended(tmp_path: Path) -> None:
    upkeep = State(tmp_path).upkeep
    running = upkeep.running("expire", lambda: NOW)
    running.__enter__()
    assert upkeep.last()[0].ended_at is None


def test_runs_are_kept_by_kind_so_that_frequent_ones_do_not_drive_out_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_module, "_KEPT", 3)
    upkeep = State(tmp_path).upkeep
    for kind in ("retain", *["expire"] * 5):
        with upkeep.running(kind, lambda: NOW):
            pass
    assert [run.kind for run in upkeep.last()] == ["expire"] * 3 + ["retain"]


def test_the_worst_lag_of_each_span_is_told_and_a_month_is_kept(tmp_path: Path) -> None:
    kept = State(tmp_path).lags
    kept.record(NOW - lags.KEPT - SECOND, 5, 1)
    for second, lag, waiting in ((0, 8.0, 0), (59, 7.5, 2), (60, 3.0, 0), (185, 200.0, 9)):
        kept.record(NOW + second * SECOND, lag, waiting)
    found = kept.worst(NOW, NOW + 185 * SECOND, timedelta(minutes=1))
    assert [(each.number, each.seconds, each.waiting) for each in found] == [(0, 8.0, 2), (1, 3.0, 0)]
    assert kept.kept(NOW, NOW + 186 * SECOND, 8) == (3, 4)
    assert kept.kept(NOW - 2 * lags.KEPT, NOW, 8) == (0, 0), "the oldest is gone"


def test_a_run_is_asked_for_once_until_it_is_over(tmp_path: Path) -> None:
    upkeep = State(tmp_path).upkeep
    for second, about in enumerate(("line.not_json", "", "line.not_json")):
        upkeep.ask("replay", about, NOW + second * SECOND)
    assert State(tmp_path).upkeep.asked("replay") == ("line.not_json", "")
    assert upkeep.asked("erase") == ()
    upkeep.answered("replay", "line.not_json")
    assert upkeep.asked("replay") == ("",)
