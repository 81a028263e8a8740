"""Funnels over the real lake against the brute force: every person, every number, every list of people."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipeline.__main__ import main
from pipeline.lake import Snapshot
from pipeline.questions.funnel import Answer, Funnel, Group, Part, behind, measure, named, people
from pipeline.questions.funnel.people import Of
from tests import funnels
from tests.funnels import BERLIN, World
from tests.oracle_funnel import FunnelOracle, Journey
from tests.support import make_lake

PEOPLE = 250  # in each of eight lakes: a funnel asks of all of them at once
RUNS = settings(
    max_examples=6,
    deadline=None,
    # No shrinking, which would ask hundreds of funnels: a failure names the one person it is about, and what they did.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


class Case:
    """A snapshot and who did what in it. No dataclass: Hypothesis would print all of them."""

    def __init__(self, world: World, folder: Path, snapshot: Snapshot) -> None:
        self.world = world
        self.folder = folder
        self.snapshot = snapshot
        self.events = world.events()

    def __repr__(self) -> str:
        return repr(self.world)

    def ask(self, spec: dict[str, Any]) -> tuple[Answer, FunnelOracle]:
        answer = measure(self.snapshot, Funnel.parse(spec, now=self.world.now, zone=BERLIN))
        return answer, FunnelOracle(self.events, spec, now=self.world.now, zone=BERLIN)


@pytest.fixture(scope="module", params=product(funnels.CHANGES, funnels.UNITS), ids=str)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Other people at every run; what a failure tells of them is enough to have them again."""
    changed, unit = request.param
    world = World(random.SystemRandom().getrandbits(32), PEOPLE, changed, unit)
    folder = tmp_path_factory.mktemp("lake")
    lake = make_lake(folder, world.events())
    yield Case(world, folder, lake.snapshot())
    lake.close()


@RUNS
@given(data=st.data())
def test_a_funnel_is_what_the_brute_force_says(case: Case, data: st.DataObject) -> None:
    answer, expected = case.ask(data.draw(funnels.specs(case.world)))
    check_journeys(everyone(case.snapshot, answer), expected)
    check_numbers(answer, expected)
    check_breakdown(answer, expected)
    check_trend(answer, expected)
    part = data.draw(st.sampled_from((None, *answer.breakdown)))
    check_people(case.snapshot, answer, expected, part, data.draw(st.integers(1, len(answer.steps))))


ONE = pytest.mark.parametrize("case", [(funnels.CHANGES[0], funnels.HOUR)], indirect=True, ids=str)
WHOLE: dict[str, Any] = {
    "steps": [{"event": "A"}, {"event": "B"}, {"event": None}],
    **{"from": "2026-10-01", "to": "2026-10-31", "window": "6h"},
}


@ONE
@pytest.mark.parametrize("breakdown", ["country", "city"])
def test_every_bar_and_every_drop_of_every_value_lists_its_people(case: Case, breakdown: str) -> None:
    answer, expected = case.ask({**WHOLE, "breakdown": breakdown})
    assert expected.converted
    assert [part.other for part in answer.breakdown].count(True) == (breakdown == "city")
    for part in answer.breakdown:
        for step in range(1, len(answer.steps) + 1):
            check_people(case.snapshot, answer, expected, part, step)


