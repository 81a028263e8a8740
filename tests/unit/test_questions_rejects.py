"""Rejected lines as files: exactly as many as counted, their bytes as they came, and no formula among them."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.lake import Entry, Lake
from pipeline.questions import rejects
from tests.support import NOW, make_settings


@dataclass(frozen=True)
class Line:
    line: int
    code: str
    raw: bytes
    reason: str = "It is no event."


LINES = [
    Line(1, "line.not_json", b"=HYPERLINK(1)"),
    Line(2, "line.not_json", b"\xff\x00\xfe"),
    Line(3, "line.not_utf8", '{"name": "Ånna", "x": "a\nb"}'.encode()),
    *[Line(number, "line.too_long", b"x" * number) for number in range(4, 1_300)],
]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    opened = Lake.open(make_settings(tmp_path))
    entry = Entry("made://tests", "1.jsonl", "e", 9, NOW, lines=len(LINES))
    with opened.write(NOW) as transaction:
        transaction.reject([(entry, line) for line in LINES])
        transaction.finish([entry], NOW)
    yield opened
    opened.close()


def test_a_file_has_exactly_the_lines_that_are_counted(lake: Lake) -> None:
    snapshot = lake.snapshot()
    for code, expected in ((None, len(LINES)), ("line.not_json", 2), ("line.none", 0)):
        rows = list(csv.DictReader(io.StringIO(b"".join(rejects.csv(snapshot, code)).decode(), newline="")))
        lines = b"".join(rejects.jsonl(snapshot, code)).splitlines()
        assert rejects.count(snapshot, code) == len(rows) == len(lines) == expected
    assert [row["line"] for row in rejects.page(snapshot, None, limit=2, offset=1)] == [2, 3]


def test_bytes_come_back_as_they_came(lake: Lake) -> None:
    told = {row["line"]: row for row in map(json.loads, b"".join(rejects.jsonl(lake.snapshot())).splitlines())}
    for line in LINES:
        row = told[line.line]
        raw = base64.b64decode(row["raw_base64"]) if "raw_base64" in row else row["raw"].encode()
        assert raw == line.raw


def test_no_cell_is_a_formula(lake: Lake) -> None:
    text = b"".join(rejects.csv(lake.snapshot(), "line.not_json")).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["raw"] for row in rows] == ["'=HYPERLINK(1)", "�\x00�"]
    assert rows[0]["seen_at"] == "2026-11-23T14:30:00Z"
