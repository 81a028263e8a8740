"""Many requests, one object: lines are gathered for a moment, written together, and only then has anyone a yes.

    add ──▶ the group that gathers ──(linger, or enough)──▶ gzip and put, in a thread ──▶ all its waiters go on

Memory is bounded: what is being read, gathered and written counts against one limit, and beyond it requests are sent
away to come again; so they are while the store takes too long, since nobody waits for an answer for ever.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType

from pipeline.collect.refused import Refused
from pipeline.collect.store import Store
from pipeline.errors import ActivityError
from pipeline.landing import object_key

OBJECT_BYTES = 4_000_000  # of lines: enough for an object, which then waits no longer
WAITING_BYTES = 48_000_000  # of bodies and lines in memory at once
WRITERS = 4
_LEVEL = 1  # gzip's: five times as fast as its usual one, for a third more bytes
RETRY_SECONDS = 5
OVERDUE_SECONDS = 10.0  # beyond the linger, that the oldest line has waited: most clients give up about then


@dataclass(slots=True)
class _Group:
    """Lines that will be one object."""

    stored: asyncio.Future[None]
    began: float
    lines: list[bytes] = field(default_factory=list)
    size: int = 0


@dataclass(slots=True)
class Written:
    """An object that was put, or was not: `problem` says why."""

    lines: int
    seconds: float
    problem: ActivityError | None


class Held:
    """The bytes that one request has in memory: they count until the `with` block is left."""

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher
        self._size = 0

    def more(self, size: int) -> None:
        """Count so many more. Raises `Refused` when they are too many."""
        self._batcher.reserve(size)
        self._size += size

    def at_least(self, size: int) -> None:
        """Count so many in all. Raises `Refused` when they are too many."""
        if size > self._size:
            self.more(size - self._size)

    def __enter__(self) -> Held:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._batcher.release(self._size)


class Batcher:
    """Gathers lines into objects of `store`. Used from one event loop."""

    def __init__(self, store: Store, *, linger: float, heard: Callable[[Written], None]) -> None:
        """`linger` is in seconds; `heard` is told of each write."""
        self._store = store
        self._linger = linger
        self._heard = heard
        self._group: _Group | None = None
        self._writing: dict[asyncio.Task[None], float] = {}
        self._threads = ThreadPoolExecutor(WRITERS, "landing")
        self._closing = False
        self.waiting_bytes = 0

    @property
    def oldest_seconds(self) -> float:
        """How long the oldest line that is not stored yet has waited."""
        began = [*self._writing.values(), *([self._group.began] if self._group else [])]
        return time.monotonic() - min(began) if began else 0.0

    @property
    def overdue(self) -> bool:
        """Whether the store takes too long."""
        return self.oldest_seconds > self._linger + OVERDUE_SECONDS

    def hold(self) -> Held:
        """For a request that comes. Raises `Refused` when it need not wait: others have, for too long."""
        if self.overdue:
            raise Refused(503, "store.slow", "The store is too slow now. Send it again.", retry_after=RETRY_SECONDS)
        return Held(self)

    def reserve(self, size: int) -> None:
        if self.waiting_bytes + size > WAITING_BYTES:
            raise Refused(
                503, "store.busy", "More waits to be stored than fits in memory. Send it again.", retry_after=1
            )
        self.waiting_bytes += size

    def release(self, size: int) -> None:
        self.waiting_bytes -= size

    async def add(self, lines: Sequence[bytes]) -> None:
        """Return when the lines are in the store. Raises `Refused` when they are not, or nobody can tell."""
        group = self._group
        if group is None:
            loop = asyncio.get_running_loop()
            group = self._group = _Group(loop.create_future(), time.monotonic())
            if not self._closing:
                loop.call_later(self._linger, self._flush, group)
        group.lines += lines
        group.size += sum(map(len, lines))
        if group.size >= OBJECT_BYTES or self._closing:
            self._flush(group)
        await asyncio.shield(group.stored)  # a client that goes away takes nobody else's answer with it

    def _flush(self, group: _Group) -> None:
        """Begin to write `group`, unless that has begun."""
        if self._group is group:
            self._group = None
            task = asyncio.create_task(self._write(group))
            self._writing[task] = group.began
            task.add_done_callback(self._writing.pop)

    async def _write(self, group: _Group) -> None:
        began = time.monotonic()
        problem: ActivityError | None = None
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._put, group.lines)
        except ActivityError as error:
            problem = error
        except Exception as error:  # whoever waits must hear of it, whatever it was
            problem = ActivityError(f"{type(error).__name__}: {error}", code="store.failed")
        self._heard(Written(len(group.lines), time.monotonic() - began, problem))
        if problem is None:
            group.stored.set_result(None)
        else:
            group.stored.set_exception(
                Refused(
                    503, "store.down", "The events could not be stored. Send them again.", retry_after=RETRY_SECONDS
                )
            )
            group.stored.exception()  # so that asyncio is content when nobody is left to hear it

    def _put(self, lines: list[bytes]) -> None:
        body = gzip.compress(b"\n".join(lines) + b"\n", compresslevel=_LEVEL, mtime=0)
        self._store.put(object_key(time.time_ns() // 1_000_000), body)

    async def close(self) -> None:
        """Write what is left, and wait until all is written."""
        self._closing = True
        if self._group is not None:
            self._flush(self._group)
        while self._writing:
            await asyncio.wait(list(self._writing))
        self._threads.shutdown()
