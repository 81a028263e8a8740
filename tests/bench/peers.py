"""The list questions on ClickHouse and on a native DuckDB file, over the same rows, in turn with ours.

Both are given what we have to find: the person of each event stands in their tables. ClickHouse gets what somebody who
knows it would choose: dictionaries for texts of few values, its rows by time, and bloom filters for customers,
addresses and ids. An answer that differs from ours stops the bench.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.bench.answers import alike
from tests.bench.apart import Apart
from tests.bench.asked import QUESTIONS, TOLD, Ours
from tests.bench.clickhouse import ClickHouse
from tests.bench.dataset import DataSet
from tests.bench.figure import Figure
from tests.bench.native import Native
from tests.bench.peer import ASKED, rows_for_peers

RUNS = 15
SLOW, SELDOM = 5.0, 3  # seconds that an answer took; how often a question is asked that takes anybody so long
EACH, ON_AVERAGE = 1.5, 1.0  # times ClickHouse's, at most: for every question, and in the geometric mean


def measure(data_set: DataSet, runs: int = RUNS) -> Iterator[Figure]:
    """Times of each, and our ratios to theirs. Raises `AssertionError` where answers differ."""
    rows_for_peers(data_set)
    with data_set.held(), Apart(Ours, data_set) as ours:
        _, subjects = ours.ask("subjects")
        with Apart(ClickHouse, data_set, subjects) as clickhouse, Apart(Native, data_set, subjects) as native:
            sides = {"ours": ours, "ClickHouse": clickhouse, "native DuckDB": native}
            ratios: dict[str, list[float]] = {"ClickHouse": [], "native DuckDB": []}
            for name in ASKED:
                turns = _turns(sides, name, runs)
                for peer, found in ratios.items():
                    figure = _ratio(name, peer, turns)
                    found.append(figure.value)
                    yield figure
            for peer, found in ratios.items():
                limit = ON_AVERAGE if peer == "ClickHouse" else None
                mean = math.exp(statistics.fmean(map(math.log, found)))
                yield Figure(f"geometric mean: ours / {peer}", mean, "×", at_most=limit)


def _turns(sides: dict[str, Apart], name: str, runs: int) -> list[dict[str, float]]:
    """The first answers, which warm everybody up, do not count."""
    slowest = max(_turn(sides, name, -1).values())
    return [_turn(sides, name, turn) for turn in range(runs if slowest < SLOW else SELDOM)]


def _ratio(name: str, peer: str, turns: Sequence[Mapping[str, float]]) -> Figure:
    ours, theirs = (f"{1000 * statistics.median(turn[side] for turn in turns):,.0f} ms" for side in ("ours", peer))
    ratio = statistics.median(turn["ours"] / turn[peer] for turn in turns)
    limit = EACH if peer == "ClickHouse" else None
    return Figure(f"{TOLD[name]}: {ours} / {peer} {theirs}", ratio, "×", at_most=limit)


def _turn(sides: dict[str, Apart], name: str, turn: int) -> dict[str, float]:
    """Seconds of each side, asked one after the other; the answers compared."""
    told: dict[str, tuple[float, Any]] = {side: apart.ask(name, max(turn, 0)) for side, apart in sides.items()}
    answers = {side: alike(name, answer) for side, (_, answer) in told.items()}
    for side, answer in answers.items():
        assert answer == answers["ours"], f"{name}, turn {turn}: {side} answers {answer!r}, not {answers['ours']!r}"
    return {side: seconds for side, (seconds, _) in told.items()}


assert set(ASKED) <= QUESTIONS.keys()
