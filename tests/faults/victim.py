"""The pipeline's command line, with points at which it dies or waits: `python -m tests.faults.victim run --every 0.2`.

Nothing of the program is replaced: functions are wrapped, and at the n-th passing of a point the process kills itself
as `kill -9` would, so many milliseconds later if asked, or waits until it is let go. What to do is in the environment:
`FAULT=POINT:N:kill`, `FAULT=POINT:N:kill:12.5` (ms), `FAULT=POINT:N:hold:FOLDER` (waits while FOLDER/go is missing;
makes FOLDER/held), `FAULT=POINT:0:time:FILE` (writes how many ms the last call took).

`CLOCK=FILE`: by how many seconds the clock is off, asked each time. `PATIENCE=1`: S3 is waited for 1 s and asked
twice, not 30 s and four times.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.__main__ import COMMANDS
from pipeline.__main__ import main as pipeline


class Point(NamedTuple):
    """Before or after a call of `module`'s `name`."""

    module: str
    name: str
    after: bool = False


POINTS: dict[str, Point] = {
    "listed": Point("pipeline.lake", "Lake.pending"),
    "getting": Point("pipeline.sources.inflate", "inflate"),
    "got": Point("pipeline.sources.inflate", "inflate", after=True),
    "parsing": Point("pipeline.sources.parse", "Job.run"),
    "parsed": Point("pipeline.sources.parse", "Job.run", after=True),
    "locking": Point("pipeline.lake.lock", "writer_lock"),
    "placing": Point("pipeline.enrich.geodatabase", "GeoDatabase.get"),  # once an address
    "inserting": Point("pipeline.lake.commit", "Transaction.insert"),
    "written": Point("pipeline.lake.commit", "Transaction.insert", after=True),  # the data files are there
    "committing": Point("pipeline.lake.commit", "Transaction.finish", after=True),  # with ms: while SQLite commits
    "committed": Point("pipeline.run", "Pipeline._batch", after=True),
    "merging": Point("pipeline.lake.maintain", "merge"),
    "sorting": Point("pipeline.lake.look_ups", "add_block"),
    "expiring": Point("pipeline.lake.maintain", "expire"),
    "retaining": Point("pipeline.lake.retain", "retain"),
    "erasing": Point("pipeline.erasure", "erase"),
    "replaced": Point("pipeline.erasure.objects", "_erase", after=True),  # once an object
    "removed": Point("pipeline.lake.forget", "remove", after=True),
    "purging": Point("pipeline.lake.forget", "purge"),
    "purged": Point("pipeline.lake.forget", "purge", after=True),
    "renewed": Point("pipeline.erasure", "_renew_backups", after=True),
    "replaying": Point("pipeline.recovery.replay", "replay"),
    "amended": Point("pipeline.lake.commit", "Transaction.amend", after=True),
    "backing_up": Point("pipeline.lake.backup", "back_up"),
    "restoring": Point("pipeline.lake.backup", "restore"),
    "installing": Point("pipeline.lake.backup", "_install"),
    "rebuilding": Point("pipeline.recovery.rebuild", "rebuild"),
    "taking_place": Point("pipeline.lake.backup", "take_place"),
}
CLOCK = Point("pipeline.commands.run", "_now")
CLIENT = Point("pipeline.s3", "open_client")


def main() -> int:
    plant(os.environ.get("FAULT", ""))
    if clock := os.environ.get("CLOCK"):
        _put_off(Path(clock))
    if patience := os.environ.get("PATIENCE"):
        _hurry(int(patience))
    return pipeline()


def plant(fault: str) -> None:
    if not fault:
        return
    name, nth, action, *rest = fault.split(":", 3)
    point, passed, lock = POINTS[name], [0], threading.Lock()
    if action == "time":
        _wrap(point, lambda: None, timed=Path(rest[0]))
        return

    def passing() -> None:
        with lock:
            passed[0] += 1
            if passed[0] != int(nth):
                return
        if action == "kill":
            _die(float(rest[0]) / 1000 if rest else 0.0)
        else:
            _wait(Path(rest[0]))

    _wrap(point, passing)


def _put_off(clock: Path) -> None:
    file = os.open(clock, os.O_RDONLY | os.O_CREAT)  # held: it is looked at when no more files can be opened, too

    def now(real: Callable[[], datetime]) -> datetime:
        return real() + timedelta(seconds=float(os.pread(file, 64, 0) or 0))

    _put_around(CLOCK, now)


def _hurry(seconds: int) -> None:
    _put_around(CLIENT, lambda real, *args, **kwargs: real(*args, **kwargs | {"attempts": 2, "read_seconds": seconds}))


def _wrap(point: Point, passing: Callable[[], None], timed: Path | None = None) -> None:
    def around(real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not point.after:
            passing()
        began = time.monotonic()
        result = real(*args, **kwargs)
        if timed is not None:
            timed.write_text(f"{(time.monotonic() - began) * 1000:.2f}")
        if point.after:
            passing()
        return result

    _put_around(point, around)


def _put_around(point: Point, around: Callable[..., Any]) -> None:
    """Have `around(real, …)` called wherever the program calls `real(…)`."""
    owner: Any = importlib.import_module(point.module)
    *path, last = point.name.split(".")
    for part in path:
        owner = getattr(owner, part)
    real = getattr(owner, last)

    @functools.wraps(real)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return around(real, *args, **kwargs)

    for command in {*COMMANDS.values()}:  # so that each who imports it by name gets it, too
        importlib.import_module(f"pipeline.commands.{command}")
    for module in [*sys.modules.values()]:
        if getattr(module, "__name__", "").startswith("pipeline") and getattr(module, last, None) is real:
            setattr(module, last, wrapped)
    setattr(owner, last, wrapped)


def _die(seconds: float) -> None:
    def kill() -> None:
        time.sleep(seconds)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    if seconds:
        threading.Thread(target=kill, daemon=True).start()
    else:
        kill()


def _wait(folder: Path) -> None:
    (folder / "held").touch()
    while not (folder / "go").exists():
        time.sleep(0.005)


if __name__ == "__main__":
    sys.exit(main())
