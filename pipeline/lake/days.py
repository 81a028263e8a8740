"""What has been found out of single days, kept for as long as the files that hold these days stay the same.

A batch adds a file to the newest day or two. All other days are as they were, and so is every answer about them, under
whichever version of the lake it is asked: it is kept by the *mark* of its day, which names the files that hold it; and
what is worth it in `DayFiles`, for every process.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, Protocol

import duckdb

from pipeline.errors import LakeError, SnapshotGone
from pipeline.lake import look_ups
from pipeline.lake.day_files import DayFiles
from pipeline.lake.engine import Engine
from pipeline.lake.schema import TABLE_ID

Mark = Hashable
_BYTES = 64_000_000  # kept at most, for all who read in this process
_OVERHEAD = 800  # bytes of a part, however little it holds, with its key
_VERSIONS = 8  # of which the marks are kept

# Asked one by one, since as one statement they take the engine twice as long. Fixed names alone stand in their texts.
# The files of `events` and the rows deleted from them, as one version sees them. A file that was merged from files of
# several versions is read in part by the older of them: then the version belongs to the mark.
_SEEN = """SELECT data_file_id, path, CASE WHEN partial_max > $1 THEN $1::BIGINT END, {events}
    FROM __ducklake_metadata_lake.{table}
    WHERE table_id = $2 AND begin_snapshot <= $1 AND (end_snapshot IS NULL OR end_snapshot > $1)"""
_FILES = _SEEN.format(table="ducklake_data_file", events="record_count")
_DELETED = _SEEN.format(table="ducklake_delete_file", events="0")
_DAYS = """SELECT data_file_id, make_date(
        max(partition_value::INTEGER) FILTER (partition_key_index = 0),
        max(partition_value::INTEGER) FILTER (partition_key_index = 1),
        max(partition_value::INTEGER) FILTER (partition_key_index = 2))
    FROM __ducklake_metadata_lake.ducklake_file_partition_value WHERE table_id = $1 GROUP BY data_file_id"""

# Without its snapshot nothing is known of a version: the catalog may be another one, or have let go of its files.
_THERE = "SELECT 1 FROM __ducklake_metadata_lake.ducklake_snapshot WHERE snapshot_id = $1"

_File = tuple[str, str, int | None]  # kind, path, version if it belongs to the mark


class Day(NamedTuple):
    """A day with events: `events` says how many its files hold, those counted that were removed since; `name` is for
    what other processes find of it in `DayFiles`."""

    mark: Mark
    events: int
    name: str


class Sized(Protocol):
    """A part of an answer; `nbytes` is what it takes in memory."""

    @property
    def nbytes(self) -> int: ...


class Days:
    """The days of one lake and the answers kept of them. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self.files = DayFiles(engine.folder / "days")
        self._engine = engine
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[int, int], dict[date, Day]] = OrderedDict()
        self._file_days: dict[int, dict[int, date]] = {}
        self._until: OrderedDict[tuple[int, int], datetime | None] = OrderedDict()
        self._parts: OrderedDict[tuple[Mark, Hashable], Sized] = OrderedDict()
        self._bytes = 0

    def whole(self, version: int) -> Mark:
        """The mark of the whole lake at `version`."""
        return self._engine.opened, version

    def of(self, version: int) -> Mapping[date, Day]:
        """The days that hold events at `version`, oldest first. Raises `SnapshotGone` when that was removed meanwhile,
        or another catalog took the lake's place; `LakeError`."""
        with self._engine.cursor() as cursor:
            key = (self._engine.opened, version)
            with self._lock:
                known = self._seen.get(key)
            return self._noted(key, cursor) if known is None else known

    def _noted(self, key: tuple[int, int], cursor: duckdb.DuckDBPyConnection) -> Mapping[date, Day]:
        opened, version = key
        files: dict[date, list[_File]] = {}
        events = Counter[date]()
        for kind, file, path, partly, count in _seen(cursor, version):
            day = self._day_of(key, file, cursor)
            files.setdefault(day, []).append((kind, path, partly))
            events[day] += count
        if cursor.execute(_THERE, [version]).fetchone() is None:  # asked last: until here nothing of it was let go of
            raise SnapshotGone(f"Snapshot {version} is gone.", hint="Show the current data instead.")
        found = {day: _as_day(opened, day, sorted(files[day]), events[day]) for day in sorted(files)}
        with self._lock:
            self._seen[key] = found
            while len(self._seen) > _VERSIONS:
                self._seen.popitem(last=False)
        return found

    def _day_of(self, key: tuple[int, int], file: int, cursor: duckdb.DuckDBPyConnection) -> date:
        """Which day a file is of, which never changes."""
        opened, _ = key
        with self._lock:
            known = self._file_days.get(opened, {}).get(file)
        if known is None:
            days = dict(cursor.execute(_DAYS, [_events_table(cursor)]).fetchall())
            known = days.get(file)
            with self._lock:
                self._file_days = {opened: days}
        if known is None:
            raise LakeError(
                "A file of events belongs to no day.", hint="Make the lake again: python -m pipeline rebuild"
            )
        return known

    def sorted_until(self, version: int) -> datetime | None:
        """The midnight up to which events are sorted for look-ups, too, at `version`; None when none are.

        Raises `LakeError`.
        """
        with self._engine.cursor() as cursor:
            key = (self._engine.opened, version)
            with self._lock:
                if key in self._until:
                    return self._until[key]
            found = look_ups.until(cursor, version)
            with self._lock:
                self._until[key] = found
                while len(self._until) > _VERSIONS:
                    self._until.popitem(last=False)
            return found

    def recall(self, mark: Mark, question: Hashable) -> Sized | None:
        """The part that answers `question` of the day with that mark; None when none is kept."""
        with self._lock:
            part = self._parts.get((mark, question))
            if part is not None:
                self._parts.move_to_end((mark, question))
            return part

    def keep(self, mark: Mark, question: Hashable, part: Sized) -> None:
        """Keep a part, and let go of those that were not asked for longest. One that would push out most others is not
        kept at all."""
        if _size(part) > _BYTES // 8:
            return
        with self._lock:
            self._drop((mark, question))
            self._parts[mark, question] = part
            self._bytes += _size(part)
            while self._bytes > _BYTES:
                self._drop(next(iter(self._parts)))

    def forget(self, mark: Mark | None = None) -> None:
        """Let go of the parts of the day with that mark, or of all, and of all marks: for measuring."""
        with self._lock:
            self._seen.clear()
            for key in [key for key in self._parts if mark is None or key[0] == mark]:
                self._drop(key)

    def _drop(self, key: tuple[Mark, Hashable]) -> None:
        part = self._parts.pop(key, None)
        self._bytes -= 0 if part is None else _size(part)


def _events_table(cursor: duckdb.DuckDBPyConnection) -> int:
    row = cursor.execute(TABLE_ID, ["events"]).fetchone()
    assert row is not None
    return int(row[0])


def _seen(cursor: duckdb.DuckDBPyConnection, version: int) -> Iterator[tuple[str, int, str, int | None, int]]:
    """Of each file: its kind, the number of the data file, its path, the version if that belongs to the mark, and how
    many events it holds."""
    asked = [version, _events_table(cursor)]
    for kind, statement in (("file", _FILES), ("deleted", _DELETED)):
        for row in cursor.execute(statement, asked).fetchall():
            yield (kind, *row)


def _as_day(opened: int, day: date, files: Sequence[_File], events: int) -> Day:
    """Its name is the same in every process, for DuckLake gives every file a name of its own."""
    name = f"{day}-{hashlib.sha256(repr([*files]).encode()).hexdigest()[:32]}"
    return Day((opened, *files), events, name)


def _size(part: Sized) -> int:
    return part.nbytes + _OVERHEAD
