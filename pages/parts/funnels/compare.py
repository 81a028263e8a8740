"""Two funnels side by side: these days and the ones before, or a segment and everything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import streamlit as st

from pages.parts import answers, words
from pages.parts.figures import Column, table
from pages.parts.funnels import wording
from pages.parts.funnels.address import BEFORE, Asked, alternatives
from pages.parts.serving import Moment
from pipeline.errors import QuestionError
from pipeline.event import Op
from pipeline.questions.filters import Filter
from pipeline.questions.funnel import Answer, Funnel
from pipeline.questions.ranges import Days, Instants, Range
from pipeline.questions.view import View

_MENU, _FIELD, _VALUE = "compare_menu", "compare_field", "compare_value"
_OFFERED = 50
_OPPOSITE = {Op.IS: Op.IS_NOT, Op.CONTAINS: Op.NOT_CONTAINS, Op.IS_SET: Op.IS_NOT_SET, Op.EQ: Op.NE}
_OPPOSITE |= {negative: positive for positive, negative in _OPPOSITE.items()}

Pair = tuple[tuple[str, Funnel], tuple[str, Funnel]]


def pair(asked: Asked) -> Pair:
    """Both funnels, each with what it is called. Raises `QuestionError` for a filter that has no opposite."""
    funnel, view = asked.funnel, asked.funnel.view
    if isinstance(asked.compare, Filter):
        other = opposite(asked.compare)
        if alternatives(view.filters, asked.compare) or alternatives(view.filters, other):
            name = words.label(other.field)
            raise QuestionError(
                f"The funnel is already filtered by {name}, so it cannot be compared by it.",
                hint="Remove that filter first.",
                code="funnel.compare",
            )
        first, second = (replace(funnel, view=view.plus(each)) for each in (asked.compare, other))
        return (words.phrase(asked.compare), first), (words.phrase(other), second)
    earlier = view.with_(range=before(view))
    return (words.dates(view), funnel), (words.dates(earlier), replace(funnel, view=earlier))


def opposite(condition: Filter) -> Filter:
    """The filter that keeps exactly the events which this one does not. Raises `QuestionError` when there is none."""
    if condition.op not in _OPPOSITE:
        raise QuestionError(
            f"“{words.phrase(condition)}” has no opposite to compare with.",
            hint="Compare by a filter with is, contains or is set.",
            code="funnel.compare",
        )
    return replace(condition, op=_OPPOSITE[condition.op])


def before(view: View) -> Range:
    """As many days, or as much time, right before the view's."""
    exact = view.range.absolute(view.now, view.zone)
    if isinstance(exact, Days):
        length = (exact.last - exact.first).days + 1
        return Days(exact.first - timedelta(days=length), exact.first - timedelta(days=1))
    start, stop = exact.bounds(view.now, view.zone)
    return Instants(start - (stop - start), start)


def menu(asked: Asked, now: Moment, go: Callable[[Asked], None]) -> None:
    """The popover that begins a comparison, or the button that ends it."""
    if asked.compare is not None:
        alone = replace(asked, compare=None, behind=None)
        st.button("End comparison", icon=":material/close:", key="end_compare", on_click=go, args=(alone,))
        return
    popover = st.popover("Compare", icon=":material/compare_arrows:", key=_MENU, on_change="rerun")
    if not popover.open:
        return

    def begin(compare: str | Filter) -> None:
        st.session_state[_MENU] = False
        go(replace(asked, compare=compare, behind=None))

    with popover:
        st.markdown("**Two periods**")
        days = words.dates(asked.funnel.view.with_(range=before(asked.funnel.view)))
        st.button(f"With {days}", key="compare_before", on_click=begin, args=(BEFORE,), width="stretch")
        st.markdown("**A segment against the rest**")
        names = {field.name: field.label for field in now.fields if field.type == "string" and Op.IS in field.ops}
        field = st.selectbox(
            "Field", list(names), index=list(names).index("device"), key=_FIELD, format_func=lambda name: names[name]
        )
        found = answers.values(now.snapshot, asked.funnel.view, field, _OFFERED)
        counts = {item.value: item.count for item in found if item.value}
        value = st.selectbox(
            "Value",
            list(counts),
            index=None,
            key=_VALUE,
            format_func=lambda each: f"{each}  ({counts[each]:,})" if each in counts else each,
            accept_new_options=True,
            placeholder="Pick or type a value",
        )
        chosen = Filter(field, Op.IS, (value,)) if value else BEFORE
        label = "Compare with the rest"
        st.button(label, type="primary", disabled=not value, on_click=begin, args=(chosen,), width="stretch")


def differences(first: tuple[str, Answer], second: tuple[str, Answer]) -> None:
    """How many came to each step on both sides, which share that is, and how far apart the shares are."""
    (name, one), (other, two) = first, second
    columns: list[Column] = [
        ("Step", "text"),
        (name, "right"),
        ("of first", "right"),
        (other, "right"),
        ("of first", "right"),
        ("Difference", "right"),
    ]
    compared = enumerate(zip(wording.steps(one), one.steps, two.steps, strict=True), start=1)
    rows = [
        [
            f"{number}. {label}",
            f"{left.people:,}",
            wording.percent(left.from_first),
            f"{right.people:,}",
            wording.percent(right.from_first),
            points(left.from_first, right.from_first),
        ]
        for number, (label, left, right) in compared
    ]
    table(columns, rows, key="differences", label="Differences", empty="")


def points(first: float | None, second: float | None) -> str:
    """`+1.2 points`: by how much the first rate is above the second, which it is measured against."""
    if first is None or second is None:
        return "–"
    apart = round(100 * (first - second), 1)
    return f"{apart:+.1f} points".replace("-", "−") if apart else "none"
