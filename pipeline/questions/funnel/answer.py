"""A funnel's answer: how many came how far, how long it took them, when they entered.

Those who may be past the first step are known one by one (`travelled`), all others by their number (`begun`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.questions.functions import SECOND
from pipeline.questions.funnel.spec import Funnel

MOST_VALUES = 25  # of a breakdown; the rest are one
_BINS = 20
_EPOCH = date(1970, 1, 1)
_Numbers = npt.NDArray[np.int64]
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


@dataclass(frozen=True)
class Answer:
    """Everything a funnel says of one snapshot (`version`).

    `travelled` has a row per person who entered and may be past the first step: `person`, `depth`, `entry_event_id`,
    `at_1` … `at_n` (null beyond the depth), `unexcluded` (the depth without exclusions), `open`, `breakdown` (of the
    entry) and `day` (of the entry, as days since 1970 in the display zone). `begun` counts the others: `day`,
    `open`, `breakdown`, `people`.
    """

    funnel: Funnel
    version: int
    travelled: pa.Table
    begun: pa.Table

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
        entered, converted = self._by_day(weekly)
        if not entered:
            return ()
        step = 7 if weekly else 1
        return tuple(
            Entered(_EPOCH + timedelta(days=day), entered[day], converted[day])
            for day in range(min(entered), max(entered) + 1, step)
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

    @cached_property
    def _depth(self) -> _Numbers:
        depth: _Numbers = self.travelled["depth"].to_numpy()
        return depth

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
            excluded=int(((self.travelled["unexcluded"].to_numpy() >= number) & (self._depth < number)).sum()),
        )

    def _reached(self, number: int) -> int:
        begun = _total(self.begun) if number == 1 else 0
        return begun + int((self._depth >= number).sum())

    def _open(self, number: int) -> int:
        stopped = (self._depth == number) & self.travelled["open"].to_numpy()
        return int(stopped.sum()) + (_total(self.begun.filter(self.begun["open"])) if number == 1 else 0)

    def _seconds(self, step: int, later: int) -> Seconds:
        """From one step to a later one, of each who reached that."""
        came = self.travelled.filter(pa.array(self._depth >= later))
        start, stop = (came[f"at_{number}"].cast(pa.int64()).to_numpy() for number in (step, later))
        seconds: Seconds = (stop - start) / SECOND
        return seconds

    def _by_day(self, weekly: bool) -> tuple[Counter[int], Counter[int]]:
        """Who entered and who converted, by day of entry or its week's Monday."""
        entered: Counter[int] = Counter()
        converted: Counter[int] = Counter()
        for day, people in zip(self.begun["day"].to_pylist(), self.begun["people"].to_pylist(), strict=True):
            entered[_week(day) if weekly else day] += people
        for day, depth in zip(self.travelled["day"].to_pylist(), self._depth.tolist(), strict=True):
            entered[_week(day) if weekly else day] += 1
            converted[_week(day) if weekly else day] += depth == len(self.funnel.steps)
        return entered, converted

    def _by_value(self) -> dict[str | None, tuple[int, ...]]:
        counts: dict[str | None, list[int]] = {}
        none = [0] * len(self.funnel.steps)
        for value, people in zip(self.begun["breakdown"].to_pylist(), self.begun["people"].to_pylist(), strict=True):
            counts.setdefault(value, none.copy())[0] += people
        for value, depth in zip(self.travelled["breakdown"].to_pylist(), self._depth.tolist(), strict=True):
            of_value = counts.setdefault(value, none.copy())
            for step in range(depth):
                of_value[step] += 1
        return {value: tuple(people) for value, people in counts.items()}


def _total(begun: pa.Table) -> int:
    return int(np.sum(begun["people"].to_numpy()))


def _quantile(seconds: Seconds, share: float) -> float | None:
    return float(np.quantile(seconds, share)) if len(seconds) else None


def _week(day: int) -> int:
    """The Monday of a day's week; 1970 began on a Thursday."""
    return day - (day + 3) % 7
