"""`start`: what it says of itself, of the demo and of one's own events, and what it starts the dashboard with."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from pipeline.commands import start
from pipeline.demo import history, keys, objects
from pipeline.demo.plan import Plan
from pipeline.landing import object_key
from pipeline.state import State
from tests.support import make_settings
from tests.support_collect import free_port, load, track
from tests.unit.test_demo import lines_in

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


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, list[str]]]:
    """What `start` would run, over a demo beside which one event came in with a key of one's own."""
    history.write(Plan(int(NOW.timestamp() * 1000), days=1, events=300, customers=20), tmp_path)
    own = orjson.dumps({**track("own"), "receivedAt": NOW.isoformat(), "source": "shop"})
    objects.put(tmp_path / "landing", object_key(int(NOW.timestamp() * 1000)), [own])
    load(tmp_path)
    parts: dict[str, list[str]] = {}
    monkeypatch.setattr(start, "_supervise", lambda given, port, welcome: parts.update(given) or 0)

    def run(**settings: str) -> dict[str, list[str]]:
        args = argparse.Namespace(port=free_port(), no_demo=False)
        assert start.run(args, make_settings(tmp_path, **settings)) == 0
        return parts

    return run


def test_own_events_do_not_take_the_demo_away(started: Callable[..., dict[str, list[str]]], tmp_path: Path) -> None:
    parts = started()
    assert list(parts) == ["dashboard", "scheduler", "live demo"]
    port = parts["dashboard"][parts["dashboard"].index("--server.port") + 1]
    assert parts["live demo"][-2:] == ["--to", f"http://127.0.0.1:{port}"]
    assert Plan.read(tmp_path) is not None


@pytest.mark.parametrize("setting", ["sources", "landing"])
def test_a_place_of_ones_own_takes_the_demo_away_and_nothing_else(
    started: Callable[..., dict[str, list[str]]], tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str
) -> None:
    parts = started(**{setting: "s3://my-bucket/events"})
    assert list(parts) == ["dashboard", "scheduler"]
    said = capsys.readouterr().out
    assert "the demo has been removed" in said
    assert (f"python -m pipeline load {tmp_path / 'landing'}" in said) == (setting == "landing")
    assert Plan.read(tmp_path) is None
    assert [orjson.loads(line)["messageId"] for line in lines_in(tmp_path)] == ["own"]
