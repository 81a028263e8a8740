"""The lake's tables, and how an older lake becomes a current one.

`events` derives from `pipeline.event.FIELDS`: a new stored field becomes a new column when the lake is next opened
for writing. Everything else changes by a migration: a function appended to `MIGRATIONS`, never edited once released.
All statements here are fixed text or built from names declared in this package; no value of a user's enters them.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from pipeline.errors import LakeError
from pipeline.event import STORED, Type

SQL_TYPE: dict[Type, str] = {
    "string": "VARCHAR",
    "uuid": "UUID",
    "timestamp": "TIMESTAMPTZ",
    "integer": "BIGINT",
    "json": "VARCHAR",  # DuckLake keeps JSON as text; questions read it with the JSON functions
}
EVENT_COLUMNS: dict[str, str] = {field.name: SQL_TYPE[field.type] for field in STORED}

# The facts beside the events. Traits and links are append-only; the ledger has one row an object.
TABLES: dict[str, dict[str, str]] = {
    "events": EVENT_COLUMNS,
    "links": {
        "anonymous_id": "VARCHAR",
        "customer_id": "VARCHAR",
        "received_at": "TIMESTAMPTZ",
        "event_id": "UUID",
    },
    "traits": {
        "customer_id": "VARCHAR",
        "name": "VARCHAR",
        "email": "VARCHAR",
        "received_at": "TIMESTAMPTZ",
        "event_id": "UUID",
    },
    "objects": {
        "source": "VARCHAR",
        "key": "VARCHAR",
        "etag": "VARCHAR",
        "state": "VARCHAR",  # loaded, retrying or rejected
        "format": "VARCHAR",
        "bytes": "BIGINT",
        "modified": "TIMESTAMPTZ",
        "lines": "BIGINT",
        "loaded": "BIGINT",
        "duplicate": "BIGINT",
        "rejected": "BIGINT",
        "expired": "BIGINT",
        "attempts": "INTEGER",
        "last_error": "VARCHAR",
        "batch_id": "UUID",
        "seen_at": "TIMESTAMPTZ",
    },
    "batches": {
        "batch_id": "UUID",
        "started_at": "TIMESTAMPTZ",
        "committed_at": "TIMESTAMPTZ",
        "objects": "BIGINT",
        "lines": "BIGINT",
        "loaded": "BIGINT",
        "duplicate": "BIGINT",
        "rejected": "BIGINT",
        "expired": "BIGINT",
        "bytes": "BIGINT",
        "oldest_landed_at": "TIMESTAMPTZ",
    },
    "rejected": {
        "source": "VARCHAR",
        "key": "VARCHAR",
        "etag": "VARCHAR",
        "line": "BIGINT",
        "code": "VARCHAR",
        "reason": "VARCHAR",
        "raw": "BLOB",
        "seen_at": "TIMESTAMPTZ",
        "batch_id": "UUID",
    },
}


def _create(con: duckdb.DuckDBPyConnection) -> None:
    """Version 1. Days of events are partitions, so that retention drops whole files; newest first inside them."""
    for table, columns in TABLES.items():
        con.execute(f"CREATE TABLE lake.{table} ({', '.join(f'{n} {t}' for n, t in columns.items())})")
    con.execute("ALTER TABLE lake.events SET PARTITIONED BY (year(occurred_at), month(occurred_at), day(occurred_at))")
    con.execute("ALTER TABLE lake.events SET SORTED BY (occurred_at DESC)")


MIGRATIONS: tuple[Callable[[duckdb.DuckDBPyConnection], None], ...] = (_create,)


def is_current(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether nothing is to be migrated. Raises `LakeError` for a lake of a newer version."""
    version = _version(con)
    if version > len(MIGRATIONS):
        raise LakeError(
            f"This lake has version {version}; this program knows versions up to {len(MIGRATIONS)}.",
            hint="It was written by a newer release: upgrade.",
        )
    return version == len(MIGRATIONS) and not _missing(con)


def migrate(con: duckdb.DuckDBPyConnection) -> None:
    """Bring the lake to the current version, in one transaction. Raises `LakeError` for a lake of a newer version."""
    if is_current(con):
        return
    version = _version(con)
    missing = _missing(con) if version else []
    con.begin()
    try:
        if version == 0:
            con.execute("CREATE TABLE lake.migrations (version INTEGER, applied_at TIMESTAMPTZ)")
        for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
            step(con)
            con.execute("INSERT INTO lake.migrations VALUES ($1, now())", [number])
        for name in missing:
            con.execute(f"ALTER TABLE lake.events ADD COLUMN {name} {EVENT_COLUMNS[name]}")
        con.commit()
    except BaseException:
        con.rollback()
        raise


def _version(con: duckdb.DuckDBPyConnection) -> int:
    known = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'lake' AND table_name = 'migrations'"
    ).fetchone()
    if not known or not known[0]:
        return 0
    row = con.execute("SELECT max(version) FROM lake.migrations").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _missing(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The stored fields that the events table has no column for yet."""
    rows = con.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = 'lake' AND table_name = 'events'"
    ).fetchall()
    return sorted(EVENT_COLUMNS.keys() - {str(name) for (name,) in rows})
