"""The charts. Plotly reads some HTML and LaTeX in texts, so whatever an event may hold is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.parts.funnels import wording
from pages.parts.funnels.address import Behind
from pipeline.questions.funnel import Answer

# Plotly's funnels take no colour from the theme; these are legible on light and dark.
BAR, CHOSEN, SECOND = "#6366f1", "#f59e0b", "#0ea5e9"
_LOST = {BAR: "rgba(99,102,241,.19)", SECOND: "rgba(14,165,233,.19)", CHOSEN: "rgba(245,158,11,.42)"}
_MUTED = "#8b8ba0"
_ROW, _COMPACT_ROW = 78, 78  # pixels
_NUMBERS = 182  # … that the numbers at the right take
_LONGEST, _COMPACT_LONGEST, _FILTERS_LONGEST = 24, 19, 30  # characters
_WINGS = {0, 2}
_MOST_TICKS = 6
_TICKS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000)


def _ink() -> str:
    """The colour of text; what Plotly writes beside a chart is grey unless told."""
    return "#ececf4" if st.context.theme.type == "dark" else "#1b1b2f"


def _inked(text: str) -> str:
    return f'<span style="color:{_ink()}">{text}</span>'


def _small_text(text: str) -> str:
    return f'<span style="font-size:11px;color:{_MUTED}">{text}</span>'


def escaped(text: str) -> str:
    """Text that Plotly shows as it is: no tags, no entities, no LaTeX."""
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("$", "&#36;")):
        text = text.replace(sign, entity)
    return text.replace("\n", " ").replace("\r", " ")


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def funnel(answer: Answer, behind: Behind | None, *, compact: bool = False, colour: str = BAR) -> go.Figure:
    """A bar per step, as wide as the people who reached it; pale at its sides, who were lost since the step before."""
    places = [f"step {number}" for number in range(1, len(answer.steps) + 1)]
    lost = [0, *(step.dropped / 2 for step in answer.steps[:-1])]
    reached = [step.people for step in answer.steps]
    figure = go.Figure()
    for side, widths in enumerate((lost, reached, lost)):
        figure.add_funnel(
            x=widths,
            y=places,
            customdata=_hover(answer, side in _WINGS),
            hovertemplate="%{customdata}<extra></extra>",
            textinfo="none",
            showlegend=False,
            marker={"color": _colours(answer, behind, side in _WINGS, colour), "line": {"width": 0}},
            connector={"visible": False},
        )
    figure.update_layout(
        annotations=_numbers(answer, compact),
        bargap=0,
        funnelgap=0.42 if compact else 0.2,
        height=len(places) * (_COMPACT_ROW if compact else _ROW) + 12,
        hoverlabel={"align": "left"},
        margin={"l": 0, "r": 4 if compact else _NUMBERS, "t": 14 if compact else 4, "b": 4, "pad": 10},
        yaxis={
            "showticklabels": not compact,
            "tickvals": places,
            "ticktext": _names(answer),
            "tickfont": {"size": 13},
            "automargin": True,
            "type": "category",
            "autorange": "reversed",
        },
        xaxis={"visible": False, "range": [-answer.entered / 2, answer.entered / 2]},
    )
    return figure


def clicked(answer: Answer, points: Sequence[dict[str, Any]]) -> str | None:
    """The group that a click on the funnel asks for; None when it was beside the bars."""
    if not points:
        return None
    number = int(points[0]["point_index"]) + 1
    if points[0]["curve_number"] in _WINGS:
        return f"dropped:{number - 1}" if number > 1 else None
    return "converted" if number == len(answer.steps) else f"reached:{number}"


def _names(answer: Answer) -> list[str]:
    named = []
    for number, name in enumerate(wording.steps(answer), start=1):
        event, _, filters = name.partition(" · ")
        text = _inked(f"<b>{number}</b>  {escaped(shortened(event, _LONGEST))}")
        if filters:
            text += f"<br>{_small_text(escaped(shortened(filters, _FILTERS_LONGEST)))}"
        named.append(text)
    return named


def _numbers(answer: Answer, compact: bool) -> list[dict[str, Any]]:
    """The numbers stand beside the bars, not in them: legible however narrow a bar is."""
    noted: list[dict[str, Any]] = []
    for place, (step, name) in enumerate(zip(answer.steps, wording.steps(answer), strict=True)):
        at = {"xref": "paper", "yref": "y", "y": f"step {place + 1}", "showarrow": False}
        rates = f"{wording.percent(step.from_first)} of first · {wording.percent(step.from_previous)} of prev."
        if compact:
            named = escaped(shortened(name, _COMPACT_LONGEST))
            label = _inked(f"<b>{place + 1}</b>  {named}")
            shares = (
                f"{wording.percent(step.from_first)} · {wording.percent(step.from_previous)}" if place else "entered"
            )
            right = f"{_inked(f'<b>{step.people:,}</b>')}  {_small_text(shares)}"
            noted.append({**at, "x": 0, "xanchor": "left", "yshift": 31, "text": label})
            noted.append({**at, "x": 1, "xanchor": "right", "yshift": 31, "text": right})
            continue
        lines = [f'<span style="font-size:16px">{_inked(f"<b>{step.people:,}</b>")}</span>']
        lines.append(f'<span style="font-size:11.5px">{rates if place else "entered"}</span>')
        if asides := _asides(step):
            lines.append(_small_text(asides))
        text = "<br>".join(lines)
        noted.append({**at, "x": 1, "xanchor": "left", "xshift": 14, "align": "left", "text": text})
    return noted


def _asides(step: Any) -> str:
    parts = []
    if step.open:
        parts.append(f"{step.open:,} open")
    if step.excluded:
        parts.append(f"{step.excluded:,} excluded")
    return " · ".join(parts)


def _hover(answer: Answer, lost: bool) -> list[str]:
    told = []
    for number, step in enumerate(answer.steps, start=1):
        if lost:
            before = answer.steps[number - 2]
            share = wording.percent(before.dropped / before.people if before.people else None)
            told.append(f"<b>{wording.people(before.dropped)} lost</b> before step {number} · {share}<br>Click: who")
        else:
            median = "" if number == 1 else f"<br>Median from the step before: {wording.lasting(step.median_seconds)}"
            told.append(f"<b>{wording.people(step.people)}</b> reached step {number}{median}<br>Click: who")
    return told


def _colours(answer: Answer, behind: Behind | None, lost: bool, colour: str) -> list[str]:
    plain, chosen = (_LOST[colour], _LOST[CHOSEN]) if lost else (colour, CHOSEN)
    picked = None
    if behind is not None and not behind.narrowed:
        dropped = behind.group.kind == "dropped"
        picked = behind.group.step + 1 if dropped and lost else behind.group.step if not dropped and not lost else None
    return [chosen if number == picked else plain for number in range(1, len(answer.steps) + 1)]


def time_to_convert(answer: Answer) -> go.Figure:
    bins = answer.histogram
    figure = go.Figure(
        go.Bar(
            x=[(each.start + each.stop) / 2 for each in bins],
            y=[each.people for each in bins],
            width=[each.stop - each.start for each in bins],
            marker={"color": BAR, "line": {"width": 0}, "cornerradius": 3},
            customdata=[
                f"{wording.lasting(each.start)} – {wording.lasting(each.stop)}<br><b>{wording.people(each.people)}</b>"
                for each in bins
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    longest = bins[-1].stop
    step = next((size for size in _TICKS if longest / size <= _MOST_TICKS), longest / _MOST_TICKS)
    ticks = [step * number for number in range(int(longest / step) + 1)]
    names = ["0", *(wording.lasting(tick) for tick in ticks[1:])]
    figure.update_xaxes(tickvals=ticks, ticktext=names, showgrid=False, range=[0, longest])
    return _small(figure)


def trend(answer: Answer, weekly: bool) -> go.Figure:
    """The conversion as a line; how many entered as pale bars behind it."""
    found = answer.trend(weekly=weekly)
    days = [each.day.isoformat() for each in found]
    rates = [each.converted / each.entered if each.entered else None for each in found]
    told = [
        f"{'Week from ' if weekly else ''}{each.day:%a %-d %b %Y}<br><b>{wording.percent(rate)}</b> converted: "
        f"{each.converted:,} of {each.entered:,}"
        for each, rate in zip(found, rates, strict=True)
    ]
    figure = go.Figure()
    entered = [each.entered for each in found]
    figure.add_bar(x=days, y=entered, yaxis="y2", marker={"color": _LOST[BAR], "cornerradius": 3}, hoverinfo="skip")
    figure.add_scatter(
        x=days,
        y=rates,
        mode="lines+markers",
        line={"color": BAR, "width": 2.5},
        marker={"size": 7, "color": BAR},
        customdata=told,
        hovertemplate="%{customdata}<extra></extra>",
    )
    ticks = days[:: max(1, -(-len(days) // 7))]
    texts = [f"{each.day:%-d %b}" for each in found][:: max(1, -(-len(days) // 7))]
    figure.update_xaxes(type="category", tickvals=ticks, ticktext=texts, showgrid=False)
    figure.update_layout(
        showlegend=False,
        yaxis={"tickformat": ".1~%", "rangemode": "tozero", "overlaying": "y2", "nticks": 5},
        yaxis2={"side": "right", "visible": False, "showgrid": False},
    )
    return _small(figure)


def _small(figure: go.Figure) -> go.Figure:
    figure.update_layout(height=224, margin={"l": 0, "r": 8, "t": 8, "b": 0}, bargap=0.12)
    figure.update_yaxes(automargin=True, nticks=5)
    return figure
