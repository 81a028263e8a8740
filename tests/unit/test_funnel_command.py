"""`funnel` on the command line: a small lake with known people."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import add_events, make_lake
from tests.support_cli import pipeline

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
    (folder / "plain.json").write_text(json.dumps({"steps": SPEC["steps"]}))
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


def _listed(data: Path, *arguments: str) -> list[str]:
    done = pipeline(data, "funnel", "spec.json", "--people", "reached:1", *arguments)
    return sorted(row["person"] for row in csv.DictReader(done.stdout.splitlines()))


def test_the_people_of_one_part_of_the_breakdown(data: Path) -> None:
    assert _listed(data, "--of", "France") == ["c:=bea", "c:ann", "c:cat"]
    assert _listed(data, "--of", "") == ["c:dan"]
    assert _listed(data, "--of-other") == []


def test_other_is_a_value_and_all_other_values_are_not(tmp_path: Path) -> None:
    """26 countries and one that is called Other: the first 25 by name have a row of their own."""
    entered = datetime.now(UTC) - timedelta(hours=1)
    countries = [*(f"Land {number:02}" for number in range(26)), "Other"]
    make_lake(
        tmp_path,
        [
            {"event": "Page Viewed", "customer_id": country, "country": country, "occurred_at": entered}
            for country in countries
        ],
    ).close()
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    assert _listed(tmp_path, "--of", "Other") == ["c:Other"]
    assert _listed(tmp_path, "--of-other") == ["c:Land 25", "c:Other"]


def test_a_value_that_nobody_has_suggests_one(data: Path) -> None:
    done = pipeline(data, "funnel", "spec.json", "--people", "reached:1", "--of", "Frnce")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert "Nobody here has the country 'Frnce'. Did you mean 'France'?" in done.stderr
    assert "nobody is left" in pipeline(data, "funnel", "spec.json", "--people", "converted", "--of-other").stderr


def test_a_snapshot_stays_what_it_was(tmp_path: Path) -> None:
    entered = {"event": "Page Viewed", "occurred_at": datetime.now(UTC) - timedelta(hours=1), "country": "France"}
    lake = make_lake(tmp_path, [{**entered, "customer_id": "ann", "message_id": "1"}])
    before = lake.snapshot().version
    add_events(lake, [{**entered, "customer_id": "bea", "message_id": "2"}], key="later.jsonl")
    lake.close()
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))

    def answer(*arguments: str) -> tuple[int, int]:
        said = json.loads(pipeline(tmp_path, "funnel", "spec.json", "--json", *arguments).stdout)
        return said["steps"][0]["people"], said["as_of"]

    assert answer()[0] == 2
    assert answer("--as-of", str(before)) == (1, before)
    assert _listed(tmp_path, "--as-of", str(before)) == ["c:ann"]
    assert "is gone" in pipeline(tmp_path, "funnel", "spec.json", "--as-of", "999999").stderr


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
        (["spec.json", "--of", "France"], "Add --people"),
        (["spec.json", "--of-other"], "Add --people"),
        (["spec.json", "--to", "people.csv"], "Add --people"),
        (["plain.json", "--people", "converted", "--of", "France"], "has no breakdown"),
        (["plain.json", "--people", "converted", "--of-other"], "has no breakdown"),
        (["spec.json", "--people", "converted", "--of", "France", "--of-other"], "not allowed with"),
        (["spec.json", "--as-of", "newest"], "is not the number of a snapshot"),
    ],
)
def test_what_cannot_be_answered_is_refused(data: Path, arguments: list[str], said: str) -> None:
    done = pipeline(data, "funnel", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
