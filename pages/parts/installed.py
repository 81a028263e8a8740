"""What one dashboard process has opened, once: settings, the lake (read side) and the state database.

For who asks on somebody's behalf there is `pages.parts.serving`, which looks at who that is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache

from pipeline import settings as configuration
from pipeline.errors import ActivityError
from pipeline.lake import READING_THREADS, Lake
from pipeline.lake.engine import CATALOG
from pipeline.lake.sqlite_apart import held
from pipeline.settings import Settings
from pipeline.state import State


@dataclass(frozen=True, slots=True)
class Product:
    """The installation this process serves."""

    settings: Settings
    lake: Lake
    state: State


@lru_cache(maxsize=1)
def state() -> State:
    """Raises `SettingsError`, and `ActivityError` when it cannot be opened; a lake that cannot be read is no matter."""
    return State(configuration.load().data)


_opening = threading.Lock()


def installation() -> Product:
    """Raises `SettingsError`, `LakeError`."""
    with _opening:  # one who comes while it is being opened waits for that
        return opened()


def open_ahead() -> None:
    """Begin to open it, while the first reader's browser is still fetching what draws the page. What goes wrong is for
    that reader to be told."""

    def go() -> None:
        with suppress(ActivityError):
            installation().lake.snapshot()

    threading.Thread(target=go, name="open ahead", daemon=True).start()


@contextmanager
def catalog_held() -> Iterator[None]:
    """While it is open, no question has to wait for another one that opens or closes the lake's catalog. Without
    settings that can be read, there is none to hold."""
    try:
        lake = configuration.load().lake
    except ActivityError:
        lake = None
    with nullcontext() if lake is None else held(lake / CATALOG):
        yield


@lru_cache(maxsize=1)
def opened() -> Product:
    """The same, for who holds that nobody else opens it."""
    settings = configuration.load()
    return Product(settings, Lake.open(settings, threads=READING_THREADS, reading=True), state())
