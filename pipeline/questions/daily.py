"""Answers put together from parts, of one day or a few, so that only what has changed is asked again.

Whatever is counted over a view is the sum of its days. A part is kept by the question, the filters, the stretch of the
days that the view covers, and the marks of these days in the lake: it is right for as long as it can be found. Some are
known before anybody asks (`pipeline.questions.tallies`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import TypeVar, cast

from pipeline.lake.days import Mark, Sized
from pipeline.questions.people import JOINED
from pipeline.questions.ranges import Bounds
from pipeline.questions.shares import at_once, cut
from pipeline.questions.snapshot import Snapshot
from pipeline.questions.view import View

Part = TypeVar("Part", bound=Sized)
Ask = Callable[[Bounds], Mapping[date, Part]]

_DAY = timedelta(days=1)
_EPOCH = date(1970, 1, 1)
_BLOCKS = (4, 16, 64)  # days of a part, where it is asked by itself: the fewest that hold enough events
_ENOUGH = 200_000  # events, so that asking takes little beside reading them
_APART = 3  # stretches that are asked one by one; of more, all between them is asked


@dataclass(frozen=True, slots=True)
class Piece:
    """What a view covers of one day, and what its answer is kept by; `name` is the day's for files about it."""

    day: date
    bounds: Bounds
    mark: Mark
    question: Hashable
    events: int
    name: str

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the day."""
        return self.bounds == whole_day(self.day)


Known = Callable[[Piece], Part | None]  # what is known of a piece without asking the lake


def daily(
    snapshot: Snapshot,
    view: View,
    question: Hashable,
    ask: Ask[Part],
    nothing: Part,
    known: Known[Part],
) -> list[Part]:
    """The parts of an answer about `view`, oldest day first; days without events have none.

    `ask` gives the parts of all days within bounds; a day that it leaves out is `nothing`. `question` names what is
    asked apart from the view: of two questions of the same name, one may get the other's parts.
    """
    if not _lasting(view):
        return [part for share in at_once(ask, _shares(snapshot, view)) for part in share.values()]
    return by_day(snapshot, view.bounds(), (question, _filters(view)), ask, nothing, known)


def by_day(
    snapshot: Snapshot,
    bounds: Bounds,
    question: Hashable,
    ask: Ask[Part],
    nothing: Part,
    known: Known[Part],
) -> list[Part]:
    """The same of all events within bounds. What is asked is to follow from these events alone."""
    pieces = _pieces(snapshot, bounds, question)
    parts = {piece: _recalled(snapshot, piece, known) for piece in pieces}
    for run in _runs([parts[piece] is None for piece in pieces]):
        asked = pieces[run]
        found = {day: part for share in at_once(ask, _cut(asked)) for day, part in share.items()}
        for piece in asked:
            part = found.get(piece.day, nothing)
            snapshot.days.keep(piece.mark, piece.question, part)
            parts[piece] = part
    return [cast(Part, parts[piece]) for piece in pieces]


def _recalled(snapshot: Snapshot, piece: Piece, known: Known[Part]) -> Part | None:
    part = cast(Part | None, snapshot.days.recall(piece.mark, piece.question))
    if part is None:
        part = known(piece)
        if part is not None:
            snapshot.days.keep(piece.mark, piece.question, part)
    return part


def by_block(
    snapshot: Snapshot,
    view: View,
    question: Hashable,
    ask: Callable[[Bounds], Part],
    join: Callable[[list[Part]], Part],
    known: Known[Part],
) -> list[Part]:
    """The parts of an answer about `view` that `ask` gives of any bounds: of a few days each, and the newest day alone,
    since a batch seldom changes another. Views of other days share them: blocks begin at the same days for all. `join`
    makes one part of those of days that follow each other.

    For what cannot be asked of every day in one question as quickly.
    """
    if not _lasting(view):
        return in_shares(snapshot, view, ask)
    pieces = _pieces(snapshot, view.bounds(), (question, _filters(view)))
    # The newest first: of the others most is known, and found out while that is asked.
    return at_once(lambda block: _of_block(snapshot, block, ask, join, known), _blocks(pieces)[::-1])


def in_shares(snapshot: Snapshot, view: View, ask: Callable[[Bounds], Part]) -> list[Part]:
    """The parts of an answer that is not kept by day."""
    return at_once(ask, _shares(snapshot, view))


def _blocks(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The pieces in blocks, oldest first; the last one is a block of its own."""
    events = sum(piece.events for piece in pieces)
    length = next((days for days in _BLOCKS if events * days >= _ENOUGH * len(pieces)), _BLOCKS[-1])
    before = groupby(pieces[:-1], lambda piece: piece.day.toordinal() // length)
    return [*(list(block) for _, block in before), *([piece] for piece in pieces[-1:])]


def _of_block(
    snapshot: Snapshot,
    block: Sequence[Piece],
    ask: Callable[[Bounds], Part],
    join: Callable[[list[Part]], Part],
    known: Known[Part],
) -> Part:
    mark = block[0].mark if len(block) == 1 else tuple(piece.mark for piece in block)
    question = tuple(piece.question for piece in block)
    part = cast(Part | None, snapshot.days.recall(mark, question))
    if part is None:
        parts = [known(piece) for piece in block]
        runs = [*_runs([each is None for each in parts])]
        told = [ask((block[run][0].bounds[0], block[run][-1].bounds[1])) for run in runs]
        asked = {place for run in runs for place in range(len(block))[run]}
        told += [each for place, each in enumerate(parts) if place not in asked and each is not None]
        part = told[0] if len(told) == 1 else join(told)
        snapshot.days.keep(mark, question, part)
    return part


def events_among(snapshot: Snapshot, bounds: Bounds) -> float:
    """About how many events the lake holds within bounds, as if those of a day were spread evenly over it."""
    pieces = _pieces(snapshot, bounds, None)
    return sum(piece.events * ((piece.bounds[1] - piece.bounds[0]) / _DAY) for piece in pieces)


def newest_day(snapshot: Snapshot, bounds: Bounds, least: int) -> Bounds | None:
    """What lies within bounds of the newest day that has events there; None when all of the day has not `least`."""
    pieces = _pieces(snapshot, bounds, None)
    return pieces[-1].bounds if pieces and pieces[-1].events >= least else None


def day_of(number: int) -> date:
    """The day with that number since 1970, as `functions.day_number` counts them."""
    return _EPOCH + timedelta(days=number)


def whole_days(bounds: Bounds) -> Bounds:
    """All of the days (UTC) that bounds touch."""
    start, end = bounds
    return whole_day(start.date())[0], whole_day((end - timedelta(microseconds=1)).date())[1]


def whole_day(day: date) -> Bounds:
    """From one midnight (UTC) to the next."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return midnight, midnight + _DAY


def _lasting(view: View) -> bool:
    """Whether the days alone decide the answer. Who an event belongs to may change later, by a link or a trait."""
    return JOINED.isdisjoint(filter.field for filter in view.filters)


def _filters(view: View) -> Hashable:
    return tuple(filter.text() for filter in view.filters)


def _pieces(snapshot: Snapshot, within: Bounds, question: Hashable) -> list[Piece]:
    """The days with events that lie within bounds, oldest first."""
    start, end = within
    pieces = []
    for day, (mark, events, name) in snapshot.days.of(snapshot.version).items():
        first, last = whole_day(day)
        bounds = max(start, first), min(end, last)
        if bounds[0] < bounds[1]:
            pieces.append(Piece(day, bounds, mark, (question, snapshot.hiding, bounds), events, name))
    return pieces


def _shares(snapshot: Snapshot, view: View) -> list[Bounds]:
    return _cut(_pieces(snapshot, view.bounds(), None))


def _cut(pieces: Sequence[Piece]) -> list[Bounds]:
    """The time of pieces that follow each other, in shares to be asked at once."""
    return cut([(piece.bounds, piece.events) for piece in pieces])


def _runs(missing: Sequence[bool]) -> Iterator[slice]:
    """The stretches of what is missing, as slices; few of them, so what lies between two may be in them."""
    places = [place for place, is_missing in enumerate(missing) if is_missing]
    if not places:
        return
    gaps = [place for place in range(1, len(places)) if places[place] > places[place - 1] + 1]
    if len(gaps) >= _APART:
        gaps = []
    for first, last in zip([0, *gaps], [*gaps, len(places)], strict=True):
        yield slice(places[first], places[last - 1] + 1)
