"""`funnel` on the command line: a small lake with known people."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import make_lake
from tests.unit.test_cli import pipeline

SPEC = {"steps": [{"event": "Page Viewed"}, {"event": "Registered"}, {"event": "Subscribed"}], "breakdown": "country"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ann subscribes, =Bea registers only, a visitor reads and becomes Cat without going on, Dan reads."""
    folder = tmp_path_factory.mktemp("funnel")
    start = datetime.now(UTC) - timedelta(hours=5)

    def at(minutes: int, event: str, **who: Any) -> dict[str, Any]:
        return {"event": event, "occurred_at": start + timedelta(minutes=minutes), "country": "France", **who}

    make_lake(
        folder,
        [
            at(0, "Page Viewed", anonymous_id="a"),
            at(1, "Registered", anonymous_id="a", customer_id="ann"),
            at(3, "Subscribed", customer_id="ann"),
            at(0, "Page Viewed", customer_id="=bea"),
            at(2, "Registered", customer_id="=bea"),
            at(5, "Page Viewed", anonymous_id="c"),
            at(6, "Identified", anonymous_id="c", customer_id="cat", type="identify", trait_name="Cat"),
            at(7, "Page Viewed", customer_id="dan", country=None),
        ],
    ).close()
    (folder / "spec.json").write_text(json.dumps(SPEC))
    return folder


def test_the_numbers(data: Path) -> None:
    done = pipeline(data, "funnel", "spec.json", "--json")
    answer = json.loads(done.stdout)
    steps = answer["steps"]
    assert [step["people"] for step in steps] == [4, 2, 1]
    assert [step["dropped"] for step in steps] == [2, 1, 0]
    assert [step["from_first"] for step in steps] == [1, 0.5, 0.25]
    assert [step["median_seconds"] for step in steps] == [None, 90, 120]
    assert [step["open"] for step in steps] == [2, 1, 0]
    assert answer["breakdown"] == [
        {"value": "France", "people": [3, 2, 1], "other": False},
        {"value": None, "people": [1, 0, 0], "other": False},
    ]
    assert sum(day["entered"] for day in answer["trend"]) == 4
    assert answer["notes"] == []


def test_the_people_are_those_of_the_numbers(data: Path) -> None:
    pipeline(data, "funnel", "spec.json", "--people", "dropped:2", "--to", "dropped.csv")
    with (data / "dropped.csv").open(newline="") as file:
        (dropped,) = csv.DictReader(file)
    assert (dropped["person"], dropped["customer_id"], dropped["at_3"]) == ("c:=bea", "'=bea", "")
    entered = pipeline(data, "funnel", "spec.json", "--people", "reached:1").stdout.splitlines()
    assert len(entered) == 1 + 4
    assert any(line.startswith("c:cat,cat,Cat,") for line in entered)


def test_a_name_never_seen_is_said(data: Path) -> None:
    (data / "typo.json").write_text(json.dumps({"steps": [{"event": "Page Viewed"}, {"event": "Subscribd"}]}))
    said = pipeline(data, "funnel", "typo.json").stdout
    assert "Did you mean 'Subscribed'?" in said
    assert "Nobody reached step 2" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.json"], "cannot be read"),
        (["spec.json", "--people", "dropped:3"], "Its steps are 1 to 2"),
        (["spec.json", "--people", "everyone"], "Write reached:2"),
    ],
)
def test_what_cannot_be_answered_is_refused(data: Path, arguments: list[str], said: str) -> None:
    done = pipeline(data, "funnel", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
