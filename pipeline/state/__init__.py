"""The state database: what is neither an event nor derived from one, kept apart from the lake.

The pipeline's heartbeat, and the write keys of those who may send events.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.state.database import open_database
from pipeline.state.heartbeat import Freshness, Health, Heartbeat, Poll
from pipeline.state.keys import KINDS, Keys, Kind, NewKey, WriteKey, hash_of, origin_of

__all__ = [
    "KINDS",
    "Freshness",
    "Health",
    "Keys",
    "Kind",
    "NewKey",
    "Poll",
    "State",
    "WriteKey",
    "hash_of",
    "origin_of",
]


class State(Heartbeat):
    """The state database of one installation, in `folder`. Safe to share between threads and processes."""

    def __init__(self, folder: Path) -> None:
        engine = open_database(folder)
        super().__init__(engine)
        self.keys = Keys(engine)
