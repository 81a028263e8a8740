"""Pipeline: how fresh the data is against what was promised, and what became of every object and line."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.parts.changed import when_changed
from pages.parts.health import answers, keeping
from pages.parts.health.balance import draw_ledger
from pages.parts.health.fresh import draw_alerts, draw_charts, draw_health, draw_range
from pages.parts.health.objects import draw_objects
from pages.parts.health.rejected import draw_rejected
from pages.parts.notice import explained
from pages.parts.serving import clock, newest, product
from pipeline.lake import Snapshot
from pipeline.questions.ledger import Totals

_REFRESH = 5.0
_TITLE = '<div class="section pipeline"><b>How the data is</b><span>drawn anew every few seconds</span></div>'


@st.fragment(run_every=_REFRESH)
def page() -> None:
    """Drawn anew every few seconds: this page is watched while something runs."""
    with explained("problem"):
        now = newest().snapshot
        fresh = product().state.freshness(clock(), product().settings.late_after)
        totals = answers.totals(now)
        draw_alerts(fresh)
        draw_health(fresh, totals)
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.html(_TITLE, width="content")
            draw_range()
        draw_charts(now)
        draw_ledger(totals)
        left, right = st.columns((1.6, 1), gap="small")
        with left, st.container(border=True, key="card_sources"):
            keeping.draw_sources(fresh)
        with right, st.container(border=True, key="card_databases"):
            keeping.draw_databases()
        with st.container(border=True, key="card_part"):
            _parts(now, totals)[_chosen(totals)]()


def _parts(now: Snapshot, totals: Totals) -> dict[str, Callable[[], None]]:
    """What there is to look into, by the name that stands in the address."""
    return {
        "rejected": lambda: draw_rejected(now),
        "objects": lambda: draw_objects(now, totals),
        "batches": lambda: keeping.draw_batches(now),
        "storage": lambda: keeping.draw_storage(now, totals),
        "upkeep": keeping.draw_upkeep,
    }


def _chosen(totals: Totals) -> str:
    """The part that is looked into; the address says which, so that Back and a link come to it."""
    unread = totals.objects_retrying + totals.objects_rejected
    names = {
        "rejected": f"Rejected lines {totals.rejected:,}",
        "objects": f"Objects {unread:,} not loaded" if unread else "Objects",
        "batches": "Batches",
        "storage": "Storage and retention",
        "upkeep": "Upkeep",
    }
    asked = st.query_params.get("part", "")
    st.session_state["part"] = asked if asked in names else "rejected"

    def chosen() -> None:
        st.query_params["part"] = st.session_state["part"]

    # Not bound to the address by Streamlit, which would write the names there, numbers and all.
    part = st.segmented_control(
        "Part",
        list(names),
        key="part",
        required=True,
        format_func=names.__getitem__,
        label_visibility="collapsed",
        on_change=when_changed("part", chosen),
    )
    return str(part)


page()
