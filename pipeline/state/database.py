"""The state database's tables, and how it is opened. Times are seconds since the epoch, UTC: SQLite has no type for
them."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, ExceptionContext, MetaData, create_engine, event
from sqlalchemy.schema import CreateTable

from pipeline.errors import ActivityError

METADATA = MetaData()
WAIT_SECONDS = 10  # for others who write


def open_database(folder: Path) -> Engine:
    """The database in `folder`, made where it is missing. Raises `ActivityError` when it cannot be opened."""
    engine = create_engine(f"sqlite:///{folder / 'state.sqlite'}", connect_args={"timeout": WAIT_SECONDS})
    event.listen(engine, "connect", _use_wal)
    event.listen(engine, "handle_error", _translate)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            _make(engine)
            return engine
        except ActivityError as error:
            # While another process turns a new database to WAL, SQLite refuses at once, whatever it is told to wait.
            if not _is_locked(error.__cause__) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _make(engine: Engine) -> None:
    with engine.begin() as con:
        for table in METADATA.sorted_tables:  # by SQLite's own check: several processes may start at once
            con.execute(CreateTable(table, if_not_exists=True))


def _is_locked(error: BaseException | None) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _translate(context: ExceptionContext) -> None:
    """Raise what SQLite says of its file in the reader's words: whoever runs goes on once there is room again."""
    error = context.original_exception
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
        full = "full" in str(error)
        raise ActivityError(
            f"The state database cannot be used: {error}.",
            hint="Free some space on the disk; it is tried again." if full else "Is the data folder writable?",
            code="disk.full" if full else "state.unusable",
        ) from error


def _use_wal(connection: Any, _record: Any) -> None:
    """Readers must not block the heartbeat, nor it them."""
    connection.execute("PRAGMA journal_mode=WAL")


def time_at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def maybe_time(seconds: float | None) -> datetime | None:
    return None if seconds is None else time_at(seconds)
