"""Rebuilding: a lost, damaged or good lake comes back from its objects with the same rows, never with fewer unsaid."""

from __future__ import annotations

import json
import os
import shutil
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import LakeBusy, LakeError, SnapshotGone, SourceError
from pipeline.lake import Lake, backup, maintain
from pipeline.lake.engine import CATALOG
from pipeline.questions import ledger
from pipeline.recovery.rebuild import Rebuilt, rebuild
from pipeline.recovery.verify import verify
from pipeline.settings import SourceSpec
from tests.support_cli import pipeline
from tests.unit.test_run import NOW, Site, event


def everything(site: Site) -> list[dict[str, Any]]:
    """Every row with every column but `ingested_at`, in a canonical order."""
    rows = [{**row, "ingested_at": None, "person_number": None} for row in site.events()]
    return sorted(rows, key=lambda row: (str(row["event_id"]), row["occurred_at"]))


def again(site: Site, **options: bool) -> Rebuilt:
    return rebuild(site.settings, lambda: site.now, **options)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Rounds of objects: late ones, overwritten ones, redelivered events with other content, bad lines and objects."""
    made = Site(tmp_path)
    for number in range(4):
        for part in ("z", "a", "m"):
            path = made.land(
                f"v1/{part}{3 - number}.jsonl.gz",
                event(f"{number} {part}", userId=f"u{number % 2}", context={"ip": f"192.0.2.{number}"}),
                event(f"{number} shared", properties={"first": f"{part}{number}"}),
                event("everywhere", event=f"Seen {part}{number}"),
                "{broken",
            )
            at = (NOW + timedelta(seconds=60 * number + ord(part))).timestamp()
            os.utime(path, (at, at))
        made.poll()
    made.land("v1/whole.jsonl.gz", event("never")).write_bytes(b"\x1f\x8bno gzip")
    made.poll()
    return made


def test_a_good_lake_comes_back_with_every_column_of_every_row(site: Site) -> None:
    before, totals, version = everything(site), ledger.totals(site.snapshot), site.snapshot.version
    done = again(site)
    assert (done.before, done.lost, done.totals) == (17, 0, totals)
    assert everything(site) == before
    assert site.snapshot.version > version, "a number that a reader knows never means other data"
    with pytest.raises(SnapshotGone):
        site.lake.snapshot(version)
    assert verify(site.settings, site.lake, NOW, objects=True).differences == []
    assert site.poll() == []
    assert not (site.settings.data / "lake.rebuilding").exists()


@pytest.mark.parametrize("damage", ["lost", "catalog", "files"])
def test_a_lost_or_damaged_lake_comes_back_with_the_same_rows(site: Site, damage: str) -> None:
    before, totals = everything(site), ledger.totals(site.snapshot)
    site.lake.close()
    lake = site.settings.lake
    if damage == "lost":
        shutil.rmtree(lake)
    elif damage == "catalog":
        (lake / CATALOG).write_bytes(b"no database at all" * 1_000)
        with pytest.raises(LakeError, match="rebuild"):
            Lake.open(site.settings)
    else:
        shutil.rmtree(lake / "files/main/events")
    done = again(site)
    assert (done.before, done.totals) == (None, totals)
    site.lake = Lake.open(site.settings)
    assert everything(site) == before
    assert verify(site.settings, site.lake, NOW, objects=True).differences == []
    site.land("v1/new.jsonl.gz", event("new"), event("everywhere"))
    assert [(batch.loaded, batch.duplicate) for batch in site.poll()] == [(1, 1)]


def test_a_lake_with_events_that_are_in_no_object_any_more_stays(site: Site) -> None:
    before, version = everything(site), site.snapshot.version
    (site.settings.landing_folder / "v1/z3.jsonl.gz").unlink()
    with pytest.raises(LakeError) as caught:
        again(site)
    assert caught.value.code == "rebuild.would_lose"
    assert (everything(site), site.snapshot.version) == (before, version)
    assert not (site.settings.data / "lake.rebuilding").exists()
    assert again(site, force=True).lost == 1


def test_a_source_that_is_away_stops_it(site: Site) -> None:
    before = everything(site)
    site.settings = site.settings.model_copy(update={"sources": (SourceSpec(str(site.settings.data / "nowhere")),)})
    with pytest.raises(SourceError, match="Nothing was changed"):
        again(site)
    assert everything(site) == before
    assert again(site, force=True).lost == 0


def test_what_was_loaded_once_by_hand_comes_back_under_its_name(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    line = {name: value for name, value in event("a").items() if name != "source"}
    (archive / "old.jsonl").write_text(json.dumps(line) + "\n")
    pipeline(tmp_path, "load", str(archive / "old.jsonl"), "--name", "shop")
    site = Site(tmp_path)
    before = everything(site)
    assert [row["source"] for row in before] == ["shop"]
    (archive / "never loaded.jsonl").write_text(json.dumps(event("other")) + "\n")
    site.lake.close()
    shutil.rmtree(site.settings.lake)
    done = pipeline(tmp_path, "rebuild")
    assert done.returncode == 0, done.stderr
    assert "1 object, 1 line = 1 loaded" in done.stdout
    site.lake = Lake.open(site.settings)
    assert everything(site) == before


def test_readers_go_on_while_it_is_made_and_are_moved_to_the_new_lake(site: Site) -> None:
    before, stop, problems = everything(site), threading.Event(), list[Exception]()

    def read() -> None:
        while not stop.is_set():
            try:
                assert len(site.events()) == len(before)
            except SnapshotGone:
                pass  # pinned just before the new lake took the place: the page shows the current one
            except Exception as error:
                problems.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(3):
            again(site)
    finally:
        stop.set()
        reader.join()
    assert problems == []
    assert everything(site) == before


def test_the_pipeline_waits_and_the_old_catalog_is_kept_as_a_backup(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(site)
    tried: list[type[Exception]] = []

    def try_to_write(what: str, done: int, of: int) -> None:
        try:
            with site.lake.write(NOW, wait=0.05):
                pass
        except LakeBusy as error:
            tried.append(type(error))

    rebuild(site.settings, lambda: site.now, progress=try_to_write)
    assert set(tried) == {LakeBusy}
    [kept] = backup.list_backups(site.settings.backups)
    assert kept.why == "rebuild"
    backup.restore(site.settings.lake, site.settings.backups, kept.path, NOW)
    assert everything(site) == before


def test_what_the_new_lake_does_not_need_is_cleaned_up_and_what_it_needs_stays(site: Site) -> None:
    before, files = everything(site), len(list(site.settings.lake.rglob("*.parquet")))
    again(site)
    assert len(list(site.settings.lake.rglob("*.parquet"))) > files
    maintain.expire(site.lake, NOW + timedelta(days=30), hours=1)
    assert len(list(site.settings.lake.rglob("*.parquet"))) < files
    assert everything(site) == before


def test_a_rebuild_that_was_killed_leaves_nothing_in_the_way(site: Site) -> None:
    before = everything(site)

    def kill(what: str, done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(site.settings, lambda: site.now, progress=kill)
    left = site.settings.data / "lake.rebuilding"
    shutil.copytree(site.settings.lake, left)  # as kill -9 would leave it
    assert again(site).lost == 0
    assert everything(site) == before
    assert not left.exists()
