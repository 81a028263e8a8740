"""Recovery from objects in a real S3 server: a lost lake comes back whole, and verify tells what the bucket lacks."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

from tests.support_cli import pipeline
from tests.support_s3 import ACCESS_KEY, SECRET_KEY, S3Server
from tests.unit.test_recovery_rebuild import everything
from tests.unit.test_run import Site, event


def test_a_lake_of_events_in_s3_is_verified_lost_and_rebuilt(s3_server: S3Server, tmp_path: Path) -> None:
    bucket = s3_server.bucket("recovery")
    access = {
        "ACTIVITY_SOURCES": f"s3://{bucket}/events",
        "ACTIVITY_S3_ENDPOINT_URL": s3_server.endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for number in range(3):
        lines = [json.dumps(event(f"{number} {line}")) for line in range(50)]
        lines += [json.dumps(event("everywhere", event=f"Seen {number}")), "{broken"]
        s3_server.put(bucket, f"events/{2 - number}.jsonl.gz", gzip.compress("\n".join(lines).encode()))
        assert pipeline(tmp_path, "run", "--once", **access).returncode == 0
    before = everything(Site(tmp_path))
    assert len(before) == 151
    assert pipeline(tmp_path, "verify", "--objects", **access).returncode == 0

    shutil.rmtree(tmp_path / "lake")
    rebuilt = pipeline(tmp_path, "rebuild", **access)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert "156 lines = 151 loaded + 2 duplicate + 3 rejected + 0 expired" in rebuilt.stdout
    assert everything(Site(tmp_path)) == before

    s3_server.client.delete_object(Bucket=bucket, Key="events/1.jsonl.gz")
    verified = pipeline(tmp_path, "verify", "--objects", **access)
    assert verified.returncode == 1
    assert "object.gone" in verified.stdout
    kept = pipeline(tmp_path, "rebuild", **access)
    assert kept.returncode == 2
    assert "50 of 151 events" in kept.stderr, "the redelivered one is in another object still"
    assert everything(Site(tmp_path)) == before
