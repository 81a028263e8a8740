"""What a reader should know beside a funnel's numbers: names that were never seen, steps that nobody reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pipeline.errors import did_you_mean
from pipeline.questions.funnel.answer import Answer
from pipeline.questions.funnel.spec import Step
from pipeline.questions.snapshot import Snapshot

Named = Callable[[Step], str]


def notes(snapshot: Snapshot, answer: Answer, named: Named = lambda step: step.label) -> tuple[str, ...]:
    """Sentences, most of the time none; `named` puts a step into the reader's words.

    The lake is asked for its names only when nobody reached a step, or nothing was excluded by the exclusions.
    """
    empty = next((number for number, step in enumerate(answer.steps, start=1) if not step.people), None)
    idle = not any(step.excluded for step in answer.steps)
    asked = [
        *(answer.funnel.steps if empty is not None else ()),
        *(each.step for each in answer.funnel.exclusions if idle),
    ]
    unseen = _unseen(snapshot, asked)
    if empty is None:
        return tuple(unseen.values())
    return (*unseen.values(), _nobody(answer, empty, named, unseen))


def _nobody(answer: Answer, empty: int, named: Named, unseen: Mapping[str, str]) -> str:
    """Which step nobody reached, and what may help."""
    funnel = answer.funnel
    step, excluded = funnel.steps[empty - 1], answer.steps[empty - 1].excluded
    said = _said(answer, empty, named)
    if (funnel.order == "any" and unseen) or step.event in unseen:
        return said
    if excluded:
        return f"{said} Without the exclusions {excluded:,} would have."
    tries = ["a longer range" if empty == 1 else "a longer window"]
    if step.filters or funnel.view.filters:
        tries.append("fewer filters")
    if funnel.order == "strict" and empty > 1:
        tries.append("an order that lets other events lie between the steps")
    return f"{said} Try {' or '.join(tries)}."


def _said(answer: Answer, empty: int, named: Named) -> str:
    steps = answer.funnel.steps
    if empty == 1:
        which = "any of its steps" if answer.funnel.order == "any" else f"“{named(steps[0])}”"
        return f"Nobody entered: no event of the view is {which}."
    before = answer.steps[empty - 2].people
    who = f"all {before:,}" if before > 1 else "the one"
    if answer.funnel.order == "any":
        return f"Nobody did {empty} of the {len(steps)} steps: {who} who did {empty - 1} did no other in time."
    return (
        f"Nobody reached step {empty} (“{named(steps[empty - 1])}”): "
        f"{who} who reached “{named(steps[empty - 2])}” stopped there."
    )


def _unseen(snapshot: Snapshot, steps: Iterable[Step]) -> dict[str, str]:
    """The names that no event of the lake has, each with a sentence that says so and suggests the nearest."""
    asked = dict.fromkeys(step.event for step in steps if step.event is not None)
    if not asked:
        return {}
    names = _names(snapshot)
    return {
        name: f"No event is called {name!r}. {did_you_mean(name, names)}".rstrip()
        for name in asked
        if name not in names
    }


def _names(snapshot: Snapshot) -> list[str]:
    found = snapshot.fetch(snapshot.events.select("event").distinct())["event"].to_pylist()
    return sorted(name for name in found if name)
