"""The demo's own write keys: what its website and its live traffic send with, and how pages know them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from pipeline.demo.wire import BILLING, SOURCE
from pipeline.state import State, WriteKey

SOURCES = (SOURCE, BILLING)
NOTE = "demo"  # what the state database tells pages of the demo, by this name
WEBSITE = "Demo site"
FILE = "demo-keys.json"


def browser_key(state: State) -> str:
    """The key in the website's snippet; made when there is none, or it was revoked."""
    for key in state.keys.all():
        if (key.source, key.kind, key.name) == (SOURCE, "browser", WEBSITE) and key.text:
            return key.text
    return state.keys.make(SOURCE, name=WEBSITE, at=_now()).text


def server_keys(state: State, data: Path) -> dict[str, str]:
    """A server key for each of the demo's sources, kept in a file that only this user reads.

    Where the file is missing or holds a key that no longer counts, all are made anew and the old ones revoked.
    """
    path = data / FILE
    kept = _read(path)
    in_use = {key.id: key.source for key in state.keys.all()}
    if set(kept) == set(SOURCES) and all(in_use.get(each["id"]) == source for source, each in kept.items()):
        return {source: each["text"] for source, each in kept.items()}
    for key in live_keys(state):
        state.keys.revoke(key.id, _now())
    made = {source: state.keys.make(source, kind="server", name=_name(source), at=_now()) for source in SOURCES}
    _write(path, {source: {"id": new.key.id, "text": new.text} for source, new in made.items()})
    return {source: new.text for source, new in made.items()}


def live_keys(state: State) -> list[WriteKey]:
    """The server keys of the live traffic, those of a lost file among them."""
    return [key for key in state.keys.all() if key.kind == "server" and (key.source, key.name) in _NAMED]


def announce(state: State) -> None:
    """Tell pages which sources are the demo's."""
    state.tell(NOTE, {"sources": " ".join(SOURCES)}, _now())


def retire(state: State, data: Path) -> None:
    """End the demo's keys, and tell pages that there is no demo any more."""
    own = {key.id for key in live_keys(state)}
    own |= {key.id for key in state.keys.all() if (key.source, key.kind, key.name) == (SOURCE, "browser", WEBSITE)}
    for id in own:
        state.keys.revoke(id, _now())
    state.tell(NOTE, {}, _now())
    (data / FILE).unlink(missing_ok=True)


def _name(source: str) -> str:
    return {SOURCE: "Demo readers", BILLING: "Demo billing"}[source]


_NAMED = {(source, _name(source)) for source in SOURCES}


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        kept = json.loads(path.read_text())
        return {source: {"id": each["id"], "text": each["text"]} for source, each in kept.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(path: Path, kept: dict[str, dict[str, str]]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(kept, file, indent=2)
    os.replace(temporary, path)


def _now() -> datetime:
    return datetime.now(UTC)
