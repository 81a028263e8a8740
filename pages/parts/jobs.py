"""Files that take long to make: each in a thread of its own, with progress, until fetched, cancelled or forgotten.

A few at a time, so that nobody fills the disk or the machine by asking again; every file lies in one folder that
goes when the process does.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pages.parts.unexpected import said
from pipeline.errors import ActivityError
from pipeline.questions.export import Progress

Make = Callable[[Path, Progress], object]

FORGOTTEN_AFTER = 120.0  # seconds without a look; browsers look once a minute from a tab in the background
AT_ONCE = 4


class Busy(ActivityError):
    """As many files as allowed are being made or wait to be fetched."""


class _Stopped(Exception):
    """Ends the making of a file that nobody waits for any more."""


@dataclass(slots=True)
class Job:
    """A file in the making: `rows` of `total` are written; `ready` once it can be fetched, or `problem` says why not.

    `name` and `media_type` are what it will be sent as; `owner` is whom it is made for.
    """

    path: Path
    name: str
    media_type: str
    total: int
    owner: str = ""
    rows: int = 0
    ready: bool = False
    problem: str = ""
    looked_at: float = field(default_factory=time.monotonic)
    stopped: bool = False


class Jobs:
    """At most `at_once` jobs. Safe to share between threads."""

    def __init__(self, at_once: int = AT_ONCE, forgotten_after: float = FORGOTTEN_AFTER) -> None:
        self._at_once, self._patience = at_once, forgotten_after
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._folder = Path(tempfile.mkdtemp(prefix="activity-exports-"))
        self.close = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def start(self, make: Make, *, name: str, media_type: str, total: int, owner: str = "") -> str:
        """Begin to make a file; the answer names it. Raises `Busy`."""
        identifier = secrets.token_urlsafe(16)
        job = Job(self._folder / identifier, name, media_type, total, owner)
        with self._lock:
            self._forget()
            if len(self._jobs) >= self._at_once:
                raise Busy(
                    f"{len(self._jobs)} other files are being prepared.",
                    code="export.busy",
                    hint="Wait for one of them, or cancel it.",
                )
            self._jobs[identifier] = job
        threading.Thread(target=self._make, args=(job, make), daemon=True, name="export").start()
        return identifier

    def look(self, identifier: str, owner: str = "") -> Job | None:
        """How far a file is; None when that `owner` never asked for it, or it was fetched, cancelled or forgotten."""
        with self._lock:
            self._forget()
            job = self._jobs.get(identifier)
            if job is None or job.owner != owner:
                return None
            job.looked_at = time.monotonic()
            return job

    def drop(self, identifier: str) -> None:
        """Stop making a file and remove it."""
        with self._lock:
            job = self._jobs.pop(identifier, None)
        if job is not None:
            self._end(job)

    def _make(self, job: Job, make: Make) -> None:
        def progress(rows: int, total: int) -> None:
            job.rows, job.total = rows, total
            if job.stopped or time.monotonic() - job.looked_at > self._patience:
                raise _Stopped

        try:
            make(job.path, progress)
            job.ready = True
        except _Stopped:
            job.stopped = True
        except Exception as error:
            job.problem = said(error)
        finally:
            if job.stopped:
                job.path.unlink(missing_ok=True)

    def _forget(self) -> None:
        """Drop what nobody asked about for long. Held under the lock."""
        now = time.monotonic()
        for identifier, job in list(self._jobs.items()):
            if now - job.looked_at > self._patience:
                self._end(self._jobs.pop(identifier))

    @staticmethod
    def _end(job: Job) -> None:
        job.stopped = True
        job.path.unlink(missing_ok=True)
