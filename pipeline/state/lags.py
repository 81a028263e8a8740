"""How far behind the data was, sampled while the scheduler runs. Where there are no samples it did not run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Engine, Float, Integer, Table, select
from sqlalchemy.dialects.sqlite import insert

from pipeline.state.database import METADATA, time_at

KEPT = timedelta(days=31)

_LAGS = Table(
    "lags",
    METADATA,
    Column("at", Float, primary_key=True),
    Column("seconds", Float, nullable=False),
    Column("waiting", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Lag:
    """At `at` the data was complete up to `seconds` before, and `waiting` objects were known and not loaded."""

    at: datetime
    seconds: float
    waiting: int


class Lags:
    """The samples of one installation. Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, at: datetime, seconds: float, waiting: int) -> None:
        """Keep a sample, and let go of those older than `KEPT`."""
        row = {"at": at.timestamp(), "seconds": seconds, "waiting": waiting}
        with self._engine.begin() as con:
            con.execute(insert(_LAGS).values(row).on_conflict_do_nothing())
            con.execute(_LAGS.delete().where(_LAGS.c.at < (at - KEPT).timestamp()))

    def since(self, start: datetime) -> Sequence[Lag]:
        """The samples from `start` on, oldest first."""
        with self._engine.connect() as con:
            rows = con.execute(select(_LAGS).where(_LAGS.c.at >= start.timestamp()).order_by(_LAGS.c.at)).all()
        return tuple(Lag(time_at(row.at), row.seconds, row.waiting) for row in rows)
