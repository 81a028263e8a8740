"""Erasing a customer from their page: owners ask for it, the scheduler does it, for pages never write the lake."""

from __future__ import annotations

from html import escape

import streamlit as st

from pages.parts.access.roles import Role
from pages.parts.access.session import may, person
from pages.parts.deeds import note_erasure
from pages.parts.serving import clock, product
from pipeline.questions.customers import Profile

_OPEN, _TYPED = "erase", "erase_typed"
_WHAT = (
    "Every trace of them leaves, of the visitors linked to them included: events, rejected lines, saved funnels that "
    "name them, backups, and their lines in all sources that may be written. What is delivered again later is refused. "
    "The pipeline waits meanwhile. This cannot be undone."
)


def draw_erase(profile: Profile) -> None:
    """For owners, of somebody with an ID: the way to erase them, or that it is asked for."""
    customer = profile.customer_id
    if customer is None or not may(Role.OWNER):
        return
    if customer in product().state.upkeep.asked("erase"):
        st.html(f'<div class="rows">{escape(_STANDING)}</div>', width="content")
        return
    with st.popover("Erase", icon=":material/delete_forever:", key=_OPEN, help="Erase this customer"):
        st.markdown("**Erase this customer**")
        st.caption(_WHAT)
        typed = st.text_input("Their ID, to be sure", key=_TYPED, autocomplete="off")
        st.button(
            "Erase for good",
            key="erase_now",
            type="primary",
            disabled=typed != customer,
            on_click=_ask,
            args=(customer,),
            width="stretch",
        )


_STANDING = "To be erased: the scheduler does it at its next look."


def _ask(customer: str) -> None:
    person().must_be(Role.OWNER)
    if st.session_state[_TYPED] == customer:
        product().state.upkeep.ask("erase", customer, clock())
        note_erasure(person(), customer)
