"""The lake: exactly once, one snapshot for every table, forward migrations, maintenance that disturbs no reader."""

from __future__ import annotations

import hashlib
import multiprocessing
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.errors import LakeBusy, LakeError, SnapshotGone
from pipeline.lake import Entry, Lake, Snapshot, Transaction, forget, look_ups, maintain
from pipeline.lake.lock import writer_lock
from pipeline.lake.schema import LOOK_UPS
from pipeline.questions import activity
from pipeline.questions.view import View
from pipeline.sources import Rejected
from tests.support import NOW, add_events, make_lake, make_settings

DAY = timedelta(days=1)
SORTED = (*LOOK_UPS, "sorted_until")  # tables of versions 5 and 6
_FILES = """SELECT file.record_count FROM __ducklake_metadata_lake.ducklake_data_file file
    JOIN __ducklake_metadata_lake.ducklake_table tab USING (table_id)
    WHERE tab.table_name = 'events' AND file.end_snapshot IS NULL ORDER BY 1"""


def rows(snapshot: Snapshot, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = snapshot.fetch(getattr(snapshot, table)).to_pylist()
    return found


def ids(snapshot: Snapshot) -> list[str]:
    return sorted(row["message_id"] for row in rows(snapshot, "events"))


def test_an_event_sent_twice_is_stored_once_within_a_batch_and_between_batches(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}, {"message_id": "b"}, {"message_id": "a", "event": "Other"}])
    again = add_events(lake, [{"message_id": "b"}, {"message_id": "c"}], key="again")
    assert ids(lake.snapshot()) == ["a", "b", "c"]
    assert (again.loaded, again.duplicate) == (1, 1)
    first = next(row for row in rows(lake.snapshot(), "events") if row["message_id"] == "a")
    assert first["event"] == "Page Viewed", "the first copy wins"


