"""Whatever bytes come, the collector answers them rightly or hangs up, keeps within its memory, and goes on serving.

Each case is a function that attacks a port and returns the statuses it was answered; all run at once, against one
collector, so that those which wait for a limit of time wait together.
"""

from __future__ import annotations

import gzip
import json
import re
import resource
import socket
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import pytest

from tests.support_collect import HOST, Running, basic, collecting, make_key, request, stored, track

MEMORY = 300_000_000
LIMIT = 4_000_000  # of a body, inflated or not
IDLE = 2_000  # connections
SECONDS = 40.0  # beyond every limit of time

CLOSED = 0  # stands for a connection that ended without an answer
Attack = Callable[["Target"], Sequence[int]]


@dataclass(frozen=True)
class Target:
    port: int
    key: str

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=SECONDS)

    def raw(self, *parts: bytes, half_close: bool = False) -> list[int]:
        """Send bytes as they are; the statuses of all answers until the collector hangs up, or is silent."""
        with self.connect() as connection:
            with suppress(OSError):  # it may hang up before it has all
                for part in parts:
                    connection.sendall(part)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            return statuses(connection)

    def post(self, body: bytes, path: str = "/v1/batch", *headers: str, key: str | None = None) -> list[int]:
        """A request in good order with this body."""
        return self.raw(self.head(path, f"Content-Length: {len(body)}", *headers, key=key), body)

    def head(self, path: str, *headers: str, key: str | None = None) -> bytes:
        """A POST's head; the connection ends with the answer."""
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {HOST}",
            f"Authorization: {basic(self.key if key is None else key)}",
            "Connection: close",
            *headers,
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def statuses(connection: socket.socket) -> list[int]:
    answer = b""
    with suppress(OSError):
        while data := connection.recv(65_536):
            answer += data
    found = [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) (?!Continue)", answer)]
    return found or [CLOSED]


def event(**more: object) -> bytes:
    return json.dumps(track("m1", **more)).encode()


def batch(*events: bytes) -> bytes:
    return b'{"batch": [' + b",".join(events) + b"]}"


# --- The table. A body in good HTTP order, and what it is answered.

