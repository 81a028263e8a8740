"""Freshness: a quiet night is no outage, and old data is never presented as current."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from pipeline.state import State
from tests.support import NOW

SECOND = timedelta(seconds=1)


def test_before_the_first_poll(tmp_path: Path) -> None:
    assert State(tmp_path).freshness(NOW, 180).health == "never"


def test_a_quiet_night_is_up_to_date(tmp_path: Path) -> None:
    state = State(tmp_path)
    for minute in range(60):
        state.record("s", NOW + timedelta(minutes=minute), waiting=0, error=None, every=60)
    fresh = state.freshness(NOW + timedelta(minutes=59, seconds=30), 180)
    assert (fresh.health, fresh.data_through) == ("ok", NOW + timedelta(minutes=59))


def test_a_backlog_or_an_error_holds_data_through_back(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.record("s", NOW, waiting=0, error=None, every=15)
    state.record("s", NOW + 300 * SECOND, waiting=7, error=None, every=15)
    fresh = state.freshness(NOW + 301 * SECOND, 180)
    assert (fresh.health, fresh.data_through) == ("behind", NOW)
    state.record("s", NOW + 302 * SECOND, waiting=0, error="no such bucket", every=15)
    fresh = state.freshness(NOW + 303 * SECOND, 900)
    assert (fresh.health, fresh.data_through, fresh.errors) == ("behind", NOW, ("s: no such bucket",))


def test_the_source_furthest_behind_counts(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.record("slow", NOW, waiting=0, error=None, every=15)
    state.record("quick", NOW + 100 * SECOND, waiting=0, error=None, every=15)
    assert state.freshness(NOW + 101 * SECOND, 180).data_through == NOW
    state.forget_others(["quick"])
    assert state.freshness(NOW + 101 * SECOND, 180).data_through == NOW + 100 * SECOND


def test_a_pipeline_that_stopped_polling_is_down(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.record("s", NOW, waiting=0, error=None, every=15)
    assert state.freshness(NOW + 179 * SECOND, 180).health == "ok"
    assert state.freshness(NOW + 181 * SECOND, 180).health == "down"


def test_a_pipeline_that_stopped_while_its_clock_was_ahead_is_down_too(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.record("s", NOW + timedelta(days=365), waiting=0, error=None, every=15)
    assert state.freshness(NOW, 180).health == "down"
    state.record("s", NOW, waiting=1, error=None, every=15)
    assert state.freshness(NOW, 180).health == "behind", "what it caught up with then says nothing of now"
    state.record("s", NOW, waiting=0, error=None, every=15)
    assert state.freshness(NOW, 180).health == "ok"


def test_a_source_that_never_caught_up_has_no_data_through(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.record("s", NOW, waiting=3, error=None, every=15)
    fresh = state.freshness(NOW + SECOND, 180)
    assert (fresh.health, fresh.data_through) == ("behind", None)


def test_the_pages_read_what_the_pipeline_told_last(tmp_path: Path) -> None:
    assert State(tmp_path).told("geo") is None
    State(tmp_path).tell("geo", {"state": "corrupt"}, NOW)
    State(tmp_path).tell("geo", {"state": "ready"}, NOW)
    assert State(tmp_path).told("geo") == {"state": "ready"}


def test_several_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    """Collectors that an orchestrator starts together: each makes what is missing."""
    with ThreadPoolExecutor(6) as pool:
        for number in range(10):
            folder, together = tmp_path / str(number), threading.Barrier(6)
            folder.mkdir()

            def open_it(_: int, folder: Path = folder, together: threading.Barrier = together) -> bool:
                together.wait()
                return State(folder).keys.all() == ()

            assert all(pool.map(open_it, range(6)))


def test_a_new_database_that_another_writes_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself does not wait there, but refuses at once to turn it to WAL."""
    with closing(sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE of_another (x)")
        done = threading.Timer(0.3, other.execute, ["COMMIT"])
        done.start()
        assert State(tmp_path).keys.all() == ()
        done.join()
