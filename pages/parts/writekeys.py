"""Write keys on the Install page: pick one, make one, end one.

Names and origins are what somebody typed, so they reach the page as data of a component, never as Markdown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any

import streamlit as st

from pages.parts import words
from pages.parts.access.roles import Role
from pages.parts.access.session import may, person
from pages.parts.collector import demo_sources
from pages.parts.component import Action, mount
from pages.parts.deeds import note
from pages.parts.notice import notice
from pages.parts.serving import clock, product
from pipeline.errors import ActivityError
from pipeline.state import Kind, WriteKey

_KEY, _NEW = "key", "new"  # the URL's own parameters: the key in hand, or the form for another
_SECRET, _REFUSED, _REVOKING = "secret", "refused_key", "revoking"
_NAME, _SOURCE, _ORIGINS, _KIND = "key_name", "key_source", "key_origins", "key_kind"
_KINDS: dict[str, Kind] = {"Web pages": "browser", "Servers": "server"}
_LONG_AGO = 60.0  # seconds without an event, after which a key is no longer "sending"


def own_keys() -> tuple[WriteKey, ...]:
    """The keys in use, newest first, but for the demo's, which nobody needs to look after."""
    demo = demo_sources()
    return tuple(key for key in product().state.keys.all() if key.source not in demo)


def chosen(keys: tuple[WriteKey, ...]) -> WriteKey | None:
    """The key the URL names, else the newest; None while there is none or one is being made."""
    if _NEW in st.query_params or not keys:
        return None
    return next((key for key in keys if key.id == st.query_params.get(_KEY)), keys[0])


def secret_of(key: WriteKey | None) -> str | None:
    """The text of a key as far as it may be shown: a server key's only in the session that has just made it."""
    if key is None:
        return None
    told: dict[str, str] = st.session_state.get(_SECRET, {})
    return key.text or told.get(key.id)


def draw_keys(keys: tuple[WriteKey, ...], current: WriteKey | None, again: Callable[[], None]) -> None:
    """The keys, the one in hand open. `again` runs the whole page once more, when another one is picked."""
    data = {
        "keys": [_record(key, clock()) for key in keys],
        "selected": current.id if current else None,
        "text": secret_of(current),
        "told_once": bool(current and current.kind == "server" and secret_of(current)),
        "making": _NEW in st.query_params,
        "may": may(Role.OWNER),
    }

    def acted(action: Action) -> None:
        match action:
            case {"do": "pick", "id": str(id)}:
                st.query_params.from_dict({_KEY: id})
                again()
            case {"do": "new"}:
                st.query_params.from_dict({_NEW: "1"})
                again()
            case {"do": "revoke", "id": str(id)}:
                st.session_state[_REVOKING] = id

    mount("keys", key="keys", data=data, on_action=acted)
    _confirm_revoking(keys)


def _record(key: WriteKey, now: datetime) -> dict[str, Any]:
    quiet = key.last_event_at is None or (now - key.last_event_at).total_seconds() > _LONG_AGO
    return {
        "id": key.id,
        "name": key.name,
        "source": key.source,
        "kind": key.kind,
        "origins": list(key.origins),
        "state": "none" if key.last_event_at is None else "quiet" if quiet else "sending",
        "said": _said(key, now),
    }


def _said(key: WriteKey, now: datetime) -> str:
    if key.last_event_at is None:
        return "No event yet"
    ago = now - key.last_event_at
    last = "just now" if ago.total_seconds() < 5 else f"{words.lasting(ago)} ago"
    return f"{words.counted(key.events, 'event')}, last {last}"


def _confirm_revoking(keys: tuple[WriteKey, ...]) -> None:
    asked = st.session_state.pop(_REVOKING, None)
    key = next((key for key in keys if key.id == asked), None)
    if key is not None:
        _revoke(key)


@st.dialog("Revoke this key?")
def _revoke(key: WriteKey) -> None:
    st.text(f"{key.name} ({key.source})")
    st.markdown(
        "Whatever still sends with it is refused from now on, and what it sends is **lost**. The events received so "
        "far stay. This cannot be undone; a new key can be made at any time."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        kept = st.button("Keep it", key="keep_key")
        revoked = st.button("Revoke", type="primary", key="revoke_key", on_click=_end, args=(key,))
    if kept or revoked:
        st.rerun()


def _end(key: WriteKey) -> None:
    person().must_be(Role.OWNER)
    product().state.keys.revoke(key.id, clock())
    note(person(), "key revoked", f"{key.id}, a {key.kind} key of {key.source}")
    st.query_params.from_dict({})


def draw_form(first: bool) -> None:
    """Make a key. What cannot be one is said below, in the words of the rule."""
    if not may(Role.OWNER):
        notice("Only owners make keys. Ask one of them for a key.", key="no_form")
        return
    label = st.segmented_control(
        "What sends the events?", list(_KINDS), default="Web pages", key=_KIND, required=True, help=_KIND_HELP
    )
    kind = _KINDS[str(label)]
    with st.form("make_key", border=False, enter_to_submit=True):
        left, right = st.columns(2)
        left.text_input("Name of the site", key=_NAME, placeholder="The Daily Example", max_chars=100)
        right.text_input(
            "Source, optional", key=_SOURCE, placeholder="the-daily-example", max_chars=100, help=_SOURCE_HELP
        )
        if kind == "browser":
            st.text_input(
                "Allowed pages, optional", key=_ORIGINS, placeholder="https://www.example.com", help=_ORIGINS_HELP
            )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.form_submit_button("Make the key", type="primary", on_click=_make, args=(kind,))
            if not first and st.form_submit_button("Cancel", type="tertiary"):
                st.query_params.from_dict({})
                st.rerun()
    if why := st.session_state.pop(_REFUSED, None):
        notice(why, key="refused", tone="error")


_KIND_HELP = (
    "A key for web pages stands in the page for everyone to read; it may only send. A key for servers is a secret, "
    "and may say whose address and browser an event is from."
)
_SOURCE_HELP = "What these events are called in Activity, where one can filter by it. Made from the name if left empty."
_ORIGINS_HELP = "Only pages of these addresses may send with the key; several with spaces between. Empty: any page."


def _make(kind: Kind) -> None:
    person().must_be(Role.OWNER)
    name = st.session_state[_NAME].strip()
    source = st.session_state[_SOURCE].strip() or slug(name)
    origins = st.session_state.get(_ORIGINS, "").replace(",", " ").split() if kind == "browser" else []
    try:
        if source in demo_sources():
            raise ActivityError(f"{source!r} is the demo’s own source.", hint="Choose another, or remove the demo.")
        made = product().state.keys.make(source, kind=kind, name=name, origins=origins, at=clock())
    except ActivityError as error:
        st.session_state[_REFUSED] = str(error)
        return
    note(person(), "key made", f"{made.key.id}, a {kind} key of {source}")
    if kind == "server":
        st.session_state[_SECRET] = {made.key.id: made.text}
    st.query_params.from_dict({_KEY: made.key.id})


def slug(name: str) -> str:
    """`The Daily Éxample!` as a source: `the-daily-example`. A name without Latin letters is its own slug."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or name
