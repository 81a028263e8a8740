"""What a reader should know beside a funnel's numbers: names that were never seen, steps that nobody reached."""

from __future__ import annotations

from pipeline.errors import did_you_mean
from pipeline.questions.funnel.answer import Answer
from pipeline.questions.snapshot import Snapshot


def notes(snapshot: Snapshot, answer: Answer) -> tuple[str, ...]:
    """Sentences, most of the time none. The lake is asked for its names only when a step was reached by nobody."""
    empty = next((number for number, step in enumerate(answer.steps, start=1) if not step.people), None)
    if empty is None:
        return ()
    names = _names(snapshot)
    unseen = dict.fromkeys(step.event for step in answer.funnel.steps if step.event is not None)
    said = [
        f"No event is called {name!r}. {did_you_mean(name, names)}".rstrip() for name in unseen if name not in names
    ]
    label = answer.steps[empty - 1].label
    if empty == 1:
        return (*said, f"Nobody entered: no event of the view is “{label}”. Try a longer range or fewer filters.")
    before = answer.steps[empty - 2]
    return (
        *said,
        f"Nobody reached step {empty} (“{label}”): all {before.people:,} who reached “{before.label}” stopped there. "
        "Try a longer window or fewer filters on the step.",
    )


def _names(snapshot: Snapshot) -> list[str]:
    found = snapshot.fetch(snapshot.events.select("event").distinct())["event"].to_pylist()
    return sorted(name for name in found if name)
