"""Making room for the publisher's own events: the demo goes, whole, and nothing else with it."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import dataclass
from pathlib import Path
from zlib import error as ZlibError

import orjson

from pipeline.demo import keys, objects
from pipeline.demo.history import BROKEN, GEO_FILE
from pipeline.demo.plan import FILE, Plan
from pipeline.landing import SUFFIX, object_key
from pipeline.state import State


@dataclass(frozen=True, slots=True)
class Removed:
    """What a removal came to: objects deleted and rewritten, and lines of others that stay in the landing folder."""

    objects: int = 0
    rewritten: int = 0
    kept_lines: int = 0


def remove(data: Path) -> Removed | None:
    """Remove the demo's events, keys, geo database and the lake; None when there is no demo.

    The pipeline loads what is left into a new lake. Nothing of the demo must be running. The plan goes last, so an
    interrupted removal can be repeated; an object then found in both forms counts once, by its events' message ids.
    """
    if Plan.read(data) is None:
        return None
    removed = _clear(data / "landing")
    shutil.rmtree(data / "lake", ignore_errors=True)
    state = State(data)
    keys.retire(state, data)
    state.forget_others(())  # its polls speak of a lake that is gone
    for name in (GEO_FILE, FILE):
        (data / name).unlink(missing_ok=True)
    return removed


def _clear(landing: Path) -> Removed:
    deleted = rewritten = kept = 0
    for path in sorted(landing.rglob(f"*{SUFFIX}")):
        lines = _lines(path)
        others = [line for line in lines if not _is_demo(line)]
        if len(others) < len(lines):
            if others:
                # Written whole before the old one goes: at no moment is an event of theirs in no object.
                objects.put(landing, object_key(_received_ms(path)), others)
            path.unlink()
            deleted, rewritten = deleted + (not others), rewritten + bool(others)
        kept += len(others)
    _drop_empty_folders(landing)
    return Removed(deleted, rewritten, kept)


def _received_ms(path: Path) -> int:
    """By the object's name, as the collector gives them; else by the file's age."""
    name = path.name.partition("-")[0]
    return int(name) if name.isdigit() else int(path.stat().st_mtime * 1000)


def _lines(path: Path) -> list[bytes]:
    """The object's lines; none when it cannot be read, and then it is not the demo's."""
    try:
        return [line for line in gzip.decompress(path.read_bytes()).split(b"\n") if line.strip()]
    except (OSError, EOFError, ZlibError):
        return []


def _is_demo(line: bytes) -> bool:
    """Whether it is known to be the demo's: by its source, or as one of those it broke on purpose."""
    return _source(line) in keys.SOURCES or line in BROKEN


def _source(line: bytes) -> str | None:
    """The source that the line names; of two members of that name the later counts, which is the collector's."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    source = event.get("source") if isinstance(event, dict) else None
    return source if isinstance(source, str) else None


def _drop_empty_folders(landing: Path) -> None:
    for folder in sorted(landing.rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
