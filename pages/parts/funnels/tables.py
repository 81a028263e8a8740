"""The funnel's numbers as tables: step by step, and by the values of a breakdown. Each count opens its people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pages.parts import words
from pages.parts.component import Action, mount
from pages.parts.funnels import wording
from pages.parts.funnels.address import OTHER, Asked, Behind, behind_of
from pipeline.questions.funnel import Answer, Part

Go = Callable[[Asked], None]
Cell = dict[str, Any]

_STOPPED = {"text": "Stopped", "title": "Came to the step at the left, and not to the one at the right"}


def step_by_step(asked: Asked, answer: Answer, go: Go) -> None:
    """Who reached each step and who stopped there, how long it took from the step before."""
    names = wording.steps(answer)
    rows = []
    for number, (name, step) in enumerate(zip(names, answer.steps, strict=True), start=1):
        last = number == len(names)
        cells = [
            _count(asked, "converted" if last else f"reached:{number}", step.people, f"Reached {number}. {name}"),
            {"text": "–"}
            if last
            else _count(asked, f"dropped:{number}", step.dropped, f"Stopped at {number}. {name}")
            | {"note": wording.percent(step.dropped / step.people if step.people else None)},
            {"text": wording.lasting(step.median_seconds)},
            {"text": wording.lasting(step.p90_seconds)},
            {"text": f"{step.open:,}"},
            *([{"text": f"{step.excluded:,}"}] if answer.funnel.exclusions else []),
        ]
        rows.append({"name": f"{number}. {name}", "fill": step.people / max(1, answer.entered), "cells": cells})
    columns = ["Step", "Reached", "Stopped here", "Median from previous", "p90", "Open"]
    if answer.funnel.exclusions:
        columns.append("Excluded")
    _mount("step_table", "Step by step", [_head(name) for name in columns], rows, asked, answer, go)


def _head(text: str) -> dict[str, str]:
    return {"text": text, "title": text}


def breakdown(asked: Asked, answer: Answer, go: Go) -> None:
    """Everybody by the value that their entry has: who reached each step, and between two steps who stopped there."""
    names = [f"{number}. {name}" for number, name in enumerate(wording.steps(answer), start=1)]
    most = max((part.people[0] for part in answer.breakdown), default=1)
    field = answer.funnel.breakdown or ""
    rows = [_part(asked, part, names, most) for part in answer.breakdown]
    heads = [[{"text": name.partition(" · ")[0], "title": name}, _STOPPED] for name in names]
    columns = [_head(words.label(field)), *(each for pair in heads for each in pair)][:-1]
    _mount("parts", f"By {words.label(field)}", columns, rows, asked, answer, go, flags=field == "country")


def _part(asked: Asked, part: Part, names: list[str], most: int) -> dict[str, Any]:
    unnamed = part.other or not part.value
    name = "Other" if part.other else part.value or "Not set"
    cells = []
    for number, (step, people) in enumerate(zip(names, part.people, strict=True), start=1):
        cell = _count(asked, f"reached:{number}", people, f"{name}, {step}", part)
        if number > 1:
            cell["note"] = wording.percent(people / part.people[0] if part.people[0] else None)
        cells.append(cell)
        if number < len(names):
            dropped = people - part.people[number]
            stopped = _count(asked, f"dropped:{number}", dropped, f"{name}, stopped at {step}", part)
            cells.append(stopped | {"quiet": True})
    return {"name": name, "muted": unnamed, "fill": part.people[0] / max(1, most), "cells": cells}


def _count(asked: Asked, group: str, people: int, said: str, part: Part | None = None) -> Cell:
    """A number with the people behind it; `on` when they are listed."""
    shown = asked.behind
    action: dict[str, Any] = {"do": "people", "people": group}
    same = shown is not None and shown.text() == group and shown.narrowed == (part is not None)
    if part is not None:
        action["of"] = OTHER if part.other else part.value
        same = same and shown is not None and (shown.other, shown.value) == (part.other, part.value)
    return {"text": f"{people:,}", "action": action, "said": f"{said}: {wording.people(people)}", "on": same}


def chosen(answer: Answer, action: Action) -> Behind | None:
    """The people that a click on a number asks for; None for what is no such click. Raises `QuestionError`."""
    match action:
        case {"do": "people", "people": str(group), "of": str() | None as value}:
            return replace(behind_of(answer.funnel, group, None), narrowed=True, value=value)
        case {"do": "people", "people": str(group), "of": _}:
            return replace(behind_of(answer.funnel, group, None), narrowed=True, other=True)
        case {"do": "people", "people": str(group)}:
            return behind_of(answer.funnel, group, None)
        case _:
            return None


def _mount(
    key: str,
    label: str,
    columns: list[dict[str, str]],
    rows: list[dict[str, Any]],
    asked: Asked,
    answer: Answer,
    go: Go,
    *,
    flags: bool = False,
) -> None:
    def acted(action: Action) -> None:
        behind = chosen(answer, action)
        if behind is not None:
            go(replace(asked, behind=behind))

    data = {"label": label, "columns": columns, "rows": rows, "flags": flags}
    mount("numbers", key=key, data=data, on_action=acted)