def test_copies_count_once_only_while_their_times_lie_within_the_window(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a", "occurred_at": NOW - 100 * DAY}])
    late = add_events(lake, [{"message_id": "a", "occurred_at": NOW - 70 * DAY}], key="30 days")
    apart = add_events(lake, [{"message_id": "a", "occurred_at": NOW - 69 * DAY}], key="31 days")
    assert (late.duplicate, apart.duplicate) == (1, 0)


def test_copies_far_apart_within_one_batch_follow_the_same_rule(tmp_path: Path) -> None:
    times = [NOW - 90 * DAY, NOW - 50 * DAY, NOW - 49 * DAY, NOW - 89 * DAY]
    lake = make_lake(tmp_path, [{"message_id": "a", "occurred_at": time} for time in times])
    assert len(rows(lake.snapshot(), "events")) == 2


def test_an_unbalanced_ledger_stores_nothing(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    before = lake.snapshot().version
    entry = Entry("s", "k", "e", 1, NOW, lines=5)
    with pytest.raises(LakeError, match="5 lines read") as caught, lake.write(NOW) as transaction:
        transaction.finish([entry], NOW)
    assert caught.value.code == "ledger.unbalanced"
    assert lake.snapshot().version == before


def _finish_and_fail(transaction: Transaction) -> None:
    transaction.finish([Entry("s", "k", "e", 1, NOW)], NOW)
    raise KeyError("plug pulled before the commit")


def test_a_failed_batch_leaves_neither_rows_nor_ledger(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    with pytest.raises(KeyError, match="plug"), lake.write(NOW) as transaction:
        _finish_and_fail(transaction)
    assert [row["key"] for row in rows(lake.snapshot(), "objects")] == ["made.jsonl"]


def test_a_snapshot_pins_every_table(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"customer_id": "c", "anonymous_id": "a"}])
    pinned = lake.snapshot()
    add_events(lake, [{"customer_id": "d", "anonymous_id": "b", "message_id": "new"}], key="later")
    for table in ("events", "links", "objects", "batches"):
        assert len(rows(lake.snapshot(pinned.version), table)) == 1
        assert len(rows(lake.snapshot(), table)) == 2


def test_links_keep_the_earliest_and_traits_the_latest_facts(tmp_path: Path) -> None:
    def event(minute: int, customer: str, name: str | None = None, email: str | None = None) -> dict[str, Any]:
        return {
            "message_id": f"{minute}",
            "customer_id": customer,
            "anonymous_id": "visitor",
            "received_at": NOW + timedelta(minutes=minute),
            "trait_name": name,
            "trait_email": email,
        }

    lake = make_lake(tmp_path, [event(5, "late", "Old", "old@example.com"), event(6, "late", "New")])
    add_events(lake, [event(3, "early"), event(9, "never")], key="out of order")
    links = rows(lake.snapshot(), "links")
    assert min(links, key=lambda row: row["received_at"])["customer_id"] == "early"
    assert "never" not in {row["customer_id"] for row in links}
    facts = {(row["name"], row["email"]) for row in rows(lake.snapshot(), "traits")}
    assert facts == {("Old", "old@example.com"), ("New", None)}


def test_an_alias_call_links_the_previous_visitor_and_its_own(tmp_path: Path) -> None:
    alias = {"type": "alias", "customer_id": "c", "anonymous_id": "now", "linked_anonymous_id": "before"}
    lake = make_lake(tmp_path, [alias])
    assert {row["anonymous_id"] for row in rows(lake.snapshot(), "links")} == {"now", "before"}


def test_the_ledger_settles_objects_and_waits_before_another_try(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    read = Entry("s", "read", "1", 10, NOW, lines=1)
    broken = Entry("s", "broken", "1", 10, NOW, state="rejected", last_error="object.corrupt: …")
    flaky = Entry("s", "flaky", "1", 10, NOW, state="retrying", last_error="source.unavailable: …")
    fresh = Entry("s", "fresh", "1", 10, NOW)
    refs = [read, broken, flaky, fresh]
    with lake.write(NOW) as transaction:
        transaction.reject([(read, Rejected(1, "line.not_json", "Not JSON.", b"{"))])
        transaction.finish([read, broken, flaky], NOW)
    assert lake.pending(refs, NOW + timedelta(seconds=10)) == [3]
    assert lake.pending(refs, NOW + timedelta(seconds=15)) == [2, 3]
    assert lake.waiting("s") == 1
    assert rows(lake.snapshot(), "rejected")[0]["raw"] == b"{"


def test_another_try_counts_and_replaces_the_one_before(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    for attempt in range(3):
        with lake.write(NOW) as transaction:
            transaction.finish([Entry("s", "k", "1", 1, NOW, state="retrying", last_error=f"no {attempt}")], NOW)
    [waiting] = [row for row in rows(lake.snapshot(), "objects") if row["key"] == "k"]
    assert (waiting["attempts"], waiting["last_error"]) == (3, "no 2")
    with lake.write(NOW) as transaction:
        transaction.finish([Entry("s", "k", "2", 1, NOW)], NOW)  # overwritten meanwhile: the new version counts
    assert [row["etag"] for row in rows(lake.snapshot(), "objects") if row["key"] == "k"] == ["2"]


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


def test_a_merge_forgets_the_bounds_of_what_no_file_can_be_left_out_by(tmp_path: Path) -> None:
    days = [NOW - n * DAY for n in range(3)]
    lake = make_lake(tmp_path, [{"message_id": f"{day}", "occurred_at": day, "path": "/b"} for day in days])
    look_ups.add_block(lake, NOW + 20 * DAY)
    maintain.merge(lake)
    times = {"occurred_at", "received_at", "ingested_at"}
    with lake.engine.cursor() as cursor:
        known = set(cursor.execute(_KNOWN).fetchall())
        plan = cursor.execute("EXPLAIN ANALYZE FROM lake.events WHERE occurred_at >= $1", [days[1]]).fetchall()
    assert {name for table, name in known if table == "events"} == times
    assert ("links", "customer_id") in known or ("objects", "key") in known, "small tables are left as they are"
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


def test_days_are_utc_days_whatever_the_process_thinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    make_lake(tmp_path, [{"occurred_at": datetime(2026, 11, 20, 20, tzinfo=UTC)}])
    assert [path.parent.name for path in (tmp_path / "lake" / "files" / "main" / "events").rglob("*.parquet")] == [
        "day=20"
    ]


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


def test_ids_and_addresses_that_share_a_number_are_told_apart(tmp_path: Path) -> None:
    ids = [f"5ba7b810-9dad-5d14-80b4-00c04fd430c{last}" for last in "12"]
    ips = ["10.0.64.144", "10.0.169.252"]
    lake = make_lake(tmp_path, [{"message_id": "a", "event_id": ids[0], "ip": ips[0]}])
    add_events(lake, [{"message_id": "b", "event_id": ids[1], "ip": ips[1]}], key="more")
    found = rows(lake.snapshot(), "events")
    assert len(found) == 2, "neither is the other once more"
    assert len({row["id_number"] for row in found}) == len({row["ip_number"] for row in found}) == 1
    for field, values in (("event_id", ids), ("ip", ips)):
        for value in values:
            view = View.parse(f"from=2026-11-01&to=2026-11-30&f={field}%20is%20{value}", now=NOW, zone=ZoneInfo("UTC"))
            assert activity.count(lake.snapshot(), view) == 1
    assert activity.event(lake.snapshot(), ids[1])["message_id"] == "b"  # type: ignore[index]
    lake.close()


def test_other_readers_of_parquet_take_every_column(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": f"{n}", "ip": f"198.51.100.{n % 250}"} for n in range(3_000)])
    files = [*(tmp_path / "lake" / "files" / "main" / "events").rglob("*.parquet")]
    read = pa.concat_tables([pq.ParquetFile(file).read() for file in files])
    with lake.engine.cursor() as cursor:
        sums = cursor.execute("SELECT sum(id_number), sum(ip_number) FROM lake.events").fetchone()
    assert (pc.sum(read["id_number"]).as_py(), pc.sum(read["ip_number"]).as_py()) == sums
    lake.close()


def test_a_moved_data_folder_still_opens(tmp_path: Path) -> None:
    make_lake(tmp_path / "here", [{"message_id": "a"}]).close()
    (tmp_path / "here").rename(tmp_path / "it's there")
    assert ids(Lake.open(make_settings(tmp_path / "it's there")).snapshot()) == ["a"]


def test_a_second_writer_waits_and_then_says_why(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    with (
        lake.write(NOW) as _,
        pytest.raises(LakeBusy, match="Another process"),
        writer_lock(lake.lock_path, wait=0.1),
    ):
        pass


def test_a_reader_opens_while_a_long_batch_is_written(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    with lake.write(NOW):
        started = time.monotonic()
        assert ids(Lake.open(make_settings(tmp_path)).snapshot()) == ["a"]
        assert time.monotonic() - started < 10


def _write_many(folder: str, writer: int) -> None:
    lake = Lake.open(make_settings(Path(folder)), threads=1)
    for number in range(6):
        add_events(lake, [{"message_id": f"{number} {row}"} for row in range(20)], key=f"{writer} {number}")


def test_two_writers_at_once_store_every_event_once(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(str(tmp_path), number)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    found = ids(lake.snapshot())
    assert len(found) == len(set(found)) == 120


@pytest.mark.parametrize("threads", [None, 1], ids=["reads", "loads"])
def test_no_second_copy_of_the_lakes_files_is_kept_in_memory(tmp_path: Path, threads: int | None) -> None:
    make_lake(tmp_path, [{"message_id": f"{number}"} for number in range(1_000)]).close()
    lake = Lake.open(make_settings(tmp_path), threads=threads)
    snapshot = lake.snapshot()
    assert snapshot.fetch(snapshot.events).num_rows == 1_000
    with lake.engine.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM duckdb_external_file_cache()").fetchone() == (0,)
    lake.close()


@pytest.mark.parametrize(
    "statement", ["SET TimeZone = 'Asia/Tokyo'", "SET enable_external_access = true", "SET lock_configuration = false"]
)
def test_no_statement_changes_how_the_database_runs(tmp_path: Path, statement: str) -> None:
    lake = make_lake(tmp_path, [{}])
    with pytest.raises(LakeError, match="configuration has been locked"), lake.engine.cursor() as cursor:
        cursor.execute(statement)
    with lake.engine.cursor() as cursor:
        assert cursor.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)
    lake.close()


def test_unsigned_extensions_are_allowed_no_more_once_ours_are_loaded(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{}])
    with lake.engine.cursor() as cursor:
        assert cursor.execute("SELECT current_setting('allow_unsigned_extensions')").fetchone() == (False,)
    with pytest.raises(LakeError), lake.engine.cursor() as cursor:
        cursor.execute("SET allow_unsigned_extensions = true")
    lake.close()


def test_no_extension_comes_by_itself(tmp_path: Path) -> None:
    """A statement that names what only an extension has would else fetch and run it."""
    lake = make_lake(tmp_path, [{}])
    asked = "SELECT current_setting('autoinstall_known_extensions'), current_setting('autoload_known_extensions')"
    with lake.engine.cursor() as cursor:
        assert cursor.execute(asked).fetchone() == (False, False)
    lake.close()


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
