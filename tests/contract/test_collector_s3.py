"""What a 200 promises when the landing store is S3, while that works, fails, lies and hangs."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.gate import Gate
from tests.support_collect import (
    Answer,
    collecting,
    ids,
    load,
    make_key,
    read_lake,
    track,
    until,
)
from tests.support_s3 import ACCESS_KEY, SECRET_KEY, S3Server

MEMORY = 300_000_000  # bytes that a collector may have, whatever comes


@pytest.fixture
def bucket(s3_server: S3Server, request: pytest.FixtureRequest) -> str:
    return s3_server.bucket(f"landing-{abs(hash(request.node.name))}")


@pytest.fixture
def gate(s3_server: S3Server) -> Iterator[Gate]:
    made = Gate(int(s3_server.endpoint_url.rpartition(":")[2]))
    yield made
    made.go_on()
    made.shut()


def s3_settings(gate: Gate, bucket: str, **more: str) -> dict[str, str]:
    return {
        "ACTIVITY_LANDING": f"s3://{bucket}/events",
        "ACTIVITY_S3_ENDPOINT_URL": f"http://127.0.0.1:{gate.port}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        **more,
    }


def stored_in(server: S3Server, bucket: str) -> list[bytes]:
    found = server.client.list_objects_v2(Bucket=bucket, Prefix="events/v1/").get("Contents", [])
    bodies = [server.client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found]
    return [line for body in bodies for line in gzip.decompress(body).split(b"\n") if line]


def test_in_s3_a_200_means_that_the_bucket_has_it_unaltered(
    s3_server: S3Server, gate: Gate, bucket: str, tmp_path: Path
) -> None:
    key = make_key(tmp_path)
    with collecting(tmp_path, **s3_settings(gate, bucket, ACTIVITY_LINGER_MS="50")) as collector:
        for number in range(3):
            assert collector.send("/v1/t", track(f"m{number}"), key).status == 200
            assert ids(stored_in(s3_server, bucket)) == {f"m{before}": 1 for before in range(number + 1)}
        gate.lies = True
        answer = collector.send("/v1/t", track("altered"), key)
        assert (answer.status, answer.code) == (503, "store.down")
        gate.lies = False
        gate.shut()
        answer = collector.send("/v1/t", track("down"), key)
        assert (answer.status, answer.code) == (503, "store.down")
        assert "retry-after" in answer.headers
        assert collector.get("/readyz").status == 503
        gate.reopen()
        assert collector.send("/v1/t", track("up"), key).status == 200
    load(tmp_path, **s3_settings(gate, bucket))
    assert {row["message_id"] for row in read_lake(tmp_path).rows} >= {"m0", "m1", "m2", "up"}


def test_memory_is_bounded_while_s3_hangs_and_it_goes_on_by_itself(
    s3_server: S3Server, gate: Gate, bucket: str, tmp_path: Path
) -> None:
    key = make_key(tmp_path)
    settings = s3_settings(gate, bucket, ACTIVITY_LINGER_MS="50", ACTIVITY_KEY_EVENTS_PER_SECOND="1000000")
    batches = 60  # of about 2 MB: 120 MB come, where 48 may wait; parsed, each takes thirty times as much
    batch = [track(f"NUMBER-{n}", properties={"lists": [[]] * 12_000}) for n in range(40)]
    body = json.dumps({"batch": batch}).encode()

    def send(number: int) -> Answer:
        return collector.send("/v1/batch", body.replace(b"NUMBER", b"%d" % number), key)

    with collecting(tmp_path, **settings) as collector, ThreadPoolExecutor(batches) as pool:
        gate.stall()
        futures = [pool.submit(send, number) for number in range(batches)]
        refused = batches // 2
        until(lambda: sum(future.done() for future in futures) >= refused, "half of what comes is refused")
        assert collector.memory < MEMORY
        early = [future.result() for future in futures if future.done()]
        assert {(answer.status, answer.code) for answer in early} <= {(503, "store.busy"), (503, "store.slow")}
        assert all("retry-after" in answer.headers for answer in early)
        gate.go_on()
        answers = [future.result() for future in futures]
        assert collector.memory < MEMORY
        until(lambda: send(batches).status == 200, "it takes events again")
    taken = {f"{number}-{n}" for number, answer in enumerate(answers) if answer.status == 200 for n in range(40)}
    found = {
        text for line in stored_in(s3_server, bucket) for text in re.findall(r'"messageId": "(.+?)"', line.decode())
    }
    assert taken
    assert found >= taken
