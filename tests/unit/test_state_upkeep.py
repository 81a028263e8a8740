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


def test_lags_are_kept_for_a_month(tmp_path: Path) -> None:
    kept = State(tmp_path).lags
    kept.record(NOW - lags.KEPT - SECOND, 5, 1)
    kept.record(NOW - SECOND, 7.5, 2)
    kept.record(NOW, 8, 0)
    assert [(lag.at, lag.seconds, lag.waiting) for lag in kept.since(NOW - lags.KEPT * 2)] == [
        (NOW - SECOND, 7.5, 2),
        (NOW, 8, 0),
    ]
    assert [lag.seconds for lag in kept.since(NOW)] == [8]
