"""Each format's sample, written by hand, against the rows it must give, written by hand from docs/semantics.md."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.sources import FORMATS, ObjectRef, Parsed, detect
from tests.support_parse import parse

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
GOLDEN = Path(__file__).parent
MODIFIED = datetime(2026, 11, 23, 12, tzinfo=UTC)
CUTOFF = datetime(2025, 10, 19, tzinfo=UTC)

# Where each sample would lie in its archive (docs/wire.md).
KEYS = {
    "activity": "v1/dt=2026-11-20/hh=09/1795166101400-0199f0a0.jsonl",
    "segment": "segment-logs/bH4ExampleSource/1795219200000/sample.jsonl",
    "rudderstack": "site/rudder-logs/2ExampleSourceId/11-22-2026/1795330920.2ExampleSourceId.sample.json",
    "firehose": "2026/11/20/00/clicks-1-2026-11-20-00-00-00-8a7b6c5d-1234-4abc-8def-0123456789ab",
}


def _sample(name: str) -> Path:
    return next(SAMPLES.glob(f"{name}.json*"))


def _parse(name: str, format: str, key: str) -> list[Parsed]:
    ref = ObjectRef("s3://archive", key, "etag", 1, MODIFIED)
    file = io.BytesIO(_sample(name).read_bytes())
    return list(parse(file, ref, 0, format, received_fallback=MODIFIED, retention_cutoff=CUTOFF))


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the golden files write it: without nulls and the hashed id, JSON as JSON, times as ISO 8601."""
    shown = {key: value for key, value in row.items() if value is not None and key not in ("event_id", "object")}
    for key in ("properties", "client_hints"):
        if key in shown:
            shown[key] = json.loads(shown[key])
    for key in ("occurred_at", "received_at"):
        shown[key] = shown[key].isoformat()
    return shown


@pytest.mark.parametrize("name", FORMATS)
def test_sample_gives_exactly_the_golden_rows(name: str) -> None:
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    (parsed,) = _parse(name, name, KEYS[name])
    assert [_readable(row) for row in parsed.table.to_pylist()] == golden["rows"]
    assert {str(each.line): each.code for each in parsed.rejected} == golden["rejected"]
    assert (parsed.lines, parsed.expired) == (golden["lines"], golden["expired"])


@pytest.mark.parametrize("name", FORMATS)
def test_format_is_found_from_the_key(name: str) -> None:
    assert detect(io.BytesIO(b""), ObjectRef("s3://archive", KEYS[name], "etag", 0, MODIFIED)) == name


@pytest.mark.parametrize("name", FORMATS)
def test_format_is_found_from_the_lines_where_the_key_tells_nothing(name: str) -> None:
    file = io.BytesIO(_sample(name).read_bytes())
    assert detect(file, ObjectRef("file:///inbox", "sample", "etag", 0, MODIFIED)) == name
    assert file.tell() == 0


@pytest.mark.parametrize("name", FORMATS)
def test_a_bad_line_at_the_head_does_not_decide_the_format(name: str) -> None:
    """It would give all other lines of the object another source, so that what is redelivered counts twice."""
    between = b"" if FORMATS[name].concatenated else b"\n"
    file = io.BytesIO(b'{"type":"track","event":"Without a person"}' + between + _sample(name).read_bytes())
    assert detect(file, ObjectRef("file:///inbox", "sample", "etag", 0, MODIFIED)) == name
