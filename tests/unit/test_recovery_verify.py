"""Verifying: a lake that agrees with its ledger is said to, and every way to differ is found, with its place."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.lake import retain
from pipeline.recovery.verify import Difference, verify
from tests.support_cli import pipeline
from tests.unit.test_run import NOW, Site, event


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.land("v1/1.jsonl.gz", event("a"), event("b", userId="u"), "{broken", "")
    made.land("v1/2.jsonl.gz", event("b", userId="u"), event("c", anonymousId="other"))
    broken = made.land("v1/3.jsonl.gz", event("never"))
    broken.write_bytes(broken.read_bytes()[:-9])
    made.poll()
    return made


def found(site: Site, *, objects: bool = False) -> set[tuple[str, str, int, int]]:
    differences = verify(site.settings, site.lake, NOW, objects=objects).differences
    return {(each.key, each.what, each.expected, each.found) for each in differences}


def test_what_was_loaded_agrees_with_the_ledger_and_with_its_objects(site: Site) -> None:
    report = verify(site.settings, site.lake, NOW, objects=True)
    assert (report.differences, report.unread) == ([], [])
    assert (report.objects, report.objects_read, report.lines, report.events) == (2, 2, 5, 3)


@pytest.mark.parametrize(
    ("damage", "difference"),
    [
        ("DELETE FROM lake.events WHERE message_id = 'a'", ("v1/1.jsonl.gz", "events", 2, 1)),
        ("DELETE FROM lake.rejected", ("v1/1.jsonl.gz", "rejected lines", 1, 0)),
        (
            "INSERT INTO lake.events SELECT * FROM lake.events WHERE message_id = 'c'",
            ("v1/2.jsonl.gz", "events stored twice", 0, 1),
        ),
        (
            "UPDATE lake.objects SET lines = 9 WHERE key = 'v1/2.jsonl.gz'",
            ("v1/2.jsonl.gz", "lines accounted for", 9, 2),
        ),
        ("DELETE FROM lake.objects WHERE key = 'v1/2.jsonl.gz'", ("v1/2.jsonl.gz", "events", 0, 1)),
        (
            "INSERT INTO lake.people SELECT 99, person FROM lake.people WHERE number = 1",
            ("", "people told apart", 4, 3),
        ),
        ("INSERT INTO lake.people VALUES (1, 'c:x')", ("", "numbers told apart", 4, 3)),
        ("UPDATE lake.events SET person_number = 1", ("", "events with their person's number", 3, 1)),
    ],
)
def test_damage_is_found_and_placed(site: Site, damage: str, difference: tuple[str, str, int, int]) -> None:
    with site.lake.engine.cursor() as cursor:
        cursor.execute(damage)
    assert difference in found(site)


def test_an_event_swapped_for_another_is_found_by_reading_the_objects_again(site: Site) -> None:
    with site.lake.engine.cursor() as cursor:
        cursor.execute("UPDATE lake.events SET event_id = uuid() WHERE message_id = 'a'")
    assert found(site) == set()
    assert found(site, objects=True) == {("v1/1.jsonl.gz", "events of the object that the lake lacks", 0, 1)}


def test_lines_that_were_never_counted_are_found_by_reading_the_objects_again(site: Site) -> None:
    with site.lake.engine.cursor() as cursor:
        cursor.execute("UPDATE lake.objects SET lines = 1, duplicate = 0 WHERE key = 'v1/2.jsonl.gz'")
    assert found(site) == set()
    assert ("v1/2.jsonl.gz", "lines in the object", 1, 2) in found(site, objects=True)


def test_an_object_that_is_gone_or_overwritten_is_no_difference_but_said(site: Site) -> None:
    (site.settings.landing_folder / "v1/1.jsonl.gz").unlink()
    site.land("v1/2.jsonl.gz", event("other"))
    report = verify(site.settings, site.lake, NOW, objects=True)
    assert report.differences == []
    assert [(each.key, each.reason.partition(":")[0]) for each in report.unread] == [
        ("v1/1.jsonl.gz", "object.gone"),
        ("v1/2.jsonl.gz", "object.gone"),
    ]


def test_a_line_that_could_be_read_now_is_no_difference(tmp_path: Path) -> None:
    site = Site(tmp_path, max_line_bytes=1_000)
    site.land("1.jsonl.gz", event("a"), event("long", properties={"text": "x" * 2_000}))
    site.poll()
    site.settings = site.settings.model_copy(update={"max_line_bytes": 1_000_000})
    assert found(site, objects=True) == set()


def test_what_retention_removed_is_not_missing(tmp_path: Path) -> None:
    site = Site(tmp_path, retention_days=10)
    old = (NOW - timedelta(days=9)).isoformat()
    site.land("1.jsonl.gz", event("old", timestamp=old, receivedAt=old), event("new"))
    site.poll()
    later = NOW + timedelta(days=4)
    retain.retain(site.lake, later, 10, force=True)
    assert site.ids() == ["new"]
    report = verify(site.settings, site.lake, later, objects=True)
    assert report.differences == []
    with site.lake.engine.cursor() as cursor:
        cursor.execute("DELETE FROM lake.events")
    assert verify(site.settings, site.lake, later).differences == [
        Difference(f"file://{site.settings.landing_folder}", "1.jsonl.gz", "events", 1, 0)
    ]


def test_the_command_tells_differences_by_table_json_and_exit_code(site: Site) -> None:
    data = site.settings.data
    assert pipeline(data, "verify", "--objects").stdout.endswith("All of it agrees.\n")
    with site.lake.engine.cursor() as cursor:
        cursor.execute("DELETE FROM lake.events WHERE message_id = 'a'")
    done = pipeline(data, "verify")
    assert done.returncode == 1
    assert "events: file://" in done.stderr
    [difference] = json.loads(pipeline(data, "verify", "--json").stdout)["differences"]
    assert (difference["key"], difference["expected"], difference["found"]) == ("v1/1.jsonl.gz", 2, 1)


def test_a_lake_whose_files_are_damaged_is_not_called_well(site: Site) -> None:
    next(site.settings.lake.glob("files/main/events/**/*.parquet")).unlink()
    done = pipeline(site.settings.data, "verify")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
