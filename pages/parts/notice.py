"""Messages: empty views, errors that say what to do, late data. Never Markdown, for they quote what people sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import streamlit as st

from pages.parts.access.identity import NotAdmitted
from pages.parts.component import Action, mount
from pages.parts.unexpected import said
from pipeline.errors import QuestionError, SettingsError

Tone = Literal["error", "late", "empty"]
Way = dict[str, Any]

RESET: Way = {"label": "Show the last 14 days", "href": "?"}
AGAIN: Way = {"label": "Try again", "href": ""}


def notice(
    text: str,
    *,
    key: str,
    tone: Tone = "empty",
    title: str = "",
    ways: Sequence[Way] = (),
    big: bool = False,
    on_action: Callable[[Action], None] | None = None,
) -> None:
    """Say something, and offer `ways` on: `{label, href}` is a link, `{label, action}` comes back in `on_action`."""
    data = {"text": text, "tone": tone, "title": title, "ways": list(ways), "big": big}
    mount("notice", key=key, data=data, on_action=on_action)


@contextmanager
def explained(key: str) -> Iterator[None]:
    """Whatever says no inside becomes a message on the page instead of a traceback.

    Who may not be here any more is shown nothing that was there: the whole page is run again, and says so.
    """
    try:
        yield
    except NotAdmitted:
        st.rerun()
    except QuestionError as error:
        notice(str(error), key=key, tone="error", title="This address cannot be shown", ways=[RESET], big=True)
    except SettingsError as error:
        notice(str(error), key=key, tone="error", title="The settings need attention", ways=[AGAIN], big=True)
    except Exception as error:
        notice(said(error), key=key, tone="error", title="The data cannot be read now", ways=[AGAIN], big=True)


def explain(error: Exception) -> bool:
    """What a page says where `explained` is not around it, such as in a callback; Streamlit says nothing then."""
    notice(said(error), key="unexpected", tone="error", ways=[AGAIN])
    return True


def waiting_for_data(key: str) -> None:
    """Nothing was loaded yet at all."""
    text = "Once the pipeline has loaded its first objects, every event appears here."
    ways = [{"label": "See how the pipeline is", "href": "pipeline"}]
    notice(text, key=key, title="No events yet", ways=ways, big=True)
