"""Erasing a customer: not one byte of them is left, everybody else's events stay as they were, and they stay away."""

from __future__ import annotations

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow.parquet as pq
import pytest

from pipeline.erasure import Erasure, erase
from pipeline.errors import LakeBusy, SnapshotGone
from pipeline.lake import Lake, backup, look_ups, maintain
from pipeline.landing import object_key
from pipeline.questions import ledger
from pipeline.raw import raw_line
from pipeline.recovery.verify import verify
from pipeline.run import Pipeline
from pipeline.settings import Settings, SourceSpec
from pipeline.sources import Sweep
from pipeline.state import State
from tests import nursery
from tests.support import count_days, make_settings
from tests.support_cli import environment, pipeline
from tests.support_s3 import ACCESS_KEY, SECRET_KEY, S3Server

NOW = datetime.now(UTC).replace(microsecond=0)
# Nobody else's texts hold these. The id sorts before all others, and the name after, so both are bounds of a column.
CUSTOMER, VISITOR, NAME, EMAIL, IP = (
    "!canary-id",
    "canary-visitor",
    "~Canary Ångström",
    "Canary@Example.net",
    "203.0.113.77",
)
CANARIES = (
    *(each.encode() for each in (CUSTOMER, VISITOR, NAME, EMAIL, IP)),
    json.dumps(NAME).encode(),
    EMAIL.lower().encode(),
)


def event(message_id: str, **more: Any) -> dict[str, Any]:
    stamp = (NOW - timedelta(hours=2)).isoformat()
    return {
        **{"messageId": message_id, "type": "track", "event": "Page Viewed", "timestamp": stamp, "receivedAt": stamp},
        **{"source": "site", "properties": {"note": message_id}},
        **more,
    }


def theirs(message_id: str, **more: Any) -> dict[str, Any]:
    return event(message_id, **{"userId": CUSTOMER, "ip": IP, **more})


def others(message_id: str, **more: Any) -> dict[str, Any]:
    return event(message_id, **{"userId": f"kim {message_id[-1]}", "ip": "198.51.100.4", **more})


IDENTIFIED = {"type": "identify", "event": None, "traits": {"name": NAME, "email": EMAIL}}


