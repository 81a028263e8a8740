"""The writer lock: one writer at a time, held for a batch and not for a process's life.

DuckLake has no unique keys, so two transactions may insert the same rows without a conflict; the lock is what
makes exactly-once hold between processes. It is an advisory lock on a file, which the kernel drops when its holder
dies.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import LakeBusy, LakeError, short_of

_REPLACED = "replaced"


@contextmanager
def writer_lock(path: Path | str, *, wait: float) -> Iterator[None]:
    """Hold the lock at `path`, waiting up to `wait` seconds. Raises `LakeBusy` when another holds it longer."""
    deadline = time.monotonic() + wait
    handle = _opened(path)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LakeBusy(
                        "Another process is writing to the lake.",
                        hint="Wait for it to finish, or stop it, then try again.",
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def _opened(path: Path | str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise short_of(error, "the lake") or LakeError(
            f"The lake's lock {path} cannot be opened: {error.strerror}.",
            hint="Let the user that runs this write the data folder.",
            code="lake.unwritable",
        ) from None


@contextmanager
def replacing(folder: Path) -> Iterator[None]:
    """Around what puts other data in the place of the lake's: whoever begins to read meanwhile waits, whoever had begun
    before learns of it at the end (`which_lake`). The kernel drops the lock of a process that dies."""
    temporary = folder / ".replaced.tmp"
    handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.replace(temporary, folder / _REPLACED)
        yield
    finally:
        os.close(handle)


def which_lake(folder: Path) -> tuple[int, int]:
    """Changes when other data takes the place of the lake's: by a restore or a rebuild, never by writing to it."""
    try:
        stat = (folder / _REPLACED).stat()
    except OSError:
        return 0, 0
    return stat.st_ino, stat.st_mtime_ns


def wait_until_replaced(folder: Path) -> None:
    """Wait while a replacement goes on, for as long as it takes to copy the catalog."""
    with suppress(FileNotFoundError), (folder / _REPLACED).open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
