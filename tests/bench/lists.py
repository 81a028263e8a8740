"""What the Activity page asks, warm and cold, and whether it stays as quick over ten times the days."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.bench.apart import Apart, cold
from tests.bench.asked import QUESTIONS, TOLD, Ours
from tests.bench.dataset import DataSet
from tests.bench.figure import Figure, milliseconds

RUNS, COLD = 21, 3
FLAT = 1.3  # times as long, over ten times the days
_DEEP = ("page 10,000", "last page")


def measure(data_set: DataSet, runs: int = RUNS, colds: int = COLD) -> Iterator[Figure]:
    """Each question `runs` times warm, in one process, but never asked before; `colds` times cold, each in a process of
    its own; and where it is asked again as events come in, that, too."""
    with data_set.held(), Apart(Ours, data_set) as ours:
        _, subjects = ours.ask("subjects")
        first: Figure | None = None
        for name, question in QUESTIONS.items():
            chilled = [cold(Ours, (data_set, subjects), name, turn) for turn in range(colds)]
            warm = _warm(ours, name, runs)
            figure = milliseconds(TOLD[name], warm, cold=chilled, at_most=question.at_most)
            if name in _DEEP and first is not None:
                figure = replace(figure, at_most=2 * first.value)
            if name == "page 1":
                first = figure
            yield figure
            if question.again:
                yield milliseconds(f"{TOLD[name]}; a batch since", _warm(ours, name, runs, again=True))
        yield Figure("peak memory of the process that asked", ours.peak(), "MB")


def flat(short: DataSet, long: DataSet, runs: int = RUNS) -> Iterator[Figure]:
    """The questions of the last 14 days over few days and over many, in turn."""
    with short.held(), long.held(), Apart(Ours, short) as few, Apart(Ours, long) as many:
        for name in (name for name, question in QUESTIONS.items() if question.recent):
            few.ask(name, 0)
            many.ask(name, 0)
            pairs = [(few.ask(name, turn)[0], many.ask(name, turn)[0]) for turn in range(runs)]
            medians = [statistics.median(side) for side in zip(*pairs, strict=True)]
            yield Figure(f"{TOLD[name]}: {long} / {short}", medians[1] / medians[0], "×", at_most=FLAT)


def _warm(ours: Apart, name: str, runs: int, again: bool = False) -> Sequence[float]:
    ours.ask(name, 0, again)
    return [ours.ask(name, turn, again)[0] for turn in range(runs)]
