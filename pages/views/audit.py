"""Audit log: who signed in, took files, replayed, erased and changed keys; for owners."""

from __future__ import annotations

import streamlit as st

from pages.parts.access.roles import Role
from pages.parts.access.session import may
from pages.parts.figures import Column, table
from pages.parts.health.fresh import time
from pages.parts.health.how import section
from pages.parts.health.pages import page_of
from pages.parts.notice import explained, notice
from pages.parts.serving import product
from pipeline.state import Deed

_ROWS = 50
_COLUMNS: list[Column] = [
    *(("When", "nowrap"), ("Who", "text"), ("What", "nowrap"), ("About", "text"), ("Rows", "right"))
]
_HASHED = "Values that may name a customer stand here as #…, the same for the same value. No row is ever changed."


def page() -> None:
    with explained("problem"):
        if not may(Role.OWNER):
            notice("Only owners see who did what. Ask one of them.", key="not_yours", title="Audit log", big=True)
            return
        log = product().state.audit
        with st.container(border=True, key="card_audit"):
            section("Audit log", "", _HASHED)
            with page_of(log.count(), _ROWS, "audit") as skipped:
                rows = [_row(deed) for deed in log.last(_ROWS, skipped)]
                table(_COLUMNS, rows, key="audit", label="Audit log", empty="Nothing yet.")


def _row(deed: Deed) -> list[str]:
    rows = "" if deed.rows is None else f"{deed.rows:,}"
    return [time(deed.at), deed.who, deed.act.capitalize(), deed.about, rows]


page()
