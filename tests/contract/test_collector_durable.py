"""What a 200 promises, and what every other answer does not: the real collector, its store, and the pipeline."""

from __future__ import annotations

import gzip
import json
import re
import resource
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.state import State
from tests.support_collect import (
    Answer,
    Loaded,
    Running,
    basic,
    collecting,
    load,
    make_key,
    objects,
    read_lake,
    request,
    stored,
    track,
    until,
)
from tests.support_s3 import ACCESS_KEY, SECRET_KEY, S3Server

MEMORY = 300_000_000  # bytes that a collector may have, whatever comes


def sent_at_once(send: Callable[[int], Answer], number: int) -> list[Answer]:
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(send, range(number)))


def ids(lines: Sequence[bytes]) -> Counter[str]:
    return Counter(json.loads(line)["messageId"] for line in lines)


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


# --- S3


class Gate:
    """Stands before a server on a port of its own, passes bytes both ways, and can be shut, stall or lie."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        self._pairs: list[socket.socket] = []
        self.lies = False
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """As a server that was stopped: connections are cut, and nobody listens."""
        self._listener.shutdown(socket.SHUT_RDWR)  # else it stays in its accept
        self._listener.close()
        with self._lock:
            for end in self._pairs:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._pairs.clear()

    def reopen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """As a server that hangs: it takes connections, and says nothing."""
        self._open.clear()

    def go_on(self) -> None:
        self._open.set()

    def _accept(self) -> None:
        listener = self._listener
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self._upstream))
            except OSError:
                return
            with self._lock:
                self._pairs += [client, server]
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, come: socket.socket, go: socket.socket, answer: bool) -> None:
        with come, go, suppress(OSError):
            while data := come.recv(65_536):
                self._open.wait()
                if answer and self.lies:
                    data = _with_another_etag(data)
                go.sendall(data)
            go.shutdown(socket.SHUT_RDWR)


def _with_another_etag(head: bytes) -> bytes:
    at = head.lower().find(b'etag: "')
    return head if at < 0 else head[: at + 7] + b"0" * 32 + head[at + 39 :]


@pytest.fixture
def bucket(s3_server: S3Server, request: pytest.FixtureRequest) -> str:
    return s3_server.bucket(f"landing-{abs(hash(request.node.name))}")


@pytest.fixture
def gate(s3_server: S3Server) -> Iterator[Gate]:
    made = Gate(int(s3_server.endpoint_url.rpartition(":")[2]))
    yield made
    made.go_on()
    made.shut()


def s3_settings(gate: Gate, bucket: str, **more: str) -> dict[str, str]:
    return {
        "ACTIVITY_LANDING": f"s3://{bucket}/events",
        "ACTIVITY_S3_ENDPOINT_URL": f"http://127.0.0.1:{gate.port}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        **more,
    }


def stored_in(server: S3Server, bucket: str) -> list[bytes]:
    found = server.client.list_objects_v2(Bucket=bucket, Prefix="events/v1/").get("Contents", [])
    bodies = [server.client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found]
    return [line for body in bodies for line in gzip.decompress(body).split(b"\n") if line]


def test_in_s3_a_200_means_that_the_bucket_has_it_unaltered(
    s3_server: S3Server, gate: Gate, bucket: str, tmp_path: Path
) -> None:
    key = make_key(tmp_path)
    with collecting(tmp_path, **s3_settings(gate, bucket, ACTIVITY_LINGER_MS="50")) as collector:
        for number in range(3):
            assert collector.send("/v1/t", track(f"m{number}"), key).status == 200
            assert ids(stored_in(s3_server, bucket)) == {f"m{before}": 1 for before in range(number + 1)}
        gate.lies = True
        answer = collector.send("/v1/t", track("altered"), key)
        assert (answer.status, answer.code) == (503, "store.down")
        gate.lies = False
        gate.shut()
        answer = collector.send("/v1/t", track("down"), key)
        assert (answer.status, answer.code) == (503, "store.down")
        assert "retry-after" in answer.headers
        assert collector.get("/readyz").status == 503
        gate.reopen()
        assert collector.send("/v1/t", track("up"), key).status == 200
    load(tmp_path, **s3_settings(gate, bucket))
    assert {row["message_id"] for row in read_lake(tmp_path).rows} >= {"m0", "m1", "m2", "up"}


def test_memory_is_bounded_while_s3_hangs_and_it_goes_on_by_itself(
    s3_server: S3Server, gate: Gate, bucket: str, tmp_path: Path
) -> None:
    key = make_key(tmp_path)
    settings = s3_settings(gate, bucket, ACTIVITY_LINGER_MS="50", ACTIVITY_KEY_EVENTS_PER_SECOND="1000000")
    batches = 60  # of about 2 MB: 120 MB come, where 48 may wait; parsed, each takes thirty times as much
    batch = [track(f"NUMBER-{n}", properties={"lists": [[]] * 12_000}) for n in range(40)]
    body = json.dumps({"batch": batch}).encode()

    def send(number: int) -> Answer:
        return collector.send("/v1/batch", body.replace(b"NUMBER", b"%d" % number), key)

    with collecting(tmp_path, **settings) as collector, ThreadPoolExecutor(batches) as pool:
        gate.stall()
        futures = [pool.submit(send, number) for number in range(batches)]
        refused = batches // 2
        until(lambda: sum(future.done() for future in futures) >= refused, "half of what comes is refused")
        assert collector.memory < MEMORY
        early = [future.result() for future in futures if future.done()]
        assert {(answer.status, answer.code) for answer in early} <= {(503, "store.busy"), (503, "store.slow")}
        assert all("retry-after" in answer.headers for answer in early)
        gate.go_on()
        answers = [future.result() for future in futures]
        assert collector.memory < MEMORY
        until(lambda: send(batches).status == 200, "it takes events again")
    taken = {f"{number}-{n}" for number, answer in enumerate(answers) if answer.status == 200 for n in range(40)}
    found = {
        text for line in stored_in(s3_server, bucket) for text in re.findall(r'"messageId": "(.+?)"', line.decode())
    }
    assert taken
    assert found >= taken


# --- Stopping


def test_stopping_stores_and_answers_what_was_taken(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    collector = Running(tmp_path, ACTIVITY_LINGER_MS="3000").wait_ready()
    with ThreadPoolExecutor(50) as pool:
        futures: list[Future[Answer]] = [
            pool.submit(collector.send, "/v1/t", track(f"m{number}"), key) for number in range(50)
        ]
        until(lambda: value(collector, "activity_collector_waiting_bytes") > 50 * 60, "all are taken")
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


# --- Keys, origins, limits


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    """One collector for the tests that leave no trace on others."""
    data = tmp_path_factory.mktemp("shared")
    with collecting(data, ACTIVITY_LINGER_MS="20", ACTIVITY_KEY_EVENTS_PER_SECOND="100") as collector:
        yield data, collector


def test_a_new_key_works_at_once_whatever_else_is_asked(shared: tuple[Path, Running]) -> None:
    data, collector = shared
    for number in range(2):
        unknown = collector.send("/v1/t", track("none"), f"wk_unknown{number}")
        assert (unknown.status, unknown.code) == (401, "key.unknown")
        assert collector.send("/v1/t", track(f"new-{number}"), make_key(data, f"new-{number}")).status == 200


def test_a_revoked_key_is_refused_within_three_seconds(shared: tuple[Path, Running]) -> None:
    data, collector = shared
    made = State(data).keys.make("revoked", at=datetime.now(UTC))
    assert collector.send("/v1/t", track("r1"), made.text).status == 200
    State(data).keys.revoke(made.key.id, datetime.now(UTC))
    until(lambda: collector.send("/v1/t", track("r2"), made.text).code == "key.revoked", "it is refused", 3.0)


@pytest.mark.parametrize(
    ("kind", "allowed", "origin", "code"),
    [
        ("browser", (), None, None),
        ("browser", (), "https://any.example", None),
        ("browser", ("https://news.example",), "https://news.example", None),
        ("browser", ("https://news.example",), "https://NEWS.example", None),
        ("browser", ("https://news.example",), "https://evil.example", "key.origin"),
        ("browser", ("https://news.example",), "http://news.example", "key.origin"),
        ("browser", ("https://news.example",), "null", "key.origin"),
        ("browser", ("https://news.example",), None, "key.origin"),
        ("server", (), None, None),
        ("server", (), "https://news.example", "key.secret"),
    ],
)
def test_pages_may_use_only_the_keys_made_for_them(
    shared: tuple[Path, Running], kind: Any, allowed: tuple[str, ...], origin: str | None, code: str | None
) -> None:
    data, collector = shared
    key = make_key(data, "origins", kind, allowed)
    headers = {} if origin is None else {"Origin": origin}
    answer = collector.send("/v1/t", track("o1"), key, **headers)
    assert (answer.status, answer.code) == ((200, None) if code is None else (403, code))
    assert answer.headers["access-control-allow-origin"] == "*", "the page could not read why"


def test_a_page_on_the_collectors_own_origin_may_ask_how_to_send(shared: tuple[Path, Running]) -> None:
    """Browsers name no origin when a page gets something from its own."""
    data, collector = shared
    key = make_key(data, "same", "browser", ("https://news.example",))
    assert collector.get(f"/sourceConfig/?writeKey={key}").status == 200
    away = request(collector.port, "GET", f"/sourceConfig/?writeKey={key}", headers={"Origin": "https://evil.example"})
    assert away.status == 403


@pytest.mark.parametrize("place", ["basic", "header", "query", "body", "escaped body"])
def test_the_key_is_found_wherever_a_client_puts_it(shared: tuple[Path, Running], place: str) -> None:
    data, collector = shared
    key = make_key(data, "places")
    headers = {"basic": {"Authorization": basic(key)}, "header": {"X-Write-Key": f"{key}:secret"}}.get(place, {})
    body = json.dumps(track("p1") | ({"writeKey": key} if "body" in place else {}))
    if place == "escaped body":
        body = body.replace("wk_", "\\u0077k_")
    answer = collector.send(f"/v1/t{f'?writeKey={key}' if place == 'query' else ''}", body.encode(), **headers)
    assert answer.status == 200


def test_more_than_a_key_may_send_is_taken_after_the_wait_it_is_told(shared: tuple[Path, Running]) -> None:
    data, collector = shared
    key = make_key(data, "rate")
    first = collector.send("/v1/batch", {"batch": [track(f"a{number}") for number in range(200)]}, key)
    assert first.status == 200
    batch = {"batch": [track(f"b{number}") for number in range(150)]}
    refused = collector.send("/v1/batch", batch, key)
    assert (refused.status, refused.code) == (429, "key.rate")
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
    wait = int(refused.headers["retry-after"])
    assert 1 <= wait <= 3
    time.sleep(wait)
    assert collector.send("/v1/batch", batch, key).status == 200
    assert not [line for line in stored(data) if b'"b1"' in line][1:], "the refused one was stored, too"
    assert collector.send("/v1/t", track("other"), make_key(data, "another")).status == 200, "another key waits, too"


# --- How it is


def value(collector: Running, name: str, **labels: str) -> float:
    """One figure of `/metrics`, as Prometheus reads it; 0 when it is not there yet."""
    text = collector.get("/metrics").body.decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = [sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items()]
    assert len(found) <= 1
    return found[0] if found else 0.0


def test_the_figures_move(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    with collecting(tmp_path, ACTIVITY_LINGER_MS="600") as collector:
        page = collector.get("/metrics")
        assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(collector.send, "/v1/batch", {"batch": [track("m1"), track("m2"), 7]}, key)
            until(lambda: value(collector, "activity_collector_lag_seconds") > 0.1, "the lag shows")
            assert value(collector, "activity_collector_waiting_bytes") > 0
            assert not waiting.done()
            assert waiting.result().status == 200
        assert collector.send("/v1/t", track("m3"), "wk_none").status == 401
        for name, labels, expected in [
            ("activity_collector_events_accepted_total", {}, 3),
            ("activity_collector_events_rejected_total", {}, 1),
            ("activity_collector_requests_total", {"status": "200"}, 1),
            ("activity_collector_requests_total", {"status": "401"}, 1),
            ("activity_collector_refused_total", {"code": "key.unknown"}, 1),
            ("activity_collector_objects_total", {}, 1),
            ("activity_collector_write_failures_total", {}, 0),
            ("activity_collector_write_seconds_count", {}, 1),
            ("activity_collector_request_seconds_count", {}, 2),
            ("activity_collector_lag_seconds", {}, 0),
            ("activity_collector_waiting_bytes", {}, 0),
        ]:
            assert value(collector, name, **labels) == expected, name
        assert value(collector, "activity_collector_bytes_total") > 200
        assert key not in collector.get("/metrics").body.decode()


# --- What arrives in the lake

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
PROXY = "127.0.0.2"
WRONG_BY = timedelta(hours=3)
LONG_AGO = "2026-11-01T00:00:00Z"

# Each is bad alone: the code by which the pipeline rejects it.
BAD_EVENTS: dict[str, tuple[bytes, str]] = {
    "a number": (b"5", "line.not_object"),
    "null": (b"null", "line.not_object"),
    "a text": (b'"track"', "line.not_object"),
    "a list": (b'[{"type":"track"}]', "line.not_object"),
    "5,000 digits": (b'{"type":"track","event":"x","userId":"u","n":' + b"7" * 5_000 + b"}", "line.not_json"),
    "nothing in it": (b"{}", "line.no_type_and_name"),
    "nobody's": (b'{"type":"track","event":"x","messageId":"nobody"}', "line.no_identity"),
    "a lone surrogate": (b'{"type":"track","event":"\\ud800","userId":"u","messageId":"lone"}', "line.not_json"),
    "NaN": (b'{"type":"track","event":"x","userId":"u","n":NaN}', "line.not_json"),
    "invalid UTF-8": (b'{"type":"track","event":"\xff\xfe","userId":"u"}', "line.not_json"),
    "a control character": (b'{"type":"track","event":"a\x00b","userId":"u"}', "line.not_json"),
    "5,000-deep": (b'{"type":"track","event":"x","p":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "line.too_deep"),
    "300-deep": (b'{"type":"track","event":"x","p":' + b"[" * 300 + b"]" * 300 + b"}", "line.too_deep"),
    "over 64 KB": (b'{"type":"track","event":"x","userId":"u","p":"' + b"x" * 70_000 + b'"}', "line.too_long"),
    "over the line cap": (
        b'{"type":"track","event":"x","userId":"u","p":"' + b"x" * 1_100_000 + b'"}',
        "line.too_long",
    ),
    "NUL in an id": (b'{"type":"track","event":"x","userId":"a\\u0000b"}', "line.nul_in_id"),
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Running, Loaded, dict[str, Any]]:
    """All that the tests below ask about, sent to one collector, and loaded by one look of the pipeline."""
    data = tmp_path_factory.mktemp("played")
    browser, server = make_key(data, "news", "browser"), make_key(data, "billing", "server")
    with collecting(data, ACTIVITY_LINGER_MS="20", ACTIVITY_TRUSTED_PROXIES=PROXY) as collector:
        told: dict[str, Any] = {"keys": (browser, server), "began": datetime.now(UTC), "answers": []}

        def send(content: object, key: str = browser, path: str = "/v1/batch", **headers: str) -> None:
            answer = collector.send(path, content, key, **{"User-Agent": AGENT, **headers})
            assert answer.status == 200, answer
            told["answers"].append(answer)

        _send_addresses(collector.port, browser)
        _send_forgeries(send)
        _send_clocks(send)
        for name, key in (("browser", browser), ("server", server)):
            context = {"ip": "198.51.100.77", "userAgent": PHONE}
            send({"batch": [track(f"context-{name}", context=context)]}, key)
        events = [event for event, _ in BAD_EVENTS.values()]
        mixed = b",".join([_text("good-first"), *events, _text("good-last")])
        send(b'{"batch":[' + mixed + b"]}")
        send(b'{"sentAt":"\\ud800","batch":[' + _text("broken-sent-at") + b"]}")
        for _ in range(3):
            send({"batch": [track("again")]})
        send(track("own-key", writeKey=browser, properties={"url": f"https://n.example/?k={browser}"}), path="/v1/t")
        told["ended"] = datetime.now(UTC)
    load(data)
    return data, collector, read_lake(data), told


def _text(message_id: str) -> bytes:
    return json.dumps(track(message_id)).encode()


def _send_addresses(port: int, key: str) -> None:
    """The last address that a trusted proxy names counts, and what others name does not."""
    for message_id, source, forwarded in [
        ("by-proxy", PROXY, "198.51.100.9, 203.0.113.5"),
        ("not-by-proxy", "127.0.0.1", "203.0.113.5"),
        ("proxy-says-nonsense", PROXY, "203.0.113.5, nonsense"),
        ("proxy-says-ipv6", PROXY, "[2001:db8::7]:443"),
    ]:
        headers = {"Authorization": basic(key), "X-Forwarded-For": forwarded, "X-Real-IP": "192.0.2.1"}
        body = json.dumps(track(message_id)).encode()
        assert request(port, "POST", "/v1/t", body, headers, source=source).status == 200


def _send_forgeries(send: Callable[..., None]) -> None:
    """The stamps, as a client may try to set them: plainly, twice, escaped, and as other kinds of values."""
    forged = {"receivedAt": LONG_AGO, "ip": "192.0.2.66", "userAgent": "Forged/1", "source": "elsewhere"}
    plain = json.dumps(track("forged", **forged))
    twice = plain.replace("forged", "forged-twice", 1)[:-1] + "," + json.dumps(forged)[1:]
    escaped = json.dumps(track("forged-escaped"))[:-1]
    for name, value in forged.items():
        escaped += f', "\\u{ord(name[0]):04x}{name[1:]}": {json.dumps(value)}'
    odd = track("forged-odd", receivedAt=1, ip={"a": 1}, userAgent=["x"], source=None)
    send(f'{{"batch": [{plain}, {twice}, {escaped}}}, {json.dumps(odd)}]}}'.encode())


def _send_clocks(send: Callable[..., None]) -> None:
    """From a client whose clock is wrong: events of a minute ago, told in several ways."""
    now = datetime.now(UTC) + WRONG_BY
    then = now - timedelta(minutes=1)
    send({"sentAt": now.isoformat(), "batch": [track("clock-original", originalTimestamp=then.isoformat())]})
    send({"sentAt": now.isoformat(), "batch": [track("clock-timestamp", timestamp=then.isoformat())]})
    first = then.isoformat()
    again = track("clock-sent-again", originalTimestamp=first, sentAt=first)
    send({"sentAt": now.isoformat(), "batch": [again]})
    ms = int(now.timestamp() * 1000)
    send({"sentAt": ms, "batch": [track("clock-ms", timestamp=ms - 60_000)]})
    send(track("clock-single", timestamp=then.isoformat(), sentAt=now.isoformat()), path="/v1/t")


Played = tuple[Path, Running, Loaded, dict[str, Any]]


@pytest.mark.parametrize(
    ("message_id", "address"),
    [
        ("by-proxy", "203.0.113.5"),
        ("not-by-proxy", "127.0.0.1"),
        ("proxy-says-nonsense", PROXY),
        ("proxy-says-ipv6", "2001:db8::7"),
        ("context-browser", "127.0.0.1"),
        ("context-server", "198.51.100.77"),
    ],
)
def test_the_address_is_whom_the_connection_or_a_trusted_proxy_names(
    played: Played, message_id: str, address: str
) -> None:
    assert played[2].row(message_id)["ip"] == address


def test_the_context_of_a_server_counts_and_a_pages_does_not(played: Played) -> None:
    page, server = played[2].row("context-browser"), played[2].row("context-server")
    assert (page["device"], page["browser"], page["source"]) == ("Desktop", "Chrome", "news")
    assert (server["device"], server["source"]) == ("Mobile", "billing")


@pytest.mark.parametrize("message_id", ["forged", "forged-twice", "forged-escaped", "forged-odd"])
def test_no_client_sets_what_the_collector_alone_knows(played: Played, message_id: str) -> None:
    _, _, loaded, told = played
    row = loaded.row(message_id)
    assert (row["ip"], row["source"], row["browser"]) == ("127.0.0.1", "news", "Chrome")
    assert told["began"] - timedelta(seconds=1) <= row["received_at"] <= told["ended"]


@pytest.mark.parametrize(
    "message_id", ["clock-original", "clock-timestamp", "clock-sent-again", "clock-ms", "clock-single"]
)
def test_a_wrong_clock_is_corrected(played: Played, message_id: str) -> None:
    row = played[2].row(message_id)
    age = row["received_at"] - row["occurred_at"]
    assert timedelta(seconds=59) < age < timedelta(seconds=70)


def test_a_bad_event_costs_its_batch_nothing_and_is_kept_with_its_reason(played: Played) -> None:
    _, _, loaded, _ = played
    assert Counter(line["code"] for line in loaded.rejected) == Counter(code for _, code in BAD_EVENTS.values())
    assert all(line["reason"] for line in loaded.rejected)
    raw = [line["raw"] for line in loaded.rejected]
    for name, (event, _) in BAD_EVENTS.items():
        assert any(event.rstrip(b"}")[:60_000] in each for each in raw), f"{name} is not kept as it came"
    assert {"good-first", "good-last", "broken-sent-at"} <= {row["message_id"] for row in loaded.rows}


def test_an_event_delivered_again_is_stored_once(played: Played) -> None:
    assert played[2].row("again")


def test_keys_are_told_nowhere(played: Played) -> None:
    """Neither in what the collector says, nor in an answer, nor in what is stored for years."""
    data, collector, loaded, told = played
    assert loaded.row("own-key")
    said = collector.log.read_bytes() + b"".join(answer.body for answer in told["answers"])
    kept = b"\n".join(stored(data))
    assert b"own-key" in kept
    for key in told["keys"]:
        assert key.encode() not in said
        assert key.encode() not in kept


@pytest.mark.parametrize(
    "path", ["/v1/batch", "/v1/t", "/nowhere", "/v1/t?writeKey={key}", "/sourceConfig/?writeKey={key}"]
)
def test_a_refusal_does_not_repeat_the_key(shared: tuple[Path, Running], path: str) -> None:
    data, collector = shared
    made = State(data).keys.make("secret", kind="server", at=datetime.now(UTC))
    for body in (b"{", b'{"batch": 5, "writeKey": "' + made.text.encode() + b'"}', b"\x1f\x8bbroken"):
        answer = collector.send(path.format(key=made.text), body, made.text, Origin="https://news.example")
        assert answer.status >= 400
        assert made.text.encode() not in answer.body
    assert made.text not in collector.log.read_text()
