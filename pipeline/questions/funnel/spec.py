"""A funnel as it is asked for: steps over a view, a window, an order ("Funnels" in docs/semantics.md).

Written as JSON, the same on the page, on the command line and in saved funnels:

    {"steps": [{"event": "Page Viewed", "filters": ["path starts_with /news"]}, {"event": "Registered"}],
     "window": "7d", "order": "ordered", "first_entry_only": false,
     "exclusions": [{"event": "Refunded", "after_step": 1, "before_step": 2}],
     "breakdown": "country", "range": "14D", "filters": ["device is_not Bot"]}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pipeline.errors import QuestionError, did_you_mean
from pipeline.questions.filters import Filter, known_field, operators
from pipeline.questions.ranges import parse_range
from pipeline.questions.view import View

Order = Literal["ordered", "strict", "any"]
ORDERS: tuple[Order, ...] = get_args(Order)
LEAST_STEPS, MOST_STEPS = 2, 10
MOST_EXCLUSIONS = 10
DEFAULT_WINDOW = timedelta(days=7)
LONGEST_WINDOW = timedelta(days=366)

_KEYS = ("steps", "window", "order", "first_entry_only", "exclusions", "breakdown", "range", "from", "to", "filters")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WINDOW = re.compile(r"([0-9]{1,9})([smhd]?)")


@dataclass(frozen=True, slots=True)
class Step:
    """An event by its name, or any event (None), narrowed by filters."""

    event: str | None
    filters: tuple[Filter, ...] = ()

    @property
    def label(self) -> str:
        """The step in words, for charts and tables."""
        named = "Any event" if self.event is None else self.event
        return " · ".join([named, *(filter.text() for filter in self.filters)])


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An event that must not lie strictly between two steps, numbered from 1."""

    step: Step
    after_step: int
    before_step: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """A frozen question about people. Making one checks it. `Funnel.parse(f.spec(), now=…, zone=…) == f`."""

    view: View
    steps: tuple[Step, ...]
    window: timedelta = DEFAULT_WINDOW
    order: Order = "ordered"
    first_entry_only: bool = False
    exclusions: tuple[Exclusion, ...] = field(default=())
    breakdown: str | None = None

    def __post_init__(self) -> None:
        _check_steps(len(self.steps))
        _check_window(self.window)
        for exclusion in self.exclusions:
            _check_exclusion(exclusion, len(self.steps), self.order)
        if len(self.exclusions) > MOST_EXCLUSIONS:
            raise _refused("too_many_exclusions", f"A funnel has at most {MOST_EXCLUSIONS} exclusions.")
        if self.breakdown is not None:
            object.__setattr__(self, "breakdown", _breakdown(self.breakdown))

    @classmethod
    def parse(cls, spec: Any, *, now: datetime, zone: ZoneInfo) -> Self:
        """Read a funnel's JSON. Raises `QuestionError` for anything that is not understood."""
        given = _object("A funnel", spec, _KEYS)
        ranged = {name: _text(name, given[name]) for name in ("range", "from", "to") if given.get(name) is not None}
        order = given.get("order", "ordered")
        if order not in ORDERS:
            known = ", ".join(ORDERS)
            raise _refused("unknown_order", f"There is no order {order!r}.", f"There are: {known}.")
        return cls(
            view=View(
                now=now,
                zone=zone,
                range=parse_range(ranged.get("range"), ranged.get("from"), ranged.get("to")),
                filters=_filters(given.get("filters", ())),
            ),
            steps=tuple(_step(each) for each in _list("steps", given.get("steps", ()))),
            window=_window(given.get("window", "7d")),
            order=order,
            first_entry_only=_flag("first_entry_only", given.get("first_entry_only", False)),
            exclusions=tuple(_exclusion(each) for each in _list("exclusions", given.get("exclusions", ()))),
            breakdown=None if given.get("breakdown") is None else _text("breakdown", given["breakdown"]),
        )

    def spec(self) -> dict[str, Any]:
        """The funnel as JSON, canonical; what is at its default is left out, but for the range."""
        spec: dict[str, Any] = {"steps": [_spelt(step) for step in self.steps], "window": spell_window(self.window)}
        if self.order != "ordered":
            spec["order"] = self.order
        if self.first_entry_only:
            spec["first_entry_only"] = True
        if self.exclusions:
            spec["exclusions"] = [
                {**_spelt(each.step), "after_step": each.after_step, "before_step": each.before_step}
                for each in self.exclusions
            ]
        if self.breakdown is not None:
            spec["breakdown"] = self.breakdown
        spec.update(self.view.range.parameters())
        if self.view.filters:
            spec["filters"] = [filter.text() for filter in self.view.filters]
        return spec


