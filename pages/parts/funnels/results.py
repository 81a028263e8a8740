"""The right column: what the funnel says, in figures and charts, each a click from the people behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from typing import Any

import streamlit as st

from pages.parts import words
from pages.parts.answers import anything
from pages.parts.changed import when_changed
from pages.parts.figures import tile, tiles
from pages.parts.funnels import answers, chart, tables, wording
from pages.parts.funnels import compare as comparing
from pages.parts.funnels.address import Asked, behind_of
from pages.parts.funnels.answers import Measured
from pages.parts.funnels.how import how
from pages.parts.funnels.people import draw_people
from pages.parts.notice import notice, waiting_for_data
from pages.parts.serving import Moment
from pipeline.questions.funnel import Answer, Funnel
from pipeline.questions.ranges import Preset

Go = Callable[[Asked], None]

_PLAIN = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
_NOTED = 30  # characters of a name in a tile
_LONGEST = Preset("90D")
_SIDES = (chart.BAR, chart.SECOND)


def results(asked: Asked, now: Moment, go: Go) -> None:
    """Draws the skeleton until the answer is there; a reader who changes the funnel meanwhile is not kept."""
    if asked.compare is not None:
        _two(asked, now, go)
        return
    measured = awaited(asked.funnel, now)
    answer = measured.answer
    if not answer.entered:
        draw_empty(asked, measured, now)
        return
    figures(answer, "figures")
    notes(measured, "notes_said")
    with st.container(border=True, key="funnel_card"):
        section("How far people came", "funnel", answer, "funnel", _HINT)
        bars(asked, answer, go, "funnel_chart")
        tables.step_by_step(asked, answer, go)
    narrowed = asked.behind is not None and asked.behind.narrowed
    if asked.behind is not None and not narrowed:
        draw_people(asked, asked.behind, answer, now, go)
    if answer.breakdown:
        draw_breakdown(asked, answer, go)
    if asked.behind is not None and narrowed:
        draw_people(asked, asked.behind, answer, now, go)
    if answer.converted:
        over_time(asked, answer, go)


_SHARES = "people · % of first · % of previous"
_WHOLE = "The breakdown is there again when the comparison ends"
_HINT = "Click a bar for who reached the step, its pale sides for who was lost before it, or a number below"


def awaited(funnel: Funnel, now: Moment) -> Measured:
    """The answer; while it is not there, bones, and for how long already."""
    slot = st.empty()
    began = time.monotonic()

    def waiting() -> None:
        seconds = time.monotonic() - began
        with slot.container():
            if seconds > 1:
                st.caption(f"Counting people… {seconds:.0f} s")
            st.skeleton(height=86)
            st.skeleton(height=320)

    measured = answers.awaited(lambda: answers.measured(now.snapshot, funnel), waiting)
    slot.empty()
    return measured


def section(
    title: str, about: str, answer: Answer, key: str, hint: str = "", beside: Callable[[], None] = lambda: None
) -> None:
    """A card's title, what one can do there, and how its numbers are computed."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"section_{key}"):
        st.html(f'<div class="section"><b>{escape(title)}</b><span>{escape(hint)}</span></div>', width="stretch")
        beside()
        how(about, answer.funnel, answer.version, key)


def draw_empty(asked: Asked, measured: Measured, now: Moment) -> None:
    """Nobody entered: why, as far as it is known, and which filter one might do without."""
    if not anything(now.snapshot):
        waiting_for_data("empty")
        return
    # Where the notes have more to say, it is of a name that no event has: no matter of range and filters.
    wider = _wider(asked.funnel) if len(measured.notes) == 1 else ()
    ways = [{"label": label, "href": f"?{asked.of(funnel).query()}"} for label, funnel in wider]
    notice(" ".join(measured.notes), key="empty", title="Nobody entered this funnel", ways=ways, big=True)


def _wider(funnel: Funnel) -> Iterator[tuple[str, Funnel]]:
    """The same funnel with one thing less asked of whoever enters."""
    view, first = funnel.view, funnel.steps[0]
    for each in view.filters:
        filters = tuple(other for other in view.filters if other != each)
        yield f"Without “{words.phrase(each)}”", replace(funnel, view=view.with_(filters=filters))
    for each in first.filters:
        step = replace(first, filters=tuple(other for other in first.filters if other != each))
        yield f"Step 1 without “{words.phrase(each)}”", replace(funnel, steps=(step, *funnel.steps[1:]))
    if view.range != _LONGEST:
        yield "Over the last 90 days", replace(funnel, view=view.with_(range=_LONGEST))


def notes(measured: Measured, key: str) -> None:
    if measured.notes:
        notice(" ".join(measured.notes), key=key, tone="late")


