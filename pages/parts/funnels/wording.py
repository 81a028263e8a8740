"""A funnel's numbers and steps in words."""

from __future__ import annotations

from pages.parts import words
from pages.parts.funnels.address import Behind
from pipeline.questions.funnel import Answer, Funnel, Step

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def percent(share: float | None) -> str:
    """One decimal; `<0.1%` and `>99.9%` rather than a false 0 % or 100 %."""
    if share is None:
        return "–"
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return "100%" if share == 1 else "0%" if share == 0 else f"{share:.1%}"


def lasting(seconds: float | None) -> str:
    """`40 s`, `8 min 30 s`, `2 d 4 h`: the two largest units."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    left = round(seconds)
    parts: list[tuple[int, str]] = []
    for unit, size in _UNITS:
        if left >= size or parts:
            parts.append((left // size, unit))
            left %= size
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count)


def step(of: Step) -> str:
    """`Modal Displayed · Modal is meter`."""
    named = "Any event" if of.event is None else of.event
    return " · ".join([named, *(words.phrase(each) for each in of.filters)])


def people(number: int) -> str:
    return words.counted(number, "person", "people")


def group(answer: Answer, behind: Behind) -> str:
    """What the people of a group have in common: `reached “Registered” but not “Subscribed”`."""
    steps, number = answer.funnel.steps, behind.group.step
    verb = "did" if answer.funnel.order == "any" else "reached"
    if behind.group.kind == "converted":
        said = f"converted: {verb} all {len(steps)} steps"
    elif answer.funnel.order == "any":
        said = f"did {number} of the {len(steps)} steps" + ("" if behind.group.kind == "dropped" else " or more")
    elif behind.group.kind == "dropped":
        said = f"reached “{step(steps[number - 1])}” but not “{step(steps[number])}”"
    else:
        said = f"reached “{step(steps[number - 1])}”"
    return said + part(answer, behind)


def part(answer: Answer, behind: Behind) -> str:
    if not behind.narrowed or answer.funnel.breakdown is None:
        return ""
    name = words.label(answer.funnel.breakdown)
    if behind.other:
        return f" · {name} is none of those listed"
    return f" · {name} is not set" if behind.value is None else f" · {name} is {behind.value}"


def steps(answer: Answer) -> tuple[str, ...]:
    """What the bars are called. In any order bar k is k steps, whichever they are."""
    if answer.funnel.order != "any":
        return tuple(step(each) for each in answer.funnel.steps)
    return tuple(f"Any {words.counted(number, 'step')}" for number in range(1, len(answer.funnel.steps) + 1))


def window(funnel: Funnel) -> str:
    """`7 days`, `36 hours`."""
    return (
        words.lasting(funnel.window)
        if funnel.window.total_seconds() % 86_400 == 0
        else lasting(funnel.window.total_seconds())
    )


def biggest_drop(answer: Answer) -> int | None:
    """The number of the step that the largest share of those before it did not reach; None when nobody was lost."""
    shares = [(1 - (step.from_previous or 0), number) for number, step in enumerate(answer.steps, start=1)]
    lost = [(share, -number) for share, number in shares[1:] if answer.steps[number - 2].dropped]
    return -max(lost)[1] if lost else None
