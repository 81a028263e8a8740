"""What is served beside the dashboard once people sign in to it: events from anybody, figures to this machine alone."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from pages.parts.access import gate
from pages.parts.access.gate import Gate
from pages.parts.access.roles import AllowList
from pipeline.errors import SettingsError

PUBLIC, LOCAL = {"host": "activity.example.com"}, {"host": "127.0.0.1:8501"}


class _Collector:
    def has(self, path: str) -> bool:
        return path in {"/metrics", "/v1/track"}


def _status(path: str, headers: dict[str, str], peer: str = "127.0.0.1") -> int:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": path, "method": "GET", "headers": raw, "client": (peer, 5)}
    asyncio.run(Gate(PlainTextResponse("inside"), [], _Collector())(scope, receive, send))
    return int(sent[0]["status"])


@pytest.fixture(params=["a list", "a list that is not understood"])
def _signing_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def listed() -> AllowList:
        if request.param != "a list":
            raise SettingsError([("[access]", "It is missing.", "")])
        return AllowList({})

    monkeypatch.setattr(gate, "allow_list", listed)


@pytest.mark.usefixtures("_signing_in")
@pytest.mark.parametrize(
    ("path", "headers", "peer", "status"),
    [
        ("/metrics", LOCAL, "127.0.0.1", 200),
        ("/metrics", PUBLIC, "127.0.0.1", 404),
        ("/metrics", {**LOCAL, "x-forwarded-for": "10.0.0.7"}, "127.0.0.1", 404),
        ("/metrics", LOCAL, "10.0.0.7", 404),
        ("/v1/track", PUBLIC, "127.0.0.1", 200),
        ("/v1/track", {**PUBLIC, "x-forwarded-for": "10.0.0.7"}, "127.0.0.1", 200),
    ],
)
def test_anybody_may_send_and_nobody_elsewhere_sees_the_figures(
    path: str, headers: dict[str, str], peer: str, status: int
) -> None:
    assert _status(path, headers, peer) == status
