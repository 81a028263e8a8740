"""Rebuilding: a lost or damaged lake, made again from the objects that its events came from.

The new lake is made beside the present one, which stays as it is and readable until the new one takes its place at the
end, in one step. Objects are loaded in the order of the present ledger where it can be read, else from the oldest to
the newest, as they were loaded first; so of an event that was delivered twice the same copy wins, and every column of
every row is what it was, but for `ingested_at`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from pipeline.errors import LakeError, SourceError
from pipeline.lake import Lake, Snapshot, backup, retain
from pipeline.lake.engine import REBUILDING, is_whole
from pipeline.lake.lock import writer_lock
from pipeline.lake.recount import missing
from pipeline.questions import ledger
from pipeline.recovery.places import Places
from pipeline.run import Clock, Pipeline
from pipeline.settings import Settings, SourceSpec
from pipeline.sources import ObjectRef, Sweep, open_source

Progress = Callable[[str, int, int], None]  # what is being done, how much of it, of how much


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the new lake holds, and how it compares: `before` and `lost` are events of the lake it replaced, None where
    that could not be read; `lost` are in no object any more."""

    totals: ledger.Totals
    before: int | None
    lost: int | None


def rebuild(
    settings: Settings, clock: Clock, *, force: bool = False, progress: Progress = lambda what, done, of: None
) -> Rebuilt:
    """Make the lake again from every source there was, also those loaded once by hand. The pipeline waits meanwhile.

    Raises `SourceError` when a source cannot be listed, and `LakeError` (rebuild.would_lose) when the present lake has
    events that are in no object any more, and changes nothing then; with `force` it goes on without either.
    """
    present = _present(settings)
    folder = settings.lake.with_name(REBUILDING)
    settings.lake.mkdir(parents=True, exist_ok=True)
    try:
        with writer_lock(settings.lake / "writer.lock", wait=600):
            return _rebuild(settings, folder, present, clock, force, progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rebuild(
    settings: Settings, folder: Path, present: Snapshot | None, clock: Clock, force: bool, progress: Progress
) -> Rebuilt:
    shutil.rmtree(folder, ignore_errors=True)  # of a rebuild that was killed
    new = Lake(settings, threads=settings.loading_threads, folder=folder)
    try:
        _load(settings, new, present, clock, force, progress)
        result = _compared(settings, new.snapshot(), present, clock(), progress)
    finally:
        new.close()
    if result.lost and not force:
        raise LakeError(
            f"{result.lost:,} of {result.before:,} events of the present lake are in no object any more. "
            "Nothing was changed.",
            hint="Are all sources configured? To let those events go: python -m pipeline rebuild --force",
            code="rebuild.would_lose",
        )
    backup.take_place(folder, settings.lake, settings.backups, clock())
    return result


def _present(settings: Settings) -> Snapshot | None:
    """The lake there is, or None when it is lost or damaged."""
    try:
        if not is_whole(settings.lake):
            return None
        snapshot = Lake.open(settings).snapshot()
        for _ in snapshot.stream(snapshot.objects):
            pass  # to the end: any of its files may be the damaged one
    except LakeError:
        return None
    return snapshot


def _load(
    settings: Settings, new: Lake, present: Snapshot | None, clock: Clock, force: bool, progress: Progress
) -> None:
    """Load every object of every source into the new lake."""
    specs = _specs(settings, present)
    refs: dict[ObjectRef, None] = {}
    for spec in specs:
        source = open_source(spec, endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
        try:
            refs |= dict.fromkeys(source.list(clock(), Sweep.ALL))
        except SourceError as error:
            if not force:
                raise SourceError(
                    f"{source.uri}: {error}",
                    hint="Nothing was changed. To go on without it: python -m pipeline rebuild --force",
                    code=error.code,
                ) from None
    ordered = _in_order(list(refs), present)
    done = 0
    pipeline = Pipeline(settings, new, clock, specs=specs)
    try:
        progress("Objects", 0, len(ordered))
        for batch in pipeline.reload(ordered):
            done += batch.objects
            progress("Objects", done, len(ordered))
    finally:
        pipeline.close()


def _specs(settings: Settings, present: Snapshot | None) -> list[SourceSpec]:
    """The sources known by settings and loads, and those that only the present ledger knows."""
    places = Places(settings)
    known = {places.uri(spec) for spec in places.all}
    others = sorted(ledger.sources(present) - known) if present is not None else []
    return [*places.all, *map(SourceSpec, others)]


def _in_order(refs: list[ObjectRef], present: Snapshot | None) -> list[ObjectRef]:
    """As they were loaded first: by the present ledger, and after those by age. Sorting keeps the order of equals."""
    at: dict[tuple[str, str, str], datetime] = {}
    if present is not None:
        objects = present.objects
        for rows in present.stream(objects.select("source", "key", "etag", "seen_at")):
            at |= {(row["source"], row["key"], row["etag"]): row["seen_at"] for row in rows.to_pylist()}

    def order(ref: ObjectRef) -> tuple[bool, datetime, datetime]:
        seen_at = at.get((ref.source, ref.key, ref.etag))
        return seen_at is None, seen_at or ref.modified, ref.modified

    return sorted(refs, key=order)


def _compared(
    settings: Settings, new: Snapshot, present: Snapshot | None, now: datetime, progress: Progress
) -> Rebuilt:
    """Look every event of the present lake up in the new one, but those that retention would remove by now."""
    totals = ledger.totals(new)
    if present is None:
        return Rebuilt(totals, None, None)
    before = ledger.totals(present).events
    cutoff = retain.cutoff(now, settings.retention_days)
    events = present.events if cutoff is None else present.events.filter(present.events.occurred_at >= cutoff)
    done = lost = 0
    try:
        for rows in present.stream(events.select("event_id", "occurred_at").order_by("occurred_at"), 100_000):
            lost += _lacking(new, rows, settings.dedupe_days)
            done += len(rows)
            progress("Events compared", done, before)
    except LakeError:  # its files are damaged: nothing can be said of it
        return Rebuilt(totals, None, None)
    return Rebuilt(totals, before, lost)


def _lacking(new: Snapshot, rows: pa.RecordBatch, days: int) -> int:
    """How many of these events the new lake does not have."""
    count = len(rows)
    events = pa.table(
        {
            "object": pa.repeat(pa.scalar(0, pa.int32()), count),
            "event_id": rows.column("event_id").cast(pa.string()),
            "occurred_at": rows.column("occurred_at"),
            "line": pa.repeat(pa.scalar(0, pa.int64()), count),  # no line: a rejected one is no event
        }
    )
    return missing(new, events, _NOWHERE, days).get(0, 0)


_NOWHERE = pa.table({"object": pa.array([0], pa.int32()), **{name: [""] for name in ("source", "key", "etag")}})
