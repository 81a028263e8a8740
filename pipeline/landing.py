"""The landing store: where accepted events wait for the pipeline, and how an object of them comes to be there whole.

`v1/dt=YYYY-MM-DD/hh=HH/{received ms}-{uuid7}.jsonl.gz` (docs/wire.md, "Archives in S3"): the layout by which the
pipeline finds the newest hours without listing all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from secrets import randbits
from uuid import UUID

SUFFIX = ".jsonl.gz"
# The collector's mark on an event that is too long: stored as it came beside the others of its batch, and rejected.
TOO_LONG = "eventTooLong"


def object_key(received_ms: int, bits: Callable[[int], int] = randbits) -> str:
    """A new object's key, for events received at that Unix time; `bits(n)` gives n random bits."""
    hour = datetime.fromtimestamp(received_ms / 1000, UTC)
    return f"v1/dt={hour:%Y-%m-%d}/hh={hour:%H}/{received_ms}-{_uuid7(received_ms, bits)}{SUFFIX}"


def write_object(landing: Path, key: str, body: bytes) -> Path:
    """Write one object so that it is on disk when this returns, and is never seen in part, whatever fails.

    A hidden name first, then the rename; file and folders are flushed to disk, since a name is data of its folder.
    Raises `OSError`, and then nothing of the object is left.
    """
    path = landing / key
    _make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush(path.parent)
    except OSError:
        temporary.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise
    return path


def _make_folder(folder: Path) -> None:
    """Make the folder and those above it, each known to the disk before anything is put into it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _flush(folder.parent)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _uuid7(at_ms: int, bits: Callable[[int], int]) -> UUID:
    """RFC 9562: 48 bits of time, the version, 12 random bits, the variant, 62 random bits."""
    return UUID(int=at_ms << 80 | 0x7 << 76 | bits(12) << 64 | 0b10 << 62 | bits(62))
