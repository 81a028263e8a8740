"""The Funnels page: bars, people and file agree; the URL is the state; what makes no sense is refused in words."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from zoneinfo import ZoneInfo

import pytest

from pages.parts import download
from pages.parts.funnels import answers, chart, compare, edit, tables, wording
from pages.parts.funnels.address import OTHER, Asked
from pages.parts.funnels.templates import TEMPLATES
from pipeline.errors import QuestionError
from pipeline.event import Op
from pipeline.lake import Lake
from pipeline.questions import facets
from pipeline.questions.filters import Filter
from pipeline.questions.funnel import Funnel, measure
from pipeline.questions.ranges import Days
from pipeline.questions.view import View
from tests.pages.asking import answer
from tests.pages.conftest import ROOT, Open, Page, _opener
from tests.pages.readers import REGISTERED, SUBSCRIBED, VIEWED, make_readers
from tests.pages.sample import HOSTILE
from tests.support import add_events, make_lake, make_settings

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
STEPS = [{"event": "Page Viewed"}, {"event": "Registered"}, {"event": "Subscribed"}]
SPEC: dict[str, Any] = {"steps": STEPS, "window": "7d", "range": "14D"}


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("funnel")
    make_readers(folder).close()
    return folder


@pytest.fixture
def open_funnel(readers: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """`open_funnel(spec, "people=converted")` runs the page with a funnel."""
    opener = _opener(readers, monkeypatch)
    run = next(opener)

    def show(spec: Any = SPEC, more: str = "") -> Page:
        text = spec if isinstance(spec, str) else json.dumps(spec)
        return run(f"funnel={quote(text)}&{more}", script="pages/views/funnel.py")

    yield show
    next(opener, None)


def _tiles(page: Page, key: str = "figures") -> dict[str, str]:
    return {item["label"]: item["value"] for item in page.given(key)["items"]}


def _file(page: Page) -> list[dict[str, str]]:
    """The file behind the list's link, from the route itself."""
    link = next(each for each in page.given("people_links")["links"] if "file" in each)
    code, text = _get("/" + link["href"])
    assert code == 200, text
    return list(csv.DictReader(io.StringIO(text)))


def _get(address: str) -> tuple[int, str]:
    """What the routes of files answer."""
    found = answer(download.ROUTES, address)
    return found.status, found.text


def test_the_figures_are_the_readers(open_funnel: Open) -> None:
    tiles = _tiles(open_funnel())
    assert (tiles["Entered"], tiles["Converted"]) == (str(VIEWED), str(SUBSCRIBED))
    assert tiles["Conversion"] == "8.3%"
    assert tiles["Biggest drop"] == "75.0%"
    assert tiles["Median time"] == "20 min"


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ("reached:1", VIEWED),
        ("reached:2", REGISTERED),
        ("dropped:1", VIEWED - REGISTERED),
        ("dropped:2", REGISTERED - SUBSCRIBED),
        ("converted", SUBSCRIBED),
    ],
)
def test_bar_list_and_file_are_the_same_people(open_funnel: Open, people: str, expected: int) -> None:
    page = open_funnel(more=f"people={people}")
    assert f"<b>{expected} people</b>" in page.html()
    shown = page.given("people_table")["rows"]
    assert len(shown) == min(expected, 50)
    rows = _file(page)
    assert len(rows) == expected == len({row["person"] for row in rows})
    assert [row["customer_id"] or "Anonymous" for row in rows[:50]] == [row[0]["text"] for row in shown]


def test_every_cell_of_the_breakdown_has_its_people_and_file(open_funnel: Open) -> None:
    spec = {**SPEC, "breakdown": "country"}
    table = open_funnel(spec).given("parts")
    parts = [row["cells"] for row in table["rows"]]
    sums = [VIEWED, VIEWED - REGISTERED, REGISTERED, REGISTERED - SUBSCRIBED, SUBSCRIBED]
    assert [sum(int(cells[column]["text"]) for cells in parts) for column in range(5)] == sums
    assert [each["text"] for each in table["columns"]][1:4] == ["1. Page Viewed", "Stopped", "2. Registered"]
    seen: dict[str, set[str]] = {}
    for cell in (each for cells in parts for each in cells):
        group, of = cell["action"]["people"], quote(json.dumps(cell["action"]["of"]))
        page = open_funnel(spec, f"people={group}&of={of}")
        assert f"<b>{wording.people(int(cell['text']))}</b>" in page.html()
        people = {row["person"] for row in _file(page)}
        assert len(people) == int(cell["text"])
        assert not people & seen.setdefault(group, set())
        seen[group] |= people
        on = [each for row in page.given("parts")["rows"] for each in row["cells"] if each.get("on")]
        assert [each["action"] for each in on] == [cell["action"]]
        assert "<img" not in page.html()
    assert {group: len(people) for group, people in seen.items()} == dict(
        zip(("reached:1", "dropped:1", "reached:2", "dropped:2", "reached:3"), sums, strict=True)
    )


