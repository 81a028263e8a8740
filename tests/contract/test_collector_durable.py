"""What a 200 promises, through failures, stops and in company: the real collector and its landing folder."""

from __future__ import annotations

import resource
import signal
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.state import State
from tests.support_collect import (
    Answer,
    Running,
    collecting,
    ids,
    make_key,
    objects,
    sent_at_once,
    stored,
    track,
    until,
)

# --- What a 200 means


def test_a_200_means_that_the_events_are_on_disk(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    with collecting(tmp_path, ACTIVITY_LINGER_MS="0") as collector:
        for number in range(20):
            answer = collector.send("/v1/t", track(f"m{number}"), key)
            assert (answer.status, answer.body) == (200, b'{"success": true}')
            assert ids(stored(tmp_path)) == {f"m{before}": 1 for before in range(number + 1)}
    assert not list(tmp_path.glob("landing/**/*.tmp"))


def test_requests_that_come_together_make_one_object(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    with collecting(tmp_path, ACTIVITY_LINGER_MS="1500") as collector:
        began = time.monotonic()
        answers = sent_at_once(lambda number: collector.send("/v1/t", track(f"m{number}"), key), 60)
        assert {answer.status for answer in answers} == {200}
        assert time.monotonic() - began >= 1.5, "nobody lingered"
        assert len(objects(tmp_path)) <= 2
    assert ids(stored(tmp_path)) == {f"m{number}": 1 for number in range(60)}


def test_a_full_object_waits_no_longer(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    with collecting(tmp_path, ACTIVITY_LINGER_MS="10000") as collector:

        def send(number: int) -> Answer:
            batch = [track(f"{number}-{n}", properties={"text": "x" * 60_000}) for n in range(35)]
            return collector.send("/v1/batch", {"batch": batch}, key)

        began = time.monotonic()
        assert [answer.status for answer in sent_at_once(send, 2)] == [200, 200]
        assert time.monotonic() - began < 9
    assert len(stored(tmp_path)) == 70


# --- The store fails


def test_while_the_folder_cannot_be_written_nothing_is_acknowledged(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    with collecting(tmp_path, ACTIVITY_LINGER_MS="20") as collector:
        assert collector.send("/v1/t", track("before"), key).status == 200
        landing = tmp_path / "landing"
        landing.rename(tmp_path / "away")
        landing.write_text("a file in its place: not even root can write below it")
        for number in range(3):
            answer = collector.send("/v1/t", track(f"m{number}"), key)
            assert (answer.status, answer.code) == (503, "store.down")
            assert int(answer.headers["retry-after"]) >= 1
        assert collector.get("/readyz").status == 503
        assert collector.get("/healthz").status == 200
        landing.unlink()
        (tmp_path / "away").rename(landing)
        assert collector.send("/v1/t", track("after"), key).status == 200, "it did not recover by itself"
        assert collector.get("/readyz").status == 200
    assert ids(stored(tmp_path)) == {"before": 1, "after": 1}
    assert "The landing folder cannot be written" in collector.log.read_text()


def test_a_full_disk_leaves_no_half_object(tmp_path: Path) -> None:
    """A limit on the size of files stands for it: writes fail within the file, as on a full disk."""
    key = make_key(tmp_path)
    batch = {"batch": [track(f"m{number}", properties={"n": number**50}) for number in range(1_000)]}
    with collecting(tmp_path, ACTIVITY_LINGER_MS="20") as collector:
        usual = resource.prlimit(collector.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(collector.process.pid, resource.RLIMIT_FSIZE, (4_096, usual[1]))
        answer = collector.send("/v1/batch", batch, key)
        assert (answer.status, answer.code) == (503, "store.down")
        assert [path for path in tmp_path.glob("landing/**/*") if path.is_file()] == []
        resource.prlimit(collector.process.pid, resource.RLIMIT_FSIZE, usual)
        assert collector.send("/v1/batch", batch, key).status == 200
    assert len(ids(stored(tmp_path))) == 1_000


# --- Stopping


def test_stopping_stores_and_answers_what_was_taken(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    collector = Running(tmp_path, ACTIVITY_LINGER_MS="3000").wait_ready()
    with ThreadPoolExecutor(50) as pool:
        futures: list[Future[Answer]] = [
            pool.submit(collector.send, "/v1/t", track(f"m{number}"), key) for number in range(50)
        ]
        until(lambda: collector.figure("activity_collector_waiting_bytes") > 50 * 60, "all are taken")
        collector.process.send_signal(signal.SIGTERM)
        until(lambda: not listens(collector.port), "it listens no more")
        assert not any(future.done() for future in futures), "there was nothing to drain"
        assert {future.result().status for future in futures} == {200}
    assert collector.process.wait(30) == 0
    assert ids(stored(tmp_path)) == {f"m{number}": 1 for number in range(50)}
    (kept,) = State(tmp_path).keys.all()
    assert kept.events == 50, "what was stored last was not counted"


@pytest.mark.parametrize("attempt", range(4))  # the moment is one of milliseconds
def test_it_stops_when_it_is_asked_as_soon_as_it_can_hear(tmp_path: Path, attempt: int) -> None:
    """Between the moment from which it handles the signal, so that nothing else ends it, and its first request."""
    collector = Running(tmp_path)
    status = Path(f"/proc/{collector.process.pid}/status")
    try:
        deadline = time.monotonic() + 60
        while not _handles(signal.SIGTERM, status):  # without a pause, which could be longer than that moment
            assert time.monotonic() < deadline
        collector.process.send_signal(signal.SIGTERM)
        assert collector.process.wait(20) == 0, collector.log.read_text()
    finally:
        collector.kill()


def _handles(number: int, status: Path) -> bool:
    caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- Side by side


def test_collectors_side_by_side_share_a_store_and_the_keys(tmp_path: Path) -> None:
    """Started at once on a folder in which nothing is, as an orchestrator does."""
    collectors = [Running(tmp_path, ACTIVITY_LINGER_MS="20") for _ in range(3)]
    with ExitStack() as stack:
        for collector in collectors:
            stack.callback(collector.kill)
        for collector in collectors:
            collector.wait_ready()
        key = make_key(tmp_path)

        def send(number: int) -> Answer:
            return collectors[number % 3].send("/v1/t", track(f"m{number}"), key)

        assert {answer.status for answer in sent_at_once(send, 60)} == {200}
        assert [collector.stop() for collector in collectors] == [0, 0, 0]
    assert ids(stored(tmp_path)) == {f"m{number}": 1 for number in range(60)}
    (kept,) = State(tmp_path).keys.all()
    assert kept.events == 60
