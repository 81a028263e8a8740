"""How far behind the data was, sampled while the scheduler runs. Where there are no samples it did not run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, Engine, Float, Integer, Table, cast, func, select
from sqlalchemy.dialects.sqlite import insert

from pipeline.state.database import METADATA

KEPT = timedelta(days=31)

_LAGS = Table(
    "lags",
    METADATA,
    Column("at", Float, primary_key=True),
    Column("seconds", Float, nullable=False),
    Column("waiting", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst of the samples of a span: the data was `seconds` behind, `waiting` objects were not loaded."""

    number: int
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

    def worst(self, start: datetime, end: datetime, width: timedelta) -> Sequence[Worst]:
        """Of `[start, end)` by spans of `width` from `start`, numbered from 0; those without a sample are left out."""
        number = cast((_LAGS.c.at - start.timestamp()) / width.total_seconds(), Integer).label("number")
        wanted = select(number, func.max(_LAGS.c.seconds), func.max(_LAGS.c.waiting)).where(*_within(start, end))
        with self._engine.connect() as con:
            rows = con.execute(wanted.group_by(number).order_by(number)).all()
        return tuple(Worst(*row) for row in rows)

    def kept(self, start: datetime, end: datetime, limit: float) -> tuple[int, int]:
        """Of the samples in `[start, end)`, how many were at most `limit` seconds behind, and how many there are."""
        wanted = select(func.count().filter(_LAGS.c.seconds <= limit), func.count()).where(*_within(start, end))
        with self._engine.connect() as con:
            good, all_of_them = con.execute(wanted.select_from(_LAGS)).one()
        return int(good), int(all_of_them)


def _within(start: datetime, end: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _LAGS.c.at >= start.timestamp(), _LAGS.c.at < end.timestamp()