def test_every_number_of_the_steps_asks_for_its_people(open_funnel: Open) -> None:
    page = open_funnel(more="people=dropped:1")
    rows = page.given("step_table")["rows"]
    asked = [cell["action"]["people"] for row in rows for cell in row["cells"] if "action" in cell]
    assert asked == ["reached:1", "dropped:1", "reached:2", "dropped:2", "converted"]
    counts = [cell["text"] for row in rows for cell in row["cells"] if "action" in cell]
    assert counts == [
        str(each) for each in (VIEWED, VIEWED - REGISTERED, REGISTERED, REGISTERED - SUBSCRIBED, SUBSCRIBED)
    ]
    assert [cell["action"]["people"] for row in rows for cell in row["cells"] if cell.get("on")] == ["dropped:1"]


def test_a_click_on_a_number_names_its_people(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    answer = measure(lake.snapshot(), _funnel({**SPEC, "breakdown": "country"}))
    lake.close()
    click = {"do": "people", "people": "dropped:2"}
    named = [tables.chosen(answer, {**click, **more}) for more in ({}, {"of": "France"}, {"of": None}, {"of": OTHER})]
    said = [(each.text(), each.narrowed, each.value, each.other) for each in named if each is not None]
    assert said == [
        ("dropped:2", False, None, False),
        ("dropped:2", True, "France", False),
        ("dropped:2", True, None, False),
        ("dropped:2", True, None, True),
    ]
    assert tables.chosen(answer, {"do": "else"}) is None
    with pytest.raises(QuestionError):
        tables.chosen(answer, {"do": "people", "people": "dropped:3"})


def _typed(page: Page, sign: str, data: Path) -> subprocess.CompletedProcess[str]:
    """What the command that the page shows answers, typed as it is but for where Python and the file are."""
    command = next(each.value for each in page.test.code if sign in each.value)
    command = command.replace("python -m", f"{sys.executable} -m").replace("people.csv", str(data / "people.csv"))
    environment = {**os.environ, "ACTIVITY_DATA": str(data)}
    return subprocess.run(command, shell=True, check=True, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("breakdown", "more"),
    [
        (None, ""),
        ("country", '&of="France"'),
        ("country", f"&of={quote(json.dumps(HOSTILE[0]))}"),
        ("customer_id", "&of=null"),
        ("anonymous_id", f"&of={quote(json.dumps(OTHER))}"),
    ],
)
def test_the_command_beside_a_list_writes_the_same_people(
    open_funnel: Open, readers: Path, breakdown: str | None, more: str
) -> None:
    page = open_funnel({**SPEC, "breakdown": breakdown}, f"people=dropped:1{more}")
    _typed(page, "--people", readers)
    with (readers / "people.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == _file(page) != []


def test_the_command_beside_the_figures_asks_the_data_that_the_page_shows(tmp_path: Path, monkeypatch: Any) -> None:
    """Data that came since is not in it, and names with a backslash or a quote reach it as they are."""
    name = 'it\'s a \\n "name"'
    spec = {**SPEC, "steps": [{"event": name}, STEPS[1]]}
    event = {"event": name, "customer_id": "a", "occurred_at": datetime.now(UTC) - timedelta(hours=1)}
    lake = make_lake(tmp_path, [{**event, "message_id": "1"}])
    opener = _opener(tmp_path, monkeypatch)
    page = next(opener)(f"funnel={quote(json.dumps(spec))}", script="pages/views/funnel.py")
    add_events(lake, [{**event, "message_id": "2", "customer_id": "b"}], key="later.jsonl")
    said = json.loads(_typed(page, "--json", tmp_path).stdout)
    assert [str(step["people"]) for step in said["steps"]] == [_tiles(page)["Entered"], _tiles(page)["Converted"]]
    assert said["steps"][0]["people"] == 1
    next(opener, None)
    lake.close()


def test_people_are_paged(open_funnel: Open) -> None:
    page = open_funnel(more="people=reached:1&page=3")
    assert f"People 101–{VIEWED} of {VIEWED}" in page.html()
    assert len(page.given("people_table")["rows"]) == VIEWED - 100
    assert "People 101–" in open_funnel(more="people=reached:1&page=99").html()


def test_a_person_leads_to_their_profile_and_events(open_funnel: Open) -> None:
    row = open_funnel(more="people=converted").given("people_table")["rows"][0]
    assert row[0]["href"].startswith("customers?")
    query = parse_qs(urlsplit(row[-1]["href"]).query)
    assert query["f"][0].startswith("person is ")


def test_few_people_lead_to_exactly_their_events(open_funnel: Open, readers: Path) -> None:
    """Also in any order, and where the funnel itself is of some people."""
    within = [f"person is {'|'.join(f'c:cus_{reader:03}' for reader in range(60))}"]
    for spec in (SPEC, {**SPEC, "order": "any"}, {**SPEC, "filters": [*within, "country is France"]}):
        page = open_funnel(spec, "people=reached:2")
        link = page.given("people_links")["links"][0]
        assert link["label"] == "Their events"
        view = View.parse(link["href"].removeprefix("./?"), now=datetime.now(UTC), zone=UTC_ZONE)
        people = {row["person"] for row in _file(page)}
        assert set(view.filters[0].values) == people
        lake = Lake.open(make_settings(readers))
        found = facets.facet(lake.snapshot(), view, "person", 200)
        lake.close()
        assert {item.value for item in found.top} == people
    many = open_funnel(more="people=reached:1").given("people_links")["links"][0]
    assert many["label"] == "This step’s events"


def test_a_link_to_activity_is_given_only_where_it_is_those_events(
    open_funnel: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values of one field are alternatives in a view, but the funnel's and a step's filters must both hold."""
    monkeypatch.setattr(answers, "MOST_LINKED", 0)

    def labels(spec: dict[str, Any]) -> list[str]:
        return [link["label"][:9] for link in open_funnel(spec, "people=reached:1").given("people_links")["links"]]

    step = {"event": "Page Viewed", "filters": ["country is France"]}
    assert labels({**SPEC, "filters": ["device is_not Bot"], "steps": [step, STEPS[1]]}) == ["This step", "CSV of ex"]
    for other in ("country is France|Japan", "event is Page Viewed|Registered"):
        assert labels({**SPEC, "filters": [other], "steps": [step, STEPS[1]]}) == ["CSV of ex"]
    assert labels({**SPEC, "order": "any"}) == ["CSV of ex"]
    within = {**SPEC, "filters": ["person is c:cus_001|c:cus_002"]}
    row = open_funnel(within, "people=reached:1").given("people_table")["rows"][0]
    assert parse_qs(urlsplit(row[-1]["href"]).query)["f"] == ["person is c:cus_002"]


def test_the_copied_link_is_pinned_and_shows_the_same(open_funnel: Open) -> None:
    page = open_funnel(more="people=dropped:1")
    given = parse_qs(page.given("copy_link")["links"][0]["copy"])
    spec = json.loads(given["funnel"][0])
    assert "range" not in spec
    assert {"from", "to"} <= spec.keys()
    again = open_funnel(spec, f"as_of={given['as_of'][0]}&people={given['people'][0]}")
    assert _tiles(again) == _tiles(page)
    assert f"<b>{VIEWED - REGISTERED} people</b>" in again.html()


@pytest.mark.parametrize(
    ("spec", "more", "said"),
    [
        ('{"steps": [', "", "not complete JSON"),
        ({"steps": STEPS[:1]}, "", "at least two"),
        ({"steps": STEPS * 4}, "", "at most 10"),
        ({"steps": [{"event": "A", "filters": ["county is France"]}, STEPS[1]]}, "", "Did you mean 'country'?"),
        (SPEC, "people=dropped:3", "names no step"),
        (SPEC, "people=reached:1&of=%22France%22", "names no part"),
        (SPEC, "peeple=converted", "There is no parameter 'peeple'"),
        (SPEC, "people=converted&side=2", "is of a comparison"),
        (SPEC, "trend=month", "no trend by 'month'"),
        (SPEC, "compare=path%20starts_with%20/news", "has no opposite"),
        ({**SPEC, "filters": ["country is Japan"]}, "compare=country%20is%20France", "already filtered by Country"),
        (SPEC, "as_of=last", "not a number"),
    ],
)
def test_an_unreadable_link_says_why_and_offers_templates(open_funnel: Open, spec: Any, more: str, said: str) -> None:
    problem = open_funnel(spec, more).given("problem")
    assert said in problem["text"]
    assert [way["label"] for way in problem["ways"]] == [each.name for each in TEMPLATES[:3]]


def test_without_a_link_the_first_template_is_shown(readers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opener = _opener(readers, monkeypatch)
    page = next(opener)(script="pages/views/funnel.py")
    assert TEMPLATES[0].name in page.html()
    assert _tiles(page)["Entered"] == str(VIEWED)
    next(opener, None)


def test_an_empty_step_is_named(open_funnel: Open) -> None:
    page = open_funnel({**SPEC, "steps": [*STEPS[:2], {"event": "Subscribbed"}]})
    assert "Nobody reached step 3" in page.given("notes_said")["text"]
    assert "'Subscribed'" in page.given("notes_said")["text"]
    nobody = open_funnel({**SPEC, "steps": [{"event": "Nope"}, STEPS[1]]}).given("empty")
    assert nobody["title"] == "Nobody entered this funnel"
    assert "Nobody entered" in nobody["text"]
    assert nobody["ways"] == []  # no range and no filter makes an event out of a name


def test_an_empty_funnel_offers_to_ask_for_less(open_funnel: Open) -> None:
    """In the page's words, each way a link to a funnel that people do enter."""
    step = {"event": "Page Viewed", "filters": ["path starts_with /nowhere", "device is_set"]}
    nobody = open_funnel({**SPEC, "steps": [step, STEPS[1]], "filters": ["country is France"]}).given("empty")
    assert "“Page Viewed · Path starts with /nowhere · Device is set”" in nobody["text"]
    ways = {way["label"]: json.loads(parse_qs(way["href"])["?funnel"][0]) for way in nobody["ways"]}
    assert [ways[label].get("filters") for label in ways] == [None, *3 * [["country is France"]]]
    assert [ways[label]["steps"][0].get("filters") for label in ways] == [
        step["filters"],
        ["device is_set"],
        ["path starts_with /nowhere"],
        step["filters"],
    ]
    assert [(label, ways[label]["range"]) for label in ways] == [
        ("Without “Country is France”", "14D"),
        ("Step 1 without “Path starts with /nowhere”", "14D"),
        ("Step 1 without “Device is set”", "14D"),
        ("Over the last 90 days", "90D"),
    ]


def test_before_the_first_load_the_page_says_what_it_waits_for(open_empty: Open) -> None:
    assert open_empty(script="pages/views/funnel.py").given("empty")["title"] == "No events yet"


def test_widgets_change_the_link(open_funnel: Open) -> None:
    page = open_funnel({**SPEC, "exclusions": [{"event": "Refunded", "after_step": 1, "before_step": 2}]})
    page.test.button_group(key="order").set_value("Any order").run()
    spec = json.loads(page.test.query_params["funnel"])
    assert spec["order"] == "any"
    assert "exclusions" not in spec
    page.test.checkbox(key="first").check().run()
    page.test.number_input(key="window").set_value(36).run()
    page.test.selectbox(key="unit").set_value("hours").run()
    page.test.selectbox(key="by").set_value("device").run()
    spec = json.loads(page.test.query_params["funnel"])
    assert (spec["first_entry_only"], spec["window"], spec["breakdown"]) == (True, "36h", "device")


def test_a_window_too_long_is_refused_and_nothing_changes(open_funnel: Open) -> None:
    page = open_funnel()
    page.test.number_input(key="window").set_value(10_000).run()
    assert "366 days" in page.given("refused")["text"]
    assert json.loads(page.test.query_params["funnel"]) == SPEC


def test_another_funnel_closes_the_list_of_the_one_before(open_funnel: Open) -> None:
    page = open_funnel(more="people=converted&page=2")
    page.test.checkbox(key="first").check().run()
    assert not {"people", "page"} & page.test.query_params.keys()


def test_two_periods_and_a_segment_stand_side_by_side(open_funnel: Open) -> None:
    page = open_funnel(more="compare=before")
    assert (_tiles(page, "figures_1")["Entered"], _tiles(page, "figures_2")["Entered"]) == (str(VIEWED), "0")
    page = open_funnel(more="compare=country%20is%20France")
    sides = [int(_tiles(page, f"figures_{side}")["Entered"]) for side in (1, 2)]
    assert sides == [VIEWED // 3, VIEWED - VIEWED // 3]
    people = open_funnel(more="compare=country%20is%20France&people=reached:1&side=2")
    assert f"<b>{sides[1]} people</b>" in people.html()
    assert "· Country is not France" in people.html()
    assert len(_file(people)) == sides[1]


def test_what_differs_is_measured_against_the_second(open_funnel: Open) -> None:
    """A plus is better than the days before, or than the rest."""
    shown = open_funnel(more="compare=customer_id%20is_set").given("differences")
    assert [column["label"] for column in shown["columns"]][1:5] == [
        "Customer ID is set",
        "of first",
        "Customer ID is not set",
        "of first",
    ]
    known, registered = VIEWED * 3 // 4, REGISTERED * 3 // 4
    assert shown["rows"][1][1:5] == [f"{registered}", "33.3%", f"{REGISTERED - registered}", "33.3%"]
    assert shown["rows"][0][1] == f"{known}"
    assert shown["rows"][2][2::2] == ["7.8%", "10.0%"]
    assert shown["rows"][2][5] == "−2.2 points"
    assert compare.points(0.4, None) == "–"
    assert (compare.points(0.4, 0.3), compare.points(0.3, 0.3)) == ("+10.0 points", "none")


def test_the_range_before_is_as_long_and_ends_where_this_begins() -> None:
    view = _funnel(SPEC | {"range": "7D"}).view
    earlier = compare.before(view)
    assert earlier == Days(view.bounds()[0].date() - timedelta(days=7), view.bounds()[0].date() - timedelta(days=1))
    rolling = _funnel(SPEC | {"range": "24H"}).view
    start, stop = compare.before(rolling).bounds(NOW, UTC_ZONE)
    assert (stop, stop - start) == (rolling.bounds()[0], timedelta(hours=24))


def _funnel(spec: dict[str, Any]) -> Funnel:
    return Funnel.parse(spec, now=NOW, zone=UTC_ZONE)


def _after(spec: dict[str, Any], **action: Any) -> dict[str, Any]:
    return edit.after(_funnel(spec), action).spec()


def test_steps_are_added_moved_and_removed() -> None:
    names = lambda spec: [step["event"] for step in spec["steps"]]  # noqa: E731
    assert names(_after(SPEC, do="add", event=None)) == ["Page Viewed", "Registered", "Subscribed", None]
    assert names(_after(SPEC, do="move", at=2, to=0)) == ["Subscribed", "Page Viewed", "Registered"]
    assert names(_after(SPEC, do="remove", at=1)) == ["Page Viewed", "Subscribed"]
    assert names(_after(SPEC, of="step", at=0, do="event", event="Searched"))[0] == "Searched"


def test_filters_of_a_step_join_and_go() -> None:
    filtered = _after(SPEC, of="step", at=1, do="filter", field="country", op="is", value="France")
    both = _after(filtered, of="step", at=1, do="filter", field="country", op="is", value="Spain")
    assert both["steps"][1]["filters"] == ["country is France|Spain"]
    assert "filters" not in _after(both, of="step", at=1, do="unfilter", index=0)["steps"][1]


def test_exclusions_follow_the_steps_they_lie_between() -> None:
    spec = _after(SPEC, do="exclude", event="Refunded")
    assert spec["exclusions"] == [{"event": "Refunded", "after_step": 1, "before_step": 3}]
    narrower = _after(spec, do="between", at=0, after=2, before=3)
    assert _after(narrower, do="remove", at=0)["exclusions"] == [
        {"event": "Refunded", "after_step": 1, "before_step": 2}
    ]
    assert "exclusions" not in _after(narrower, do="remove", at=1)
    assert "exclusions" not in _after(narrower, do="include", at=0)


@pytest.mark.parametrize(
    "action",
    [
        {"do": "remove", "at": 7},
        {"do": "move", "at": 0, "to": -1},
        {"do": "between", "at": 0, "after": 1, "before": 2},
        {"of": "step", "at": 0, "do": "event", "event": "  "},
        {"of": "step", "at": 0, "do": "filter", "field": "county", "op": "is", "value": "x"},
        {"do": "explode"},
    ],
)
def test_what_cannot_be_done_is_refused(action: dict[str, Any]) -> None:
    with pytest.raises(QuestionError):
        _after(SPEC, **action)


def test_the_last_two_steps_stay() -> None:
    with pytest.raises(QuestionError, match="at least two"):
        _after({**SPEC, "steps": STEPS[:2]}, do="remove", at=0)


def test_an_event_name_is_text_in_the_chart(tmp_path: Path) -> None:
    """Plotly reads tags, entities and LaTeX; none of an event's may reach it as such."""
    name = '<a href="x">$y$</a> & <b>bold</b>'
    lake = make_lake(tmp_path, [{"event": name, "customer_id": "c", "occurred_at": NOW, "message_id": "1"}])
    answer = measure(lake.snapshot(), _funnel({"steps": [{"event": name}, STEPS[1]]}))
    lake.close()
    for compact in (False, True):
        drawn = str(chart.funnel(answer, None, compact=compact).to_dict())
        assert "&lt;a href" in drawn
        for sign in ("<a", "$y$", "<b>bold"):
            assert sign not in drawn
    assert chart.escaped("&lt;") == "&amp;lt;"


@pytest.mark.parametrize(
    ("curve", "point", "group"),
    [(1, 0, "reached:1"), (1, 2, "converted"), (0, 1, "dropped:1"), (2, 2, "dropped:2"), (0, 0, None)],
)
def test_a_click_names_a_group(curve: int, point: int, group: str | None, tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    answer = measure(lake.snapshot(), _funnel(SPEC))
    lake.close()
    assert chart.clicked(answer, [{"curve_number": curve, "point_index": point}]) == group
    assert chart.clicked(answer, []) is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0.5, "0.5 s"), (40, "40 s"), (510, "8 min 30 s"), (3600, "1 h"), (187_200, "2 d 4 h")],
)
def test_times_are_said_in_their_two_largest_units(seconds: float | None, said: str) -> None:
    assert wording.lasting(seconds) == said


def test_shares_never_round_to_all_or_nothing() -> None:
    said = [wording.percent(share) for share in (None, 0, 0.0004, 0.173, 0.9996, 1)]
    assert said == ["–", "0%", "<0.1%", "17.3%", ">99.9%", "100%"]


@pytest.mark.parametrize("op", [Op.IS, Op.IS_NOT, Op.CONTAINS, Op.IS_SET])
def test_an_opposite_is_its_opposites_opposite(op: Op) -> None:
    condition = Filter("country", op, () if op is Op.IS_SET else ("France",))
    assert compare.opposite(compare.opposite(condition)) == condition


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda each: each.name)
def test_templates_are_spelt_as_the_page_spells_them(template: Any) -> None:
    funnel = template.funnel(NOW, UTC_ZONE)
    assert funnel.spec() == template.spec
    assert parse_qs(Asked(funnel).query())["funnel"] == parse_qs(template.href[1:])["funnel"]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("people=converted&as_of=1", 400, "not complete JSON"),
        (f"funnel={quote(json.dumps(SPEC))}&people=everyone&as_of=1", 400, "no people called 'everyone'"),
        (f"funnel={quote(json.dumps(SPEC))}&people=converted&as_of=999999", 410, "is gone"),
        (f"funnel={quote(json.dumps(SPEC))}&people=converted", 400, "number of a snapshot"),
        (f"funnel={quote(json.dumps(SPEC))}&people=converted&as_of=1&x=1", 400, "no parameter 'x'"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(open_funnel: Open, query: str, status: int, said: str) -> None:
    open_funnel()
    code, text = _get(f"/export/people.csv?{query}")
    assert code == status
    assert said in text
