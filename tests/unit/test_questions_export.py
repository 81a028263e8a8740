"""Files: what a cell looks like, that nothing is cut unsaid, and that a cancelled file leaves nothing behind."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.lake import Lake
from pipeline.questions import activity, export, workbook
from pipeline.questions.cells import csv_header, csv_lines, local_text, utc_text
from pipeline.questions.view import View
from tests import nasty
from tests.support import NOW, make_lake

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    rows = nasty.events(7, 200)
    rows[0] |= {"occurred_at": NOW, "title": "x" * 40_000, "customer_id": "007", "event": "=SUM(A1)"}
    rows[1] |= {"occurred_at": NOW, "title": "bell\x07 _x0041_ \ufffe", "customer_id": "1e5"}
    lake = make_lake(tmp_path_factory.mktemp("lake"), rows)
    yield lake
    lake.close()


def view(query: str = "range=90D") -> View:
    return View.parse(query, now=NOW, zone=PARIS)


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("plain", "plain"),
        ("", ""),
        (None, ""),
        ("a,b", '"a,b"'),
        ('say "hi"', '"say ""hi"""'),
        ("two\nlines", '"two\nlines"'),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", '"\'\rx"'),
        ("\nx", '"\'\nx"'),
        ('="a",1', '"\'=""a"",1"'),
        ("'=1", "'=1"),
        (" =1", " =1"),
        ("é–😀", "é–😀"),
    ],
)
def test_a_text_cell_is_quoted_and_no_formula(cell: str | None, line: str) -> None:
    assert csv_lines([pa.array([cell], pa.string())]).decode() == f"{line}\r\n"
    assert csv_header([cell or ""]).decode() == f"{line}\r\n"


def test_numbers_are_not_touched() -> None:
    assert csv_lines([pa.array([-5, None, 7]), pa.array(["-5", "", "x"])]) == b"-5,'-5\r\n,\r\n7,x\r\n"


def test_a_slice_of_a_column_is_written_as_itself() -> None:
    column = pa.array(["=a", None, "b,c", "=d", ""])
    assert csv_lines([column.slice(1, 3)]) == b'\r\n"b,c"\r\n\'=d\r\n'
    assert csv_lines([column.slice(0, 0)]) == b""


