"""A native DuckDB file, as the list questions are asked of it: the same engine, without DuckLake and Parquet."""

from __future__ import annotations

from datetime import UTC, datetime

import ibis

from tests.bench.dataset import DataSet
from tests.bench.peer import Dialect, Peer, Rows, rows_for_peers
from tests.bench.subjects import Subjects

THREADS = 2


class Native(Peer):
    """The events in a table of a `.duckdb` file, newest first."""

    def __init__(self, data_set: DataSet, subjects: Subjects) -> None:
        made, part = data_set.folder / "native.duckdb", data_set.folder / "native.part"
        if not made.exists():
            part.unlink(missing_ok=True)
            self._connect(str(part))
            files = sorted(rows_for_peers(data_set).glob("*.parquet"), reverse=True)
            for file in files:
                rows = f"SELECT * REPLACE (event_id::UUID AS event_id) FROM read_parquet('{file}')"  # noqa: S608
                exists = file != files[0]
                self._con.execute(f"INSERT INTO events {rows}" if exists else f"CREATE TABLE events AS {rows}")
            self._con.close()
            part.rename(made)
        self._connect(str(made))
        super().__init__(_DIALECT, subjects, self._rows)

    def _connect(self, path: str) -> None:
        self._con = ibis.duckdb.connect(path).con
        self._con.execute(f"SET TimeZone = 'UTC'; SET enable_progress_bar = false; SET threads = {THREADS}")

    def _rows(self, statement: str) -> Rows:
        rows: Rows = self._con.execute(statement).to_arrow_table().to_pylist()
        return rows


def _instant(at: datetime) -> str:
    return f"TIMESTAMPTZ '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


_DIALECT = Dialect(
    instant=_instant,
    identifier=lambda text: f"'{text}'::UUID",
    id_as_text="events.event_id::VARCHAR",
    contains=lambda field, text: f"contains(lower({field}), '{text}')",
    people="count(DISTINCT person)",
)
