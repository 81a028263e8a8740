"""Whom an erasure has removed: remembered as keyed hashes only, so that no later delivery brings them back.

It is kept here and not in the lake, because a rebuild of the lake must not forget it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from sqlalchemy import Column, Engine, Float, Integer, String, Table, select
from sqlalchemy.dialects.sqlite import insert

from pipeline.state.database import METADATA

_ERASED = Table(
    "erased",
    METADATA,
    Column("hash", String, primary_key=True),
    Column("erased_at", Float, nullable=False),
)
_KEY = Table(
    "erasure_key",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Erased:
    """The people erased so far, each name a text such as `c:ID`, `a:ID` or `e:EMAIL`. False when there is none."""

    key: bytes
    hashes: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.hashes)

    def __contains__(self, name: str) -> bool:
        return self.hash_of(name) in self.hashes

    def hash_of(self, name: str) -> str:
        return blake2b(name.encode("utf-8", "surrogatepass"), key=self.key, digest_size=16).hexdigest()

    def and_also(self, names: Iterable[str]) -> Erased:
        """These, and the people of `names`."""
        return Erased(self.key, self.hashes | {self.hash_of(name) for name in names})


class Erasures:
    """Everybody erased from one installation. Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def known(self) -> Erased:
        """The people erased by now."""
        with self._engine.connect() as con:
            key = con.execute(select(_KEY.c.key)).scalar_one_or_none()
            hashes = frozenset(con.execute(select(_ERASED.c.hash)).scalars())
        return Erased(bytes.fromhex(key) if key else self._made_key(), hashes)

    def remember(self, erased: Erased, at: datetime) -> None:
        """Keep these hashes, for good."""
        rows = [{"hash": each, "erased_at": at.timestamp()} for each in sorted(erased.hashes)]
        if rows:
            with self._engine.begin() as con:
                con.execute(insert(_ERASED).on_conflict_do_nothing(), rows)

    def _made_key(self) -> bytes:
        """The key under which names are hashed, made once; of two processes that make one, the first one's stays."""
        with self._engine.begin() as con:
            con.execute(insert(_KEY).values(id=1, key=secrets.token_hex(32)).on_conflict_do_nothing())
            return bytes.fromhex(con.execute(select(_KEY.c.key)).scalar_one())
