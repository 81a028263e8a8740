"""Saved funnels: a name and the funnel's JSON, as `Funnel.spec()` writes it. Ranges such as 14D stay relative."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Engine, Float, String, Table, select
from sqlalchemy.exc import IntegrityError

from pipeline.errors import ActivityError
from pipeline.state.database import METADATA, time_at

_LONGEST_NAME = 100

_FUNNELS = Table(
    "funnels",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("spec", JSON, nullable=False),
    Column("saved_at", Float, nullable=False),
)


@dataclass(frozen=True, slots=True)
class SavedFunnel:
    """A funnel under a name. No two have the same name."""

    id: str
    name: str
    spec: dict[str, Any]
    saved_at: datetime


class Funnels:
    """The saved funnels of one installation. Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, name: str, spec: Mapping[str, Any], at: datetime, *, replace: bool = False) -> SavedFunnel:
        """Save under a name; one that is taken is refused, or with `replace` gets the new funnel.

        Raises `ActivityError` (funnel.name, funnel.name_taken).
        """
        given = {"spec": dict(spec), "saved_at": at.timestamp()}
        name = _readable(name)
        with self._engine.begin() as con:
            if replace and con.execute(_FUNNELS.update().where(_FUNNELS.c.name == name).values(given)).rowcount:
                row = con.execute(select(_FUNNELS).where(_FUNNELS.c.name == name)).one()
                return _saved(row)
            made: dict[str, Any] = {"id": f"fun_{secrets.token_hex(4)}", "name": name, **given}
            try:
                con.execute(_FUNNELS.insert().values(made))
            except IntegrityError:
                raise _taken(name) from None
        return self.get(made["id"])

    def rename(self, id: str, name: str) -> SavedFunnel:
        """Give a funnel another name. Raises `ActivityError` (funnel.name, funnel.name_taken, funnel.unknown)."""
        name = _readable(name)
        with self._engine.begin() as con:
            try:
                con.execute(_FUNNELS.update().where(_FUNNELS.c.id == id).values(name=name))
            except IntegrityError:
                raise _taken(name) from None
        return self.get(id)

    def delete(self, id: str) -> None:
        """Remove a funnel; one that is gone already is no error."""
        with self._engine.begin() as con:
            con.execute(_FUNNELS.delete().where(_FUNNELS.c.id == id))

    def all(self) -> tuple[SavedFunnel, ...]:
        """All of them, by name."""
        with self._engine.connect() as con:
            rows = con.execute(select(_FUNNELS)).all()
        return tuple(sorted(map(_saved, rows), key=lambda each: (each.name.casefold(), each.name)))

    def get(self, id: str) -> SavedFunnel:
        """Raises `ActivityError` (funnel.unknown) when there is none such."""
        with self._engine.connect() as con:
            row = con.execute(select(_FUNNELS).where(_FUNNELS.c.id == id)).one_or_none()
        if row is None:
            raise ActivityError(
                "This saved funnel is gone.", hint="Somebody may have deleted it.", code="funnel.unknown"
            )
        return _saved(row)


def _taken(name: str) -> ActivityError:
    return ActivityError(
        f"There is a funnel called {name!r} already.", hint="Choose another name.", code="funnel.name_taken"
    )


def _readable(text: str) -> str:
    name = text.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise ActivityError(
            f"{text[:_LONGEST_NAME]!r} is no name for a funnel.",
            hint=f"Write 1 to {_LONGEST_NAME} printable characters.",
            code="funnel.name",
        )
    return name


def _saved(row: Any) -> SavedFunnel:
    return SavedFunnel(row.id, row.name, dict(row.spec), time_at(row.saved_at))
