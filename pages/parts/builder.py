"""The popover that builds one filter: field, operator, value. Date, among the fields, sets the range."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.parts import address, answers, words
from pages.parts.serving import Moment
from pipeline.errors import QuestionError
from pipeline.event import FIELD, WITHOUT_VALUE, Op
from pipeline.questions.filters import Filter, metadata_field, operators
from pipeline.questions.ranges import Days
from pipeline.questions.view import View

_DATE, _METADATA = "date", "properties"
_OPEN, _FIELD, _OP, _VALUE = "builder", "build_field", "build_op", "build_value"
_DAYS, _NAME, _PROBLEM = "build_days", "build_name", "build_problem"
_OFFERED = 50  # values proposed for a field, the most frequent first


def filter_builder(view: View, moment: Moment, go: Callable[[View], None]) -> None:
    """Draw the popover. Its own fields are no part of the view until applied."""
    # Drawn only while open: its values cost a question per view.
    popover = st.popover("Filter", icon=":material/filter_list:", key=_OPEN, on_change="rerun")
    if not popover.open:
        return
    with popover:
        names = [field.name for field in moment.fields]
        field = st.selectbox(
            "Field", [names[0], _DATE, *names[1:], _METADATA], key=_FIELD, format_func=_field_label, on_change=_forget
        )
        if field == _DATE:
            _date_part(view, go)
        else:
            _condition_part(view, moment, field, go)


def _field_label(name: str) -> str:
    return {_DATE: "Date", _METADATA: "Metadata…"}.get(name) or FIELD[name].label


def _forget() -> None:
    """Another field has other operators and values."""
    for key in (_OP, _VALUE):
        st.session_state.pop(key, None)


def _date_part(view: View, go: Callable[[View], None]) -> None:
    chosen = st.date_input("From and to, both included", words.first_and_last(view), key=_DAYS, format="YYYY-MM-DD")

    def apply() -> None:
        days = st.session_state[_DAYS]
        st.session_state[_OPEN] = False
        go(view.with_(range=Days(*days)))

    ready = isinstance(chosen, tuple) and len(chosen) == 2
    st.button("Set range", type="primary", on_click=apply, disabled=not ready, width="stretch")


def _condition_part(view: View, moment: Moment, field: str, go: Callable[[View], None]) -> None:
    name = ""
    if field == _METADATA:
        name = st.text_input("Name", key=_NAME, placeholder="scroll_depth").strip()
    target = metadata_field(name or "name") if field == _METADATA else field
    op = st.selectbox("Operator", list(operators(target)), key=_OP, format_func=lambda op: words.OPERATOR_WORDS[op])
    value = None if op in WITHOUT_VALUE else _value(view, moment, field, op)

    def apply() -> None:
        try:
            values = () if op in WITHOUT_VALUE else (str(st.session_state[_VALUE]).strip(),)
            go(moment.answerable(address.narrowed(view, Filter(target, op, values))))
        except QuestionError as error:
            st.session_state[_PROBLEM] = str(error)
        else:
            st.session_state[_OPEN] = False
            _forget()

    missing = (field == _METADATA and not name) or (op not in WITHOUT_VALUE and not value)
    st.button("Apply filter", type="primary", on_click=apply, disabled=missing, width="stretch")
    if problem := st.session_state.pop(_PROBLEM, None):
        st.text(problem)


def _value(view: View, moment: Moment, field: str, op: Op) -> str | None:
    """A value to pick, with its count, or to type."""
    if field == _METADATA or FIELD[field].ops == () or FIELD[field].type != "string" or op is Op.IN_NETWORK:
        return st.text_input("Value", key=_VALUE, placeholder="Type a value")
    found = {item.value: item.count for item in answers.values(moment.snapshot, view, field, _OFFERED) if item.value}
    return st.selectbox(
        "Value",
        list(found),
        index=None,
        key=_VALUE,
        format_func=lambda value: f"{value}  ({found[value]:,})" if value in found else value,
        accept_new_options=True,
        placeholder="Pick or type a value",
    )
