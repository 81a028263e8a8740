"""Keys are found, and those that are none refused, by what the database says now; and no key sends more than it may."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from pipeline.collect.keyring import Bucket, Keyring, check_origin, key_text
from pipeline.collect.refused import Refused
from pipeline.errors import ActivityError
from pipeline.state import Keys, State, WriteKey

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Failing(Keys):
    """The real keys, on a database that sometimes cannot be read."""

    def __init__(self, state: State) -> None:
        super().__init__(state.keys._engine)
        self.fails = self.fails_to_count = False
        self.looks = 0

    def count(self, stored: Mapping[str, int], at: datetime) -> None:
        if self.fails_to_count:
            raise ActivityError("The disk is full.")
        super().count(stored, at)

    def all(self, *, revoked: bool = False) -> tuple[WriteKey, ...]:
        self.looks += 1
        if self.fails:
            raise ActivityError("The disk is gone.")
        return super().all(revoked=revoked)


@pytest.fixture
def keys(tmp_path: Path) -> Failing:
    return Failing(State(tmp_path))


def play(keys: Failing, act: Callable[[Keyring], Awaitable[None]]) -> None:
    async def run() -> None:
        await act(Keyring(keys, 100))

    asyncio.run(run())


async def refused(keyring: Keyring, text: str | None) -> tuple[int, str]:
    with pytest.raises(Refused) as no:
        await keyring.find(text)
    assert text is None or text not in no.value.message
    return no.value.status, no.value.code


def test_a_key_made_after_the_last_look_is_found_at_once(keys: Failing) -> None:
    async def act(keyring: Keyring) -> None:
        for number in range(3):
            assert await refused(keyring, "wk_unknown") == (401, "key.unknown")
            made = keys.make(f"s{number}", at=NOW)
            assert (await keyring.find(made.text)).id == made.key.id
        assert await refused(keyring, None) == (401, "key.missing")

    play(keys, act)


def test_unknown_keys_look_at_the_database_seldom_and_together(keys: Failing) -> None:
    async def act(keyring: Keyring) -> None:
        began = time.monotonic()
        answers = await asyncio.gather(*(refused(keyring, f"wk_{number}") for number in range(300)))
        assert set(answers) == {(401, "key.unknown")}
        for number in range(4):
            await refused(keyring, f"wk_again_{number}")
        assert keys.looks <= 2 + (time.monotonic() - began) / 0.5

    play(keys, act)


def test_a_revoked_key_is_known_as_such(keys: Failing) -> None:
    async def act(keyring: Keyring) -> None:
        made = keys.make("s", at=NOW)
        await keyring.find(made.text)
        keys.revoke(made.key.id, NOW)
        await keyring.look()
        assert await refused(keyring, made.text) == (401, "key.revoked")

    play(keys, act)


def test_while_the_database_fails_known_keys_serve_and_others_come_again(keys: Failing) -> None:
    """A 401 would make the client drop its events."""

    async def act(keyring: Keyring) -> None:
        made = keys.make("s", at=NOW)
        keys.fails = True
        assert await refused(keyring, made.text) == (503, "store.keys")
        assert not keyring.loaded
        keys.fails = False
        await keyring.find(made.text)
        assert keyring.loaded
        keys.fails = True
        newer = keys.make("newer", at=NOW)
        await keyring.find(made.text)
        assert await refused(keyring, newer.text) == (503, "store.keys")
        keys.fails = False
        await keyring.find(newer.text)

    play(keys, act)


@pytest.mark.parametrize("counting", [False, True], ids=["it cannot be read", "it cannot be written"])
def test_what_was_stored_is_counted_once_though_the_database_fails(keys: Failing, counting: bool) -> None:
    async def act(keyring: Keyring) -> None:
        made = keys.make("s", at=NOW)
        keyring.stored(made.key, 5)
        keys.fails, keys.fails_to_count = not counting, counting
        with pytest.raises(ActivityError):
            await keyring.look()
        keyring.stored(made.key, 2)
        keys.fails = keys.fails_to_count = False
        await keyring.look()
        await keyring.look()

    play(keys, act)
    (key,) = keys.all()
    assert key.events == 7


# --- What a key may send


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 5)), min_size=1, max_size=40))
def test_no_more_than_its_rate_goes_through_and_waiting_always_helps(steps: list[tuple[int, float]]) -> None:
    clock = Clock()
    bucket = Bucket(100, clock)
    taken, largest = 0, 0
    for events, pause in steps:
        clock.now += pause
        largest = max(largest, events)
        wait = bucket.take(events)
        if wait:
            clock.now += wait + 1e-6
            assert bucket.take(events) == 0, "it was told to come again too early"
        taken += events
        assert taken <= 200 + 100 * clock.now + largest + 1


def test_the_wait_is_told_in_whole_seconds_and_is_enough(keys: Failing) -> None:
    async def act(keyring: Keyring) -> None:
        key = keys.make("s", at=NOW).key
        keyring.charge(key, 200)
        for events, seconds in [(1, 1), (100, 2), (199, 2), (200, 3), (10_000, 3)]:
            with pytest.raises(Refused) as no:
                keyring.charge(key, events)
            assert no.value.status == 429
            assert events / 100 <= (no.value.retry_after or 0) <= seconds or events > 200
        keyring.charge(keys.make("other", at=NOW).key, 200)

    play(keys, act)


# --- Where the key stands


def asked(query: str = "", **headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": named, "query_string": query.encode()})


def basic(text: bytes) -> str:
    return f"Basic {base64.b64encode(text).decode()}"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (asked(), None),
        (asked(authorization=basic(b"wk_1:")), "wk_1"),
        (asked(authorization=basic(b"wk_1:password")), "wk_1"),
        (asked(authorization=basic(b"wk_1").replace("Basic", "bAsIc")), "wk_1"),
        (asked(authorization=basic(b":")), None),
        (asked(authorization="Basic"), None),
        (asked(authorization="Bearer abc"), None),
        (asked(x_write_key="wk_2:secret"), "wk_2"),
        (asked("a=b&writeKey=wk_3"), "wk_3"),
        (asked("writeKey="), None),
        (asked("writeKey=wk_3", x_write_key="wk_2", authorization=basic(b"wk_1:")), "wk_1"),
        (asked("writeKey=wk_3", x_write_key="wk_2", authorization="Bearer abc"), "wk_2"),
    ],
)
def test_the_key_outside_the_body(request_: Request, expected: str | None) -> None:
    assert key_text(request_) == expected


@pytest.mark.parametrize("credentials", ["%%%", "abc", "é", "\xff" * 40, basic(b"\xff\xfe")[6:], "YWJj YWJj"])
def test_credentials_that_cannot_be_read_are_refused(credentials: str) -> None:
    with pytest.raises(Refused) as no:
        key_text(asked(authorization=f"Basic {credentials}"))
    assert (no.value.status, no.value.code) == (401, "key.unreadable")


def test_a_servers_key_in_a_page_is_refused_though_it_comes_from_no_page() -> None:
    key = WriteKey("i", "n", "s", "server", (), "h", None, NOW, None, None, None, 0)
    check_origin(key, None)
    for origin in ("null", "https://news.example", ""):
        with pytest.raises(Refused, match="secret"):
            check_origin(key, origin)
    check_origin(replace(key, kind="browser"), "https://news.example")
