"""The collector: takes requests with events, and answers 200 when they are stored for good (docs/wire.md)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from starlette.requests import Request

from pipeline.collect import body, envelope
from pipeline.collect.batcher import Batcher, Written
from pipeline.collect.configs import public_address
from pipeline.collect.envelope import Envelope
from pipeline.collect.keyring import REFRESH_SECONDS, Keyring, check_origin, key_text
from pipeline.collect.metrics import Metrics
from pipeline.collect.peer import client_address
from pipeline.collect.refused import Refused
from pipeline.collect.stamp import Stamp, is_long
from pipeline.collect.store import Store, open_store
from pipeline.settings import Settings
from pipeline.state import State, WriteKey

log = logging.getLogger("activity.collect")

_UNWELL_SECONDS = 10.0  # after a write that failed


class Collector:
    """One collector. Any number may run side by side on one store and one state database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failed_at: float | None = None
        self._stopping = False
        self._keyring: Keyring
        self._batcher: Batcher
        self.metrics: Metrics

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Opens store and keys; on leaving stores what was taken. Raises `ActivityError` when it cannot open them."""
        settings = self._settings
        settings.make_data_folder()
        store = open_store(settings)
        self._keyring = Keyring(State(settings.data).keys, settings.key_events_per_second)
        self._batcher = Batcher(store, linger=_linger(settings, store), heard=self._heard)
        self.metrics = Metrics(lambda: self._batcher.oldest_seconds, lambda: self._batcher.waiting_bytes)
        await self._keyring.look()
        looking = asyncio.create_task(self._keep_looking())
        try:
            yield
        finally:
            self._stopping = True
            await self._batcher.close()
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            await self._look()  # what was stored last is counted, too

    async def take(self, request: Request, *, batch: bool, type: str | None = None) -> None:
        """Store the events of `request`, and return when they are on disk. Raises `Refused` when they are not.

        `type` is that of a single event whose path names it.
        """
        if self._stopping:
            raise Refused(503, "store.stopping", "This collector is stopping. Send it again.", retry_after=1)
        with self._batcher.hold() as held:
            raw = await body.read(request, self._settings.max_body_bytes, held.more)
            received_at = datetime.now(UTC)
            self.metrics.bytes.inc(len(raw))
            # Inflated, a body can take a thousand times its memory, and parsed thirty times that: whatever is awaited,
            # nothing is held meanwhile but what was sent, or what is to be stored.
            named = key_text(request) or self._opened(request, raw, batch).key
            key = await self._keyring.find(named)
            check_origin(key, request.headers.get("origin"))
            stamp = self._stamp(request, key, named or "", received_at, type)
            lines, bad = self._lines(self._opened(request, raw, batch), stamp)
            del raw
            held.at_least(sum(map(len, lines)))
            if lines:
                await self._batcher.add(lines)
                self._keyring.stored(key, len(lines))
                self.metrics.accepted.inc(len(lines))
                self.metrics.rejected.inc(bad)

    async def known(self, request: Request, text: str | None = None) -> WriteKey:
        """The key of a request that asks how to send; named outside its body, or by `text`. Raises `Refused`.

        A page of the collector's own origin asks without naming it.
        """
        key = await self._keyring.find(text or key_text(request))
        origin = request.headers.get("origin")
        if origin is not None:
            check_origin(key, origin)
        return key

    def address(self, request: Request) -> str:
        """Where this collector is for the one who asks."""
        return public_address(request, self._settings)

    def _opened(self, request: Request, raw: bytes, batch: bool) -> Envelope:
        text = body.plain(raw, request.headers.get("content-encoding", ""), self._settings.max_body_bytes)
        return envelope.open_batch(text) if batch else envelope.open_single(text)

    def _lines(self, opened: Envelope, stamp: Stamp) -> tuple[list[bytes], int]:
        """What to store, and how many of it the pipeline will reject: an event too long or none is stored as it came.

        Raises `Refused` for more than the key may send.
        """
        limit = self._settings.max_event_bytes
        long = [is_long(event.text, limit) for event in opened.events]
        if long and all(long):
            raise Refused(413, "event.large", f"The event is larger than {limit:,} bytes.")
        self._keyring.charge(stamp.key, len(opened.events))
        bad = sum(event.value is None or too_long for event, too_long in zip(opened.events, long, strict=True))
        return stamp.lines(opened), bad

    def _stamp(self, request: Request, key: WriteKey, secret: str, received_at: datetime, type: str | None) -> Stamp:
        ip = agent = None
        if key.kind == "browser":
            peer = request.client.host if request.client else None
            forwarded = request.headers.getlist("x-forwarded-for")
            ip = client_address(peer, forwarded, self._settings.trusted_proxies)
            agent = request.headers.get("user-agent")
        return Stamp(key, secret, received_at, type, ip, agent, self._settings.max_event_bytes)

    @property
    def problem(self) -> str | None:
        """Why this collector should be sent nothing now, or None when it is ready."""
        if self._stopping:
            return "stopping"
        if not self._keyring.loaded:
            return "the write keys cannot be read"
        if self._batcher.overdue:
            return "the landing store is too slow"
        if self._failed_at is not None and time.monotonic() - self._failed_at < _UNWELL_SECONDS:
            return "the landing store could not be written"
        return None

    def _heard(self, written: Written) -> None:
        self.metrics.write_seconds.observe(written.seconds)
        if written.problem is None:
            self._failed_at = None
            self.metrics.objects.inc()
        else:
            self._failed_at = time.monotonic()
            self.metrics.failures.inc()
            log.error("%d lines were not stored, and not acknowledged: %s", written.lines, written.problem)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._look()

    async def _look(self) -> None:
        try:
            await self._keyring.look()
        except Exception as error:
            log.warning("The write keys could not be read, those known still serve: %s", type(error).__name__)


def _linger(settings: Settings, store: Store) -> float:
    """In seconds."""
    return (store.linger_ms if settings.linger_ms is None else settings.linger_ms) / 1000
