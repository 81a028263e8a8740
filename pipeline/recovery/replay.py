"""Replaying after a fix: what was rejected is parsed again, and what is good now is loaded, once.

A rejected line is parsed from its raw bytes, which are kept; only a very long one, of which the beginning is kept, is
read from its object again. An object that was rejected whole is tried again as if it had just landed. Good lines change
sides in the ledger in the same transaction as their rows come into the lake; repeating a replay changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import ibis
import pyarrow as pa

from pipeline.enrich import Enricher
from pipeline.erasure.theirs import without_erased
from pipeline.errors import ActivityError
from pipeline.event import PARSED_SCHEMA
from pipeline.lake import Entry, Lake, Snapshot, Transaction, retain
from pipeline.lake.amend import START, Place, RejectedRow
from pipeline.recovery.places import Places, ref_of
from pipeline.run import Clock, Pipeline
from pipeline.settings import Settings
from pipeline.sources import Limits, ObjectRef, Parsed, Rejected, kept_whole, parse_lines, read_lines
from pipeline.state import State
from pipeline.words import counted

# Lines replayed in one transaction; the bytes kept of each are bounded, so this bounds the memory, too.
_LINES = 1_000


@dataclass(slots=True)
class Replayed:
    """What a replay came to. Of `lines` tried, the rest is rejected as before, or for another reason now.

    `out_of_reach` are lines too long to be kept whole, whose object could not be read again; of `objects` rejected
    whole that were tried again, `objects_loaded` could be read.
    """

    lines: int = 0
    loaded: int = 0
    duplicate: int = 0
    expired: int = 0
    out_of_reach: int = 0
    objects: int = 0
    objects_loaded: int = 0

    @property
    def still_rejected(self) -> int:
        return self.lines - self.loaded - self.duplicate - self.expired

    def told(self) -> list[str]:
        """The same in sentences."""
        told = []
        if not self.lines and not self.objects:
            told.append("Nothing is rejected that could be replayed.")
        if self.lines:
            told.append(
                f"{counted(self.lines, 'line')} = {self.loaded:,} loaded + {self.duplicate:,} duplicate "
                f"+ {self.expired:,} expired + {self.still_rejected:,} still rejected"
            )
        if self.out_of_reach:
            told.append(
                f"Kept in part only, and in no object that could be read again: {counted(self.out_of_reach, 'line')}."
            )
        if self.objects:
            told.append(f"{counted(self.objects, 'object')} rejected whole: {self.objects_loaded:,} could be read now.")
        return told


Progress = Callable[[int], None]  # lines and objects tried so far


def replay(
    settings: Settings, lake: Lake, clock: Clock, reason: str | None = None, progress: Progress = lambda done: None
) -> Replayed:
    """Try everything rejected again, or what was rejected for the one code `reason`, a transaction after the other.

    Waits for the writer lock, so a scheduler may run meanwhile. Raises `LakeError`.
    """
    done = Replayed()
    for _ in _Lines(settings, lake, clock, reason).replayed(done):
        progress(done.lines)
    for _ in _objects(settings, lake, clock, reason, done):
        progress(done.lines + done.objects_loaded)
    return done


def _objects(settings: Settings, lake: Lake, clock: Clock, reason: str | None, done: Replayed) -> Iterator[None]:
    """Objects that were rejected whole."""
    with lake.write(clock()) as transaction:
        refs = [ref_of(entry) for entry in transaction.retry_rejected_objects(reason)]
    done.objects = len(refs)
    if not refs:
        return
    places = Places(settings)
    pipeline = Pipeline(settings, lake, clock, specs=[places.spec(uri) for uri in {ref.source for ref in refs}])
    try:
        for _ in pipeline.reload(refs):
            yield
    finally:
        pipeline.close()
    unread = _unread(lake.snapshot())
    done.objects_loaded = sum((ref.source, ref.key, ref.etag) not in unread for ref in refs)


def rejected_objects(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The objects that were rejected whole, newest first: source, key, etag, code, reason, seen_at."""
    objects = snapshot.objects
    whole = objects.filter(objects.state == "rejected").order_by(ibis.desc("seen_at"), "source", "key")
    rows: list[dict[str, Any]] = snapshot.fetch(
        whole.select("source", "key", "etag", "last_error", "seen_at")
    ).to_pylist()
    for row in rows:
        row["code"], _, row["reason"] = str(row.pop("last_error") or "").partition(": ")
    return rows


