"""One soak: all that runs, what is killed of it, and what is measured meanwhile."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.questions import ledger
from pipeline.state import State
from tests.faults.places import Bucket
from tests.faults.producer import SOURCE
from tests.faults.reader import Reader
from tests.faults.soak.downloads import FRESH, Downloads
from tests.faults.soak.parts import Part, answers, machine
from tests.faults.soak.sender import Sender
from tests.faults.world import World, until
from tests.support_collect import HOST, free_port
from tests.support_s3 import S3Server

DRAIN_SECONDS = 300.0


class Soak:
    """All that runs for one soak, in `folder`."""

    def __init__(self, folder: Path, server: S3Server, rate: int, seed: int) -> None:
        self.rng = random.Random(seed)
        data = folder / "data"
        data.mkdir()
        bucket = Bucket(server.client, server.bucket("soak"), server.endpoint_url)
        more = {"ACTIVITY_LANDING": f"s3://{bucket.name}/landing", "ACTIVITY_MERGE_EVERY": "40", "ACTIVITY_EVERY": "5"}
        self.world = World(data, bucket, more)
        self.environment = self.world.environment
        os.environ.update({name: value for name, value in bucket.settings.items() if name.startswith("AWS_")})
        key = State(data).keys.make(SOURCE, kind="server", at=datetime.now(UTC)).text
        self.lake = self.world.lake()
        collector, dashboard = free_port(), free_port()
        command = (sys.executable, "-m", "pipeline")
        app = (sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true")
        self.parts = [
            self._part(folder, "scheduler", *command, "run"),
            self._part(folder, "collector", *command, "collect", "--port", str(collector)),
            self._part(folder, "dashboard", *app, "--server.address", HOST, "--server.port", str(dashboard)),
        ]
        for port in (collector, dashboard):
            until(lambda port=port: answers(port), "it is served")  # type: ignore[misc]
        self.downloads = Downloads(dashboard, self.lake)
        self.sender = Sender(collector, key, rate, self.world.producer)
        self.memory: list[tuple[float, str, int]] = []
        self.spent: list[tuple[float, str, float]] = []  # seconds of CPU so far

    def _part(self, folder: Path, name: str, *command: str) -> Part:
        return Part(name, command, self.environment, folder / f"{name}.log")

    def run(self, seconds: float, told: Callable[[str], None]) -> None:
        """Kill scheduler or collector every minute or four; measure every ten seconds, fetch a file every thirty."""
        began = time.monotonic()
        kill_at, told_at = self.rng.uniform(60, 240), 0.0
        step = 0
        while (now := time.monotonic() - began) < seconds:
            self.memory += [(now, part.name, part.memory) for part in self.parts]
            self.spent += [(now, part.name, part.spent) for part in self.parts]
            self.spent += [(now, name, spent) for name, spent in machine().items()]
            if step % 3 == 0:
                self.downloads.fetch(now)
            if now >= kill_at:
                self.rng.choice(self.parts[:2]).kill()
                kill_at = now + self.rng.uniform(60, 240)
            if now - told_at >= 300:
                told_at = now
                told(f"{now / 60:4.0f} min: {len(self.sender.accepted):,} accepted, {self._stored():,} in the lake")
            step += 1
            time.sleep(max(0.0, began + step * 10 - time.monotonic()))

    def _stored(self) -> int:
        return ledger.totals(self.lake.snapshot()).events

    def drain(self) -> None:
        """Wait until all that was accepted is there, then stop everything."""
        self.sender.stop()
        until(
            lambda: self._stored() >= len(self.sender.accepted), "all that was accepted is in the lake", DRAIN_SECONDS
        )

    def stop(self) -> None:
        for part in self.parts:
            part.stop()

    def lost_and_twice(self) -> tuple[int, int]:
        """How much of what was accepted is neither in the lake nor among the rejected lines; and events there twice."""
        with self.lake.engine.cursor() as cursor:
            ids = [text for (text,) in cursor.execute("SELECT message_id FROM lake.events").fetchall()]
            raws = b"\n".join(raw for (raw,) in cursor.execute("SELECT raw FROM lake.rejected").fetchall())
        lost = self.sender.accepted - set(ids), {marker for marker in self.sender.bad if marker.encode() not in raws}
        return len(lost[0]) + len(lost[1]), len(ids) - len(set(ids))

    def delays(self, start: datetime, end: datetime) -> list[float]:
        """Seconds from an event's arrival at the collector to the batch that made it visible, of `[start, end)`."""
        with self.lake.engine.cursor() as cursor:
            rows = cursor.execute(
                """SELECT epoch(committed_at - oldest_landed_at) FROM lake.batches
                   WHERE committed_at >= $1 AND committed_at < $2 AND objects > 0""",
                [start, end],
            ).fetchall()
        return [float(seconds) for (seconds,) in rows]


@contextmanager
def reading(environment: dict[str, str], count: int) -> Iterator[list[Reader]]:
    """So many readers of the last minutes, each asking once a second."""
    readers = [Reader(environment, minutes=int(FRESH.total_seconds() // 60), pause=1.0) for _ in range(count)]
    with ExitStack() as stack:
        for reader in readers:
            stack.enter_context(reader)
        yield readers