GOOD = gzip.compress(batch(event()))
BODIES: dict[str, tuple[str, bytes, int]] = {
    "a good one": ("/v1/batch", batch(event()), 200),
    "a good one, gzip": ("/v1/batch", GOOD, 200),
    "gzip in three members": ("/v1/batch", b"".join(map(gzip.compress, (b'{"batch":', b"[" + event(), b"]}"))), 200),
    "gzip, then padding": ("/v1/batch", GOOD + b"\0" * 500, 200),
    "an empty batch": ("/v1/batch", b'{"batch": []}', 200),
    # gzip
    "a bomb": ("/v1/batch", gzip.compress(b" " * 500_000_000, 1), 413),
    "a bomb in a bomb": ("/v1/batch", gzip.compress(gzip.compress(b" " * 50_000_000)), 400),
    "a bomb by members": ("/v1/batch", gzip.compress(b" " * 1_000_000) * 10, 413),
    "200,000 members": ("/v1/batch", gzip.compress(b"", mtime=0) * 190_000, 400),
    "truncated gzip": ("/v1/batch", GOOD[:-9], 400),
    "gzip's first bytes only": ("/v1/batch", GOOD[:2], 400),
    "gzip without its checksum": ("/v1/batch", GOOD[:-8], 400),
    "a wrong checksum": ("/v1/batch", GOOD[:-8] + b"\0\0\0\0" + GOOD[-4:], 400),
    "a wrong length": ("/v1/batch", GOOD[:-4] + b"\0\0\0\1", 400),
    "gzip, then junk": ("/v1/batch", GOOD + b"junk", 400),
    "zlib, not gzip": ("/v1/batch", zlib.compress(batch(event())), 400),
    # JSON
    "nothing": ("/v1/batch", b"", 400),
    "nothing, single": ("/v1/t", b"", 400),
    "null": ("/v1/batch", b"null", 400),
    "null, single": ("/v1/t", b"null", 400),
    "[]": ("/v1/batch", b"[]", 400),
    "[], single": ("/v1/t", b"[]", 400),
    "{}": ("/v1/batch", b"{}", 400),
    "{}, single": ("/v1/t", b"{}", 200),
    "a number": ("/v1/t", b"5", 400),
    "a batch that is null": ("/v1/batch", b'{"batch": null}', 400),
    "a batch that is an object": ("/v1/batch", b'{"batch": {}}', 400),
    "a batch that is a text": ("/v1/batch", b'{"batch": "[]"}', 400),
    "a trailing comma in the batch": ("/v1/batch", b'{"batch": [{},]}', 400),
    "a trailing comma around it": ("/v1/batch", b'{"batch": [{}],}', 400),
    "a leading comma": ("/v1/batch", b'{"batch": [,{}]}', 400),
    "no comma": ("/v1/batch", b'{"batch": [{} {}]}', 400),
    "no colon": ("/v1/batch", b'{"batch" [{}]}', 400),
    "a name that is none": ("/v1/batch", b'{5: 5, "batch": [{}]}', 400),
    "cut within": ("/v1/batch", b'{"batch": [{"a": "b', 400),
    "cut behind a list": ("/v1/batch", b'{"batch": [{}]', 400),
    "two of them": ("/v1/batch", b'{"batch": []}{"batch": []}', 400),
    "junk behind it": ("/v1/batch", b'{"batch": []} x', 400),
    "NaN in an event": ("/v1/batch", b'{"batch": [{"n": NaN}]}', 200),
    "NaN as sentAt": ("/v1/batch", b'{"batch": [{}], "sentAt": NaN}', 200),
    "names twice": ("/v1/batch", b'{"batch": [{}], "sentAt": 1, "sentAt": 2, "batch": [{"a": 1, "a": 2}]}', 200),
    "a BOM": ("/v1/batch", b"\xef\xbb\xbf" + batch(event()), 200),
    "a name with newlines": ("/v1/batch", batch(event(**{"a\nb\r\n": "c\nd"}), b'{"a\nb": "c\r\nd"}'), 200),
    "a lone surrogate as the key": ("/v1/t", b'{"writeKey": "\\ud800"}', 200),
    "a deep event": ("/v1/batch", batch(b"[" * 100_000 + b"]" * 100_000, event()), 200),
    "a deep body": ("/v1/batch", b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b', "batch": []}', 400),
    "a deep single event": ("/v1/t", b'{"x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", 400),
    "a deep one without an end": ("/v1/batch", b'{"batch": [' + b"[" * 3_900_000, 400),
    "a deep text without an end": ("/v1/batch", b'{"batch": [' + b"[" * 3_000 + b'"' + b'\\"' * 1_900_000, 400),
    "10,000 tiny events": ("/v1/batch", batch(*repeat(b"{}", 10_000)), 200),
    "100,000 tiny events": ("/v1/batch", batch(*repeat(b"{}", 100_000)), 413),
    "a million lists in an event": ("/v1/batch", batch(b'{"a": [' + b"[]," * 1_300_000 + b"[]]}", event()), 200),
    "a number of 3,900,000 digits": ("/v1/batch", batch(b"7" * 3_900_000, event()), 200),
    "a long event alone": ("/v1/t", event(p="x" * 70_000), 413),
    "long events only": ("/v1/batch", batch(*repeat(event(p="x" * 70_000), 3)), 413),
    "just within the limit": ("/v1/batch", batch(event(), b'"%s"' % (b"x" * (LIMIT - 200))), 200),
    "beyond the limit": ("/v1/batch", b" " * (LIMIT + 1), 413),
    "far beyond the limit": ("/v1/batch", b" " * (10 * LIMIT), 413),
    # Encodings
    "UTF-16": ("/v1/batch", batch(event()).decode().encode("utf-16"), 400),
    "UTF-32": ("/v1/batch", batch(event()).decode().encode("utf-32"), 400),
    "Latin-1 in an event": ("/v1/batch", batch(b'{"event": "caf\xe9"}', event()), 200),
    "Latin-1 around them": ("/v1/batch", b'{"caf\xe9": 1, "batch": []}', 200),
    "only zero bytes": ("/v1/batch", b"\0" * 1_000, 400),
    "a form": ("/v1/batch", b"batch=%5B%5D", 400),
}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Target, Path]]:
    data = tmp_path_factory.mktemp("hostile")
    key = make_key(data)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, most[1]))  # as most systems have it, and the collector inherits
    with collecting(data, ACTIVITY_LINGER_MS="20", ACTIVITY_KEY_EVENTS_PER_SECOND="1000000") as collector:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)
        yield collector, Target(collector.port, key), data
    assert "that nobody thought of" not in collector.log.read_text()
    assert "Traceback" not in collector.log.read_text()


