"""Backups of the catalog: whole while others write, taken daily and before a migration, and restorable or said not to
be."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.commands.run import Scheduler
from pipeline.errors import LakeError, SnapshotGone
from pipeline.lake import Lake, backup, maintain
from pipeline.lake.engine import CATALOG
from pipeline.lake.lock import replacing
from pipeline.questions import export, ledger
from pipeline.questions.timeline import timeline
from pipeline.questions.view import View
from tests.support import NOW, add_events, make_lake, make_settings
from tests.support_cli import pipeline
from tests.unit.test_lake import ids

DAY = timedelta(days=1)


def take(lake: Lake, at: int = 0) -> backup.Backup:
    return backup.back_up(lake.folder, lake.backups, NOW + at * DAY, "asked")


def test_a_backup_is_one_whole_database_and_can_be_restored(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    taken = take(lake)
    assert [path.name for path in lake.backups.iterdir()] == ["catalog-20261123T143000Z-asked.sqlite"]
    add_events(lake, [{"message_id": "b"}], key="later")
    assert ids(lake.snapshot()) == ["a", "b"]
    backup.restore(lake.folder, lake.backups, taken.path, NOW + DAY)
    assert ids(lake.snapshot()) == ["a"], "a lake that is open moves to the restored catalog"
    assert ids(Lake.open(make_settings(tmp_path)).snapshot()) == ["a"]
    add_events(lake, [{"message_id": "b"}, {"message_id": "c"}], key="again")
    assert ids(lake.snapshot()) == ["a", "b", "c"]
    assert ledger.totals(lake.snapshot()).balanced
    undo = backup.list_backups(lake.backups)[0]
    assert undo.why == "restore"
    backup.restore(lake.folder, lake.backups, undo.path, NOW + 2 * DAY)
    assert ids(lake.snapshot()) == ["a", "b"]


def test_numbers_of_snapshots_grow_by_no_more_than_they_must(tmp_path: Path) -> None:
    """Doubled with every restore, they would fit into 64 bits no more after some forty."""
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    taken = take(lake)
    versions = [lake.snapshot().version]
    for at in range(1, 6):
        backup.restore(lake.folder, lake.backups, taken.path, NOW + at * DAY)
        versions.append(lake.snapshot().version)
        taken = take(lake, at)
    steps = [later - earlier for earlier, later in pairwise(versions)]
    assert min(steps) > 0, "no number is used twice"
    assert max(steps) < 1.1 * min(steps)


def test_backups_taken_while_others_write_are_never_torn(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            add_events(lake, [{"message_id": f"{number}"}], key=f"{number}")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        # What was committed before a backup began must be in it, be it in the catalog's log still.
        taken = [(ledger.totals(lake.snapshot()).events, take(lake, at)) for at in range(12)]
    finally:
        stop.set()
        writer.join()
    for least, each in taken:
        other = tmp_path / each.path.stem
        shutil.copytree(lake.folder, other / "lake", ignore=shutil.ignore_patterns("catalog*"))
        shutil.copy(each.path, other / "lake" / CATALOG)
        totals = ledger.totals(Lake.open(make_settings(other)).snapshot())
        assert totals.balanced
        assert totals.objects_loaded == totals.events + 1 > least
    assert not list(lake.backups.glob(".*"))


def test_a_backup_holds_what_is_in_the_catalogs_log_still(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    with lake.engine.cursor() as reader:
        reader.begin()
        reader.execute("SELECT count(*) FROM lake.events").fetchall()  # what comes now stays in the log
        add_events(lake, [{"message_id": "b"}], key="later")
        taken = take(lake)
        reader.rollback()
    assert backup.newest_snapshot(taken.path) == lake.snapshot().version


def test_a_lost_or_damaged_catalog_is_restored(tmp_path: Path) -> None:
    for number, damage in enumerate((b"", b"no database at all" * 1_000, None)):
        lake = make_lake(tmp_path / str(number), [{"message_id": "a"}])
        taken = take(lake)
        lake.close()
        for path in lake.folder.glob("catalog.sqlite*"):
            path.unlink()
        if damage is not None:
            (lake.folder / CATALOG).write_bytes(damage)
        backup.restore(lake.folder, lake.backups, taken.path, NOW)
        assert ids(Lake.open(make_settings(tmp_path / str(number))).snapshot()) == ["a"]


def test_a_log_left_by_a_damaged_catalog_does_not_get_into_the_restored_one(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    taken = take(lake)
    add_events(lake, [{"message_id": "b"}], key="later")
    lake.close()
    catalog, wal = lake.folder / CATALOG, lake.folder / f"{CATALOG}-wal"
    with closing(sqlite3.connect(catalog)) as held:
        held.execute("PRAGMA journal_mode = WAL")
        held.execute("CREATE TABLE only_in_the_log (x)")
        log = wal.read_bytes()
    catalog.write_bytes(b"no database at all" * 1_000)
    wal.write_bytes(log)
    backup.restore(lake.folder, lake.backups, taken.path, NOW)
    with closing(sqlite3.connect(catalog)) as con:
        assert con.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert not con.execute("SELECT 1 FROM sqlite_master WHERE name = 'only_in_the_log'").fetchone()
    assert ids(Lake.open(make_settings(tmp_path)).snapshot()) == ["a"]


def test_readers_meet_the_old_or_the_restored_catalog_and_nothing_between(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    taken = take(lake)
    add_events(lake, [{"message_id": "b"}], key="later")
    pinned = lake.snapshot()
    stop, seen, problems = threading.Event(), set[tuple[str, ...]](), list[Exception]()

    def read(other: Lake) -> None:
        while not stop.is_set():
            try:
                seen.add(tuple(ids(other.snapshot())))
            except SnapshotGone:
                pass  # found just before, and restored away since: a page shows the current one
            except Exception as error:
                problems.append(error)

    readers = [threading.Thread(target=read, args=[each]) for each in (lake, Lake.open(make_settings(tmp_path)))]
    for reader in readers:
        reader.start()
    try:
        for at in range(5):
            backup.restore(lake.folder, lake.backups, taken.path, NOW + at * DAY)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert problems == []
    assert seen <= {("a",), ("a", "b")}
    with pytest.raises(SnapshotGone):
        ids(lake.snapshot(pinned.version))


def test_whoever_read_while_the_catalog_was_replaced_is_told(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    taken = take(lake)

    def read_on() -> None:
        with lake.engine.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM lake.events")
            backup.restore(lake.folder, lake.backups, taken.path, NOW)

    with pytest.raises(SnapshotGone, match="restored or rebuilt"):
        read_on()
    assert ids(lake.snapshot()) == ["a"]


def test_an_export_of_before_the_catalog_was_replaced_is_never_empty(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    taken = take(lake)
    add_events(lake, [{"message_id": "b"}], key="b")
    pinned = lake.snapshot()
    backup.restore(lake.folder, lake.backups, taken.path, NOW)
    view = View.parse("range=90D", now=NOW, zone=ZoneInfo("UTC"))
    with pytest.raises(SnapshotGone):
        b"".join(export.csv(pinned, view))
    with pytest.raises(SnapshotGone):
        timeline(pinned, view)
    assert timeline(lake.snapshot(), view).total == 1


def test_whoever_begins_to_read_meanwhile_waits(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    reader = threading.Thread(target=lambda: lake.snapshot())
    with replacing(lake.folder):
        reader.start()
        reader.join(0.3)
        assert reader.is_alive()
    reader.join(30)
    assert not reader.is_alive()


def test_a_backup_whose_files_are_gone_is_refused(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    add_events(lake, [{"message_id": "b"}], key="b")
    taken = take(lake)
    maintain.merge(lake)
    assert backup.missing_files(lake.folder, taken.path) == 0
    maintain.expire(lake, NOW + 400 * DAY, hours=1)
    assert backup.missing_files(lake.folder, taken.path) > 0
    with pytest.raises(LakeError) as caught:
        backup.restore(lake.folder, lake.backups, taken.path, NOW)
    assert caught.value.code == "backup.files_gone"
    assert ids(lake.snapshot()) == ["a", "b"]


def test_a_damaged_catalog_makes_no_backup(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    lake.close()
    content = bytearray((lake.folder / CATALOG).read_bytes())
    content[4096 : len(content) // 2] = b"\xff" * (len(content) // 2 - 4096)
    (lake.folder / CATALOG).write_bytes(content)
    with pytest.raises(LakeError) as caught:
        take(lake)
    assert caught.value.code == "backup.failed"
    assert list(lake.backups.iterdir()) == []


def test_an_older_lake_is_backed_up_before_it_is_migrated(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    with lake.engine.cursor() as cursor:
        cursor.execute("ALTER TABLE lake.events DROP COLUMN utm_term")
    lake.close()
    assert not lake.backups.exists(), "a new lake has nothing to back up"
    lake = Lake.open(make_settings(tmp_path))
    [kept] = backup.list_backups(lake.backups)
    assert kept.why == "migration"
    with closing(sqlite3.connect(kept.path)) as con:
        columns = "SELECT count(*) FROM ducklake_column WHERE column_name = 'utm_term' AND end_snapshot IS NULL"
        assert con.execute(columns).fetchone() == (0,)
    lake.close()
    Lake.open(make_settings(tmp_path)).close()
    assert len(backup.list_backups(lake.backups)) == 1


def test_old_backups_go_but_never_the_newest_ones(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [])
    for at in range(5):
        take(lake, at)
    assert len(backup.prune(lake.backups, NOW + 5 * DAY, 3)) == 2
    assert len(backup.list_backups(lake.backups)) == 3
    backup.prune(lake.backups, NOW + 400 * DAY, 3)
    left = [each.taken_at for each in backup.list_backups(lake.backups)]
    assert left == [NOW + days * DAY for days in (4, 3, 2)], "a clock that is a year ahead takes no backup away"
    assert backup.remove_all(lake.backups) == 3
    assert backup.list_backups(lake.backups) == []


def test_the_scheduler_takes_one_a_day(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, log="text", backup_days=2)
    for days in (0, 0, 1.5, 1.6, 9):
        scheduler = Scheduler(settings)
        scheduler.poll(NOW + days * DAY, lambda: False)
        scheduler.close()
    kept = [each.taken_at for each in backup.list_backups(settings.backups)]
    assert kept == [NOW + 9 * DAY, NOW + 1.5 * DAY], "that of the first day is older than two, and not of the last two"
    assert [run.problem for run in scheduler.state.upkeep.last(kind="backup")] == [None] * 3


def test_the_command_takes_lists_and_restores(tmp_path: Path) -> None:
    assert pipeline(tmp_path, "backup").returncode == 2
    assert pipeline(tmp_path, "backup", "--list").returncode == 1
    lake = make_lake(tmp_path, [{"message_id": "a"}])
    name = Path(pipeline(tmp_path, "backup").stdout.strip()).name
    add_events(lake, [{"message_id": "b"}], key="b")
    listed = pipeline(tmp_path, "backup", "--list")
    assert (listed.returncode, name in listed.stdout, "can be restored" in listed.stdout) == (0, True, True)
    assert "Did you mean" in pipeline(tmp_path, "backup", "--restore", name[:-1]).stderr
    assert pipeline(tmp_path, "backup", "--restore", name).returncode == 0
    assert ids(lake.snapshot()) == ["a"]
