from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from pipeline.demo import history
from pipeline.demo.live import MOST_EVENTS, Live
from pipeline.demo.plan import Plan

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
    assert {event["source"] for event in later} == {"harbour-courier", "billing"}


def test_a_start_and_a_plan_give_the_same_events() -> None:
    assert Live(PLAN, END_MS).until(END_MS + 600_000, 99) == Live(PLAN, END_MS).until(END_MS + 600_000, 99)


def test_what_passed_meanwhile_is_made_up_at_the_pace_of_the_history() -> None:
    day_ms = 86_400_000
    told = list(Live(PLAN, END_MS + 2 * day_ms).since(END_MS))
    assert told == sorted(told)
    assert END_MS <= told[0][0] < told[-1][0] < END_MS + 2 * day_ms
    assert 0.6 < len(told) / (2 * PLAN.events / PLAN.days) < 1.4
    assert list(Live(PLAN, END_MS).since(END_MS)) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_that_nobody_answers_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    plan = Plan(int(time.time() * 1000), days=1, events=200, customers=10)
    history.write(plan, tmp_path)
    environment = {**os.environ, "ACTIVITY_DATA": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "demo", "--live", "--to", "http://127.0.0.1:9"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stderr is not None
    while "does not answer" not in (line := process.stderr.readline()):
        assert line, "it ended before it began"
    process.send_signal(number)
    _, rest = process.communicate(timeout=20)
    assert (process.returncode, rest) == (0, "")
    assert not list((tmp_path / "landing").rglob(".*"))
