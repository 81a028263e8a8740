"""The lake: exactly once, one snapshot for every table, and what its engine may not do."""

from __future__ import annotations

import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.errors import LakeBusy, LakeError
from pipeline.lake import Entry, Lake, Transaction
from pipeline.lake.lock import writer_lock
from pipeline.questions import activity
from pipeline.questions.view import View
from pipeline.sources import Rejected
from tests.support import NOW, add_events, ids, make_lake, make_settings, rows

DAY = timedelta(days=1)


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


def test_days_are_utc_days_whatever_the_process_thinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    make_lake(tmp_path, [{"occurred_at": datetime(2026, 11, 20, 20, tzinfo=UTC)}])
    assert [path.parent.name for path in (tmp_path / "lake" / "files" / "main" / "events").rglob("*.parquet")] == [
        "day=20"
    ]


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
