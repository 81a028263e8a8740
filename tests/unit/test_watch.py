"""What watches the scheduler: alerts begin once and end once, figures and log lines tell the truth and no secret."""

from __future__ import annotations

import json
import math
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from pipeline.errors import ActivityError
from pipeline.lake import Batch, Lake
from pipeline.questions import ledger
from pipeline.questions.flow import Refusals
from pipeline.settings import Settings
from pipeline.state import State
from pipeline.watch import Log, Watch, alerts
from pipeline.watch.metrics import Metrics, serve
from tests.support import NOW, add_events, make_lake, make_settings

SECOND = timedelta(seconds=1)
BATCH = Batch(uuid4(), NOW, NOW + 2 * SECOND, 3, 10, 6, 2, 1, 1, 999, NOW - 9 * SECOND)


class Hook:
    """A webhook that keeps what it is told, and answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.heard: list[dict[str, Any]] = []

    @contextmanager
    def open(self) -> Iterator[str]:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if hook.status == 200:
                    hook.heard.append(json.loads(body))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/services/SECRET"
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hook() -> Hook:
    return Hook()


@pytest.fixture
def settings(tmp_path: Path, hook: Hook) -> Iterator[Settings]:
    with hook.open() as url:
        yield make_settings(tmp_path, alert_url=SecretStr(url), alert_lag=60)


def _status(hook: Hook) -> list[tuple[str, str]]:
    return [(told["alert"], told["status"]) for told in hook.heard]


def test_an_alert_is_told_when_it_begins_and_when_it_ends_also_after_a_restart(
    settings: Settings, hook: Hook, tmp_path: Path
) -> None:
    for lag in (10, 61, 300, 60, 5):
        alerts.Alerts(settings, State(tmp_path)).update([alerts.late(lag, settings), None], NOW)
    assert _status(hook) == [("late", "firing"), ("late", "resolved")]
    assert "61 s behind; 60 s are allowed" in hook.heard[0]["text"]
    assert hook.heard[1]["since"] == NOW.isoformat()


def test_what_could_not_be_delivered_is_told_later_without_naming_the_address(
    settings: Settings, hook: Hook, tmp_path: Path
) -> None:
    told = alerts.Alerts(settings, State(tmp_path))
    hook.status = 500
    with pytest.raises(ActivityError, match="it answered 500") as caught:
        told.update([alerts.late(61, settings)], NOW)
    assert "SECRET" not in str(caught.value)
    assert "SECRET" not in repr(settings)
    hook.status = 200
    told.update([alerts.late(70, settings)], NOW)
    assert _status(hook) == [("late", "firing")]


def test_nobody_listens_is_said_and_the_page_still_learns_of_it(tmp_path: Path) -> None:
    closed = make_settings(tmp_path, alert_url=SecretStr("http://127.0.0.1:1/SECRET"))
    state = State(tmp_path)
    with pytest.raises(ActivityError, match="ConnectionRefusedError") as caught:
        alerts.Alerts(closed, state).update([alerts.late(9_999, closed)], NOW)
    assert "SECRET" not in str(caught.value)
    assert set(state.told("alerts") or {}) == {"late"}


def test_the_promise_is_the_limit_unless_another_is_given(tmp_path: Path) -> None:
    plain = make_settings(tmp_path)
    assert alerts.late(180, plain) is None
    assert alerts.late(181, plain) is not None


@pytest.mark.parametrize(
    ("refused", "fires"),
    [
        (Refusals(1_000, 50, 10, 0), False),
        (Refusals(1_000, 51, 10, 0), True),
        (Refusals(3, 3, 10, 0), False),  # too few to be a flood
        (Refusals(0, 0, 0, 0), False),
        (Refusals(1_000, 0, 10, 1), True),  # a tenth of the objects could not be read at all
        (Refusals(1_000, 0, 100, 1), False),
    ],
)
def test_rejects_beyond_their_share_are_told(tmp_path: Path, refused: Refusals, fires: bool) -> None:
    assert (alerts.rejected(refused, make_settings(tmp_path)) is not None) == fires


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    opened = make_lake(tmp_path, [{"message_id": "a"}, {"message_id": "b"}])
    yield opened
    opened.close()


def test_a_ledger_that_does_not_balance_is_told(lake: Lake, settings: Settings, hook: Hook, tmp_path: Path) -> None:
    state = State(tmp_path)
    watch = Watch(settings, lake, state, lambda: NOW)
    state.record("s", NOW, waiting=0, error=None, every=15)
    watch.look(NOW)
    assert hook.heard == []
    with lake.engine.cursor() as cursor:
        cursor.execute("DELETE FROM lake.events WHERE message_id = 'a'")
    assert not ledger.totals(lake.snapshot()).balanced
    watch.look(NOW)
    add_events(lake, [{"message_id": "c"}], key="another")
    assert _status(hook) == [("unbalanced", "firing")]
    assert "-1 of 1 events in the lake" in hook.heard[0]["text"]


def test_data_that_is_late_is_seen_while_the_scheduler_waits(
    lake: Lake, settings: Settings, hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.watch.watch.EVERY", 0.05)
    state = State(tmp_path)
    state.record("s", NOW - 500 * SECOND, waiting=0, error=None, every=15)
    state.record("s", NOW, waiting=4, error=None, every=15)
    watch = Watch(settings, lake, state, lambda: NOW)
    watch.start()
    for _ in range(200):
        if hook.heard:
            break
        threading.Event().wait(0.05)
    watch.close()
    assert _status(hook) == [("late", "firing")]
    [worst] = state.lags.worst(NOW, NOW + SECOND, SECOND)
    assert (worst.seconds, worst.waiting) == (500, 4)


def test_before_the_data_was_ever_complete_the_lag_counts_from_the_start(lake: Lake, tmp_path: Path) -> None:
    state = State(tmp_path)
    watch = Watch(make_settings(tmp_path), lake, state, lambda: NOW)
    watch.look(NOW + 30 * SECOND)
    [worst] = state.lags.worst(NOW, NOW + 60 * SECOND, 60 * SECOND)
    assert worst.seconds == 30


def test_figures_are_served_to_prometheus(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    for name in ("activity_ledger_balanced", "activity_pipeline_lag_seconds", "activity_lake_events"):
        assert math.isnan(metrics.registry.get_sample_value(name) or 0.0), "nothing is known before the first look"
    metrics.batch(BATCH)
    metrics.totals(ledger.totals(lake.snapshot()))
    metrics.freshness(State(tmp_path).freshness(NOW, 180), 12.5)
    served = serve(metrics, "127.0.0.1:0")
    with urllib.request.urlopen(f"http://127.0.0.1:{served.port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    served.close()
    assert {
        'activity_pipeline_lines_total{outcome="loaded"} 6.0',
        'activity_pipeline_lines_total{outcome="expired"} 1.0',
        "activity_pipeline_lag_seconds 12.5",
        "activity_lake_events 2.0",
        "activity_ledger_balanced 1.0",
        'activity_ledger_objects{state="loaded"} 1.0',
    } <= set(lines)


def test_a_port_that_is_taken_is_said(lake: Lake, tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as taken:
        address = f"127.0.0.1:{taken.server_port}"
        with pytest.raises(ActivityError, match="cannot be served"):
            Watch(make_settings(tmp_path, metrics_address=address), lake, State(tmp_path), lambda: NOW)


def test_a_batch_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log("auto", lambda: NOW)  # not a terminal here
    log.batch(BATCH, 4)
    log.problem("s3://bucket", "It says no.")
    said = capsys.readouterr()
    [line] = said.out.splitlines()
    told = json.loads(line)
    assert told == {
        "time": "2026-11-23T14:30:02.000Z",
        "level": "info",
        "event": "batch",
        "batch_id": str(BATCH.batch_id),
        "started_at": "2026-11-23T14:30:00.000Z",
        "seconds": 2.0,
        **{"objects": 3, "lines": 10, "loaded": 6, "duplicate": 2, "rejected": 1, "expired": 1, "bytes": 999},
        "oldest_landed_at": "2026-11-23T14:29:51.000Z",
        "waiting": 4,
    }
    problem = json.loads(said.err)
    assert (problem["event"], problem["where"], problem["message"]) == ("problem", "s3://bucket", "It says no.")


def test_people_are_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    Log("text", lambda: NOW).batch(BATCH, 4)
    assert capsys.readouterr().out == (
        "14:30:02 3 objects, 10 lines: 6 loaded, 2 duplicate, 1 rejected, 1 expired in 2.0 s; 4 objects wait\n"
    )


def test_one_of_them_is_told_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    Log("text", lambda: NOW).batch(replace(BATCH, objects=1, lines=1, loaded=1, duplicate=0, rejected=0, expired=0), 1)
    out = capsys.readouterr().out
    assert " 1 object, 1 line: 1 loaded, " in out
    assert out.endswith("; 1 object waits\n")


def test_a_person_at_the_terminal_reads_problems_as_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)  # as under `make run`, which keeps the output to itself
    log = Log("auto", lambda: NOW)
    log.problem("s3://bucket", "It says no.")
    log.note("retain", "Nothing was too old.")
    said = capsys.readouterr()
    assert said.err == "s3://bucket: It says no.\n"
    assert json.loads(said.out)["message"] == "Nothing was too old."
