"""Who looks at a page: asked on every run of every part of it, so that who is taken off the list sees nothing more."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.parts.access.identity import THIS_MACHINE, Person, admit
from pages.parts.access.roles import Role, allow_list


def person() -> Person:
    """Whoever's session this runs in. Raises `NotAdmitted`, `SettingsError`.

    Outside of a session there is nobody to ask: our routes and threads have their own check.
    """
    if get_script_run_ctx(suppress_warning=True) is None:
        return THIS_MACHINE
    allowed = allow_list()
    return THIS_MACHINE if allowed is None else admit(st.user.to_dict(), allowed)


def may(role: Role) -> bool:
    """Whether whoever looks may do what that role may. Raises as `person` does."""
    return person().role >= role
