"""A lake of an older release becomes a current one, and one of a newer is refused."""

from __future__ import annotations

import hashlib
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.errors import LakeError
from pipeline.lake import Lake, maintain
from pipeline.lake.schema import LOOK_UPS
from tests.support import NOW, add_events, make_lake, make_settings, rows

DAY = timedelta(days=1)
SORTED = (*LOOK_UPS, "sorted_until")  # tables of versions 5 and 6


def test_a_lake_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    with lake.engine.cursor() as cursor:
        cursor.execute("INSERT INTO lake.migrations VALUES (99, now())")
    lake.close()
    with pytest.raises(LakeError, match="version 99"):
        Lake.open(make_settings(tmp_path))


def test_a_new_field_becomes_a_column_of_an_old_lake(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "old"}])
    with lake.engine.cursor() as cursor:
        cursor.execute("ALTER TABLE lake.events DROP COLUMN utm_term")
    lake.close()
    lake = Lake.open(make_settings(tmp_path))
    add_events(lake, [{"message_id": "new", "utm_term": "x"}], key="new")
    assert {row["message_id"]: row["utm_term"] for row in rows(lake.snapshot(), "events")} == {"old": None, "new": "x"}


def test_people_get_a_number_each_and_keep_it(tmp_path: Path) -> None:
    first = [{"message_id": "a", "anonymous_id": "v1"}, {"message_id": "b", "customer_id": "k", "anonymous_id": "v2"}]
    lake = make_lake(tmp_path, [*first, {"message_id": "c", "customer_id": "", "anonymous_id": "k"}])
    more = [{"message_id": "d", "anonymous_id": "v1"}, {"message_id": "e", "customer_id": "new"}, {"message_id": "f"}]
    add_events(lake, more, key="more")
    snapshot = lake.snapshot()
    number = {row["person"]: row["number"] for row in rows(snapshot, "people")}
    assert number.keys() == {"a:v1", "a:v2", "c:k", "a:k", "c:new"}
    assert len(set(number.values())) == len(number) == len(rows(snapshot, "people"))
    assert {row["message_id"]: row["person_number"] for row in rows(snapshot, "events")} == {
        **{"a": number["a:v1"], "b": number["c:k"], "c": number["a:k"]},
        **{"d": number["a:v1"], "e": number["c:new"], "f": None},
    }
    links = [(row["visitor_number"], row["customer_number"]) for row in rows(snapshot, "links") if row["customer_id"]]
    assert links == [(number["a:v2"], number["c:k"])]


def test_an_older_lake_gets_its_people_numbered(tmp_path: Path) -> None:
    told = [
        {"message_id": "a", "anonymous_id": "v1"},
        {"message_id": "b", "customer_id": "k", "anonymous_id": "v1"},
        {"message_id": "c", "occurred_at": NOW - DAY},
    ]
    lake = make_lake(tmp_path, told)
    with lake.engine.cursor() as cursor:  # back to version 1
        cursor.execute("ALTER TABLE lake.links RESET SORTED BY")
        numbers = [("events", f"{of}_number") for of in ("person", "id", "ip")]
        for table, column in (*numbers, ("links", "visitor_number"), ("links", "customer_number")):
            cursor.execute(f"ALTER TABLE lake.{table} DROP COLUMN {column}")
        for table in ("people", "removed", *SORTED):
            cursor.execute(f"DROP TABLE lake.{table}")
        cursor.execute("DELETE FROM lake.migrations")
        cursor.execute("INSERT INTO lake.migrations VALUES (1, now())")
    lake.close()
    lake = Lake.open(make_settings(tmp_path))
    add_events(lake, [{"message_id": "d", "anonymous_id": "v2"}, {"message_id": "e", "customer_id": "k"}], key="more")
    snapshot = lake.snapshot()
    number = {row["person"]: row["number"] for row in rows(snapshot, "people")}
    assert sorted(number.values()) == [1, 2, 3]
    assert {row["message_id"]: row["person_number"] for row in rows(snapshot, "events")} == {
        **{"a": number["a:v1"], "b": number["c:k"], "c": None, "d": number["a:v2"], "e": number["c:k"]}
    }
    assert [(row["visitor_number"], row["customer_number"]) for row in rows(snapshot, "links")] == [
        (number["a:v1"], number["c:k"])
    ]
    lake.close()
    assert Lake.open(make_settings(tmp_path)).snapshot().version == snapshot.version  # nothing is left to do


