"""A card's title, and how its numbers are computed: the rule in a sentence, and the command that gives the same."""

from __future__ import annotations

from html import escape

import streamlit as st

_NAME = "How this is computed"
RULES = {
    "lag": (
        "Every 15 seconds the scheduler notes how long ago the data was complete: the last look at a source that left "
        "nothing waiting, in the source furthest behind. Each point is the worst of its span. Where the scheduler did "
        "not run there is no point.",
        "python -m pipeline status",
    ),
    "throughput": (
        "The lines of all batches committed in a span: events that were loaded, and lines that were rejected.",
        "python -m pipeline status --json",
    ),
    "ledger": (
        "Every line of every object is loaded, a duplicate of one loaded before, rejected with a reason, or expired "
        "(older than the retention). And every event that was loaded is in the lake, or was removed by retention or "
        "erasure. The numbers are written with the rows, in one transaction. To count the lake again:",
        "python -m pipeline verify",
    ),
    "rejected": (
        "A line that is no event is kept as it came, with the object and the line it came from, a reason code and a "
        "sentence. Once the cause is mended, it can be replayed.",
        "python -m pipeline rejected",
    ),
    "objects": (
        "An object is in exactly one state: loaded; to be tried again, after 15 seconds and then twice as long each "
        "time, up to an hour; or rejected whole, of which nothing but the reason is kept.",
        "python -m pipeline status",
    ),
    "batches": (
        "A batch is one transaction: its rows, its facts and its ledger are stored together or not at all.",
        "python -m pipeline status --json",
    ),
    "storage": (
        "Bytes of the files that the current data uses, as the catalog has them. Old snapshots stay readable for a "
        "while, and keep their files until then.",
        "python -m pipeline verify",
    ),
}


def section(title: str, about: str = "", hint: str = "") -> None:
    """The title of a card; `about` names its rule. Our own words only."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"section_{title.replace(' ', '_').lower()}"):
        st.html(f'<div class="section"><b>{escape(title)}</b><span>{escape(hint)}</span></div>', width="stretch")
        if about:
            _how(about)


def _how(about: str) -> None:
    rule, command = RULES[about]
    with st.popover(_NAME, icon=":material/function:", type="tertiary", help=_NAME, key=f"how_{about}"):
        st.markdown(f"**{_NAME}**")
        st.markdown(rule)
        st.code(command, language="bash", wrap_lines=True)
