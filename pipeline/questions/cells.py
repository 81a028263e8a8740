"""Rows as CSV bytes, whole columns at a time ("Exports" in docs/semantics.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_FORMULA = b"=+-@\t\r\n"  # a text that begins so, a spreadsheet may run
_SPECIAL = (b'"', b",", b"\r", b"\n")  # what RFC 4180 wants in quotes
_QUARTER_HOUR = 900_000_000  # microseconds; no zone of today changes its offset within one


def csv_header(names: Iterable[str]) -> bytes:
    """The first line."""
    return csv_lines([pa.array([name]) for name in names])


def csv_lines(columns: Sequence[pa.Array]) -> bytes:
    """Columns of equal length as RFC 4180 lines, UTF-8, each ended by CRLF. Null and "" are both an empty cell.

    Text that begins like a formula gets a `'` in front; columns of numbers are not touched.
    """
    cells = [_text_cells(column) if pa.types.is_string(column.type) else _number_cells(column) for column in columns]
    lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*cells, ","), "", "\r\n")
    return b"".join(memoryview(_text_of(chunk)) for chunk in _chunks(lines))


def utc_text(times: pa.Array) -> pa.Array:
    """Times in UTC as ISO 8601 text: `2026-11-23T14:30:00.000000Z`."""
    return pc.binary_join_element_wise(_iso(times.cast(pa.timestamp("us"))), "Z", "")


def local_text(times: pa.Array, zone: ZoneInfo) -> pa.Array:
    """Times in `zone` as ISO 8601 text with the offset: `2026-11-23T15:30:00.000000+01:00`."""
    offsets = _offsets(times, zone).dictionary_encode()
    spelt = pa.array([_offset_text(offset) for offset in offsets.dictionary.to_pylist()], pa.string())
    return pc.binary_join_element_wise(_iso(local_time(times, zone)), spelt.take(offsets.indices), "")


def local_time(times: pa.Array, zone: ZoneInfo) -> pa.Array:
    """Times as a clock in `zone` shows them, without a zone."""
    ahead = pc.multiply(_offsets(times, zone), 1_000_000).cast(pa.duration("us"))
    return pc.add(times.cast(pa.timestamp("us")), ahead)


def _offsets(times: pa.Array, zone: ZoneInfo) -> pa.Array:
    """How far `zone` is ahead of UTC at each of `times`, in seconds."""
    quarters = pc.divide(times.cast(pa.int64()), _QUARTER_HOUR).dictionary_encode()
    each = [
        None if quarter is None else _offset(datetime.fromtimestamp(quarter * 900, UTC), zone)
        for quarter in quarters.dictionary.to_pylist()
    ]
    return pa.array(each, pa.int64()).take(quarters.indices)


def _offset(at: datetime, zone: ZoneInfo) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _offset_text(seconds: int) -> str:
    sign, minutes = "-" if seconds < 0 else "+", abs(seconds) // 60
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def _iso(times: pa.Array) -> pa.Array:
    """`2026-11-23T14:30:00.000000`. Arrow writes a space between day and time."""
    return pc.binary_replace_slice(times.cast(pa.string()), 10, 11, "T")


def _text_cells(column: pa.Array) -> pa.Array:
    column = pc.fill_null(column, "")
    formula = _begins_with(column, _FORMULA)
    if formula.any():
        column = pc.if_else(pa.array(formula), pc.binary_join_element_wise("'", column, ""), column)
    special = _special(column)
    if special is not None:
        quoted = pc.binary_join_element_wise('"', pc.replace_substring(column, '"', '""'), '"', "")
        column = pc.if_else(special, quoted, column)
    return column


def _special(column: pa.Array) -> pa.Array | None:
    """Which texts of a column without nulls are to be in quotes; None when none are. One sign after the other: a
    regular expression for all takes twice as long."""
    text, special = _text_of(column).to_pybytes(), None
    for sign in _SPECIAL:
        if sign in text:
            found = pc.match_substring(column, sign)
            special = found if special is None else pc.or_(special, found)
    return special


def _begins_with(column: pa.Array, signs: bytes) -> npt.NDArray[np.bool_]:
    """Which texts of a column without nulls begin with one of `signs`; a regular expression takes ten times as long."""
    ends = _ends(column)
    found = ends[1:] > ends[:-1]
    if found.any():
        text = np.frombuffer(column.buffers()[2], np.uint8)
        found[found] = _table_of(signs)[text[ends[:-1][found]]]
    return found


@cache
def _table_of(signs: bytes) -> npt.NDArray[np.bool_]:
    """By byte, whether it is one of them."""
    table = np.zeros(256, dtype=np.bool_)
    table[list(signs)] = True
    return table


def _number_cells(column: pa.Array) -> pa.Array:
    return pc.fill_null(column.cast(pa.string()), "")


def _chunks(lines: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]


def _text_of(column: pa.Array) -> pa.Buffer:
    """All the texts of a column, one after the other: they already lie so in memory."""
    text, ends = column.buffers()[2], _ends(column)
    return pa.py_buffer(b"") if text is None else text.slice(int(ends[0]), int(ends[-1] - ends[0]))


def _ends(column: pa.Array) -> npt.NDArray[np.int32]:
    """Where each text of a column begins and the last one ends."""
    return np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
