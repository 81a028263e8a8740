"""Merging, compacting and expiring change no answer, and leave a lake that is quick to read."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.errors import SnapshotGone
from pipeline.lake import forget, look_ups, maintain
from pipeline.lake.schema import LOOK_UPS
from tests.support import NOW, add_events, ids, make_lake, rows

DAY = timedelta(days=1)
_FILES = """SELECT file.record_count FROM __ducklake_metadata_lake.ducklake_data_file file
    JOIN __ducklake_metadata_lake.ducklake_table tab USING (table_id)
    WHERE tab.table_name = 'events' AND file.end_snapshot IS NULL ORDER BY 1"""


def test_merging_and_compacting_change_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintain, "_REPLACED_ROWS", 5)
    lake = make_lake(tmp_path, [])
    for batch in range(12):
        add_events(
            lake,
            [{"message_id": f"{batch} {n}", "customer_id": f"c{n}", "trait_name": f"name {batch}"} for n in range(5)],
            key=str(batch),
            now=NOW + timedelta(minutes=batch),
        )
    pinned = lake.snapshot()
    before = ids(pinned)
    files = len(list(tmp_path.rglob("*.parquet")))
    maintain.merge(lake)
    assert ids(lake.snapshot()) == before == ids(pinned)
    assert len(rows(lake.snapshot(), "traits")) == 5
    maintain.expire(lake, datetime.now(UTC) + 3 * DAY, hours=1)
    assert ids(lake.snapshot()) == before
    assert len(list(tmp_path.rglob("*.parquet"))) < files
    with pytest.raises(SnapshotGone):
        lake.snapshot(pinned.version)
    with pytest.raises(SnapshotGone):
        rows(pinned, "events")


def test_a_merge_of_small_files_leaves_a_large_one_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that merging takes as long at the end of a day as at its beginning."""
    lake = make_lake(tmp_path, [{"message_id": f"{n:0128x}"} for n in range(1_000)])
    for key in "abc":
        add_events(lake, [{"message_id": key}], key=key)
    before = ids(lake.snapshot())

    def merged(small: bool) -> list[int]:
        maintain.merge(lake, small=small)
        assert ids(lake.snapshot()) == before
        with lake.engine.cursor() as cursor:
            return [rows for (rows,) in cursor.execute(_FILES).fetchall()]

    monkeypatch.setattr(maintain, "_SMALL_BYTES", 10_000)
    assert merged(small=True) == [3, 1_000]
    assert merged(small=False) == [1_003]


_KNOWN = """SELECT DISTINCT tab.table_name, col.column_name
    FROM __ducklake_metadata_lake.ducklake_file_column_stats told
    JOIN __ducklake_metadata_lake.ducklake_table tab USING (table_id)
    JOIN __ducklake_metadata_lake.ducklake_column col USING (table_id, column_id)"""


def test_a_merge_forgets_the_bounds_of_what_no_file_can_be_left_out_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_ups, "_ENOUGH", 20)
    days = [NOW - n * DAY for n in range(3)]
    # More customers than rows that the catalog takes in itself, which have no bounds.
    told = [
        {"message_id": f"{n}", "occurred_at": days[n % 3], "customer_id": f"c{n}", "anonymous_id": f"v{n}"}
        for n in range(60)
    ]
    lake = make_lake(tmp_path, told)
    assert look_ups.add_block(lake, NOW + 20 * DAY) is not None
    maintain.merge(lake)
    known = defaultdict(set)
    with lake.engine.cursor() as cursor:
        for table, column in cursor.execute(_KNOWN).fetchall():
            known[table].add(column)
        plan = cursor.execute("EXPLAIN ANALYZE FROM lake.events WHERE occurred_at >= $1", [days[1]]).fetchall()
    assert {table: known[table] for table in ("events", *LOOK_UPS)} == {
        "events": {"occurred_at", "received_at", "ingested_at"},
        "by_person": {"person_number", "occurred_at"},
        "by_address": {"ip_number", "occurred_at"},
        "by_id": {"id_number", "occurred_at"},
    }
    assert "customer_id" in known["links"], "small tables are left as they are"
    assert "Total Files Read: 2" in plan[0][1], "the rest is known by its times"


def test_no_text_is_out_of_bounds_once_a_purge_has_widened_them(tmp_path: Path) -> None:
    """Bounds that the catalog keeps of a whole table decide what is not even looked for."""
    lake = make_lake(tmp_path, [{"message_id": "b", "path": "/b"}, {"message_id": "m", "path": "/m"}])
    maintain.merge(lake)
    forget.purge(lake, NOW, wait=1)
    add_events(lake, [{"message_id": "c", "path": "/c"}], key="later")
    for path, expected in (("/b", 1), ("/c", 1), ("/m", 1), ("/a", 0), ("\U0010ffff", 0)):
        snapshot = lake.snapshot()
        found = snapshot.fetch(snapshot.events.filter(snapshot.events.path == path))
        assert len(found) == expected, path
    with lake.engine.cursor() as cursor:
        assert cursor.execute("SELECT min(path), max(path) FROM lake.events").fetchone() == ("/b", "/m")


def test_a_recent_snapshot_survives_maintenance(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    pinned = lake.snapshot()
    add_events(lake, [{"message_id": "b"}], key="later")
    maintain.merge(lake)
    maintain.expire(lake, datetime.now(UTC), hours=1)
    assert ids(pinned) == ["a"]


def test_of_an_expired_snapshot_no_days_are_told(tmp_path: Path) -> None:
    """Its merged files are gone: what is left of them would be fewer events than it had."""
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    pinned = lake.snapshot()
    add_events(lake, [{"message_id": "b"}], key="later")
    maintain.merge(lake)
    maintain.expire(lake, datetime.now(UTC) + 3 * DAY, hours=1)
    with pytest.raises(SnapshotGone):
        pinned.days.of(pinned.version)
