"""One installation under test: where events land, its data folder, and the pipeline as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.lake import Lake
from pipeline.lake.ledger import retry_after
from pipeline.settings import Settings, SourceSpec
from tests import nursery
from tests.faults.places import Place
from tests.faults.producer import Producer
from tests.faults.reader import Reader
from tests.support_cli import environment

# `make faults` sets it; `make test` has to be quick.
POINTS = int(os.environ.get("FAULT_POINTS", "1"))
slow = pytest.mark.skipif(POINTS < 20, reason="slow: make faults runs it")
PATIENCE = 120.0  # seconds that anything here may take on a busy machine
RETRIES = 5

_RETRYING = """SELECT seen_at, attempts FROM lake.objects
               WHERE state = 'retrying' AND NOT starts_with(last_error, 'object.gone')"""


@dataclass
class World:
    """`data` is the pipeline's folder; `more` are settings of its own (`ACTIVITY_…`)."""

    data: Path
    place: Place
    more: dict[str, str] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        self.producer = Producer(self.place, self.seed)

    @property
    def environment(self) -> dict[str, str]:
        # One worker parses where we are, so that a point in parsing is one of this process; small batches make many.
        defaults = {"ACTIVITY_WORKERS": "1", "ACTIVITY_BATCH_EVENTS": "1000", "ACTIVITY_MERGE_EVERY": "5"}
        return environment(self.data, **defaults | self.place.settings | self.more)

    @property
    def settings(self) -> Settings:
        """As the pipeline under test has them, for looking at its lake from here."""
        named = {name.removeprefix("ACTIVITY_").lower(): value for name, value in self.environment.items()}
        return Settings(
            data=self.data,
            sources=tuple(SourceSpec.parse(text) for text in named["sources"].split(",")),
            s3_endpoint_url=named.get("s3_endpoint_url"),
            retention_days=int(named.get("retention_days", 400)),
        )

    def lake(self) -> Lake:
        return Lake.open(self.settings, threads=1)

    def start(self, *arguments: str, fault: str = "", **more: str) -> Running:
        """The pipeline (`run --once` unless told otherwise) as a process, with a fault planted (`victim.py`)."""
        log = self.data / "victim.log"
        surroundings = self.environment | {"FAULT": fault, "CLOCK": str(self._clock)} | more
        command = [*(arguments or ("run", "--once"))]
        process = nursery.start("tests.faults.victim", command, surroundings, log, log)
        return Running(process, log)

    def run(self, *arguments: str, fault: str = "", **more: str) -> int:
        """The same to its end; its exit code, -9 when it was killed."""
        return self.start(*arguments, fault=fault, **more).wait()

    def recover(self) -> None:
        """Run until nothing is left to load, as a scheduler does; the clock goes on to when what failed is due."""
        for _ in range(RETRIES):
            code = self.run()
            assert code == 0, self.log()
            if not self.go_on():
                return
        raise AssertionError(f"not loaded after {RETRIES} retries:\n{self.log()}")

    def go_on(self) -> int:
        """Put the pipeline's clock on to when all that waits for its retry is due; says how many objects that are."""
        lake = self.lake()
        try:
            with lake.engine.cursor() as cursor:
                rows = cursor.execute(_RETRYING).fetchall()
        finally:
            lake.close()
        if rows:
            due = max(seen_at + retry_after(attempts) for seen_at, attempts in rows)
            self.put_off(max(self.off, (due - datetime.now(UTC)).total_seconds() + 0.1))
        return len(rows)

    def put_off(self, seconds: float) -> None:
        """Let the pipeline's clock be off by so much, whether it runs now or will."""
        file = os.open(self._clock, os.O_WRONLY | os.O_CREAT)
        os.pwrite(file, f"{seconds:<40}".encode(), 0)  # over what was there, in the file that the pipeline holds
        os.close(file)

    @property
    def off(self) -> float:
        return float(self._clock.read_text() or 0) if self._clock.exists() else 0.0

    @property
    def _clock(self) -> Path:
        return self.data / "victim.clock"

    def reader(self) -> Reader:
        """Who reads all the while, and leaves some of the machine to what is read."""
        return Reader(self.environment, pause=0.1, rest=1 if POINTS > 1 else 3)

    def log_size(self) -> int:
        return (self.data / "victim.log").stat().st_size

    def log_from(self, start: int) -> str:
        """What was said since the log had that size."""
        return (self.data / "victim.log").read_bytes()[start:].decode()

    def hears(self, text: str, start: int) -> None:
        """Wait until the pipeline has said so, since its log had that size."""
        until(lambda: text in self.log_from(start), f"it says {text!r}")

    def log(self) -> str:
        return (self.data / "victim.log").read_text()[-4000:]


@dataclass
class Running:
    process: nursery.Child
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait(self, timeout: float = PATIENCE) -> int:
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout} s:\n{self.log.read_text()[-4000:]}") from None

    def kill(self) -> None:
        """`kill -9`, of its children as well."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, as systemd stops it: the batch in hand is finished."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


def until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not (asked := time.monotonic()) or not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(max(0.02, time.monotonic() - asked))  # what is waited for needs the machine more
