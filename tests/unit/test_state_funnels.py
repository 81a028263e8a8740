"""Saved funnels: kept under a name that nobody else has, renamed, replaced, deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.errors import ActivityError
from pipeline.state import State

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SPEC = {"steps": [{"event": "Page Viewed"}, {"event": "Registered"}], "window": "7d", "range": "14D"}


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def test_a_funnel_is_kept_as_it_was_saved(state: State, tmp_path: Path) -> None:
    saved = state.funnels.save(" Sign-up ", SPEC, NOW)
    assert (saved.name, saved.spec, saved.saved_at) == ("Sign-up", SPEC, NOW)
    assert State(tmp_path).funnels.all() == (saved,)


def test_they_are_listed_by_name(state: State) -> None:
    for name in ("beta", "Alpha", "gamma"):
        state.funnels.save(name, SPEC, NOW)
    assert [each.name for each in state.funnels.all()] == ["Alpha", "beta", "gamma"]


def test_a_name_is_taken_once_unless_replaced(state: State) -> None:
    first = state.funnels.save("Sign-up", SPEC, NOW)
    with pytest.raises(ActivityError, match="already") as refused:
        state.funnels.save("Sign-up", {**SPEC, "window": "1d"}, NOW)
    assert refused.value.code == "funnel.name_taken"
    assert state.funnels.all() == (first,)
    later = NOW + timedelta(hours=1)
    again = state.funnels.save("Sign-up", {**SPEC, "window": "1d"}, later, replace=True)
    assert (again.id, again.spec["window"], again.saved_at) == (first.id, "1d", later)
    assert state.funnels.all() == (again,)


def test_replacing_what_is_not_there_saves_it(state: State) -> None:
    assert state.funnels.save("Sign-up", SPEC, NOW, replace=True) in state.funnels.all()


def test_a_funnel_is_renamed_but_not_to_a_taken_name(state: State) -> None:
    one, two = (state.funnels.save(name, SPEC, NOW) for name in ("One", "Two"))
    assert state.funnels.rename(one.id, "Three").name == "Three"
    with pytest.raises(ActivityError, match="already"):
        state.funnels.rename(two.id, "Three")
    assert [each.name for each in state.funnels.all()] == ["Three", "Two"]


def test_a_deleted_funnel_is_gone(state: State) -> None:
    saved = state.funnels.save("Sign-up", SPEC, NOW)
    state.funnels.delete(saved.id)
    state.funnels.delete(saved.id)
    assert state.funnels.all() == ()
    with pytest.raises(ActivityError, match="gone"):
        state.funnels.rename(saved.id, "Other")


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines", "\x00"])
def test_a_name_is_readable(state: State, name: str) -> None:
    with pytest.raises(ActivityError, match="no name"):
        state.funnels.save(name, SPEC, NOW)