@pytest.fixture(autouse=True)
def _goes_on(target: tuple[Running, Target, Path]) -> Iterator[None]:
    """After each test it serves as before, soon, and within its memory."""
    yield
    collector, aim, _ = target
    began = time.monotonic()
    assert aim.post(batch(event())) == [200]
    assert time.monotonic() - began < 5
    assert collector.memory < MEMORY


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_answered(target: tuple[Running, Target, Path], name: str) -> None:
    path, body, expected = BODIES[name]
    began = time.monotonic()
    assert target[1].post(body, path) == [expected]
    assert time.monotonic() - began < 10, "it kept everyone waiting"


# --- How it is sent: each returns what it was answered.


def pieces(aim: Target, first: bytes, piece: bytes, pause: float, most: float) -> list[int]:
    """Send `first`, then `piece` again and again, until the collector hangs up."""
    ends = time.monotonic() + most
    with aim.connect() as connection:
        connection.sendall(first)
        connection.settimeout(max(pause, 0.001))
        answer = b""
        while time.monotonic() < ends:
            try:
                connection.sendall(piece)
                data = connection.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                break
            if not data:
                break
            answer += data
        else:
            return [-1]  # it never hung up
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)] or [CLOSED]


def idle_connections(aim: Target) -> list[int]:
    """Two thousand that say nothing, and meanwhile one that does."""
    with ExitStack() as stack:
        idle = [stack.enter_context(aim.connect()) for _ in range(IDLE)]
        served = aim.post(batch(event()))
        return [*served, *statuses(idle[0]), *statuses(idle[-1])]


def stays_open(aim: Target) -> list[int]:
    """Two requests on one connection, whole but for the way they are cut."""
    body = batch(event())
    text = aim.head("/v1/batch", f"Content-Length: {len(body)}").replace(b"Connection: close\r\n", b"") + body
    with aim.connect() as connection:
        for at in range(0, len(text), 7):
            connection.sendall(text[at : at + 7])
        time.sleep(0.2)
        connection.sendall(text.replace(b"Host", b"Connection: close\r\nHost"))
        return statuses(connection)


def asks_first(aim: Target) -> list[int]:
    body = batch(event())
    with aim.connect() as connection:
        connection.sendall(aim.head("/v1/batch", f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(body)
        return statuses(connection)


def goes_away(aim: Target) -> list[int]:
    """Three hundred clients that hang up within their bodies."""
    for _ in range(300):
        with aim.connect() as connection:
            connection.sendall(aim.head("/v1/batch", "Content-Length: 100000") + b'{"batch": [' + b" " * 50_000)
    return []


def unknown_keys(aim: Target) -> list[int]:
    """Bodies that inflate a thousandfold, by nobody: they wait for the look at the keys."""
    body = gzip.compress(b'{"batch": [' + b"[]," * 1_300_000 + b"[]]}")
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda number: aim.post(body, key=f"wk_none{number}"), range(40)))
    assert {answer[0] for answer in answers} <= {401, 503}
    return [401]


def held_by_the_store(aim: Target) -> list[int]:
    """What a body takes in memory while it is read is not kept while it waits to be stored."""
    body = gzip.compress(batch(b'{"a": [' + b"[]," * 1_300_000 + b"[]]}", event()))
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: aim.post(body), range(12)))
    assert {answer[0] for answer in answers} <= {200, 503}
    return [200]


