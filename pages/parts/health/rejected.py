"""Rejected lines by reason, each with what was received: as text, whatever it holds; and the file of them all."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from pages.parts import words
from pages.parts.access.links import signed
from pages.parts.access.roles import Role
from pages.parts.access.session import may, person
from pages.parts.component import mount
from pages.parts.deeds import note
from pages.parts.figures import Column, table
from pages.parts.health import answers
from pages.parts.health.fresh import time
from pages.parts.health.how import section
from pages.parts.health.pages import page_of
from pages.parts.serving import clock, product
from pipeline.lake import Snapshot

_ROWS = 20
_SHOWN_BYTES = 2_000
_REASONS: list[Column] = [("Lines", "right"), ("Code", "mono"), ("Why, for example", "text"), ("Newest", "nowrap")]
_LINES: list[Column] = [
    *(("When", "nowrap"), ("Object", "mono"), ("Line", "right"), ("Why", "text"), ("As received", "raw"))
]
_ALL = "all"


def draw_rejected(now: Snapshot) -> None:
    section("Rejected lines", "rejected", "kept as they came, by reason")
    reasons = answers.reasons(now)
    if not reasons:
        table(_LINES, [], key="rejected", label="Rejected lines", empty="No line has been rejected.")
        return
    rows = [[f"{row['lines']:,}", row["code"], row["reason"], time(row["seen_at"])] for row in reasons]
    table(_REASONS, rows, key="reasons", label="Rejected lines by reason", empty="")
    counts = {_ALL: sum(row["lines"] for row in reasons)} | {row["code"]: row["lines"] for row in reasons}
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        chosen = _choice(counts)
        code = None if chosen == _ALL else chosen
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            draw_replay(f"Replay {words.counted(counts[chosen], 'line')}", code or "")
            if not now.masked:
                _files(now, code, counts[chosen])
    draw_replayed()
    with page_of(counts[chosen], _ROWS, "rejected") as offset:
        lines = [_line(row) for row in answers.rejected(now, code, _ROWS, offset)]
        table(_LINES, lines, key="rejected", label="Rejected lines", empty="")


def _choice(counts: dict[str, int]) -> str:
    if st.session_state.get("reason") not in counts:
        st.session_state["reason"] = _ALL
    chosen = st.selectbox(
        "Reason",
        list(counts),
        key="reason",
        format_func=lambda code: f"{'All reasons' if code == _ALL else code} ({counts[code]:,})",
        label_visibility="collapsed",
        width=320,
    )
    return str(chosen)


def _files(now: Snapshot, code: str | None, lines: int) -> None:
    """The links to exactly the lines that are counted, pinned to this snapshot."""
    query = urlencode({"as_of": now.version} | ({"reason": code} if code else {}))
    said = words.counted(lines, "line")
    links = [
        {
            "label": f"Export {said}",
            "href": signed(f"export/rejected.csv?{query}", person()),
            "icon": "download",
            "file": "",
            "title": _CSV,
        },
        {
            "label": "JSON lines",
            "href": signed(f"export/rejected.jsonl?{query}", person()),
            "icon": "download",
            "file": "",
            "title": _JSON,
        },
    ]
    with st.container(width="content"):
        mount("links", key="rejected_files", data={"links": links}, width="content")


def draw_replay(label: str, reason: str) -> None:
    """Ask the scheduler to try again what was rejected for `reason`, or all: pages never write the lake."""
    upkeep = product().state.upkeep
    standing = reason in upkeep.asked("replay")
    said = "Asked for: the scheduler does it at its next look." if standing else _REPLAY
    owner = may(Role.OWNER)

    def ask() -> None:
        person().must_be(Role.OWNER)
        upkeep.ask("replay", reason, clock())
        note(person(), "replay", reason or "all that was rejected")

    st.button(
        label,
        icon=":material/replay:",
        help=said if owner else "Only owners may replay.",
        disabled=standing or not owner,
        key=f"replay_{reason}",
        on_click=ask,
    )


_REPLAY = "Once the cause is mended: the scheduler tries them again at its next look, and loads what is good now, once."


def draw_replayed() -> None:
    """What was asked for and waits, and what the last replay came to."""
    upkeep = product().state.upkeep
    waiting = upkeep.asked("replay")
    last = next(iter(upkeep.last(1, "replay")), None)
    if waiting:
        said = "A replay is asked for; the scheduler does it at its next look."
    elif last is not None:
        said = f"Last replay, {time(last.started_at)}: {last.problem or last.outcome or 'it never ended'}."
    else:
        return
    st.html(f'<div class="rows">{escape(said)}</div>')


_CSV = "CSV, for spreadsheets"
_JSON = "With the bytes exactly as they came"


def _line(row: dict[str, Any]) -> list[Any]:
    return [time(row["seen_at"]), row["key"], f"{row['line']:,}", row["reason"], _shown(row["raw"])]


def _shown(raw: bytes | None) -> str:
    """The start of a line that may be anything but text. Of an erased customer's, or an old one, nothing is kept."""
    return (raw or b"(not kept)")[:_SHOWN_BYTES].decode("utf-8", "replace")
