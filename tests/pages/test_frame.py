"""The mark that says how fresh the data is, on every page, and the banner where old data is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.state import State
from tests.pages.conftest import Open, Page

SOURCE = "file:///landing"


def _polled(folder: Path, ago: timedelta, *, waiting: int = 0, error: str | None = None) -> None:
    State(folder).record(SOURCE, datetime.now(UTC) - ago, waiting=waiting, error=error, every=15)


def test_fresh_data_says_through_when(open_empty: Open, tmp_path: Path) -> None:
    _polled(tmp_path, timedelta(seconds=2))
    page = open_empty()
    assert 'class="freshness ok"' in page.html()
    assert "Data through" in page.html()
    assert not page.has("stale")


def test_a_source_that_cannot_be_read_makes_the_data_late_and_says_why(open_empty: Open, tmp_path: Path) -> None:
    _polled(tmp_path, timedelta(minutes=9))
    _polled(tmp_path, timedelta(seconds=2), error="The bucket <b>news</b> does not exist.")
    page = open_empty()
    assert 'class="freshness behind"' in page.html()
    assert "The bucket <b>news</b> does not exist." in page.given("stale")["text"]
    assert "<b>news" not in page.html()


def test_a_pipeline_that_stopped_is_never_presented_as_current(open_empty: Open, tmp_path: Path) -> None:
    _polled(tmp_path, timedelta(hours=3))
    page = open_empty()
    assert 'class="freshness down"' in page.html()
    assert "Pipeline stopped" in page.html()
    assert "python -m pipeline run" in page.given("stale")["text"]


@pytest.mark.parametrize("view", ["activity", "customer", "health", "install"])
def test_every_page_says_how_old_its_data_is(open_empty: Open, tmp_path: Path, view: str) -> None:
    _polled(tmp_path, timedelta(hours=3))
    page = Page(open_empty().test.switch_page(f"pages/views/{view}.py").run())
    assert "Pipeline stopped" in page.html()
    assert "python -m pipeline run" in page.given("stale")["text"]
