"""The Pipeline page's questions, each remembered by snapshot: the page asks them again every few seconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from pipeline.lake import Key, Snapshot
from pipeline.lake.storage import Storage
from pipeline.lake.storage import storage as storage_of
from pipeline.questions import flow, ledger, rejects

Row = dict[str, Any]


def totals(snapshot: Snapshot) -> ledger.Totals:
    return _totals(snapshot.key, snapshot)


@st.cache_data(max_entries=20, show_spinner=False)
def _totals(key: Key, _snapshot: Snapshot) -> ledger.Totals:
    return ledger.totals(_snapshot)


def throughput(snapshot: Snapshot, start: datetime, end: datetime, width: timedelta) -> list[Row]:
    return _throughput(snapshot.key, start, end, width, snapshot)


@st.cache_data(max_entries=20, show_spinner=False)
def _throughput(key: Key, start: datetime, end: datetime, width: timedelta, _snapshot: Snapshot) -> list[Row]:
    return flow.throughput(_snapshot, start, end, width)


def batches(snapshot: Snapshot, limit: int) -> list[Row]:
    return _batches(snapshot.key, limit, snapshot)


@st.cache_data(max_entries=20, show_spinner=False)
def _batches(key: Key, limit: int, _snapshot: Snapshot) -> list[Row]:
    return ledger.recent_batches(_snapshot, limit)


def objects(snapshot: Snapshot, state: str, containing: str, limit: int, offset: int) -> tuple[int, list[Row]]:
    """How many objects there are in the state, and some of them."""
    return _objects(snapshot.key, state, containing, limit, offset, snapshot)


@st.cache_data(max_entries=50, show_spinner=False)
def _objects(
    key: Key, state: str, containing: str, limit: int, offset: int, _snapshot: Snapshot
) -> tuple[int, list[Row]]:
    found = flow.objects(_snapshot, state, limit=limit, offset=offset, containing=containing)
    return flow.objects_count(_snapshot, state, containing=containing), found


def reasons(snapshot: Snapshot) -> list[Row]:
    return _reasons(snapshot.key, snapshot)


@st.cache_data(max_entries=20, show_spinner=False)
def _reasons(key: Key, _snapshot: Snapshot) -> list[Row]:
    return ledger.rejected_by_code(_snapshot)


def rejected(snapshot: Snapshot, code: str | None, limit: int, offset: int) -> list[Row]:
    return _rejected(snapshot.key, code, limit, offset, snapshot)


@st.cache_data(max_entries=20, show_spinner=False)
def _rejected(key: Key, code: str | None, limit: int, offset: int, _snapshot: Snapshot) -> list[Row]:
    return rejects.page(_snapshot, code, limit=limit, offset=offset)


def storage(snapshot: Snapshot) -> Storage:
    return _storage(snapshot.key, snapshot)


@st.cache_data(max_entries=5, ttl=60, show_spinner=False)
def _storage(key: Key, _snapshot: Snapshot) -> Storage:
    return storage_of(_snapshot)
