"""`count`, `events`, `event`, `facets` and `export` answer like the page does."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

from pipeline.__main__ import main
from tests import nasty
from tests.oracle import Oracle
from tests.support import make_lake

EVENTS = nasty.events(31, 160)
QUERY = "from=2026-08-01&to=2026-11-30&f=event+is_not+Registered"
EXPECTED = [event["event_id"] for event in Oracle(EVENTS).events if event["event"] != "Registered"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_lake(folder, EVENTS).close()
    return folder


@pytest.fixture
def ask(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACTIVITY_DATA", str(data))
    monkeypatch.setenv("ACTIVITY_TIMEZONE", "Europe/Paris")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return run


Ask = Callable[..., tuple[int, str, str]]


def test_count_prints_the_bare_number(ask: Ask) -> None:
    assert ask("count", QUERY) == (0, f"{len(EXPECTED)}\n", "")


def test_events_are_a_page_of_the_list(ask: Ask) -> None:
    pages = [json.loads(ask("events", QUERY, "--page", str(page), "--json")[1]) for page in (1, 2, 3)]
    assert {page["total"] for page in pages} == {len(EXPECTED)}
    listed = [row["event_id"] for page in pages for row in page["rows"]]
    assert len(listed) == len(set(listed)) == min(150, len(EXPECTED))
    assert set(listed) <= set(EXPECTED)
    code, out, _ = ask("events", f"{QUERY}&page=2")
    assert code == 0
    assert out.startswith(f"Rows 51–100 of {len(EXPECTED)}, newest first, times in Europe/Paris")
    assert len(out.splitlines()) == 52
    assert [line.split()[-1] for line in out.splitlines()[2:]] == listed[50:100]


def test_a_page_that_is_not_there_is_refused(ask: Ask) -> None:
    for page in ("99", "0", "-1"):
        code, out, err = ask("events", QUERY, "--page", page)
        assert (code, out) == (2, "")
        assert "There is no page" in err


def test_an_event_is_shown_whole(ask: Ask) -> None:
    told = EVENTS[0]
    code, out, _ = ask("event", told["event_id"], "--json")
    assert code == 0
    shown = json.loads(out)
    assert (shown["event"], shown["properties"], shown["ip"]) == (told["event"], told["properties"], told["ip"])
    code, out, _ = ask("event", told["event_id"].upper())
    assert told["event_id"] in out
    assert all(character.isprintable() for line in out.split("\n") for character in line)


def test_facets_sum_to_the_count(ask: Ask) -> None:
    shown = json.loads(ask("facets", QUERY, "country", "--json", "--limit", "3")[1])
    assert sum(value["count"] for value in shown["values"]) + shown["rest"] == shown["total"] == len(EXPECTED)
    _, out, _ = ask("facets", QUERY, "properties.price")
    assert sum(int(line.split()[0].replace(",", "")) for line in out.splitlines()) == len(EXPECTED)


@pytest.mark.parametrize("name", ["events.csv", "events.parquet", "events.xlsx"])
def test_a_file_has_exactly_the_counted_rows(ask: Ask, name: str) -> None:
    code, out, _ = ask("export", QUERY, "--to", name)
    assert (code, out) == (0, "")
    assert sorted(_ids(Path(name))) == sorted(EXPECTED)
    assert [path.name for path in Path().iterdir()] == [name]


def test_an_export_can_be_piped(ask: Ask) -> None:
    code, out, _ = ask("export", QUERY, "--to", "-")
    assert code == 0
    assert sorted(row["event_id"] for row in csv.DictReader(io.StringIO(out, newline=""))) == sorted(EXPECTED)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("count", "f=county is x"), "Did you mean 'country'?"),
        (("count", "as_of=999999"), "gone"),
        (("events", "rnage=7D"), "Did you mean 'range'?"),
        (("event", "5"), "not an event id"),
        (("event", "0b6f0f2e-7f43-5d6e-9a42-1f0c5b9f7a11"), "There is no event"),
        (("facets", QUERY, "properties"), "properties.NAME"),
        (("facets", QUERY, "country", "--limit", "0"), "at least 1"),
        (("export", QUERY, "--to", "events.doc"), ".csv, .parquet or .xlsx"),
        (("export", QUERY, "--to", "no/such/folder.csv"), "cannot be written"),
        (("export", QUERY, "--to", "no/such/folder.xlsx"), "cannot be written"),
        (("export", QUERY, "--to", "no/such/folder.parquet"), "cannot be written"),
    ],
)
def test_what_cannot_be_answered_is_said(ask: Ask, arguments: tuple[str, ...], says: str) -> None:
    code, out, err = ask(*arguments)
    assert (code, out) == (2, "")
    assert says in err


def _ids(path: Path) -> list[str]:
    if path.suffix == ".csv":
        return [row["event_id"] for row in csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""))]
    if path.suffix == ".parquet":
        return [str(value) for value in pq.read_table(path)["event_id"].to_pylist()]
    book = openpyxl.load_workbook(path, read_only=True)
    header, *rows = book["Events"].iter_rows(values_only=True)
    book.close()
    return [str(row[header.index("event_id")]) for row in rows]
