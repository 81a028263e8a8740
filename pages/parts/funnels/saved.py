"""Templates, and the funnels that were saved with a name: load, save, rename, delete.

Names are what somebody typed: they reach the page as data of a component, never as Markdown.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import streamlit as st

from pages.parts.component import Action, mount
from pages.parts.funnels.templates import TEMPLATES
from pages.parts.notice import notice
from pages.parts.serving import Moment, clock, product
from pipeline.errors import ActivityError, QuestionError
from pipeline.questions.funnel import Funnel
from pipeline.state import SavedFunnel

_MENU, _NAME, _TAKEN, _WHY = "saved_menu", "saved_name", "saved_taken", "saved_why"


def shown(now: Moment) -> tuple[SavedFunnel, ...]:
    """The saved funnels, without those that ask about what is hidden from this reader: a filter holds its values."""
    return tuple(each for each in product().state.funnels.all() if _answerable(each, now))


def _answerable(each: SavedFunnel, now: Moment) -> bool:
    if not now.snapshot.masked:
        return True
    try:
        now.answerable_funnel(Funnel.parse(each.spec, now=now.now, zone=product().settings.zone))
    except QuestionError:
        return False
    return True


def current(funnel: Funnel, saved: tuple[SavedFunnel, ...]) -> str:
    """What this very funnel is called: its saved name, else its template's, else just that it is one."""
    spec = funnel.spec()
    names = [each.name for each in saved if each.spec == spec] + [each.name for each in TEMPLATES if each.spec == spec]
    return names[0] if names else "Your funnel"


def menu(funnel: Funnel, saved: tuple[SavedFunnel, ...]) -> None:
    """The popover with templates and saved funnels, and a field to save this one."""
    popover = st.popover("Templates & saved", icon=":material/bookmark:", key=_MENU, on_change="rerun", width="stretch")
    if not popover.open:
        return
    with popover:
        _library(funnel, saved)
        _form(funnel)
        if (why := st.session_state.pop(_WHY, None)) is not None:
            notice(why, key="saved_refused", tone="error")


def href(spec: dict[str, Any]) -> str:
    return f"?funnel={quote(json.dumps(spec, ensure_ascii=False, separators=(',', ':')), safe='')}"


def _library(funnel: Funnel, saved: tuple[SavedFunnel, ...]) -> None:
    spec = funnel.spec()
    data = {
        "saved": [_entry(each.name, each.spec, spec) | {"id": each.id} for each in saved],
        "templates": [_entry(each.name, each.spec, spec) for each in TEMPLATES],
    }

    def acted(action: Action) -> None:
        match action:
            case {"do": "delete", "id": str(id)}:
                product().state.funnels.delete(id)
            case {"do": "rename", "id": str(id), "name": str(name)}:
                _tried(lambda: product().state.funnels.rename(id, name))

    mount("library", key="library", data=data, on_action=acted)


def _entry(name: str, spec: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "href": href(spec), "shown": spec == shown}


def _form(funnel: Funnel) -> None:
    st.text_input("Save this funnel as", key=_NAME, placeholder="Spring campaign, readers to subscribers")
    taken = st.session_state.get(_TAKEN)

    def save(replace: bool) -> None:
        name = st.session_state[_NAME]
        try:
            product().state.funnels.save(name, funnel.spec(), clock(), replace=replace)
        except ActivityError as error:
            st.session_state[_WHY] = str(error)
            st.session_state[_TAKEN] = name.strip() if error.code == "funnel.name_taken" else None
            return
        st.session_state[_TAKEN], st.session_state[_NAME] = None, ""

    with st.container(horizontal=True):
        st.button("Save", key="save_funnel", type="primary", on_click=save, args=(False,))
        if taken is not None and taken == st.session_state[_NAME].strip():
            st.button("Replace the one there", key="replace_funnel", on_click=save, args=(True,))


def _tried(change: Callable[[], object]) -> None:
    try:
        change()
    except ActivityError as error:
        st.session_state[_WHY] = str(error)