def figures(answer: Answer, key: str, *, few: bool = False) -> None:
    last = answer.steps[-1]
    items = [
        tile("Entered", f"{answer.entered:,}", "" if few else _open(answer)),
        tile("Converted", f"{answer.converted:,}", "" if few else f"within {wording.window(answer.funnel)}"),
        tile("Conversion", wording.percent(last.from_first), "" if few else "of all who entered"),
    ]
    if not few:
        items += [_drop(answer), *_times(answer)]
    with st.container(horizontal=True, vertical_alignment="center", key=f"row_{key}"):
        tiles(items, key=key, label="The funnel in figures", dense=True)
        how("tiles", answer.funnel, answer.version, key)


def _open(answer: Answer) -> str:
    still = sum(step.open for step in answer.steps)
    return f"{still:,} still have time" if still else "all windows are over"


def _drop(answer: Answer) -> dict[str, Any]:
    number = wording.biggest_drop(answer)
    if number is None:
        return tile("Biggest drop", "None")
    rate = answer.steps[number - 1].from_previous or 0.0
    missed = wording.steps(answer)[number - 1].partition(" · ")[0]
    return tile(
        "Biggest drop", wording.percent(1 - rate), f"before {number}. {chart.shortened(missed, _NOTED)}", "late"
    )


def _times(answer: Answer) -> list[dict[str, Any]]:
    if not answer.converted:
        return [tile("Median time", "–", "nobody converted")]
    return [tile("Median time", wording.lasting(answer.median_seconds), f"p90 {wording.lasting(answer.p90_seconds)}")]


def bars(asked: Asked, answer: Answer, go: Go, key: str, *, side: int = 1, compact: bool = False) -> None:
    """The funnel. A click opens the people of what was clicked, a second one closes them."""
    chosen = asked.behind if asked.behind is not None and asked.behind.side == side else None
    figure = chart.funnel(answer, chosen, compact=compact, colour=_SIDES[side - 1])

    def clicked() -> None:
        group = chart.clicked(answer, st.session_state[key]["selection"]["points"])
        if group is not None:
            go(replace(asked, behind=behind_of(answer.funnel, group, None, side=side)))

    st.plotly_chart(figure, key=key, on_select=when_changed(key, clicked), selection_mode="points", config=_PLAIN)


def draw_breakdown(asked: Asked, answer: Answer, go: Go) -> None:
    title = f"By {words.label(answer.funnel.breakdown or '')}"
    with st.container(border=True, key="breakdown_card"):
        hint = f"{words.counted(len(answer.breakdown), 'row')} · click a number for the people behind it"
        section(title, "breakdown", answer, "breakdown", hint)
        tables.breakdown(asked, answer, go)


def over_time(asked: Asked, answer: Answer, go: Go) -> None:
    left, right = st.columns(2, gap="small")
    with left, st.container(border=True, key="time_card"):
        section("Time to convert", "time", answer, "time")
        st.plotly_chart(chart.time_to_convert(answer), key="time_chart", config=_PLAIN)
    with right, st.container(border=True, key="trend_card"):
        section("Conversion by entry", "trend", answer, "trend", beside=lambda: _trend_choice(asked, go))
        st.plotly_chart(chart.trend(answer, asked.weekly), key="trend_chart", config=_PLAIN)


def _trend_choice(asked: Asked, go: Go) -> None:
    st.session_state["trend"] = "Week" if asked.weekly else "Day"

    def chosen() -> None:
        go(replace(asked, weekly=st.session_state["trend"] == "Week"))

    st.segmented_control(
        "By",
        ["Day", "Week"],
        key="trend",
        required=True,
        label_visibility="collapsed",
        on_change=when_changed("trend", chosen),
    )


def _two(asked: Asked, now: Moment, go: Go) -> None:
    """Both funnels, what differs, and the people of whichever was clicked."""
    named = comparing.pair(asked)
    for _, funnel in named:
        answers.measured(now.snapshot, funnel)  # both at once
    found = [(name, awaited(funnel, now)) for name, funnel in named]
    for place, (column, (name, measured)) in enumerate(zip(st.columns(2, gap="small"), found, strict=True), start=1):
        with column, st.container(border=True, key=f"side_{place}"):
            section(name, "funnel", measured.answer, f"side_{place}", _SHARES)
            figures(measured.answer, f"figures_{place}", few=True)
            if measured.answer.entered:
                bars(asked, measured.answer, go, f"chart_{place}", side=place, compact=True)
            notes(measured, f"notes_{place}")
    if asked.behind is not None:
        name, measured = found[asked.behind.side - 1]
        draw_people(asked, asked.behind, measured.answer, now, go, among=name)
    (name, one), (other, two) = found
    with st.container(border=True, key="differences_card"):
        section("What differs", "compare", one.answer, "compare", _WHOLE if asked.funnel.breakdown else "")
        comparing.differences((name, one.answer), (other, two.answer))
