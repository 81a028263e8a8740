"""Forgetting a customer: their rows leave every table, and then every file, statistic and page that still holds them.

Removing rows is a commit like any other, after which the rows are still in older snapshots, in the data files that a
delete file points into, in the catalog's statistics and in its free pages. `purge` removes all of that; it is the one
thing that a reader of an older snapshot notices (`SnapshotGone`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from pipeline.errors import LakeBusy
from pipeline.lake import sqlite_apart
from pipeline.lake.engine import CATALOG, REBUILDING

if TYPE_CHECKING:
    from pipeline.lake import Lake

# The visitors who were first linked to the customer: of each visitor's links, the earliest counts.
_VISITORS = """SELECT anonymous_id FROM (
        SELECT anonymous_id, customer_id FROM lake.links
        QUALIFY row_number() OVER (PARTITION BY anonymous_id ORDER BY received_at, event_id) = 1
    ) WHERE customer_id = $1 ORDER BY anonymous_id"""
_TRAITS = "SELECT DISTINCT name, email FROM lake.traits WHERE customer_id = $1"

# Whose an event is, as `pipeline.erasure.theirs` has it for lines; `visitors` are registered beside.
_THEIRS = """(customer_id = $customer
    OR (nullif(customer_id, '') IS NULL AND anonymous_id IN (SELECT id FROM visitors))
    OR (type = 'alias' AND json_extract_string(properties, '$.previousId') IN (SELECT id FROM visitors)))"""
_THEM = "person = 'c:' || $customer OR person IN (SELECT 'a:' || id FROM visitors)"
_RECORD_EVENTS = f"""INSERT INTO lake.removed BY NAME
    SELECT $now AS removed_at, 'erasure' AS kind, object_key AS key, count(*) AS events, 0 AS rejected, 0 AS lines
    FROM lake.events WHERE {_THEIRS} GROUP BY object_key"""  # noqa: S608


def _as_events(column: str) -> str:
    """Of a table that says the same of events once more, which of their rows say it of theirs."""
    return f"({column}, occurred_at) IN (SELECT ({column}, occurred_at) FROM lake.events WHERE {_THEIRS})"  # noqa: S608


# Table → the rows of it that are theirs, in the order in which they are removed.
_ROWS = {
    **{table: _as_events("event_id") for table in ("by_person", "by_address")},
    "by_id": _as_events("id_number"),
    "events": _THEIRS,
    "links": "customer_id = $customer OR anonymous_id IN (SELECT id FROM visitors)",
    "traits": "customer_id = $customer",
    "people": _THEM,
}
_ALL_REJECTED = "SELECT source, key, etag, line, raw FROM lake.rejected WHERE octet_length(raw) > 0"
_RECORD_REJECTED = """INSERT INTO lake.removed BY NAME
    SELECT $1 AS removed_at, 'erasure' AS kind, key, 0 AS events, count(*) AS rejected, 0 AS lines
    FROM their_lines GROUP BY key"""
_REMOVE_REJECTED = """DELETE FROM lake.rejected
    WHERE (source, key, etag, line) IN (SELECT (source, key, etag, line) FROM their_lines)"""
_RECORD_LINES = """INSERT INTO lake.removed BY NAME
    SELECT $1 AS removed_at, 'erasure' AS kind, key, 0 AS events, 0 AS rejected, new.lines
    FROM new_versions new JOIN lake.objects known USING (source, key, etag) WHERE state = 'loaded' AND new.lines > 0"""
_NEW_VERSIONS = (
    """UPDATE lake.rejected SET etag = new.new_etag FROM new_versions new
       WHERE (rejected.source, rejected.key, rejected.etag) = (new.source, new.key, new.etag)""",
    """UPDATE lake.objects SET etag = new.new_etag, bytes = new.bytes FROM new_versions new
       WHERE (objects.source, objects.key, objects.etag) = (new.source, new.key, new.etag)""",
)

# The least and the greatest text of a column over the whole table only ever widen, and would outlive whoever wrote it.
# Any text lies within these, also of files that are yet to come.
_BOUNDS = """UPDATE ducklake_table_column_stats SET min_value = '', max_value = char(1114111)
    WHERE (table_id, column_id) IN (SELECT table_id, column_id FROM ducklake_column WHERE column_type = 'varchar')"""


_LONGEST_QUERY = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as the lake knows them: the visitors first linked to them, and every name and email told of them.

    A visitor whose id is the customer's own is theirs, too, as some sites send it in both places.
    """

    customer: str
    visitors: tuple[str, ...]
    names: tuple[str, ...]
    emails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewVersion:
    """An object that was written anew: `etag` became `new_etag`, and it has `lines` lines less."""

    source: str
    key: str
    etag: str
    new_etag: str
    bytes: int
    lines: int


def person(lake: Lake, customer: str) -> Person:
    """Who that customer is."""
    with lake.engine.cursor() as cursor:
        visitors = [str(id) for (id,) in cursor.execute(_VISITORS, [customer]).fetchall()]
        traits = cursor.execute(_TRAITS, [customer]).fetchall()
    names = {str(name) for name, _ in traits if name}
    emails = {str(email) for _, email in traits if email}
    return Person(customer, tuple(dict.fromkeys([customer, *visitors])), tuple(sorted(names)), tuple(sorted(emails)))


