"""What one dashboard process shares: settings, the lake (read side) and the state database, opened once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

import streamlit as st

from pipeline import settings as configuration
from pipeline.errors import SnapshotGone
from pipeline.lake import Lake, Snapshot
from pipeline.settings import Settings
from pipeline.state import State

_MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Product:
    """The installation this process serves."""

    settings: Settings
    lake: Lake
    state: State


@lru_cache(maxsize=1)
def product() -> Product:
    """Raises `SettingsError`, `LakeError`."""
    settings = configuration.load()
    return Product(settings, Lake.open(settings), State(settings.data))


@dataclass(frozen=True, slots=True)
class Moment:
    """What a session looks at: one snapshot, and the time at which ranges such as 14D end.

    Both stay until the reader asks for newer data, so that count, list, panel and export agree and nothing moves by
    itself. `gone` is the snapshot that a link asked for and that is no longer there.
    """

    snapshot: Snapshot
    now: datetime
    gone: int | None = None


def clock() -> datetime:
    return datetime.now(UTC)


def newest() -> Moment:
    return Moment(product().lake.snapshot(), clock())


def moment(as_of: int | None = None) -> Moment:
    """The session's moment, or the one at snapshot `as_of` where that still exists.

    Where the session's own was removed, such as by the erasure of a customer, the session moves on, and nothing that
    was remembered of it is shown any more.
    """
    if _MOMENT not in st.session_state:
        move_on()
    pinned: Moment = st.session_state[_MOMENT]
    try:
        product().lake.snapshot(pinned.snapshot.version)
    except SnapshotGone:
        st.cache_data.clear()
        current = newest()
        move_on(current)
        return replace(current, gone=pinned.snapshot.version)
    if as_of is None or as_of == pinned.snapshot.version:
        return pinned
    try:
        return Moment(product().lake.snapshot(as_of), pinned.now)
    except SnapshotGone:
        return replace(pinned, gone=as_of)


def move_on(to: Moment | None = None) -> None:
    """Pin the session to the newest data."""
    st.session_state[_MOMENT] = to or newest()
