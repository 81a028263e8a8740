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
from pipeline.questions.funnel import Answer, Funnel, Of, behind, measure, named, notes, people, rest
from pipeline.questions.masking import refuse_masked_funnel

T = TypeVar("T")
Key = tuple[str, ...]

_ANSWERS, _LISTS = 12, 24  # kept at once; an answer holds a row per person
ROWS = 50  # people of a page
MOST_LINKED = 100  # people named in one address
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


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the people behind a number: `count` of all of them, `rows` of the page as `people` gives them.
    `persons` names all of them where they are few enough for one address."""

    count: int
    page: int
    last: int
    rows: pa.Table
    persons: tuple[str, ...] = ()


_MEASURED: Kept[Measured] = Kept(_ANSWERS)
_PEOPLE: Kept[Listed] = Kept(_LISTS)


def measured(snapshot: Snapshot, funnel: Funnel) -> Future[Measured]:
    return _MEASURED.ask(_key(snapshot, funnel), partial(_measure, snapshot, canonical(pinned(funnel)), funnel))


def _measure(snapshot: Snapshot, text: str, funnel: Funnel) -> Measured:
    if snapshot.masked:
        refuse_masked_funnel(funnel)
    answer = measure(snapshot, Funnel.parse(json.loads(text), now=clock(), zone=funnel.view.zone))
    return Measured(answer, notes(snapshot, answer, wording.step))


def listed(snapshot: Snapshot, answer: Answer, behind: Behind) -> Future[Listed]:
    """How many people are in a group of the answer, and those of a page of them by name."""
    who = json.dumps([behind.text(), behind.narrowed, behind.value, behind.other, behind.page])
    return _PEOPLE.ask((*_key(snapshot, answer.funnel), who), partial(_list, snapshot, answer, behind))


def _list(snapshot: Snapshot, answer: Answer, asked: Behind) -> Listed:
    places = behind(answer, asked.group, of(answer, asked))
    last = max(1, -(-len(places) // ROWS))
    page = min(asked.page, last)
    shown = slice((page - 1) * ROWS, page * ROWS)
    if len(places) > MOST_LINKED:
        return Listed(len(places), page, last, rows=named(snapshot, answer, places[shown]))
    everybody = named(snapshot, answer, places)
    rows = everybody.slice(shown.start, ROWS)
    return Listed(len(places), page, last, rows=rows, persons=tuple(everybody["person"].to_pylist()))


def everybody(snapshot: Snapshot, answer: Answer, behind: Behind) -> pa.Table:
    """All people in a group of the answer, for a file."""
    return people(snapshot, answer, behind.group, of(answer, behind))


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
    return str(product().settings.data), str(snapshot.key), zone.key, canonical(pinned(funnel))
