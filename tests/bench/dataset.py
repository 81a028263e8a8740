"""The bench's lakes: made once through the product's own commit, kept in a cache, and never written to afterwards.

A lake lies in a folder named by all that decides what is in it: size, days, the recipe's version and the lake's. So a
stale one is not found, and made anew. Views are asked relative to the `end` that is kept with it, on any later day.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.lake import READING_THREADS, Entry, Lake, day_files, look_ups, maintain
from pipeline.lake.engine import CATALOG
from pipeline.lake.schema import CURRENT
from pipeline.lake.sqlite_apart import held
from pipeline.questions import tallies
from pipeline.settings import Settings
from tests.bench import recipe

ROOT = Path(__file__).parents[2] / "data" / "bench"
_MADE = "made.json"  # written last: without it, what lies there was never finished
_MEMORY_MB = 3_000


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data folder of the product: `events` of the `days` before `end`, a midnight in UTC."""

    folder: Path
    events: int
    days: int
    end: datetime

    @property
    def lake_folder(self) -> Path:
        return self.folder / "data"

    def __str__(self) -> str:
        return f"{self.events:,} events of {self.days} days"

    def opened(self, *, threads: int | None = READING_THREADS) -> Lake:
        """The lake as the dashboard opens it, with the default settings."""
        return Lake.open(Settings(data=self.lake_folder), threads=threads, reading=True)

    def held(self) -> AbstractContextManager[None]:
        """While it is open, its catalog is held open, as a dashboard does."""
        return held(Settings(data=self.lake_folder).lake / CATALOG)

    def view(self, days: int, *filters: str, until: datetime | None = None) -> str:
        """The query string of a view of the last `days`, up to the set's end or to the day of `until`."""
        first, last = self.end - timedelta(days=days), until or self.end - timedelta(days=1)
        return "&".join([f"from={first:%Y-%m-%d}&to={last:%Y-%m-%d}", *(f"f={condition}" for condition in filters)])

    @contextmanager
    def copied(self) -> Iterator[Path]:
        """A data folder with the same lake, for what writes to it: files linked, not copied, the catalog its own."""
        with tempfile.TemporaryDirectory(dir=self.folder.parent, prefix="working-") as name:
            _link(self.lake_folder, Path(name) / "data")
            yield Path(name) / "data"


def made(events: int, days: int, root: Path = ROOT) -> DataSet:
    """The data set of this size: the one in the cache under `root`, else made now, telling how far it is."""
    name = f"events-{events}-days-{days}"
    folder = root / f"{name}-recipe-{recipe.VERSION}-lake-{CURRENT}"
    if found := _known(folder):
        return found
    for stale in (*root.glob(f"{name}-recipe-*"), folder):
        shutil.rmtree(stale, ignore_errors=True)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    data_set = DataSet(folder, events, days, today)
    data_set.lake_folder.mkdir(parents=True)
    _fill(data_set)
    return _finished(data_set)


def lengthened(short: DataSet, times: int) -> DataSet:
    """The same lake with its days `times` over, each copy before the last: more days, of as many events each."""
    folder = short.folder.with_name(f"{short.folder.name}-times-{times}")
    if found := _known(folder):
        return found
    shutil.rmtree(folder, ignore_errors=True)
    long = DataSet(folder, short.events * times, short.days * times, short.end)
    folder.mkdir(parents=True)
    _link(short.lake_folder, long.lake_folder)
    _repeat(short, long, times)
    return _finished(long)


def _known(folder: Path) -> DataSet | None:
    if not (folder / _MADE).exists():
        return None
    told = json.loads((folder / _MADE).read_text())
    return DataSet(folder, told["events"], told["days"], datetime.fromisoformat(told["end"]))


def _finished(data_set: DataSet) -> DataSet:
    told = {"events": data_set.events, "days": data_set.days, "end": data_set.end.isoformat()}
    (data_set.folder / _MADE).write_text(json.dumps(told))
    return data_set


def _fill(data_set: DataSet) -> None:
    """A batch a day, as an archive of daily objects is loaded."""
    lake = Lake.open(Settings(data=data_set.lake_folder, memory_limit_mb=_MEMORY_MB))
    maker, end = recipe.Maker(), data_set.end
    say = _Progress(f"making {data_set}", data_set.days)
    for day, events in enumerate(recipe.shares(data_set.events, data_set.days, end)):
        start = end - timedelta(days=data_set.days - day)
        table = maker.day(day, start, events)
        entry = Entry("bench://", f"{day:05d}", "1", bytes=0, modified=start, format="activity", lines=len(table))
        with lake.write(end) as transaction:
            transaction.insert(table, [entry])
            transaction.finish([entry], end)
        say(day + 1)
    while look_ups.add_block(lake, end + timedelta(days=1)) is not None:
        pass
    maintain.merge(lake)
    _count_days(lake)
    lake.close()


def _count_days(lake: Lake) -> None:
    """All but the newest, which in use is not over."""
    snapshot = lake.snapshot()
    newest = max(snapshot.days.of(snapshot.version))
    today = datetime(newest.year, newest.month, newest.day, 12, tzinfo=UTC)
    while (day := day_files.waiting(lake, today)) is not None:
        day_files.keep(lake, day, tallies.count)


_RECEIVED = ", received_at - to_days($back) AS received_at"
_REPEAT = """
INSERT INTO lake.{table} BY NAME
SELECT * REPLACE (md5(concat(event_id, ' ', $copy))::UUID AS event_id, occurred_at - to_days($back) AS occurred_at
                  {received})
FROM lake.{table} WHERE occurred_at >= $start AND occurred_at < $start + to_days(1)
"""


def _repeat(short: DataSet, long: DataSet, times: int) -> None:
    lake = Lake.open(Settings(data=long.lake_folder, memory_limit_mb=_MEMORY_MB))
    say = _Progress(f"copying days until there are {long}", long.days - short.days)
    for copy in range(1, times):
        for day in range(short.days):
            asked = {
                "copy": copy,
                "back": copy * short.days,
                "start": short.end - timedelta(days=short.days - day),
            }
            with lake.changing() as cursor:
                for table, received in (("events", _RECEIVED), ("by_person", ""), ("by_address", "")):
                    cursor.execute(_REPEAT.format(table=table, received=received), asked)
            say((copy - 1) * short.days + day + 1)
    maintain.merge(lake)
    _count_days(lake)
    lake.close()


def _link(source: Path, target: Path) -> None:
    """A lake's files are written once and never changed, so that a second name for each is as good as a copy."""

    def linked(old: str, new: str) -> None:
        (os.link if old.endswith(".parquet") else shutil.copy2)(old, new)

    shutil.copytree(source, target, copy_function=linked)


class _Progress:
    """Says how far it is: over itself at a terminal, else at every tenth part."""

    def __init__(self, doing: str, of: int) -> None:
        self._doing, self._of, self._began, self._tenth = doing, of, time.monotonic(), 0

    def __call__(self, done: int) -> None:
        told = f"{self._doing}: {done} of {self._of} days, {time.monotonic() - self._began:,.0f} s"
        if sys.stderr.isatty():
            print(f"\r{told}", end="\n" if done == self._of else "", file=sys.stderr, flush=True)
        elif (tenth := 10 * done // self._of) > self._tenth:
            self._tenth = tenth
            print(told, file=sys.stderr, flush=True)
