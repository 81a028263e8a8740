"""What events carry, and what filters are given: it stays text in every answer and file, and asks for nothing else."""

from __future__ import annotations

import csv
import io
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from openpyxl import load_workbook

from pipeline.errors import ObjectGone
from pipeline.event import FIELDS, Op
from pipeline.questions.filters import Filter
from pipeline.sources import ObjectRef
from pipeline.sources.folder import FolderSource
from tests.browser.conftest import Server, serving
from tests.support import NOW, make_lake

DAYS = {"from": "2026-11-22", "to": "2026-11-23"}
EVENTS = 7
INJECTED = [
    "' OR '1'='1",
    "'; DROP TABLE lake.events; --",
    "\"; ATTACH '/tmp/x' AS y; --",
    "%' ESCAPE '",
    "\\' OR 1=1 --",
    "$1",
    "?",
    "{{7*7}}${7*7}#{7*7}",
    "1) UNION SELECT * FROM read_text('/etc/passwd') --",
    "read_csv('/etc/passwd')",
    "\u2019 or 1=1",
    "../../../etc/passwd",
    "<script>alert(1)</script>",
    "a\r\nSet-Cookie: b=c",
    '{"$ne": null}',
    "*)(uid=*",
]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://evil.example")']
_NO_TEXT = {"occurred_at", "received_at", "loaded_at", "line", "country_code", "properties", "type"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard over a few events, a formula in every text that a sender writes."""
    folder = tmp_path_factory.mktemp("stored")
    names = [field.name for field in FIELDS if field.type == "string" and field.group != "rest"]
    texts = [name for name in names if name not in _NO_TEXT and name not in {"event_id", "person", "object_key"}]
    rows = [
        {
            **{name: FORMULAS[(number + at) % len(FORMULAS)] for at, name in enumerate(texts)},
            "message_id": f"m{number}",
            "occurred_at": NOW - timedelta(minutes=number),
        }
        for number in range(EVENTS)
    ]
    known = {"name": "trait_name", "email": "trait_email"}
    make_lake(folder, [{known.get(name, name): value for name, value in row.items()} for row in rows]).close()
    with serving(folder) as served:
        yield served


def _get(server: Server, path: str) -> tuple[int, bytes, str]:
    try:
        with urllib.request.urlopen(server.url + path, timeout=30) as answer:
            return answer.status, answer.read(), str(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), str(error.headers)


def _rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))[1:]


TEXT_FIELDS = [field.name for field in FIELDS if Op.IS in field.ops and field.name != "event_id"]


@pytest.mark.parametrize("field", [*TEXT_FIELDS, "properties.plan", "properties.a'b", 'properties."a\\"b"'])
def test_a_filter_s_value_is_only_ever_compared(server: Server, field: str) -> None:
    """None of the events has such a value: *is* finds none of them, *is not* all, and nothing is harmed."""
    for op, count in ((Op.IS, 0), (Op.IS_NOT, EVENTS)):
        query = urlencode({**DAYS, "f": Filter(field, op, tuple(INJECTED)).text()})
        status, content, headers = _get(server, f"/export/events.csv?{query}")
        assert (status, len(_rows(content))) == (200, count), content[:300]
        assert "b=c" not in headers
    assert len(_rows(_get(server, f"/export/events.csv?{urlencode(DAYS)}")[1])) == EVENTS


def test_an_event_s_id_is_one_or_is_refused(server: Server) -> None:
    for value in INJECTED:
        assert _get(server, f"/export/events.csv?f={quote(f'event_id is {value}')}")[0] == 400


PARAMETERS = [
    *(("events.csv", name) for name in ("range", "from", "tz", "as_of", "page", "event", "f", "x")),
    *(("people.csv", name) for name in ("funnel", "as_of")),
    *(("rejected.csv", name) for name in ("reason", "as_of")),
]


@pytest.mark.parametrize(("file", "name"), PARAMETERS)
def test_a_parameter_is_understood_or_refused(server: Server, file: str, name: str) -> None:
    for value in INJECTED:
        status, content, headers = _get(server, f"/export/{file}?{quote(name)}={quote(value)}")
        assert status in {200, 400, 410}, content
        assert b"Traceback" not in content
        assert b"SELECT" not in content.replace(value.encode(), b"")
        assert "b=c" not in headers


def test_no_cell_of_a_csv_begins_a_formula(server: Server) -> None:
    content = _get(server, f"/export/events.csv?{urlencode(DAYS)}")[1]
    rows = _rows(content)
    cells = [cell for row in rows for cell in row]
    assert len(rows) == EVENTS
    assert not [cell for cell in cells if cell[:1] and cell[0] in "=+-@\t\r\n"]
    assert {f"'{each}" for each in FORMULAS} <= set(cells)


def test_no_cell_of_a_workbook_is_a_formula(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "events.xlsx"
    path.write_bytes(_get(server, f"/export/events.xlsx?{urlencode(DAYS)}")[1])
    sheet = load_workbook(path).worksheets[0]
    cells = [cell for row in sheet.iter_rows(min_row=2) for cell in row]
    assert not [cell.value for cell in cells if cell.data_type == "f"]
    assert not [cell for cell in cells if cell.hyperlink]
    assert "=1+1" in {cell.value for cell in cells}


@pytest.mark.parametrize(
    "key", ["../secret.jsonl", "a/../../secret.jsonl", "/etc/passwd", "..", "a/../../../etc/passwd"]
)
def test_no_key_leads_out_of_its_source(tmp_path: Path, key: str) -> None:
    (tmp_path / "landing" / "a").mkdir(parents=True)
    secret = tmp_path / "secret.jsonl"
    secret.write_text("secret")
    source = FolderSource((tmp_path / "landing").as_uri())
    target = (tmp_path / "landing" / key).resolve()
    stat = target.stat() if target.exists() else secret.stat()
    ref = ObjectRef(source.uri, key, f"{stat.st_mtime_ns}-{stat.st_size}-{stat.st_ino}", stat.st_size, NOW)
    with pytest.raises(ObjectGone, match="outside"):
        source.fetch(ref, max_inflated=1_000)
