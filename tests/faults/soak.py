"""The soak: `python -m tests.faults.soak` sends 200 events a second for an hour through the whole product, over a real
S3 server, kills its parts at random, and compares what was accepted with what is in the lake.

A collector and a scheduler (killed and started again as systemd would), two readers, and the dashboard, whose files are
fetched over HTTP. A request that failed is sent again with the same message ids, as the SDKs do; what was answered with
200 is accepted. Exit code 1 when anything was lost, stored twice, or a reader saw an error.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil

from pipeline.lake import Lake
from pipeline.questions import activity, ledger
from pipeline.questions.view import View
from pipeline.recovery.verify import verify
from pipeline.state import State
from tests.faults.places import Bucket
from tests.faults.producer import SOURCE, Body, Producer
from tests.faults.reader import Reader, exported
from tests.faults.world import World, until
from tests.support_cli import ROOT
from tests.support_collect import HOST, PATIENCE, free_port
from tests.support_s3 import S3Server, serving

CLIENTS, BATCH = 25, 20  # who send at the same time, and events in a request: each waits for the durable write
BAD_SHARE = 0.01
RESTART_SECONDS = 2.0  # as `start` and systemd wait before they start a part again
FRESH = timedelta(minutes=5)  # what readers and the dashboard's files ask for: as much at the end as at the beginning
DRAIN_SECONDS = 300.0


@dataclass
class Part:
    """A process of the product that is started again when it dies, until `stop`. `kills` counts ours."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    kills: int = 0
    deaths: int = 0

    def __post_init__(self) -> None:
        self._stopping = False
        self._process = self._spawn()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )

    def _watch(self) -> None:
        while True:
            self._process.wait()
            if self._stopping:
                return
            self.deaths += 1
            time.sleep(RESTART_SECONDS)
            self._process = self._spawn()

    def kill(self) -> None:
        self.kills += 1
        self._process.kill()

    @property
    def memory(self) -> int:
        """Resident bytes of it and its children; 0 between two lives."""
        try:
            process = psutil.Process(self._process.pid)
            return sum(int(each.memory_info().rss) for each in (process, *process.children(recursive=True)))
        except psutil.NoSuchProcess:
            return 0

    @property
    def spent(self) -> float:
        """Seconds of CPU that this life of it and its children, ended ones too, have taken; 0 between two lives."""
        try:
            process = psutil.Process(self._process.pid)
            return sum(sum(each.cpu_times()[:4]) for each in (process, *process.children(recursive=True)))
        except psutil.NoSuchProcess:
            return 0

    def stop(self) -> None:
        self._stopping = True
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()


class Sender:
    """Clients that send at a steady rate in all, each on a connection of its own, until `stop`.

    `accepted` are the ids and `bad` the markers of what got a 200; `late` is by how many seconds they were behind.
    """

    def __init__(self, port: int, key: str, rate: int, producer: Producer) -> None:
        self.accepted: set[str] = set()
        self.bad: set[str] = set()
        self.resent, self.late = 0, 0.0
        self._port, self._key, self._producer = port, key, producer
        self._rng, self._lock = random.Random(1), threading.Lock()
        self._stopping = threading.Event()
        pause = CLIENTS * BATCH / rate
        self._threads = [
            threading.Thread(target=self._send_all, args=(pause * number / CLIENTS, pause), daemon=True)
            for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the last request was never answered"

    def _send_all(self, first: float, pause: float) -> None:
        due = time.monotonic() + first
        client = Client(self._port, self._key)
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self._send_one(client)
            due += pause
            self.late = max(self.late, time.monotonic() - due)

    def _send_one(self, client: Client) -> None:
        with self._lock:
            body = self._body()
        content = b'{"batch":[' + b",".join(body.parts) + b"]}"
        while not client.is_accepted(content):
            self.resent += 1
            time.sleep(0.5)
        with self._lock:
            self.accepted |= body.events
            self.bad |= set(body.bad)

    def _body(self) -> Body:
        body = Body()
        for _ in range(BATCH):
            if self._rng.random() < BAD_SHARE:
                marker = f"bad-{self._rng.getrandbits(64):x}-"
                body.add_bad(lambda marker: json.dumps({"type": "track", "event": "Read", "messageId": marker}), marker)
            else:
                now = datetime.now(UTC).isoformat()
                body.add_event(self._producer.event(timestamp=now, originalTimestamp=now, receivedAt=None))
        return body


class Client:
    """One connection, made again after each failure."""

    def __init__(self, port: int, key: str) -> None:
        self._headers = {"Content-Type": "application/json", "X-Write-Key": key}
        self._connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)

    def is_accepted(self, content: bytes) -> bool:
        try:
            self._connection.request("POST", "/v1/batch", content, self._headers)
            response = self._connection.getresponse()
            response.read()
            return response.status == 200
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False


