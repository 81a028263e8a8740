"""One-off loads are remembered, with what their objects were called, so that a rebuild can repeat them."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.recovery.places import Places
from pipeline.recovery.verify import verify
from pipeline.settings import SourceSpec
from pipeline.state import State
from tests.support import NOW, make_settings
from tests.support_cli import pipeline
from tests.unit.test_run import Site, event


def test_a_load_is_remembered_once_in_its_order(tmp_path: Path) -> None:
    loads = State(tmp_path).loads
    first, second = SourceSpec("s3://b/2", "segment", "shop"), SourceSpec("/a/1")
    for spec in (first, second, first):
        loads.remember(spec, NOW)
    assert set(State(tmp_path).loads.all()) == {first, second}
    assert len(loads.all()) == 2


def test_objects_loaded_under_a_name_are_read_again_under_it(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    line = {name: value for name, value in event("a").items() if name != "source"}
    (archive / "old.jsonl").write_text(json.dumps(line) + "\n")
    assert pipeline(tmp_path, "load", "archive", "--name", "shop").returncode == 0
    site = Site(tmp_path)
    assert [row["source"] for row in site.events()] == ["shop"]
    assert Places(make_settings(tmp_path)).all[-1] == SourceSpec(str(archive), "auto", "shop")
    report = verify(site.settings, site.lake, NOW, objects=True)
    assert (report.objects_read, report.differences) == (1, []), "under another name it would be another event"
