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
        self._reserved = 0
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
        batcher = self._batcher
        reserved = 0

        def reserve(size: int) -> None:
            nonlocal reserved
            batcher.reserve(size)
            reserved += size

        try:
            text = await body.read(request, self._settings.max_body_bytes, reserve)
            received_at = datetime.now(UTC)
            self.metrics.bytes.inc(len(text))
            opened = envelope.open_batch(text) if batch else envelope.open_single(text)
            key, secret = await self._key(request, opened)
            self._check(key, opened, batch)
            lines = self._stamp(request, key, secret, received_at, type).lines(opened)
            size = sum(map(len, lines))
            if size > reserved:
                reserve(size - reserved)
            if lines:
                await batcher.add(lines)
                self._keyring.stored(key, len(lines))
                self.metrics.accepted.inc(len(lines))
        finally:
            batcher.release(reserved)

    async def known(self, request: Request, text: str | None = None) -> WriteKey:
        """The key of a request that asks how to send; named outside its body, or by `text`. Raises `Refused`."""
        key = await self._keyring.find(text or key_text(request))
        check_origin(key, request.headers.get("origin"))
        return key

    def address(self, request: Request) -> str:
        """Where this collector is for the one who asks."""
        return public_address(request, self._settings)

    async def _key(self, request: Request, opened: Envelope) -> tuple[WriteKey, str]:
        text = key_text(request) or opened.key
        key = await self._keyring.find(text)
        check_origin(key, request.headers.get("origin"))
        return key, text or ""

    def _check(self, key: WriteKey, opened: Envelope, batch: bool) -> None:
        """Refuse more than the key may send. A long event among others is stored as it came, and rejected later."""
        limit = self._settings.max_event_bytes
        long = sum(is_long(event.text, limit) for event in opened.events)
        if long and long == len(opened.events):
            raise Refused(413, "event.large", f"The event is larger than {limit:,} bytes.")
        self._keyring.charge(key, len(opened.events))
        if batch:
            self.metrics.rejected.inc(long + sum(event.value is None for event in opened.events))

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