def test_events_have_numbers_of_their_ids_and_addresses(tmp_path: Path) -> None:
    """New ones, and those of an older lake."""
    told = [{"message_id": "a", "ip": "198.51.100.7"}, {"message_id": "b"}]
    lake = make_lake(tmp_path, told)
    expected = {row["message_id"]: int(str(row["event_id"])[:8], 16) % 2**30 for row in rows(lake.snapshot(), "events")}
    md5 = {"198.51.100.7": int.from_bytes(hashlib.md5(b"198.51.100.7").digest()[8:], "little") % 2**30, None: None}
    for _ in range(2):
        found = rows(lake.snapshot(), "events")
        assert {row["message_id"]: row["id_number"] for row in found} == expected
        assert all(row["ip_number"] == md5[row["ip"]] for row in found)
        with lake.engine.cursor() as cursor:  # back to version 3
            for table in SORTED:
                cursor.execute(f"DROP TABLE lake.{table}")
            for column in ("id_number", "ip_number"):
                cursor.execute(f"ALTER TABLE lake.events DROP COLUMN {column}")
            cursor.execute("DELETE FROM lake.migrations")
            cursor.execute("INSERT INTO lake.migrations VALUES (3, now())")
        lake.close()
        lake = Lake.open(make_settings(tmp_path))


def test_files_of_events_are_in_small_groups_also_of_an_older_lake(tmp_path: Path) -> None:
    """What shows some events unpacks all of their group."""
    with closing(make_lake(tmp_path, [])) as lake:
        with lake.changing() as cursor:
            options = "__ducklake_metadata_lake.ducklake_metadata"
            cursor.execute(f"DELETE FROM {options} WHERE key = 'parquet_row_group_size'")  # noqa: S608
        maintain.merge(lake)
        add_events(lake, [{"message_id": f"{number}"} for number in range(31_000)])
        with lake.engine.cursor() as cursor:
            [(path,)] = cursor.execute("SELECT data_file FROM ducklake_list_files('lake', 'events')").fetchall()
    assert pq.ParquetFile(path).metadata.num_row_groups == 2


def test_facts_lie_by_whom_they_are_looked_up_also_of_an_older_lake(tmp_path: Path) -> None:
    mixed = [{"customer_id": f"c{n * 7 % 30:02}", "anonymous_id": f"v{n * 11 % 30:02}"} for n in range(30)]
    told = [{"message_id": f"{n}", "trait_name": "n", **ids} for n, ids in enumerate(mixed)]
    lake = make_lake(tmp_path, told[15:])
    with lake.engine.cursor() as cursor:  # back to version 6
        for table in ("links", "traits"):
            cursor.execute(f"ALTER TABLE lake.{table} RESET SORTED BY")
        cursor.execute("DELETE FROM lake.migrations")
        cursor.execute("INSERT INTO lake.migrations VALUES (6, now())")
    add_events(lake, told[:15], key="more")
    before = [sorted(map(repr, rows(lake.snapshot(), table))) for table in ("links", "traits")]
    lake.close()
    with closing(Lake.open(make_settings(tmp_path))) as lake:
        assert [sorted(map(repr, rows(lake.snapshot(), table))) for table in ("links", "traits")] == before
        for table, column in (("links", "visitor_number"), ("traits", "customer_id")):
            with lake.engine.cursor() as cursor:
                listed = "SELECT data_file FROM ducklake_list_files('lake', $1)"
                [(path,)] = cursor.execute(listed, [table]).fetchall()
            lying = pq.ParquetFile(path).read(columns=[column])[column].to_pylist()
            assert lying == sorted(lying), table
            assert len(lying) == len(told)
