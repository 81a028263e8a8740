"""S3 that is slow, refuses, breaks off, lies or is down: a scheduler goes on, says so, and makes up for it alone."""

from __future__ import annotations

import io
import json
import random
from argparse import Namespace
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline.commands import status
from pipeline.lake import Lake
from tests.faults import s3_trouble as on_the_way
from tests.faults.checks import check
from tests.faults.places import Bucket
from tests.faults.s3_trouble import GET, STORM, Asked, Kind, S3Trouble
from tests.faults.world import POINTS, Running, World, slow, until
from tests.support_s3 import ACCESS_KEY, SECRET_KEY, S3Server

# What fails, and what the status must say of it.
KINDS = (
    (on_the_way.BUSY, "slow down"),
    (on_the_way.BROKEN, "failed inside"),
    (on_the_way.DENIED, "denies access"),
    (on_the_way.SILENT, "ReadTimeoutError"),
    (Kind("SlowDown", 503, on=(GET,)), "slow down"),
    (Kind("AccessDenied", 403, on=(GET,)), "denies access"),
    (on_the_way.STALLED, "ReadTimeoutError"),
    (on_the_way.SHORT, "broke off"),
    (on_the_way.RESET, "broke off"),
    (on_the_way.LESS, "something other than the object"),
    (on_the_way.OTHER, "something other than the object"),
)


@pytest.fixture
def trouble(s3_server: S3Server) -> Iterator[S3Trouble]:
    with closing(S3Trouble(s3_server.endpoint_url)) as trouble:
        yield trouble


@pytest.fixture
def far(trouble: S3Trouble, s3_server: S3Server, s3_credentials: None, tmp_path: Path) -> World:
    """An installation whose way to S3 leads through trouble."""
    (tmp_path / "data").mkdir()
    place = Bucket(s3_server.client, s3_server.bucket(f"trouble-{uuid4().hex[:12]}"), trouble.endpoint_url)
    return World(tmp_path / "data", place)


@contextmanager
def scheduling(world: World) -> Iterator[Running]:
    """A scheduler, which must not end by itself, nor before it is told to."""
    running = world.start("run", "--every", "0.2", PATIENCE="1")
    try:
        yield running
        assert running.alive, world.log()
        assert running.stop() == 0, world.log()
        assert "Traceback" not in running.log.read_text()
    finally:
        running.kill()


def told(world: World) -> str:
    """`status --json`, as one text."""
    out = io.StringIO()
    with redirect_stdout(out):
        status.run(Namespace(json=True), world.settings)
    shown = json.loads(out.getvalue())
    return json.dumps([shown["freshness"]["errors"], [row for row in shown["unread"] if row["state"] == "retrying"]])


def says(world: World, reason: str) -> None:
    """Wait until the status names the source and the reason."""
    uri = world.settings.sources[0].uri
    until(lambda: reason in (text := told(world)) and uri in text, f"the status says {reason!r}")


def settles(world: World, lake: Lake, running: Running) -> None:
    """Wait until all that was accepted is loaded, and the status tells of no trouble any more."""

    def loaded() -> bool:
        assert running.alive, world.log()
        with lake.engine.cursor() as cursor:
            row = cursor.execute("SELECT count(*) FROM lake.objects WHERE state = 'loaded'").fetchone()
        if row == (world.producer.ledger.objects,):
            return True
        world.go_on()
        return False

    until(loaded, "all is loaded")


def test_storms_and_broken_answers_are_said_and_made_up_for(far: World, trouble: S3Trouble) -> None:
    tried = KINDS * POINTS if POINTS > 1 else KINDS[2::2]
    far.producer.land(2)
    with closing(far.lake()) as lake, far.reader() as reader, scheduling(far) as running:
        settles(far, lake, running)
        for rate in (0.01, 0.3, 1.0) * POINTS:
            trouble.begin(STORM, rate)
            far.producer.land(20, 20)
            if rate == 1:
                says(far, "tried again by itself")
                trouble.end()
            settles(far, lake, running)
        trouble.end()
        for kind, reason in tried:
            trouble.begin([kind])
            far.producer.land(2, 20)
            says(far, reason)
            trouble.end()
            settles(far, lake, running)
        until(lambda: told(far) == "[[], []]", "the status says that all is well")
    assert {kind.name for kind, _ in tried} <= set(trouble.made) <= {kind.name for kind, _ in KINDS}
    reader.check()
    check(far)


