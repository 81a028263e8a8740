"""About these events: the glossary, from the declaration of an event, and how late data may be."""

from __future__ import annotations

import streamlit as st

from pages.parts import words
from pages.parts.serving import product
from pipeline.event import FIELDS, Group

_GROUPS: dict[Group, str] = {
    "what": "What happened",
    "when": "When",
    "who": "Who",
    "geo": "Where",
    "device": "Device",
    "page": "Page",
    "identity": "Identity",
    "rest": "The rest",
}


@st.dialog("About these events", width="large")
def about() -> None:
    """Our own words only, so that Markdown is safe here."""
    settings = product().settings
    st.markdown(
        "Each row is one **event**: a page viewed, a modal shown, a registration, a subscription, or anything your "
        "site tracks by another name. Visitors without a customer ID are *Anonymous*; once they register, what they "
        "did before is theirs too (**Person**)."
    )
    delay = words.counted(round(settings.every), "second")
    st.markdown(
        f"**Usual delay.** The pipeline looks for new events every {delay}; one to three minutes from the click to "
        f"this list is usual. The mark at the top right says through when the data is complete. Times are shown in "
        f"`{settings.timezone}`; bots are events like others, and one click hides them."
    )
    for group, title in _GROUPS.items():
        lines = [f"| **{field.label}** | {field.help} |" for field in FIELDS if field.group == group]
        st.markdown("\n".join([f"| {title} | |", "|:--|:--|", *lines]))
