"""`start`: what it says of itself, of the demo and of one's own events, and what it starts the dashboard with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.commands import start
from pipeline.demo import keys
from pipeline.state import State
from tests.support import make_settings

NOW = datetime.now(UTC)


def welcome(data: Path, with_demo: bool = True) -> str:
    return start._welcome(make_settings(data), 8765, with_demo)


def test_all_addresses_are_told(tmp_path: Path) -> None:
    said = welcome(tmp_path)
    for path in ("\n", "/demo-site/\n", "/install\n"):
        assert f"http://localhost:8765{path}" in said
    assert "demo-site" not in welcome(tmp_path, with_demo=False)


def test_own_events_beside_the_demos_are_told_with_the_way_out(tmp_path: Path) -> None:
    state = State(tmp_path)
    made = state.keys.make("shop", at=NOW)
    state.keys.count({made.key.id: 1204}, NOW)
    assert "1,204 events came in with your own keys" in welcome(tmp_path)
    assert "python -m pipeline demo --remove" in welcome(tmp_path)
    assert "--remove" not in welcome(tmp_path, with_demo=False)


def test_the_demos_own_events_are_nobodys(tmp_path: Path) -> None:
    state = State(tmp_path)
    keys.browser_key(state)
    keys.server_keys(state, tmp_path)
    state.keys.make("shop", at=NOW)
    state.keys.count({key.id: 9 for key in state.keys.all() if key.source != "shop"}, NOW)
    assert "--remove" not in welcome(tmp_path)


def test_the_dashboard_serves_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVITY_MOUNT_COLLECTOR", "false")
    assert start._environment()["ACTIVITY_MOUNT_COLLECTOR"] == "true"
