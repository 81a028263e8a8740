"""The Pipeline page's questions, each remembered by snapshot: the page asks them again every few seconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from pipeline.lake import Snapshot
from pipeline.lake.storage import Storage
from pipeline.lake.storage import storage as storage_of
from pipeline.questions import flow, ledger, rejects

Row = dict[str, Any]


def totals(snapshot: Snapshot) -> ledger.Totals:
    return _totals(snapshot.version, snapshot)


@st.cache_data(max_entries=20, show_spinner=False)
def _totals(version: int, _snapshot: Snapshot) -> ledger.Totals:
    return ledger.totals(_snapshot)


def throughput(snapshot: Snapshot, start: datetime, end: datetime, width: timedelta) -> list[Row]:
    return _throughput(snapshot.version, start, end, width, snapshot)


@st.cache_data(max_entries=20, show_spinner=False)
def _throughput(version: int, start: datetime, end: datetime, width: timedelta, _snapshot: Snapshot) -> list[Row]:
    return flow.throughput(_snapshot, start, end, width)


def batches(snapshot: Snapshot, limit: int) -> list[Row]:
    return _batches(snapshot.version, limit, snapshot)


@st.cache_data(max_entries=20, show_spinner=False)
def _batches(version: int, limit: int, _snapshot: Snapshot) -> list[Row]:
    return ledger.recent_batches(_snapshot, limit)


def objects(snapshot: Snapshot, state: str, containing: str, limit: int, offset: int) -> tuple[int, list[Row]]:
    """How many objects there are in the state, and some of them."""
    return _objects(snapshot.version, state, containing, limit, offset, snapshot)


@st.cache_data(max_entries=50, show_spinner=False)
def _objects(
    version: int, state: str, containing: str, limit: int, offset: int, _snapshot: Snapshot
) -> tuple[int, list[Row]]:
    found = flow.objects(_snapshot, state, limit=limit, offset=offset, containing=containing)
    return flow.objects_count(_snapshot, state, containing=containing), found


def reasons(snapshot: Snapshot) -> list[Row]:
    return _reasons(snapshot.version, snapshot)


@st.cache_data(max_entries=20, show_spinner=False)
def _reasons(version: int, _snapshot: Snapshot) -> list[Row]:
    return ledger.rejected_by_code(_snapshot)


def rejected(snapshot: Snapshot, code: str | None, limit: int, offset: int) -> list[Row]:
    return _rejected(snapshot.version, code, limit, offset, snapshot)


@st.cache_data(max_entries=20, show_spinner=False)
def _rejected(version: int, code: str | None, limit: int, offset: int, _snapshot: Snapshot) -> list[Row]:
    return rejects.page(_snapshot, code, limit=limit, offset=offset)


def storage(snapshot: Snapshot) -> Storage:
    return _storage(snapshot.version, snapshot)


@st.cache_data(max_entries=5, ttl=60, show_spinner=False)
def _storage(version: int, _snapshot: Snapshot) -> Storage:
    return storage_of(_snapshot)