CHUNKED = "Transfer-Encoding: chunked"
PIPELINED = b"POST /v1/t HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
ATTACKS: dict[str, tuple[Attack, list[int]]] = {
    # Lengths that lie
    "a body shorter than told": (
        lambda aim: aim.raw(aim.head("/v1/batch", "Content-Length: 900"), b"{}", half_close=True),
        [CLOSED],
    ),
    "a body longer than told": (
        lambda aim: aim.raw(aim.head("/v1/batch", f"Content-Length: {len(batch(event()))}"), batch(event()) + b"junk"),
        [200],
    ),
    "a negative length": (lambda aim: aim.raw(aim.head("/v1/batch", "Content-Length: -5"), b"{}"), [400]),
    "a length of letters": (lambda aim: aim.raw(aim.head("/v1/batch", "Content-Length: five"), b"{}"), [400]),
    "two lengths": (
        lambda aim: aim.raw(aim.head("/v1/batch", "Content-Length: 2", "Content-Length: 3"), b"{}"),
        [400],
    ),
    "a length beyond 64 bits": (
        lambda aim: aim.raw(aim.head("/v1/batch", "Content-Length: 99999999999999999999999"), b"{}"),
        [400],
    ),
    "a huge length, and as much": (
        lambda aim: aim.raw(aim.head("/v1/batch", "Content-Length: 1000000000000"), *repeat(b" " * LIMIT, 10)),
        [413],
    ),
    "length and chunks (smuggling)": (
        lambda aim: aim.raw(
            aim.head("/v1/batch", "Content-Length: 5", CHUNKED), b"0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n"
        ),
        [400],
    ),
    "chunks, not last (smuggling)": (
        lambda aim: aim.raw(aim.head("/v1/batch", "Transfer-Encoding: chunked, identity"), b"0\r\n\r\n"),
        [400],
    ),
    # Chunks
    "chunks": (
        lambda aim: aim.raw(
            aim.head("/v1/batch", CHUNKED), *(b"1\r\n%c\r\n" % byte for byte in batch(event())), b"0\r\n\r\n"
        ),
        [200],
    ),
    "a chunk's size that is none": (lambda aim: aim.raw(aim.head("/v1/batch", CHUNKED), b"zz\r\n{}\r\n"), [400]),
    "endless chunks": (
        lambda aim: pieces(aim, aim.head("/v1/batch", CHUNKED), b"100000\r\n" + b" " * 0x100000 + b"\r\n", 0, SECONDS),
        [413],
    ),
    "an endless chunk extension": (
        lambda aim: pieces(aim, aim.head("/v1/batch", CHUNKED) + b"5;", b"x" * 100_000, 0, SECONDS),
        [431],
    ),
    "an endless trailer": (
        lambda aim: pieces(aim, aim.head("/v1/batch", CHUNKED) + b"0\r\nx: ", b"x" * 100_000, 0, SECONDS),
        [431],
    ),
    "endless trailers": (
        lambda aim: pieces(aim, aim.head("/v1/batch", CHUNKED) + b"0\r\n", b"x: y\r\n" * 1_000, 0, SECONDS),
        [431],
    ),
    # Time
    "silence": (lambda aim: aim.raw(), [408]),
    "slow headers": (lambda aim: pieces(aim, b"POST /v1/t HTTP/1.1\r\nX-Slow: ", b"x", 1.0, SECONDS), [408]),
    "a slow body": (
        lambda aim: pieces(aim, aim.head("/v1/batch", "Content-Length: 1000"), b" ", 1.0, SECONDS),
        [408],
    ),
    "a slow body that nobody reads": (
        lambda aim: pieces(
            aim, aim.head("/nowhere", "Content-Length: 1000").replace(b"close", b"keep-alive"), b" ", 1.0, SECONDS
        ),
        [404],
    ),
    "2,000 idle connections": (idle_connections, [200, 408, 408]),
    "300 that go away": (goes_away, []),
    # Heads
    "10,000 headers": (lambda aim: aim.raw(aim.head("/v1/t", *(f"X-{n}: y" for n in range(10_000))), b"{}"), [431]),
    "101 headers": (lambda aim: aim.raw(aim.head("/v1/t", *(f"X-{n}: y" for n in range(101))), b"{}"), [431]),
    "a header of 1 MB": (lambda aim: aim.raw(aim.head("/v1/t", f"X: {'y' * 1_000_000}"), b"{}"), [431]),
    "a header without an end": (
        lambda aim: pieces(aim, b"POST /v1/t HTTP/1.1\r\nX: ", b"y" * 100_000, 0, SECONDS),
        [431],
    ),
    "a URL of 60 KB": (lambda aim: aim.raw(aim.head("/v1/t?" + "x" * 60_000)), [431]),
    "a URL of 3 MB": (lambda aim: aim.raw(aim.head("/v1/t?" + "x" * 3_000_000)), [431]),
    "a header within a header": (
        lambda aim: aim.raw(aim.head("/v1/t", "X: a\nY: b", "Content-Length: 2"), b"{}"),
        [400],
    ),
    "a zero byte in a header": (lambda aim: aim.raw(aim.head("/v1/t", "X: a\0b", "Content-Length: 2"), b"{}"), [400]),
    "a folded header": (lambda aim: aim.raw(aim.head("/v1/t", "X: a\r\n b", "Content-Length: 2"), b"{}"), [400]),
    "no host": (lambda aim: aim.raw(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"), [200]),
    "a host that is none": (
        lambda aim: aim.raw(
            f"GET /v1/projects/{aim.key}/settings HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n".encode()
        ),
        [200],
    ),
    # What is no HTTP
    "HTTP/0.9": (lambda aim: aim.raw(b"GET /healthz\r\n"), [408]),
    "HTTP/2's first bytes": (lambda aim: aim.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), [400]),
    "TLS": (lambda aim: aim.raw(bytes.fromhex("16030102000100 01fc0303".replace(" ", "")) + b"\xaa" * 500), [400]),
    "garbage": (lambda aim: aim.raw(bytes(range(256)) * 100), [400]),
    "only newlines": (lambda aim: pieces(aim, b"\r\n", b"\r\n" * 20_000, 0, SECONDS), [431]),
    # Methods and paths
    "HEAD": (lambda aim: aim.raw(b"HEAD /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"), [200]),
    "HEAD of what takes events": (lambda aim: aim.raw(b"HEAD /v1/t HTTP/1.1\r\nConnection: close\r\n\r\n"), [405]),
    "GET of what takes events": (lambda aim: aim.raw(b"GET /v1/batch HTTP/1.1\r\nConnection: close\r\n\r\n"), [405]),
    "PUT": (lambda aim: aim.raw(aim.head("/v1/t", "Content-Length: 2").replace(b"POST", b"PUT"), b"{}"), [405]),
    "a method that is none": (lambda aim: aim.raw(b"BREW /v1/t HTTP/1.1\r\n\r\n"), [400]),
    "CONNECT": (lambda aim: aim.raw(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n"), [400]),
    "OPTIONS": (lambda aim: aim.raw(b"OPTIONS /v1/t HTTP/1.1\r\nConnection: close\r\n\r\n"), [204]),
    "OPTIONS *": (lambda aim: aim.raw(b"OPTIONS * HTTP/1.1\r\nConnection: close\r\n\r\n"), [404]),
    "an unknown path": (lambda aim: aim.post(batch(event()), "/v2/batch"), [404]),
    "a slash too much": (lambda aim: aim.post(batch(event()), "/v1/batch/"), [404]),
    "two slashes": (lambda aim: aim.post(batch(event()), "//v1/batch"), [404]),
    "out of the folder": (lambda aim: aim.post(b"{}", "/v1/../../../etc/passwd"), [404]),
    "out of the folder, escaped": (lambda aim: aim.post(b"{}", "/api/s/%2e%2e%2f%2e%2e%2fetc%2fpasswd"), [404]),
    "zero bytes in the path": (lambda aim: aim.post(b"{}", "/v1/t%00"), [404]),
    "broken UTF-8 in the path": (lambda aim: aim.post(b"{}", "/v1/%ff%fe"), [404]),
    "a whole URL": (lambda aim: aim.post(event(), "http://elsewhere.example/v1/t"), [200]),
    # Keys
    "no key": (lambda aim: aim.raw(aim.head("/v1/t", "Content-Length: 2").replace(b"Basic", b"Bearer"), b"{}"), [401]),
    "Basic that is no base64": (lambda aim: aim.post(b"{}", "/v1/t", "Authorization: Basic %%%", key=""), [401]),
    "a zero byte in the key": (lambda aim: aim.post(b"{}", "/v1/t", key="wk_\0"), [401]),
    "a key of another's letters": (lambda aim: aim.post(b"{}", "/v1/t", key="wk_ключ"), [401]),
    "a zero byte in the query's key": (lambda aim: aim.post(b"{}", "/v1/t?writeKey=%00%ff", key=""), [401]),
    "a key of 20 KB": (lambda aim: aim.post(b"{}", "/v1/t", key="x" * 20_000), [401]),
    "an address that is none": (lambda aim: aim.post(event(), "/v1/t", "X-Forwarded-For: \xff, ,,:::"), [200]),
    "inflating bodies by nobody": (unknown_keys, [401]),
    "bodies that grow in memory": (held_by_the_store, [200]),
    # Encodings that are not taken
    "brotli": (lambda aim: aim.post(b"\x8b\x03\x80abc\x03", "/v1/batch", "Content-Encoding: br"), [415]),
    "zstd": (lambda aim: aim.post(b"\x28\xb5\x2f\xfd\x00", "/v1/batch", "Content-Encoding: zstd"), [415]),
    "deflate": (lambda aim: aim.post(zlib.compress(b"{}"), "/v1/t", "Content-Encoding: deflate"), [415]),
    "gzip, it says": (lambda aim: aim.post(batch(event()), "/v1/batch", "Content-Encoding: gzip"), [200]),
    # Connections
    "asks before it sends": (asks_first, [200]),
    "asks for a web socket": (
        lambda aim: aim.post(event(), "/v1/t", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Connection: Upgrade"),
        [200],
    ),
    "asks for HTTP/2": (
        lambda aim: aim.post(event(), "/v1/t", "upgrade: h2c", "Connection: Upgrade, HTTP2-Settings"),
        [200],
    ),
    "one connection, cut anywhere": (stays_open, [200, 200]),
    "five at once": (
        lambda aim: aim.raw(PIPELINED * 4 + PIPELINED.replace(b"Host", b"Connection: close\r\nHost")),
        [401] * 5,
    ),
    "HTTP/1.0": (lambda aim: aim.raw(b"GET /healthz HTTP/1.0\r\n\r\n"), [200]),
}

# These are still sending when they are answered: the connection may be gone before they read it.
FLOODS = {
    *("a huge length, and as much", "endless chunks", "an endless chunk extension", "an endless trailer"),
    *("endless trailers", "10,000 headers", "a header of 1 MB", "a header without an end", "a URL of 3 MB"),
    *("only newlines", "garbage"),
}


def test_every_attack_is_answered_or_cut_off(target: tuple[Running, Target, Path]) -> None:
    collector, aim, _ = target
    with ThreadPoolExecutor(len(ATTACKS)) as pool:
        running = {name: pool.submit(attack, aim) for name, (attack, _) in ATTACKS.items()}
        answers = {name: list(future.result()) for name, future in running.items()}
    wrong = {
        name: answer
        for name, answer in answers.items()
        if answer != ATTACKS[name][1] and not (name in FLOODS and answer == [CLOSED])
    }
    assert not wrong, "\n".join(f"{name}: {answer}" for name, answer in wrong.items())
    assert collector.memory < MEMORY


def test_requests_sent_at_once_are_bounded(target: tuple[Running, Target, Path]) -> None:
    """Each takes a hundred times its bytes: more than some on one connection are cut off."""
    collector, aim, _ = target
    before = collector.memory
    flood = PIPELINED.replace(b"Host", f"Authorization: {basic(aim.key)}\r\nHost".encode()) * 2_000
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: aim.raw(flood), range(20)))
    assert all(answer[-1] == 400 or answer == [CLOSED] for answer in answers)
    assert collector.memory < before + 60_000_000


def test_bodies_by_nobody_take_no_room_from_others(target: tuple[Running, Target, Path]) -> None:
    """Small ones, which inflate a thousandfold, while the key that is within them is looked for."""
    _, aim, _ = target
    body = gzip.compress(b'{"writeKey": "wk_none", "batch": [], "x": "' + b"x" * 3_900_000 + b'"}')
    with ThreadPoolExecutor(40) as pool:
        nobody = [pool.submit(aim.post, body, "/v1/batch", key="") for _ in range(40)]
        assert [aim.post(batch(event())) for _ in range(10)] == [[200]] * 10
        assert {tuple(future.result()) for future in nobody} == {(401,)}


def test_what_was_answered_200_is_one_line_each(target: tuple[Running, Target, Path]) -> None:
    """No text of a client's begins a line, or ends one."""
    _, aim, data = target
    assert aim.post(batch(b'{"messageId": "line\nbreak", "x": "\r\n\xe2\x80\xa8"}')) == [200]
    (line,) = [line for line in stored(data) if b'"line break"' in line]
    assert json.loads(line)["source"] == "tests"
    assert request(aim.port, "GET", "/readyz").status == 200
