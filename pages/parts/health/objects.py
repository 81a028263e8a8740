"""Objects by state: what waits for another try and why, what can never be read, what was loaded."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.parts import words
from pages.parts.figures import Column, table
from pages.parts.health import answers
from pages.parts.health.fresh import time
from pages.parts.health.how import section
from pages.parts.health.pages import page_of
from pages.parts.health.rejected import draw_replay, draw_replayed
from pipeline.lake import Snapshot
from pipeline.lake.ledger import retry_after
from pipeline.questions.ledger import Totals

_ROWS = 25
_STATES = {"retrying": "To be tried again", "rejected": "Rejected whole", "loaded": "Loaded"}
_UNREAD: list[Column] = [
    *(("Object", "mono"), ("Attempts", "right"), ("Why", "text"), ("Last tried", "nowrap"), ("Next try", "nowrap"))
]
_LOADED: list[Column] = [
    *(("Object", "mono"), ("Format", "text"), ("Size", "right"), ("Lines", "right"), ("Loaded", "right")),
    *(("Duplicate", "right"), ("Rejected", "right"), ("Expired", "right"), ("At", "nowrap")),
]
_NONE = {
    "retrying": "No object waits for another try.",
    "rejected": "No object was rejected whole.",
    "loaded": "No object has been loaded yet.",
}


def draw_objects(now: Snapshot, totals: Totals) -> None:
    section("Objects", "objects", "each in exactly one state")
    counts = {state: int(getattr(totals, f"objects_{state}")) for state in _STATES}
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        state = st.segmented_control(
            "State",
            list(_STATES),
            key="object_state",
            default=next((state for state in _STATES if counts[state]), "loaded"),
            required=True,
            format_func=lambda state: f"{_STATES[state]} {counts[state]:,}",
            label_visibility="collapsed",
            width="content",
        )
        text = st.text_input(
            "Name contains", key="object_name", placeholder="Name contains …", label_visibility="collapsed", width=260
        )
    if state == "rejected" and counts[state]:
        draw_replay("Replay all that is rejected, lines and objects", "")
        draw_replayed()
    matching, _ = answers.objects(now, state, text, 0, 0)
    with page_of(matching, _ROWS, "objects") as offset:
        _, found = answers.objects(now, state, text, _ROWS, offset)
        columns, row = (_LOADED, _loaded) if state == "loaded" else (_UNREAD, _unread)
        empty = f"{_NONE[state]}" if not text else "No object in this state has this in its name."
        table(columns, [row(each) for each in found], key="objects", label=_STATES[state], empty=empty)


def _unread(row: dict[str, Any]) -> list[Any]:
    following = row["seen_at"] + retry_after(row["attempts"]) if row["state"] == "retrying" else None
    upcoming = time(following) if following else "never: mend and replay it"
    return [row["key"], f"{row['attempts']:,}", row["last_error"], time(row["seen_at"]), upcoming]


def _loaded(row: dict[str, Any]) -> list[Any]:
    figures = [f"{row[name]:,}" for name in ("lines", "loaded", "duplicate", "rejected", "expired")]
    return [row["key"], row["format"], words.size(row["bytes"]), *figures, time(row["seen_at"])]
