"""The bench at a tiny size: its data sets, its questions beside the peers', and the file it keeps its figures in."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pages.parts import answers as page_answers
from pipeline.questions import activity, ledger
from pipeline.questions.view import View
from tests.bench import dataset, recipe, results
from tests.bench.answers import alike
from tests.bench.asked import OF_EACH, PROPOSED, QUESTIONS, TOLD, Ours
from tests.bench.dataset import DataSet
from tests.bench.figure import Figure, milliseconds
from tests.bench.native import Native
from tests.bench.peer import ASKED, rows_for_peers
from tests.bench.subjects import ZONE

EVENTS, DAYS = 3_000, 2


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return dataset.made(EVENTS, DAYS, tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def ours(tiny: DataSet) -> Ours:
    return Ours(tiny)


def test_a_data_set_is_whole_and_found_again(tiny: DataSet) -> None:
    lake = tiny.opened()
    snapshot = lake.snapshot()
    assert ledger.totals(snapshot).balanced
    assert ledger.totals(snapshot).loaded == EVENTS
    lake.close()
    made_at = tiny.folder.stat().st_mtime_ns
    assert dataset.made(EVENTS, DAYS, tiny.folder.parent) == tiny
    assert tiny.folder.stat().st_mtime_ns == made_at


def test_a_stale_data_set_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = dataset.made(20, 1, tmp_path)
    monkeypatch.setattr(recipe, "VERSION", recipe.VERSION + 1)
    assert dataset.made(20, 1, tmp_path).folder != old.folder
    assert not old.folder.exists()


def test_a_day_is_always_the_same_whenever_it_is(tiny: DataSet) -> None:
    first, second = (recipe.Maker().day(7, at, 500) for at in (tiny.end, tiny.end.replace(year=2020)))
    assert first.drop(["occurred_at", "received_at"]) == second.drop(["occurred_at", "received_at"])
    assert len(first["event_id"].unique()) == 500


def test_more_days_are_as_busy_and_the_newest_the_same(tiny: DataSet) -> None:
    long = dataset.lengthened(tiny, 2)
    assert (long.events, long.days) == (2 * EVENTS, 2 * DAYS)
    counts = []
    for data_set, days in ((tiny, DAYS), (long, DAYS), (long, 2 * DAYS)):
        lake = data_set.opened()
        view = View.parse(data_set.view(days), now=data_set.end, zone=ZONE)
        counts.append(activity.count(lake.snapshot(), view))
        lake.close()
    assert counts == [EVENTS, EVENTS, 2 * EVENTS]


def test_a_copy_may_be_written_to(tiny: DataSet) -> None:
    parquet = next(tiny.lake_folder.rglob("*.parquet"))
    with tiny.copied() as data:
        copy = data / parquet.relative_to(tiny.lake_folder)
        assert os.path.samefile(copy, parquet)
        assert not os.path.samefile(data / "lake" / "catalog.sqlite", tiny.lake_folder / "lake" / "catalog.sqlite")
    assert parquet.exists()


def test_our_answers_are_those_of_plain_sql(tiny: DataSet, ours: Ours) -> None:
    rows_for_peers(tiny)
    subjects = ours.ready("subjects")()
    native = Native(tiny, subjects)
    for name in ASKED:
        assert alike(name, ours.ready(name, 1)()) == alike(name, native.ready(name, 1)()), name


def test_every_question_can_be_asked(ours: Ours) -> None:
    assert QUESTIONS.keys() == TOLD.keys()
    for name in QUESTIONS.keys() - set(ASKED):
        ours.ready(name)()


def test_the_filter_bar_is_asked_as_the_page_asks() -> None:
    assert (PROPOSED, OF_EACH) == (page_answers._PROPOSED, page_answers._OF_EACH)


def test_a_part_measured_again_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    slow = milliseconds("first page", [0.1, 0.2, 0.3], at_most=60)
    results.keep("Lists", [slow], path)
    results.keep("Exports", [Figure("CSV", 200_000, "rows/s", at_least=150_000)], path)
    assert "| first page | 200 ms | 290 ms |  | ≤ 60 ms | **missed** |" in path.read_text()
    results.keep("Lists", [replace(slow, value=50)], path)
    text = path.read_text()
    assert text.count("## Lists") == text.count("## Exports") == 1
    assert "| first page | 50.0 ms | 290 ms |  | ≤ 60 ms | ok |" in text
    assert "| CSV | 200,000 rows/s |  |  | ≥ 150,000 rows/s | ok |" in text
