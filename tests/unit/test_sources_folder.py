"""What only folders can get wrong."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import SourceError
from pipeline.settings import SourceSpec
from pipeline.sources import Sweep, open_source

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


def keys(uri: object, sweep: Sweep = Sweep.ALL) -> list[str]:
    return [ref.key for ref in open_source(SourceSpec(str(uri))).list(NOW, sweep)]


def test_a_missing_folder_is_an_error_with_a_hint_not_an_empty_list(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="There is no folder or file") as caught:
        keys(tmp_path / "landing")
    assert (caught.value.code, bool(caught.value.hint)) == ("source.missing", True)


def test_files_still_being_written_and_hidden_ones_are_passed_over(tmp_path: Path) -> None:
    for name in ("a.jsonl", ".b.jsonl", "_SUCCESS", "c.jsonl.tmp", "d.gz.part", "e~", "no-suffix"):
        (tmp_path / name).write_text("{}")
    for folder in (".git", "_temporary"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.jsonl").write_text("{}")
    assert keys(tmp_path) == ["a.jsonl", "no-suffix"]
    assert keys(tmp_path, Sweep.RECENT) == ["a.jsonl", "no-suffix"]


def test_a_file_is_an_object_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}")
    of_folder = next(iter(open_source(SourceSpec(str(tmp_path))).list(NOW, Sweep.ALL)))
    of_file = next(iter(open_source(SourceSpec(str(tmp_path / "a.jsonl"))).list(NOW, Sweep.ALL)))
    assert of_file == of_folder


def test_a_file_uri_and_its_path_name_the_same_source(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    by_path = open_source(SourceSpec(f"{folder}/../with space/"))
    by_uri = open_source(SourceSpec(f"file://{tmp_path.as_posix()}/with%20space"))
    assert by_path.uri == by_uri.uri == f"file://{folder}"


def test_links_are_followed_and_never_in_circles(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.jsonl").write_text("{}")
    top = tmp_path / "top"
    (top / "below").mkdir(parents=True)
    (top / "linked").symlink_to(elsewhere)
    (top / "below" / "up").symlink_to(top)
    (top / "dangling").symlink_to(tmp_path / "nothing")
    assert keys(top) == ["linked/a.jsonl"]


def test_a_name_that_is_not_utf8_is_an_error_that_names_it(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl")).write_text("{}")
    with pytest.raises(SourceError, match="not UTF-8") as caught:
        keys(tmp_path)
    assert caught.value.hint == "Rename it."


def test_a_file_made_after_the_source_is_found(tmp_path: Path) -> None:
    source = open_source(SourceSpec(str(tmp_path / "later.jsonl")))
    (tmp_path / "later.jsonl").write_text("{}")
    (ref,) = source.list(NOW, Sweep.ALL)
    assert ref.key == "later.jsonl"
    with source.fetch(ref, max_inflated=10) as file:
        assert file.read() == b"{}"


def test_another_kind_of_uri_is_refused() -> None:
    with pytest.raises(SourceError, match="no source") as caught:
        open_source(SourceSpec("gs://bucket"))
    assert caught.value.code == "source.unknown"


def test_a_folder_deep_inside_an_archive_still_shows_its_layout(tmp_path: Path) -> None:
    day = tmp_path / "segment-logs" / "shop" / "1795392000000"
    day.mkdir(parents=True)
    (day / "1.gz").write_text("{}")
    (ref,) = open_source(SourceSpec(str(day))).list(NOW, Sweep.RECENT)
    assert ref.path.endswith("/segment-logs/shop/1795392000000/1.gz")
