"""Doing the work of a batch beside itself: fetching ahead in threads, parsing in processes."""

from __future__ import annotations

import gc
import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import Connection
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
    """Runs parsing jobs in `workers` processes, in order; small batches without any.

    Not a `ProcessPoolExecutor`: there all processes share one pipe for results, and where one is killed while it writes
    to it, Python waits for the rest for ever. Here each has a pipe of its own, whose end with the process is read.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._threads: ThreadPoolExecutor | None = None  # each with a process that parses for it
        self._mine = threading.local()
        self._processes: list[_Process] = []

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
        except _Killed:
            self.rest()
            raise ActivityError(
                "A process that parsed was killed, most likely because memory ran out. Nothing of its batch was kept.",
                hint="It is tried again by itself. If it happens again, set ACTIVITY_WORKERS=1 or give it more memory.",
                code="parse.killed",
            ) from None

    def _beside(self, head: Sequence[Job], waiting: Iterator[Job]) -> Iterator[Parsed]:
        """The results from the processes, each kept busy with one job and one to come."""
        if self._threads is None:
            self._threads, self._mine = ThreadPoolExecutor(self._workers, "parse"), threading.local()
        running = deque(self._threads.submit(self._parse, job) for job in head)
        while running:
            while len(running) < 2 * self._workers and (job := next(waiting, None)) is not None:
                running.append(self._threads.submit(self._parse, job))
            yield running.popleft().result()

    def _parse(self, job: Job) -> Parsed:
        """In a thread: have its process run the job."""
        if not hasattr(self._mine, "process"):
            self._mine.process = _Process()
            self._processes.append(self._mine.process)
        process: _Process = self._mine.process
        return process.run(job)

    def rest(self) -> None:
        """Let the processes go while there is nothing to do; they come back when needed."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            for process in self._processes:
                process.end()
            self._threads, self._processes = None, []

    close = rest


class _Killed(Exception):
    """A process that parses is gone."""


class _Process:
    """A process that parses, one job at a time."""

    def __init__(self) -> None:
        # Not by fork: this process has threads, of DuckDB and of the fetcher, that a fork would leave half-way.
        context = multiprocessing.get_context("spawn")
        self._pipe, its = context.Pipe()
        self._process = context.Process(target=_serve, args=(its,), daemon=True)
        self._process.start()
        its.close()  # it is the only one that has this end, so that ours says when it is gone

    def run(self, job: Job) -> Parsed:
        """Raises what the job raised; `_Killed` when the process is gone, amid an answer or not."""
        try:
            self._pipe.send(job)
            told: Parsed | Exception = self._pipe.recv()
        except (EOFError, OSError):
            raise _Killed from None
        if isinstance(told, Exception):
            raise told
        return told

    def end(self) -> None:
        self._pipe.close()
        self._process.join()


def _serve(pipe: Connection) -> None:
    """In the process: Ctrl-C is for the parent, which finishes the batch in hand; parsing makes no cycles."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    with suppress(EOFError, OSError):  # until nobody asks any more
        while True:
            job: Job = pipe.recv()
            try:
                told: Parsed | Exception = job.run()
            except Exception as error:
                told = error
            pipe.send(told)
