"""Install: make a write key, put the snippet on the site or change an SDK's host, and watch the first event arrive."""

from __future__ import annotations

import streamlit as st

from pages.parts import sdks
from pages.parts.arrival import draw_arrival
from pages.parts.collector import collector, demo_sources
from pages.parts.component import mount
from pages.parts.notice import explained, notice
from pages.parts.serving import product
from pages.parts.writekeys import chosen, draw_form, draw_keys, own_keys, secret_of
from pipeline.state import WriteKey

_EVERY = 3.0  # seconds between two looks at what the keys have received
_AGAIN = "install_again"


def page() -> None:
    with explained("problem"):
        keys = own_keys()
        key = chosen(keys)
        st.html(_TITLE)
        left, right = st.columns((1.75, 1), gap="medium")
        with left:
            draw_key(keys, key)
            draw_ways(key)
        with right:
            draw_check(key)
            draw_demo()


_TITLE = (
    '<div class="install-title"><h1>Send your own events</h1><p>Two lines of HTML, or the SDK you already have. '
    "You see yourself here within a minute.</p></div>"
)


def head(number: int, title: str, text: str) -> None:
    """A step's number, title and sentence; our own words only."""
    st.html(f'<div class="step"><i>{number}</i><div><b>{title}</b><span>{text}</span></div></div>')


def draw_key(keys: tuple[WriteKey, ...], key: WriteKey | None) -> None:
    with st.container(key="step1", border=True):
        head(1, "Choose a write key", "It says which site an event is from, and that you let it in.")
        if keys:
            key_list()
        if key is None:
            draw_form(first=not keys)


@st.fragment(run_every=_EVERY)
def key_list() -> None:
    """The keys and what each has received, up to date; another choice concerns the whole page."""
    with explained("keys_problem"):
        keys = own_keys()
        draw_keys(keys, chosen(keys), lambda: st.session_state.update({_AGAIN: True}))
    if st.session_state.pop(_AGAIN, False):
        st.rerun()


def draw_ways(key: WriteKey | None) -> None:
    to = collector()
    kind = key.kind if key else "browser"
    text = secret_of(key) or sdks.PLACEHOLDER[kind]
    with st.container(key="step2", border=True):
        head(2, "Put it where events happen", "Copy one of these. Only what is marked differs from what you may have.")
        if to.elsewhere:
            why = "No collector runs in this dashboard. Start one, and events can come: python -m pipeline collect"
            notice(why, key="no_collector", tone="late")
        tabs = [way.record() for way in sdks.ways(kind, to.base, text)]
        mount("codes", key="codes", data={"tabs": tabs, "marks": [to.base, text]})
        if to.local:
            st.caption(
                "This address means this machine alone. For a site on the internet, run the collector where it can be "
                "reached and set `ACTIVITY_COLLECTOR_URL` to its public address."
            )


def draw_check(key: WriteKey | None) -> None:
    with st.container(key="step3", border=True):
        head(3, "Watch it arrive", "Open a page of your site; nothing here needs a reload.")
        draw_arrival(key.id if key else None)


def draw_demo() -> None:
    """What the demo is to somebody whose own events come in beside it."""
    if not demo_sources():
        return
    with st.container(key="beside", border=True):
        st.markdown("**The demo is here, too**")
        st.caption(
            "Your events stand beside the demo’s, and count with them until you filter by source. When you have seen "
            "enough of it, stop everything and take the demo away; your own events and keys stay:"
        )
        st.code("python -m pipeline demo --remove", language="bash")
        if product().settings.mount_collector:
            st.html(_TRY_IT)


_TRY_IT = (
    '<p class="aside">No site at hand? Read on <a href="/demo-site/" target="_self">the demo’s news site</a>: it has '
    "the snippet, and you appear in Activity.</p>"
)

page()
