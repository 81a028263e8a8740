"""Funnels' answers, kept by what they are of: the snapshot, and the funnel with absolute dates.

Measuring may take seconds, so it happens in threads of its own: a page that waits can be told to go elsewhere, and
two readers who ask the same wait for the same answer.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa

from pages.parts.funnels import wording
from pages.parts.funnels.address import Behind, canonical, pinned
from pages.parts.serving import clock, product
from pipeline.lake import Snapshot
from pipeline.questions.funnel import Answer, Funnel, Of, measure, notes, people, rest

T = TypeVar("T")
Key = tuple[str, ...]

_ANSWERS, _LISTS = 12, 6  # kept at once; each holds a row per person
_THREADS = 2
_LOOK = 0.12  # seconds between two looks at whether an answer is there


class Kept(Generic[T]):
    """The last answers of one kind, each asked once. Safe to share between threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._futures: OrderedDict[Key, Future[T]] = OrderedDict()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="funnel")

    def ask(self, key: Key, make: Callable[[], T]) -> Future[T]:
        """The answer, or where it will be. What went wrong or was given up is asked anew."""
        with self._lock:
            future = self._futures.get(key)
            if future is None or future.cancelled() or (future.done() and future.exception() is not None):
                future = self._futures[key] = self._threads.submit(make)
            self._futures.move_to_end(key)
            while len(self._futures) > self._most:
                self._futures.popitem(last=False)
            return future


@dataclass(frozen=True, slots=True)
class Measured:
    """A funnel's answer, and what a reader should know beside it."""

    answer: Answer
    notes: tuple[str, ...]


_MEASURED: Kept[Measured] = Kept(_ANSWERS)
_PEOPLE: Kept[pa.Table] = Kept(_LISTS)


def measured(snapshot: Snapshot, funnel: Funnel) -> Future[Measured]:
    return _MEASURED.ask(_key(snapshot, funnel), partial(_measure, snapshot, canonical(pinned(funnel)), funnel))


def _measure(snapshot: Snapshot, text: str, funnel: Funnel) -> Measured:
    answer = measure(snapshot, Funnel.parse(json.loads(text), now=clock(), zone=funnel.view.zone))
    return Measured(answer, notes(snapshot, answer, wording.step))


def listed(snapshot: Snapshot, answer: Answer, behind: Behind) -> Future[pa.Table]:
    """Everybody in a group of the answer, as `pipeline.questions.funnel.people` gives them."""
    who = json.dumps([behind.text(), behind.narrowed, behind.value, behind.other])
    return _PEOPLE.ask(
        (*_key(snapshot, answer.funnel), who), partial(people, snapshot, answer, behind.group, of(answer, behind))
    )


def of(answer: Answer, behind: Behind) -> Of | None:
    """The part of the breakdown that a list is narrowed to."""
    if not behind.narrowed:
        return None
    if behind.other:
        return rest(answer)
    return Of(behind.value)


def awaited(ask: Callable[[], Future[T]], waiting: Callable[[], object]) -> T:
    """The answer, calling `waiting` again and again until it is there; that may end the wait by raising."""
    while True:
        future = ask()
        try:
            while not future.done():
                waiting()
                wait((future,), _LOOK)
            return future.result()
        except CancelledError:
            continue  # given up by another reader: ask again
        except BaseException:
            future.cancel()  # nobody waits for it: do not even begin, if it has not begun
            raise


def _key(snapshot: Snapshot, funnel: Funnel) -> Key:
    zone: ZoneInfo = funnel.view.zone
    return str(product().settings.data), str(snapshot.version), zone.key, canonical(pinned(funnel))
