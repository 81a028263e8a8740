"""From an object's text to a table of events, in bounded memory and with nothing lost on the way."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO

import orjson
import pyarrow as pa

from pipeline.errors import ActivityError, did_you_mean
from pipeline.sources import framing
from pipeline.sources.columns import as_table
from pipeline.sources.fields import Picker, Row
from pipeline.sources.formats import FORMATS, Format
from pipeline.sources.lines import BOM, Limits, LineRejected, Rejected, decode
from pipeline.sources.objects import ObjectRef
from pipeline.sources.times import Clock, microseconds

CHUNK_BYTES = 4 * 1024 * 1024
AUTO = "auto"

_SNIFF_BYTES = 256 * 1024
_SNIFF_LINES = 20
_BLANK = b" \t\r\n\v\f" + BOM


@dataclass(frozen=True, slots=True)
class Parsed:
    """A chunk of the batch's object number `object`.

    `table` has `PARSED_SCHEMA`, null where enrichment and the commit are to fill in.

    Always `lines == len(table) + len(rejected) + expired`.
    """

    object: int
    table: pa.Table
    rejected: list[Rejected] = field(default_factory=list)
    lines: int = 0
    expired: int = 0


def detect(file: BinaryIO, ref: ObjectRef, format: str = AUTO) -> str:
    """The name of the format to read `file` with: the one asked for, or found from the key's layout, or in the lines.

    `file` is left at its start. Raises `ActivityError` for a format there is not.
    """
    if format in FORMATS:
        return format
    if format != AUTO:
        raise ActivityError(
            f"There is no format {format!r}.",
            hint=did_you_mean(format, FORMATS) or f"There are {', '.join(FORMATS)}, and {AUTO}.",
            code="format.unknown",
        )
    by_key = [each.name for each in FORMATS.values() if each.layout.search(ref.path)]
    return by_key[0] if by_key else _sniff(file)


def _sniff(file: BinaryIO) -> str:
    """The format that most of the first readable lines look like: a bad line among them decides nothing."""
    file.seek(0)
    head = file.read(_SNIFF_BYTES)
    file.seek(0)
    votes = Counter[str]()
    for line in head.split(b"\n", _SNIFF_LINES)[:_SNIFF_LINES]:
        with suppress(orjson.JSONDecodeError):
            event = orjson.loads(line.removeprefix(BOM))
            if isinstance(event, dict):
                votes[next((each.name for each in FORMATS.values() if each.looks_like(event)), "segment")] += 1
    if votes:
        return votes.most_common(1)[0][0]
    # No line is one object: records without a delimiter, or nothing that is readable either way.
    return "firehose" if head.lstrip(_BLANK).startswith(b"{") and b"}{" in head else "segment"


@dataclass(frozen=True, slots=True)
class Job:
    """One chunk of one object, ready to be parsed; picklable, so that another process may do it."""

    object: int
    first: int
    text: framing.Text
    picker: Picker
    limits: Limits

    @property
    def size(self) -> int:
        """Bytes of text."""
        return len(self.text) if isinstance(self.text, bytes) else sum(map(len, self.text))

    def run(self) -> Parsed:
        # Thousands of dicts come and go, none in a cycle: looking for cycles among them took a third of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self._parse()
        finally:
            if collecting:
                gc.enable()

    def _parse(self) -> Parsed:
        pick = self.picker.pick
        texts = framing.lines_of(self.text, line_bytes=self.limits.line_bytes)
        rows: list[Row] = []
        rejected: list[Rejected] = []
        blank = expired = 0
        for number, line in enumerate(texts, self.first):
            if not line.strip(_BLANK):
                blank += 1
                continue
            try:
                row = pick(decode(line, self.limits), number, line)
            except LineRejected as no:
                rejected.append(no.at(number, line))
                continue
            if row is None:
                expired += 1
            else:
                rows.append(row)
        lines = len(texts) - blank
        return Parsed(self.object, as_table(rows, self.object), rejected, lines, expired)


def cut(
    file: BinaryIO,
    ref: ObjectRef,
    object_index: int,
    format: str = AUTO,
    *,
    received_fallback: datetime,
    source_name: str = "",
    retention_cutoff: datetime | None = None,
    limits: Limits,
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[Job]:
    """Cut `file`, an object's inflated text, into jobs that parse it, in the order of its lines.

    `object_index` is written to the tables' `object`; `received_fallback` stands for a missing `receivedAt`;
    `source_name` is the source's configured name, if it has one; events that occurred and were received before
    `retention_cutoff` are counted as expired. Memory is bounded by `chunk_bytes` of text. Bad lines are values in
    `Parsed.rejected`, never errors.
    """
    chosen = FORMATS[detect(file, ref, format)]
    picker = _picker(chosen, ref, source_name, received_fallback, retention_cutoff)
    frame = framing.concatenated if chosen.concatenated else framing.newline_delimited
    for first, text in frame(file, chunk_bytes=chunk_bytes, line_bytes=limits.line_bytes):
        yield Job(object_index, first, text, picker, limits)


def parse_lines(
    lines: Mapping[int, bytes],
    ref: ObjectRef,
    object_index: int,
    format: str,
    *,
    source_name: str = "",
    retention_cutoff: datetime | None = None,
    limits: Limits,
) -> Parsed:
    """Parse single lines of the object `ref`, by their numbers, as `cut` would have them parsed with all the others."""
    picker = _picker(FORMATS[format], ref, source_name, ref.modified, retention_cutoff)
    parsed = Job(object_index, 0, list(lines.values()), picker, limits).run()
    numbers = list(lines)
    column = pa.array([numbers[at] for at in parsed.table["line"].to_pylist()], pa.int64())
    table = parsed.table.set_column(parsed.table.schema.get_field_index("line"), "line", column)
    rejected = [replace(line, line=numbers[line.line]) for line in parsed.rejected]
    return replace(parsed, table=table, rejected=rejected)


def _picker(format: Format, ref: ObjectRef, name: str, received_fallback: datetime, cutoff: datetime | None) -> Picker:
    clock = Clock(microseconds(received_fallback), None if cutoff is None else microseconds(cutoff))
    return Picker(name or format.source_in(ref.path) or format.name, format.stamped, clock)


def read_line(file: BinaryIO, format: str, number: int, *, line_bytes: int) -> bytes | None:
    """Line `number` (from 1) of an object read as `format`, or None when it has fewer."""
    return read_lines(file, format, {number}, line_bytes=line_bytes).get(number)


def read_lines(file: BinaryIO, format: str, numbers: Collection[int], *, line_bytes: int) -> dict[int, bytes]:
    """The lines of these numbers (from 1) of an object read as `format`; those that it does not have are left out."""
    frame = framing.concatenated if FORMATS[format].concatenated else framing.newline_delimited
    found: dict[int, bytes] = {}
    for first, text in frame(file, chunk_bytes=CHUNK_BYTES, line_bytes=line_bytes):
        lines = framing.lines_of(text, line_bytes=line_bytes)
        found |= {number: lines[number - first] for number in numbers if first <= number < first + len(lines)}
        if first + len(lines) > max(numbers):
            break
    return found
