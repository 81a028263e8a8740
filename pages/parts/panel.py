"""The panel beside the list: what its component needs for the glance or for an open event."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pages.parts import answers, events, words
from pages.parts.component import Action, mount
from pages.parts.serving import Moment, product
from pipeline.event import FIELD
from pipeline.questions.facets import Glance
from pipeline.questions.view import View

_TITLES = {
    "event": "Top events",
    "country": "Top countries",
    "device": "Devices",
    "path": "Top paths",
    "domain": "Domains",
}
_GLANCE_RULE = (
    "All figures cover every event of this view, not just this page, at one snapshot of the data. People are "
    "customers and visitors, each counted once; a visitor who became a customer is one person. Counts are exact."
)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open event: its row, the raw line once asked for, and whether it is the person's first or last event."""

    row: answers.Row
    raw: dict[str, Any] | None = None
    edge: dict[str, str] | None = None


def panel(
    view: View,
    now: Moment,
    *,
    height: str,
    act: Callable[[Action], None],
    opened: Opened | None = None,
    summary: dict[str, Any] | None = None,
    missing: str = "",
) -> None:
    """Draw the inspector for `opened`, else `summary` (bones while that is None), else what is `missing`."""
    data = {
        "height": height,
        "view": view.scope().query(),
        "profile": "customers",
        "crm": product().settings.customer_url or "",
        "schema": events.schema(now.fields),
        "event": events.record(opened.row, view, whole=True) if opened else None,
        "edge": opened.edge if opened else None,
        "raw": opened.raw if opened else None,
        "glance": summary,
        "missing": missing,
    }
    mount("panel", key="panel", data=data, scripts=("inspector.js", "scale.js", "glance.js"), on_action=act)


def command(view: View, moment: Moment, verb: str = "count", rest: str = "") -> str:
    """What to type for the same answer: absolute dates and the same snapshot."""
    query = view.scope().with_(as_of=moment.snapshot.version).query()
    return f"python -m pipeline {verb} {shlex.quote(query)}{rest and ' ' + rest}"


def summary(glance: Glance, view: View, moment: Moment) -> dict[str, Any]:
    """The glance as JSON: exact counts as numbers, the share in words, buckets with what brushing them selects."""
    return {
        "heading": "This view at a glance",
        "total": glance.total,
        "tiles": [
            {"label": "People", "value": f"{glance.people:,}", "title": "Customers and visitors, each counted once"},
            {
                "label": "Anonymous events",
                "value": words.share(glance.anonymous, glance.total),
                "title": "Events without a customer ID",
            },
        ],
        "histogram": bars(glance, view),
        "lists": [],
        "facets": facets(glance),
        "how": {"rule": _GLANCE_RULE, "commands": [command(view, moment), command(view, moment, "facets", "event")]},
    }


def bars(glance: Glance, view: View) -> list[dict[str, Any]]:
    return [words.bucket(bar.start, bar.end, view) | {"count": bar.count} for bar in glance.histogram]


def facets(glance: Glance) -> list[dict[str, Any]]:
    """The top values of each main field, each a click from being a filter."""
    return [
        {
            "field": name,
            "label": FIELD[name].label,
            "title": title,
            "values": [{"value": item.value, "count": item.count} for item in glance.facets[name].top],
        }
        for name, title in _TITLES.items()
    ]
