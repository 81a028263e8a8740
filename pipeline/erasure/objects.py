"""The objects that events came from: read again whole, and an erased person's lines taken out of them.

A line that goes leaves an empty one behind, so that all others keep their numbers, by which events know their place.
Where records are not lines (Firehose), an empty record is left, since white space between records is not counted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import BinaryIO, cast

from pipeline.erasure.theirs import mentions, rows_of
from pipeline.errors import ActivityError
from pipeline.recovery.places import Places
from pipeline.settings import Settings, SourceSpec
from pipeline.sources import FORMATS, Limits, ObjectRef, Source, Sweep, cut, detect, fetch_ahead, framing, open_source
from pipeline.state import Erased

_BLOCK = 1024 * 1024
_LISTED = 1_000  # keys held at a time
_NOTHING = b"{}"

Progress = Callable[[int], None]  # objects read by now


@dataclass(frozen=True, slots=True)
class Rewritten:
    """An object with `lines` lines less: the version that was, and the one that is. In a dry run both are the same."""

    old: ObjectRef
    new: ObjectRef
    lines: int  # by which its number of lines shrank; none where an empty record takes each one's place
    theirs: int


@dataclass(slots=True)
class Objects:
    """What was found in the objects of all sources: `left` are those that may still hold something, and why."""

    read: int = 0
    rewritten: list[Rewritten] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return sum(each.theirs for each in self.rewritten)


def erase_from_objects(
    settings: Settings, erased: Erased, now: datetime, *, dry_run: bool, progress: Progress
) -> Objects:
    """Take the lines of erased people out of every object of every source, those loaded once by hand included."""
    found = Objects()
    for spec in Places(settings).all:
        source = open_source(spec, endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
        try:
            listed = source.list(now, Sweep.ALL)
            while refs := list(islice(listed, _LISTED)):
                for ref, file in fetch_ahead(source, refs, max_inflated=settings.max_object_bytes):
                    _erase(settings, spec, source, ref, file, erased, found, dry_run)
                    found.read += 1
                    progress(found.read)
        except ActivityError as error:
            found.left.append((spec.uri, str(error)))
    return found


def _erase(
    settings: Settings,
    spec: SourceSpec,
    source: Source,
    ref: ObjectRef,
    fetched: BinaryIO | ActivityError,
    erased: Erased,
    found: Objects,
    dry_run: bool,
) -> None:
    try:
        if isinstance(fetched, ActivityError):
            raise fetched
        with fetched as file:
            format = detect(file, ref, spec.format)
            records = FORMATS[format].concatenated
            theirs = _theirs(file, ref, format, settings, erased)
            new = ref
            if theirs and not dry_run:
                with _without(file, theirs, records=records) as text:
                    new = source.replace(ref, text)
            if theirs:
                found.rewritten.append(Rewritten(ref, new, 0 if records else len(theirs), len(theirs)))
    except ActivityError as error:
        found.left.append((f"{ref.source}: {ref.key}", str(error)))


def _theirs(file: BinaryIO, ref: ObjectRef, format: str, settings: Settings, erased: Erased) -> frozenset[int]:
    """The numbers of the lines that are erased people's, read as the pipeline reads them but for their age."""
    limits = Limits(settings.max_line_bytes, settings.max_nesting)
    numbers: set[int] = set()
    for job in cut(file, ref, 0, format, received_fallback=ref.modified, limits=limits):
        parsed = job.run()
        mask = rows_of(parsed.table, erased)
        numbers.update(int(line) for line in parsed.table["line"].to_numpy()[mask])
        numbers.update(each.line for each in parsed.rejected if mentions(each.raw, erased))
    return frozenset(numbers)


def _without(file: BinaryIO, numbers: frozenset[int], *, records: bool) -> BinaryIO:
    """The text without those lines, every other one byte by byte as it was."""
    text = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=32 * _BLOCK))  # noqa: SIM115 - the caller's
    file.seek(0)
    for number, block in _records(file) if records else _lines(file):
        if number not in numbers:
            text.write(block)
        elif records:
            text.write(_NOTHING)
        elif block.endswith(b"\n"):
            text.write(b"\n")
    return text


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each line with its line feed, a long one in several blocks of the same number."""
    number = 1
    while block := file.readline(_BLOCK):
        yield number, block
        number += block.endswith(b"\n")


def _records(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    whole = file.seek(0, 2)
    file.seek(0)
    for first, text in framing.concatenated(file, chunk_bytes=_BLOCK, line_bytes=max(whole, 1)):
        yield from enumerate(framing.lines_of(text, line_bytes=max(whole, 1)), first)
