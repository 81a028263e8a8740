"""The geo database file: opened from a private copy, replaced when the file is, and never a reason to stop.

A file overwritten in place crashes a process that has it mapped (SIGBUS). maxminddb's MODE_MEMORY avoids that but
reads in pure Python (47 µs an address against 8 µs, measured); a copy of our own, unlinked once mapped, gives both.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import maxminddb

State = Literal["none", "missing", "corrupt", "ready"]
Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class GeoStatus:
    """What the Pipeline page says: `none` is configured, the file is `missing` or `corrupt`, or it is `ready`."""

    state: State
    path: Path | None = None
    type: str = ""
    built: datetime | None = None
    problem: str = ""


class GeoDatabase:
    """Look up addresses in the file at `path`, whichever file that is by now; `refresh()` looks once a batch."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.status = GeoStatus("none")
        self._reader: maxminddb.Reader | None = None
        self._signature: Signature | None = None
        self.refresh()

    def refresh(self) -> bool:
        """Open the file anew if another one is there; true when answers may differ from before."""
        if self.path is None:
            return False
        signature = _signature(self.path)
        if signature is None:
            changed = self.status.state != "missing"
            self._close(GeoStatus("missing", self.path, problem=f"{self.path} is not there or cannot be read."))
        elif changed := signature != self._signature:
            # What could not be read (a full disk, no permission) is tried again; what is corrupt is once and for all.
            signature = signature if self._open(self.path) else None
        self._signature = signature
        return changed

    def get(self, address: str) -> Any:
        """The record of an address, or None: not in the database, no address, or no database."""
        if self._reader is None:
            return None
        try:
            return self._reader.get(address)
        except ValueError:  # no address, or IPv6 in an IPv4 database
            return None
        except (maxminddb.InvalidDatabaseError, UnicodeError, OSError) as error:
            self._close(self._corrupt(error))
            return None

    def _open(self, path: Path) -> bool:
        """Open the file, or say in the status why not; false when the next try may go better."""
        try:
            reader = _open_copy(path)
            metadata = reader.metadata()
            built = datetime.fromtimestamp(metadata.build_epoch, UTC)
        except (maxminddb.InvalidDatabaseError, ValueError, ArithmeticError) as error:
            self._close(self._corrupt(error))
            return True
        except OSError as error:
            self._close(self._corrupt(error))
            return False
        self._close(GeoStatus("ready", path, metadata.database_type, built))
        self._reader = reader
        return True

    def _corrupt(self, error: Exception) -> GeoStatus:
        return GeoStatus("corrupt", self.path, problem=f"{self.path} is no readable MaxMind DB: {error}")

    def _close(self, status: GeoStatus) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None
        self.status = status


def _open_copy(path: Path) -> maxminddb.Reader:
    descriptor, copy = tempfile.mkstemp(suffix=".mmdb")
    try:
        with os.fdopen(descriptor, "wb") as target, path.open("rb") as source:
            shutil.copyfileobj(source, target, 1 << 20)
        return maxminddb.open_database(copy, maxminddb.MODE_AUTO)
    finally:
        os.unlink(copy)


def _signature(path: Path) -> Signature | None:
    """Tells one file from the next at the same path: a rename changes the inode, a rewrite the time."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
