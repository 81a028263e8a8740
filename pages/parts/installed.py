"""What one dashboard process has opened, once: settings, the lake (read side) and the state database.

For who asks on somebody's behalf there is `pages.parts.serving`, which looks at who that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pipeline import settings as configuration
from pipeline.lake import READING_THREADS, Lake
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


@lru_cache(maxsize=1)
def installation() -> Product:
    """Raises `SettingsError`, `LakeError`."""
    settings = configuration.load()
    return Product(settings, Lake.open(settings, threads=READING_THREADS), state())
