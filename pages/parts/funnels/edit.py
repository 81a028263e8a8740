"""What a reader does to a funnel becomes another funnel; what makes no sense is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pages.parts import address
from pipeline.errors import QuestionError
from pipeline.questions.filters import Filter
from pipeline.questions.funnel import Exclusion, Funnel, Step
from pipeline.questions.funnel.spec import MOST_STEPS, Order

UNITS: Mapping[str, int] = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}


def after(funnel: Funnel, action: Mapping[str, Any]) -> Funnel:
    """The funnel that an action in the step cards leads to. Raises `QuestionError` for one that has no meaning."""
    match action:
        case {"do": "add", "event": str() | None as event} if len(funnel.steps) < MOST_STEPS:
            return replace(funnel, steps=(*funnel.steps, _named(Step(None), event)))
        case {"do": "remove", "at": int(at)} if _is_step(funnel, at):
            return without(funnel, at)
        case {"do": "move", "at": int(at), "to": int(to)} if _is_step(funnel, at) and _is_step(funnel, to):
            return moved(funnel, at, to)
        case {"do": "exclude", "event": str(event)}:
            added = Exclusion(_named(Step(None), event), 1, len(funnel.steps))
            return replace(funnel, exclusions=(*funnel.exclusions, added))
        case {"do": "include", "at": int(at)} if 0 <= at < len(funnel.exclusions):
            return replace(funnel, exclusions=funnel.exclusions[:at] + funnel.exclusions[at + 1 :])
        case {"do": "between", "at": int(at), "after": int(first), "before": int(last)} if (
            0 <= at < len(funnel.exclusions)
        ):
            changed = replace(funnel.exclusions[at], after_step=first, before_step=last)
            return _with_exclusion(funnel, at, changed)
        case {"of": "step", "at": int(at)} if _is_step(funnel, at):
            return _with_step(funnel, at, _changed(funnel.steps[at], action))
        case {"of": "exclusion", "at": int(at)} if 0 <= at < len(funnel.exclusions):
            changed = replace(funnel.exclusions[at], step=_changed(funnel.exclusions[at].step, action))
            return _with_exclusion(funnel, at, changed)
        case _:
            raise QuestionError("That cannot be done here.", code="page.unknown_action")


def without(funnel: Funnel, at: int) -> Funnel:
    """The funnel without a step. Exclusions follow the steps they lie between; one that loses a side goes."""
    gone = at + 1
    kept = []
    for each in funnel.exclusions:
        first, last = (number - (number > gone) for number in (each.after_step, each.before_step))
        if gone not in (each.after_step, each.before_step):
            kept.append(replace(each, after_step=first, before_step=last))
    return replace(funnel, steps=funnel.steps[:at] + funnel.steps[at + 1 :], exclusions=tuple(kept))


def moved(funnel: Funnel, at: int, to: int) -> Funnel:
    """The funnel with a step at another place; exclusions stay between the same places."""
    steps = list(funnel.steps)
    steps.insert(to, steps.pop(at))
    return replace(funnel, steps=tuple(steps))


def in_order(funnel: Funnel, order: Order) -> Funnel:
    """The funnel in another order; in any order nothing lies between two steps, so exclusions go."""
    return replace(funnel, order=order, exclusions=() if order == "any" else funnel.exclusions)


def window_of(funnel: Funnel) -> tuple[int, str]:
    """The window as a number and its largest whole unit."""
    seconds = int(funnel.window.total_seconds())
    unit = next(unit for unit, size in reversed(tuple(UNITS.items())) if seconds % size == 0)
    return seconds // UNITS[unit], unit


def within(funnel: Funnel, number: int, unit: str) -> Funnel:
    return replace(funnel, window=timedelta(seconds=number * UNITS[unit]))


def _is_step(funnel: Funnel, at: int) -> bool:
    return 0 <= at < len(funnel.steps)


def _with_step(funnel: Funnel, at: int, step: Step) -> Funnel:
    return replace(funnel, steps=(*funnel.steps[:at], step, *funnel.steps[at + 1 :]))


def _with_exclusion(funnel: Funnel, at: int, exclusion: Exclusion) -> Funnel:
    return replace(funnel, exclusions=(*funnel.exclusions[:at], exclusion, *funnel.exclusions[at + 1 :]))


def _changed(step: Step, action: Mapping[str, Any]) -> Step:
    match action:
        case {"do": "event", "event": str() | None as event}:
            return _named(step, event)
        case {"do": "filter", "field": str(field), "op": str(op), "value": str() | None as value}:
            return replace(step, filters=_joined(step.filters, address.condition(field, op, value)))
        case {"do": "unfilter", "index": int(index)} if 0 <= index < len(step.filters):
            return replace(step, filters=step.filters[:index] + step.filters[index + 1 :])
        case _:
            raise QuestionError("That cannot be done here.", code="page.unknown_action")


def _named(step: Step, event: str | None) -> Step:
    """The step with another event. Raises `QuestionError` for a name that is none."""
    if event is None or event.strip():
        return replace(step, event=event)
    raise QuestionError("A step needs an event.", hint="Pick one, or any event.", code="funnel.event")


def _joined(filters: tuple[Filter, ...], added: Filter) -> tuple[Filter, ...]:
    """With one more condition; values of the same field and operator join, as in a view."""
    for at, present in enumerate(filters):
        if (present.field, present.op) == (added.field, added.op) and added.values:
            values = tuple(dict.fromkeys((*present.values, *added.values)))
            return (*filters[:at], replace(present, values=values), *filters[at + 1 :])
    return tuple(dict.fromkeys((*filters, added)))
