"""How much memory the pipeline's process took at most."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from pathlib import Path

from tests.faults.world import Running

_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


class Peak:
    """Watches a process from `with` to its end; `megabytes` is the most of its own memory that was in use at once.

    The kernel keeps the peak, so that looking now and then misses only what the last moments added.
    """

    def __init__(self, running: Running) -> None:
        self.megabytes = 0
        self._status = Path(f"/proc/{running.pid}/status")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            with suppress(OSError):
                if found := _PEAK.search(self._status.read_text()):
                    self.megabytes = max(self.megabytes, int(found[1]) // 1024)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