@pytest.mark.parametrize("zone", ["Europe/Paris", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "UTC"])
def test_times_are_told_in_utc_and_in_the_zone(zone: str) -> None:
    changes = [
        datetime(2026, 10, 25, 1, tzinfo=UTC),
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, tzinfo=UTC),
    ]
    times = [at + timedelta(microseconds=step) for at in changes for step in (-1, 0, 1, 3_600_000_000)]
    column = pa.array([*times, None], pa.timestamp("us", tz="UTC"))
    local = [at.astimezone(ZoneInfo(zone)).isoformat(timespec="microseconds") for at in times]
    assert local_text(column, ZoneInfo(zone)).to_pylist() == [*local, None]
    plain = [f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z" for at in times]
    assert utc_text(column).to_pylist() == [*plain, None]


def test_an_empty_view_is_a_header(lake: Lake, tmp_path: Path) -> None:
    nothing = view("range=7D&f=event is nothing at all")
    snapshot = lake.snapshot()
    assert b"".join(export.csv(snapshot, nothing)) == ",".join(export.columns()).encode() + b"\r\n"
    assert export.parquet(snapshot, nothing, tmp_path / "no.parquet") == 0
    assert pq.read_table(tmp_path / "no.parquet").schema == export.SCHEMA
    assert workbook.xlsx(snapshot, nothing, tmp_path / "no.xlsx") == workbook.Workbook(rows=0, sheets=1, cut=0)


def test_a_byte_order_mark_only_when_asked(lake: Lake) -> None:
    assert next(export.csv(lake.snapshot(), view(), bom=True)).startswith(b"\xef\xbb\xbfevent,")
    assert next(export.csv(lake.snapshot(), view())).startswith(b"event,")


def test_parquet_is_typed_and_in_order(lake: Lake, tmp_path: Path) -> None:
    snapshot = lake.snapshot()
    rows = export.parquet(snapshot, view(), tmp_path / "events.parquet")
    table = pq.read_table(tmp_path / "events.parquet")
    assert table.schema == export.SCHEMA
    assert len(table) == rows == activity.count(snapshot, view())
    text = b"".join(export.csv(snapshot, view())).decode()
    assert table["event_id"].to_pylist() == [row["event_id"] for row in csv.DictReader(io.StringIO(text, newline=""))]


def test_parquet_has_few_row_groups(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_BATCH", 10)
    export.parquet(lake.snapshot(), view(), tmp_path / "events.parquet")
    assert pq.read_metadata(tmp_path / "events.parquet").num_row_groups == 1


def test_xlsx_keeps_ids_as_text_and_says_what_it_cut(lake: Lake, tmp_path: Path) -> None:
    path, snapshot = tmp_path / "events.xlsx", lake.snapshot()
    written = workbook.xlsx(snapshot, view(), path)
    book = openpyxl.load_workbook(path, read_only=True)
    header, *rows = book["Events"].iter_rows(values_only=True)
    assert header == export.columns()
    assert written == workbook.Workbook(rows=len(rows), sheets=1, cut=1)
    assert len(rows) == activity.count(snapshot, view())
    cells = [dict(zip(header, row, strict=True)) for row in rows]
    long = next(row for row in cells if row["event"] == "=SUM(A1)")
    assert long["customer_id"] == "007"
    assert len(long["title"]) == workbook.CELL_UNITS
    assert long["title"].endswith(workbook.CUT)
    assert long["occurred_at"] == NOW.replace(tzinfo=None)
    assert long["occurred_at_local"] == NOW.astimezone(PARIS).replace(tzinfo=None)
    odd = next(row for row in cells if row["customer_id"] == "1e5")
    assert odd["title"].startswith("bell")
    summary = {name: value for name, value, *_ in book["Summary"].iter_rows(values_only=True)}
    assert summary["Events"] == len(rows)
    assert [value for name, value in summary.items() if name.startswith("Cells cut")] == [1]
    book.close()


def test_a_full_sheet_is_followed_by_another(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "SHEET_ROWS", 60)
    snapshot = lake.snapshot()
    total = activity.count(snapshot, view())
    written = workbook.xlsx(snapshot, view(), tmp_path / "events.xlsx")
    book = openpyxl.load_workbook(tmp_path / "events.xlsx", read_only=True)
    assert written.sheets == -(-total // 60) > 1
    assert book.sheetnames == ["Events", *[f"Events {n}" for n in range(2, written.sheets + 1)], "Summary"]
    sheets = [list(book[name].iter_rows(values_only=True)) for name in book.sheetnames[:-1]]
    assert all(sheet[0] == export.columns() and len(sheet) <= 61 for sheet in sheets)
    assert sum(len(sheet) - 1 for sheet in sheets) == total
    book.close()


@pytest.mark.parametrize(
    ("text", "length"),
    [("x" * 32_767, 32_767), ("x" * 32_768, 32_767), ("😀" * 16_384, 32_766), ("x" + "😀" * 16_384, 32_767)],
)
def test_a_cell_is_cut_at_what_excel_takes(text: str, length: int) -> None:
    fitting = workbook.fit(text)
    assert len(fitting.encode("utf-16-le")) // 2 <= workbook.CELL_UNITS
    assert len(fitting.encode("utf-16-le")) // 2 >= length - 1
    assert (fitting == text) == (len(text.encode("utf-16-le")) // 2 <= workbook.CELL_UNITS)


def test_cancelling_leaves_no_file(lake: Lake, tmp_path: Path) -> None:
    class Cancelled(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        assert 0 < done <= total
        raise Cancelled

    for write in (export.parquet, workbook.xlsx):
        with pytest.raises(Cancelled):
            write(lake.snapshot(), view(), tmp_path / "events.file", cancel)
    assert list(tmp_path.iterdir()) == []


def test_closing_a_stream_stops_it(lake: Lake) -> None:
    pieces = export.csv(lake.snapshot(), view())
    next(pieces)
    pieces.close()
    assert activity.count(lake.snapshot(), view()) > 0


def test_a_file_begins_before_all_people_are_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be a million, of whom its first events name few."""
    read: list[object] = []
    everybody = export.everybody
    monkeypatch.setattr(export, "_FIRST_SLICE", 3)
    monkeypatch.setattr(export, "everybody", lambda snapshot: read.append(snapshot) or everybody(snapshot))
    pieces = export.csv(lake.snapshot(), view("from=1970-01-01&to=2199-12-31"))
    begun = next(pieces)
    assert begun.count(b"\n") > 1
    assert not read
    rest = list(pieces)
    assert rest
    assert len(read) == 1


def test_fewer_large_events_are_held_at_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that memory stays flat whatever a site sends along."""
    everything = view("from=1970-01-01&to=2199-12-31")
    plain = list(export.batches(lake.snapshot(), everything))
    monkeypatch.setattr(export, "_FIRST_SLICE", 3)
    monkeypatch.setattr(export, "_SLICE", 5)
    monkeypatch.setattr(export, "_SLICE_BYTES", 1)
    few = list(export.batches(lake.snapshot(), everything, most=1_000))
    assert pa.Table.from_batches(few).to_pylist() == pa.Table.from_batches(plain).to_pylist()
    quarters = {row["occurred_at"].timestamp() // 900 for row in pa.Table.from_batches(plain).to_pylist()}
    assert len(few) >= len(quarters) - 8, "no more than a quarter of an hour each, but for the first two"
