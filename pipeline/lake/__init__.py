"""The lake: a DuckLake (Parquet by day, a catalog in SQLite) holding events, facts and the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from pipeline.errors import SnapshotGone
from pipeline.lake.backup import back_up
from pipeline.lake.commit import Batch, Transaction
from pipeline.lake.compiling import builder
from pipeline.lake.days import Days
from pipeline.lake.engine import Engine, is_whole, transaction
from pipeline.lake.ledger import Entry, Identity, unsettled
from pipeline.lake.lock import writer_lock
from pipeline.lake.schema import is_current, migrate, size_groups
from pipeline.lake.snapshot import Key, Snapshot
from pipeline.settings import Settings

__all__ = ["READING_THREADS", "Batch", "Entry", "Key", "Lake", "Snapshot", "Transaction"]

# Of a process that answers readers' questions. What a statement with two threads costs beside its work is half of a
# page's time, with both cores (docs/design.md); questions that read much are asked in shares, at once.
READING_THREADS = 1

_LATEST = """SELECT snapshot_id, snapshot_time::TIMESTAMPTZ FROM __ducklake_metadata_lake.ducklake_snapshot
             ORDER BY snapshot_id DESC LIMIT 1"""
_ONE = """SELECT snapshot_id, snapshot_time::TIMESTAMPTZ FROM __ducklake_metadata_lake.ducklake_snapshot
          WHERE snapshot_id = $1"""

_FAILED = """FROM lake.objects
             WHERE source = $1 AND state = 'retrying' AND NOT starts_with(last_error, 'object.gone')"""


class Lake:
    """The lake of one installation. Open once a process; safe to share between threads.

    Raises `LakeError` when it cannot be opened, or was written by a newer release.
    """

    def __init__(
        self, settings: Settings, *, threads: int | None = None, folder: Path | None = None, reading: bool = False
    ) -> None:
        """`folder` is another place than the settings' for it, such as that of a lake being rebuilt; `threads` and
        `reading` are as of `Engine`."""
        self.folder = folder or settings.lake
        self.backups = settings.backups
        self.dedupe_days = settings.dedupe_days
        settings.make_data_folder()
        self.folder.mkdir(exist_ok=True)
        self.engine = self._opened(settings.memory_limit_mb, threads, reading)
        self._builder = builder()
        self._days = Days(self.engine)

    def _opened(self, memory_mb: int, threads: int | None, reading: bool) -> Engine:
        """The engine over a current lake. Only making or migrating one takes the lock: a long batch, which holds it,
        must not keep readers from opening."""
        if is_whole(self.folder):
            engine = Engine(self.folder, memory_mb=memory_mb, threads=threads, reading=reading)
            with engine.cursor() as cursor:
                if is_current(cursor):
                    return engine
            engine.close()
        with writer_lock(self.lock_path, wait=600):
            whole = is_whole(self.folder)
            engine = Engine(self.folder, memory_mb=memory_mb, threads=threads)
            with engine.cursor() as cursor:
                if whole and not is_current(cursor):
                    back_up(self.folder, self.backups, datetime.now(UTC), "migration")
                    size_groups(cursor)  # of what the migration writes, too
                migrate(cursor)
                size_groups(cursor)
        if not reading:
            return engine
        engine.close()
        return Engine(self.folder, memory_mb=memory_mb, threads=threads, reading=True)

    @classmethod
    def open(cls, settings: Settings, *, threads: int | None = None, reading: bool = False) -> Lake:
        """Open the lake under `settings.data`, creating or migrating it where needed."""
        return cls(settings, threads=threads, reading=reading)

    @property
    def lock_path(self) -> str:
        return str(self.folder / "writer.lock")

    def snapshot(self, version: int | None = None) -> Snapshot:
        """The lake as it is now, or as it was at `version`. Raises `SnapshotGone` when that was removed."""
        with self.engine.cursor() as cursor:
            row = cursor.execute(*((_LATEST,) if version is None else (_ONE, [version]))).fetchone()
        if row is None:
            raise SnapshotGone(f"Snapshot {version} is gone.", hint="Show the current data instead.")
        return Snapshot(self.engine, self._builder, self._days, int(row[0]), row[1].astimezone(UTC))

    def pending(self, refs: Sequence[Identity], now: datetime) -> list[int]:
        """Which of `refs` (by position) are to be read now: not loaded, not rejected, not waiting for a retry."""
        with self.engine.cursor() as cursor:
            return unsettled(cursor, refs, now)

    def failed(self, source: str) -> list[tuple[str, str, str, int, datetime]]:
        """Source, key, ETag, size and time of all that `waiting` counts, due to be tried again or not."""
        with self.engine.cursor() as cursor:
            rows = cursor.execute(f"SELECT source, key, etag, bytes, modified {_FAILED}", [source]).fetchall()
        return [(*names, size, modified.astimezone(UTC)) for *names, size, modified in rows]

    def waiting(self, source: str) -> int:
        """How many objects of `source` could not be read yet and are tried again; those that are gone do not count."""
        with self.engine.cursor() as cursor:
            row = cursor.execute(f"SELECT count(*) {_FAILED}", [source]).fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def write(self, now: datetime, *, wait: float = 600) -> Iterator[Transaction]:
        """Hold the writer lock and a transaction for a batch; commit at the end, roll back on any error."""
        with writer_lock(self.lock_path, wait=wait), self.changing() as cursor:
            yield Transaction(cursor, now=now, dedupe_days=self.dedupe_days)

    @contextmanager
    def changing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction for whoever holds the writer lock; commit at the end, roll back on any error."""
        with self.engine.cursor() as cursor, transaction(cursor):
            yield cursor

    def close(self) -> None:
        self.engine.close()
