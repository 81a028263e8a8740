"""DuckDB, opened the one way this product opens it. The only module that knows how the lake is attached."""

from __future__ import annotations

import importlib
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import duckdb

from pipeline.errors import LakeBusy, LakeError, SnapshotGone
from pipeline.lake.lock import wait_until_replaced, which_lake

CATALOG = "catalog.sqlite"
REBUILDING = "lake.rebuilding"  # beside the lake: one that is being made to take its place

# Settings of the DuckLake attachment, each learnt by measuring (docs/design.md): inlined rows broke readers, and
# the catalog's default journal mode let an overlapping writer leave it locked for good.
ATTACH = "DATA_INLINING_ROW_LIMIT 0, META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT {busy}, OVERRIDE_DATA_PATH true"
# SQLite waits for others in steps of a whole second, as DuckDB builds it, though they close the catalog, which is all
# that keeps a reader out, in less than a millisecond. Who only reads asks again instead, for as long in all.
_WAIT, _MOMENT, _PATIENCE = 10_000, 0.002, 10.0  # milliseconds; seconds

_LOCKED = "database is locked"
_GONE = re.compile(r'Cannot open file "([^"]+)": No such file')
_NEEDED = """SELECT count(*) FROM (
    SELECT path, end_snapshot FROM __ducklake_metadata_lake.ducklake_data_file
    UNION ALL SELECT path, end_snapshot FROM __ducklake_metadata_lake.ducklake_delete_file
) WHERE end_snapshot IS NULL AND ends_with($1, path)"""


