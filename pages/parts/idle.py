"""Gives memory back to the system once the dashboard has nothing to do.

What a question takes and frees again, the allocators keep for the next one: over twenty million events some 15 to 60
of 400 MB. To give it back costs some milliseconds, and the next question has to ask for it anew, so it waits for a
pause. Python's own garbage waits, too: to find all objects that only hold each other takes a quarter of a second in
which no other thread runs, and Streamlit would do it after each run (`runner.postScriptGC`).
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_LOOKS = 5.0  # seconds between two
_BUSY = 0.1  # of a core, between two looks: more than what a dashboard takes that nobody asks
_WORTH = 0.5  # seconds of CPU after which there may be something to give back


class Pauses:
    """Tells the pauses after work from the process's seconds of CPU, looked at every `_LOOKS` seconds."""

    def __init__(self, cpu: float = 0.0) -> None:
        self._last = self._given = cpu

    def begins(self, cpu: float) -> bool:
        """Whether nothing has been done since the last look, but enough since the last pause began."""
        quiet = cpu - self._last < _BUSY * _LOOKS
        self._last = cpu
        if not quiet or cpu - self._given < _WORTH:
            return False
        self._given = cpu
        return True


@asynccontextmanager
async def memory_given_back() -> AsyncIterator[None]:
    """While it is open, memory is given back in each pause."""

    async def keep_looking() -> None:
        pauses = Pauses()
        while True:
            await asyncio.sleep(_LOOKS)
            if pauses.begins(time.process_time()):
                await asyncio.to_thread(give_back)

    looking = asyncio.create_task(keep_looking())
    try:
        yield
    finally:
        looking.cancel()


def give_back() -> None:
    """Let go of objects that only hold each other, and of what Arrow's and, where it is glibc, the system's allocator
    hold for later."""
    import pyarrow  # not before somebody asked: it takes a part of the start

    gc.collect()
    pyarrow.default_memory_pool().release_unused()
    with suppress(AttributeError, OSError, TypeError):  # macOS, musl, Windows
        ctypes.CDLL(None).malloc_trim(0)
