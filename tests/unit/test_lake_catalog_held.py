"""Questions that open and close the catalog at once wait for each other for a moment, not for whole seconds."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from pipeline.errors import LakeBusy
from pipeline.lake import Lake, engine, sqlite_apart
from pipeline.lake.engine import CATALOG
from pipeline.questions import activity
from pipeline.questions.view import View
from tests.support import NOW, make_lake, make_settings

# What keeps everybody out of a database: as whoever opens it first, or closes it last, does for a moment.
_LOCK = """
import sqlite3, sys
con = sqlite3.connect(sys.argv[1], isolation_level=None)
con.execute("PRAGMA locking_mode = EXCLUSIVE")
con.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    make_lake(tmp_path, [{"message_id": "a"}, {"message_id": "b"}]).close()
    with closing(Lake.open(make_settings(tmp_path), reading=True)) as opened:
        yield opened


@pytest.fixture
def let_go(lake: Lake) -> Iterator[Callable[[], None]]:
    """Another process has the catalog for itself; called, it ends."""
    command = [sys.executable, "-c", _LOCK, str(lake.folder / CATALOG)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process.stdin.close


def count(lake: Lake) -> int:
    return activity.count(lake.snapshot(), View.parse("range=30D", now=NOW, zone=NOW.tzinfo))  # type: ignore[arg-type]


def test_a_question_is_asked_again_until_the_catalog_is_free(
    lake: Lake, let_go: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Event()

    def sleep(seconds: float) -> None:
        assert seconds < 0.1, "in moments"
        tried.set()
        time.sleep(seconds)

    monkeypatch.setattr(engine, "time", type("clock", (), {"sleep": staticmethod(sleep), "monotonic": time.monotonic}))
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(count(lake)))
    asking.start()
    assert tried.wait(30), "it was kept out"
    let_go()
    asking.join(30)
    assert answers == [2]


def test_a_catalog_that_is_never_free_is_said_to_be_locked(
    lake: Lake, let_go: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PATIENCE", 0.1)
    with pytest.raises(LakeBusy):
        count(lake)
    let_go()


def test_a_lake_that_is_only_read_is_made_all_the_same(tmp_path: Path) -> None:
    with closing(Lake.open(make_settings(tmp_path), reading=True)) as lake:
        assert count(lake) == 0


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def make(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode = WAL")
        con.execute("CREATE TABLE told (text)")


def is_held(database: Path) -> bool:
    """Whether its log is there although nobody here has it open: the last to close a database removes it."""
    with closing(sqlite3.connect(database)) as con:
        con.execute("SELECT * FROM told").fetchall()
    return database.with_name(f"{database.name}-wal").exists()


def test_a_held_database_stays_open_whichever_takes_its_place(tmp_path: Path) -> None:
    database, other = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    make(database)
    assert not is_held(database)
    with sqlite_apart.held(database):
        wait_until(lambda: is_held(database))
        make(other)
        os.replace(other, database)
        wait_until(lambda: is_held(database))
        database.unlink()
        make(database)
        wait_until(lambda: is_held(database))
        sqlite_apart.overwrite(database, ["INSERT INTO told VALUES ('more')"], wait=10)
    assert not is_held(database)


def test_a_database_may_be_made_while_it_is_waited_for(tmp_path: Path) -> None:
    database = tmp_path / "a.sqlite"
    with sqlite_apart.held(database):
        time.sleep(1)
        assert not database.exists()
        make(database)
        wait_until(lambda: is_held(database))


def test_who_holds_ends_with_who_wants_it_held(tmp_path: Path) -> None:
    make(tmp_path / "a.sqlite")
    held = f"""
import os, signal
from pathlib import Path
from pipeline.lake import sqlite_apart
with sqlite_apart.held(Path({str(tmp_path / "a.sqlite")!r})):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    before = {process.pid for process in psutil.process_iter()}
    subprocess.run([sys.executable, "-c", held], check=False)

    def is_left() -> bool:
        new = (process for process in psutil.process_iter(["cmdline"]) if process.pid not in before)
        return any(str(tmp_path / "a.sqlite") in (process.info["cmdline"] or []) for process in new)

    wait_until(lambda: not is_left())
