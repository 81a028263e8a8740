"""The ledger: two equations that must hold, written out."""

from __future__ import annotations

import streamlit as st

from pages.parts.figures import tile, tiles
from pages.parts.health.how import section
from pipeline.questions.ledger import Totals

_PARTS = ("loaded", "duplicate", "rejected", "expired")
_FAULT = "A fault of the program: run python -m pipeline verify, and report it"


def draw_ledger(totals: Totals) -> None:
    with st.container(border=True, key="card_ledger"):
        section("Ledger", "ledger", "what became of every line that was ever read")
        items: list[dict[str, object] | str] = [tile("Lines read", f"{totals.lines:,}")]
        for sign, name in zip("=+++", _PARTS, strict=True):
            items += [sign, tile(name.capitalize(), f"{getattr(totals, name):,}")]
        tiles([*items, _check(totals.lines_over)], key="ledger", label="Lines and what became of them", dense=True)
        left: list[dict[str, object] | str] = [tile("Events in the lake", f"{totals.events:,}"), "="]
        left += [tile("Loaded", f"{totals.loaded:,}"), "−", tile("Removed", f"{totals.removed:,}", _REMOVED)]
        tiles([*left, _check(totals.events_over)], key="lake_ledger", label="Events and where they went", dense=True)


_REMOVED = "by retention and erasure"


def _check(difference: int) -> dict[str, object]:
    if difference == 0:
        return tile("Check", "Balances", "to the last one", "good")
    return tile("Check", f"Off by {difference:+,}", _FAULT, "bad")
