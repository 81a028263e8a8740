"""The whole view as an XLSX workbook, spooled to disk with progress ("Exports" in docs/semantics.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from pipeline.event import FIELD
from pipeline.questions.cells import local_time
from pipeline.questions.export import EXPORTED, LOCAL_TIME, Progress, batches, columns, replacing
from pipeline.questions.snapshot import Snapshot
from pipeline.questions.view import View

SHEET_ROWS = 1_048_575  # Excel's 1,048,576 less the header
CELL_UNITS = 32_767  # Excel's limit of a cell, in UTF-16 units
CUT = "… [cut]"

# Values are written as what they are: an id with leading zeros stays text, a text like a formula stays text.
_OPTIONS = {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss.000"}


@dataclass(frozen=True, slots=True)
class Workbook:
    """What was written: `rows` events on `sheets` sheets, `cut` cells too long for Excel."""

    rows: int
    sheets: int
    cut: int


def xlsx(snapshot: Snapshot, view: View, path: Path, progress: Progress | None = None) -> Workbook:
    """Write the view to `path`: sheets of events, newest first, and a last one that says what they are.

    `progress` is called every few thousand rows; an exception from it cancels, and no file is left.
    """
    with replacing(path) as part, _book(part) as book:
        writer = _Writer(book)
        for batch in batches(snapshot, view, progress):
            writer.add(_rows(batch, view))
        written = writer.finish()
        _summarise(book.add_worksheet("Summary"), snapshot, view, written)
    return written


@contextmanager
def _book(path: Path) -> Iterator[xlsxwriter.Workbook]:
    """A workbook that closes itself, which is when it writes the file; a disk that says no raises OSError."""
    try:
        with xlsxwriter.Workbook(str(path), _OPTIONS) as book:
            yield book
    except FileCreateError as error:
        raise OSError(str(error)) from error


class _Writer:
    """Puts rows on sheets, beginning another when one is full."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book = book
        self._header = book.add_format({"bold": True})
        self._sheets = 0
        self._row = SHEET_ROWS  # as if the sheet before were full
        self._cut = 0
        self.rows = 0

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        for row in rows:
            if self._row == SHEET_ROWS:
                self._begin_sheet()
            self._row += 1
            self.rows += 1
            for place, value in enumerate(row):
                self._write(place, value)

    def finish(self) -> Workbook:
        if not self._sheets:
            self._begin_sheet()
        return Workbook(self.rows, self._sheets, self._cut)

    def _begin_sheet(self) -> None:
        self._sheets += 1
        self._row = 0
        self._sheet = self._book.add_worksheet("Events" if self._sheets == 1 else f"Events {self._sheets}")
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, len(columns()) - 1, 20)
        for place, name in enumerate(columns()):
            self._sheet.write_string(0, place, name, self._header)

    def _write(self, place: int, value: Any) -> None:
        if isinstance(value, str):
            fitting = fit(value)
            self._cut += fitting is not value
            self._sheet.write_string(self._row, place, fitting)
        elif isinstance(value, datetime):
            self._sheet.write_datetime(self._row, place, value)
        elif value is not None:
            self._sheet.write_number(self._row, place, value)


def fit(text: str) -> str:
    """`text` itself when Excel takes it, else as much of it as fits with a mark after it."""
    if len(text) * 2 <= CELL_UNITS or len(text.encode("utf-16-le")) <= CELL_UNITS * 2:
        return text
    kept = text.encode("utf-16-le")[: (CELL_UNITS - len(CUT)) * 2]
    return kept.decode("utf-16-le", errors="ignore") + CUT


def _rows(batch: pa.RecordBatch, view: View) -> Iterator[tuple[Any, ...]]:
    """Rows in the order of `columns()`, times without a zone as Excel has them: UTC, and the display zone's."""
    cells: list[list[Any]] = []
    for name in EXPORTED:
        column = batch.column(name)
        if FIELD[name].type == "timestamp":
            column = column.cast(pa.timestamp("us"))
        cells.append(column.to_pylist())
        if name == "occurred_at":
            cells.append(local_time(batch.column(name), view.zone).to_pylist())
    return zip(*cells, strict=True)


def _summarise(sheet: Any, snapshot: Snapshot, view: View, written: Workbook) -> None:
    start, end = view.bounds()
    lines: list[tuple[str, str | int]] = [
        ("Events", written.rows),
        ("From", start.astimezone(view.zone).isoformat()),
        ("To (not included)", end.astimezone(view.zone).isoformat()),
        (f"Time zone of {LOCAL_TIME}", view.zone.key),
        ("Time zone of every other time", "UTC"),
        ("Filters", " AND ".join(filter.text() for filter in view.filters) or "none"),
        ("View", view.pinned(snapshot.version).query()),
        (f"Cells cut at {CELL_UNITS:,} characters (marked “{CUT}”)", written.cut),
    ]
    sheet.set_column(0, 0, 50)
    sheet.set_column(1, 1, 60)
    for row, (name, value) in enumerate(lines):
        sheet.write_string(row, 0, name)
        if isinstance(value, int):
            sheet.write_number(row, 1, value)
        else:
            sheet.write_string(row, 1, fit(value))
