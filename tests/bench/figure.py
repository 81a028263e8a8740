"""A measured figure, beside what is asked for."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` (a median where several were taken), `p95` and `cold` in `unit`; the limits hold for `value` and `p95`.

    `cold` is what a process that was just started took.
    """

    what: str
    value: float
    unit: str
    p95: float | None = None
    cold: float | None = None
    at_most: float | None = None
    p95_at_most: float | None = None
    at_least: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether it is as was asked for; None where nothing was."""
        asked = [
            *([self.value <= self.at_most] if self.at_most is not None else []),
            *([self.p95 <= self.p95_at_most] if self.p95_at_most is not None and self.p95 is not None else []),
            *([self.value >= self.at_least] if self.at_least is not None else []),
        ]
        return all(asked) if asked else None

    @property
    def asked_for(self) -> str:
        """`≤ 150 / 300 ms`, `≥ 0.75 ×`; empty where nothing was."""
        if self.at_least is not None:
            return f"≥ {_round(self.at_least)} {self.unit}"
        if self.at_most is None:
            return ""
        p95 = "" if self.p95_at_most is None else f" / {_round(self.p95_at_most)}"
        return f"≤ {_round(self.at_most)}{p95} {self.unit}"

    def cells(self) -> tuple[str, ...]:
        """What, median, p95, cold, asked for, verdict."""
        verdict = {True: "ok", False: "**missed**", None: ""}[self.reached]
        others = ("" if value is None else shown(value, self.unit) for value in (self.p95, self.cold))
        return (self.what, shown(self.value, self.unit), *others, self.asked_for, verdict)


def shown(value: float, unit: str) -> str:
    """`1,204 ms`, `12.3 ms`, `0.85 ×`."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def _round(limit: float) -> str:
    return f"{limit:,.2f}".rstrip("0").rstrip(".") if limit < 100 else f"{limit:,.0f}"


def milliseconds(
    what: str,
    seconds: Sequence[float],
    *,
    cold: Sequence[float] = (),
    at_most: float | None = None,
    p95_at_most: float | None = None,
) -> Figure:
    """The median and the 95th percentile of what several runs took; the median of the `cold` ones."""
    return Figure(
        what,
        1000 * statistics.median(seconds),
        "ms",
        p95=1000 * percentile95(seconds),
        cold=1000 * statistics.median(cold) if cold else None,
        at_most=at_most,
        p95_at_most=p95_at_most,
    )


def percentile95(values: Sequence[float]) -> float:
    """With linear interpolation; of one value, that one."""
    return values[0] if len(values) == 1 else statistics.quantiles(values, n=20, method="inclusive")[-1]
