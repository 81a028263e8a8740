"""Backups of the lake's catalog: each whole, in a file beside the lake, and how one takes the catalog's place.

A catalog names the Parquet files that are the lake, and a backup holds none of them. So it can be restored as long as
they are there: for a day or two at least, since merged files go only once no snapshot needs them, and for longer where
nothing was merged. What landed since is loaded again by the pipeline, as the restored ledger does not know it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pipeline.errors import LakeError
from pipeline.lake.engine import CATALOG
from pipeline.lake.lock import replacing, writer_lock
from pipeline.lake.sqlite_apart import copy

Why = Literal["daily", "migration", "asked", "restore", "rebuild"]

_UNKNOWN = 1_000_000  # snapshots that a catalog may have made since its last backup
_TIME = "%Y%m%dT%H%M%SZ"
# Of the catalog's newest snapshot: each file by its place below the lake's files, and its size.
_FILES = """
SELECT s.path || t.path || f.path, f.file_size_bytes
FROM (SELECT table_id, path, file_size_bytes, end_snapshot FROM ducklake_data_file
      UNION ALL SELECT table_id, path, file_size_bytes, end_snapshot FROM ducklake_delete_file) f
JOIN ducklake_table t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
JOIN ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
WHERE f.end_snapshot IS NULL
"""


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup; `why` it was taken: daily, before a migration, because somebody asked, or before a restore or a
    rebuild."""

    path: Path
    taken_at: datetime
    why: str


