"""How a number is computed: the rule in a sentence, and the command that gives the same answer."""

from __future__ import annotations

import shlex

import streamlit as st

from pages.parts.funnels.address import Behind, canonical, pinned
from pipeline.questions.funnel import Funnel

_NAME = "How this is computed"
RULES = {
    "funnel": (
        "People are counted, not events; a visitor who became a customer is one person. Somebody enters with an event "
        "of step 1 in the range, and each further step must come within the window after that entry. Of all a "
        "person’s entries the one that leads furthest counts. *Of first* is the share of all who entered, *of "
        "previous* the share of those one step before. *Open* have stopped here with time left in their window; "
        "*excluded* would have come here but for an exclusion."
    ),
    "tiles": (
        "*Entered* reached step 1, *converted* the last step, and *conversion* is the share of the second in the "
        "first. The *biggest drop* is the step that the largest share of those before it did not reach. Times are "
        "from entry to conversion, of those who converted: half were faster than the median, nine in ten than the "
        "90th percentile (linear interpolation)."
    ),
    "time": (
        "From the entry to the last step, of everybody who converted: equal spans from zero to the longest, and how "
        "many people fall into each."
    ),
    "trend": (
        "Everybody by the day (or week, from Monday) of the entry that counts, in the display time zone, and which "
        "share of them converted, whenever that was. The latest days may still grow: their windows are open."
    ),
    "breakdown": (
        "Everybody by the value that the entry’s event has, so that each person is in one row and the rows sum to "
        "the funnel. The 25 values with the most people have a row of their own, the rest are *Other*."
    ),
    "people": (
        "Exactly the people that the bar counts, earliest entry first, and when they reached each step in the "
        "sequence that counts. The file has all of them, asked of the same snapshot of the data."
    ),
    "compare": (
        "Two funnels with the same steps and rules, each counted by itself; *difference* is the first share less the "
        "second, in percentage points: a plus is better than the days before, or than the rest. A segment is about "
        "events: a funnel sees only the events that match, so a person with events on both sides may be counted in "
        "both."
    ),
}
_ORDERS = {
    "ordered": "The steps must come in this order; anything may lie between them.",
    "strict": "The steps must come in this order with no other event of that person in the view between them.",
    "any": "The steps may come in any order: bar k counts people with k different steps within one window.",
}


def how(about: str, funnel: Funnel, version: int, key: str, behind: Behind | None = None) -> None:
    """The sign beside a number; our own words only, and the command as code. Its name is for screen readers alone."""
    with st.popover(_NAME, icon=":material/function:", type="tertiary", help=_NAME, key=f"how_{key}"):
        st.markdown(f"**{_NAME}**")
        st.markdown(RULES[about] + (f" {_ORDERS[funnel.order]}" if about in ("funnel", "tiles") else ""))
        st.markdown("The same on the command line:")
        st.code(command(funnel, version, behind), language="bash", wrap_lines=True)
        st.caption(f"Snapshot {version} of the data is what this page shows; without --as-of it is the newest.")


def command(funnel: Funnel, version: int, behind: Behind | None = None) -> str:
    """What to type for the same answer: absolute dates, the same snapshot, the same people."""
    # Not echo, to some of which a backslash has a meaning.
    spec = f"printf %s {shlex.quote(canonical(pinned(funnel)))}"
    asked = f"{spec} | python -m pipeline funnel - --as-of {version}"
    if behind is None:
        return f"{asked} --json"
    return f"{asked} --people {behind.text()}{_of(behind)} --to people.csv"


def _of(behind: Behind) -> str:
    if not behind.narrowed:
        return ""
    # One word with the value, which may begin with a dash.
    return " --of-other" if behind.other else f" {shlex.quote('--of=' + (behind.value or ''))}"
