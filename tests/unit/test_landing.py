"""Objects in the landing folder: whole or not there, under keys the pipeline finds."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pipeline.landing import object_key, write_object


def test_the_key_tells_the_hour_and_is_never_the_same() -> None:
    keys = {object_key(1_795_166_101_400) for _ in range(100)}
    assert len(keys) == 100
    for key in keys:
        uuid7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
        assert re.fullmatch(rf"v1/dt=2026-11-20/hh=09/1795166101400-{uuid7}\.jsonl\.gz", key)


def test_file_and_folders_are_flushed_before_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `fsync` was called for, by path, around the rename: the only order that survives a power cut."""
    steps: list[str] = []
    flush, rename = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        steps.append(f"flush {Path(os.readlink(f'/proc/self/fd/{descriptor}')).relative_to(tmp_path)}")
        flush(descriptor)

    def replace(source: Path, target: Path) -> None:
        steps.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    write_object(tmp_path, "v1/dt=1/x.gz", b"body")
    assert steps == ["flush .", "flush v1", "flush v1/dt=1/.x.gz.tmp", "rename", "flush v1/dt=1"]
    assert [path.name for path in (tmp_path / "v1" / "dt=1").iterdir()] == ["x.gz"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "v1").mkdir()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_object(tmp_path, "v1/x.gz", b"body")
    assert not list((tmp_path / "v1").iterdir())
