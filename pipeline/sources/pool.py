"""Doing the work of a batch beside itself: fetching ahead in threads, parsing in processes."""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import BinaryIO

from pipeline.errors import ActivityError
from pipeline.sources.objects import ObjectRef, Source
from pipeline.sources.parse import Job, Parsed

# Fetched and inflated ahead of the parser; each is in memory up to the inflater's spool size, so this stays small.
AHEAD = 4
# A batch of less text is parsed where we are: a process would take longer to start than to help.
INLINE_BYTES = 8 * 1024 * 1024


def fetch_ahead(
    source: Source, refs: Sequence[ObjectRef], *, max_inflated: int
) -> Iterator[tuple[ObjectRef, BinaryIO | ActivityError]]:
    """Each of `refs` in order with its inflated bytes, or with the error that fetching it raised, as a value."""
    with ThreadPoolExecutor(AHEAD, "fetch") as pool:
        waiting = iter(refs)
        running: deque[tuple[ObjectRef, Future[BinaryIO]]] = deque()

        def start(count: int) -> None:
            for ref in islice(waiting, count):
                running.append((ref, pool.submit(source.fetch, ref, max_inflated=max_inflated)))

        start(AHEAD)
        try:
            while running:
                ref, future = running.popleft()
                try:
                    fetched: BinaryIO | ActivityError = future.result()
                except ActivityError as error:
                    fetched = error
                start(1)
                yield ref, fetched
        finally:
            for _, future in running:
                if not future.cancel() and future.exception() is None:
                    future.result().close()


class ParsePool:
    """Runs parsing jobs in `workers` processes, in order; small batches without any."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def run(self, jobs: Iterable[Job]) -> Iterator[Parsed]:
        """The results in the order of `jobs`, of which only a few are ever held.

        Raises `ActivityError` (parse.killed) when one of the processes was killed; the next run has new ones.
        """
        waiting = iter(jobs)
        head: list[Job] = []
        size = 0
        while size < INLINE_BYTES and (job := next(waiting, None)) is not None:
            head.append(job)
            size += job.size
        if size < INLINE_BYTES or self._workers == 1:
            yield from (job.run() for job in head)
            yield from (job.run() for job in waiting)
            return
        try:
            yield from self._beside(head, waiting)
        except BrokenProcessPool:  # what it ran is lost with it, and it would refuse whatever comes next
            self._abandon()
            raise ActivityError(
                "A process that parsed was killed, most likely because memory ran out. Nothing of its batch was kept.",
                hint="It is tried again by itself. If it happens again, set ACTIVITY_WORKERS=1 or give it more memory.",
                code="parse.killed",
            ) from None

    def _beside(self, head: Sequence[Job], waiting: Iterator[Job]) -> Iterator[Parsed]:
        """The results from the processes, each kept busy with one job and one to come."""
        pool = self._started()
        running = deque(pool.submit(job.run) for job in head)
        while running:
            while len(running) < 2 * self._workers and (job := next(waiting, None)) is not None:
                running.append(pool.submit(job.run))
            yield running.popleft().result()

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Not by fork: this process has threads, of DuckDB and of the fetcher, that a fork would leave half-way.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._workers, mp_context=context, initializer=_set_up)
        return self._pool

    def _abandon(self) -> None:
        """Let go of a pool of which a process was killed: the others are, too, or Python may wait for one of them that
        was just coming up, for ever (seen with 3.11.7: its queue had been closed by then)."""
        for process in multiprocessing.active_children():
            process.kill()
        self.rest()

    def rest(self) -> None:
        """Let the processes go while there is nothing to do; they come back when needed."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    close = rest


def _set_up() -> None:
    """In a process of the pool: Ctrl-C is for the parent, which finishes the batch in hand; parsing makes no cycles."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