class Engine:
    """One DuckDB instance with the lake attached; a cursor per use. Safe to share between threads.

    `threads` are those that one statement has: by default as many as the machine. One that is `reading` asks a few
    questions at once and changes nothing.
    Re-opens itself once DuckDB says that its instance is no longer usable, or when another catalog has taken the place
    of the one that it opened: a restored or a rebuilt one.
    """

    def __init__(self, folder: Path, *, memory_mb: int, threads: int | None = None, reading: bool = False) -> None:
        self.folder = folder
        self._reading = reading
        self._config: dict[str, str | int | bool | float | list[str]] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": f"{memory_mb}MB",
            # A dashboard's allocator gives freed memory back soon: it held 200 MB more while an export streamed. Sooner
            # still (1 MB) it gives and takes all the while, and a page took a third longer. Who loads is a tenth
            # quicker with more of it, and holds no more over many batches (docs/design.md).
            "allocator_flush_threshold": "16MB" if reading else "64MB",
            "allocator_bulk_deallocation_flush_threshold": "4MB" if reading else "64MB",
            "temp_directory": str(folder / "tmp"),
            # The system keeps files that are read in memory already; what DuckDB kept of them besides grew by a quarter
            # of a megabyte a batch, and answers over six million events came at the same speed without it.
            "enable_external_file_cache": False,
            # To find the newest fifty rows first and read the rest of them then reads every column twice here.
            "late_materialization_max_rows": 0,
            # For the wheels' extensions, and only until they are loaded.
            "allow_unsigned_extensions": True,
        }
        if threads is not None:
            self._config["threads"] = threads
        self._lock = threading.Lock()
        self.opened = 0  # how often: each time, it may be another catalog
        self._con = self._open()

    def _open(self) -> duckdb.DuckDBPyConnection:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._which = which_lake(self.folder)
        wait_until_replaced(self.folder)
        with translated():
            con = duckdb.connect(config=self._config)
            # Before anything else, and for every cursor: the partition day, and every text of a time, follows it.
            con.execute("SET GLOBAL TimeZone = 'UTC'")
            _load_extensions(con)
            catalog, files = (_quoted(self.folder / name) for name in (CATALOG, "files"))
            how = ATTACH.format(busy=0 if self._reading else _WAIT)
            self._given(con).execute(f"ATTACH 'ducklake:sqlite:{catalog}' AS lake (DATA_PATH '{files}/', {how})")
            con.execute("SET lock_configuration = true")  # from here on no statement changes how it runs
            self._inode = self._catalog_inode()
            self.opened += 1
            return con

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own on the shared instance. DuckDB's errors leave it as `LakeError`.

        Raises `SnapshotGone` at the end when another catalog took the lake's place meanwhile: DuckLake asks its catalog
        more than once, so that an answer may be of both.
        """
        with translated():
            if self._catalog_inode() is None:  # what is written to a deleted file is lost
                raise damaged("it is gone")
            try:
                cursor = (self._reopened() if self._is_replaced() else self._con).cursor()
                cursor.execute("SELECT 1")  # an instance that is no longer usable still gives cursors
            except (duckdb.FatalException, duckdb.ConnectionException):
                cursor = self._reopened().cursor()
            which = self._which
            try:
                yield self._given(cursor)
            except duckdb.Error as error:
                self._check(which)
                self._check_file(error)
                raise
            finally:
                cursor.close()
            self._check(which)

    def _given(self, cursor: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        return cast(duckdb.DuckDBPyConnection, _Patient(cursor)) if self._reading else cursor

    def _is_replaced(self) -> bool:
        return which_lake(self.folder) != self._which or self._catalog_inode() != self._inode

    def _catalog_inode(self) -> int | None:
        try:
            return (self.folder / CATALOG).stat().st_ino
        except FileNotFoundError:
            return None

    def _check_file(self, error: duckdb.Error) -> None:
        """Raise `LakeError` (lake.damaged) for a file that is gone though the newest snapshot has it: other than one
        of an older snapshot, nothing but an accident removes it."""
        gone = _GONE.search(str(error))
        if gone is not None:
            row = self._given(self._con.cursor()).execute(_NEEDED, [gone[1]]).fetchone()
            if row != (0,):
                raise damaged(f"the file {Path(gone[1]).name} is gone", "A file of the lake is missing") from error

    def _check(self, which: tuple[int, int]) -> None:
        if which_lake(self.folder) != which:
            raise SnapshotGone("The lake was restored or rebuilt meanwhile.", hint="Show the current data instead.")

    def _reopened(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            try:
                self._con.execute("SELECT 1")
                usable = not self._is_replaced()
            except duckdb.Error:
                usable = False
            if not usable:
                self._con = self._open()
            return self._con

    def close(self) -> None:
        self._con.close()


class _Patient:
    """A cursor whose statements, each by itself a transaction that reads, are asked again while the catalog is locked.

    What a statement finds by its name in the caller's frame, it does not find through this: register it.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def execute(self, *asked: Any) -> duckdb.DuckDBPyConnection:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._cursor.execute(*asked)
            except duckdb.Error as error:
                if _LOCKED not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(_MOMENT)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def is_whole(folder: Path) -> bool:
    """Whether a lake has been made in `folder` to the end, so that attaching it will not begin to make one.

    Raises `LakeError` (lake.damaged) when its catalog is no database any more, or is lost while its events are there:
    nobody means to begin a second lake beside them. Raises `LakeBusy` when others do not let go of the catalog.
    """
    # Asked first: a lake that is being made has no events before its catalog is whole.
    has_events = next((folder / "files" / "main" / "events").rglob("*.parquet"), None) is not None
    whole = (folder / CATALOG).exists() and _has_tables(folder / CATALOG)
    if has_events and not whole:
        raise damaged("it is gone or empty, but its events are there")
    return whole


def _has_tables(catalog: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True, timeout=10)) as con:
            return bool(con.execute("SELECT 1 FROM ducklake_table WHERE table_name = 'migrations'").fetchone())
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "no such table" in text:  # it is being made right now
            return False
        if "locked" in text:
            raise _busy() from None
        if "malformed" in text or "not a database" in text:
            raise damaged(text) from None
        raise _unusable(text) from None


def damaged(how: str, what: str = "The lake's catalog is damaged") -> LakeError:
    return LakeError(
        f"{what}: {how}.",
        hint="Put a backup back (python -m pipeline backup --list), or make the lake again: python -m pipeline rebuild",
        code="lake.damaged",
    )


