"""The frame around every page: style, who is looking, freshness mark."""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit as st

from pages.parts import words
from pages.parts.access.identity import NotAdmitted
from pages.parts.access.session import person
from pages.parts.access.signin import draw_person, draw_sign_in
from pages.parts.component import ASSETS
from pages.parts.deeds import note_sign_in
from pages.parts.notice import notice
from pages.parts.serving import clock, product
from pipeline.errors import ActivityError
from pipeline.state import Freshness

VIEWS = Path(__file__).parent.parent / "views"
_REFRESH = 5.0  # seconds between two looks at how fresh the data is


def open_frame() -> None:
    """Style, logo, who is looking, freshness mark and the banner over old data; called once a run, before the page.

    For who may not be here, the way in, and the run ends.
    """
    st.logo(str(ASSETS / "logo.svg"), size="medium")
    with st.container(key="freshness"):
        # The empty element keeps the style on the page: a style alone is put where dialogs go, and leaves with one.
        st.html(f"<style>{(ASSETS / 'app.css').read_text()}</style><b></b>")
        refused = _refused()
        if refused is None:
            freshness_mark()
            who = person()
            note_sign_in(who)
            draw_person(who)
    if refused is not None:
        draw_sign_in(refused)
        st.stop()
    stale_banner()


def _refused() -> NotAdmitted | None:
    """Why whoever looks may not; settings that cannot be understood let nobody in."""
    try:
        person()
    except NotAdmitted as error:
        return error
    except ActivityError as error:
        return NotAdmitted(str(error), signed_in=True)
    return None


@st.fragment(run_every=_REFRESH)
def freshness_mark() -> None:
    try:
        installation = product()
        fresh = installation.state.freshness(clock(), installation.settings.late_after)
    except NotAdmitted:
        st.rerun()  # what the page still shows is not for this reader any more
    except ActivityError:
        st.html(_mark("down", "No data"))
        return
    st.html(_mark(fresh.health, _said(fresh)))


def _said(fresh: Freshness) -> str:
    zone = product().settings.zone
    if fresh.data_through is None:
        return "Waiting for the pipeline" if fresh.health == "never" else "Pipeline is catching up"
    through = f"data through {words.clock_time(fresh.data_through, zone, clock())}"
    said = {"behind": f"Behind: {through}", "down": f"Pipeline stopped: {through}"}
    return said.get(fresh.health, f"D{through[1:]}")


def _mark(health: str, text: str) -> str:
    kind = {"never": "behind"}.get(health, health)
    return f'<div class="freshness {escape(kind)}" role="status"><i></i>{escape(text)}</div>'


@st.fragment(run_every=_REFRESH)
def stale_banner() -> None:
    """Old data is never presented as current: say so where it is read, and what to do."""
    try:
        installation = product()
        fresh = installation.state.freshness(clock(), installation.settings.late_after)
    except ActivityError:
        return  # the page itself says why
    if fresh.health == "down":
        text = "The pipeline is not running, so nothing newer arrives. Start it: python -m pipeline run"
        notice(f"{_said(fresh)}. {text}", key="stale", tone="late")
    elif fresh.health == "behind":
        known = "The pipeline is still catching up." if fresh.data_through else "Not all of the data is here yet."
        notice(f"{_said(fresh)}. {fresh.errors[0] if fresh.errors else known}", key="stale", tone="late")
