"""What who may not be here sees instead of a page, and who one is, with the way out."""

from __future__ import annotations

from html import escape

import streamlit as st

from pages.parts.access.identity import NotAdmitted, Person
from pages.parts.access.roles import Role

_ROLES = {
    Role.VIEWER: "Viewer: names, emails and IP addresses are masked",
    Role.ANALYST: "Analyst: sees and exports personal data",
    Role.OWNER: "Owner: also erases, replays, and manages keys",
}


def draw_sign_in(refused: NotAdmitted) -> None:
    """The way in, or why somebody who is signed in may not see this."""
    with st.container(horizontal_alignment="center"), st.container(key="sign_in", border=True, width=420):
        if refused.signed_in:
            _told("No access", str(refused))
            st.button("Use another account", type="primary", on_click=st.logout, key="sign_out", width="stretch")
        else:
            _told("Customers Activity", "Every event of every customer. Sign in to see it.")
            st.button("Sign in", type="primary", on_click=st.login, key="sign_in_button", width="stretch")


def _told(title: str, text: str) -> None:
    st.html(f'<div class="sign-in"><b>{escape(title)}</b><p>{escape(text)}</p></div>')


def draw_person(person: Person) -> None:
    """Who is signed in and as what; without sign-in, that only this machine is answered."""
    if not person.session:
        alone = f'<a class="alone" href="/audit" target="_self" title="{escape(_ALONE)}">This machine only</a>'
        st.html(alone, width="content")
        return
    with st.popover("", icon=":material/account_circle:", key="account", type="tertiary", help="Your account"):
        st.text(person.email)
        st.caption(_ROLES[person.role])
        if person.role is Role.OWNER:
            st.html('<a class="audit" href="/audit" target="_self">Audit log</a>')
        st.button("Sign out", icon=":material/logout:", on_click=st.logout, key="sign_out", width="stretch")


_ALONE = "No sign-in is set up, so nobody on another machine is answered: see SECURITY.md. Opens the audit log."