@dataclass
class Downloads:
    """The dashboard's CSV of the last minutes, fetched over HTTP now and then and compared with the count."""

    port: int
    lake: Lake
    seconds: list[tuple[float, float]] = field(default_factory=list)  # (when, how long)
    problems: list[str] = field(default_factory=list)

    def fetch(self, at: float) -> None:
        snapshot = self.lake.snapshot()
        view = View.parse(fresh(), now=datetime.now(UTC), zone=ZoneInfo("UTC")).pinned(snapshot.version)
        began = time.monotonic()
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        try:
            connection.request("GET", f"/export/events.csv?{view.query()}")
            response = connection.getresponse()
            text = response.read()
            rows, expected = len(exported(text)) if response.status == 200 else 0, activity.count(snapshot, view)
            if (response.status, rows) != (200, expected):
                self.problems.append(f"status {response.status}, {rows} rows instead of {expected}")
        except Exception as error:  # whatever a reader would be shown is what is looked for
            self.problems.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()
        self.seconds.append((at, time.monotonic() - began))


def fresh() -> str:
    """The query of the last minutes."""
    now = datetime.now(UTC)
    return f"from={now - FRESH:%Y-%m-%dT%H:%M:%SZ}&to={now + FRESH:%Y-%m-%dT%H:%M:%SZ}"


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


def machine() -> dict[str, float]:
    """Seconds of CPU of the whole machine so far: at work, and taken away from it by others on its host."""
    times = psutil.cpu_times()
    return {"the whole machine": times.user + times.system, "others on its host": getattr(times, "steal", 0.0)}