def _unusable(how: str) -> LakeError:
    """For what SQLite says of a full disk in the same words as of others: even to read, it has to write beside."""
    return LakeError(
        f"The lake's catalog cannot be used now: {how}.",
        hint="Is the disk full, the data folder not writable, or are too many files open (ulimit -n)? "
        "The lake is as it was.",
        code="lake.unusable",
    )


def _busy() -> LakeBusy:
    return LakeBusy("The lake's catalog is locked by another process.", hint="Try again in a moment.")


def _load_extensions(con: duckdb.DuckDBPyConnection) -> None:
    """Load them from their PyPI wheels, so that nothing is downloaded at run time; else what DuckDB has installed.

    pip held the wheels against the lock's hashes, as it did DuckDB's own. To verify their signatures as well, over 36
    MB each, took 0.6 s of every start (docs/design.md); those of any other extension are verified.
    """
    installed = [name for name in ("ducklake", "sqlite_scanner") if not _load_wheel(con, name)]
    con.execute("SET allow_unsigned_extensions = false")  # which DuckDB lets nobody take back
    for name in installed:
        con.execute(f"LOAD {name}")


def _load_wheel(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Load an extension from its wheel; false when there is none."""
    try:
        package = importlib.import_module(f"duckdb_extension_{name}")
    except ImportError:
        return False
    folder = Path(str(package.__file__)).parent / "extensions"
    path = next(folder.glob(f"v{duckdb.__version__}/{name}.duckdb_extension"), None)
    if path is None:
        raise LakeError(
            f"The DuckDB extension {name} does not fit DuckDB {duckdb.__version__}.",
            hint="Install the locked dependencies again: make setup.",
        )
    con.execute(f"LOAD '{_quoted(path)}'")
    return True


def _quoted(path: Path) -> str:
    """A path for inside a SQL string; ATTACH and LOAD take no parameters."""
    return str(path).replace("'", "''")


def _short_of(text: str) -> LakeError | None:
    """What this machine is short of, when that is what DuckDB says; asked first, for it also says which file it could
    not open for that."""
    if any(said in text for said in ("No space left on device", "disk is full", "Disk quota exceeded", "ENOSPC")):
        return LakeError(
            "The disk that holds the lake is full.", hint="Free some space; it is tried again.", code="disk.full"
        )
    if "Too many open files" in text:
        return LakeError(
            "This process has too many files open.",
            hint="Raise the limit (ulimit -n, systemd's LimitNOFILE); it is tried again.",
            code="files.too_many",
        )
    return None


@contextmanager
def transaction(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Around what is to be committed whole, or not at all."""
    cursor.begin()
    try:
        yield
        cursor.commit()
    except BaseException:
        # A commit that failed has rolled back by itself; what it said is what is to be told.
        with suppress(duckdb.TransactionException):
            cursor.rollback()
        raise


@contextmanager
def translated() -> Iterator[None]:
    """Turn DuckDB's errors into ours, with a hint where one is known."""
    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        if short := _short_of(text):
            raise short from error
        if "disk I/O error" in text or "unable to open database file" in text or "readonly database" in text:
            raise _unusable("SQLite cannot open or read it") from error
        if _LOCKED in text or "Conflicting lock" in text:
            raise _busy() from error
        if "malformed" in text or "file is not a database" in text:
            raise damaged("SQLite says that it is malformed") from error
        if "No snapshot found" in text or "Cannot open file" in text or "No files found" in text:
            raise SnapshotGone(
                "The data this view was pinned to has been removed since.", hint="Show the current data instead."
            ) from error
        if "memory" in text.lower() and isinstance(error, duckdb.OutOfMemoryException):
            raise LakeError(
                "The question needs more memory than allowed.",
                hint="Raise ACTIVITY_MEMORY_LIMIT_MB or narrow the view.",
            ) from error
        raise LakeError(
            f"The lake could not answer: {text.splitlines()[0] if text else error!r}", code="lake.unexplained"
        ) from error
