from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from pipeline.demo import history, live, objects
from pipeline.demo.live import MOST_EVENTS, Live
from pipeline.demo.plan import Plan
from tests.unit.test_demo import lines_in, objects_in

END_MS = 1_775_000_000_000
PLAN = Plan(END_MS, days=3, events=6_000, customers=300, seed=5)
STEP_MS = 6_000


def received(line: bytes) -> int:
    return round(datetime.fromisoformat(orjson.loads(line)["receivedAt"]).timestamp() * 1000)


def test_events_come_in_order_each_once_and_never_from_the_future() -> None:
    site = Live(PLAN, END_MS)
    told: list[tuple[int, bytes]] = []
    for step in range(1, 400):
        now_ms = END_MS + step * STEP_MS
        lines = site.until(now_ms)
        assert len(lines) <= MOST_EVENTS
        assert all(at_ms < now_ms for at_ms, _ in lines)
        told += lines
    assert told == sorted(told)
    assert told[0][0] >= END_MS
    assert all(received(line) == at_ms for at_ms, line in told)
    assert len({orjson.loads(line)["messageId"] for _, line in told}) == len(told) > 300


def test_the_first_events_do_not_keep_one_waiting() -> None:
    assert Live(PLAN, END_MS).until(END_MS + 60_000)


def test_the_same_customers_go_on() -> None:
    before = {orjson.loads(line).get("userId") for _, line in history.lines(PLAN)} - {None}
    site = Live(PLAN, END_MS)
    later = [orjson.loads(line) for step in range(600) for _, line in site.until(END_MS + step * STEP_MS)]
    customers = [event["userId"] for event in later if "userId" in event]
    assert sum(customer in before for customer in customers) > 0.7 * len(customers)
    assert {"page", "track"} <= {event["type"] for event in later}


def test_a_start_and_a_plan_give_the_same_events() -> None:
    assert Live(PLAN, END_MS).until(END_MS + 600_000, 99) == Live(PLAN, END_MS).until(END_MS + 600_000, 99)


def test_what_passed_meanwhile_is_made_up_at_the_pace_of_the_history() -> None:
    day_ms = 86_400_000
    told = list(Live(PLAN, END_MS + 2 * day_ms).since(END_MS))
    assert told == sorted(told)
    assert END_MS <= told[0][0] < told[-1][0] < END_MS + 2 * day_ms
    assert 0.6 < len(told) / (2 * PLAN.events / PLAN.days) < 1.4
    assert list(Live(PLAN, END_MS).since(END_MS)) == []


def test_a_run_lands_the_meantime_and_then_small_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SECONDS_BETWEEN_OBJECTS", (0.0, 0.001))
    objects.put(tmp_path / "landing", "v1/dt=2026-03-31/hh=23/1774999000000-first.jsonl.gz", [b"{}"])
    start_s = END_MS / 1000 + 7_200
    stop, now_s = threading.Event(), start_s

    def clock() -> float:
        nonlocal now_s
        now_s += 6
        if now_s > start_s + 600:
            stop.set()
        return now_s

    written = live.run(PLAN, tmp_path, stop, clock)
    landed = objects_in(tmp_path)
    assert len(landed) == written + 1
    assert not list(tmp_path.rglob(".*"))
    times = sorted(received(line) for line in lines_in(tmp_path) if line != b"{}")
    assert 1_774_999_000_000 < times[0] < END_MS + 3_600_000 < END_MS + 7_200_000 < times[-1]
    # All keyed by when they landed: in the hour the pipeline looks into, not in those that are long past.
    hour = datetime.fromtimestamp(start_s, UTC)
    assert {path.parent.name for path in landed[1:]} <= {f"hh={hour:%H}", f"hh={(hour.hour + 1) % 24:02}"}
    sizes = [len(gzip.decompress(path.read_bytes()).splitlines()) for path in landed[-20:]]
    assert max(sizes) <= MOST_EVENTS


def test_the_newest_object_is_found_by_its_key(tmp_path: Path) -> None:
    assert objects.newest_ms(tmp_path / "landing") is None
    for at_ms in (END_MS, END_MS - 90_000_000, END_MS - 5_000):
        day = datetime.fromtimestamp(at_ms / 1000, UTC)
        objects.put(tmp_path, f"v1/dt={day:%Y-%m-%d}/hh={day:%H}/{at_ms}-x.jsonl.gz", [b"{}"])
    assert objects.newest_ms(tmp_path) == END_MS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    plan = Plan(int(time.time() * 1000), days=1, events=200, customers=10)
    history.write(plan, tmp_path)
    environment = {**os.environ, "ACTIVITY_DATA": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "demo", "--live"], stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stderr is not None
    while "Ctrl-C stops" not in (line := process.stderr.readline()):
        assert line, "it ended before it began"
    process.send_signal(number)
    _, rest = process.communicate(timeout=20)
    assert (process.returncode, rest) == (0, "")
    assert not list((tmp_path / "landing").rglob(".*"))
