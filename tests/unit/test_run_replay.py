"""A replay that the Pipeline page asked for: the scheduler does it, once, and says what it came to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pipeline.commands.run import Scheduler
from pipeline.lake import Lake
from pipeline.questions import ledger
from tests.support import make_settings

NOW = datetime.now(UTC)
LINE = f'{{"type":"track","event":"A","messageId":"m","anonymousId":"a","timestamp":"{NOW.isoformat()}"}}'


def test_a_replay_is_done_when_it_is_asked_for_and_is_over_then(tmp_path: Path) -> None:
    strict = make_settings(tmp_path, max_line_bytes=1_000, workers=1)
    strict.landing_folder.mkdir()
    long = LINE.replace("}", ',"properties":{"x":"' + "y" * 2_000 + '"}}')
    (strict.landing_folder / "1.jsonl").write_text(f"{long}\n{{broken\n")
    scheduler = Scheduler(strict)
    scheduler.poll(NOW, lambda: False)
    scheduler.close()
    assert _totals(tmp_path) == (2, 0, 2)
    mended = Scheduler(make_settings(tmp_path, workers=1))
    mended.state.upkeep.ask("replay", "", NOW)
    mended.poll(NOW, lambda: False)
    assert mended.state.upkeep.asked("replay") == ()
    [run] = mended.state.upkeep.last(kind="replay")
    assert run.outcome.startswith("2 lines = 1 loaded + 0 duplicate + 0 expired + 1 still rejected")
    mended.poll(NOW, lambda: False)
    assert len(mended.state.upkeep.last(kind="replay")) == 1
    mended.close()
    assert _totals(tmp_path) == (2, 1, 1)


def _totals(folder: Path) -> tuple[int, int, int]:
    lake = Lake.open(make_settings(folder))
    found = ledger.totals(lake.snapshot())
    lake.close()
    assert found.balanced
    return found.lines, found.loaded, found.rejected
