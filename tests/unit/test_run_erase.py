"""An erasure that an owner asked for on a customer's page: the scheduler does it, once, and nothing keeps the ID."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pipeline.commands.run import Scheduler
from tests.support import make_settings

NOW = datetime.now(UTC)
WHO = "cus_to_be_erased"


def test_who_is_to_be_erased_is_when_it_is_asked_for(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, workers=1)
    settings.landing_folder.mkdir()
    lines = [
        f'{{"type":"track","event":"A","messageId":"{who}","userId":"{who}","timestamp":"{NOW.isoformat()}"}}'
        for who in (WHO, "cus_who_stays")
    ]
    (settings.landing_folder / "1.jsonl").write_text("\n".join(lines) + "\n")
    scheduler = Scheduler(settings)
    scheduler.poll(NOW, lambda: False)
    scheduler.state.upkeep.ask("erase", WHO, NOW)
    scheduler.poll(NOW, lambda: False)
    [run] = scheduler.state.upkeep.last(kind="erase")
    assert run.problem is None
    assert run.outcome.startswith("1 event of ")
    assert WHO not in run.outcome
    assert scheduler.state.upkeep.asked("erase") == ()
    scheduler.poll(NOW, lambda: False)
    assert len(scheduler.state.upkeep.last(kind="erase")) == 1
    scheduler.close()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert WHO.encode() not in path.read_bytes(), path
