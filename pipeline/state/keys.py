"""Write keys: who may send events to the collector, and as which source (docs/wire.md, "What real clients send").

A *browser* key stands in a page for everyone to read, so it is kept as it is and shown again. A *server* key is a
secret: only its hash is kept, and the key itself is told once, when it is made.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from sqlalchemy import JSON, Column, Engine, Float, Integer, String, Table, func, select

from pipeline.errors import ActivityError, did_you_mean
from pipeline.state.database import METADATA, maybe_time, time_at

Kind = Literal["browser", "server"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_PREFIX: dict[Kind, str] = {"browser": "wk_", "server": "sk_"}
_LETTERS = string.ascii_letters + string.digits
_LENGTH: dict[Kind, int] = {"browser": 22, "server": 40}  # of 62 letters: 130 and 238 bits
_LONGEST_NAME = 100

_KEYS = Table(
    "write_keys",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("source", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("origins", JSON, nullable=False),
    Column("hash", String, nullable=False, unique=True),
    Column("text", String),  # of a browser key only
    Column("made_at", Float, nullable=False),
    Column("revoked_at", Float),
    Column("first_event_at", Float),
    Column("last_event_at", Float),
    Column("events", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class WriteKey:
    """One key. `origins` are the only web pages it takes events from; none means any.

    `text` is the key itself where it is no secret; `hash` is how the collector finds it. `events` have been stored
    with it since it was made.
    """

    id: str
    name: str
    source: str
    kind: Kind
    origins: tuple[str, ...]
    hash: str
    text: str | None
    made_at: datetime
    revoked_at: datetime | None
    first_event_at: datetime | None
    last_event_at: datetime | None
    events: int


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, and its `text`: for a server key this is the only time that it is told."""

    key: WriteKey
    text: str


class Keys:
    """The write keys of one installation. Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def make(
        self, source: str, *, kind: Kind = "browser", name: str = "", origins: Sequence[str] = (), at: datetime
    ) -> NewKey:
        """Make a key for events of `source`. Raises `ActivityError` for a source, name or origin that is none."""
        text = _PREFIX[kind] + "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH[kind]))
        row: dict[str, Any] = {
            "id": f"key_{secrets.token_hex(4)}",
            "source": _readable("source", source),
            "name": _readable("name", name or source),
            "kind": kind,
            "origins": [origin_of(each) for each in origins],
            "hash": hash_of(text),
            "text": text if kind == "browser" else None,
            "made_at": at.timestamp(),
            "events": 0,
        }
        if origins and kind == "server":
            raise ActivityError(
                "A server key has no origins: it is never used from a page.", hint="Leave them away.", code="key.origin"
            )
        with self._engine.begin() as con:
            con.execute(_KEYS.insert().values(row))
        return NewKey(self._get(row["id"]), text)

    def all(self, *, revoked: bool = False) -> tuple[WriteKey, ...]:
        """The keys in use, newest first; with `revoked` those that no longer are, too."""
        query = select(_KEYS).order_by(_KEYS.c.made_at.desc(), _KEYS.c.id)
        if not revoked:
            query = query.where(_KEYS.c.revoked_at.is_(None))
        with self._engine.connect() as con:
            return tuple(_key(row) for row in con.execute(query))

    def revoke(self, id: str, at: datetime) -> WriteKey:
        """End a key, for good; one that has ended stays as it is. Raises `ActivityError` when there is none such."""
        self._get(id)
        with self._engine.begin() as con:
            con.execute(
                _KEYS.update().where(_KEYS.c.id == id, _KEYS.c.revoked_at.is_(None)).values(revoked_at=at.timestamp())
            )
        return self._get(id)

    def count(self, stored: Mapping[str, int], at: datetime) -> None:
        """Note that so many events were stored by the keys of these ids. Any number of collectors may."""
        seconds = at.timestamp()
        with self._engine.begin() as con:
            for id, events in stored.items():
                con.execute(
                    _KEYS.update()
                    .where(_KEYS.c.id == id)
                    .values(
                        events=_KEYS.c.events + events,
                        first_event_at=func.coalesce(_KEYS.c.first_event_at, seconds),
                        last_event_at=func.max(func.coalesce(_KEYS.c.last_event_at, 0), seconds),
                    )
                )

    def _get(self, id: str) -> WriteKey:
        with self._engine.connect() as con:
            row = con.execute(select(_KEYS).where(_KEYS.c.id == id)).one_or_none()
        if row is None:
            hint = did_you_mean(id, [key.id for key in self.all(revoked=True)])
            raise ActivityError(f"There is no key {id!r}.", hint=hint or "See `keys list`.", code="key.unknown")
        return _key(row)


def hash_of(text: str) -> str:
    """What is kept of a key. Keys are random and long, so a plain hash does: there is nothing to guess."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def origin_of(text: str) -> str:
    """`https://www.example.com[:port]`, as a browser's Origin header has it. Raises `ActivityError` for anything else.

    A path is left away, so that the address bar's text may be pasted.
    """
    parts = urlsplit(text.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or "*" in parts.netloc:
        raise ActivityError(
            f"{text!r} is no origin of web pages.", hint="Write https://www.example.com.", code="key.origin"
        )
    default = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(default)}"


def _readable(what: str, text: str) -> str:
    stripped = text.strip()
    if not stripped or len(stripped) > _LONGEST_NAME or not stripped.isprintable():
        raise ActivityError(
            f"{text[:_LONGEST_NAME]!r} is no {what} for a key.",
            hint=f"Write 1 to {_LONGEST_NAME} printable characters, such as the site's name.",
            code=f"key.{what}",
        )
    return stripped


def _key(row: Any) -> WriteKey:
    return WriteKey(
        id=row.id,
        name=row.name,
        source=row.source,
        kind=row.kind,
        origins=tuple(row.origins),
        hash=row.hash,
        text=row.text,
        made_at=time_at(row.made_at),
        revoked_at=maybe_time(row.revoked_at),
        first_event_at=maybe_time(row.first_event_at),
        last_event_at=maybe_time(row.last_event_at),
        events=row.events,
    )
