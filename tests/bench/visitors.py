"""Other readers of the Activity page: plain websocket clients that speak Streamlit's protocol, without a browser.

Each opens the page, does what its page would do by itself (the parts that ask again every few seconds), and every few
seconds clicks: opens an event of its list, turns the page, filters, or goes back. `python -m tests.bench.visitors URL
VIEW COUNT` runs until its input ends, then prints the seconds that each click took to be answered, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections import Counter
from contextlib import suppress
from urllib.parse import quote

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

THINKING = 5.0  # seconds between two clicks of a reader, on average
_PATIENCE = 120  # seconds
_PROTOCOL = Subprotocol("streamlit")
_EVENT = re.compile(rb'"event_id": ?"([0-9a-f-]{36})"')
_COUNTRIES = ("Germany", "France", "United Kingdom", "Spain", "Japan", "Canada", "India")


class Visitor:
    """One reader. `seconds` are how long the answers to their clicks took."""

    def __init__(self, url: str, view: str, seed: int) -> None:
        self._url = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
        self._view = view
        self._random = random.Random(seed)
        self._events: list[str] = []
        self._drawn: Counter[str] = Counter()  # deltas by fragment, at first: the page's own draws most
        self._page = ""
        self._script = ""
        self._awaited = ""  # the fragment that was clicked in; empty for the whole page
        self._finished = asyncio.Event()
        self._repeating: dict[str, asyncio.Task[None]] = {}
        self._query = view
        self.seconds: list[float] = []

    async def stay(self) -> None:
        """Read and click until cancelled."""
        async with connect(self._url, subprotocols=[_PROTOCOL], max_size=None) as self._socket:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen())
                    tasks.create_task(self._read())
            finally:
                for task in self._repeating.values():
                    task.cancel()

    async def _read(self) -> None:
        await self._answer()
        self._page = self._drawn.most_common(1)[0][0]
        while True:
            await asyncio.sleep(self._random.expovariate(1 / THINKING))
            await self._click()

    async def _click(self) -> None:
        self._query = self._view + self._choice()
        started = time.perf_counter()
        await self._answer(self._page)
        self.seconds.append(time.perf_counter() - started)

    def _choice(self) -> str:
        """What the click adds to the view: mostly an event of the list."""
        kind = self._random.random()
        if kind < 0.5 and self._events:
            return f"&event={self._random.choice(self._events)}"
        if kind < 0.7:
            return f"&page={self._random.randint(2, 9)}"
        return f"&f={quote(f'country is {self._random.choice(_COUNTRIES)}')}" if kind < 0.85 else ""

    async def _ask(self, fragment: str = "", *, by_itself: bool = False) -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self._query
        state.page_script_hash = self._script
        state.fragment_id = fragment
        state.is_auto_rerun = by_itself
        state.context_info.timezone = "UTC"
        await self._socket.send(message.SerializeToString())

    async def _answer(self, fragment: str = "") -> None:
        """Ask, and wait until that has run, or out of patience; what the page asks by itself may run meanwhile."""
        self._awaited = fragment
        self._finished.clear()
        await self._ask(fragment)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._finished.wait()

    async def _listen(self) -> None:
        async for data in self._socket:
            assert isinstance(data, bytes)
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self._script = message.new_session.page_script_hash
            elif kind == "delta":
                self._take(message, data)
            elif kind == "auto_rerun":
                self._repeat(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            elif kind == "script_finished" and self._is_answer(message):
                self._finished.set()

    def _is_answer(self, message: ForwardMsg) -> bool:
        if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return False
        ran = message.metadata.run.fragment_ids
        return not ran or self._awaited in ran

    def _take(self, message: ForwardMsg, data: bytes) -> None:
        if not self._page and message.delta.fragment_id:
            self._drawn[message.delta.fragment_id] += 1
        if found := _EVENT.findall(data):
            self._events = [event.decode() for event in found]

    def _repeat(self, fragment: str, interval: float) -> None:
        async def repeat() -> None:
            while True:
                await asyncio.sleep(interval)
                await self._ask(fragment, by_itself=True)

        if fragment in self._repeating:
            self._repeating[fragment].cancel()
        self._repeating[fragment] = asyncio.create_task(repeat())


async def _visit(url: str, view: str, count: int) -> list[float]:
    visitors = [Visitor(url, view, seed) for seed in range(count)]
    staying = asyncio.gather(*(visitor.stay() for visitor in visitors))
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait([staying, ended], return_when=asyncio.FIRST_COMPLETED)
    if staying.done():
        await staying  # a reader never leaves but by an error
    staying.cancel()
    with suppress(asyncio.CancelledError):
        await staying
    return [seconds for visitor in visitors for seconds in visitor.seconds]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_visit(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
