"""How fresh the data is against what was promised: figures, and the charts of lag and throughput."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from pages.parts import words
from pages.parts.component import mount
from pages.parts.figures import tile, tiles
from pages.parts.health import answers
from pages.parts.health.how import section
from pages.parts.notice import notice
from pages.parts.serving import clock, product
from pipeline.lake import Snapshot
from pipeline.questions.ledger import Totals
from pipeline.state import Freshness

_HEALTH = {
    "ok": ("good", "Up to date"),
    "behind": ("late", "Behind"),
    "down": ("bad", "Not running"),
    "never": ("late", "Not run yet"),
}
_DAY = timedelta(days=1)
_GOOD = 0.99  # of a day's samples; a quarter of an hour late is worth a look
# How far back the charts go, in how many spans of which length.
_RANGES = {"1H": (60, timedelta(minutes=1)), "24H": (96, timedelta(minutes=15)), "7D": (84, timedelta(hours=2))}


def time(at: datetime | None) -> str:
    return "–" if at is None else words.clock_time(at, product().settings.zone, clock())


def draw_health(fresh: Freshness, totals: Totals) -> None:
    promise = timedelta(seconds=product().settings.late_after)
    tone, said = _HEALTH[fresh.health]
    waiting = sum(poll.waiting for poll in fresh.polls)
    start = "Start it: python -m pipeline run" if fresh.health in {"down", "never"} else ""
    promised = f"promised: within {words.lasting(promise)}"
    ago = "" if fresh.data_through is None else f"{words.lasting(clock() - fresh.data_through)} ago, "
    late = fresh.data_through is not None and clock() - fresh.data_through > promise
    items = [
        tile("Pipeline", said, start or f"looks every {words.lasting(_every(fresh))}", tone),
        tile("Data through", time(fresh.data_through), ago + promised, "late" if late else ""),
        _kept(promise),
        tile("Waiting", words.counted(waiting, "object"), f"{totals.objects_retrying:,} to be tried again"),
        tile("Events", f"{totals.events:,}", f"newest {time(totals.newest_event)}"),
    ]
    tiles(items, key="health", label="How the pipeline is")


def _every(fresh: Freshness) -> timedelta:
    return timedelta(seconds=max((poll.every for poll in fresh.polls), default=product().settings.every))


def _kept(promise: timedelta) -> dict[str, Any]:
    good, told = product().state.lags.kept(clock() - _DAY, clock(), promise.total_seconds())
    if not told:
        return tile("Promise kept", "–", "noted while the scheduler runs")
    note = f"of the time it ran in the last 24 hours: data at most {words.lasting(promise)} old"
    return tile("Promise kept", words.share(good, told), note, "" if good >= _GOOD * told else "late")


def draw_alerts(fresh: Freshness) -> None:
    """What the scheduler's watch found wrong, while there is one to find it.

    Its place is there without an alert too: where it came and went, what is below was made anew, and what somebody was
    typing was gone.
    """
    running = fresh.health not in {"down", "never"}
    alerts = (product().state.told("alerts") or {}) if running else {}
    with st.container(key="alerts"):
        for kind, text in sorted(alerts.items()):
            notice(text, key=f"alert_{kind}", tone="error" if kind == "unbalanced" else "late")


@dataclass(frozen=True, slots=True)
class Spans:
    """`count` spans of `width` that end with the one under way."""

    start: datetime
    count: int
    width: timedelta

    @property
    def end(self) -> datetime:
        return self.start + self.count * self.width

    def named(self) -> list[dict[str, Any]]:
        """Each with the label of its start and a title, in the display zone, and no values yet."""
        zone = product().settings.zone
        starts = [(self.start + number * self.width).astimezone(zone) for number in range(self.count)]
        day = "%-d %b" if self.width >= timedelta(hours=1) else "%H:%M"
        return [{"label": f"{at:{day}}", "title": f"{at:%a %-d %b, %H:%M}", "values": None} for at in starts]


def spans(name: str, now: datetime) -> Spans:
    count, width = _RANGES[name]
    under_way = now.timestamp() // width.total_seconds() * width.total_seconds()
    return Spans(datetime.fromtimestamp(under_way, UTC) - (count - 1) * width, count, width)


def draw_charts(now: Snapshot) -> None:
    left, right = st.columns(2, gap="small")
    with left, st.container(border=True, key="card_throughput"):
        section("Throughput", "throughput", "events a span, and lines rejected")
        _throughput(now, spans(_chosen(), clock()))
    with right, st.container(border=True, key="card_lag"):
        section("Lag", "lag", "how far behind the data was, at worst")
        _lag(spans(_chosen(), clock()))


def _chosen() -> str:
    return str(st.session_state.get("over") or "24H")


def draw_range() -> None:
    st.segmented_control(
        "Over", list(_RANGES), key="over", default="24H", required=True, label_visibility="collapsed", width="content"
    )


def _throughput(now: Snapshot, over: Spans) -> None:
    named = over.named()
    for row in answers.throughput(now, over.start, over.end, over.width):
        span = named[row["number"]]
        span["values"] = [row["loaded"], row["rejected"]]
        refused = f", {words.counted(row['rejected'], 'line')} rejected" if row["rejected"] else ""
        span["title"] += f": {words.counted(row['loaded'], 'event')}{refused}"
    for span in named:
        span["title"] += "" if span["values"] else ": nothing came"
    quiet = "" if any(span["values"] for span in named) else "Nothing was committed in this time."
    _series("throughput", named, ["Events loaded", "Lines rejected"], quiet, "Events committed over time")


def _lag(over: Spans) -> None:
    named = over.named()
    for worst in product().state.lags.worst(over.start, over.end, over.width):
        span = named[worst.number]
        span["values"] = [worst.seconds]
        span["title"] += f": at most {words.lasting(timedelta(seconds=worst.seconds))} behind"
        span["title"] += f", {words.counted(worst.waiting, 'object')} waiting" if worst.waiting else ""
    for span in named:
        span["title"] += "" if span["values"] else ": not running, or not noted"
    quiet = "" if any(span["values"] for span in named) else "Noted every 15 seconds while the scheduler runs."
    _series("lag", named, ["Behind"], quiet, "How far behind the data was", limit=product().settings.late_after)


def _series(
    key: str, named: list[dict[str, Any]], names: list[str], empty: str, label: str, *, limit: int | None = None
) -> None:
    promised = "" if limit is None else f"promised: {words.lasting(timedelta(seconds=limit))}"
    data = {"spans": named, "names": names, "empty": empty, "label": f"{label}. Arrow keys walk."}
    more = {"limit": limit, "limit_label": promised, "seconds": limit is not None}
    mount("series", key=key, data=data | more, scripts=("scale.js",))
