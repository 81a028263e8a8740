"""Reading the ledger's objects again, and looking up in the lake what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.erasure.theirs import without_erased
from pipeline.errors import ActivityError
from pipeline.event import PARSED_SCHEMA
from pipeline.lake import Snapshot, retain
from pipeline.lake.recount import missing
from pipeline.recovery.places import Places, ref_of
from pipeline.settings import Settings
from pipeline.sources import Job, Limits, ParsePool, cut, fetch_ahead
from pipeline.state import Erased, State

_IDENTITY = ("source", "key", "etag")
_NOTHING = PARSED_SCHEMA.empty_table()


@dataclass(slots=True)
class Reread:
    """One object, read again: its row of the ledger, its lines, and its events that the lake lacks; or `error`."""

    entry: dict[str, Any]
    lines: int = 0
    missing: int = 0
    error: str | None = None


def reread(settings: Settings, snapshot: Snapshot, now: datetime) -> Iterator[Reread]:
    """Read every loaded object of `snapshot` again, in bounded memory. Nothing of erased people is looked for."""
    pool = ParsePool(settings.workers)
    cutoff = retain.cutoff(now, settings.retention_days)
    reader = _Reader(settings, snapshot, Places(settings), pool, State(settings.data).erasures.known(), cutoff)
    try:
        for source, entries in groupby(_entries(snapshot), key=lambda entry: str(entry["source"])):
            yield from reader.read(source, list(entries))
    finally:
        pool.close()


def _entries(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """The ledger's rows of loaded objects, their `lines` without those that an erasure took out of the object."""
    removed = snapshot.removed
    gone = removed.group_by("key").aggregate(gone=removed.lines.sum().cast("int64"))
    objects = snapshot.objects.left_join(gone, "key")
    left = objects.mutate(lines=objects.lines - objects.gone.coalesce(0))
    loaded = left.filter(left.state == "loaded").order_by("source", "seen_at", "key")
    for batch in snapshot.stream(loaded):
        yield from batch.to_pylist()


@dataclass(slots=True)
class _Reader:
    """Reads objects of one source a few at a time: as many as hold about a batch's events are looked up together."""

    settings: Settings
    snapshot: Snapshot
    places: Places
    pool: ParsePool
    erased: Erased
    cutoff: datetime | None  # what occurred before may have been removed since

    def read(self, source: str, entries: Sequence[dict[str, Any]]) -> Iterator[Reread]:
        group: list[dict[str, Any]] = []
        lines = 0
        for entry in entries:
            group.append(entry)
            lines += entry["lines"]
            if lines >= self.settings.batch_events or len(group) >= 1_000:
                yield from self._read(source, group)
                group, lines = [], 0
        yield from self._read(source, group)

    def _read(self, source: str, entries: Sequence[dict[str, Any]]) -> Iterator[Reread]:
        found = [Reread(entry) for entry in entries]
        objects = pa.table(
            {
                "object": pa.array(range(len(entries)), pa.int32()),
                **{name: pa.array([entry[name] for entry in entries], pa.string()) for name in _IDENTITY},
            }
        )
        held = _NOTHING
        for parsed in self.pool.run(self._jobs(source, found)):
            found[parsed.object].lines += parsed.lines
            held = pa.concat_tables([held, without_erased(parsed, self.erased).table])
            if len(held) >= self.settings.batch_events:
                self._look_up(held, objects, found)
                held = _NOTHING
        self._look_up(held, objects, found)
        yield from found

    def _look_up(self, events: pa.Table, objects: pa.Table, found: Sequence[Reread]) -> None:
        if self.cutoff is not None:
            events = events.filter(pc.greater_equal(events["occurred_at"], pa.scalar(self.cutoff)))
        for number, count in missing(self.snapshot, events, objects, self.settings.dedupe_days).items():
            found[number].missing += count

    def _jobs(self, source: str, found: Sequence[Reread]) -> Iterator[Job]:
        refs = [ref_of(each.entry) for each in found]
        limits = Limits(self.settings.max_line_bytes, self.settings.max_nesting)
        fetched = fetch_ahead(self.places.source(source), refs, max_inflated=self.settings.max_object_bytes)
        for number, (ref, file) in enumerate(fetched):
            again = found[number]
            if isinstance(file, ActivityError):
                again.error = f"{file.code}: {file}"
                continue
            with file:
                yield from cut(
                    *(file, ref, number, again.entry["format"]),
                    received_fallback=ref.modified,
                    source_name=self.places.spec(source).name,
                    # What was expired then is not in the lake, and what retention has removed since must not be.
                    retention_cutoff=retain.cutoff(again.entry["seen_at"], self.settings.retention_days),
                    limits=limits,
                )
