"""A batch, from listed objects to committed rows, and the poll around it.

A poll looks at every source: it lists the objects, asks the ledger which of them are unsettled, and loads those batch
after batch until nothing waits. A batch fetches objects, parses and enriches their lines, and commits rows, facts and
ledger in one transaction. What cannot be read is written into the ledger with its reason, and tried again.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import pyarrow as pa

from pipeline.enrich import Enricher, GeoStatus
from pipeline.erasure.theirs import without_erased
from pipeline.errors import ActivityError, ObjectRejected
from pipeline.lake import Batch, Entry, Lake, Transaction, retain
from pipeline.settings import Settings, SourceSpec
from pipeline.sources import (
    Job,
    Limits,
    ObjectRef,
    Parsed,
    ParsePool,
    Rejected,
    Source,
    Sweep,
    cut,
    detect,
    fetch_ahead,
    open_source,
)
from pipeline.state import State

# Keys listed and compared with the ledger at a time, so that a bucket of millions costs no memory.
_LISTED = 5_000
# Bytes of rejected lines held before they are written: of each its raw bytes, and what it takes beside them.
_REJECTED_BYTES, _REJECTED_BESIDE = 32_000_000, 300
# Inserts of a batch: nothing is parsed beside the last one, but others wait for the lock until it ends. That one may be
# so much larger, for what was being parsed when the batch became full: a small one more is a file more for each day.
_INSERTS, _LAST = 4, 1.5
# A batch that takes long says now and then that it is at work.
_HEARTBEAT = timedelta(seconds=2)
# No batch fetches for longer, lest what has been read waits for objects that S3 hardly gives, or refuses one by one.
_LONGEST = timedelta(seconds=30)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Look:
    """How looking at a source goes: `waiting` objects are left to read; `error` says why it could not be read.

    `reading` objects are of the batch at work. `listed` is the number of objects found, known only when the look is
    over.
    """

    uri: str
    at: datetime
    waiting: int
    error: ActivityError | None = None
    listed: int | None = None
    reading: int = 0


Progress = Callable[[Batch, int], None]  # a committed batch, and how many known objects still wait


class Pipeline:
    """The pipeline of one installation. `poll()` is one look at every source; call it again and again."""

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        clock: Clock,
        *,
        specs: Sequence[SourceSpec] = (),
        heard: Callable[[Look], None] = lambda look: None,
    ) -> None:
        """`specs` are the sources, by default those configured; `heard` is told of each look and each batch."""
        self._settings = settings
        self._lake = lake
        self._clock = clock
        self._heard = heard
        self._specs = tuple(specs) or settings.all_sources
        self._sources = [
            open_source(spec, endpoint_url=settings.s3_endpoint_url, region=settings.s3_region) for spec in self._specs
        ]
        self._geo_path = settings.geo_path
        self._enricher = Enricher(self._geo_path)
        self._pool = ParsePool(settings.workers)
        self._erasures = State(settings.data).erasures
        self._limits = Limits(settings.max_line_bytes, settings.max_nesting)
        self._owed: dict[str, Sweep] = {}  # by source, how far back the last look that failed should have looked
        # What is loaded by now stays: looking for cycles in it again with every batch took a fortieth of the time.
        gc.freeze()

    @property
    def uris(self) -> list[str]:
        """The sources' canonical names, as the ledger and the heartbeat know them."""
        return [source.uri for source in self._sources]

    def geo_status(self) -> GeoStatus:
        """What can be said of the geo database in use."""
        return self._enricher.geo_status()

    def poll(
        self, sweep: Sweep, progress: Progress | None = None, stopping: Callable[[], bool] = lambda: False
    ) -> list[Batch]:
        """Load everything that waits, a batch of each source in turn, or until `stopping()`; the rest waits on.

        A source that fails does not stop the others.
        """
        if self._geo_path != self._settings.geo_path:
            self._geo_path = self._settings.geo_path
            self._enricher = Enricher(self._geo_path)
        batches: list[Batch] = []
        turns = [self._load(spec, source, sweep) for spec, source in zip(self._specs, self._sources, strict=True)]
        while turns and not stopping():
            for turn in list(turns):
                if (step := next(turn, None)) is None:
                    turns.remove(turn)
                    continue
                batches.append(step[0])
                if progress is not None:
                    progress(*step)
        self._pool.rest()
        return batches

    def _load(self, spec: SourceSpec, source: Source, sweep: Sweep) -> Iterator[tuple[Batch, int]]:
        """Batch after batch of one source."""
        polled_at = self._clock()
        error: ActivityError | None = None
        found = 0
        # A sweep that failed is made up for: the next of its kind may be a day away.
        sweep = self._owed[source.uri] = max(sweep, self._owed.get(source.uri, sweep), key=list(Sweep).index)
        try:
            listed = source.list(polled_at, sweep)
            while refs := list(islice(listed, _LISTED)):
                found += len(refs)
                yield from self._load_pending(spec, source, refs, polled_at)
            # What failed is tried again when it is due, though it lies where this sweep does not look any more.
            failed = [ObjectRef(*each) for each in self._lake.failed(source.uri)]
            yield from self._load_pending(spec, source, failed, self._clock())
            self._owed.pop(source.uri, None)
        except ActivityError as problem:
            error = problem
        self._heard(Look(source.uri, polled_at, self._lake.waiting(source.uri), error, found))

    def _load_pending(
        self, spec: SourceSpec, source: Source, refs: Sequence[ObjectRef], now: datetime
    ) -> Iterator[tuple[Batch, int]]:
        # The oldest first: a rebuild, which knows no better order, then loads them in the same.
        waiting = [refs[i] for i in self._lake.pending(refs, now)]
        pending: Sequence[ObjectRef] = sorted(waiting, key=lambda ref: ref.modified)
        while pending:
            batch, pending = self._batch(spec, source, pending)
            if batch is not None:
                self._heard(Look(source.uri, self._clock(), max(1, len(pending))))
                yield batch, len(pending)

    def reload(self, refs: Sequence[ObjectRef]) -> Iterator[Batch]:
        """Load those of these objects that the ledger has not settled, whether or not a sweep would list them."""
        for spec, source in zip(self._specs, self._sources, strict=True):
            pending: Sequence[ObjectRef] = [ref for ref in refs if ref.source == source.uri]
            while pending:
                batch, pending = self._batch(spec, source, pending)
                if batch is not None:
                    yield batch

    def _batch(
        self, spec: SourceSpec, source: Source, pending: Sequence[ObjectRef]
    ) -> tuple[Batch | None, Sequence[ObjectRef]]:
        """Load objects from the head of `pending` until the batch is full, and say what is left.

        No object is split between batches, however many inserts of one transaction it takes.
        """
        now = self._clock()
        with (
            self._lake.write(now) as transaction,
            _Inserter(transaction, self._enricher, self._settings.batch_events) as inserter,
        ):
            todo = [pending[position] for position in transaction.unsettled(pending)]
            if not todo:
                return None, ()
            erased = self._erasures.known()  # an erasure holds the lock too, so nobody joins them meanwhile
            cutoff = retain.cutoff(transaction.believable_now(), self._settings.retention_days)
            entries: list[Entry] = []
            heard_at = now
            for parsed in self._pool.run(self._jobs(spec, source, todo, cutoff, entries, inserter)):
                entry = entries[parsed.object]
                entry.lines += parsed.lines
                entry.expired += parsed.expired
                inserter.add(without_erased(parsed, erased), entries)
                if abs(self._clock() - heard_at) >= _HEARTBEAT:  # the clock may be put back meanwhile
                    heard_at = self._clock()
                    left = max(1, len(todo) - len(entries))
                    self._heard(Look(source.uri, heard_at, left, reading=len(entries)))
            inserter.flush(entries)
            return transaction.finish(entries, self._clock()), todo[len(entries) :]

    def _jobs(
        self,
        spec: SourceSpec,
        source: Source,
        todo: Sequence[ObjectRef],
        cutoff: datetime | None,
        entries: list[Entry],
        inserter: _Inserter,
    ) -> Iterator[Job]:
        """The parsing to be done, object by object until the batch is full; each gets its entry in the ledger."""
        began = self._clock()
        for ref, fetched in fetch_ahead(source, todo, max_inflated=self._settings.max_object_bytes):
            entry = Entry(ref.source, ref.key, ref.etag, ref.size, ref.modified)
            entries.append(entry)
            if isinstance(fetched, ActivityError):
                entry.state = "rejected" if isinstance(fetched, ObjectRejected) else "retrying"
                entry.last_error = f"{fetched.code}: {fetched}"
            else:
                with fetched as file:
                    entry.format = detect(file, ref, spec.format)
                    yield from cut(
                        *(file, ref, len(entries) - 1, entry.format),
                        received_fallback=ref.modified,
                        source_name=spec.name,
                        retention_cutoff=cutoff,
                        limits=self._limits,
                    )
            if inserter.full or abs(self._clock() - began) >= _LONGEST:
                return

    def close(self) -> None:
        self._pool.close()


