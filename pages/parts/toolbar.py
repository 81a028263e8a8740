"""The toolbar: range, filter bar, filter builder, export, on one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

from pages.parts import answers, download, words
from pages.parts.changed import when_changed
from pages.parts.component import Action, mount
from pages.parts.serving import Moment
from pipeline.questions.facets import Suggestion
from pipeline.questions.ranges import PRESETS, Days, Preset
from pipeline.questions.view import View

CUSTOM = "Custom"
Go = Callable[[View], None]

_RANGE, _DAYS, _TYPED = "range", "days", "typed"
_LONGEST = 200  # characters of typed text looked for


def range_choice(view: View, go: Go) -> None:
    """The presets, and Custom, which keeps the days shown and lets them be changed."""
    st.session_state[_RANGE] = view.range.name if isinstance(view.range, Preset) else CUSTOM

    def chosen() -> None:
        name = st.session_state[_RANGE]
        go(view.with_(range=view.range.absolute(view.now, view.zone) if name == CUSTOM else Preset(name)))

    st.segmented_control(
        "Time range",
        [*PRESETS, CUSTOM],
        key=_RANGE,
        required=True,
        label_visibility="collapsed",
        on_change=when_changed(_RANGE, chosen),
    )


def day_choice(view: View, go: Go) -> None:
    """First and last day of a custom range, both included."""
    # Between its two clicks the calendar holds one day, which must not be taken from it.
    if len(st.session_state.get(_DAYS, ())) != 1:
        st.session_state[_DAYS] = words.first_and_last(view)

    def chosen() -> None:
        days = st.session_state[_DAYS]
        if len(days) == 2:
            go(view.with_(range=Days(*days)))

    st.date_input(
        "Dates",
        key=_DAYS,
        label_visibility="collapsed",
        on_change=when_changed(_DAYS, chosen),
        width=230,
        format="YYYY-MM-DD",
    )


def filter_bar(view: View, moment: Moment, act: Callable[[Action], None], *, within: View | None = None) -> None:
    """Chips and suggestions; `within` is what suggestions count where it is not the whole range.

    What is proposed first counts the whole range, so that it stands still while filters change; what is typed is
    looked for in the view as it is.
    """

    def acted(action: Action) -> None:
        if action.get("do") == "suggest":
            st.session_state[_TYPED] = str(action.get("text", ""))[:_LONGEST]
        else:
            st.session_state.pop(_TYPED, None)
            act(action)

    typed = st.session_state.get(_TYPED, "")
    everything = within or view.with_(filters=())
    data = {
        "chips": [words.phrase(condition) for condition in view.filters],
        "suggestions": listed(answers.proposed(moment.snapshot, everything)),
        "scope": "In this view" if everything == within or not view.filters else "In these days, without filters",
        "typed": typed,
        "found": listed(answers.found(moment.snapshot, within or view, typed)) if typed else [],
        "fields": [{"name": f.name, "label": f.label, "ops": list(f.ops)} for f in moment.fields],
    }
    mount("filterbar", key="filterbar", data=data, scripts=("filters.js",), on_action=acted)


def listed(suggestions: Iterable[Suggestion]) -> list[dict[str, Any]]:
    return [
        {"field": item.field, "label": words.label(item.field), "value": item.value, "count": item.count}
        for item in suggestions
    ]


def share(view: View, moment: Moment, total: int, link: str = "") -> None:
    """Copy link (to `link`, else to the pinned view), and Export, which says how many rows it will give."""
    rows = words.counted(total, "row")
    formats = [
        {
            "label": f"{label} · {rows}",
            "note": note,
            "href": download.path(view, moment.snapshot, suffix),
            "file": download.file_name(view, suffix),
            "name": label,
            "prepare": download.preparation(view, moment.snapshot, suffix),
        }
        for suffix, (label, note) in download.FORMATS.items()
    ]
    promise = f"Every event of this view, not just this page: {rows}, {words.dates(view)}."
    if moment.snapshot.masked:
        promise += " Names, emails and IP addresses are hidden in it, as they are here."
    link = link or view.pinned(moment.snapshot.version).query()
    mount(
        "share", key="share", width="content", data={"rows": rows, "promise": promise, "formats": formats, "link": link}
    )
