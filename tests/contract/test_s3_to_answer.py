"""The main job on real input: objects in a real S3 server, loaded by the command line, counted by hand.

The objects are written by the bench's own templates and by Python's json and gzip, never by the code that reads them.
"""

from __future__ import annotations

import csv
import gzip
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.bench.data import write_objects
from tests.support_cli import pipeline
from tests.support_s3 import ACCESS_KEY, SECRET_KEY, S3Server

EVENTS, OBJECTS = 6_000, 12


def test_a_segment_archive_in_s3_becomes_the_same_number_everywhere(
    s3_server: S3Server, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    written = tmp_path_factory.mktemp("archive")
    end = datetime.now(UTC) - timedelta(minutes=5)
    write_objects(written, events=EVENTS, objects=OBJECTS, days=5, end=end, customers=200)
    bucket = s3_server.bucket("publisher-archive")
    day = end.replace(hour=0, minute=0, second=0, microsecond=0)
    for path in sorted(written.glob("*.gz")):
        key = f"events/segment-logs/Kq3Site/{int(day.timestamp() * 1000)}/{path.name}"
        s3_server.put(bucket, key, path.read_bytes())
    lines = sum(gzip.decompress(path.read_bytes()).count(b"\n") for path in written.glob("*.gz"))

    access = {
        "ACTIVITY_S3_ENDPOINT_URL": s3_server.endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    loaded = pipeline(tmp_path, "load", f"s3://{bucket}/events", **access)
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.startswith(f"{OBJECTS} objects, {lines:,} lines = {lines:,} loaded + 0 duplicate")

    assert pipeline(tmp_path, "count", "range=14D").stdout == f"{lines}\n"
    sources = pipeline(tmp_path, "count", "range=14D&f=source is Kq3Site").stdout
    assert sources == f"{lines}\n", "the archive's layout names the source"
    # By hand, as a doubting reader would.
    grepped = subprocess.run(
        'zcat *.gz | grep -c \'"event": "Subscribed"\'',
        shell=True,
        cwd=written,
        capture_output=True,
        text=True,
        check=True,
    )
    assert pipeline(tmp_path, "count", "range=14D&f=event is Subscribed").stdout == grepped.stdout

    pipeline(tmp_path, "export", "range=14D", "--to", "all.csv")
    with (tmp_path / "all.csv").open(encoding="utf-8-sig", newline="") as file:
        exported = list(csv.DictReader(file))
    assert len(exported) == len({row["event_id"] for row in exported}) == lines

    # The same archive again, from a folder this time: every line a duplicate, nothing counted twice.
    mirror = tmp_path / "mirror" / "segment-logs" / "Kq3Site" / str(int(day.timestamp() * 1000))
    mirror.parent.mkdir(parents=True)
    written.rename(mirror)
    again = pipeline(tmp_path, "load", str(tmp_path / "mirror"))
    assert f"0 loaded + {lines:,} duplicate" in again.stdout
    assert pipeline(tmp_path, "count", "range=14D").stdout == f"{lines}\n"


def test_a_run_over_a_missing_bucket_says_so_and_looks_behind(s3_server: S3Server, tmp_path: Path) -> None:
    access = {
        "ACTIVITY_SOURCES": "s3://no-such-bucket/events",
        "ACTIVITY_S3_ENDPOINT_URL": s3_server.endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }
    done = pipeline(tmp_path, "run", "--once", **access)
    assert done.returncode == 1
    assert "no-such-bucket" in done.stderr
    status = pipeline(tmp_path, "status", **access)
    assert status.returncode == 1
    assert status.stdout.startswith("Behind")
    assert "no-such-bucket" in status.stdout