def back_up(lake: Path, backups: Path, now: datetime, why: Why) -> Backup:
    """Copy the catalog of the lake in that folder, while others may read and write it.

    SQLite's own backup copies one state of it whole; the copy has its name only once it is checked and on disk. Raises
    `LakeError` when the catalog cannot be read, and then there is no new backup.
    """
    path = backups / f"catalog-{now.astimezone(UTC):{_TIME}}-{why}.sqlite"
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        backups.mkdir(exist_ok=True)
        _copy_whole(lake / CATALOG, temporary)
        _flush(temporary)
        os.replace(temporary, path)
        _flush(backups)
    except (sqlite3.Error, OSError) as error:
        raise LakeError(
            f"The lake's catalog could not be backed up: {error}.",
            hint="Is the disk full? If the catalog is damaged: python -m pipeline backup --list",
            code="backup.failed",
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return Backup(path, now, why)


def list_backups(backups: Path) -> list[Backup]:
    """All backups, newest first."""
    found = []
    for path in backups.glob("catalog-*.sqlite"):
        _, _, rest = path.stem.partition("-")
        time, _, why = rest.partition("-")
        with suppress(ValueError):
            found.append(Backup(path, datetime.strptime(time, _TIME).replace(tzinfo=UTC), why))
    return sorted(found, key=lambda backup: (backup.taken_at, backup.path.name), reverse=True)


def prune(backups: Path, now: datetime, days: int) -> list[Backup]:
    """Remove backups older than `days`, but never the newest ones, as many as days: a clock that is a year ahead must
    not remove them all. Returns those that went."""
    old = [each for each in list_backups(backups)[days:] if now - each.taken_at > timedelta(days=days)]
    for backup in old:
        backup.path.unlink(missing_ok=True)
    return old


def remove_all(backups: Path) -> int:
    """Remove every backup, as an erasure must: their statistics may name a person. Returns how many there were."""
    found = list_backups(backups)
    for backup in found:
        backup.path.unlink(missing_ok=True)
    return len(found)


def missing_files(lake: Path, catalog: Path) -> int:
    """How many files of the lake `catalog` names that are no longer there, or not of that size.

    Raises `LakeError` for a catalog that is damaged.
    """
    try:
        with closing(_read_only(catalog)) as con:
            _check(con)
            files = con.execute(_FILES).fetchall()
    except sqlite3.Error as error:
        raise LakeError(f"{catalog.name} is damaged: {error}.", code="backup.damaged") from None
    return sum(_size(lake / "files" / path) != size for path, size in files)


def restore(lake: Path, backups: Path, backup: Path, now: datetime) -> None:
    """Put a backup in the catalog's place; the present catalog, where it is readable, becomes a backup first.

    Whoever has the lake open moves to the restored one with the next question. Raises `LakeError` when files that the
    backup names are gone, and changes nothing.
    """
    lake.mkdir(exist_ok=True)
    with writer_lock(lake / "writer.lock", wait=600):
        if gone := missing_files(lake, backup):
            raise LakeError(
                f"{gone:,} files that {backup.name} needs are gone. Nothing was changed.",
                hint="Take a newer backup, or make the lake again from its objects: python -m pipeline rebuild",
                code="backup.files_gone",
            )
        if (lake / CATALOG).exists():
            with suppress(LakeError):
                back_up(lake, backups, now, "restore")
        restored = lake / f".{CATALOG}.restored"
        _copy_whole(backup, restored)
        _install(lake, backups, restored)


def take_place(new: Path, lake: Path, backups: Path, now: datetime) -> None:
    """Let the lake in the folder `new`, which nobody has open, take the place of that in `lake`, in one step.

    Its files go beside the old ones, whose names are others; those are kept for readers, until maintenance finds that
    nothing needs them. The old catalog, where it is readable, becomes a backup. The caller holds the writer lock.
    """
    with suppress(LakeError):
        back_up(lake, backups, now, "rebuild")
    catalog = new / CATALOG
    with closing(sqlite3.connect(catalog, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode = DELETE")
        con.execute("UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path'", [f"{lake / 'files'}/"])
    for path in [each for each in (new / "files").rglob("*") if each.is_file()]:
        place = lake / "files" / path.relative_to(new / "files")
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)
    os.sync()
    _install(lake, backups, catalog)


def newest_snapshot(catalog: Path) -> int:
    """The number of the newest snapshot; 0 for a catalog that cannot be read."""
    try:
        with closing(_read_only(catalog)) as con:
            return int(con.execute("SELECT max(snapshot_id) FROM ducklake_snapshot").fetchone()[0])
    except (sqlite3.Error, TypeError):
        return 0


def _install(lake: Path, backups: Path, new: Path) -> None:
    """Let the database `new`, of which nothing is in a log, become the lake's catalog; its files are there already.

    A catalog that can be read is overwritten in one transaction of SQLite's: others may have it open, and a database
    that is in use must not be moved. What cannot be read is replaced by file, without what its log would do to the new.
    """
    catalog, present = lake / CATALOG, lake / f".{CATALOG}.present"
    readable = True
    try:
        _copy_whole(catalog, present)
    except sqlite3.Error:
        readable = False
    used = max((newest_snapshot(each) for each in (present, *backups.glob("*.sqlite"))), default=0)
    present.unlink(missing_ok=True)
    with closing(sqlite3.connect(new, isolation_level=None)) as con:
        _renumber(con, used + _UNKNOWN)
    _flush(new)
    with replacing(lake):
        if readable:
            copy(new, catalog)
            new.unlink()
            return
        for log in ("-wal", "-shm"):
            (lake / f"{CATALOG}{log}").unlink(missing_ok=True)
        os.replace(new, catalog)
        _flush(lake)


def _renumber(con: sqlite3.Connection, first: int) -> None:
    """Raise the numbers of all snapshots and schemas, all by as much, so that the lowest is `first`: beyond any that
    was ever used.

    What a reader knows by such a number, and keeps in memory, must never come to mean other data. Raised by `first`
    itself the numbers would double with every restore: after some forty of them none would fit into 64 bits.
    """
    lowest = min(con.execute("SELECT min(snapshot_id), min(schema_version) FROM ducklake_snapshot").fetchone())
    by = first - int(lowest)
    tables = [name for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
    con.execute("BEGIN")
    for table in tables:
        # Names of the catalog's own tables and columns, not of anybody's.
        columns = {row[1] for row in con.execute(f"PRAGMA table_info('{table}')").fetchall()}
        for column in sorted(columns & {"snapshot_id", "begin_snapshot", "end_snapshot", "schema_version"}):
            con.execute(f"UPDATE {table} SET {column} = {column} + ?", [by])  # noqa: S608
    con.execute("COMMIT")


def _copy_whole(database: Path, to: Path) -> None:
    """Copy into one new file, with nothing beside it, and look it over. Raises `sqlite3.Error`."""
    to.unlink(missing_ok=True)
    copy(database, to)
    with closing(sqlite3.connect(to)) as con:
        con.execute("PRAGMA journal_mode = DELETE")
        _check(con)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)


def _check(con: sqlite3.Connection) -> None:
    found = con.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        raise sqlite3.DatabaseError(str(found[0]) if found else "no answer")


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