@ONE
@pytest.mark.parametrize("group", ["reached:1", "reached:2", "reached:3", "dropped:1", "dropped:2", "converted"])
def test_the_file_of_a_number_holds_its_people(
    case: Case, group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, _ = case.ask(WHOLE)
    monkeypatch.setenv("ACTIVITY_DATA", str(case.folder))
    monkeypatch.setenv("ACTIVITY_TIMEZONE", "Europe/Berlin")
    (tmp_path / "spec.json").write_text(json.dumps(WHOLE))
    file = tmp_path / "people.csv"
    assert main(["funnel", str(tmp_path / "spec.json"), "--people", group, "--to", str(file)]) == 0
    listed = people(case.snapshot, answer, group).to_pylist()
    with file.open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    assert len(rows) == len(listed) > 0
    for row, person in zip(rows, listed, strict=True):
        for name in ("person", "customer_id", "name", "email"):
            told = person[name] or ""
            assert row[name] == (f"'{told}" if told.startswith("=") else told)
        for name in ("at_1", "at_2", "at_3"):
            assert (datetime.fromisoformat(row[name]) if row[name] else None) == person[name]


def everyone(snapshot: Snapshot, answer: Answer) -> list[dict[str, Any]]:
    """A row for each who entered: as `people` lists them, with what the answer knows beside."""
    places = behind(answer, Group("reached", 1))
    came = answer.came
    return [
        {
            **row,
            "depth": int(came.depth[place]),
            "unexcluded": int(came.unexcluded[place]),
            "open": bool(came.open[place]),
            "breakdown": answer.values[came.value[place]],
        }
        for row, place in zip(named(snapshot, answer, places).to_pylist(), places, strict=True)
    ]


def check_journeys(found: list[dict[str, Any]], expected: FunnelOracle) -> None:
    """Everyone who entered, and of each how far, when, from which event on, how far without exclusions, if open."""
    rows = {row["person"]: row for row in found}
    assert len(rows) == len(found)
    for person in sorted(rows.keys() | expected.journeys.keys()):
        journey, row = expected.journeys.get(person), rows.get(person)
        told = (
            f"\n{json.dumps(expected.spec)}\n{person}: {funnels.told(expected.histories[person])}"
            f"\nnow: {expected.now}, newest: {expected.newest:%d %H:%M:%S.%f}"
        )
        assert as_row(row, expected) == (as_told(journey, expected) if journey else None), told


def as_row(row: dict[str, Any] | None, expected: FunnelOracle) -> dict[str, Any] | None:
    if row is None:
        return None
    times = [row[f"at_{step}"] for step in range(1, expected.length + 1)]
    names = ("depth", "unexcluded", "open", *(("breakdown",) if "breakdown" in expected.spec else ()))
    return {"times": times, **{name: row[name] for name in names}}


def as_told(journey: Journey, expected: FunnelOracle) -> dict[str, Any]:
    row: dict[str, Any] = {
        "times": journey.times + [None] * (expected.length - journey.depth),
        "depth": journey.depth,
        "unexcluded": journey.unexcluded,
        "open": journey.open,
    }
    return {**row, "breakdown": expected.value(journey)} if "breakdown" in expected.spec else row


def check_numbers(answer: Answer, expected: FunnelOracle) -> None:
    counted = ("event", "people", "dropped", "open", "excluded")
    measured = ("from_first", "from_previous", "median_seconds", "p90_seconds")
    for found, step in zip(answer.steps, expected.steps, strict=True):
        assert {name: getattr(found, name) for name in counted} == {name: getattr(step, name) for name in counted}
        for name in measured:
            assert getattr(found, name) == pytest.approx(getattr(step, name), abs=1e-6), name
    assert (answer.entered, answer.converted) == (len(expected.reached(1)), len(expected.converted))
    assert sorted(answer.seconds) == pytest.approx(expected.to_convert)
    assert answer.median_seconds == pytest.approx(expected.overall(0.5))
    assert answer.p90_seconds == pytest.approx(expected.overall(0.9))
    check_histogram(answer, expected)


def check_histogram(answer: Answer, expected: FunnelOracle) -> None:
    """Everyone who converted is in one bin; a second on the line between two bins is in either, by the last bit."""
    bins = answer.histogram
    assert bool(bins) == bool(expected.converted)
    assert sum(bin.people for bin in bins) == len(expected.converted)
    for bin in bins:
        around, within = (
            sum(bin.start - slack <= seconds <= bin.stop + slack for seconds in expected.to_convert)
            for slack in (1e-6, -1e-6)
        )
        assert within <= bin.people <= around
    assert all(before.stop == after.start for before, after in pairwise(bins))


def check_breakdown(answer: Answer, expected: FunnelOracle) -> None:
    """The parts are the right ones, and sum to the whole."""
    if "breakdown" not in expected.spec:
        assert answer.breakdown == ()
        return
    assert [(part.value, part.other, list(part.people)) for part in answer.breakdown if not part.other] == [
        part for part in expected.parts if not part[1]
    ]
    assert [list(part.people) for part in answer.breakdown if part.other] == [
        numbers for _, other, numbers in expected.parts if other
    ]
    whole = [step.people for step in answer.steps]
    assert [sum(part.people[step] for part in answer.breakdown) for step in range(len(whole))] == whole


def check_trend(answer: Answer, expected: FunnelOracle) -> None:
    """Each bucket, by day and by week, is right, and those between the first and the last are all there."""
    for weekly, by, length in ((False, "day", 1), (True, "week", 7)):
        buckets = answer.trend(weekly=weekly)
        found = {bucket.day: (bucket.entered, bucket.converted) for bucket in buckets}
        assert {day: counts for day, counts in found.items() if counts[0]} == expected.trend(by)
        assert list(found) == days(list(found), length)


def days(found: list[date], length: int) -> list[date]:
    if not found:
        return []
    return [found[0] + timedelta(days=place) for place in range(0, (found[-1] - found[0]).days + 1, length)]


def check_people(snapshot: Snapshot, answer: Answer, expected: FunnelOracle, part: Part | None, step: int) -> None:
    """The people behind a bar and behind its drop, of all or of one part, are exactly as many as they say."""
    journeys, counts, of = list(expected.journeys.values()), [step.people for step in answer.steps], None
    if part:
        named = tuple(other.value for other in answer.breakdown if not other.other)
        journeys, counts = expected.under(part.value, part.other, journeys), list(part.people)
        of = Of(but=named) if part.other else Of(part.value)
    last = step == len(counts)
    reached = people(snapshot, answer, "converted" if last else f"reached:{step}", of)
    assert len(reached) == counts[step - 1]
    check_list(reached, [journey for journey in journeys if journey.depth >= step], expected)
    if last:
        assert people(snapshot, answer, f"reached:{step}", of).equals(reached)
        return
    dropped = people(snapshot, answer, f"dropped:{step}", of)
    assert len(dropped) == counts[step - 1] - counts[step]
    check_list(dropped, [journey for journey in journeys if journey.depth == step], expected)


def check_list(found: pa.Table, journeys: list[Journey], expected: FunnelOracle) -> None:
    """Who they are and when, earliest entry first."""
    times = [f"at_{step}" for step in range(1, expected.length + 1)]
    assert found.column_names == ["person", "customer_id", "name", "email", *times]
    assert {row["person"]: row for row in found.to_pylist()} == {
        journey.person: {
            "person": journey.person,
            "customer_id": expected.lake.customer(journey.entry),
            "name": expected.lake.trait(journey.entry, "name"),
            "email": expected.lake.trait(journey.entry, "email"),
            **dict(zip(times, as_told(journey, expected)["times"], strict=True)),
        }
        for journey in journeys
    }
    assert found["at_1"].to_pylist() == sorted(found["at_1"].to_pylist())
