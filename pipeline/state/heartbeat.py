"""The pipeline's heartbeat, from which every page tells how fresh its data is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import JSON, Column, Engine, Float, Integer, String, Table, select
from sqlalchemy.dialects.sqlite import insert

from pipeline.state.database import METADATA, maybe_time, time_at

_POLLS = Table(
    "polls",
    METADATA,
    Column("source", String, primary_key=True),
    Column("polled_at", Float, nullable=False),
    Column("caught_up_at", Float),  # the last poll that left nothing waiting
    Column("waiting", Integer, nullable=False),
    Column("error", String),
    Column("every", Float, nullable=False),  # the seconds until the next poll
)

# What the pipeline tells the pages of itself, by name: they may not look themselves.
_NOTES = Table(
    "notes",
    METADATA,
    Column("name", String, primary_key=True),
    Column("value", JSON, nullable=False),
    Column("at", Float, nullable=False),
)

Health = Literal["ok", "behind", "down", "never"]


@dataclass(frozen=True, slots=True)
class Poll:
    """The last look at one source: `waiting` objects are left; `error` says why it could not be read."""

    source: str
    polled_at: datetime
    caught_up_at: datetime | None
    waiting: int
    error: str | None
    every: float


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh the data is ("Freshness" in docs/semantics.md).

    `data_through` is the time of the last poll that left nothing waiting, in the source furthest behind. `health` is
    *down* when the pipeline has stopped polling, *behind* when it polls but lags, *never* before its first poll.
    """

    health: Health
    data_through: datetime | None
    polls: tuple[Poll, ...]
    errors: tuple[str, ...]


class Heartbeat:
    """The polls and notes of one installation. Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, source: str, at: datetime, *, waiting: int, error: str | None, every: float) -> None:
        """Note a look at `source`; one without an error that left nothing waiting has caught up."""
        row: dict[str, Any] = {
            "source": source,
            "polled_at": at.timestamp(),
            "waiting": waiting,
            "error": error,
            "every": every,
        }
        if error is None and waiting == 0:
            row["caught_up_at"] = at.timestamp()
        statement = insert(_POLLS).values(row)
        update = {name: statement.excluded[name] for name in row if name != "source"}
        with self._engine.begin() as con:
            con.execute(statement.on_conflict_do_update(index_elements=["source"], set_=update))

    def forget_others(self, sources: Iterable[str]) -> None:
        """Drop the polls of sources that are no longer configured, lest they look stuck for ever."""
        with self._engine.begin() as con:
            con.execute(_POLLS.delete().where(_POLLS.c.source.not_in(list(sources))))

    def tell(self, name: str, value: dict[str, str], at: datetime) -> None:
        """Leave a note for the pages, in place of the one before."""
        statement = insert(_NOTES).values(name=name, value=value, at=at.timestamp())
        update = {"value": statement.excluded.value, "at": statement.excluded.at}
        with self._engine.begin() as con:
            con.execute(statement.on_conflict_do_update(index_elements=["name"], set_=update))

    def told(self, name: str) -> dict[str, str] | None:
        """The note of that name, or None when the pipeline has not told yet."""
        with self._engine.connect() as con:
            value = con.execute(select(_NOTES.c.value).where(_NOTES.c.name == name)).scalar_one_or_none()
        return None if value is None else {str(key): str(text) for key, text in value.items()}

    def polls(self) -> tuple[Poll, ...]:
        with self._engine.connect() as con:
            rows = con.execute(select(_POLLS).order_by(_POLLS.c.source)).all()
        return tuple(
            Poll(row.source, time_at(row.polled_at), maybe_time(row.caught_up_at), row.waiting, row.error, row.every)
            for row in rows
        )

    def freshness(self, now: datetime, late_after: float) -> Freshness:
        """How fresh the data is at `now`; behind once it is `late_after` seconds old."""
        polls = self.polls()
        if not polls:
            return Freshness("never", None, (), ())
        caught_up = [poll.caught_up_at for poll in polls]
        through = None if None in caught_up else min(time for time in caught_up if time is not None)
        errors = tuple(f"{poll.source}: {poll.error}" for poll in polls if poll.error)
        # What lies ahead was noted by a wrong clock: for as long as that was ahead it would look fresh.
        heard = any(abs(now - poll.polled_at).total_seconds() <= max(4 * poll.every, late_after) for poll in polls)
        if not heard:
            health: Health = "down"
        elif errors or through is None or abs(now - through) > timedelta(seconds=late_after):
            health = "behind"
        else:
            health = "ok"
        return Freshness(health, through, polls, errors)
