"""Questions that read much, asked in shares of time at once: the engine answers each by one thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

from pipeline.questions.ranges import Bounds

Asked = TypeVar("Asked")
Told = TypeVar("Told")

_MOST = min(os.cpu_count() or 1, 4)  # shares at once
_WORTH = 400_000  # events, so that a share takes longer than to begin another


def at_once(ask: Callable[[Asked], Told], of: Sequence[Asked]) -> list[Told]:
    """What `ask` says of each, in their order. Raises what any of them raised."""
    if len(of) < 2 or _MOST < 2:
        return [ask(each) for each in of]
    # Threads of their own: what is asked may ask in shares itself, and would wait for itself in a pool.
    with ThreadPoolExecutor(min(len(of), _MOST)) as threads:
        return list(threads.map(ask, of))


def cut(stretches: Sequence[tuple[Bounds, int]]) -> list[Bounds]:
    """Bounds that hold all of `stretches` of time (each with its events, one after the other), in shares of about as
    many events, none of which ends amid a stretch."""
    events = sum(number for _, number in stretches)
    shares = max(1, min(_MOST, len(stretches), events // _WORTH))
    before = 0
    firsts: list[int] = []
    for place, (_, number) in enumerate(stretches):
        if before * shares >= len(firsts) * events:
            firsts.append(place)
        before += number
    ends = [*firsts[:shares], len(stretches)]
    return [(stretches[first][0][0], stretches[last - 1][0][1]) for first, last in pairwise(ends)]
