"""What is said beside a funnel's numbers: which step nobody reached, why, and what may help."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.questions.funnel import Funnel, measure, notes
from tests.support import NOW, make_lake

_STEPS = [{"event": "Read"}, {"event": "Sign up"}, {"event": "Pay"}]


def _notes(folder: Path, spec: dict[str, Any], *events: str) -> tuple[str, ...]:
    """Of two people who did these events, a minute apart."""
    rows = [
        {"event": event, "customer_id": person, "occurred_at": NOW - timedelta(minutes=9 - place), "path": "/"}
        for person in ("ann", "bea")
        for place, event in enumerate(events)
    ]
    lake = make_lake(folder, [{**row, "message_id": str(number)} for number, row in enumerate(rows)])
    funnel = Funnel.parse({"steps": _STEPS, "range": "7D", **spec}, now=NOW, zone=ZoneInfo("UTC"))
    found = notes(lake.snapshot(), measure(lake.snapshot(), funnel))
    lake.close()
    return found


_STOPPED = "Nobody reached step 3 (“Pay”): all 2 who reached “Sign up” stopped there."


@pytest.mark.parametrize(
    ("spec", "events", "said"),
    [
        ({}, ["Read", "Sign up", "Pay"], ()),
        ({}, ["Pay", "Read", "Sign up"], (f"{_STOPPED} Try a longer window.",)),
        (
            {"filters": ["path is /"]},
            ["Pay", "Read", "Sign up"],
            (f"{_STOPPED} Try a longer window or fewer filters.",),
        ),
        (
            {"order": "strict"},
            ["Read", "Sign up", "Else", "Pay"],
            (f"{_STOPPED} Try a longer window or an order that lets other events lie between the steps.",),
        ),
        (
            {"exclusions": [{"event": "Else", "after_step": 2, "before_step": 3}]},
            ["Read", "Sign up", "Else", "Pay"],
            (f"{_STOPPED} Without the exclusions 2 would have.",),
        ),
        ({}, ["Read", "Sign up"], ("No event is called 'Pay'.", _STOPPED)),
        (
            {"exclusions": [{"event": "Pya", "after_step": 1, "before_step": 2}]},
            ["Read", "Sign up", "Pay"],
            ("No event is called 'Pya'. Did you mean 'Pay'?",),
        ),
        (
            {"order": "any", "window": "1s"},
            ["Read", "Pay", "Sign up"],
            ("Nobody did 2 of the 3 steps: all 2 who did 1 did no other in time. Try a longer window.",),
        ),
        (
            {"steps": [{"event": "Raed", "filters": ["path starts_with /news"]}, {"event": "Pay"}]},
            ["Read", "Pay"],
            (
                "No event is called 'Raed'. Did you mean 'Read'?",
                "Nobody entered: no event of the view is “Raed · path starts_with /news”.",
            ),
        ),
        (
            {"steps": [{"event": "Read", "filters": ["path starts_with /news"]}, {"event": "Pay"}]},
            ["Read", "Pay"],
            (
                "Nobody entered: no event of the view is “Read · path starts_with /news”. "
                "Try a longer range or fewer filters.",
            ),
        ),
    ],
)
def test_what_is_said(tmp_path: Path, spec: dict[str, Any], events: list[str], said: tuple[str, ...]) -> None:
    assert _notes(tmp_path, spec, *events) == said
