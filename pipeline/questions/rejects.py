"""Rejected lines, all of them or those of one reason: counted, page by page, and as files with exactly as many rows."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import ibis
import pyarrow as pa

from pipeline.lake.snapshot import Snapshot
from pipeline.questions.cells import csv_header, csv_lines

COLUMNS = ("seen_at", "source", "key", "line", "code", "reason", "raw")
_BATCH = 500  # lines in memory at once; each may be of a million bytes


def count(snapshot: Snapshot, code: str | None = None) -> int:
    """How many lines are kept as rejected."""
    return int(snapshot.fetch(_of(snapshot, code).count().name("n").as_table())["n"][0].as_py())


def page(snapshot: Snapshot, code: str | None, *, limit: int, offset: int) -> list[dict[str, Any]]:
    """Some of the lines, newest first, as `COLUMNS`; `raw` are the bytes as they came."""
    rows: list[dict[str, Any]] = snapshot.fetch(_sorted(snapshot, code).limit(limit, offset=offset)).to_pylist()
    return rows


def csv(snapshot: Snapshot, code: str | None = None) -> Iterator[bytes]:
    """RFC 4180, newest first. Bytes of a line that are no UTF-8 become `�`: `jsonl` has them as they came."""
    yield csv_header(COLUMNS)
    for batch in snapshot.stream(_sorted(snapshot, code), _BATCH):
        columns = {name: batch.column(name).to_pylist() for name in COLUMNS}
        columns["seen_at"] = [_iso(at) for at in columns["seen_at"]]
        columns["raw"] = [(raw or b"").decode("utf-8", "replace") for raw in columns["raw"]]
        kinds = {"line": pa.int64()}
        yield csv_lines([pa.array(values, kinds.get(name, pa.string())) for name, values in columns.items()])


def jsonl(snapshot: Snapshot, code: str | None = None) -> Iterator[bytes]:
    """A JSON object a line, newest first; `raw` as text, or, where it is no UTF-8, `raw_base64`."""
    for batch in snapshot.stream(_sorted(snapshot, code), _BATCH):
        yield b"".join(_json(row) for row in batch.to_pylist())


def _json(row: dict[str, Any]) -> bytes:
    raw: bytes = row.pop("raw") or b""
    try:
        kept = {"raw": raw.decode()}
    except UnicodeDecodeError:
        kept = {"raw_base64": base64.b64encode(raw).decode()}
    return json.dumps({**row, "seen_at": _iso(row["seen_at"]), **kept}, ensure_ascii=False).encode() + b"\n"


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _sorted(snapshot: Snapshot, code: str | None) -> ibis.Table:
    return _of(snapshot, code).select(*COLUMNS).order_by(ibis.desc("seen_at"), "source", "key", "line")


def _of(snapshot: Snapshot, code: str | None) -> ibis.Table:
    rejected = snapshot.rejected
    return rejected if code is None else rejected.filter(rejected.code == code)
