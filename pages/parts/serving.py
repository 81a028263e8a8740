"""What is served, to whoever asks.

Whatever a page draws or does comes through here, and so does the question who is asking: `product`, `moment` and
`newest` answer nobody who may not be here, on the first run, on every later one, in fragments and in callbacks; and
whoever may not see personal data gets a lake without it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import streamlit as st

from pages.parts.access.identity import Person
from pages.parts.access.roles import Role
from pages.parts.access.session import person
from pages.parts.installed import Product, installation
from pipeline.errors import SnapshotGone
from pipeline.event import FIELDS, Field
from pipeline.lake import Snapshot
from pipeline.questions.funnel import Funnel
from pipeline.questions.masking import masked, refuse_masked, refuse_masked_funnel, unmasked
from pipeline.questions.view import View

_MOMENT = "moment"


def product() -> Product:
    """What is served, for whoever may see it. Raises `NotAdmitted`, `SettingsError`, `LakeError`."""
    person()
    return installation()


def snapshot_for(who: Person, version: int | None = None) -> Snapshot:
    """The lake as that person may see it, at `version` or now: without personal data for viewers.

    Raises `LakeError`, `SnapshotGone`.
    """
    found = installation().lake.snapshot(version)
    if who.role > Role.VIEWER:
        return found
    return masked(found, installation().state.erasures.known().key)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a session looks at: one snapshot, and the time at which ranges such as 14D end.

    Both stay until the reader asks for newer data, so that count, list, panel and export agree and nothing moves by
    itself. `gone` is the snapshot that a link asked for and that is no longer there.
    """

    snapshot: Snapshot
    now: datetime
    gone: int | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields that this reader may filter, search and break down by."""
        names = [field.name for field in FIELDS if field.ops]
        offered = set(unmasked(names) if self.snapshot.masked else names)
        return tuple(field for field in FIELDS if field.name in offered)

    def answerable(self, view: View) -> View:
        """The view, where this reader may ask for it. Raises `QuestionError`."""
        if self.snapshot.masked:
            refuse_masked(view)
        return view

    def answerable_funnel(self, funnel: Funnel) -> Funnel:
        """The same for a funnel."""
        if self.snapshot.masked:
            refuse_masked_funnel(funnel)
        return funnel


def clock() -> datetime:
    return datetime.now(UTC)


def newest() -> Moment:
    return Moment(snapshot_for(person()), clock())


def moment(as_of: int | None = None) -> Moment:
    """The session's moment, or the one at snapshot `as_of` where that still exists.

    Where the session's own was removed, such as by the erasure of a customer, the session moves on, and nothing that
    was remembered of it is shown any more. What the reader may see is asked anew each time.
    """
    who = person()
    if _MOMENT not in st.session_state:
        move_on()
    pinned: Moment = st.session_state[_MOMENT]
    try:
        seen = snapshot_for(who, pinned.snapshot.version)
    except SnapshotGone:
        st.cache_data.clear()
        current = newest()
        move_on(current)
        return replace(current, gone=pinned.snapshot.version)
    if seen.key != pinned.snapshot.key:  # another role since
        pinned = replace(pinned, snapshot=seen)
        move_on(pinned)
    if as_of is None or as_of == pinned.snapshot.version:
        return pinned
    try:
        return Moment(snapshot_for(who, as_of), pinned.now)
    except SnapshotGone:
        return replace(pinned, gone=as_of)


def move_on(to: Moment | None = None) -> None:
    """Pin the session to the newest data."""
    st.session_state[_MOMENT] = to or newest()
