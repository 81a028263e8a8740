"""A customer whose name, email, phone and addresses lie everywhere: nothing of her is in any answer that is masked.

Each question is asked of the lake as it is, too, where she is found: a test that cannot find her proves nothing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from pipeline.errors import QuestionError
from pipeline.event import FIELDS, Op
from pipeline.lake import Snapshot, look_ups
from pipeline.lake.schema import TABLES
from pipeline.questions import activity, customers, export, facets, flow, ledger, rejects, workbook
from pipeline.questions.facets import SUGGESTED_FIELDS
from pipeline.questions.filters import Filter, operators
from pipeline.questions.funnel import Funnel, measure, people, people_csv
from pipeline.questions.masking import masked
from pipeline.questions.people import CUSTOMER
from pipeline.questions.view import View
from pipeline.raw import raw_line
from tests.canary import EMAIL, IPV4, SECRET, SIGNS, make_canary_lake, rows, told
from tests.support import NOW, make_settings

ZONE = ZoneInfo("UTC")
VIEW = View(NOW, ZONE)
FUNNEL = {"steps": [{"event": "Read"}, {"event": "Registered"}]}
COUNTABLE = [field.name for field in FIELDS if operators(field.name)]
METADATA = ["properties.note", "properties.user", "properties.name", "properties.next"]
Answer = Callable[[Snapshot], object]


@dataclass(frozen=True)
class Lakes:
    """One snapshot, as it is and masked."""

    plain: Snapshot
    masked: Snapshot


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lakes]:
    lake = make_canary_lake(tmp_path_factory.mktemp("lake"))
    with patch.object(look_ups, "_ENOUGH", 1):
        assert look_ups.add_block(lake, NOW + timedelta(days=2)) is not None
    snapshot = lake.snapshot()
    yield Lakes(snapshot, masked(snapshot, SECRET))
    lake.close()


def listed(snapshot: Snapshot) -> list[dict[str, Any]]:
    pages = range(1, activity.page(snapshot, VIEW).pages + 1)
    fields = activity.STORED_FIELDS
    return [row for page in pages for row in activity.page(snapshot, VIEW.with_(page=page), fields=fields).rows]


def every_event(snapshot: Snapshot) -> object:
    return [activity.event(snapshot, row["event_id"], near=row["occurred_at"]) for row in listed(snapshot)[::4]]


def profiles(snapshot: Snapshot) -> object:
    found = facets.facet(snapshot, VIEW, "person", 100).top
    return [customers.profile(snapshot, each.value) for each in found if each.value]


def funnel_people(snapshot: Snapshot) -> bytes:
    funnel = Funnel.parse(FUNNEL | {"breakdown": "customer_id"}, now=NOW, zone=ZONE)
    answer = measure(snapshot, funnel)
    return b"".join(people_csv(people(snapshot, answer, "reached:1"))) + repr(answer.breakdown).encode()


def table(name: str) -> Answer:
    return lambda snapshot: snapshot.fetch(snapshot.table(name)).to_pylist()


QUESTIONS: dict[str, Answer] = {
    "list": listed,
    "event": every_event,
    "facets": lambda snapshot: facets.facets(snapshot, VIEW, COUNTABLE, 500),
    "metadata": lambda snapshot: facets.facets(snapshot, VIEW, METADATA, 500),
    "glance": lambda snapshot: facets.glance(snapshot, VIEW, limit=100),
    "suggestions": lambda snapshot: facets.suggestions(snapshot, VIEW, "", fields=SUGGESTED_FIELDS, limit=500),
    "most active": lambda snapshot: customers.most_active(snapshot, VIEW),
    "search": lambda snapshot: customers.search(snapshot, "cus_7"),
    "profiles": profiles,
    "csv": lambda snapshot: b"".join(export.csv(snapshot, VIEW)),
    "funnel people": funnel_people,
    "rejected": lambda snapshot: rejects.page(snapshot, None, limit=10, offset=0),
    "rejected csv": lambda snapshot: b"".join(rejects.csv(snapshot)),
    "rejected jsonl": lambda snapshot: b"".join(rejects.jsonl(snapshot)),
    "rejected lines": ledger.rejected_lines,
    "reasons": ledger.rejected_by_code,
    "objects": lambda snapshot: flow.objects(snapshot, "loaded", limit=10, offset=0, containing=""),
    **{f"table {name}": table(name) for name in TABLES},
}
WITHOUT_HER = {f"table {name}" for name in ("batches", "removed", "by_id", "sorted_until")}  # no text, or no row


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_answer_tells_of_her(lakes: Lakes, name: str) -> None:
    assert told(QUESTIONS[name](lakes.masked)) == set()
    assert bool(told(QUESTIONS[name](lakes.plain))) == (name not in WITHOUT_HER)


def test_all_that_is_looked_for_is_there(lakes: Lakes) -> None:
    assert told(QUESTIONS["csv"](lakes.plain)) == set(SIGNS)


def test_no_file_tells_of_her(lakes: Lakes, tmp_path: Path) -> None:
    def files(snapshot: Snapshot) -> tuple[set[str], set[str]]:
        export.parquet(snapshot, VIEW, tmp_path / "x.parquet")
        workbook.xlsx(snapshot, VIEW, tmp_path / "x.xlsx")
        with zipfile.ZipFile(tmp_path / "x.xlsx") as book:
            sheets = b"".join(book.read(name) for name in book.namelist())
        raw = (tmp_path / "x.parquet").read_bytes()  # its statistics hold values, too
        return told(pq.read_table(tmp_path / "x.parquet").to_pylist()) | told(raw), told(sheets)

    assert files(lakes.masked) == (set(), set())
    assert files(lakes.plain) == (set(SIGNS), set(SIGNS))


@pytest.mark.parametrize("text", ["zoraida", "Quillfeather", EMAIL, EMAIL[:6], IPV4])
def test_a_search_does_not_find_by_what_is_hidden(lakes: Lakes, text: str) -> None:
    assert customers.search(lakes.plain, text)
    assert customers.search(lakes.masked, text) == []
    assert facets.suggestions(lakes.masked, VIEW, text, fields=SUGGESTED_FIELDS) == []


def test_a_search_looks_at_ids_only(lakes: Lakes) -> None:
    """Of the mask itself, too: else whoever has a name would be found by it."""
    assert {each.person for each in customers.search(lakes.masked, "CUS_7")} == {"c:cus_7"}
    assert "c:cus_7" not in {each.person for each in customers.search(lakes.masked, "•••")}


def test_nobody_is_opened_by_an_id_that_is_hidden(lakes: Lakes) -> None:
    assert customers.profile(lakes.plain, CUSTOMER + EMAIL) is not None
    assert customers.profile(lakes.masked, CUSTOMER + EMAIL) is None


@pytest.mark.parametrize(
    "field", ["event", "customer_id", "anonymous_id", "person", "url", "path", "referrer", "title", "message_id"]
)
def test_no_filter_probes_what_is_hidden(lakes: Lakes, field: str) -> None:
    """A search for a bit of her finds no event, so that her letters cannot be guessed one by one."""
    values = ("canary-bird", "zoraida.q", IPV4, "203.0", "Zoraida", "2001:DB8")
    probes = [VIEW.with_(filters=(Filter(field, Op.CONTAINS, (value,)),)) for value in values]
    assert [activity.count(lakes.masked, probe) for probe in probes] == [0] * len(values)
    assert any(activity.count(lakes.plain, probe) for probe in probes)


def test_people_are_as_many_and_the_same(lakes: Lakes) -> None:
    """An id that is an email is another name, not another person."""
    plain, hidden = (facets.facet(each, VIEW, "person", 100) for each in (lakes.plain, lakes.masked))
    assert sorted(each.count for each in hidden.top) == sorted(each.count for each in plain.top)
    hers = next(each for each in hidden.top if each.value and each.value.startswith(f"{CUSTOMER}•••"))
    assert activity.count(lakes.masked, VIEW.plus(Filter("person", Op.IS, (str(hers.value),)))) == hers.count
    profile = customers.profile(lakes.masked, str(hers.value))
    assert profile is not None
    assert (profile.events, profile.name, profile.email, profile.anonymous_ids) == (hers.count, "•••", "•••", ("v1",))
    assert activity.count(lakes.masked, profile.view(NOW, ZONE)) == hers.count


def test_a_funnel_counts_the_same_people(lakes: Lakes) -> None:
    funnel = Funnel.parse(FUNNEL, now=NOW, zone=ZONE)
    answers = [measure(each, funnel) for each in (lakes.plain, lakes.masked)]
    assert answers[0].steps == answers[1].steps
    assert answers[0].entered == 3  # the fourth is the first, before she registered
    found = [people(*each, "reached:1") for each in zip((lakes.plain, lakes.masked), answers, strict=True)]
    assert found[0]["at_1"] == found[1]["at_1"]
    assert [name is None for name in found[0]["name"].to_pylist()] == [
        name is None for name in found[1]["name"].to_pylist()
    ]


def test_a_pseudonym_follows_the_secret(lakes: Lakes) -> None:
    def named(snapshot: Snapshot) -> set[str | None]:
        return {each.value for each in facets.facet(snapshot, VIEW, "customer_id", 10).top}

    again, other = masked(lakes.plain, SECRET), masked(lakes.plain, b"another")
    assert named(again) == named(lakes.masked)
    assert named(lakes.masked) & named(other) == {"cus_7", None}
    assert again.secret not in repr(again)
    assert masked(again, b"another") is again


def test_the_raw_event_is_not_shown(lakes: Lakes, tmp_path: Path) -> None:
    row = listed(lakes.masked)[0]
    with pytest.raises(QuestionError) as refused:
        raw_line(make_settings(tmp_path), lakes.masked, row["object_key"], row["line"])
    assert refused.value.code == "raw.masked"


def test_what_is_not_personal_stays(lakes: Lakes) -> None:
    assert activity.count(lakes.masked, VIEW) == activity.count(lakes.plain, VIEW) == len(rows())
    for field in ("country", "device", "type", "line", "source"):
        assert facets.facet(lakes.masked, VIEW, field) == facets.facet(lakes.plain, VIEW, field)
    urls = {each.value for each in facets.facet(lakes.masked, VIEW, "url", 100).top}
    assert "https://www.example.com/a?name=•••&utm_source=news&email=•••" in urls