@dataclass
class Site:
    """An installation that loads a bucket, where its collector writes, and a folder of archives."""

    settings: Settings
    server: S3Server
    bucket: str
    lake: Lake
    state: State

    @property
    def environment(self) -> dict[str, str]:
        """For a command in a process of its own."""
        return {
            "ACTIVITY_SOURCES": str(self.settings.data / "archives"),
            "ACTIVITY_LANDING": self.settings.landing,
            "ACTIVITY_S3_ENDPOINT_URL": self.server.endpoint_url,
            "ACTIVITY_S3_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def land(self, *lines: dict[str, Any] | str) -> str:
        key = f"landing/{object_key(int(NOW.timestamp() * 1000))}"
        self.server.put(self.bucket, key, gzip.compress(_text(lines)))
        return key

    def archive(self, name: str, *lines: dict[str, Any] | str, pack: bool = True, between: str = "\n") -> Path:
        path = self.settings.data / "archives" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(_text(lines, between)) if pack else _text(lines, between))
        return path

    def poll(self) -> None:
        loading = Pipeline(self.settings, self.lake, lambda: datetime.now(UTC))
        try:
            loading.poll(Sweep.ALL)
        finally:
            loading.close()

    def start(self, *command: str) -> nursery.Child:
        surroundings = environment(self.settings.data, **self.environment)
        nowhere = Path(os.devnull)
        return nursery.start("pipeline.__main__", command, surroundings, nowhere, nowhere)

    def erase(self, **more: Any) -> Erasure:
        return erase(self.settings, self.lake, self.state, CUSTOMER, NOW, **more)

    def rows(self, table: str) -> list[dict[str, Any]]:
        snapshot = self.lake.snapshot()
        found: list[dict[str, Any]] = snapshot.fetch(getattr(snapshot, table)).to_pylist()
        return found

    def stored(self) -> dict[str, dict[str, Any]]:
        return {row["message_id"]: row for row in self.rows("events")}

    def traces(self) -> list[str]:
        """Where a canary still is, in any byte under the data folder and in the bucket."""
        return sorted({f"{place}: {canary!r}" for place, body in self.bytes() for canary in CANARIES if canary in body})

    def bytes(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted(self.settings.data.rglob("*")):
            if path.is_file():
                yield from _decoded(str(path), path.read_bytes())
        for page in self.server.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
            for each in page.get("Contents", ()):
                body = self.server.client.get_object(Bucket=self.bucket, Key=each["Key"])["Body"].read()
                yield from _decoded(each["Key"], body)


def _text(lines: tuple[dict[str, Any] | str, ...], between: str = "\n") -> bytes:
    return "".join((line if isinstance(line, str) else json.dumps(line)) + between for line in lines).encode()


def _decoded(place: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    """The bytes as they are; of compressed and of Parquet files what they say, too."""
    yield place, body
    if body.startswith(b"\x1f\x8b"):
        yield place, gzip.decompress(body)
    elif body.startswith(b"PAR1") and body.endswith(b"PAR1"):
        table = pq.ParquetFile(place).read()
        for name in table.column_names:
            yield f"{place} {name}", repr(table[name].to_pylist()).encode()


@pytest.fixture
def site(tmp_path: Path, s3_server: S3Server, s3_credentials: None) -> Iterator[Site]:
    bucket = s3_server.bucket(f"erasure-{uuid4().hex[:8]}")
    settings = make_settings(
        tmp_path,
        sources=[SourceSpec(str(tmp_path / "archives"))],
        landing=f"s3://{bucket}/landing",
        s3_endpoint_url=s3_server.endpoint_url,
        s3_region="us-east-1",
        workers=1,
    )
    (tmp_path / "archives").mkdir()
    lake = Lake.open(settings)
    yield Site(settings, s3_server, bucket, lake, State(tmp_path))
    lake.close()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_ups, "_ENOUGH", 1)


def fill(site: Site) -> None:
    """Objects of every kind, in several batches, merged in between: theirs among others', read, twice, and broken."""
    site.land(
        event("before", anonymousId=VISITOR, ip=IP),
        others("a1"),
        theirs("c1", anonymousId=VISITOR),
        others("a2"),
    )
    site.poll()
    maintain.merge(site.lake)
    assert look_ups.add_block(site.lake, NOW + timedelta(days=2)) is not None  # from here on, all come late
    assert count_days(site.lake, NOW + timedelta(days=2)) > 0
    site.land(others("b1"), theirs("c2", **IDENTIFIED), "", others("b2"), theirs("c1", anonymousId=VISITOR))
    page = {"url": f"https://news.example/reset/{EMAIL.lower()}"}  # which is among its day's paths
    site.land(theirs("only theirs", context={"page": page}))
    site.poll()
    site.land(
        theirs("no name", type="track", event=""),
        json.dumps(theirs("broken", properties={"email": EMAIL}))[:-1],
        json.dumps(event("e", userId=None, traits={"email": EMAIL.lower()})),
        others("no name either", event=""),
        event("alias", type="alias", userId="kim 9", previousId=CUSTOMER, event=None),
        others("d1"),
    )
    segment = {key: value for key, value in theirs("s1").items() if key not in ("source", "ip")}
    site.archive("segment-logs/shop/1758585600000/1.gz", segment | {"context": {"ip": IP}}, others("s2"))
    site.archive("plain.json", others("p1"), theirs("p2"), others("p3"), pack=False)
    name = "2026/11/23/14/web-1-2026-11-23-14-00-00-00000000-0000-0000-0000-000000000000"
    site.archive(name, others("f1"), theirs("f2"), others("f3"), between="")
    site.poll()
    assert count_days(site.lake, NOW + timedelta(days=2)) > 0
    site.state.funnels.save(f"Of {NAME}", {"steps": [{"event": None, "filters": [f"email is {EMAIL}"]}]}, NOW)
    site.state.funnels.save("Everybody's", {"steps": [{"event": None}]}, NOW)


def test_not_one_byte_of_an_erased_customer_is_left(site: Site) -> None:
    fill(site)
    before, places = site.stored(), {trace.split(": ")[0] for trace in site.traces()}
    assert len(places) > 10, "the canaries are found where they are"
    assert any("/lake/days/" in place for place in places), "and in what was counted of days"
    done = site.erase()
    assert site.traces() == []
    assert done.objects.left == []
    gone = {"before", "c1", "c2", "only theirs", "alias", "s1", "p2", "f2"}
    assert (done.rows["events"], done.rows["rejected"], done.funnels) == (len(gone), 3, 1)
    after = site.stored()
    assert after == {key: row for key, row in before.items() if key not in gone}, "all others stay as they were"
    with site.lake.engine.cursor() as cursor:
        left = """SELECT count(*) FROM lake.by_id
            WHERE (id_number, occurred_at) NOT IN (SELECT (id_number, occurred_at) FROM lake.events)"""
        assert cursor.execute(left).fetchone() == (0,), "what their ids were found by"
    totals = ledger.totals(site.lake.snapshot())
    assert totals.balanced
    assert totals.removed == len(gone)
    assert [saved.name for saved in site.state.funnels.all()] == ["Everybody's"]
    assert {row["person"] for row in site.rows("people")} >= {"c:kim 1", "c:kim 2"}
    assert site.rows("links") == []
    for row in after.values():
        line = raw_line(site.settings, site.lake.snapshot(), row["object_key"], row["line"])
        assert json.loads(line)["messageId"] == row["message_id"], "every event still knows its line"


def test_what_is_erased_is_not_loaded_again(site: Site) -> None:
    fill(site)
    site.erase()
    objects = len(site.rows("objects"))
    site.poll()
    assert len(site.rows("objects")) == objects, "the objects that were written anew are no new objects"
    site.archive("again.json", theirs("c1"), event("later", anonymousId=VISITOR), others("z1"), theirs("x", event=""))
    site.poll()
    assert "z1" in site.stored()
    kept = [row for row in site.rows("rejected") if row["code"] == "customer.erased"]
    assert sorted((row["line"], row["raw"]) for row in kept) == [(1, b""), (2, b""), (4, b"")]
    assert ledger.totals(site.lake.snapshot()).balanced
    assert not [row for row in site.rows("events") + site.rows("people") if CUSTOMER in str(row)]
    site.erase()  # by their visitors' hashes alone: the lake knows of no link any more
    assert site.traces() == []


def test_a_visitor_who_became_them_in_a_line_that_is_not_loaded_yet_goes_too(site: Site) -> None:
    site.land(event("before", anonymousId=VISITOR, ip=IP), others("o1"))
    site.land(theirs("c1", anonymousId=VISITOR))
    assert site.start("erase", CUSTOMER).wait() == 0
    site.poll()
    assert site.stored().keys() == {"o1"}
    assert site.traces() == []


def test_a_dry_run_tells_the_same_and_changes_nothing(site: Site) -> None:
    fill(site)
    before, traces = site.lake.snapshot().version, site.traces()
    told = site.erase(dry_run=True)
    assert (site.lake.snapshot().version, site.traces()) == (before, traces)
    assert not site.state.erasures.known()
    done = site.erase()
    assert (told.rows, told.objects.lines, told.funnels) == (done.rows, done.objects.lines, done.funnels)


def test_a_reader_of_an_older_snapshot_is_told_so_and_moves_on(site: Site) -> None:
    fill(site)
    reader = Lake.open(site.settings)
    pinned = reader.snapshot()
    assert CUSTOMER in str(pinned.fetch(pinned.events))
    erased = pipeline(site.settings.data, "erase", CUSTOMER, **site.environment)
    assert erased.returncode == 0, erased.stderr
    [noted] = site.state.upkeep.last(kind="erase")
    assert noted.outcome.startswith("8 events of ")
    [deed] = site.state.audit.last(9)
    assert (deed.act, deed.rows) == ("erase", 8)
    assert CUSTOMER not in deed.about
    with pytest.raises(SnapshotGone):
        pinned.fetch(pinned.events)
    with pytest.raises(SnapshotGone):
        reader.snapshot(pinned.version)
    current = reader.snapshot()
    assert CUSTOMER not in str(current.fetch(current.events))
    assert site.traces() == []
    for told in (erased.stdout, erased.stderr):
        assert not [canary for canary in CANARIES if canary in told.encode()]
    reader.close()


def test_an_erasure_that_is_cut_short_anywhere_is_complete_when_repeated(site: Site) -> None:
    fill(site)
    for stop in range(1, 8):

        def cut_short(read: int, stop: int = stop) -> None:
            if read == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            site.erase(progress=cut_short)
        site.poll()  # objects that were written anew already are other objects for the ledger
        assert ledger.totals(site.lake.snapshot()).balanced
    assert site.traces()
    site.erase()
    assert site.traces() == []
    assert ledger.totals(site.lake.snapshot()).balanced


# In a process of its own: the locks of one in ours would go when DuckDB closes the file.
READER = """
import sqlite3, sys
reader = sqlite3.connect(sys.argv[1], isolation_level=None)
reader.execute("BEGIN")
reader.execute("SELECT count(*) FROM ducklake_snapshot").fetchone()
print("reading", flush=True)
sys.stdin.read()
"""


def test_a_reader_that_does_not_give_way_is_told_of_and_a_repeated_erasure_ends(site: Site) -> None:
    fill(site)
    command = [sys.executable, "-c", READER, str(site.lake.folder / "catalog.sqlite")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == "reading\n"
        with pytest.raises(LakeBusy) as caught:
            site.erase(wait=0)
        reader.communicate()
    assert caught.value.code == "erasure.unfinished"
    assert site.traces()
    site.erase()
    assert site.traces() == []


def test_what_killed_processes_left_behind_goes_too(site: Site) -> None:
    fill(site)
    written = next(site.lake.folder.glob("files/main/events/**/*.parquet"))
    written.with_name("ducklake-orphan.parquet").write_bytes(b"PAR1" + IP.encode())
    spilled = site.lake.folder / "tmp" / "duckdb_temp_storage-0.tmp"
    spilled.parent.mkdir(exist_ok=True)
    spilled.write_bytes(CUSTOMER.encode())
    rebuilding = site.settings.data / "lake.rebuilding" / "files" / "half.parquet"
    rebuilding.parent.mkdir(parents=True)
    rebuilding.write_bytes(CUSTOMER.encode())
    long_ago = (NOW - timedelta(days=1)).timestamp()
    os.utime(spilled, (long_ago, long_ago))
    site.settings.backups.mkdir()
    (site.settings.backups / ".catalog-20261124T000000Z-daily.sqlite.tmp").write_bytes(CUSTOMER.encode())
    site.erase()
    assert site.traces() == []


def test_what_was_loaded_once_by_hand_is_reached_too(site: Site) -> None:
    once = site.archive("../once/1.json.gz", theirs("by hand", **IDENTIFIED), others("o1"))
    loaded = pipeline(site.settings.data, "load", str(once.parent.resolve()), **site.environment)
    assert loaded.returncode == 0, loaded.stderr
    assert site.erase().objects.lines == 1
    assert site.traces() == []
    assert list(site.stored()) == ["o1"]


def test_backups_go_and_one_without_them_takes_their_place(site: Site) -> None:
    fill(site)
    for days in (2, 1):
        backup.back_up(site.lake.folder, site.settings.backups, NOW - timedelta(days=days), "daily")
    assert any("backups" in trace for trace in site.traces())
    assert site.erase().backups == 2
    assert site.traces() == []
    [kept] = backup.list_backups(site.settings.backups)
    assert backup.missing_files(site.lake.folder, kept.path) == 0


def test_a_bucket_with_versions_keeps_none_of_theirs(site: Site) -> None:
    client = site.server.client
    client.put_bucket_versioning(Bucket=site.bucket, VersioningConfiguration={"Status": "Enabled"})
    fill(site)
    site.erase()
    kept = client.list_object_versions(Bucket=site.bucket)
    bodies = [
        client.get_object(Bucket=site.bucket, Key=each["Key"], VersionId=each["VersionId"])["Body"].read()
        for each in kept["Versions"]
    ]
    assert len(bodies) == 4
    assert not [canary for body in bodies for canary in CANARIES if canary in gzip.decompress(body)]


def test_an_archive_that_cannot_be_written_is_named_and_brings_nobody_back(site: Site) -> None:
    fill(site)
    blocked = site.settings.data / "archives" / ".plain.json.tmp"
    blocked.mkdir()  # no right is missing to root: this is what no user may write
    done = site.erase()
    [(place, why)] = done.objects.left
    assert place.endswith("plain.json")
    assert "cannot be written" in why
    assert {trace.split(": ")[0] for trace in site.traces()} == {str(blocked.with_name("plain.json"))}
    rebuilt = Lake.open(make_settings(site.settings.data / "rebuilt"))
    loading = Pipeline(site.settings, rebuilt, lambda: datetime.now(UTC))
    loading.poll(Sweep.ALL)
    loading.close()
    ids = {row["message_id"] for row in rebuilt.snapshot().fetch(rebuilt.snapshot().events).to_pylist()}
    assert ids == site.stored().keys()
    rebuilt.close()
    assert verify(site.settings, site.lake, datetime.now(UTC), objects=True).differences == []


def test_what_is_left_is_verified_against_the_ledger_and_the_objects(site: Site) -> None:
    fill(site)
    site.erase()
    report = verify(site.settings, site.lake, datetime.now(UTC), objects=True)
    assert (report.differences, report.unread) == ([], [])
    assert report.objects_read == report.objects == 7


def test_an_erasure_that_is_killed_after_any_of_its_steps_is_complete_when_repeated(site: Site) -> None:
    fill(site)
    catalog, archives = site.lake.folder / "catalog.sqlite", site.settings.data / "archives"

    def asked(database: Path, question: str) -> int:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)) as con:
            return int(con.execute(question).fetchone()[0])

    def archived() -> int:
        return sum(path.stat().st_mtime_ns for path in archives.rglob("*") if path.is_file())

    def files() -> int:
        return len(list(site.lake.folder.rglob("*.parquet")))

    steps: dict[str, Callable[[], int]] = {
        "names remembered": lambda: asked(site.settings.data / "state.sqlite", "SELECT count(*) FROM erased"),
        "an object written": archived,
        "rows removed": lambda: asked(catalog, "SELECT max(snapshot_id) FROM ducklake_snapshot"),
        "snapshots expired": lambda: asked(catalog, "SELECT min(snapshot_id) FROM ducklake_snapshot"),
        "files changed": files,
    }
    kills = 0  # on a busy machine one comes late, and leaves nothing for the next to wait for
    for name, look in steps.items():
        before = look()
        killed = site.start("erase", CUSTOMER)
        while killed.poll() is None and look() == before:
            time.sleep(0.001)
        killed.kill()
        kills += killed.wait() == -signal.SIGKILL
        site.poll()
        assert ledger.totals(site.lake.snapshot()).balanced, name
        assert not set(site.stored()) & {"c1", "c2"} or name in ("names remembered", "an object written")
    site.erase()
    assert kills >= 3
    assert site.traces() == []
    assert ledger.totals(site.lake.snapshot()).balanced