def count(lake: Lake, who: Person, mentions: Callable[[bytes], bool]) -> dict[str, int]:
    """How many rows of each table are theirs; `mentions` says whether a rejected line is."""
    with lake.engine.cursor() as cursor:
        return _count(cursor, who) | {"rejected": len(_their_lines(cursor, mentions))}


def remove(
    cursor: duckdb.DuckDBPyConnection,
    who: Person,
    mentions: Callable[[bytes], bool],
    versions: Sequence[NewVersion],
    now: datetime,
) -> dict[str, int]:
    """Remove their rows, count them as removed, and note the objects' new versions, in the caller's transaction.

    Says how many rows of which table went.
    """
    counts = _count(cursor, who)
    cursor.register("visitors", _visitors(who))
    cursor.execute(_RECORD_EVENTS, {**_given(_RECORD_EVENTS, who), "now": now})
    for table, condition in _ROWS.items():
        cursor.execute(f"DELETE FROM lake.{table} WHERE {condition}", _given(condition, who))  # noqa: S608
    cursor.unregister("visitors")
    lines = _their_lines(cursor, mentions)
    if len(lines):
        cursor.register("their_lines", lines)
        cursor.execute(_RECORD_REJECTED, [now])
        cursor.execute(_REMOVE_REJECTED)
        cursor.unregister("their_lines")
    if versions:
        cursor.register("new_versions", pa.Table.from_pylist([_row(each) for each in versions]))
        cursor.execute(_RECORD_LINES, [now])
        for statement in _NEW_VERSIONS:
            cursor.execute(statement)
        cursor.unregister("new_versions")
    return counts | {"rejected": len(lines)}


def _count(cursor: duckdb.DuckDBPyConnection, who: Person) -> dict[str, int]:
    cursor.register("visitors", _visitors(who))
    counts = {}
    for table, condition in _ROWS.items():
        row = cursor.execute(
            f"SELECT count(*) FROM lake.{table} WHERE {condition}",  # noqa: S608
            _given(condition, who),
        ).fetchone()
        counts[table] = int(row[0]) if row else 0
    cursor.unregister("visitors")
    return counts


def _visitors(who: Person) -> pa.Table:
    return pa.table({"id": pa.array(who.visitors, pa.string())})


def _given(statement: str, who: Person) -> dict[str, Any]:
    return {"customer": who.customer} if "$customer" in statement else {}


def _row(version: NewVersion) -> dict[str, Any]:
    return {name: getattr(version, name) for name in NewVersion.__slots__}


def _their_lines(cursor: duckdb.DuckDBPyConnection, mentions: Callable[[bytes], bool]) -> pa.Table:
    """The rejected lines that are theirs: source, key, etag, line."""
    found = []
    reader = cursor.execute(_ALL_REJECTED).to_arrow_reader(10_000)
    schema = pa.schema([field for field in reader.schema if field.name != "raw"])
    for batch in reader:
        found += [row for row in batch.to_pylist() if mentions(bytes(row.pop("raw")))]
    return pa.Table.from_pylist(found, schema=schema)


def purge(lake: Lake, now: datetime, *, wait: float) -> int:
    """Let nothing be left that a row was removed from: the files behind delete files, older snapshots, the files only
    those need, and the catalog's statistics and free pages. Returns how many files went. The caller holds the writer
    lock. Raises `LakeBusy` when a reader keeps the catalog from being written anew for `wait` seconds.
    """
    with lake.engine.cursor() as cursor:
        cursor.execute("CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)")
        versions = [
            int(version)
            for (version,) in cursor.execute(
                "SELECT snapshot_id FROM __ducklake_metadata_lake.ducklake_snapshot ORDER BY snapshot_id"
            ).fetchall()
        ]
        if versions[:-1]:
            # Whole numbers of our own; the function takes no parameter here.
            cursor.execute(f"CALL ducklake_expire_snapshots('lake', versions => {versions[:-1]})")
        files = 0
        for clean_up in ("ducklake_cleanup_old_files", "ducklake_delete_orphaned_files"):
            files += len(cursor.execute(f"CALL {clean_up}('lake', cleanup_all => true)").fetchall())
    files += lake.snapshot().days.files.keep_only(())  # their values may be among a day's
    overwrite(lake.folder / CATALOG, (_BOUNDS,), wait=wait)
    return files + _left_behind(lake, now)


def _left_behind(lake: Lake, now: datetime) -> int:
    """Remove what killed processes have left: a rebuild, which would hold the lock if it were at work, and what DuckDB
    puts beside memory, where a running query may use what is newer."""
    shutil.rmtree(lake.folder.with_name(REBUILDING), ignore_errors=True)
    before = (now - _LONGEST_QUERY).timestamp()
    left = [path for path in (lake.folder / "tmp").glob("**/*") if path.is_file() and path.stat().st_mtime < before]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def overwrite(database: Path, statements: Sequence[str] = (), *, wait: float) -> None:
    """Run `statements` on an SQLite database, and write it anew without free pages, its log emptied, too.

    Raises `LakeBusy` when others use it for longer than `wait` seconds.
    """
    try:
        sqlite_apart.overwrite(database, statements, wait=wait)
    except sqlite_apart.StillUsed:
        raise LakeBusy(
            "Readers kept a database from being written anew: its free pages may still hold what was erased.",
            hint="Erase the same customer again in a quiet moment.",
            code="erasure.unfinished",
        ) from None
