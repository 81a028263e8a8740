"""The whole view as a file: CSV, Parquet or XLSX ("Exports" in docs/semantics.md).

Never just the page on screen, never cut at a limit: a file has exactly `activity.count(snapshot, view)` rows, newest
first. The view is read slice by slice of time, each sorted by itself, so that the first bytes come at once and
memory stays flat, whatever the size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import ActivityError
from pipeline.event import EVENT_SCHEMA, FIELD, FIELDS
from pipeline.questions.activity import STORED_FIELDS
from pipeline.questions.cells import csv_header, csv_lines, local_text, utc_text
from pipeline.questions.matching import matching, newest_first
from pipeline.questions.people import JOINED, Everybody, everybody, some
from pipeline.questions.snapshot import Snapshot
from pipeline.questions.timeline import Stretch, slices, timeline
from pipeline.questions.view import View

Progress = Callable[[int, int], None]  # (rows written, rows in all)

EXPORTED = tuple(field.name for field in FIELDS)
LOCAL_TIME = "occurred_at_local"
SCHEMA = pa.schema(
    [pa.field(name, EVENT_SCHEMA.field(name).type if FIELD[name].stored else pa.string()) for name in EXPORTED]
)
_READ = (*STORED_FIELDS, "person_number")
# Events sorted at once; those of two slices are in memory. Where a slice begins and ends, the engine unpacks row groups
# (30,720 events) that it reads a part of; files of other formats hold more by themselves.
_SLICE, _CSV_SLICE = 20_000, 60_000
_SLICE_BYTES = 60_000_000  # … and no more than about this, however large events are
_FIRST_SLICE = 5_000  # … at first, so that the download begins at once
_BATCH = 2_500  # events in memory at once as text
_ROW_GROUP = 20_000  # events in a row group of a Parquet file
BOM = b"\xef\xbb\xbf"


def columns() -> tuple[str, ...]:
    """The header of a CSV or XLSX file: every field, and after `occurred_at` (UTC) the same in the display zone."""
    after = EXPORTED.index("occurred_at") + 1
    return (*EXPORTED[:after], LOCAL_TIME, *EXPORTED[after:])


def batches(
    snapshot: Snapshot, view: View, progress: Progress | None = None, *, most: int = _SLICE
) -> Iterator[pa.RecordBatch]:
    """The whole view with every field (`SCHEMA`), newest first, in flat memory: that of twice `most` events, or of
    120 MB of them. Closing it stops the reading.

    `progress` is called after each batch has been taken.
    """
    counted = timeline(snapshot, view)
    size = _Size(most)
    parts = slices(snapshot, view, counted, lambda: size.events, _FIRST_SLICE)
    done, total = 0, counted.total
    known: Everybody | None = None
    for number, events in enumerate(_read(snapshot, view, parts)):
        size.learn(events)
        if number == 1:  # all people take longer to read than the first slice and those in it
            known = everybody(snapshot)
        in_it = known or some(snapshot, events["person_number"].unique())
        for batch in events.to_batches(_BATCH):
            yield _described(batch, in_it)
            done += len(batch)
            if progress is not None:
                progress(done, total)


class _Size:
    """How many events a slice is to hold: `most`, or fewer where those of the one before were large."""

    def __init__(self, most: int) -> None:
        self._most, self.events = most, _SLICE

    def learn(self, events: pa.Table) -> None:
        self.events = max(1, min(self._most, _SLICE_BYTES * len(events) // max(events.nbytes, 1)))


def _read(snapshot: Snapshot, view: View, parts: Iterator[Stretch]) -> Iterator[pa.Table]:
    """The events (`_READ`) of each part, newest first: the next part's are read while one's are written."""

    def read() -> pa.Table | None:
        part = next(parts, None)
        if part is None:
            return None
        events = newest_first(matching(snapshot, view, within=part.bounds, along=_READ))
        return snapshot.fetch(events).select([*_READ])

    with ThreadPoolExecutor(1, "export") as thread:
        coming = thread.submit(read)
        while (events := coming.result()) is not None:
            coming = thread.submit(read)
            yield events


def _described(batch: pa.RecordBatch, known: Everybody) -> pa.RecordBatch:
    """A batch of `_READ` with every field, as `SCHEMA` has them."""
    numbers = batch.column("person_number")
    columns = (known.of(numbers, name) if name in JOINED else batch.column(name) for name in EXPORTED)
    # To cast a column to what it is already takes as long as to write it.
    cast = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(columns, SCHEMA, strict=True)
    ]
    return pa.RecordBatch.from_arrays(cast, schema=SCHEMA)


def csv(snapshot: Snapshot, view: View, *, bom: bool = False, progress: Progress | None = None) -> Iterator[bytes]:
    """The file in pieces: UTF-8 (with a byte order mark if asked), RFC 4180, a header of field names.

    Closing the iterator, or an exception from `progress`, stops the reading.
    """
    header = (BOM if bom else b"") + csv_header(columns())
    for batch in batches(snapshot, view, progress, most=_CSV_SLICE):
        yield header + csv_lines(_csv_columns(batch, view))
        header = b""
    if header:
        yield header


def parquet(snapshot: Snapshot, view: View, path: Path, progress: Progress | None = None) -> int:
    """Write a typed file (`SCHEMA`) and return its rows. An exception from `progress` cancels; no file is left."""
    rows = 0
    with replacing(path) as part, pq.ParquetWriter(part, SCHEMA, compression="zstd") as writer:
        for table in _grouped(batches(snapshot, view, progress)):
            writer.write_table(table)
            rows += len(table)
    return rows


def _grouped(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches joined to tables of about `_ROW_GROUP` rows: readers of Parquet are slow with many small groups."""
    held: list[pa.RecordBatch] = []
    for part in parts:
        held.append(part)
        if sum(map(len, held)) >= _ROW_GROUP:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` when all went well and is removed when not.

    Raises ActivityError (export.not_written) when the disk says no: no such folder, not allowed, full.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.touch()  # so that a folder that is not there is said before the work, not after it
        yield part
        part.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ActivityError(f"{path} cannot be written: {reason}.", code="export.not_written") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _csv_columns(batch: pa.RecordBatch, view: View) -> list[pa.Array]:
    cells: list[pa.Array] = []
    for name in EXPORTED:
        column = batch.column(name)
        cells.append(utc_text(column) if FIELD[name].type == "timestamp" else column)
        if name == "occurred_at":
            cells.append(local_text(column, view.zone))
    return cells
