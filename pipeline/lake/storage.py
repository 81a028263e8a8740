"""What the lake takes on disk, as its catalog has it: no file is opened, and only the counted days' folder walked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pipeline.lake.engine import CATALOG
from pipeline.lake.schema import LOOK_UPS
from pipeline.lake.snapshot import Snapshot

# A day is a partition of `events`: year, month and day are its keys 0, 1 and 2 (`pipeline.lake.schema`).
_DAYS = """
WITH named AS (
    SELECT data_file_id, make_date(
        max(partition_value::INTEGER) FILTER (partition_key_index = 0),
        max(partition_value::INTEGER) FILTER (partition_key_index = 1),
        max(partition_value::INTEGER) FILTER (partition_key_index = 2)) AS day
    FROM __ducklake_metadata_lake.ducklake_file_partition_value GROUP BY data_file_id
), deleted AS (
    SELECT data_file_id, sum(delete_count) AS rows, sum(file_size_bytes) AS bytes
    FROM __ducklake_metadata_lake.ducklake_delete_file WHERE end_snapshot IS NULL GROUP BY data_file_id
)
SELECT day, sum(record_count - coalesce(deleted.rows, 0))::BIGINT, count(*),
       sum(file_size_bytes + coalesce(deleted.bytes, 0))::BIGINT
FROM __ducklake_metadata_lake.ducklake_data_file file
JOIN named USING (data_file_id) LEFT JOIN deleted USING (data_file_id)
WHERE file.end_snapshot IS NULL GROUP BY day ORDER BY day DESC
"""
_TABLES = """
SELECT table_name, coalesce(sum(file_size_bytes) FILTER (file.end_snapshot IS NULL), 0)::BIGINT,
       coalesce(sum(file_size_bytes) FILTER (file.end_snapshot IS NOT NULL), 0)::BIGINT
FROM __ducklake_metadata_lake.ducklake_table named
LEFT JOIN __ducklake_metadata_lake.ducklake_data_file file USING (table_id)
WHERE named.end_snapshot IS NULL GROUP BY table_name
"""


_SORTED = (*LOOK_UPS, "sorted_until")


@dataclass(frozen=True, slots=True)
class Day:
    """The events of one UTC day: how many, in how many files, and the bytes of these."""

    day: date
    events: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes: of the `events`, of what is stored of them once more for `look_ups`, of what was `counted` of their days,
    of the `rest` (ledger, people, facts), of what only old snapshots still need (`old`), and of the catalog. `days` are
    the newest first."""

    days: Sequence[Day]
    events: int
    look_ups: int
    counted: int
    rest: int
    old: int
    catalog: int


def storage(snapshot: Snapshot) -> Storage:
    """What is stored now, whichever snapshot is given. Raises `LakeError`."""
    with snapshot.engine.cursor() as cursor:
        days = [Day(*row) for row in cursor.execute(_DAYS).fetchall()]
        tables = {name: (now, old) for name, now, old in cursor.execute(_TABLES).fetchall()}
    look_ups = sum(now for name, (now, _) in tables.items() if name in _SORTED)
    rest = sum(now for name, (now, _) in tables.items() if name not in ("events", *_SORTED))
    old = sum(old for _, old in tables.values())
    events, counted = sum(day.bytes for day in days), snapshot.days.files.bytes
    return Storage(days, events, look_ups, counted, rest, old, _catalog_bytes(snapshot))


def _catalog_bytes(snapshot: Snapshot) -> int:
    """The catalog and what SQLite keeps beside it."""
    return sum(path.stat().st_size for path in snapshot.engine.folder.glob(f"{CATALOG}*"))