def _unread(snapshot: Snapshot) -> set[tuple[str, str, str]]:
    objects = snapshot.objects
    rows = snapshot.fetch(objects.filter(objects.state != "loaded").select("source", "key", "etag")).to_pylist()
    return {(row["source"], row["key"], row["etag"]) for row in rows}


class _Lines:
    """Replays rejected lines, `_LINES` of them in a transaction."""

    def __init__(self, settings: Settings, lake: Lake, clock: Clock, reason: str | None) -> None:
        self._settings = settings
        self._lake = lake
        self._clock = clock
        self._reason = reason
        self._places = Places(settings)
        self._enricher = Enricher(settings.geo_path)
        self._limits = Limits(settings.max_line_bytes, settings.max_nesting)
        self._erasures = State(settings.data).erasures

    def replayed(self, done: Replayed) -> Iterator[None]:
        after: Place | None = START
        while after is not None:
            now = self._clock()
            with self._lake.write(now) as transaction:
                after = self._page(transaction, now, after, done)
            yield

    def _page(self, transaction: Transaction, now: datetime, after: Place, done: Replayed) -> Place | None:
        """Replay the next lines; gives the place of the last, or None when there was none."""
        rows = transaction.rejected_lines(self._reason, after, _LINES)
        if not rows:
            return None
        erased = self._erasures.known()
        changes: list[Entry] = []
        tables = [PARSED_SCHEMA.empty_table()]
        settled: list[Place] = []
        again: list[tuple[Entry, Rejected]] = []
        for _, same in groupby(rows, key=lambda row: row.place[:3]):
            of_object = list(same)
            entry = _difference(of_object[0])
            texts, lost = self._texts(of_object)
            done.out_of_reach += lost
            parsed = without_erased(self._parsed(of_object[0], texts, len(changes), now), erased)
            changed = _changed(parsed, of_object)
            as_before = {line.line for line in parsed.rejected} - {line.line for line in changed}
            settled += [row.place for row in of_object if row.line in texts.keys() - as_before]
            again += [(entry, line) for line in changed]
            entry.expired = parsed.expired
            tables.append(parsed.table)
            changes.append(entry)
        done.lines += len(rows)
        if settled:
            transaction.insert(self._enricher.apply(pa.concat_tables(tables)), changes)
            batch = transaction.amend(changes, settled, again, self._clock())
            done.loaded += batch.loaded
            done.duplicate += batch.duplicate
            done.expired += batch.expired
        return rows[-1].place

    def _parsed(self, row: RejectedRow, texts: dict[int, bytes], number: int, now: datetime) -> Parsed:
        return parse_lines(
            *(texts, _ref(row), number, row.format),
            source_name=self._places.spec(row.source).name,
            retention_cutoff=retain.cutoff(now, self._settings.retention_days),
            limits=self._limits,
        )

    def _texts(self, rows: Sequence[RejectedRow]) -> tuple[dict[int, bytes], int]:
        """The lines as they came, by their numbers, and how many are not to be had."""
        texts = {row.line: row.raw for row in rows if kept_whole(row.code, row.raw)}
        cut = {row.line for row in rows} - texts.keys()
        if not cut:
            return texts, 0
        try:
            whole = self._read(rows[0], cut)
        except ActivityError:
            whole = {}
        return texts | whole, len(cut - whole.keys())

    def _read(self, row: RejectedRow, numbers: set[int]) -> dict[int, bytes]:
        source = self._places.source(row.source)
        with source.fetch(_ref(row), max_inflated=self._settings.max_object_bytes) as file:
            return read_lines(file, row.format, numbers, line_bytes=self._settings.max_line_bytes)


def _ref(row: RejectedRow) -> ObjectRef:
    return ObjectRef(row.source, row.key, row.etag, row.bytes, row.modified)


def _difference(row: RejectedRow) -> Entry:
    """An entry that counts what changes for the row's object."""
    return Entry(row.source, row.key, row.etag, bytes=0, modified=row.modified, format=row.format)


def _changed(parsed: Parsed, rows: Sequence[RejectedRow]) -> list[Rejected]:
    """The lines that are rejected again, but not as they were: the code or the sentence is another."""
    before = {row.line: (row.code, row.reason) for row in rows}
    return [line for line in parsed.rejected if before[line.line] != (line.code, line.reason)]
