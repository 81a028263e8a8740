"""ClickHouse, as the list questions are asked of it: chdb, in the process that makes one."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from chdb import session

from pipeline.event import FIELD
from tests.bench.dataset import DataSet
from tests.bench.peer import GIVEN, Dialect, Peer, Rows, rows_for_peers
from tests.bench.subjects import Subjects

THREADS = 2
_FEW = frozenset(
    {
        *("event", "modal", "type", "country", "country_code", "region", "city", "timezone", "device", "browser", "os"),
        *("domain", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "source", "object_key"),
        "referrer_domain",
    }
)
_LOOKED_UP = ("customer_id", "ip", "event_id")


class ClickHouse(Peer):
    """The events in a MergeTree by time."""

    def __init__(self, data_set: DataSet, subjects: Subjects) -> None:
        made = data_set.folder / "clickhouse"
        whole = (made / "made").exists()
        if not whole:
            shutil.rmtree(made, ignore_errors=True)
        self._session = session.Session(str(made))
        if not whole:
            self._fill(data_set)
            (made / "made").touch()
        self._session.query("USE bench")
        super().__init__(_DIALECT, subjects, self._rows)

    def _fill(self, data_set: DataSet) -> None:
        columns = ", ".join(f"{name} {_type(name)}" for name in GIVEN)
        skipping = ", ".join(f"INDEX by_{name} {name} TYPE bloom_filter GRANULARITY 1" for name in _LOOKED_UP)
        self._session.query("CREATE DATABASE bench")
        self._session.query(
            f"CREATE TABLE bench.events ({columns}, {skipping}) ENGINE = MergeTree "
            "PARTITION BY toYYYYMM(occurred_at) ORDER BY (occurred_at, event_id)"
        )
        given = ", ".join("UUIDStringToNum(event_id)" if name == "event_id" else name for name in GIVEN)
        source = f"file('{rows_for_peers(data_set)}/*.parquet', Parquet)"
        self._session.query(f"INSERT INTO bench.events SELECT {given} FROM {source}")  # noqa: S608
        self._session.query("OPTIMIZE TABLE bench.events FINAL")

    def _rows(self, statement: str) -> Rows:
        settings = f"max_threads = {THREADS}, output_format_arrow_string_as_string = 1"
        told = self._session.query(f"{statement} SETTINGS {settings}", "ArrowStream").bytes()
        table = pa.ipc.open_stream(told).read_all()
        return [_plain(row) for row in table.to_pylist()]


def _type(name: str) -> str:
    if name == "event_id":
        return "FixedString(16)"  # in the order of its text, which a UUID of theirs is not
    if name in _FEW:
        return "LowCardinality(Nullable(String))"
    kind = FIELD[name].type
    if kind == "timestamp":
        return "DateTime64(6, 'UTC')"
    return "Nullable(Int64)" if kind == "integer" else "Nullable(String)"


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in row.items()}


def _instant(at: datetime) -> str:
    return f"toDateTime64('{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')"


_DIALECT = Dialect(
    instant=_instant,
    identifier=lambda text: f"UUIDStringToNum('{text}')",
    id_as_text="UUIDNumToString(events.event_id)",
    contains=lambda field, text: f"positionCaseInsensitiveUTF8({field}, '{text}') > 0",
    people="uniqExact(person)",
)
