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
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import LakeBusy


@contextmanager
def writer_lock(path: Path | str, *, wait: float) -> Iterator[None]:
    """Hold the lock at `path`, waiting up to `wait` seconds. Raises `LakeBusy` when another holds it longer."""
    deadline = time.monotonic() + wait
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
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
