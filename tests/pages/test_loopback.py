"""Only this machine is answered: peer, Host and forwarding headers."""

from __future__ import annotations

import asyncio

import pytest
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from pages.parts.access.gate import Gate
from pages.parts.access.loopback import refusal
from pipeline.mounted import NOTHING

HERE = {"host": "localhost:8501"}


def _why(headers: dict[str, str], peer: str | None = "127.0.0.1") -> str | None:
    return refusal(Headers(headers), peer)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8501", "127.0.0.1:8501", "127.9.9.9", "[::1]:8501", "[::1]", "[::ffff:127.0.0.1]:1"],
)
def test_loopback_hosts_are_answered(host: str) -> None:
    assert _why({"host": host}) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8501",
        "10.0.0.7",
        "[2001:db8::1]",
        "",
        "0.0.0.0",
    ],
)
def test_other_hosts_are_refused_with_a_reason(host: str) -> None:
    why = _why({"host": host})
    assert why is not None
    assert "localhost" in why


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "x-forwarded-host", "X-Forwarded-Anything", "Forwarded", "Via", "X-Real-IP"]
)
def test_forwarded_requests_are_refused(name: str) -> None:
    why = _why({**HERE, name: "127.0.0.1"})
    assert why is not None
    assert name.lower() in why


@pytest.mark.parametrize("peer", ["10.0.0.7", "2001:db8::1", "192.168.1.4"])
def test_other_machines_are_refused_even_when_they_say_localhost(peer: str) -> None:
    why = _why(HERE, peer)
    assert why is not None
    assert peer in why


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1", None])
def test_this_machine_is_answered(peer: str | None) -> None:
    assert _why(HERE, peer) is None


def test_two_host_headers_are_refused() -> None:
    raw = [(b"host", b"localhost"), (b"host", b"evil.example")]
    assert refusal(Headers(raw=raw), "127.0.0.1") is not None


async def _inner(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
    else:
        await PlainTextResponse("inside")(scope, receive, send)


def _sent(kind: str, host: str) -> list[Message]:
    """What the guarded application sends to a request from this machine for `host`."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{kind}.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", host.encode())]
    scope = {"type": kind, "path": "/", "method": "GET", "headers": headers, "client": ("127.0.0.1", 5)}
    asyncio.run(Gate(_inner, [], NOTHING)(scope, receive, send))
    return sent


def test_a_refused_request_gets_403_and_the_reason() -> None:
    start, body = _sent("http", "localhost:8501")
    assert (start["status"], body["body"]) == (200, b"inside")
    start, body = _sent("http", "evil.example")
    assert start["status"] == 403
    assert b"no sign-in set up" in body["body"]


def test_web_sockets_are_guarded_too() -> None:
    assert _sent("websocket", "localhost:8501")[0]["type"] == "websocket.accept"
    refused = _sent("websocket", "evil.example")
    assert [message["type"] for message in refused] == ["websocket.close"]
