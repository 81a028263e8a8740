"""A funnel's answer: how many came how far, how long it took them, when they entered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pipeline.questions.functions import SECOND
from pipeline.questions.funnel.considered import NEVER, Flags, Numbers
from pipeline.questions.funnel.spec import Funnel
from pipeline.questions.ranges import clock_changes

MOST_VALUES = 25  # of a breakdown; the rest are one
_BINS = 20
_EPOCH = date(1970, 1, 1)
_DAY = 86_400 * SECOND
Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StepAnswer:
    """One step. `dropped` reached it but not the next. Rates are shares from 0 to 1, None of nobody. Seconds are from
    the step before, None for the first and of nobody. `open` stopped here with time left; `excluded` would have come
    here but for an exclusion."""

    event: str | None
    label: str
    people: int
    dropped: int
    from_first: float | None
    from_previous: float | None
    median_seconds: float | None
    p90_seconds: float | None
    open: int
    excluded: int


@dataclass(frozen=True, slots=True)
class Part:
    """The people whose entry has this value of the breakdown (None: it is empty), by step; `other` stands for all
    values that are not named."""

    value: str | None
    people: tuple[int, ...]
    other: bool = False


@dataclass(frozen=True, slots=True)
class Entered:
    """Those who entered on a day of the display zone, or in the week from that Monday, and how many converted."""

    day: date
    entered: int
    converted: int


@dataclass(frozen=True, slots=True)
class Bin:
    """How many converted from `start` up to `stop` seconds after their entry; the last bin includes its end."""

    start: float
    stop: float
    people: int


@dataclass(frozen=True, slots=True, eq=False)
class Came:
    """Everyone who entered, by number (`pipeline.questions.people.persons`): columns of one length.

    `depth` is the step they came to, `unexcluded` without exclusions; `open` whether they may come further; `at` the
    entry that counts, in microseconds; `value` its place in the answer's `values`. `later` has a row for each at the
    places `far`, those past step 1, with the times of steps 2 to n, `NEVER` beyond their depth.
    """

    number: Numbers
    depth: Numbers
    unexcluded: Numbers
    open: Flags
    at: Numbers
    value: Numbers
    far: Numbers
    later: Numbers

    def __len__(self) -> int:
        return len(self.number)


@dataclass(frozen=True)
class Answer:
    """Everything a funnel says of one snapshot (`version`): who `came`, and the `values` of the breakdown."""

    funnel: Funnel
    version: int
    came: Came
    values: tuple[str | None, ...]

    @cached_property
    def steps(self) -> tuple[StepAnswer, ...]:
        return tuple(self._step(number) for number in range(1, len(self.funnel.steps) + 1))

    @property
    def entered(self) -> int:
        return self.steps[0].people

    @property
    def converted(self) -> int:
        return self.steps[-1].people

    @cached_property
    def seconds(self) -> Seconds:
        """From entry to conversion, of each who converted."""
        return self._seconds(1, len(self.funnel.steps))

    @property
    def median_seconds(self) -> float | None:
        return _quantile(self.seconds, 0.5)

    @property
    def p90_seconds(self) -> float | None:
        return _quantile(self.seconds, 0.9)

    @cached_property
    def histogram(self) -> tuple[Bin, ...]:
        """The time to convert in equal bins from 0 to the longest; none when nobody converted."""
        if not len(self.seconds):
            return ()
        counts, edges = np.histogram(self.seconds, bins=_BINS, range=(0, max(float(self.seconds.max()), 1.0)))
        return tuple(
            Bin(float(start), float(stop), int(count))
            for start, stop, count in zip(edges, edges[1:], counts, strict=False)
        )

    def trend(self, *, weekly: bool = False) -> tuple[Entered, ...]:
        """By day of entry, or by week, the ones in between that nobody entered on included."""
        if not len(self.came):
            return ()
        days = _weeks(self._days) if weekly else self._days
        step = 7 if weekly else 1
        since = int(days.min())
        places = (days - since) // step
        converted = np.bincount(places[self._depth == len(self.funnel.steps)], minlength=int(places.max()) + 1)
        return tuple(
            Entered(_EPOCH + timedelta(days=since + step * number), int(entered), int(came))
            for number, (entered, came) in enumerate(zip(np.bincount(places), converted, strict=True))
        )

    @cached_property
    def breakdown(self) -> tuple[Part, ...]:
        """The values with the most people at the first step, by name where equal; last, where there are more, all
        others together."""
        if self.funnel.breakdown is None:
            return ()
        ranked = sorted(self._by_value().items(), key=lambda item: (-item[1][0], item[0] is None, item[0] or ""))
        parts = [Part(value, people) for value, people in ranked[:MOST_VALUES]]
        others = [people for _, people in ranked[MOST_VALUES:]]
        if others:
            parts.append(Part(None, tuple(map(sum, zip(*others, strict=True))), other=True))
        return tuple(parts)

    def times(self, places: Numbers) -> Numbers:
        """The times of all steps of those at these places in `came`, a column per step, `NEVER` beyond their depth."""
        came = self.came
        row = np.full(len(came), -1)
        row[came.far] = np.arange(len(came.far))
        row = row[places]
        times = np.full((len(places), len(self.funnel.steps)), NEVER)
        times[:, 0] = came.at[places]
        times[row >= 0, 1:] = came.later[row[row >= 0]]
        return times

    @property
    def _depth(self) -> Numbers:
        return self.came.depth

    @cached_property
    def _days(self) -> Numbers:
        """The day of each entry in the display zone, in days since 1970."""
        changes = clock_changes(*self.funnel.view.bounds(), self.funnel.view.zone)
        which = np.searchsorted([change.since for change in changes[1:]], self.came.at, side="right")
        days: Numbers = (self.came.at + np.array([change.offset for change in changes])[which]) // _DAY
        return days

    @cached_property
    def _of_depth(self) -> Numbers:
        """How many came to each depth and no further."""
        counts: Numbers = np.bincount(self._depth, minlength=len(self.funnel.steps) + 1)
        return counts

    def _step(self, number: int) -> StepAnswer:
        last = number == len(self.funnel.steps)
        people, first, before = (self._reached(each) for each in (number, 1, max(1, number - 1)))
        step = self.funnel.steps[number - 1]
        seconds = self._seconds(number - 1, number) if number > 1 else np.empty(0)
        return StepAnswer(
            event=step.event,
            label=step.label,
            people=people,
            dropped=0 if last else people - self._reached(number + 1),
            from_first=people / first if first else None,
            from_previous=people / before if before else None,
            median_seconds=_quantile(seconds, 0.5),
            p90_seconds=_quantile(seconds, 0.9),
            open=0 if last else self._open(number),
            excluded=int(((self.came.unexcluded >= number) & (self._depth < number)).sum()),
        )

    def _reached(self, number: int) -> int:
        return int(self._of_depth[number:].sum())

    def _open(self, number: int) -> int:
        return int(((self._depth == number) & self.came.open).sum())

    def _seconds(self, step: int, later: int) -> Seconds:
        """From one step to a later one, of each who reached that."""
        came = self.came
        stop = came.later[:, later - 2]
        start = came.at[came.far] if step == 1 else came.later[:, step - 2]
        reached = stop != NEVER
        seconds: Seconds = (stop[reached] - start[reached]) / SECOND
        return seconds

    def _by_value(self) -> dict[str | None, tuple[int, ...]]:
        """How many reached each step, of each value that somebody entered with."""
        steps = len(self.funnel.steps)
        width = steps + 1
        counts = np.bincount(
            self.came.value.astype(np.int64) * width + self._depth, minlength=len(self.values) * width
        ).reshape(-1, width)
        reached = counts[:, :0:-1].cumsum(axis=1)[:, ::-1]
        return {value: tuple(people.tolist()) for value, people in zip(self.values, reached, strict=True) if people[0]}


def _quantile(seconds: Seconds, share: float) -> float | None:
    return float(np.quantile(seconds, share)) if len(seconds) else None


def _weeks(days: Numbers) -> Numbers:
    """The Mondays of these days' weeks; 1970 began on a Thursday."""
    return days - (days + 3) % 7