def spell_window(window: timedelta) -> str:
    """The shortest spelling: `7d`, `36h`, `90s`."""
    seconds = int(window.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def _spelt(step: Step) -> dict[str, Any]:
    spelt: dict[str, Any] = {"event": step.event}
    if step.filters:
        spelt["filters"] = [filter.text() for filter in step.filters]
    return spelt


def _check_steps(count: int) -> None:
    if count < LEAST_STEPS:
        said = "one step" if count == 1 else "no steps"
        raise _refused("too_few_steps", f"The funnel has {said}; it needs at least two.", "Add a step.")
    if count > MOST_STEPS:
        raise _refused(
            "too_many_steps", f"The funnel has {count} steps; it takes at most {MOST_STEPS}.", "Remove some."
        )


def _check_window(window: timedelta) -> None:
    if not timedelta(seconds=1) <= window <= LONGEST_WINDOW or window.microseconds:
        raise _refused(
            "window",
            "The window is from one second to 366 days, in whole seconds.",
            "Write it like 7d, 24h, 30m or 90s.",
        )


def _check_exclusion(exclusion: Exclusion, steps: int, order: Order) -> None:
    if order == "any":
        raise _refused(
            "exclusion_any_order",
            "In any order there is no 'between two steps', so nothing can be excluded there.",
            "Remove the exclusions, or choose ordered or strict.",
        )
    if not 1 <= exclusion.after_step < exclusion.before_step <= steps:
        raise _refused(
            "exclusion_steps",
            f"An exclusion lies after step {exclusion.after_step} and before step {exclusion.before_step}, "
            f"but the funnel has the steps 1 to {steps}.",
            "Name an earlier and a later step of the funnel.",
        )


def _breakdown(text: str) -> str:
    name = known_field(text)
    if not operators(name):
        raise _refused(
            "breakdown", f"The field {name!r} cannot be broken down by.", "Choose a field that can be filtered."
        )
    return name


def _step(given: Any) -> Step:
    fields = _object("A step", given, ("event", "filters"))
    return Step(_event("A step", fields), _filters(fields.get("filters", ())))


def _exclusion(given: Any) -> Exclusion:
    fields = _object("An exclusion", given, ("event", "filters", "after_step", "before_step"))
    step = Step(_event("An exclusion", fields), _filters(fields.get("filters", ())))
    return Exclusion(step, _whole("after_step", fields), _whole("before_step", fields))


def _event(what: str, fields: Mapping[str, Any]) -> str | None:
    if "event" not in fields:
        raise _refused("event", f"{what} names no event.", 'Write "event": "Registered", or null for any event.')
    event = fields["event"]
    if event is None:
        return None
    text = _text("event", event)
    if not text.strip():
        raise _refused("event", f"{what} has an empty event name.", "Write null for any event.")
    Filter("event", operators("event")[0], (text,))  # refuses what no text is
    return text


def _filters(given: Any) -> tuple[Filter, ...]:
    return tuple(Filter.parse(_text("filters", text)) for text in _list("filters", given))


def _window(given: Any) -> timedelta:
    if isinstance(given, int) and not isinstance(given, bool) and abs(given) < 10**9:
        return timedelta(seconds=given)
    found = _WINDOW.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise _refused("window", f"{given!r} is no window.", "Write it like 7d, 24h, 30m or 90s, or in seconds.")
    seconds = int(found[1]) * _UNITS[found[2] or "s"]
    return timedelta(seconds=min(seconds, 10**9))


def _object(what: str, given: Any, known: Collection[str]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise _refused("malformed", f"{what} is a JSON object.", f"Its members are: {', '.join(known)}.")
    for name in given:
        if name not in known:
            hint = did_you_mean(str(name), known) or f"There are: {', '.join(known)}."
            raise _refused("unknown_key", f"{what} has no {name!r}.", hint)
    return given


def _list(name: str, given: Any) -> Sequence[Any]:
    if not isinstance(given, list | tuple):
        raise _refused("malformed", f"{name!r} is a list.", f'Write "{name}": […].')
    return given


def _text(name: str, given: Any) -> str:
    if not isinstance(given, str):
        raise _refused("malformed", f"{name!r} holds {given!r}, which is no text.", "Put it in quotes.")
    return given


def _flag(name: str, given: Any) -> bool:
    if not isinstance(given, bool):
        raise _refused("malformed", f"{name!r} is true or false, not {given!r}.")
    return given


def _whole(name: str, fields: Mapping[str, Any]) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _refused("exclusion_steps", f"An exclusion needs {name!r}, the number of a step.", "Steps count from 1.")
    return value


def _refused(rule: str, message: str, hint: str = "") -> QuestionError:
    return QuestionError(message, hint=hint, code=f"funnel.{rule}")
