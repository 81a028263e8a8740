"""Maintenance: keep reads quick after many small commits, and let go of what no reader can still need.

Read latency grew 28-fold over 1,000 unmerged commits (docs/design.md). Snapshots are removed only past a threshold
far longer than any export, since a reader of a removed snapshot finds its files gone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import duckdb

from pipeline.lake.engine import transaction, translated
from pipeline.lake.lock import writer_lock
from pipeline.lake.schema import LOOK_UPS, TABLE_ID, TABLES, size_groups

if TYPE_CHECKING:
    from pipeline.lake import Lake

# Facts that a later fact of the same customer or visitor has replaced. The survivors are what questions would take.
_COMPACT = {
    "links": """SELECT * FROM lake.links
        QUALIFY row_number() OVER (PARTITION BY anonymous_id ORDER BY received_at, event_id) = 1""",
    "traits": """SELECT * FROM lake.traits
        QUALIFY (name IS NOT NULL AND row_number() OVER (
                    PARTITION BY customer_id, name IS NULL ORDER BY received_at DESC, event_id DESC) = 1)
             OR (email IS NOT NULL AND row_number() OVER (
                    PARTITION BY customer_id, email IS NULL ORDER BY received_at DESC, event_id DESC) = 1)""",
}
# The newest snapshot always stays.
_OLD_SNAPSHOTS = """SELECT snapshot_id FROM __ducklake_metadata_lake.ducklake_snapshot
    WHERE snapshot_time::TIMESTAMPTZ < $1
    AND snapshot_id < (SELECT max(snapshot_id) FROM __ducklake_metadata_lake.ducklake_snapshot)"""

# Some 60,000 events. To write the day's one file again with every merge took 0.7 s of a day's first 40,000 events and
# 5 s of its 800,000; files up to this size alone, 0.4 to 0.8 s.
_SMALL_BYTES = 8_000_000

# DuckLake keeps the least and the greatest value of each column of each file, and a question reads all there are of
# each column that it filters by. But files differ by their times alone, and look-ups by what they are sorted by: of 600
# days, a count by path took 64 ms with all of them, and 37 without the others' (docs/design.md). A file of which
# nothing is known is read, so that no answer depends on this.
_UNUSED_BOUNDS = f"""DELETE FROM __ducklake_metadata_lake.ducklake_file_column_stats
    WHERE table_id IN ({TABLE_ID}) AND column_id NOT IN (
        SELECT column_id FROM __ducklake_metadata_lake.ducklake_column
        WHERE table_id IN ({TABLE_ID}) AND list_contains($2, column_name))"""  # noqa: S608 (fixed text)

# Compacting rewrites a table whole: worth it only once a good part of it has been replaced.
_REPLACED_SHARE, _REPLACED_ROWS = 0.3, 10_000


def merge(lake: Lake, *, small: bool = False) -> None:
    """Merge files into larger ones, compact the facts, and forget what no question needs to know of files; or merge
    only files that are `small`, which takes as long at the end of a day as at its beginning. Readers and their
    snapshots are not disturbed."""
    with writer_lock(lake.lock_path, wait=600), lake.engine.cursor() as cursor:
        if small:
            cursor.execute(f"CALL ducklake_merge_adjacent_files('lake', max_file_size => {_SMALL_BYTES})")
            return
        size_groups(cursor)
        for table, survivors in _COMPACT.items():
            _compact(cursor, table, survivors)
        for table in TABLES:
            # Two blocks as one would take a minute to write, and be read no quicker.
            most = f", max_file_size => {_SMALL_BYTES}" if table in LOOK_UPS else ""
            cursor.execute(f"CALL ducklake_merge_adjacent_files('lake', '{table}'{most})")
        forget_bounds(cursor)


def forget_bounds(cursor: duckdb.DuckDBPyConnection) -> None:
    """Forget the bounds of those columns by which no file of a large table can be left out."""
    for table in ("events", *LOOK_UPS):
        sorted_by = LOOK_UPS.get(table, "").partition(" ")[0]
        useful = [name for name, kind in TABLES[table].items() if kind == "TIMESTAMPTZ" or name == sorted_by]
        cursor.execute(_UNUSED_BOUNDS, [table, useful])


def expire(lake: Lake, now: datetime, hours: int) -> None:
    """Remove snapshots older than `hours`, then, a day or two later, the files that nothing uses any more.

    Snapshots are named one by one, and files by whole days: over an SQLite catalog DuckLake 1.0 compares times as
    text, `2026-11-23 19:00…` with `2026-11-23T18:00…`, so that everything of the same day counts as older (measured:
    `older_than` an hour ago removed snapshots made a second ago).
    """
    before = now - timedelta(hours=hours)
    midnight = before.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    with writer_lock(lake.lock_path, wait=600), lake.engine.cursor() as cursor:
        old = [int(version) for (version,) in cursor.execute(_OLD_SNAPSHOTS, [before]).fetchall()]
        if old:
            # Whole numbers of our own; the function takes no parameter here.
            cursor.execute(f"CALL ducklake_expire_snapshots('lake', versions => {old})")
        for clean_up in ("ducklake_cleanup_old_files", "ducklake_delete_orphaned_files"):
            cursor.execute(f"CALL {clean_up}('lake', older_than => $1::TIMESTAMPTZ)", [midnight])


def _compact(cursor: duckdb.DuckDBPyConnection, table: str, survivors: str) -> None:
    with translated():
        count = f"SELECT (SELECT count(*) FROM lake.{table}), (SELECT count(*) FROM ({survivors}))"  # noqa: S608
        row = cursor.execute(count).fetchone()
        total, kept = row if row else (0, 0)
        if total - kept < max(_REPLACED_ROWS, total * _REPLACED_SHARE):
            return
        with transaction(cursor):
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE survivors AS {survivors}")
            cursor.execute(f"DELETE FROM lake.{table}")  # noqa: S608
            cursor.execute(f"INSERT INTO lake.{table} FROM survivors")
            cursor.execute("DROP TABLE survivors")
