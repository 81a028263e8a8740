"""The write keys in memory, at most a few seconds old, and what each may send."""

from __future__ import annotations

import asyncio
import base64
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from math import inf

from starlette.requests import Request

from pipeline.collect.refused import Refused
from pipeline.state import Keys, WriteKey, hash_of

REFRESH_SECONDS = 2.0  # after which a revoked key is refused
_RELOAD_SECONDS = 0.5  # after the last look at the soonest, for a key that is not known yet
_WHERE = "See the Install page or `python -m pipeline keys list`."


class Keyring:
    """Finds keys, refuses those that are none, and notes how much each has stored."""

    def __init__(self, keys: Keys, events_per_second: int) -> None:
        self._keys = keys
        self._rate = events_per_second
        self._by_hash: dict[str, WriteKey] = {}
        self._by_text: dict[str, WriteKey] = {}  # those asked for since the last look, so as not to hash each time
        self._buckets: dict[str, Bucket] = {}
        self._stored: Counter[str] = Counter()
        self._looking = asyncio.Lock()
        self._looked_at = self._read_at = -inf  # when the last look began, and the last one that found out

    @property
    def loaded(self) -> bool:
        return self._read_at > -inf

    async def find(self, text: str | None) -> WriteKey:
        """The key of this text, in use. Raises `Refused`."""
        if text is None:
            raise Refused(401, "key.missing", f"The request has no write key. {_WHERE}")
        key, asked_at = self._known(text), time.monotonic()
        if key is None:
            await self._look_since(asked_at)
            key = self._known(text)
        if key is None and self._read_at < asked_at:
            raise Refused(503, "store.keys", "The write keys cannot be read now. Send it again.", retry_after=5)
        if key is None:
            raise Refused(401, "key.unknown", f"There is no such write key. {_WHERE}")
        if key.revoked_at is not None:
            raise Refused(401, "key.revoked", f"This write key was revoked. {_WHERE}")
        return key

    def charge(self, key: WriteKey, events: int) -> None:
        """Count events against what the key may send. Raises `Refused` (429) with when to come again."""
        bucket = self._buckets.get(key.id)
        if bucket is None:
            bucket = self._buckets[key.id] = Bucket(self._rate, time.monotonic)
        wait = bucket.take(events)
        if wait:
            seconds = max(1, round(wait + 0.5))
            raise Refused(
                429, "key.rate", f"This key sends more than {self._rate:,} events a second.", retry_after=seconds
            )

    def stored(self, key: WriteKey, events: int) -> None:
        """Note that events of that key are on disk."""
        self._stored[key.id] += events

    async def look(self) -> None:
        """Read the keys, and write down what they have stored since the last look."""
        async with self._looking:  # one at a time, so that what was read first is not kept last
            await self._look()

    async def _look(self) -> None:
        self._looked_at = began = time.monotonic()
        stored, self._stored = self._stored, Counter()
        try:
            found = await asyncio.to_thread(self._exchange, stored)
        except Exception:
            self._stored += stored  # told at the next look; the keys known so far serve until then
            raise
        self._by_hash = {key.hash: key for key in found}
        self._by_text.clear()
        self._read_at = began

    def _exchange(self, stored: Counter[str]) -> tuple[WriteKey, ...]:
        if stored:
            self._keys.count(stored, datetime.now(UTC))
            stored.clear()  # not told twice if the keys cannot be read now
        return self._keys.all(revoked=True)

    async def _look_since(self, moment: float) -> None:
        """For a key that may have just been made: look, unless someone has since then.

        Not more often than is good for the database; a no that was found out before would make clients drop events.
        """
        async with self._looking:
            if self._looked_at < moment:
                await asyncio.sleep(self._looked_at + _RELOAD_SECONDS - time.monotonic())
                with suppress(Exception):  # `find` says what it means for the client, the regular look logs it
                    await self._look()

    def _known(self, text: str) -> WriteKey | None:
        key = self._by_text.get(text)
        if key is None:
            key = self._by_hash.get(hash_of(text))
            if key is not None:
                self._by_text[text] = key
        return key


class Bucket:
    """What a key may still send: fills at `rate` a second up to two seconds' worth, and may be overdrawn once.

    Overdrawing lets a batch larger than the bucket through when the bucket is full, at the price of a wait after it.
    """

    def __init__(self, rate: int, clock: Callable[[], float]) -> None:
        self._rate, self._clock = rate, clock
        self._left = self._most = rate * 2.0
        self._at = clock()

    def take(self, events: int) -> float:
        """Take so many; 0, or the seconds until that is possible, when nothing is taken."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        missing = min(events, self._most) - self._left
        if missing > 0:
            return missing / self._rate
        self._left -= events
        return 0.0


def key_text(request: Request) -> str | None:
    """The write key that the request names outside its body: Basic's user, `X-Write-Key`, or the query string."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user = base64.b64decode(credentials.strip(), validate=True).decode("utf-8").partition(":")[0]
        except ValueError:  # not base64, not even ASCII, or not UTF-8 within
            raise Refused(401, "key.unreadable", "The Authorization header is not Basic with a write key.") from None
        if user:
            return user
    header = request.headers.get("x-write-key", "").partition(":")[0]  # Jitsu's has a secret behind the colon
    return header or request.query_params.get("writeKey") or None


def check_origin(key: WriteKey, origin: str | None) -> None:
    """Refuse a page that may not use this key. `origin` is what the browser says; programs say none."""
    if key.kind == "server" and origin is not None:
        message = "This is a server's key and a secret: use a browser key in pages, and revoke this one."
        raise Refused(403, "key.secret", message)
    if key.origins and (origin or "").lower() not in key.origins:
        raise Refused(403, "key.origin", f"This write key takes events only from {', '.join(key.origins)}.")
