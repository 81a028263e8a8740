"""A catalog or a file that is lost or damaged: said so, and never mistaken for a lake that has not been made yet."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pipeline.errors import LakeError
from pipeline.lake import Lake
from pipeline.lake.engine import CATALOG, translated
from tests.support import NOW, add_events, make_lake, make_settings


@pytest.mark.parametrize("left", [b"", None], ids=["emptied", "deleted"])
def test_no_second_lake_begins_where_the_catalog_of_the_first_is_lost(tmp_path: Path, left: bytes | None) -> None:
    make_lake(tmp_path, [{"message_id": "a"}]).close()
    catalog = tmp_path / "lake" / CATALOG
    for path in tmp_path.glob(f"lake/{CATALOG}*"):
        path.unlink()
    if left is not None:
        catalog.write_bytes(left)
    with pytest.raises(LakeError, match=r"gone or empty.*backup --list.*rebuild") as caught:
        Lake.open(make_settings(tmp_path))
    assert caught.value.code == "lake.damaged"
    assert (catalog.read_bytes() if left is not None else catalog.exists()) == (left if left is not None else False)


def test_a_lake_whose_making_was_cut_short_is_made_to_its_end(tmp_path: Path) -> None:
    made = tmp_path / "lake" / "files" / "main" / "migrations"
    made.mkdir(parents=True)
    (made / "left.parquet").write_bytes(b"")
    Lake.open(make_settings(tmp_path)).close()


def test_nothing_is_written_to_a_catalog_that_was_deleted(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    (tmp_path / "lake" / CATALOG).unlink()
    with pytest.raises(LakeError, match="The lake's catalog is damaged: it is gone"):
        add_events(lake, [{"message_id": "b"}], key="later")
    with pytest.raises(LakeError, match="it is gone"):
        lake.snapshot()


def test_a_file_that_the_newest_snapshot_needs_is_missed_as_such(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a", "occurred_at": NOW}])
    for path in tmp_path.glob("lake/files/main/events/**/*.parquet"):
        path.unlink()
    snapshot = lake.snapshot()
    with pytest.raises(LakeError, match="A file of the lake is missing") as caught:
        snapshot.fetch(snapshot.events)
    assert caught.value.code == "lake.damaged"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ('Could not write file "a.parquet": No space left on device', "disk.full"),
        ('Failed to execute query "COMMIT": database or disk is full', "disk.full"),
        ('Cannot open file "a.parquet": Disk quota exceeded', "disk.full"),
        ('Cannot open file "a.parquet": Too many open files', "files.too_many"),
    ],
)
def test_what_the_machine_is_short_of_is_no_damage_and_no_snapshot_that_is_gone(said: str, code: str) -> None:
    with pytest.raises(LakeError, match="it is tried again") as caught, translated():
        raise duckdb.IOException(said)
    assert caught.value.code == code
