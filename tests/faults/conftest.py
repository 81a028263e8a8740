"""The places that every fault is tried over, and at how many points."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.faults.places import Bucket, Folder, Place
from tests.faults.world import POINTS, World
from tests.support_s3 import S3Server, s3_credentials, s3_server

__all__ = ["s3_credentials", "s3_server"]  # fixtures, found by name

# The fast subset takes the place in which more can go wrong, unless a test asks for the other.
PLACES = ["folder", "s3"] if POINTS > 1 else ["s3"]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        (tmp_path / "landing").mkdir()
        return Folder(tmp_path / "landing")
    request.getfixturevalue("s3_credentials")  # for what looks at the objects from here
    server: S3Server = request.getfixturevalue("s3_server")
    return Bucket(server.client, server.bucket(f"faults-{uuid4().hex[:12]}"), server.endpoint_url)


@pytest.fixture
def world(place: Place, tmp_path: Path) -> World:
    data = tmp_path / "data"
    data.mkdir()
    world = World(data, place)
    world.producer.land(objects=2)
    world.recover()
    return world