def rate(samples: Sequence[tuple[float, float]]) -> float:
    """By how much a counter that begins anew with each life grows a second."""
    grown = sum(later - earlier if later >= earlier else later for (_, earlier), (_, later) in pairwise(samples))
    return grown / (samples[-1][0] - samples[0][0]) if len(samples) > 1 else 0.0


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def reading(environment: dict[str, str], count: int) -> Iterator[list[Reader]]:
    """So many readers of the last minutes, each asking once a second."""
    readers = [Reader(environment, minutes=int(FRESH.total_seconds() // 60), pause=1.0) for _ in range(count)]
    with ExitStack() as stack:
        for reader in readers:
            stack.enter_context(reader)
        yield readers


def summary(values: Sequence[float], unit: str) -> str:
    if not values:
        return "none"
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"median {statistics.median(ordered):.2f} {unit}, p95 {p95:.2f} {unit}, worst {ordered[-1]:.2f} {unit}"


def report(soak: Soak, readers: Sequence[Reader], began: datetime, seconds: float) -> None:
    """The first and the last sixth of the soak side by side: ten minutes each of an hour. The first begins when there
    are as many events of the last minutes as there will be ever after: what asks for them takes longer until then."""
    part = seconds / 6
    filled = min(FRESH.total_seconds(), part)
    for title, start in (("first", filled), ("last", seconds - part)):
        end = start + part
        print(f"\nthe {title} {part / 60:.0f} minutes, from minute {start / 60:.0f}")
        rounds = [took for reader in readers for at, took in reader.seen.timed if start <= at < end]
        print(f"  readers: list + count + export of {FRESH.seconds // 60} min: {summary(rounds, 's')}")
        work = [took for reader in readers for at, took in reader.seen.worked if start <= at < end]
        print(f"    of CPU: {summary(work, 's')}")
        files = [took for at, took in soak.downloads.seconds if start <= at < end]
        print(f"  the dashboard's CSV of the same: {summary(files, 's')}")
        landed = soak.delays(began + timedelta(seconds=start), began + timedelta(seconds=end))
        print(f"  oldest event of a batch, landed → visible: {summary(landed, 's')}")
        resident: dict[str, list[float]] = defaultdict(list)
        for at, name, size in soak.memory:
            if start <= at < end and size:
                resident[name].append(size / 1e6)
        for reader in readers[:1]:
            resident["a reader"] = [size / 1e6 for at, size in reader.seen.memory if start <= at < end]
        for name, sizes in resident.items():
            print(f"  memory of {name}: {summary(sizes, 'MB')}")
        spent: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for at, name, so_far in soak.spent:
            if start <= at < end:
                spent[name].append((at, so_far))
        shares = ", ".join(f"{name} {rate(samples):.2f}" for name, samples in spent.items())
        print(f"  cores at work: {shares}, of {os.cpu_count()}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=200, help="events a second (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the kills (default: %(default)s)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its parts are stopped, too
    with tempfile.TemporaryDirectory(prefix="soak-") as name, serving(_made(Path(name) / "s3")) as server:
        soak = Soak(Path(name), server, args.rate, args.seed)
        print(f"{args.rate} events/s for {args.minutes:g} minutes; the parts' logs are in {name}", flush=True)
        try:
            began = datetime.now(UTC)
            with reading(soak.environment, 2) as readers:
                soak.run(args.minutes * 60, lambda text: print(text, flush=True))
                soak.drain()
            soak.stop()
            report(soak, readers, began, args.minutes * 60)
            return _verdict(soak, readers)
        finally:
            soak.stop()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _verdict(soak: Soak, readers: Sequence[Reader]) -> int:
    lost, twice = soak.lost_and_twice()
    verified = verify(soak.world.settings, soak.lake, datetime.now(UTC), objects=True)
    problems = [*soak.downloads.problems, *(problem for reader in readers for problem in reader.seen.problems)]
    problems += ["a reader's snapshot was gone" for reader in readers for _ in range(reader.seen.gone)]
    died = [f"{part.name} died by itself" for part in soak.parts for _ in range(part.deaths - part.kills)]
    totals = ledger.totals(soak.lake.snapshot())
    kills = ", ".join(f"{part.name} {part.kills}" for part in soak.parts)
    rounds = sum(reader.seen.rounds for reader in readers)
    print(f"\naccepted {len(soak.sender.accepted):,} events and {len(soak.sender.bad):,} bad lines; ", end="")
    print(f"{soak.sender.resent:,} requests sent again; at worst {soak.sender.late:.1f} s behind the rate")
    print(f"the ledger: {totals.lines:,} lines = {totals.loaded:,} loaded + {totals.duplicate:,} duplicate ", end="")
    print(f"+ {totals.rejected:,} rejected + {totals.expired:,} expired; balanced: {totals.balanced}")
    print(f"killed: {kills}; files fetched: {len(soak.downloads.seconds):,}; readers' rounds: {rounds:,}")
    print(
        f"lost: {lost}; twice: {twice}; verify, objects read again: {len(verified.differences)} differences, ", end=""
    )
    print(
        f"{len(verified.unread)} unread; readers' errors: {len(problems)}; parts that died by themselves: {len(died)}"
    )
    for each in [*problems, *died][:20]:
        print(f"  {each}")
    wrong: list[Any] = [lost, twice, verified.differences, verified.unread, problems, died, not totals.balanced]
    return 1 if any(wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
