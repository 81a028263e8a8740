"""The left column: steps as cards, window, order, first entry only, breakdown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.parts import answers, listing, words
from pages.parts.changed import when_changed
from pages.parts.component import Action, mount
from pages.parts.funnels import edit
from pages.parts.serving import Moment
from pages.parts.toolbar import listed
from pipeline.errors import ActivityError
from pipeline.questions.filters import PROPERTIES
from pipeline.questions.funnel import Funnel, Step
from pipeline.questions.funnel.spec import LEAST_STEPS, MOST_STEPS, Order

Go = Callable[[Funnel], None]

_EVENTS = 200  # proposed for a step, the most frequent first
_NUMBER, _UNIT, _ORDER, _FIRST, _BY = "window", "unit", "order", "first", "by"
_ORDERS: dict[str, Order] = {"In order": "ordered", "Strict": "strict", "Any order": "any"}
_EXPLAINED: dict[Order, str] = {
    "ordered": "The steps in this order; other events between them are fine.",
    "strict": "The steps in this order, and no other event between them.",
    "any": "All of the steps, whichever comes first.",
}


def builder(funnel: Funnel, now: Moment, go: Go) -> None:
    """Every change becomes another funnel in the URL; of one that makes no sense `listing.refused` says why."""
    _steps(funnel, now, go)
    _window(funnel, go)
    _order(funnel, go)
    _first_entry(funnel, go)
    _breakdown(funnel, now, go)


def attempted(change: Callable[[], None]) -> None:
    """Do it, or keep the reason why not for the page to say."""
    try:
        change()
    except ActivityError as error:
        listing.refuse(error)


def _steps(funnel: Funnel, now: Moment, go: Go) -> None:
    everything = funnel.view.with_(filters=())
    named = answers.values(now.snapshot, everything, "event", _EVENTS)
    data = {
        "steps": [_card(step) for step in funnel.steps],
        "exclusions": [
            {**_card(each.step), "after": each.after_step, "before": each.before_step} for each in funnel.exclusions
        ],
        "excludable": funnel.order != "any",
        "least": LEAST_STEPS,
        "most": MOST_STEPS,
        "events": [{"value": item.value, "count": item.count} for item in named if item.value],
        "suggestions": listed(answers.proposed(now.snapshot, everything)),
        "scope": "",
        "fields": [{"name": field.name, "label": field.label, "ops": list(field.ops)} for field in now.fields],
    }

    def acted(action: Action) -> None:
        attempted(lambda: go(edit.after(funnel, action)))

    mount("steps", key="steps", data=data, scripts=("filters.js",), on_action=acted)


def _card(step: Step) -> dict[str, Any]:
    return {"event": step.event, "filters": [words.phrase(each) for each in step.filters]}


def _window(funnel: Funnel, go: Go) -> None:
    st.session_state[_NUMBER], st.session_state[_UNIT] = edit.window_of(funnel)

    def chosen() -> None:
        attempted(lambda: go(edit.within(funnel, int(st.session_state[_NUMBER] or 0), st.session_state[_UNIT])))

    with st.container(horizontal=True, vertical_alignment="bottom", key="within"):
        st.number_input(
            "Converts within",
            min_value=1,
            step=1,
            key=_NUMBER,
            on_change=when_changed(_NUMBER, chosen),
            help=_WINDOW_HELP,
        )
        st.selectbox(
            "Unit", list(edit.UNITS), key=_UNIT, on_change=when_changed(_UNIT, chosen), label_visibility="hidden"
        )


def _order(funnel: Funnel, go: Go) -> None:
    st.session_state[_ORDER] = next(name for name, order in _ORDERS.items() if order == funnel.order)

    def chosen() -> None:
        go(edit.in_order(funnel, _ORDERS[st.session_state[_ORDER]]))

    st.segmented_control(
        "Order", list(_ORDERS), key=_ORDER, required=True, on_change=when_changed(_ORDER, chosen), width="stretch"
    )
    explained = _EXPLAINED[funnel.order]
    if funnel.order == "any":
        explained += " Exclusions need an order."
    st.caption(explained)


def _first_entry(funnel: Funnel, go: Go) -> None:
    st.session_state[_FIRST] = funnel.first_entry_only

    def chosen() -> None:
        go(replace(funnel, first_entry_only=st.session_state[_FIRST]))

    st.checkbox("First entry only", key=_FIRST, on_change=when_changed(_FIRST, chosen), help=_FIRST_HELP)


def _breakdown(funnel: Funnel, now: Moment, go: Go) -> None:
    names = [field.name for field in now.fields]
    if funnel.breakdown is not None and funnel.breakdown not in names:
        names.append(funnel.breakdown)
    st.session_state[_BY] = funnel.breakdown

    def chosen() -> None:
        attempted(lambda: go(replace(funnel, breakdown=st.session_state[_BY])))

    st.selectbox(
        "Break down by",
        names,
        index=None,
        key=_BY,
        format_func=lambda name: words.label(name) if name in names else name,
        accept_new_options=True,
        placeholder=f"Nothing, or {PROPERTIES}.plan",
        on_change=when_changed(_BY, chosen),
        help=_BY_HELP,
    )


_WINDOW_HELP = "How long somebody has from their first step to their last. Later steps may fall after the range’s end."
_FIRST_HELP = (
    "Counts only each person’s first try in the range. Without it, of all their tries the one that leads furthest "
    "counts."
)
_BY_HELP = "Splits people by what the event they entered with says. 25 values have a row of their own, the rest is one."
