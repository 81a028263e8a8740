"""The audit log: rows are added and never changed."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.state import State
from tests.support import NOW


def test_what_is_noted_is_read_newest_first_page_by_page(tmp_path: Path) -> None:
    audit = State(tmp_path).audit
    for number in range(5):
        audit.note("ana@example.com", "export", f"view {number}", NOW + timedelta(seconds=number), rows=number)
    assert State(tmp_path).audit.count() == 5
    assert [deed.about for deed in audit.last(2)] == ["view 4", "view 3"]
    assert [deed.rows for deed in audit.last(2, 2)] == [2, 1]
    assert audit.last(1)[0].at == NOW + timedelta(seconds=4)


def test_a_sign_in_is_noted_once_however_often_it_is_seen(tmp_path: Path) -> None:
    audit = State(tmp_path).audit
    for session in ("a", "a", "b", "a"):
        audit.note("ana@example.com", "sign-in", "", NOW, once=f"sign-in {session}")
    assert audit.count() == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET who = 'nobody'",
        "DELETE FROM audit",
        "REPLACE INTO audit (id, at, who, act, about) VALUES (1, 0, 'nobody', 'x', 'y')",
    ],
)
def test_no_row_can_be_changed_or_removed(tmp_path: Path, change: str) -> None:
    audit = State(tmp_path).audit
    audit.note("ana@example.com", "export", "a view", NOW, rows=7)
    with sqlite3.connect(tmp_path / "state.sqlite") as con:
        con.execute("PRAGMA recursive_triggers = ON")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            con.execute(change)
    assert [(deed.who, deed.rows) for deed in audit.last(9)] == [("ana@example.com", 7)]