class _Inserter:
    """Gathers what was parsed into inserts of about `rows`, each enriched and made while the next is being parsed.

    It is `full` after a few of them: nothing would be parsed beside a batch's only one. Enrichment waits for the whole
    insert because it works on distinct values, of which many chunks share most. An object of bad lines alone is
    bounded, too: by the bytes they are kept with.
    """

    def __init__(self, transaction: Transaction, enricher: Enricher, rows: int) -> None:
        self._transaction = transaction
        self._enricher = enricher
        self._rows = rows
        self._held: list[pa.Table] = []
        self._held_rows = 0
        self._batch_rows = 0
        self._rejected: list[tuple[Entry, Rejected]] = []
        self._rejected_bytes = 0
        self._thread = ThreadPoolExecutor(1, "insert")
        self._running: Future[None] | None = None
        self.full = False

    def add(self, parsed: Parsed, entries: Sequence[Entry]) -> None:
        self._held.append(parsed.table)
        self._held_rows += len(parsed.table)
        self._rejected += [(entries[parsed.object], line) for line in parsed.rejected]
        self._rejected_bytes += sum(len(line.raw) + _REJECTED_BESIDE for line in parsed.rejected)
        self._batch_rows += len(parsed.table)
        many_rejected = self._rejected_bytes >= _REJECTED_BYTES
        self.full = self.full or many_rejected or self._batch_rows >= _INSERTS * self._rows
        if many_rejected or self._held_rows >= self._rows * (_LAST if self.full else 1):
            self._start(entries)

    def flush(self, entries: Sequence[Entry]) -> None:
        """Insert what is held, and wait until all of it is in. Raises what an insert raised."""
        self._start(entries)
        self._wait()

    def _start(self, entries: Sequence[Entry]) -> None:
        self._wait()
        if self._held:
            table, rejected = pa.concat_tables(self._held), self._rejected
            self._held, self._held_rows, self._rejected, self._rejected_bytes = [], 0, [], 0
            self._running = self._thread.submit(self._insert, table, rejected, tuple(entries))

    def _insert(self, table: pa.Table, rejected: list[tuple[Entry, Rejected]], entries: Sequence[Entry]) -> None:
        self._transaction.insert(self._enricher.apply(table), entries)
        self._transaction.reject(rejected)

    def _wait(self) -> None:
        if self._running is not None:
            self._running.result()
            self._running = None

    def __enter__(self) -> _Inserter:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True)
