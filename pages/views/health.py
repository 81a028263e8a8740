"""Pipeline: how fresh the data is, and what became of every object and line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from pages.parts import words
from pages.parts.figures import Column, table, tile, tiles
from pages.parts.notice import explained
from pages.parts.serving import clock, newest, product
from pipeline.lake import Snapshot
from pipeline.questions import ledger
from pipeline.state import Freshness, Poll

_REFRESH = 5.0
_BATCHES, _LINES, _SHOWN_BYTES = 20, 50, 2_000
_OLD_GEO = 45  # days; the free databases are published monthly
_HEALTH = {
    "ok": ("good", "Up to date"),
    "behind": ("late", "Behind"),
    "down": ("bad", "Not running"),
    "never": ("late", "Not run yet"),
}


@st.fragment(run_every=_REFRESH)
def page() -> None:
    """Drawn anew every few seconds: this page is watched while something runs."""
    with explained("problem"):
        now = newest().snapshot
        fresh = product().state.freshness(clock(), product().settings.late_after)
        totals = ledger.totals(now)
        draw_health(fresh, totals)
        draw_ledger(totals)
        left, right = st.columns(2, gap="medium")
        with left:
            draw_sources(fresh)
            draw_geo()
        with right:
            draw_batches(now)
        draw_unread(now)
        draw_rejected(now)


def draw_health(fresh: Freshness, totals: ledger.Totals) -> None:
    tone, said = _HEALTH[fresh.health]
    lag = "" if fresh.data_through is None else f"{words.lasting(clock() - fresh.data_through)} ago"
    waiting = sum(poll.waiting for poll in fresh.polls)
    start = "Start it: python -m pipeline run" if fresh.health in {"down", "never"} else ""
    items = [
        tile("Pipeline", said, start or words.counted(waiting, "object") + " waiting", tone),
        tile("Data through", _time(fresh.data_through), lag),
        tile("Events", f"{totals.events:,}", f"newest {_time(totals.newest_event)}"),
        tile("Objects loaded", f"{totals.objects_loaded:,}", _objects_note(totals)),
    ]
    tiles(items, key="health", label="How the pipeline is")


def _objects_note(totals: ledger.Totals) -> str:
    return f"{totals.objects_retrying:,} to be tried again, {totals.objects_rejected:,} rejected whole"


def draw_ledger(totals: ledger.Totals) -> None:
    st.subheader("Ledger", anchor=False)
    parts = ("loaded", "duplicate", "rejected", "expired")
    items: list[dict[str, object] | str] = [tile("Lines read", f"{totals.lines:,}")]
    for sign, name in zip("=+++", parts, strict=True):
        items += [sign, tile(name.capitalize(), f"{getattr(totals, name):,}")]
    if totals.balanced:
        items.append(tile("Check", "Balances", "every line is accounted for", "good"))
    else:
        items.append(tile("Check", "Does not balance", "please report it", "bad"))
    tiles(items, key="ledger", label="Lines read and what became of them")
    with st.popover("How this is computed", icon=":material/function:", type="tertiary"):
        st.markdown(
            "Every line of every object is loaded, a duplicate of one loaded before, rejected with a reason, or "
            "expired (older than the retention). The numbers are written with the rows, in one transaction. The same "
            "on the command line:"
        )
        st.code("python -m pipeline status", language="bash")


def draw_sources(fresh: Freshness) -> None:
    st.subheader("Sources", anchor=False)
    columns: list[Column] = [("Source", "mono"), ("Last look", "nowrap"), ("Waiting", "right"), ("State", "text")]
    rows = [[poll.source, _time(poll.polled_at), f"{poll.waiting:,}", _source_state(poll)] for poll in fresh.polls]
    table(columns, rows, key="sources", label="Sources", empty="The pipeline has not looked at any source yet.")


def _source_state(poll: Poll) -> str:
    return poll.error or ("Caught up" if poll.waiting == 0 else "Reading")


def draw_geo() -> None:
    """The geo database as the pipeline found it; before its first look, by its file alone."""
    st.subheader("Geo database", anchor=False)
    tiles([_geo_tile()], key="geo", label="Geo database")


def _geo_tile() -> dict[str, Any]:
    path = product().settings.geo_path
    told = product().state.told("geo") or {}
    if path is None or not path.is_file():
        missing = "None: country, region, city and timezone stay empty. Put an .mmdb file into the geo folder."
        return tile("Geo database", "Missing", missing, "late")
    if told.get("path") == str(path) and told.get("state") != "ready":
        return tile("Geo database", told["state"].capitalize(), f"{path.name}: {told['problem']}", "late", small=True)
    made = told.get("built") if told.get("path") == str(path) else ""
    changed = datetime.fromisoformat(made) if made else datetime.fromtimestamp(path.stat().st_mtime, UTC)
    age = clock() - changed
    note = f"made {_time(changed)}, {words.lasting(age)} ago"
    return tile("In use", path.name, note, "late" if age.days > _OLD_GEO else "", small=True)


def draw_batches(now: Snapshot) -> None:
    st.subheader("Last batches", anchor=False)
    names = ("Objects", "Lines", "Loaded", "Rejected", "Seconds")
    columns: list[Column] = [("Committed", "nowrap"), *((name, "right") for name in names)]
    rows = [
        [
            _time(batch["committed_at"]),
            f"{batch['objects']:,}",
            f"{batch['lines']:,}",
            f"{batch['loaded']:,}",
            f"{batch['rejected']:,}",
            f"{batch['seconds']:.1f}",
        ]
        for batch in ledger.recent_batches(now, _BATCHES)
    ]
    table(columns, rows, key="batches", label="Last batches", empty="No batch has been committed yet.", height="330px")


def draw_unread(now: Snapshot) -> None:
    objects = ledger.unread_objects(now)
    if not objects:
        return
    st.subheader("Objects not loaded", anchor=False)
    columns: list[Column] = [
        ("Object", "mono"),
        ("State", "text"),
        ("Attempts", "right"),
        ("Why", "text"),
        ("Last tried", "nowrap"),
    ]
    rows = [
        [row["key"], row["state"], f"{row['attempts']:,}", row["last_error"], _time(row["seen_at"])] for row in objects
    ]
    table(columns, rows, key="unread", label="Objects not loaded", empty="", height="260px")


def draw_rejected(now: Snapshot) -> None:
    st.subheader("Rejected lines", anchor=False)
    reasons = ledger.rejected_by_code(now)
    if reasons:
        columns: list[Column] = [
            ("Lines", "right"),
            ("Code", "mono"),
            ("Why, for example", "text"),
            ("Newest", "nowrap"),
        ]
        rows = [[f"{row['lines']:,}", row["code"], row["reason"], _time(row["seen_at"])] for row in reasons]
        table(columns, rows, key="reasons", label="Rejected lines by reason", empty="")
    columns = [("When", "nowrap"), ("Object", "mono"), ("Line", "right"), ("Why", "text"), ("As received", "raw")]
    rows = [
        [_time(row["seen_at"]), row["key"], f"{row['line']:,}", row["reason"], _shown(row["raw"])]
        for row in ledger.rejected_lines(now, _LINES)
    ]
    table(columns, rows, key="rejected", label="Rejected lines", empty="No line has been rejected.", height="420px")


def _shown(raw: bytes | None) -> str:
    """The start of a line that may be anything but text."""
    return (raw or b"")[:_SHOWN_BYTES].decode("utf-8", "replace")


def _time(at: datetime | None) -> str:
    return "–" if at is None else words.clock_time(at, product().settings.zone, clock())


page()
