"""A breakdown's values travel as hashes; that two of them may share one must not show."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import ibis
import pytest

from pipeline.questions.functions import hashed
from pipeline.questions.funnel import Funnel, considered, measure, people
from pipeline.questions.funnel.people import Of
from tests.support import NOW, make_lake

SPEC = {"steps": [{"event": "Page Viewed"}, {"event": "Registered"}], "range": "7D", "breakdown": "country"}


def test_values_that_share_a_hash_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    countries = ("France", "Japan", None)
    rows = [{"message_id": f"{n}", "customer_id": f"c{n}", "country": country} for n, country in enumerate(countries)]
    rows.append({"message_id": "r", "customer_id": "c0", "country": "Japan", "event": "Registered"})
    snapshot = make_lake(tmp_path, rows).snapshot()
    salts = []

    def shared(text: ibis.expr.types.StringValue, salt: int) -> ibis.expr.types.IntegerValue:
        salts.append(salt)
        return hashed(text, salt) if salt == 2 else ibis.literal(7, "uint64")

    monkeypatch.setattr(considered, "hashed", shared)
    answer = measure(snapshot, Funnel.parse(SPEC, now=NOW, zone=ZoneInfo("UTC")))
    assert set(salts) == {0, 1, 2}
    assert {part.value: part.people for part in answer.breakdown} == {"France": (1, 1), "Japan": (1, 0), None: (1, 0)}
    for value in countries:
        assert len(people(snapshot, answer, "reached:1", Of(value))) == 1


def test_an_empty_text_is_no_value(tmp_path: Path) -> None:
    snapshot = make_lake(tmp_path, [{"customer_id": "c", "country": ""}]).snapshot()
    answer = measure(snapshot, Funnel.parse(SPEC, now=NOW, zone=ZoneInfo("UTC")))
    assert [(part.value, part.people) for part in answer.breakdown] == [(None, (1, 0))]