def test_down_at_the_start_and_in_the_middle(far: World, trouble: S3Trouble) -> None:
    """What lies in folders of long ago, which only the first look takes in, is not forgotten when that look fails."""
    now, rng = datetime.now(UTC), random.Random(3)
    for days in (0, 2, 40):
        far.producer.put(far.producer.body(20), f"v1/dt={now - timedelta(days=days):%Y-%m-%d}/hh=03/{days}.jsonl.gz")
    trouble.shut()
    with closing(far.lake()) as lake, far.reader() as reader, scheduling(far) as running:
        says(far, "cannot be reached")
        trouble.reopen()
        settles(far, lake, running)
        for _ in range(POINTS):
            _shut_at(trouble, rng.randint(1, 6))
            far.producer.land(6, 20)
            says(far, "cannot be reached")
            trouble.reopen()
            settles(far, lake, running)
    reader.check()
    check(far)


def _shut_at(trouble: S3Trouble, nth: int) -> None:
    """Shut it when the `nth` object is asked for."""
    asked: list[str] = []

    def hook(request: Asked) -> None:
        if request.what == GET:
            asked.append(request.key)
            if len(asked) == nth:
                trouble.shut()

    trouble.hook = hook


@slow
def test_old_objects_that_failed_are_tried_again_when_due_wherever_they_lie(far: World, trouble: S3Trouble) -> None:
    """Only the first look of a day takes in folders of long ago; their objects must not wait for the next one."""
    trouble.begin([on_the_way.RESET])
    day = datetime.now(UTC) - timedelta(days=40)
    for number in range(5):
        far.producer.put(far.producer.body(20), f"v1/dt={day:%Y-%m-%d}/hh=0{number}/a.jsonl.gz")
    far.place.put("deleted-meanwhile.jsonl.gz", far.producer.body(20).packed())
    with closing(far.lake()) as lake, far.reader() as reader, scheduling(far) as running:
        says(far, "broke off")
        until(lambda: far.go_on() == 6, "all have failed")
        far.place.delete("deleted-meanwhile.jsonl.gz")
        trouble.end()
        settles(far, lake, running)
        source = far.settings.sources[0].uri
        until(lambda: lake.waiting(source) == 0, "what was deleted makes the data look behind no more")
        assert "deleted after it was listed" in told(far)
    reader.check()
    check(far)


def test_credentials_that_expire_and_are_renewed_in_their_file(far: World, trouble: S3Trouble, tmp_path: Path) -> None:
    held = tmp_path / "credentials"
    trouble.expired = {"of-yesterday"}
    _sign_in(held, "of-yesterday")
    # Empty is none: they are looked up in the file.
    far.more |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": str(held)}
    far.producer.land(2)
    with closing(far.lake()) as lake, far.reader() as reader, scheduling(far) as running:
        says(far, "has expired")
        _sign_in(held, ACCESS_KEY)
        settles(far, lake, running)
        for _ in range(POINTS):
            trouble.hook = _expiring_at(trouble, GET)  # good for the listing, bad for its objects
            far.producer.land(6, 20)
            says(far, "has expired")
            trouble.hook = lambda asked: None
            trouble.expired = set()
            settles(far, lake, running)
    reader.check()
    check(far)


def _sign_in(file: Path, key: str) -> None:
    file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET_KEY}\n")


def _expiring_at(trouble: S3Trouble, what: str) -> Callable[[Asked], None]:
    def hook(asked: Asked) -> None:
        if asked.what == what:
            trouble.expired = {asked.credential}

    return hook


@slow
def test_objects_that_appear_while_the_listing_is_paged(far: World, trouble: S3Trouble) -> None:
    bodies = {f"5{number:04}.jsonl": far.producer.body(1) for number in range(1_005)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(far.place.put, bodies, (body.text() for body in bodies.values())))
    for body in bodies.values():
        far.producer.book(body)
    pages: list[Asked] = []

    def hook(asked: Asked) -> None:
        if asked.page and not pages:
            pages.append(asked)
            for key in ("0.jsonl.gz", "9.jsonl.gz"):  # before what was listed, and after
                far.producer.put(far.producer.body(20), key)

    trouble.hook = hook
    with far.reader() as reader:
        assert far.run() == 0, far.log()
        assert pages
        far.recover()
    reader.check()
    check(far, again=False)
