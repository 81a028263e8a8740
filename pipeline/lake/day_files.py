"""What was counted of single days that are over, in files beside the lake: they are there when a process starts.

Each day has a folder, named by the files that hold its events, so that what it says is right for as long as it can be
found. It may be missing, or be removed, at any time: then the lake is asked.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake.lock import writer_lock

if TYPE_CHECKING:
    from pipeline.lake import Lake, Snapshot

# Belongs to every name: another release may count otherwise, and finds none of these then.
_VERSION = 2
_ROW_GROUP = 16_384
_LATE = timedelta(hours=1)  # after a day's end, when most of its events have come


class DayFiles:
    """The parts (tables) of days by the days' names. Safe to share between threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(
        self, name: str, part: str, *, among: Collection[str] | None = None, encoded: Sequence[str] = ()
    ) -> pa.Table | None:
        """That part of a day; None when it is not there. What cannot be read is removed, to be written anew.

        With `among`, rows with another `value` may be left out. The columns `encoded` are dictionaries.
        """
        path = self._of(name) / f"{part}.parquet"
        if not path.exists():
            return None
        try:
            file = pq.ParquetFile(path, read_dictionary=encoded)
            groups = [group for group in range(file.num_row_groups) if _may_hold(file.metadata.row_group(group), among)]
            # One thread: so little is read sooner than others are asked to help.
            return file.read_row_groups(groups, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            if getattr(error, "errno", None) is None:  # else the system failed, such as for too many open files
                self._remove(self._of(name))
            return None

    def has(self, name: str) -> bool:
        """Whether there is anything of that day."""
        return self._of(name).is_dir()

    def write(self, name: str, parts: Mapping[str, pa.Table]) -> None:
        """Add all parts of a day, or none of them. The caller holds the writer lock."""
        unfinished = self.folder / ".unfinished"
        self._remove(unfinished)
        unfinished.mkdir(parents=True)
        for part, table in parts.items():
            written = _written(table.schema)
            pq.write_table(table, unfinished / f"{part}.parquet", row_group_size=_ROW_GROUP, **written)
        unfinished.rename(self._of(name))

    def keep_only(self, names: Collection[str]) -> int:
        """Remove those of all other days, and what was left unfinished; says how many went. The caller holds the writer
        lock."""
        wanted = {self._of(name).name for name in names}
        gone = [path for path in self.folder.glob("*") if path.name not in wanted]
        for path in gone:
            self._remove(path)
        return len(gone)

    @property
    def bytes(self) -> int:
        """What they take on disk."""
        return sum(path.stat().st_size for path in self.folder.glob("*/*.parquet"))

    def _of(self, name: str) -> Path:
        return self.folder / f"{name}.v{_VERSION}"

    @staticmethod
    def _remove(path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)


def _may_hold(group: pq.RowGroupMetaData, among: Collection[str] | None) -> bool:
    """Whether a group of rows may hold any of these as its first column, `value`."""
    told = None if among is None else group.column(0).statistics
    if among is None or told is None or not told.has_min_max:
        return True
    return any(told.min <= value <= told.max for value in among)


def _written(schema: pa.Schema) -> dict[str, Any]:
    """As small as it gets: texts as dictionaries, and whole numbers, which lie in order, as their differences."""
    numbers = [field.name for field in schema if pa.types.is_integer(field.type)]
    return {
        "compression": "zstd",
        "use_dictionary": [field.name for field in schema if field.name not in numbers],
        "column_encoding": dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
    }


def waiting(lake: Lake, now: datetime) -> date | None:
    """The newest day that is over at `now` and not counted yet; None when all are."""
    snapshot, over = lake.snapshot(), (now.astimezone(UTC) - _LATE).date()
    days = snapshot.days.of(snapshot.version)
    missing = (day for day in sorted(days, reverse=True) if day < over and not snapshot.days.files.has(days[day].name))
    return next(missing, None)


def keep(lake: Lake, day: date, count: Callable[[Snapshot, date], Mapping[str, pa.Table]]) -> bool:
    """Keep what `count` says of a day. Whether it did: not when the day changed meanwhile.

    Takes the writer lock only to put it in place. Raises `LakeError`.
    """
    snapshot = lake.snapshot()
    name, parts = snapshot.days.of(snapshot.version)[day].name, count(snapshot, day)
    with writer_lock(lake.lock_path, wait=600):
        if name not in _names(lake) or snapshot.days.files.has(name):
            return False
        snapshot.days.files.write(name, parts)
        return True


def clear(lake: Lake) -> int:
    """Remove what is kept of days that are gone or have changed; says of how many."""
    with writer_lock(lake.lock_path, wait=600):
        return lake.snapshot().days.files.keep_only(_names(lake))


def _names(lake: Lake) -> Collection[str]:
    """Of the days as they are now."""
    snapshot = lake.snapshot()
    return {day.name for day in snapshot.days.of(snapshot.version).values()}
