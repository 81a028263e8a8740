"""Bodies of which no length is told, and that come slowly: what a server's test cannot wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from pages.parts import limits
from pages.parts.limits import BODY_BYTES, Limits
from pipeline.mounted import NOTHING


async def _reading(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)}")(scope, receive, send)


def _status(parts: Sequence[int], ends: bool = True) -> int:
    """Of a request whose body comes in parts of those sizes; where it does not end, no more of it comes."""
    left, sent = list(parts), list[Message]()

    async def receive() -> Message:
        if not left:
            await asyncio.sleep(5)  # longer than the test lets the body take
            return {"type": "http.disconnect"}
        size = left.pop(0)
        return {"type": "http.request", "body": b"x" * size, "more_body": bool(left) or not ends}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    asyncio.run(Limits(_reading, NOTHING)(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    ("parts", "status"), [([BODY_BYTES], 200), ([BODY_BYTES // 2] * 2, 200), ([BODY_BYTES, 1], 413)]
)
def test_a_body_of_no_told_length_is_bounded_too(parts: list[int], status: int) -> None:
    assert _status(parts) == status


@pytest.mark.parametrize("begun", [[], [1]])
def test_a_body_that_comes_slowly_is_not_waited_for(begun: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)
    assert _status(begun, ends=False) == 408
