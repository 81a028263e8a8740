"""Where events land: a folder, or a bucket of a real S3 server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.support_s3 import ACCESS_KEY, SECRET_KEY


class Place(Protocol):
    """`settings` are what the pipeline needs to read it."""

    @property
    def settings(self) -> dict[str, str]: ...
    def put(self, key: str, body: bytes) -> None: ...
    def delete(self, key: str) -> None: ...


@dataclass(frozen=True)
class Folder:
    """Files appear whole, as the collector writes them: under another name first."""

    path: Path

    @property
    def settings(self) -> dict[str, str]:
        return {"ACTIVITY_SOURCES": str(self.path)}

    def put(self, key: str, body: bytes) -> None:
        target = self.path / key
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        temporary.write_bytes(body)
        os.replace(temporary, target)

    def delete(self, key: str) -> None:
        (self.path / key).unlink()


@dataclass(frozen=True)
class Bucket:
    """`client` talks to the server itself, `endpoint_url` may be that of trouble on the way (`s3_trouble.py`)."""

    client: Any
    name: str
    endpoint_url: str

    @property
    def settings(self) -> dict[str, str]:
        return {
            "ACTIVITY_SOURCES": f"s3://{self.name}/landing",
            "ACTIVITY_S3_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=f"landing/{key}", Body=body)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=f"landing/{key}")
