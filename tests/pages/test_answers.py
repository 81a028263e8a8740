"""A list's first page comes with its count; a count alone asks for no page."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pages.parts import answers
from pipeline.lake import Snapshot
from pipeline.questions.view import View
from tests.support import NOW, make_lake


@pytest.mark.parametrize(("count", "more"), [(answers.count_of_list, 0), (answers.count, 1)])
def test_who_counts_for_a_list_has_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: object, more: int
) -> None:
    made = [{"message_id": f"{number}", "occurred_at": NOW - timedelta(seconds=number)} for number in range(90)]
    lake = make_lake(tmp_path, made)
    snapshot, view = lake.snapshot(), View(NOW, ZoneInfo("UTC"))
    answers.st.cache_data.clear()
    assert callable(count)
    assert count(snapshot, view) == 90
    asked: list[object] = []
    fetch = Snapshot.fetch
    monkeypatch.setattr(Snapshot, "fetch", lambda self, question: asked.append(question) or fetch(self, question))
    assert [row["message_id"] for row in answers.page(snapshot, view)] == [f"{number}" for number in range(50)]
    assert len(asked) == more
    lake.close()
